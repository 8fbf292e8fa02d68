//go:build !linux || !(amd64 || arm64)

package sandbox

import (
	"context"
	"runtime"
)

// Sandbox runs jobs.
type Sandbox struct{}

func newSandbox(context.Context, Config, Options, guards) (*Sandbox, error) {
	return nil, &UnavailableError{
		Why: "there is none for " + runtime.GOOS + " on " + runtime.GOARCH,
		Fix: "run Logwright on Linux, on amd64 or arm64",
	}
}

// Run is never reached: New gives no Sandbox here.
func (s *Sandbox) Run(context.Context, Job) (Result, error) {
	_, err := newSandbox(context.Background(), Config{}, Options{}, nil)
	return Result{}, err
}

// Bounds is never reached: New gives no Sandbox here.
func (s *Sandbox) Bounds() []string { return nil }
