package journal

import (
	"sync"
	"testing"

	"github.com/logwright/logwright/collectors"
	"github.com/logwright/logwright/collectors/journal/journaltest"
)

// A batch that ends because it is full says that more comes: what a service prints line by line may be in two batches, and
// time that passes between them must not end its event. The last one takes the word back.
func TestFullBatchesSayThatMoreComes(t *testing.T) {
	j := journaltest.Start(t)
	const entries = 2*batchLines + 5
	for range entries {
		j.Print(3, "trouble")
	}
	j.Sync()
	var mu sync.Mutex
	var lines int
	var more []bool
	all := make(chan struct{})
	c := newCollector(t, Config{Directory: j.Dir(), Start: "beginning", Priority: "err"}, Options{})
	done := make(chan error, 1)
	go func() {
		done <- c.Collect(t.Context(), nil, func(b collectors.Batch) error {
			mu.Lock()
			defer mu.Unlock()
			if full := len(b.Lines) >= batchLines; full != b.More {
				t.Errorf("a batch of %d lines says more: %v", len(b.Lines), b.More)
			}
			lines += len(b.Lines)
			more = append(more, b.More)
			if lines == entries && !b.More {
				close(all)
			}
			return nil
		})
	}()
	select {
	case <-all:
	case err := <-done:
		t.Fatal(err)
	}
	mu.Lock()
	defer mu.Unlock()
	if len(more) < 3 || !more[0] {
		t.Errorf("batches of %d entries said more: %v", entries, more)
	}
}
