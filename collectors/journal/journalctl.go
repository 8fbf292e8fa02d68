package journal

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"
)

// command is how journalctl is called.
type command struct {
	path      string
	directory string
	logger    *slog.Logger
}

// args gives what every call has. --merge is there for what it turns off: without it, --follow means "this boot only", so that
// what was written before a reboot would never be read. Other machines' journals, which it adds, are filtered out again.
func (c command) args(more ...string) []string {
	a := []string{"--output=export", "--no-pager", "--quiet", "--merge"}
	if c.directory != "" {
		a = append(a, "--directory="+c.directory)
	}
	return append(a, more...)
}

// process is a journalctl that runs.
type process struct {
	cmd    *exec.Cmd
	out    *os.File
	stderr *tail
	done   sync.WaitGroup
}

// start runs journalctl in a process group of its own, which is killed when ctx ends. Where this process is killed itself and
// can't, journalctl sees that nobody reads its output any more and ends.
func (c command) start(ctx context.Context, more ...string) (*process, error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	stderr, stderrW, err := os.Pipe()
	if err != nil {
		return nil, errors.Join(err, r.Close(), w.Close())
	}
	cmd := exec.CommandContext(ctx, c.path, c.args(more...)...) //nolint:gosec // G204: arguments, not a shell; the path is the operator's
	cmd.Stdout, cmd.Stderr = w, stderrW
	cmd.Env = []string{"LC_ALL=C.UTF-8", "PATH=" + os.Getenv("PATH")}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	p := &process{cmd: cmd, out: r, stderr: &tail{logger: c.logger}}
	err = cmd.Start()
	cerr := errors.Join(w.Close(), stderrW.Close())
	if err != nil || cerr != nil {
		return nil, errors.Join(err, cerr, r.Close(), stderr.Close())
	}
	p.done.Go(func() {
		p.stderr.read(stderr)
		_ = stderr.Close()
	})
	return p, nil
}

// stop ends journalctl if it still runs, and gives how it ended.
func (p *process) stop() error {
	_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL)
	return p.wait()
}

// wait waits for journalctl to end by itself.
func (p *process) wait() error {
	err := p.cmd.Wait()
	p.done.Wait()
	_ = p.out.Close()
	if last := p.stderr.last(); err != nil && last != "" {
		return fmt.Errorf("journalctl: %w: %s", err, last)
	} else if err != nil {
		return fmt.Errorf("journalctl: %w", err)
	}
	return nil
}

// tail logs what journalctl says on stderr and keeps the last line for the error.
type tail struct {
	logger *slog.Logger

	mu   sync.Mutex
	text string
}

func (t *tail) read(r io.Reader) {
	br := bufio.NewReaderSize(r, 4<<10)
	for {
		line, err := br.ReadSlice('\n')
		if s := strings.TrimSpace(string(line)); s != "" {
			t.logger.Warn("journalctl says", "text", s)
			t.mu.Lock()
			t.text = s
			t.mu.Unlock()
		}
		if err != nil && !errors.Is(err, bufio.ErrBufferFull) {
			return
		}
	}
}

func (t *tail) last() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.text
}

// one runs journalctl to its end and gives the cursor and the boot of the one entry it was asked for; ok is false where
// there was none.
func (c command) one(ctx context.Context, more ...string) (cursor, boot string, ok bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	p, err := c.start(ctx, append(more, "--lines=1")...)
	if err != nil {
		return "", "", false, err
	}
	var e entry
	rerr := newExportReader(p.out).next(&e)
	// One entry may be larger than the pipe; journalctl must not hang on the rest.
	_, _ = io.Copy(io.Discard, p.out)
	if err := p.wait(); err != nil {
		return "", "", false, err
	}
	switch {
	case errors.Is(rerr, io.EOF):
		return "", "", false, nil
	case rerr != nil:
		return "", "", false, fmt.Errorf("journalctl: %w", rerr)
	}
	for _, f := range e.trusted {
		if string(e.get(f.name)) == "_BOOT_ID" {
			boot = string(e.get(f.value))
		}
	}
	return string(e.get(e.cursor)), boot, true, nil
}
