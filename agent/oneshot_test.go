package agent

import (
	"context"
	"errors"
	"io"
	"os"
	"testing"

	"github.com/logwright/logwright/agent/config"
)

// silentAfter gives a line, cancels, and then never gives anything again, as a terminal does.
type silentAfter struct {
	cancel context.CancelFunc
	said   bool
}

func (r *silentAfter) Read(p []byte) (int, error) {
	if r.said {
		r.cancel()
		select {}
	}
	r.said = true
	return copy(p, "2026-01-02T03:04:05Z ERROR boom\n"), nil
}

func TestInterruptedOnAnIdleStandardInput(t *testing.T) {
	tmp := t.TempDir()
	t.Setenv("TMPDIR", tmp)
	for name, run := range map[string]func(context.Context, *OneShot) error{
		"explain": func(ctx context.Context, o *OneShot) error {
			return o.Explain(ctx, func(Explained) error { return nil })
		},
		"diagnose": func(ctx context.Context, o *OneShot) error {
			_, err := o.Diagnose(ctx, Asking{})
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			var in io.Reader = &silentAfter{cancel: cancel}
			if err := run(ctx, &OneShot{Config: config.Default(), Files: []string{Stdin}, Stdin: in}); !errors.Is(err, context.Canceled) {
				t.Errorf("interrupted, it says %v", err)
			}
		})
	}
	left, err := os.ReadDir(tmp)
	if err != nil || len(left) != 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}
