package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"

	"github.com/logwright/logwright/agent/repair/sandbox"
)

// NeedError says what this host lacks for the demo, and what to do about it.
type NeedError struct {
	What, Fix string
}

func (e *NeedError) Error() string { return e.What }

// tools looks whether git and Go are there.
func tools() error {
	if _, err := exec.LookPath("git"); err != nil {
		return &NeedError{"the demo makes a git repository, and there is no git on the PATH", "apt-get install git"}
	}
	if _, err := exec.LookPath("go"); err != nil {
		return &NeedError{"the demo builds and tests a small service in Go, and there is no go on the PATH", "install Go 1.24 or later: https://go.dev/dl/"}
	}
	return nil
}

// walls sees to it that patches can be proven here: where only bubblewrap is missing it is installed, which is said before.
func walls(ctx context.Context, c sandbox.Config, say func(format string, args ...any), output io.Writer) error {
	no, err := unavailable(c)
	if no == nil {
		return err
	}
	if _, err := exec.LookPath("bwrap"); err == nil {
		return &NeedError{"patches can't be proven here: " + no.Why, no.Fix}
	}
	if err := installBubblewrap(ctx, os.Geteuid() == 0, say, output); err != nil {
		return err
	}
	if no, err = unavailable(c); no != nil {
		return &NeedError{"bubblewrap is installed, and patches still can't be proven here: " + no.Why, no.Fix}
	}
	return err
}

// unavailable says why there can be no sandbox here; nil where there can.
func unavailable(c sandbox.Config) (*sandbox.UnavailableError, error) {
	_, err := sandbox.New(c, sandbox.Options{Redact: func(s string) string { return s }})
	if no, ok := errors.AsType[*sandbox.UnavailableError](err); ok {
		return no, nil
	}
	return nil, err
}

// installBubblewrap asks apt-get for it, as root or by sudo. It says what it does, before.
func installBubblewrap(ctx context.Context, root bool, say func(format string, args ...any), output io.Writer) error {
	need := &NeedError{"patches are proven in a sandbox, and bubblewrap is not installed", "apt-get install bubblewrap, as root"}
	if _, err := exec.LookPath("apt-get"); err != nil {
		need.Fix = "install bubblewrap, then run this again"
		return need
	}
	apt := []string{"apt-get"}
	if !root {
		if _, err := exec.LookPath("sudo"); err != nil {
			return need
		}
		apt = []string{"sudo", "apt-get"}
	}
	command := slices.Concat(apt, []string{"install", "-y", "--no-install-recommends", "bubblewrap"})
	say("bubblewrap is missing; it is the sandbox that patches are proven in. It is installed now: %s", strings.Join(command, " "))
	err := install(ctx, command, output)
	if err != nil && ctx.Err() == nil { // a package list that is too old, or none at all
		if err = install(ctx, append(apt, "update"), output); err == nil {
			err = install(ctx, command, output)
		}
	}
	if err != nil {
		need.What += fmt.Sprintf(", and could not be: %v", err)
		return need
	}
	return nil
}

func install(ctx context.Context, argv []string, output io.Writer) error {
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...) //nolint:gosec // one of two command lines above
	cmd.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, output, output
	return cmd.Run()
}
