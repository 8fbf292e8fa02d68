package remediations

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// lingering is how long output is waited for once the command itself has ended: a daemon that it started may hold the pipe
// for ever.
const lingering = 2 * time.Second

// spec is one command to run.
type spec struct {
	argv    []string
	timeout time.Duration
	marker  string
}

// result is how a command ended.
type result struct {
	// exit is the status, -1 where it did not end by itself; why then says in words what ended it.
	exit   int
	why    string
	output string
	// held says that something it started still had its output open when it ended.
	held bool
	// left are processes of it that could not be stopped; alive says that the command itself is one of them.
	left  []procID
	alive bool
}

// running is a command that was started.
type running struct {
	cmd    *exec.Cmd
	id     procID
	spec   spec
	out    *capture
	done   chan struct{} // closed once err is what Wait said
	err    error
	grace  time.Duration
	redact func(string) string
}

// begin starts a command: without a shell, nothing on its standard input, in / and in a session of its own, with the
// environment and the descriptors that it is given and no others.
func (r *Runner) begin(s spec) (*running, error) {
	if err := sound(s.argv); err != nil {
		return nil, err
	}
	env, path := r.environment(s.marker)
	file, err := lookProgram(s.argv[0], path)
	if err != nil {
		return nil, err
	}
	p := &running{spec: s, out: &capture{}, done: make(chan struct{}), grace: r.grace, redact: r.redact}
	p.cmd = &exec.Cmd{
		Path: file, Args: s.argv, Env: env, Dir: "/", Stdout: p.out, Stderr: p.out, WaitDelay: min(lingering, r.grace),
		// A session of its own is a process group of its own, and has no terminal to ask for a password on.
		SysProcAttr: &syscall.SysProcAttr{Setsid: true},
	}
	if err := start(p.cmd); err != nil {
		return nil, startError(s.argv[0], err)
	}
	p.id = procID{pid: p.cmd.Process.Pid}
	// It is not waited for yet, so the PID is still its own.
	if pr, ok := readProc(p.id.pid); ok {
		p.id.start = pr.start
	}
	go func() {
		p.err = p.cmd.Wait()
		close(p.done)
	}()
	return p, nil
}

// wait gives how the command ended. It is stopped, with all that descends from it, after its timeout or when ctx ends.
func (p *running) wait(ctx context.Context) result {
	timer := time.NewTimer(p.spec.timeout)
	defer timer.Stop()
	var why string
	select {
	case <-p.done:
		return p.ended(p.err)
	case <-timer.C:
		why = fmt.Sprintf("it did not end within %s and was stopped", p.spec.timeout)
	case <-ctx.Done():
		why = "it was stopped before it ended"
	}
	res := result{exit: -1, why: why}
	if p.id.start > 0 {
		res.left = newFamily(p.id, p.spec.marker).stop(p.grace)
	} else { // no /proc: the process group is all that is known
		p.stopGroup()
	}
	// Killed, it is gone at once; the pipe may be held for a little longer.
	after := time.NewTimer(p.grace + lingering)
	defer after.Stop()
	select {
	case <-p.done:
	case <-after.C:
		res.alive = true
	}
	res.output = p.out.text(p.redact)
	return res
}

func (p *running) stopGroup() {
	_ = syscall.Kill(-p.id.pid, syscall.SIGTERM)
	t := time.NewTimer(p.grace)
	defer t.Stop()
	select {
	case <-p.done:
	case <-t.C:
	}
	_ = syscall.Kill(-p.id.pid, syscall.SIGKILL)
}

// ended reads what Wait said of a command that ended by itself.
func (p *running) ended(err error) result {
	res := result{exit: p.cmd.ProcessState.ExitCode(), held: errors.Is(err, exec.ErrWaitDelay), output: p.out.text(p.redact)}
	if ws, ok := p.cmd.ProcessState.Sys().(syscall.WaitStatus); ok && ws.Signaled() {
		res.exit, res.why = -1, fmt.Sprintf("it was ended by a signal from outside (%s)", ws.Signal())
	}
	return res
}

// words says how it ended.
func (r result) words() string {
	s := r.why
	if s == "" {
		s = "it ended with status " + strconv.Itoa(r.exit)
	}
	switch {
	case r.alive:
		s += "; it could not be stopped and still runs"
	case len(r.left) > 0:
		pids := make([]string, 0, len(r.left))
		for _, l := range r.left {
			pids = append(pids, strconv.Itoa(l.pid))
		}
		s += "; what it started could not all be stopped: process " + list(pids)
	case r.held:
		s += "; something that it started still has its output open"
	}
	return s
}

// sound refuses an argument vector that no catalogue makes.
func sound(argv []string) error {
	if len(argv) == 0 || argv[0] == "" {
		return errors.New("there is no command")
	}
	for _, a := range argv {
		if strings.ContainsRune(a, 0) {
			return errors.New("an argument has a NUL byte in it")
		}
	}
	return nil
}

// environment gives a command's variables and its PATH: of the daemon's own only those on the list, since the others hold its
// secrets.
func (r *Runner) environment(marker string) (env []string, path string) {
	path = defaultPath
	for _, name := range r.env {
		v, ok := r.lookup(name)
		switch {
		case name == "PATH":
			if ok && v != "" {
				path = v
			}
		case ok:
			env = append(env, name+"="+v)
		case name == "LANG":
			env = append(env, "LANG=C.UTF-8")
		}
	}
	return append(env, "PATH="+path, markerName+"="+marker), path
}

const defaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// lookProgram finds a program. Relative entries of PATH are passed over: they would depend on where the daemon stands.
func lookProgram(name, path string) (string, error) {
	if filepath.IsAbs(name) {
		return name, executable(name)
	}
	if strings.ContainsRune(name, '/') {
		return "", fmt.Errorf("%q is a relative path; name the program by its full one", name)
	}
	var denied error
	for _, dir := range filepath.SplitList(path) {
		if !filepath.IsAbs(dir) {
			continue
		}
		file := filepath.Join(dir, name)
		err := executable(file)
		if err == nil {
			return file, nil
		}
		// A directory that can't be looked into is none of the command's, as it is for a shell.
		if denied == nil && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, fs.ErrPermission) {
			denied = err
		}
	}
	if denied != nil {
		return "", denied
	}
	return "", fmt.Errorf("there is no program %q on the PATH (%s); install it, or write its full path", name, path)
}

func executable(file string) error {
	fi, err := os.Stat(file)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("there is no program %s: %w", file, fs.ErrNotExist)
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("the user that Logwright runs as may not look at %s: %w", file, fs.ErrPermission)
	case err != nil:
		return err
	case fi.IsDir():
		return fmt.Errorf("%s is a directory", file)
	case fi.Mode().Perm()&0o111 == 0:
		return fmt.Errorf("%s is not executable; chmod +x it", file)
	}
	return nil
}

// startError says what execve could not do, and what to do about it.
func startError(name string, err error) error {
	switch {
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("%s could not be started: the user that Logwright runs as may not run it", name)
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("%s could not be started: the interpreter that its first line names is not there", name)
	case errors.Is(err, syscall.ENOEXEC):
		return fmt.Errorf("%s could not be started: it is no program; a script begins with #! and its interpreter", name)
	}
	return fmt.Errorf("%s could not be started: %w", name, err)
}

// closeOnExec keeps what descriptors there are from commands, one by one.
func closeOnExec() {
	dir, err := os.Open("/dev/fd")
	if err != nil {
		return
	}
	defer dir.Close()
	names, _ := dir.Readdirnames(-1)
	for _, n := range names {
		if fd, err := strconv.Atoi(n); err == nil && fd > 2 {
			syscall.CloseOnExec(fd)
		}
	}
}
