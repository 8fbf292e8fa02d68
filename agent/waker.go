package agent

import (
	"context"
	"time"
)

// waker lets one goroutine sleep until another has something for it. Wakes while it works are remembered, as one.
type waker chan struct{}

func newWaker() waker { return make(waker, 1) }

func (w waker) wake() {
	select {
	case w <- struct{}{}:
	default:
	}
}

// wait returns when woken, or at a time where that is not zero. It says false when ctx has ended.
func (w waker) wait(ctx context.Context, at time.Time, now func() time.Time) bool {
	var alarm <-chan time.Time
	if !at.IsZero() {
		t := time.NewTimer(max(at.Sub(now()), 10*time.Millisecond))
		defer t.Stop()
		alarm = t.C
	}
	select {
	case <-ctx.Done():
		return false
	case <-w:
	case <-alarm:
	}
	return ctx.Err() == nil
}

// sleep waits for d. It says false when ctx has ended.
func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}
