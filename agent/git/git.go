// Package git runs git on the host, safely: hooks, filters, fsmonitor and everybody's configuration are off, and nothing of a
// repository is checked out.
//
// A repository that somebody else can write to is a program: its config names commands that git runs (core.fsmonitor,
// core.sshCommand, filters, hooks, upload-pack's hooks, a promisor remote's upload-pack). So git is never started in such a
// repository. Every command runs in a bare repository of our own, a Store, whose config we wrote. Of a source we read
// where its branch stands by ourselves, and have git read its objects from within the Store, as an object directory beside its
// own: objects are data, a config is not. They are copied, checked on the way in (index-pack --strict), and the source is
// forgotten.
//
// Push to the operator's own bare repository (the local forge) keeps to that, too: see push.go.
package git

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/logwright/logwright/agent/incident"
)

// Options bound a Store. The zero value of each field means its default.
type Options struct {
	// Binary is the git to run: an absolute path, or a name to look up in PATH. Default "git".
	Binary string
	// Timeout bounds one command. Default 2 minutes.
	Timeout time.Duration
	// MaxOutput bounds what one command may write that is kept in memory, in bytes. Default 64 MiB.
	MaxOutput int64
	// MaxPack bounds the objects of one Fetch or Push, packed, and MaxExport the files of one Export, in bytes. Default 1 GiB.
	MaxPack, MaxExport int64
}

func (o Options) withDefaults() Options {
	if o.Binary == "" {
		o.Binary = "git"
	}
	if o.Timeout == 0 {
		o.Timeout = 2 * time.Minute
	}
	for _, f := range []struct {
		value *int64
		def   int64
	}{{&o.MaxOutput, 64 << 20}, {&o.MaxPack, 1 << 30}, {&o.MaxExport, 1 << 30}} {
		if *f.value == 0 {
			*f.value = f.def
		}
	}
	return o
}

// Store is a bare repository of our own. Its methods may be called from several goroutines.
type Store struct {
	dir  string
	opts Options
	bin  string
}

// Open opens the store in dir, an absolute path, and makes it where it is missing.
func Open(ctx context.Context, dir string, o Options) (*Store, error) {
	o = o.withDefaults()
	if !filepath.IsAbs(dir) {
		return nil, fmt.Errorf("git: %s is not an absolute path", dir)
	}
	bin, err := exec.LookPath(o.Binary)
	if err != nil {
		return nil, fmt.Errorf("git: %s is not installed (apt install git): %w", o.Binary, err)
	}
	if bin, err = filepath.Abs(bin); err != nil {
		return nil, err
	}
	s := &Store{dir: filepath.Clean(dir), opts: o, bin: bin}
	if err := s.ours(); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(s.home(), 0o700); err != nil {
		return nil, fmt.Errorf("git: the store can't be made: %w", err)
	}
	if err := os.WriteFile(filepath.Join(s.home(), ".gitconfig"), []byte(globalConfig), 0o600); err != nil {
		return nil, fmt.Errorf("git: the store can't be written: %w", err)
	}
	if _, err := os.Stat(filepath.Join(s.dir, "HEAD")); errors.Is(err, os.ErrNotExist) {
		if _, err := s.run(ctx, command{args: []string{"init", "--quiet", "--bare", "--template=", s.dir}, bare: true}); err != nil {
			return nil, err
		}
	} else if err != nil {
		return nil, err
	}
	return s, nil
}

// ours refuses a store that somebody else can write to. Its config is a program that git runs, and what is written below it
// would follow whatever links are there.
func (s *Store) ours() error {
	fi, err := os.Lstat(s.dir)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("git: the store: %w", err)
	}
	st, ok := fi.Sys().(*syscall.Stat_t)
	switch {
	case !fi.IsDir():
		return fmt.Errorf("git: the store %s is not a directory", s.dir)
	case !ok || int(st.Uid) != os.Geteuid():
		return fmt.Errorf("git: the store %s belongs to another user than the one who runs this; run it as that user", s.dir)
	case fi.Mode().Perm()&0o022 != 0:
		return fmt.Errorf("git: others may write to the store %s (mode %04o); see that its files are yours, then `chmod go-w %s`", s.dir, fi.Mode().Perm(), s.dir)
	}
	return nil
}

// Dir is where the store is.
func (s *Store) Dir() string { return s.dir }

// home is the only HOME that git ever sees.
func (s *Store) home() string { return filepath.Join(s.dir, "home") }

// globalConfig stands in the place of everybody's. Older versions take safe.directory from nowhere else.
const globalConfig = "[safe]\n\tdirectory = *\n"

// settings stand before every command and beat every config file.
var settings = []string{
	"--no-pager", "--no-replace-objects",
	"-c", "safe.directory=*",
	"-c", "core.hooksPath=/dev/null",
	"-c", "core.fsmonitor=false",
	"-c", "core.untrackedCache=false",
	"-c", "core.sshCommand=false",
	"-c", "core.gitProxy=false",
	"-c", "core.askPass=false",
	"-c", "core.alternateRefsCommand=false",
	"-c", "core.attributesFile=/dev/null",
	"-c", "core.quotePath=false",
	"-c", "core.protectNTFS=true",
	"-c", "core.protectHFS=true",
	"-c", "core.logAllRefUpdates=false",
	"-c", "credential.helper=",
	"-c", "protocol.allow=never",
	"-c", "gc.auto=0",
	"-c", "maintenance.auto=false",
	"-c", "pack.threads=1",
	// A file of gigabytes is a few kilobytes in a pack. What is larger than anything that is patched is streamed, not held.
	"-c", "core.bigFileThreshold=4m",
	"-c", "core.deltaBaseCacheLimit=32m",
	"-c", "pack.windowMemory=64m",
	"-c", "pack.deltaCacheSize=32m",
}

// environment is all that git finds. No protocol is allowed: nothing here ever needs one, and a repository with objects missing
// would otherwise have them fetched by a command of its config.
func (s *Store) environment(more []string) []string {
	return append([]string{
		"PATH=/usr/local/bin:/usr/bin:/bin",
		"LC_ALL=C", "TZ=UTC",
		"HOME=" + s.home(), "XDG_CONFIG_HOME=" + s.home(),
		"GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_SYSTEM=/dev/null", "GIT_CONFIG_GLOBAL=" + filepath.Join(s.home(), ".gitconfig"),
		"GIT_ATTR_NOSYSTEM=1",
		"GIT_TERMINAL_PROMPT=0", "GIT_ASKPASS=false", "SSH_ASKPASS=false", "GIT_SSH_COMMAND=false",
		"GIT_ALLOW_PROTOCOL=none", "GIT_PROTOCOL_FROM_USER=0", "GIT_NO_LAZY_FETCH=1",
		"GIT_OPTIONAL_LOCKS=0", "GIT_NO_REPLACE_OBJECTS=1", "GIT_PAGER=cat", "GIT_EDITOR=false",
	}, more...)
}

// command is one run of git.
type command struct {
	args  []string
	env   []string // beside environment
	bare  bool     // no repository at all
	stdin io.Reader
	out   io.Writer // nil: kept and given back, up to MaxOutput
}

// run gives what the command wrote. Its process group is killed when ctx or the timeout ends.
func (s *Store) run(ctx context.Context, c command) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, s.opts.Timeout)
	defer cancel()
	args := append([]string(nil), settings...)
	if !c.bare {
		args = append(args, "--git-dir="+s.dir)
	}
	cmd := exec.CommandContext(ctx, s.bin, append(args, c.args...)...) //nolint:gosec // G204: arguments are fixed words, object ids and checked names
	cmd.Dir, cmd.Env, cmd.Stdin = s.dir, s.environment(c.env), c.stdin
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = 5 * time.Second
	kept := &capped{limit: s.opts.MaxOutput}
	cmd.Stdout = kept
	if c.out != nil {
		cmd.Stdout = c.out
	}
	errs := &tail{limit: 2 << 10}
	cmd.Stderr = errs
	err := cmd.Run()
	switch {
	case err == nil:
		return kept.kept.Bytes(), nil
	case ctx.Err() != nil:
		return nil, fmt.Errorf("git %s: stopped: %w", c.args[0], context.Cause(ctx))
	case kept.full:
		return nil, fmt.Errorf("git %s: it wrote more than %d bytes", c.args[0], s.opts.MaxOutput)
	}
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return nil, &Error{Command: c.args[0], Exit: exit.ExitCode(), Message: errs.last()}
	}
	return nil, fmt.Errorf("git %s: %w", c.args[0], err)
}

// Error is a git command that failed.
type Error struct {
	Command string
	// Exit is the exit status, -1 where a signal ended it.
	Exit int
	// Message is the last line that git wrote, printable and cut.
	Message string
}

// Error gives one line.
func (e *Error) Error() string {
	return fmt.Sprintf("git %s failed (exit %d): %s", e.Command, e.Exit, e.Message)
}

// capped keeps up to limit bytes and refuses more, which ends the writer.
type capped struct {
	kept  bytes.Buffer // not embedded: its ReadFrom would know no limit
	limit int64
	full  bool
}

func (c *capped) Write(p []byte) (int, error) {
	if int64(c.kept.Len()+len(p)) > c.limit {
		c.full = true
		return 0, errors.New("too much output")
	}
	return c.kept.Write(p)
}

// tail keeps the end of what is written.
type tail struct {
	limit int
	text  []byte
}

func (t *tail) Write(p []byte) (int, error) {
	t.text = append(t.text, p...)
	if extra := len(t.text) - t.limit; extra > 0 {
		t.text = append(t.text[:0], t.text[extra:]...)
	}
	return len(p), nil
}

func (t *tail) last() string {
	lines := strings.Split(strings.TrimSpace(string(t.text)), "\n")
	return incident.CutText(incident.PrintableLine(lines[len(lines)-1]), 300)
}

// isID says that s is a full object id.
func isID(s string) bool {
	if len(s) != 40 && len(s) != 64 {
		return false
	}
	for i := range len(s) {
		if c := s[i]; (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}

func checkIDs(ids ...string) error {
	for _, id := range ids {
		if !isID(id) {
			return fmt.Errorf("git: %q is not a full object id", id)
		}
	}
	return nil
}
