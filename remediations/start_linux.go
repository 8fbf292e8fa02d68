package remediations

import (
	"math"
	"os/exec"
	"runtime"
	"syscall"

	"golang.org/x/sys/unix"
)

// commandUmask is what commands run with, whatever the daemon's is.
const commandUmask = 0o022

// start starts cmd with a umask of its own and none of the daemon's descriptors.
func start(cmd *exec.Cmd) error {
	// Go opens everything close-on-exec. What was handed to the daemon when it was started is not, nor what C-like code opens.
	if err := unix.CloseRange(3, math.MaxUint32, unix.CLOSE_RANGE_CLOEXEC); err != nil {
		closeOnExec()
	}
	started := make(chan error)
	go func() {
		// The umask is the process's, but for a thread that took itself out. This one ends with the goroutine.
		runtime.LockOSThread()
		if err := unix.Unshare(unix.CLONE_FS); err == nil {
			syscall.Umask(commandUmask)
		}
		started <- cmd.Start()
	}()
	return <-started
}
