package file

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/logwright/logwright/agent/incident"
	"github.com/logwright/logwright/collectors"
)

// once reads every file to its end, in the order of the patterns, and returns.
func (c *Collector) once(ctx context.Context, from collectors.Cursor, emit func(collectors.Batch) error) error {
	r := &run{
		Collector: c, ctx: ctx, emit: emit, ch: chunker{maxLine: c.cfg.MaxLine}, told: map[string]string{},
	}
	found, errs := r.find()
	if len(found) == 0 && len(errs) == 0 {
		errs = append(errs, fmt.Errorf("no file matches %q", c.cfg.Include))
	}
	seen := map[fileID]bool{}
	for _, e := range found {
		if ctx.Err() != nil {
			return nil //nolint:nilerr // the end was asked for
		}
		if seen[e.id] {
			continue
		}
		seen[e.id] = true
		failed, err := r.readWhole(e, from)
		if err != nil {
			return err
		}
		if failed != nil {
			errs = append(errs, failed)
		}
	}
	return errors.Join(errs...)
}

// readWhole sends all lines of one file. failed is why it could not be read, err what ends everything.
func (r *run) readWhole(e entry, from collectors.Cursor) (failed, err error) {
	f, err := openFile(e.path, r.cfg.Symlinks)
	if err != nil {
		r.tell(e.path, err)
		return err, nil
	}
	defer f.Close()
	s := &stream{id: onceID(e.path)}
	s.path, s.base, s.real, s.block = e.path, e.path, e.path, blockOf(nil)
	s.dev, s.ino, s.mtime = e.id.dev, e.id.ino, e.mtime
	src, err := open(f)
	if err != nil {
		return fmt.Errorf("%s: %w", e.path, err), nil
	}
	defer func() { discard(src) }()
	head := make([]byte, sampleLen)
	n, err := src.ReadAt(head, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("%s: %w", e.path, err), nil
	}
	if reason := binaryReason(e.path, head[:n]); reason != "" {
		ref := &refusal{path: e.path, reason: reason}
		r.tell(e.path, ref)
		return ref, nil
	}
	if p, err := decodePosition(from[s.id]); err == nil {
		if p.ended {
			return nil, nil
		}
		check, err := open(f)
		if err != nil {
			return fmt.Errorf("%s: %w", e.path, err), nil
		}
		if m, err := compare(check, &p); err == nil && m == matchFull {
			s.position = p
			s.enc = encodingOf(head[:n])
			src, check = check, src
		}
		discard(check)
	}
	end := int64(-1)
	if _, ok := src.(plain); ok {
		if fi, err := f.Stat(); err == nil {
			end = fi.Size()
		}
	}
	return r.sendAll(s, src, end)
}

// sendAll sends all lines up to end, or to where src ends where that is negative: what is written faster than it is read
// must have an end, too.
func (r *run) sendAll(s *stream, src io.ReaderAt, end int64) (failed, err error) {
	for r.ctx.Err() == nil {
		out, readErr := r.ch.read(src, &s.progress, true)
		if out == more && end >= 0 && s.offset >= end && !s.skip {
			out = atEnd
		}
		b := r.batch(s)
		b.Lines = r.ch.lines
		switch {
		case readErr != nil:
			failed = fmt.Errorf("%s: read up to byte %d: %w", s.path, s.offset, readErr)
			b.Gaps = r.gaps(s, "the rest can't be read")
		case out == replaced:
			failed = fmt.Errorf("%s: truncated while it was read, at byte %d", s.path, s.offset)
			b.Gaps = r.gaps(s, gapTruncated)
		}
		if b.Ended = out != more || readErr != nil; b.Ended {
			s.ended = true
			b.Position = s.encode()
		}
		if b.Ended || len(b.Lines) > 0 {
			if err := r.emit(b); err != nil {
				return nil, err
			}
		}
		if b.Ended {
			return failed, nil
		}
	}
	return nil, nil
}

// gaps makes the gap at the end of s.
func (r *run) gaps(s *stream, reason string) []incident.Gap {
	r.log.Warn("lines of a log may have been missed", "file", s.base, "reason", reason)
	return []incident.Gap{{Source: r.cfg.Name, File: s.base, At: r.now(), Reason: reason}}
}

// onceID gives the stream of a file that is read once: by its path, as nothing is rotated meanwhile.
func onceID(path string) string {
	if abs, err := filepath.Abs(path); err == nil {
		path = abs
	}
	h := sha256.Sum256([]byte(path))
	return "o-" + hex.EncodeToString(h[:8])
}

// unixMode gives the mode as stat(2) does.
func unixMode(fi os.FileInfo) uint32 {
	switch m := fi.Mode(); {
	case m.IsDir():
		return unixDir
	case m&os.ModeNamedPipe != 0:
		return unixFIFO
	case m&os.ModeSocket != 0:
		return unixSocket
	}
	return unixDevice
}
