// Package stdin collects lines from standard input, or any other stream that is read once.
//
// Such a stream can't be resumed: what was read and not taken in is gone, and a position says only how far the reading
// came. A restarted collector goes on with whatever the stream gives next, and numbers lines from 1 again.
package stdin

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/logwright/logwright/collectors"
	"github.com/logwright/logwright/collectors/events"
)

// Stream, File and Service are what every batch of this collector carries.
const (
	Stream  = "stdin"
	File    = "-"
	Service = "stdin"
)

const (
	chunkLen = 256 << 10
	maxLines = 8192
)

// Options are what a Collector gets from its surroundings. The zero value is ready for production.
type Options struct {
	// MaxLine is the length in bytes at which a line is cut, 1 MiB where 0.
	MaxLine int
	// Now is the clock, time.Now where nil.
	Now func() time.Time
}

// Collector reads one stream.
type Collector struct {
	r   io.Reader
	opt Options
}

var _ collectors.Collector = (*Collector)(nil)

// New makes a collector of r.
func New(r io.Reader, opts Options) *Collector {
	if opts.MaxLine <= 0 {
		opts.MaxLine = 1 << 20
	}
	if opts.Now == nil {
		opts.Now = time.Now
	}
	return &Collector{r: r, opt: opts}
}

// chunk is what one read gave.
type chunk struct {
	b   []byte
	err error
}

// Collect reads to the end of the stream or until ctx ends, and returns nil then. See collectors.Collector; from is not used.
// An error of reading is returned after the lines that came before it.
//
// A read from a terminal or a pipe can't be interrupted, so reading is in a goroutine of its own, which may outlive Collect
// until its read returns. What such a read gives is lost; a second Collect on the same stream is only of use after the
// first one's end of input.
func (c *Collector) Collect(ctx context.Context, _ collectors.Cursor, emit func(collectors.Batch) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	// Two buffers take turns: one is filled while the lines of the other are taken in.
	free, full := make(chan []byte, 2), make(chan chunk)
	free <- make([]byte, chunkLen)
	free <- make([]byte, chunkLen)
	go func() {
		defer close(full)
		for {
			var b []byte
			select {
			case b = <-free:
			case <-ctx.Done():
				return
			}
			n, err := c.r.Read(b[:chunkLen])
			select {
			case full <- chunk{b[:n], err}:
			case <-ctx.Done():
				return
			}
			if err != nil {
				return
			}
		}
	}()
	s := splitter{max: c.opt.MaxLine}
	for {
		var in chunk
		select {
		case <-ctx.Done():
			return nil
		case in = <-full:
		}
		eof := in.err != nil
		more := true
		for rest := in.b; more; {
			rest, more = s.split(rest, eof)
			if len(s.lines) == 0 && !(eof && !more) {
				continue
			}
			err := emit(collectors.Batch{
				Stream: Stream, File: File, Service: Service, Lines: s.lines, ReadAt: c.opt.Now(),
				Position: binary.AppendUvarint(nil, uint64(s.offset)), Ended: eof && !more, More: more,
			})
			if err != nil {
				return err
			}
		}
		switch {
		case errors.Is(in.err, io.EOF):
			return nil
		case in.err != nil:
			return fmt.Errorf("standard input, after %d bytes: %w", s.offset, in.err)
		}
		free <- in.b
	}
}

// splitter makes lines of pieces of a stream.
type splitter struct {
	max   int
	lines []events.Line
	// partial is the beginning of a line whose end has not come, start its offset; skip says that the rest of the line is
	// to be passed over.
	partial []byte
	start   int64
	skip    bool
	offset  int64 // of what was split so far
	number  int64
}

// split takes lines from b into s.lines, and gives what it didn't take, with more set, where those are enough for a batch.
func (s *splitter) split(b []byte, eof bool) (rest []byte, more bool) {
	s.lines = s.lines[:0]
	if i := bytes.IndexByte(b, '\n'); i >= 0 && (len(s.partial) > 0 || s.skip) {
		// The end of a line that began in an earlier piece.
		s.grow(b[:i])
		s.flush()
		s.offset++
		b = b[i+1:]
	}
	if last := bytes.LastIndexByte(b, '\n'); last >= 0 {
		text := string(b[:last+1])
		at := 0
		for at < len(text) {
			if len(s.lines) >= maxLines {
				return b[at:], true
			}
			i := strings.IndexByte(text[at:], '\n')
			s.add(strings.TrimSuffix(text[at:at+i], "\r"), s.offset, false)
			s.offset += int64(i + 1)
			at += i + 1
		}
		b = b[last+1:]
	}
	s.grow(b)
	if eof {
		s.flush()
	}
	return nil, false
}

// grow adds b, which has no line end, to the line that began.
func (s *splitter) grow(b []byte) {
	if len(s.partial) == 0 {
		s.start = s.offset
	}
	s.offset += int64(len(b))
	if s.skip {
		return
	}
	s.partial = append(s.partial, b...)
	if len(s.partial) > s.max+1 { // one more, for the "\r" of a line that just fits
		s.add(string(s.partial[:s.max+1]), s.start, true)
		s.partial, s.skip = s.partial[:0], true
	}
}

// flush ends the line that began.
func (s *splitter) flush() {
	if len(s.partial) > 0 {
		s.add(strings.TrimSuffix(string(s.partial), "\r"), s.start, false)
	}
	s.partial, s.skip = s.partial[:0], false
}

// add makes a line of text, which begins at offset.
func (s *splitter) add(text string, offset int64, truncated bool) {
	s.number++
	if offset == 0 {
		text = strings.TrimPrefix(text, "\ufeff")
	}
	if len(text) > s.max {
		truncated = true
		n := s.max
		for i := n; i > n-utf8.UTFMax && i > 0; i-- {
			if utf8.RuneStart(text[i]) {
				n = i
				break
			}
		}
		text = text[:n]
	}
	s.lines = append(s.lines, events.Line{Text: text, Number: s.number, Offset: offset, Truncated: truncated})
}
