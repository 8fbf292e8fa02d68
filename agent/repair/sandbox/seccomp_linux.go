//go:build amd64 || arm64

package sandbox

import (
	"encoding/binary"
	"fmt"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

// The filter allows what it does not name: a list of what tests of any language may call would be wrong every month. What
// it names is what has broken sandboxes before, and what would hold memory that nobody counts.

// refused are the system calls that fail with EPERM.
func refused() []uint32 {
	return append([]uint32{
		// Mounts and namespaces: without them there is no other view of the host.
		unix.SYS_MOUNT, unix.SYS_UMOUNT2, unix.SYS_PIVOT_ROOT, unix.SYS_CHROOT, unix.SYS_MOVE_MOUNT, unix.SYS_OPEN_TREE,
		unix.SYS_FSOPEN, unix.SYS_FSCONFIG, unix.SYS_FSMOUNT, unix.SYS_FSPICK, unix.SYS_MOUNT_SETATTR,
		unix.SYS_UNSHARE, unix.SYS_SETNS,
		// Files by handle, past every path.
		unix.SYS_OPEN_BY_HANDLE_AT, unix.SYS_NAME_TO_HANDLE_AT, unix.SYS_FANOTIFY_INIT,
		// Keyrings are not in any namespace.
		unix.SYS_KEYCTL, unix.SYS_ADD_KEY, unix.SYS_REQUEST_KEY,
		// Other processes.
		unix.SYS_PTRACE, unix.SYS_PROCESS_VM_READV, unix.SYS_PROCESS_VM_WRITEV, unix.SYS_PROCESS_MADVISE, unix.SYS_PIDFD_GETFD,
		unix.SYS_KCMP,
		// Large parts of the kernel that tests don't need.
		unix.SYS_BPF, unix.SYS_PERF_EVENT_OPEN, unix.SYS_USERFAULTFD, unix.SYS_LOOKUP_DCOOKIE, unix.SYS_QUOTACTL,
		unix.SYS_INIT_MODULE, unix.SYS_FINIT_MODULE, unix.SYS_DELETE_MODULE, unix.SYS_KEXEC_LOAD, unix.SYS_KEXEC_FILE_LOAD,
		unix.SYS_SYSLOG, unix.SYS_ACCT, unix.SYS_SWAPON, unix.SYS_SWAPOFF, unix.SYS_REBOOT, unix.SYS_VHANGUP,
		unix.SYS_SETTIMEOFDAY, unix.SYS_CLOCK_SETTIME, unix.SYS_SETHOSTNAME, unix.SYS_SETDOMAINNAME, unix.SYS_NFSSERVCTL,
		// System V IPC holds memory that belongs to no process.
		unix.SYS_SHMGET, unix.SYS_MSGGET, unix.SYS_SEMGET,
	}, archRefused()...)
}

// unknown are the system calls that fail with ENOSYS, so that a program takes its other way: clone3 (its flags lie behind a
// pointer, where no filter sees them), io_uring (it does what others would be refused), memfd (memory without a process).
func unknown() []uint32 {
	return []uint32{
		unix.SYS_CLONE3, unix.SYS_IO_URING_SETUP, unix.SYS_IO_URING_ENTER, unix.SYS_IO_URING_REGISTER,
		unix.SYS_MEMFD_CREATE, unix.SYS_MEMFD_SECRET,
	}
}

const (
	// newNamespaces are the flags of clone that make one.
	newNamespaces = unix.CLONE_NEWNS | unix.CLONE_NEWCGROUP | unix.CLONE_NEWUTS | unix.CLONE_NEWIPC | unix.CLONE_NEWUSER |
		unix.CLONE_NEWPID | unix.CLONE_NEWNET
	// x32 marks the calls of the second ABI that amd64 has.
	x32 = 0x40000000

	offsetNumber = 0
	offsetArch   = 4
	// addrNoRandomize is what the race detectors ask of personality(2).
	addrNoRandomize = 0x0040000
)

// Both architectures are little-endian, so the half of an argument that the kernel looks at for an int comes first. The
// other half is not looked at here either: a filter that compared it could be passed by setting it.
func argument(n uint32) bpf.Instruction { return bpf.LoadAbsolute{Off: 16 + 8*n, Size: 4} }

func fail(e unix.Errno) bpf.Instruction {
	return bpf.RetConstant{Val: unix.SECCOMP_RET_ERRNO | uint32(e)&unix.SECCOMP_RET_DATA}
}

// filter gives the program for jobs with and without a network. core keeps the limit of core dumps as it is.
func filter(network, core bool) []bpf.Instruction {
	allow := bpf.RetConstant{Val: unix.SECCOMP_RET_ALLOW}
	// equal: the loaded value is v: then the next instruction, else the one after it.
	equal := func(v uint32) bpf.Instruction {
		return bpf.JumpIf{Cond: bpf.JumpEqual, Val: v, SkipFalse: 1}
	}
	p := []bpf.Instruction{
		bpf.LoadAbsolute{Off: offsetArch, Size: 4},
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: auditArch, SkipTrue: 1},
		fail(unix.ENOSYS), // the 32-bit calls of the same kernel have other numbers
		bpf.LoadAbsolute{Off: offsetNumber, Size: 4},
		bpf.JumpIf{Cond: bpf.JumpGreaterOrEqual, Val: x32, SkipFalse: 1},
		fail(unix.ENOSYS),
	}
	for _, n := range refused() {
		p = append(p, equal(n), fail(unix.EPERM))
	}
	for _, n := range unknown() {
		p = append(p, equal(n), fail(unix.ENOSYS))
	}
	// call: for the system call n, body decides.
	call := func(n uint32, body ...bpf.Instruction) {
		p = append(p, bpf.JumpIf{Cond: bpf.JumpEqual, Val: n, SkipFalse: uint8(len(body))})
		p = append(p, body...)
	}
	call(unix.SYS_CLONE, argument(0),
		bpf.JumpIf{Cond: bpf.JumpBitsSet, Val: newNamespaces, SkipFalse: 1}, fail(unix.EPERM), allow)
	// TIOCSTI types into a terminal, TIOCLINUX pastes into a console.
	call(unix.SYS_IOCTL, argument(1), equal(unix.TIOCSTI), fail(unix.EPERM), equal(unix.TIOCLINUX), fail(unix.EPERM), allow)
	families := []bpf.Instruction{argument(0), equal(unix.AF_INET), allow, equal(unix.AF_INET6), allow}
	if !network {
		families = append(families, equal(unix.AF_UNIX), allow)
	}
	call(unix.SYS_SOCKET, append(families,
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: unix.AF_NETLINK, SkipTrue: 1}, fail(unix.EAFNOSUPPORT),
		argument(2), equal(unix.NETLINK_ROUTE), allow, fail(unix.EAFNOSUPPORT))...)
	call(unix.SYS_SOCKETPAIR, argument(0), equal(unix.AF_UNIX), allow, fail(unix.EAFNOSUPPORT))
	if core {
		// Who has a limit of 1 (see coreLimit) could go down to 0, which a program that the kernel starts does not heed. A look
		// at the limit has no new one: both halves of the pointer are 0.
		half := func(off uint32) []bpf.Instruction {
			return []bpf.Instruction{bpf.LoadAbsolute{Off: 16 + 8*2 + off, Size: 4}, bpf.JumpIf{Cond: bpf.JumpEqual, Val: 0, SkipTrue: 1}, fail(unix.EPERM)}
		}
		call(unix.SYS_SETRLIMIT, argument(0), equal(unix.RLIMIT_CORE), fail(unix.EPERM), allow)
		call(unix.SYS_PRLIMIT64, append(append(append([]bpf.Instruction{
			argument(1), bpf.JumpIf{Cond: bpf.JumpEqual, Val: unix.RLIMIT_CORE, SkipTrue: 1}, allow,
		}, half(0)...), half(4)...), allow)...)
	}
	call(unix.SYS_PERSONALITY, argument(0), equal(0), allow, equal(addrNoRandomize), allow, equal(0xffffffff), allow, fail(unix.EPERM))
	return append(p, allow)
}

// compile gives the program as the kernel reads it.
func compile(p []bpf.Instruction) ([]byte, error) {
	raw, err := bpf.Assemble(p)
	if err != nil {
		return nil, fmt.Errorf("seccomp filter: %w", err)
	}
	var b []byte
	for _, i := range raw {
		b = binary.LittleEndian.AppendUint16(b, i.Op)
		b = append(b, i.Jt, i.Jf)
		b = binary.LittleEndian.AppendUint32(b, i.K)
	}
	return b, nil
}
