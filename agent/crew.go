package agent

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"
)

// crew is who acts at the moment. It outlives a reload: what is being done is finished. One action at a time is done for
// one service.
type crew struct {
	mu      sync.Mutex
	busy    map[string]context.CancelCauseFunc
	running sync.WaitGroup
}

func newCrew() *crew { return &crew{busy: map[string]context.CancelCauseFunc{}} }

var errStopped = errors.New("the kill switch was turned on")

// claim reserves a service; it is false where something is being done for it.
func (c *crew) claim(service string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, ok := c.busy[service]; ok {
		return false
	}
	c.busy[service] = func(error) {}
	return true
}

func (c *crew) release(service string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.busy, service)
}

// acting says whether anything is being done, or about to be.
func (c *crew) acting() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.busy) > 0
}

// stop interrupts whatever is being done.
func (c *crew) stop() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, cancel := range c.busy {
		cancel(errStopped)
	}
}

// wait gives what is being done time to end.
func (c *crew) wait(most time.Duration, log *slog.Logger) {
	done := make(chan struct{})
	go func() {
		c.running.Wait()
		close(done)
	}()
	t := time.NewTimer(most)
	defer t.Stop()
	select {
	case <-done:
	case <-t.C:
		log.Error("an action does not end; the next start looks for what came of it")
	}
}

// start does f for a claimed service, and releases it.
func (c *crew) start(ctx context.Context, service string, f func(context.Context)) {
	ctx, cancel := context.WithCancelCause(ctx)
	c.mu.Lock()
	c.busy[service] = cancel
	c.mu.Unlock()
	c.running.Go(func() {
		defer cancel(nil)
		defer c.release(service)
		f(ctx)
	})
}
