package file

import (
	"context"
	"log/slog"
	"slices"
	"testing"

	"github.com/logwright/logwright/collectors"
)

// A line that its writer has only begun is told of, once, so that the event before it is not ended while its writer takes
// a break in the middle of the next line of it.
func TestUnendedLineIsToldOf(t *testing.T) {
	b := newBed(t, "*.log")
	b.append("app.log", "")
	type batch struct {
		lines []string
		more  bool
	}
	var got []batch
	wake, idle := make(chan struct{}), make(chan struct{})
	ctx, cancel := context.WithCancel(t.Context())
	c, err := New(b.cfg, Options{
		Logger: slog.New(slog.DiscardHandler), Now: b.clock.now, Wake: wake,
		Idle: func() {
			select {
			case idle <- struct{}{}:
			case <-ctx.Done():
			}
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error)
	go func() {
		done <- c.Collect(ctx, nil, func(cb collectors.Batch) error {
			if cb.File == "" || len(cb.Lines) == 0 && !cb.More {
				return nil
			}
			n := batch{more: cb.More}
			for i := range cb.Lines {
				n.lines = append(n.lines, cb.Lines[i].Text)
			}
			got = append(got, n)
			return nil
		})
	}()
	<-idle
	for _, step := range []struct {
		text string
		want []batch
	}{
		{"Traceback (most recent call last):\n  File", []batch{{[]string{"Traceback (most recent call last):"}, true}}},
		{" \"a.py\", line 1", nil},
		{", in f\n", []batch{{[]string{`  File "a.py", line 1, in f`}, false}}},
		{"Key", []batch{{nil, true}}},
		{"Error", nil},
		{"\n", []batch{{[]string{"KeyError"}, false}}},
	} {
		got = nil
		b.append("app.log", step.text)
		wake <- struct{}{}
		<-idle
		if !slices.EqualFunc(got, step.want, func(a, b batch) bool { return a.more == b.more && slices.Equal(a.lines, b.lines) }) {
			t.Errorf("after %q: %v, want %v", step.text, got, step.want)
		}
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}
