// Package sandbox runs commands that nobody trusts: the tests of a patch that a model wrote.
//
// The walls are bubblewrap's, and what may be seen is an allow-list: /usr read-only, an /etc made here, a /proc and a /dev
// of its own, and one tmpfs of a fixed size that everything else (/tree, /tmp, the home directory) lives on. Nothing of the
// host can be written but a Mount that says so, and nothing comes back but an exit status and the end of the output.
//
// The notes below say why things are as they are.
//
// Own user. Limits of processes and file permissions don't bind root, so a daemon of root has the command run as another
// user. bubblewrap itself then runs as root and without a user namespace, because as the other user it could not reach
// caches below a state directory that only root can enter; setpriv gives up the user and every capability inside, before
// anything of a stranger's is there. A daemon that is not root runs bubblewrap in a user namespace of its own, and further
// ones are disabled inside. In both cases no capability is left, none can be gained (no_new_privs, no setuid), and the
// system calls that make namespaces or mounts are refused by seccomp.
//
// Layers come as a tar stream. The directories that are copied to /tree are never mounted: the daemon reads them with
// its own rights, leaves out every .git, and writes an archive to the standard input of a tar that runs inside already. So
// their permissions don't matter, the copy is bounded by the sandbox's own disk, and no path of the host is behind it.
//
// Ending. The first process of the PID namespace is held by a pidfd. When a command ends, times out or takes too much, that
// process is killed and waited for, and the kernel takes every other process of the namespace with it: daemons, double
// forks and new sessions too. When Logwright itself is killed, bubblewrap dies of it (a death signal tied to the thread that
// started it, which is why that thread is locked), and the namespace with bubblewrap.
//
// Memory. Where this process may make control groups, a run gets one, and the kernel enforces the limit. Elsewhere a
// watchdog adds up the memory of the namespace's processes some times a second. It can be outrun for a moment, and it does
// not see memory that the kernel holds for a process (socket buffers); what holds more of that than a little is refused
// by seccomp (System V IPC, memfd, io_uring), and the watchdog also ends a run when the host's memory becomes scarce.
package sandbox

import (
	"context"
	"log/slog"
	"time"
)

// Options is what a Sandbox needs from outside.
type Options struct {
	// Redact takes secrets out of output, before it is cut. It is required.
	Redact func(string) string
	// Logger hears what an operator may want to know. Nil is silence.
	Logger *slog.Logger
	// Toolchains are further directories (or files) of the host that every run sees, read-only and at the same place: a
	// language that is not below /usr. Go is found by itself.
	Toolchains []string
	// Path is the operator's PATH; those of its directories that a run can see are the run's. "" is this process's PATH.
	Path string
}

// Job is one command to run.
type Job struct {
	// Layers are directories of the host whose contents are copied to /tree, later ones over earlier ones. Anything named
	// .git is left out at any depth, and so is what is no file, directory or symbolic link.
	Layers []string
	// Argv is the command. It is looked up in the run's PATH; no shell reads it.
	Argv []string
	// Dir is where it runs, below /tree. "" is /tree.
	Dir string
	// Env is added to PATH, HOME, LANG, TMPDIR, USER and LOGNAME, and may replace them. Nothing else is in the environment.
	Env map[string]string
	// Network lets the command reach the network of the host, its loopback included. For the operator's prepare commands
	// only. UNIX sockets can't be made then, because abstract ones belong to the network.
	Network bool
	// Mounts are directories of the host that are seen inside.
	Mounts []Mount
	// Timeout, Memory (bytes) and Disk (bytes) replace those of the configuration where they are not 0.
	Timeout      time.Duration
	Memory, Disk int64
}

// Mount is a directory of the host that a run sees.
type Mount struct {
	// Host is an absolute path. Where the daemon is root and Writable is set, the directory is given to the user that
	// commands run as. What a command wrote there is a stranger's: never follow its links.
	Host string
	// Inside is where it is seen: an absolute path that is none of the sandbox's own, such as /cache.
	Inside   string
	Writable bool
}

// What ended or spoiled a run, in Result.Reason. A signal is "signal SIGSEGV".
const (
	ReasonTimeout   = "timeout"   // it took too long and was killed
	ReasonMemory    = "memory"    // it took too much memory and was killed
	ReasonDisk      = "disk"      // it failed and had filled its disk, or was killed because it filled a writable mount
	ReasonProcesses = "processes" // it failed and had as many processes as it may
)

// Result is what is known of a run that took place.
type Result struct {
	// Exit is the command's exit status, or -1 where it did not end by itself.
	Exit int
	// Reason is "" for a command that ended by itself within its limits.
	Reason string
	// Output is the end of what the command wrote to standard output and standard error, in the order it was written,
	// redacted. It is text of a stranger.
	Output string
	// Truncated says that the beginning of the output is missing.
	Truncated bool
	// Duration is the whole run, copying included.
	Duration time.Duration
}

// Passed says that the command ended by itself with status 0.
func (r Result) Passed() bool { return r.Exit == 0 && r.Reason == "" }

// UnavailableError says why there can be no sandbox here.
type UnavailableError struct {
	// Why is what is missing or forbidden, Fix what to do: a command where one does it.
	Why, Fix string
}

func (e *UnavailableError) Error() string {
	if e.Fix == "" {
		return "no sandbox: " + e.Why
	}
	return "no sandbox: " + e.Why + "; " + e.Fix
}

// New makes a sandbox and tries it with a command that does nothing. The error is an *UnavailableError where this host
// can't have one.
func New(c Config, o Options) (*Sandbox, error) {
	return newSandbox(context.Background(), c, o, nil)
}
