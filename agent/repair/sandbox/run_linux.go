//go:build amd64 || arm64

package sandbox

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"math"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Sandbox runs jobs. Safe for concurrent use.
type Sandbox struct {
	c             Config
	o             Options
	without       guards
	root          bool
	uid, gid      int
	bwrap         string
	disableUserns bool
	tools         map[string]string
	seen          []string // toolchains
	path          string
	filters       map[bool][]byte // by Job.Network
	groups        *groups         // nil where the watchdog is alone
}

func newSandbox(ctx context.Context, c Config, o Options, without guards) (*Sandbox, error) {
	if ps := c.Validate(); len(ps) > 0 {
		return nil, fmt.Errorf("sandbox: %s: %s", ps[0].Path, ps[0].Message)
	}
	if o.Redact == nil {
		return nil, errors.New("sandbox: no redaction was given")
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Path == "" {
		o.Path = os.Getenv("PATH")
	}
	s := &Sandbox{
		c: c, o: o, without: without, root: os.Geteuid() == 0, uid: os.Geteuid(), gid: os.Getegid(),
		bwrap: find("bwrap"), tools: make(map[string]string), filters: make(map[bool][]byte),
	}
	if s.bwrap == "" {
		return nil, &UnavailableError{Why: "bubblewrap is not installed", Fix: "apt-get install bubblewrap"}
	}
	// What comes from the operator's side of the sandbox: each is on every Debian, and on most others.
	for tool, pkg := range map[string]string{"sh": "dash", "setpriv": "util-linux", "prlimit": "util-linux", "tar": "tar", "env": "coreutils", "chown": "coreutils"} {
		if s.tools[tool] = find(tool); s.tools[tool] == "" {
			return nil, &UnavailableError{Why: tool + " is not installed", Fix: "apt-get install " + pkg}
		}
	}
	if s.root {
		var err error
		if s.uid, s.gid, err = account(c.User); err != nil {
			return nil, &UnavailableError{Why: fmt.Sprintf("commands can't be run as %s: %v", c.User, err), Fix: "name another user at sandbox.user"}
		}
	}
	s.seen, s.path = toolchains(o.Path, o.Toolchains)
	for _, network := range []bool{false, true} {
		var err error
		if s.filters[network], err = compile(filter(network && s.without.on(guardUnix), s.without.on(guardCore))); err != nil {
			return nil, err
		}
	}
	help, err := exec.CommandContext(ctx, s.bwrap, "--help").CombinedOutput() //nolint:gosec // found in the system's directories
	if err != nil || !bytes.Contains(help, []byte("--size ")) || !bytes.Contains(help, []byte("--perms ")) {
		return nil, &UnavailableError{Why: "bubblewrap is older than 0.5, or does not run", Fix: "install a newer one (Debian 12 has 0.8)"}
	}
	s.disableUserns = bytes.Contains(help, []byte("--disable-userns "))
	if s.without.on(guardMemory) {
		s.groups = findGroups(s.o.Logger)
	}
	return s, s.try(ctx)
}

// try runs a command that does nothing.
func (s *Sandbox) try(ctx context.Context) error {
	res, err := s.Run(ctx, Job{Argv: []string{"true"}, Timeout: 30 * time.Second})
	if s.groups != nil && err != nil {
		// A group that was there may still be one that nothing can be put into.
		s.o.Logger.Info("no control group for the sandbox", "err", err)
		s.groups = nil
		res, err = s.Run(ctx, Job{Argv: []string{"true"}, Timeout: 30 * time.Second})
	}
	var start *startError
	if errors.As(err, &start) {
		return explain(start.stderr, s.root, func(p string) string {
			b, err := os.ReadFile(p)
			if err != nil {
				return ""
			}
			return strings.TrimSpace(string(b))
		})
	}
	if err == nil && !res.Passed() {
		return &UnavailableError{Why: fmt.Sprintf("a command that does nothing fails in it: exit %d %s %s", res.Exit, res.Reason, lastLine(res.Output))}
	}
	return err
}

// startError: the sandbox could not be made.
type startError struct{ stderr string }

func (e *startError) Error() string {
	return "the sandbox could not be made: " + strings.TrimSpace(e.stderr)
}

// run is one run.
type run struct {
	s    *Sandbox
	j    *Job
	log  *slog.Logger
	cmd  *exec.Cmd
	out  tail
	held chan struct{} // closed once init is known, or never will be
	init int           // pidfd of the first process of the namespace, or -1
	pid  int           // its id, as the host has it

	begun atomic.Bool // everything up to here was ours

	mu     sync.Mutex
	reason string // why it was killed
	peak   usage
}

// Run runs j and waits until nothing of it is left. The error is for failures of the sandbox itself and for ctx, never for
// those of the command.
func (s *Sandbox) Run(ctx context.Context, j Job) (Result, error) {
	if err := j.check(); err != nil {
		return Result{}, err
	}
	begin := time.Now()
	timeout := j.Timeout
	if timeout == 0 {
		timeout = s.c.Timeout
	}
	inner, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()

	r := &run{s: s, j: &j, log: s.o.Logger, held: make(chan struct{}), init: -1, out: tail{all: !s.without.on(guardOutput)}}
	type ending struct {
		exit  int
		ready bool
		err   error
	}
	done := make(chan ending, 1)
	go func() {
		// bubblewrap dies with the thread that started it.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		exit, ready, err := r.do(inner)
		done <- ending{exit, ready, err}
	}()
	end := <-done
	res := Result{Exit: end.exit, Duration: time.Since(begin)}
	res.Output, res.Truncated = r.out.text(s.o.Redact, outputLimit)
	switch {
	case ctx.Err() != nil:
		return Result{}, fmt.Errorf("sandbox: %w", context.Cause(ctx))
	case errors.Is(end.err, errTooLarge):
		res.Exit, res.Reason, res.Output = -1, ReasonDisk, errTooLarge.Error()
	case r.reason != "":
		res.Exit, res.Reason = -1, r.reason
	case inner.Err() != nil:
		res.Exit, res.Reason = -1, ReasonTimeout
	case end.err != nil:
		return Result{}, fmt.Errorf("sandbox: %w", end.err)
	case !end.ready && strings.Contains(res.Output, "No space left on device"):
		res.Exit, res.Reason = -1, ReasonDisk
	case !end.ready:
		return Result{}, fmt.Errorf("sandbox: %w", &startError{res.Output})
	case signalled(end.exit) != "":
		res.Exit, res.Reason = -1, signalled(end.exit)
	case end.exit != 0 && r.peak.full:
		res.Reason = ReasonDisk
	case end.exit != 0 && r.peak.tasks >= s.c.Processes:
		res.Reason = ReasonProcesses
	}
	return res, nil
}

// signalled reads the status that a shell and bubblewrap give a process that died of a signal. A command may well exit
// with such a number by itself; it says the same then.
func signalled(exit int) string {
	switch n := syscall.Signal(exit - 128); n {
	case syscall.SIGILL, syscall.SIGTRAP, syscall.SIGABRT, syscall.SIGBUS, syscall.SIGFPE, syscall.SIGKILL, syscall.SIGSEGV,
		syscall.SIGTERM, syscall.SIGXCPU, syscall.SIGXFSZ, syscall.SIGSYS, syscall.SIGINT, syscall.SIGHUP:
		return "signal " + unix.SignalName(n)
	}
	return ""
}

// pipes are the two ends of what goes between us and the sandbox.
type pipes struct {
	in, out, status, info, block [2]*os.File // read, write
	given                        []*os.File  // further files of the child
}

func (p *pipes) close() {
	for _, ends := range [][2]*os.File{p.in, p.out, p.status, p.info, p.block} {
		for _, f := range ends {
			if f != nil {
				f.Close()
			}
		}
	}
	for _, f := range p.given {
		f.Close()
	}
}

// data gives a file to read b from. b has to fit into a pipe.
func (p *pipes) data(b []byte) (*os.File, error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer w.Close()
	p.given = append(p.given, r)
	if len(b) > 60<<10 {
		return nil, fmt.Errorf("%d bytes don't fit into a pipe", len(b))
	}
	_, err = w.Write(b)
	return r, err
}

// coreLimit: where the host has a program for core dumps (systemd-coredump, apport), the kernel starts it as root outside of every
// sandbox and feeds it what the process that crashed had in memory, even where the limit is 0. With a limit of 1 it does not.
const coreLimit = "--core=1:1"

// do starts bubblewrap, feeds it, and waits until the namespace is gone. ready says that the command was begun.
func (r *run) do(ctx context.Context) (exit int, ready bool, err error) {
	s := r.s
	var p pipes
	defer p.close()
	for _, ends := range []*[2]*os.File{&p.in, &p.out, &p.status, &p.info, &p.block} {
		if ends[0], ends[1], err = os.Pipe(); err != nil {
			return 0, false, err
		}
	}
	seccomp, err := p.data(s.filters[r.j.Network])
	if err != nil {
		return 0, false, err
	}
	files := []*os.File{p.status[1], seccomp, p.info[1], p.block[0]}
	etc := s.etc(r.j)
	names := slices.Sorted(maps.Keys(etc))
	for _, name := range names {
		f, err := p.data([]byte(etc[name]))
		if err != nil {
			return 0, false, err
		}
		files = append(files, f)
	}
	for _, m := range r.j.Mounts {
		if err := s.give(m); err != nil {
			return 0, false, err
		}
	}
	argv := append([]string{s.bwrap}, s.arguments(r.j, names)...)
	if s.without.on(guardCore) {
		argv = append([]string{s.tools["prlimit"], coreLimit, "--"}, argv...) // it becomes bubblewrap
	}
	r.cmd = exec.CommandContext(ctx, argv[0], argv[1:]...) //nolint:gosec // running commands is what it is for
	if s.without.on(guardEnv) {
		r.cmd.Env = []string{} // bubblewrap's own is seen at /proc/1/environ
	}
	r.cmd.Dir = "/"
	r.cmd.Stdin, r.cmd.Stdout, r.cmd.Stderr, r.cmd.ExtraFiles = p.in[0], p.out[1], p.out[1], files
	r.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	r.cmd.Cancel = func() error { r.kill(""); return nil }
	// What this process was itself started with (a service manager's sockets) would go on to the sandbox.
	if s.without.on(guardFiles) {
		if err := unix.CloseRange(3, math.MaxUint32, unix.CLOSE_RANGE_CLOEXEC); err != nil {
			return 0, false, fmt.Errorf("keeping our own files from the sandbox: %w", err)
		}
	}
	if err := r.cmd.Start(); err != nil {
		return 0, false, fmt.Errorf("starting bubblewrap: %w", err)
	}
	for _, f := range append(files, p.in[0], p.out[1]) {
		f.Close()
	}
	return r.attend(&p)
}

// give makes the user that commands run as the owner of a mount that it is to write.
func (s *Sandbox) give(m Mount) error {
	if !s.root || !m.Writable || !s.without.on(guardUser) {
		return nil
	}
	return os.Lchown(m.Host, s.uid, s.gid)
}

// attend sees a started bubblewrap through to its end.
func (r *run) attend(p *pipes) (exit int, ready bool, err error) {
	var (
		reading, writing sync.WaitGroup
		tooLarge         error
	)
	reading.Go(func() { _, _ = io.Copy(&r.out, p.out[0]) })
	reading.Go(func() {
		b := make([]byte, 3)
		_, err := io.ReadFull(p.status[0], b)
		r.begun.Store(err == nil && string(b) == "go\n")
	})
	writing.Go(func() {
		tooLarge = archive(p.in[1], r.j.Layers, r.s.disk(r.j), !r.s.without.on(guardGit))
		if tooLarge != nil && !errors.Is(tooLarge, syscall.EPIPE) {
			r.kill("")
		}
		p.in[1].Close()
	})
	r.hold(p.info[0])
	var g *group
	if r.init >= 0 {
		defer unix.Close(r.init)
		if g, err = r.s.groups.make(r.pid, r.s.memory(r.j)+r.s.disk(r.j), r.s.c.Processes); err != nil {
			err = fmt.Errorf("control group: %w", err)
		}
	}
	close(r.held)
	if r.init < 0 || err != nil {
		// Nothing was let go on yet. Where bubblewrap failed by itself, this finds it dead.
		_ = r.cmd.Process.Kill()
	}
	stop := make(chan struct{})
	var watching sync.WaitGroup
	if r.init >= 0 && err == nil {
		watching.Go(func() { r.watch(stop) })
		_, _ = p.block[1].Write([]byte{1}) // it fails where bubblewrap is dead already
	}
	waitErr := r.cmd.Wait()
	close(stop)
	watching.Wait()
	if r.init >= 0 {
		r.end()
	}
	p.in[1].Close()
	writing.Wait()
	reading.Wait()
	if g != nil {
		if g.ranOut() {
			r.because(ReasonMemory)
		}
		g.remove(r.log)
	}
	var status *exec.ExitError
	switch {
	case err != nil:
		return 0, false, err
	case tooLarge != nil && !errors.Is(tooLarge, syscall.EPIPE) && !errors.Is(tooLarge, os.ErrClosed):
		return 0, false, tooLarge
	case errors.As(waitErr, &status):
		exit = status.ExitCode()
	case waitErr != nil && !errors.Is(waitErr, context.DeadlineExceeded) && !errors.Is(waitErr, context.Canceled):
		return 0, false, waitErr
	}
	return exit, r.begun.Load(), nil
}

// hold opens the first process of the namespace, which can't end before it was let go on: nothing else has its id.
func (r *run) hold(info io.Reader) {
	var said struct {
		PID int `json:"child-pid"`
	}
	if err := json.NewDecoder(io.LimitReader(info, 64<<10)).Decode(&said); err != nil || said.PID <= 1 {
		return // bubblewrap failed, and says why on its standard error
	}
	fd, err := unix.PidfdOpen(said.PID, 0)
	if err != nil {
		r.log.Warn("the sandbox's first process can't be held", "err", err)
		return
	}
	r.init, r.pid = fd, said.PID
}

// because keeps the first reason there was to end the run.
func (r *run) because(reason string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.reason == "" {
		r.reason = reason
	}
}

// kill ends the namespace with everything in it.
func (r *run) kill(reason string) {
	patience := time.NewTimer(10 * time.Second)
	defer patience.Stop()
	select {
	case <-r.held:
	case <-patience.C: // bubblewrap is stuck; its end is the namespace's
		_ = r.cmd.Process.Kill()
		<-r.held
	}
	if reason != "" {
		r.because(reason)
	}
	if r.init >= 0 && unix.PidfdSendSignal(r.init, unix.SIGKILL, nil, 0) == nil {
		return
	}
	_ = r.cmd.Process.Kill() // it has ended where this fails
}

// end makes sure that nothing of the namespace is left, and waits for that. A process that the kernel can't end (a disk that
// does not answer) is said, not waited for.
func (r *run) end() {
	_ = unix.PidfdSendSignal(r.init, unix.SIGKILL, nil, 0) // it has ended where this fails
	fds := []unix.PollFd{{Fd: int32(r.init), Events: unix.POLLIN}}
	deadline := time.Now().Add(30 * time.Second)
	for time.Now().Before(deadline) {
		n, err := unix.Poll(fds, 1000)
		if n > 0 {
			return
		}
		if err != nil && !errors.Is(err, unix.EINTR) {
			break
		}
	}
	r.log.Error("a process of the sandbox can't be ended by the kernel", "pid", r.pid)
}
