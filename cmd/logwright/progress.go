package main

import (
	"fmt"
	"io"
	"os"
	"time"

	"golang.org/x/term"
)

// progress shows on a terminal how far a long reading is. On anything else it is silent.
type progress struct {
	w     io.Writer
	size  int64
	start time.Time
	last  time.Time
	shown bool
}

func newProgress(w io.Writer, size int64) *progress {
	p := &progress{size: size, start: time.Now()}
	if f, ok := w.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		p.w = w
	}
	return p
}

// read says that n bytes were read. Nothing is shown for what is done within a second.
func (p *progress) read(n int64) {
	if p.w == nil {
		return
	}
	now := time.Now()
	if now.Sub(p.start) < time.Second || now.Sub(p.last) < 100*time.Millisecond {
		return
	}
	p.last, p.shown = now, true
	rate := float64(n) / now.Sub(p.start).Seconds()
	if p.size > n {
		left := time.Duration(float64(p.size-n) / rate * float64(time.Second)).Round(time.Second)
		fmt.Fprintf(p.w, "\r\x1b[Kreading %d%% of %d MiB, %s left", n*100/p.size, p.size>>20, left)
		return
	}
	fmt.Fprintf(p.w, "\r\x1b[Kreading, %d MiB so far", n>>20)
}

// asking says that the model is asked about the nth of m incidents.
func (p *progress) asking(n, m int) {
	if p.w == nil {
		return
	}
	p.shown = true
	fmt.Fprintf(p.w, "\r\x1b[Kasking the model about incident %d of %d", n, m)
}

func (p *progress) done() {
	if p.shown {
		fmt.Fprint(p.w, "\r\x1b[K")
	}
}
