//go:build amd64 || arm64

package sandbox

import (
	"encoding/binary"
	"testing"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

// judge asks the filter's program of a system call, and gives the errno it fails with, 0 where it is allowed.
func judge(t testing.TB, network bool, arch, number uint32, args ...uint64) unix.Errno {
	t.Helper()
	vm, err := bpf.NewVM(filter(network, true))
	if err != nil {
		t.Fatal(err)
	}
	// The machine reads words in network order, the kernel those of seccomp_data in the host's: the half that comes first
	// in memory is the lower one.
	data := make([]byte, 64)
	binary.BigEndian.PutUint32(data[0:], number)
	binary.BigEndian.PutUint32(data[4:], arch)
	for i, a := range args {
		binary.BigEndian.PutUint32(data[16+8*i:], uint32(a))
		binary.BigEndian.PutUint32(data[20+8*i:], uint32(a>>32))
	}
	n, err := vm.Run(data)
	if err != nil {
		t.Fatal(err)
	}
	switch {
	case n == unix.SECCOMP_RET_ALLOW:
		return 0
	case n&^unix.SECCOMP_RET_DATA == unix.SECCOMP_RET_ERRNO:
		return unix.Errno(n & unix.SECCOMP_RET_DATA)
	}
	t.Fatalf("the filter says %#x", n)
	return 0
}

func TestFilter(t *testing.T) {
	const high = 1 << 32
	for _, c := range []struct {
		name    string
		network bool
		number  uint32
		args    []uint64
		want    unix.Errno
	}{
		{"read", false, unix.SYS_READ, nil, 0},
		{"a thread", false, unix.SYS_CLONE, []uint64{unix.CLONE_VM | unix.CLONE_THREAD | unix.CLONE_SIGHAND}, 0},
		{"a user namespace", false, unix.SYS_CLONE, []uint64{unix.CLONE_NEWUSER | uint64(unix.SIGCHLD)}, unix.EPERM},
		{"a mount namespace", false, unix.SYS_CLONE, []uint64{unix.CLONE_NEWNS}, unix.EPERM},
		{"a network namespace", false, unix.SYS_CLONE, []uint64{high | unix.CLONE_NEWNET}, unix.EPERM},
		{"clone3", false, unix.SYS_CLONE3, nil, unix.ENOSYS},
		{"unshare", false, unix.SYS_UNSHARE, []uint64{0}, unix.EPERM},
		{"mount", false, unix.SYS_MOUNT, nil, unix.EPERM},
		{"io_uring", false, unix.SYS_IO_URING_SETUP, nil, unix.ENOSYS},
		{"window size", false, unix.SYS_IOCTL, []uint64{0, unix.TIOCGWINSZ}, 0},
		{"TIOCSTI", false, unix.SYS_IOCTL, []uint64{0, unix.TIOCSTI}, unix.EPERM},
		{"TIOCSTI with high bits", false, unix.SYS_IOCTL, []uint64{0, high | unix.TIOCSTI}, unix.EPERM},
		{"TIOCLINUX", false, unix.SYS_IOCTL, []uint64{0, unix.TIOCLINUX}, unix.EPERM},
		{"TCP", false, unix.SYS_SOCKET, []uint64{unix.AF_INET, unix.SOCK_STREAM, 0}, 0},
		{"TCP over IPv6", true, unix.SYS_SOCKET, []uint64{unix.AF_INET6, unix.SOCK_STREAM, 0}, 0},
		{"UNIX", false, unix.SYS_SOCKET, []uint64{unix.AF_UNIX, unix.SOCK_STREAM, 0}, 0},
		{"UNIX with a network", true, unix.SYS_SOCKET, []uint64{unix.AF_UNIX, unix.SOCK_STREAM, 0}, unix.EAFNOSUPPORT},
		{"UNIX with a network and high bits", true, unix.SYS_SOCKET, []uint64{high | unix.AF_UNIX, unix.SOCK_STREAM, 0}, unix.EAFNOSUPPORT},
		{"a pair with a network", true, unix.SYS_SOCKETPAIR, []uint64{unix.AF_UNIX, unix.SOCK_STREAM, 0}, 0},
		{"routes", false, unix.SYS_SOCKET, []uint64{unix.AF_NETLINK, unix.SOCK_RAW, unix.NETLINK_ROUTE}, 0},
		{"netfilter", false, unix.SYS_SOCKET, []uint64{unix.AF_NETLINK, unix.SOCK_RAW, unix.NETLINK_NETFILTER}, unix.EAFNOSUPPORT},
		{"packets", false, unix.SYS_SOCKET, []uint64{unix.AF_PACKET, unix.SOCK_RAW, 0}, unix.EAFNOSUPPORT},
		{"algorithms", false, unix.SYS_SOCKET, []uint64{unix.AF_ALG, unix.SOCK_SEQPACKET, 0}, unix.EAFNOSUPPORT},
		{"vsock", true, unix.SYS_SOCKET, []uint64{unix.AF_VSOCK, unix.SOCK_STREAM, 0}, unix.EAFNOSUPPORT},
		{"personality asked", false, unix.SYS_PERSONALITY, []uint64{0xffffffff}, 0},
		{"personality of a race detector", false, unix.SYS_PERSONALITY, []uint64{addrNoRandomize}, 0},
		{"READ_IMPLIES_EXEC", false, unix.SYS_PERSONALITY, []uint64{0x0400000}, unix.EPERM},
		{"the limit of core dumps", false, unix.SYS_SETRLIMIT, []uint64{unix.RLIMIT_CORE, high}, unix.EPERM},
		{"another limit", false, unix.SYS_SETRLIMIT, []uint64{unix.RLIMIT_NOFILE, high}, 0},
		{"the limit of core dumps, the newer way", false, unix.SYS_PRLIMIT64, []uint64{0, unix.RLIMIT_CORE, 1, 0}, unix.EPERM},
		{"the limit of core dumps, at a high address", false, unix.SYS_PRLIMIT64, []uint64{0, unix.RLIMIT_CORE, high, 0}, unix.EPERM},
		{"a look at the limit of core dumps", false, unix.SYS_PRLIMIT64, []uint64{0, unix.RLIMIT_CORE, 0, 1}, 0},
		{"another limit, the newer way", false, unix.SYS_PRLIMIT64, []uint64{0, unix.RLIMIT_NOFILE, 1, 0}, 0},
		{"another ABI's number", false, x32 | unix.SYS_READ, nil, unix.ENOSYS},
	} {
		if got := judge(t, c.network, auditArch, c.number, c.args...); got != c.want {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
	for _, arch := range []uint32{unix.AUDIT_ARCH_I386, unix.AUDIT_ARCH_ARM, 0} {
		if got := judge(t, false, arch, unix.SYS_READ); got != unix.ENOSYS {
			t.Errorf("architecture %#x: %v", arch, got)
		}
	}
	for _, n := range refused() {
		if got := judge(t, true, auditArch, n); got != unix.EPERM {
			t.Errorf("call %d: %v", n, got)
		}
	}
	if _, err := compile(filter(true, true)); err != nil {
		t.Error(err)
	}
}
