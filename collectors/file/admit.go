package file

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/logwright/logwright/agent/incident"
	"github.com/logwright/logwright/collectors"
)

// patternStream is the stream whose position keeps the patterns; it never has lines.
const patternStream = "patterns"

// maxCount is up to which size the lines before the end are counted for a file that begins at its end. Above it, lines have
// no number until the file is rotated: reading all of it would cost the first start too much.
const maxCount = 16 << 20

// restore takes up the streams of the cursor. None is bound to a file yet.
func (r *run) restore(from collectors.Cursor) error {
	ids := make([]string, 0, len(from))
	for id := range from {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	for _, id := range ids {
		if id == patternStream {
			if p, ok := decodePatterns(from[id]); ok {
				r.knew = p
			}
			continue
		}
		p, err := decodePosition(from[id])
		if err != nil {
			b := collectors.Batch{Stream: id, Ended: true, ReadAt: r.now(), Gaps: []incident.Gap{{
				Source: r.cfg.Name, At: r.now(), Reason: "the position of a file can't be read; it is as if never seen",
			}}}
			r.log.Error("the position of a file can't be read", "stream", id, "error", err)
			if err := r.emit(b); err != nil {
				return err
			}
			continue
		}
		s := &stream{id: id, lost: true, rotated: true, quiet: r.now(), size: -1}
		s.position = p
		r.add(s)
	}
	return nil
}

// keepPatterns commits the patterns where they changed.
func (r *run) keepPatterns() error {
	p := r.cfg.patterns()
	if r.knew != nil && bytes.Equal(r.knew.encode(), p.encode()) {
		return nil
	}
	r.knew = &p
	return r.emit(collectors.Batch{Stream: patternStream, Position: p.encode(), ReadAt: r.now()})
}

// passed is a file that was looked at and is not read. It is looked at again when it has changed.
type passed struct {
	why         string
	size, mtime int64
}

// The reasons why a file is passed without a word: a compressed file is only read where it carries on a stream.
const (
	whyCompressed = "compressed"
	whyCopy       = "copy"
)

// admit begins a stream for a file that is not known, unless it is nothing to read.
func (r *run) admit(e entry) error {
	if p, ok := r.passed[e.id]; ok && p.size == e.size && p.mtime == e.mtime || r.byFile[e.id] != nil {
		return nil
	}
	delete(r.passed, e.id)
	if len(r.streams) >= r.cfg.MaxFiles {
		r.refused = true
		if !r.crowded {
			r.crowded = true
			r.log.Warn("there are more log files than max_files: some are not read", "max_files", r.cfg.MaxFiles, "file", e.path,
				"hint", "make the patterns narrower, or raise max_files; each file takes some KiB of memory")
		}
		return nil
	}
	pass := func(why string) { r.passed[e.id] = passed{why, e.size, e.mtime} }
	f, err := openFile(e.path, r.cfg.Symlinks)
	if err != nil {
		if !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, unix.EAGAIN) {
			r.tell(e.path, err)
		}
		return nil
	}
	bound := false
	defer func() {
		if !bound {
			f.Close()
		}
	}()
	fi, err := f.Stat()
	if err != nil || idOf(fi) != e.id {
		r.rescan = true // replaced since it was listed
		return nil
	}
	head := make([]byte, sampleLen)
	n, err := f.ReadAt(head, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		r.tell(e.path, err)
		return nil
	}
	head = head[:n]
	if compressionOf(head) != "" {
		pass(whyCompressed)
		return nil
	}
	if reason := binaryReason(e.path, head); reason != "" {
		pass(reason)
		r.tell(e.path, &refusal{path: e.path, reason: reason})
		return nil
	}
	if s := r.replacedBy(e, f, fi.Size()); s != nil {
		bound = true
		return r.bind(s, e, f, map[fileID]entry{e.id: e})
	}
	switch r.isCopy(e, f, fi.Size()) {
	case copyYes:
		pass(whyCopy)
		return nil
	case copyLater:
		r.rescan = true
		return nil
	}
	target, err := filepath.EvalSymlinks(e.path)
	if err != nil {
		target = e.path
	}
	s := r.begin(e.path, e.path, target)
	if o := r.logOf(e.path); o != nil {
		r.unnote(s)
		s.base, s.real = o.base, o.real
		r.note(s)
	}
	bound = true
	s.via = linksOn(e.path)
	if err := r.bind(s, e, f, map[fileID]entry{e.id: e}); err != nil {
		return err
	}
	s.head = fingerprintOf(head)
	s.rotated = !isCurrent(s)
	if r.first && r.cfg.Start == StartEnd && (r.knew == nil || !r.knew.match(e.path)) {
		if err := toEnd(s, f, fi.Size()); err != nil {
			r.tell(e.path, err)
		}
	}
	return r.emit(r.batch(s))
}

// toEnd moves s to the end of f, over an unfinished line too.
func toEnd(s *stream, f *os.File, size int64) error {
	head := make([]byte, 2)
	f.ReadAt(head, 0) //nolint:errcheck // an empty file has no head
	width := int64(1)
	if encodingOf(head) != encodingBytes {
		width = 2
	}
	s.offset = size / width * width
	if s.offset == 0 {
		return nil
	}
	look := min(blockLen, s.offset)
	buf := make([]byte, look)
	if n, err := f.ReadAt(buf, s.offset-look); int64(n) < look {
		return err
	}
	s.block = blockOf(buf)
	s.skip = buf[look-1] != '\n' && (width == 1 || buf[look-2] != '\n')
	s.line = -1
	if size <= maxCount && width == 1 {
		n, err := countLines(io.NewSectionReader(f, 0, s.offset))
		if err != nil {
			return err
		}
		s.line = n
		if s.skip {
			s.line++
		}
	}
	return nil
}

func countLines(r io.Reader) (n int64, err error) {
	buf := make([]byte, 64<<10)
	for {
		m, err := r.Read(buf)
		n += int64(bytes.Count(buf[:m], []byte{'\n'}))
		if errors.Is(err, io.EOF) {
			return n, nil
		}
		if err != nil {
			return n, err
		}
	}
}

// replacedBy gives the stream whose content f, found at e, carries on in its place: rsync, editors and backups write a log
// anew, with all that was in it, and move it over the old file. That has no name any more then.
func (r *run) replacedBy(e entry, f *os.File, size int64) *stream {
	for _, s := range r.byLog[e.path] {
		if s.lost || s.f == nil || s.path != e.path || s.base != e.path && s.real != e.path {
			continue
		}
		fi, err := s.f.Stat()
		// Little can be the same by chance: the first words of a service that was started again.
		if err != nil || linksTo(fi) > 0 || fi.Size() < blockLen || fi.Size() > size {
			continue
		}
		if sameContent(f, size, s.f, fi.Size()) {
			if r.byFile[s.file()] == s {
				delete(r.byFile, s.file())
			}
			return s
		}
	}
	return nil
}

type copied int

const (
	copyNo    copied = iota
	copyYes          // the same content as a log that is being read
	copyLater        // can't be said before a truncation is dealt with
)

// isCopy says whether f, found at e, is what copytruncate (or a person) copied from a log that is being read. Only a file
// whose name says that it is an older one of that log is asked: other files with the same content are other logs.
func (r *run) isCopy(e entry, f *os.File, size int64) copied {
	for _, s := range r.newerOf(e.path) {
		if s.lost || s.packed || s.file() == e.id {
			continue
		}
		src, err := r.source(s)
		if err != nil {
			return copyLater
		}
		live, ok := src.(plain)
		if !ok {
			continue
		}
		if now, err := compare(live, &s.position); err != nil || now != matchFull && s.head != "" {
			s.dirty = true
			s.rewind()
			return copyLater
		}
		fi, err := live.Stat()
		if err == nil && sameContent(f, size, live, fi.Size()) {
			return copyYes
		}
	}
	return copyNo
}
