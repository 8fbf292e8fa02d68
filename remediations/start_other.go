//go:build !linux

package remediations

import "os/exec"

// start starts cmd with none of the daemon's descriptors; the umask is the daemon's.
func start(cmd *exec.Cmd) error {
	closeOnExec()
	return cmd.Start()
}
