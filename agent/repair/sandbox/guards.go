package sandbox

// guard names one thing that keeps a command inside. Tests take one away at a time, to see that an attack gets through
// then: a guard whose absence nobody notices guards nothing, or its test is none.
type guard string

const (
	guardMounts    guard = "mounts"    // an allow-list of mounts instead of the host's tree
	guardReadOnly  guard = "read-only" // mounts are read-only
	guardGit       guard = "git"       // .git is not copied
	guardNetwork   guard = "network"   // a network of its own
	guardUnix      guard = "unix"      // no UNIX sockets in jobs with a network
	guardPIDs      guard = "pids"      // a PID namespace
	guardUser      guard = "user"      // not root
	guardSeccomp   guard = "seccomp"   // refused system calls
	guardEnv       guard = "env"       // an environment made here
	guardDisk      guard = "disk"      // a disk of a fixed size
	guardProcesses guard = "processes" // a limit of processes
	guardMemory    guard = "memory"    // a limit of memory
	guardOutput    guard = "output"    // output is kept up to a limit
	guardCore      guard = "core"      // no core dump reaches a program of the host's
	guardFiles     guard = "files"     // open files of the daemon's are not handed on
)

// guards are those that are taken away. Nil outside of tests.
type guards map[guard]bool

// on says that g guards.
func (gs guards) on(g guard) bool { return !gs[g] }
