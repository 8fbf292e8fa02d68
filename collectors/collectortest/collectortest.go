// Package collectortest is the conformance suite that every collector passes: what collectors.Collector promises, as tests.
package collectortest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"sync/atomic"
	"testing"

	"github.com/logwright/logwright/collectors"
)

// Source is something to collect from, made for one test.
type Source struct {
	// New gives a collector of the source, as a process that was just started would make it. It reads from the
	// beginning where the cursor says nothing.
	New func(t *testing.T) collectors.Collector
	// Append writes lines to the source, as the service would. They are safe to be read when it returns. It may be called
	// before and between runs of collectors, and during one where the source does not end.
	Append func(t *testing.T, lines []string)
	// Wake makes the running collector look, nil where it finds out by itself. It may block until the collector takes notice
	// or the context, that of the collector, ends.
	Wake func(ctx context.Context)
	// Ends says that Collect returns at the end of the source by itself. Else it goes on until its context ends.
	Ends bool
	// Resumable says that a collector goes on where a committed cursor says. Standard input can't.
	Resumable bool
}

// Lines is how many lines most tests write; enough that a collector needs several batches.
const Lines = 20_000

// Run tests the sources that newSource makes; each is used for one subtest.
func Run(t *testing.T, newSource func(t *testing.T) Source) {
	t.Helper()
	for _, tc := range []struct {
		name string
		run  func(*testing.T, Source)
	}{
		{"every line once and in order", everyLine},
		{"a batch says where it comes from", described},
		{"goes on from every committed cursor", resume},
		{"a refused batch is not lost", refused},
		{"stops when its context ends", cancelled},
		{"stops when its context ends during emit", cancelledInEmit},
		{"one emit at a time and none ahead", backpressure},
		{"lines that come while it runs", follows},
		{"nothing again after everything was read", nothingTwice},
	} {
		t.Run(tc.name, func(t *testing.T) { tc.run(t, newSource(t)) })
	}
}

// numbered makes the lines from to to, each different and of different length.
func numbered(from, to int) []string {
	out := make([]string, 0, to-from)
	for i := from; i < to; i++ {
		out = append(out, fmt.Sprintf("line %d %0*d", i, 1+i%90, i))
	}
	return out
}

// collected is what a consumer has taken in.
type collected struct {
	cursor collectors.Cursor
	texts  []string
}

// take takes b in, as the store does.
func (c *collected) take(b collectors.Batch) {
	for _, l := range b.Lines {
		c.texts = append(c.texts, l.Text)
	}
	switch {
	case b.Position != nil:
		c.cursor[b.Stream] = append([]byte(nil), b.Position...)
	case b.Ended:
		delete(c.cursor, b.Stream)
	}
}

func (c *collected) clone() *collected {
	return &collected{maps.Clone(c.cursor), append([]string(nil), c.texts...)}
}

func empty() *collected { return &collected{cursor: collectors.Cursor{}} }

// run collects from where got was left until want lines are there in all, or the source ends. after, where not nil, is
// called after each batch that was taken in.
func run(t *testing.T, s Source, got *collected, want int, after func(collectors.Batch)) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	if s.Wake != nil {
		go s.Wake(ctx)
	}
	if len(got.texts) >= want && !s.Ends {
		cancel()
	}
	err := s.New(t).Collect(ctx, maps.Clone(got.cursor), func(b collectors.Batch) error {
		got.take(b)
		if after != nil {
			after(b)
		}
		if len(got.texts) >= want && !s.Ends {
			cancel()
		}
		return nil
	})
	if err != nil {
		t.Fatalf("Collect: %v", err)
	}
}

func same(t *testing.T, what string, got, want []string) {
	t.Helper()
	for i := range min(len(got), len(want)) {
		if got[i] != want[i] {
			t.Fatalf("%s: line %d is %.80q, want %.80q", what, i, got[i], want[i])
		}
	}
	if len(got) != len(want) {
		t.Fatalf("%s: %d lines, want %d", what, len(got), len(want))
	}
}

func everyLine(t *testing.T, s Source) {
	want := numbered(0, Lines)
	s.Append(t, want)
	got := empty()
	run(t, s, got, len(want), nil)
	same(t, "read", got.texts, want)
}

func described(t *testing.T, s Source) {
	s.Append(t, numbered(0, Lines))
	number, offset := int64(0), int64(-1)
	run(t, s, empty(), Lines, func(b collectors.Batch) {
		if b.Stream == "" || b.ReadAt.IsZero() {
			t.Errorf("a batch without stream or time: %q %v", b.Stream, b.ReadAt)
		}
		if b.Position == nil && !b.Ended {
			t.Error("a batch without position")
		}
		if len(b.Lines) > 0 && (b.File == "" || b.Service == "" && b.Lines[0].Meta == nil) {
			t.Errorf("lines without file or service: %q %q", b.File, b.Service)
		}
		for _, l := range b.Lines {
			if l.Number != 0 && l.Number != number+1 || l.Offset >= 0 && l.Offset <= offset {
				t.Fatalf("number %d after %d, offset %d after %d", l.Number, number, l.Offset, offset)
			}
			number, offset = l.Number, l.Offset
		}
	})
}

func resume(t *testing.T, s Source) {
	if !s.Resumable {
		t.Log("not resumable, by what it says of itself: nothing to test")
		return
	}
	want := numbered(0, Lines)
	s.Append(t, want)
	var at []*collected
	got := empty()
	run(t, s, got, len(want), func(collectors.Batch) { at = append(at, got.clone()) })
	if len(at) < 3 {
		t.Fatalf("only %d batches for %d lines: too few to test resuming", len(at), len(want))
	}
	for i, c := range at {
		had := len(c.texts)
		run(t, s, c, len(want), nil)
		same(t, fmt.Sprintf("resumed after batch %d with %d lines", i, had), c.texts, want)
	}
}

func refused(t *testing.T, s Source) {
	want := numbered(0, Lines)
	s.Append(t, want)
	got := empty()
	boom := errors.New("the store is full")
	for n := 0; ; n++ {
		calls, failed := 0, false
		ctx, cancel := context.WithCancel(t.Context())
		if s.Wake != nil {
			go s.Wake(ctx)
		}
		err := s.New(t).Collect(ctx, maps.Clone(got.cursor), func(b collectors.Batch) error {
			if failed {
				t.Error("emit was called again after it refused")
			}
			if calls++; calls > 1+n%2 {
				failed = true
				return boom
			}
			got.take(b)
			if len(got.texts) >= len(want) && !s.Ends {
				cancel()
			}
			return nil
		})
		cancel()
		if !failed {
			if err != nil {
				t.Fatalf("Collect: %v", err)
			}
			break
		}
		if !errors.Is(err, boom) {
			t.Fatalf("Collect returned %v, want what emit returned", err)
		}
		if !s.Resumable {
			return
		}
		if n > Lines {
			t.Fatal("no end")
		}
	}
	same(t, "read with refusals", got.texts, want)
}

func cancelled(t *testing.T, s Source) {
	s.Append(t, numbered(0, Lines))
	ctx, cancel := context.WithCancel(t.Context())
	if s.Wake != nil {
		go s.Wake(ctx)
	}
	var returned atomic.Bool
	err := s.New(t).Collect(ctx, nil, func(collectors.Batch) error {
		if returned.Load() {
			t.Error("emit was called after Collect returned")
		}
		cancel()
		return nil
	})
	returned.Store(true)
	cancel()
	if err != nil {
		t.Fatalf("Collect after its context ended: %v, want nil", err)
	}
}

func cancelledInEmit(t *testing.T, s Source) {
	s.Append(t, numbered(0, Lines))
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	if s.Wake != nil {
		go s.Wake(ctx)
	}
	err := s.New(t).Collect(ctx, nil, func(collectors.Batch) error {
		cancel()
		<-ctx.Done()
		return ctx.Err()
	})
	if err != nil && !errors.Is(err, context.Canceled) {
		t.Fatalf("Collect: %v", err)
	}
}

func backpressure(t *testing.T, s Source) {
	want := numbered(0, Lines)
	s.Append(t, want)
	var inside atomic.Int32
	got := empty()
	run(t, s, got, len(want), func(b collectors.Batch) {
		if inside.Add(1) != 1 {
			t.Error("emit was called while another call was under way")
		}
		size := 0
		for _, l := range b.Lines {
			size += len(l.Text)
		}
		if size > 4<<20 {
			t.Errorf("a batch of %d bytes", size)
		}
		inside.Add(-1)
	})
	same(t, "read", got.texts, want)
}

func follows(t *testing.T, s Source) {
	if s.Ends {
		t.Log("it ends by itself: nothing to test")
		return
	}
	want := numbered(0, 10*100)
	s.Append(t, want[:100])
	got, written := empty(), 100
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	if s.Wake != nil {
		go s.Wake(ctx)
	}
	err := s.New(t).Collect(ctx, nil, func(b collectors.Batch) error {
		got.take(b)
		if len(got.texts) < written {
			return nil
		}
		if written == len(want) {
			cancel()
			return nil
		}
		s.Append(t, want[written:written+100])
		written += 100
		if s.Wake != nil {
			go s.Wake(ctx)
		}
		return nil
	})
	if err != nil {
		t.Fatalf("Collect: %v", err)
	}
	same(t, "followed", got.texts, want)
}

func nothingTwice(t *testing.T, s Source) {
	if !s.Resumable {
		t.Log("not resumable, by what it says of itself: nothing to test")
		return
	}
	want := numbered(0, 100)
	s.Append(t, want)
	got := empty()
	run(t, s, got, len(want), nil)
	for i := range 3 {
		if s.Ends {
			run(t, s, got, len(want), nil)
			continue
		}
		more := numbered(1000*i+1000, 1000*i+1010)
		s.Append(t, more)
		want = append(want, more...)
		run(t, s, got, len(want), nil)
	}
	same(t, "read in several runs", got.texts, want)
}
