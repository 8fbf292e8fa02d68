//go:build amd64 || arm64

package sandbox

import "fmt"

// Bounds says what is bounded and how on this host, a line each, for people.
func (s *Sandbox) Bounds() []string {
	who := "the daemon's user, in a user namespace of its own"
	if s.root {
		who = fmt.Sprintf("user %d (%s)", s.uid, s.c.User)
		if s.uid == nobodysUID {
			who = fmt.Sprintf("user %d, because there is no user %q", s.uid, s.c.User)
		}
	}
	memory := "a watchdog looks 20 times a second and kills what has more; give the unit Delegate=yes for a limit by the kernel"
	switch {
	case s.groups == nil:
	case s.groups.v2:
		memory = "by the kernel, with files and buffers no more than memory and disk together (control group version 2 at " + s.groups.dir + "), and a watchdog"
	default:
		memory = "by the kernel, with files and buffers no more than memory and disk together (control group version 1 at " + s.groups.dir + "), and a watchdog"
	}
	return []string{
		"commands run as " + who + ", without capabilities, in bubblewrap with a seccomp filter",
		fmt.Sprintf("memory %d MiB: %s", s.c.Memory>>20, memory),
		fmt.Sprintf("disk %d MiB: one tmpfs for everything that can be written", s.c.Disk>>20),
		fmt.Sprintf("processes %d: RLIMIT_NPROC", s.c.Processes),
		fmt.Sprintf("time %v: the PID namespace is killed", s.c.Timeout),
		"network: none, but for prepare commands, which have the host's",
	}
}
