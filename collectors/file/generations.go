package file

import (
	"cmp"
	"errors"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// generations begins streams for what was written and rotated away while nobody looked: older files of the log of s that
// no stream knows, and that were written after s. The time of last writing tells, which renaming and the usual compressors
// keep, and the number in the name where both have one.
func (r *run) generations(listing listings) error {
	byTime := func(a, b displaced) int { return cmp.Or(cmp.Compare(a.mtime, b.mtime), cmp.Compare(a.id, b.id)) }
	for _, d := range slices.SortedFunc(maps.Values(r.displaced), byTime) {
		again, err := r.generationsAfter(d, listing)
		if err != nil {
			return err
		}
		d.again = again
		r.displaced[d.id] = d
	}
	return nil
}

// generationsAfter is generations for one log; again says that a file was not ready to be judged.
func (r *run) generationsAfter(d displaced, listing listings) (again bool, err error) {
	var missed []entry
	s := d.stream
	number, numbered := rotationNumber(s.path)
	if fi, err := os.Lstat(s.path); err != nil || s.lost || d.empty || idOf(fi) != s.file() {
		numbered = false // it has no name any more, or one that is not known
	}
	for _, e := range listing.siblings(s) {
		name := filepath.Base(e.path)
		if r.byFile[e.id] != nil || !isRotationOf(name, filepath.Base(s.real)) && !isRotationOf(name, filepath.Base(s.base)) {
			continue
		}
		if p, ok := r.passed[e.id]; ok && p.why != whyCompressed {
			continue
		}
		older := e.mtime <= d.mtime
		if n, ok := rotationNumber(e.path); ok && numbered {
			older = older && e.mtime != d.mtime || n >= number
		}
		if older {
			continue
		}
		missed = append(missed, e)
	}
	if r.putOff(listing) {
		return true, nil // renamed while we looked: the list may lack one, and what is begun must be begun in order
	}
	slices.SortFunc(missed, func(a, b entry) int { return cmp.Compare(a.mtime, b.mtime) })
	for _, e := range missed {
		ready, err := r.beginMissed(s, e)
		if err == nil && !ready {
			ready, err = r.giveUp(s, e)
		} else {
			delete(r.unready, e.id)
		}
		if err != nil {
			return false, err
		}
		again = again || !ready
	}
	return again, nil
}

// unready is a compressed file that could not be read: since when, what it was like then, and whether that was told.
type unready struct {
	since       time.Time
	size, mtime int64
	told        bool
}

// maxUnready bounds what is remembered of files that can't be read.
const maxUnready = 1024

// giveUp says whether e, an older file of the log of s that can't be decompressed, has been the same for so long that no
// compressor is at work. What is in it is missing then, and that is told once.
func (r *run) giveUp(s *stream, e entry) (bool, error) {
	u, ok := r.unready[e.id]
	if !ok || u.size != e.size || u.mtime != e.mtime {
		if !ok && len(r.unready) >= maxUnready {
			clear(r.unready)
		}
		u = unready{since: r.now(), size: e.size, mtime: e.mtime}
	}
	over := r.now().Sub(u.since) >= r.cfg.RotatedWait
	tell := over && !u.told
	u.told = over
	r.unready[e.id] = u
	if !tell {
		return over, nil
	}
	b := r.batch(s)
	r.log.Warn("a compressed file can't be read", "file", e.path)
	b.Gaps = r.gaps(s, gapDamaged)
	return true, r.emit(b)
}

// rotationNumber gives the number of "app.log.3" or "app.log.3.gz".
func rotationNumber(path string) (int, bool) {
	name := compressedExt.ReplaceAllString(filepath.Base(path), "")
	i := strings.LastIndexByte(name, '.')
	if i < 0 || len(name)-i > 5 {
		return 0, false
	}
	n, err := strconv.Atoi(name[i+1:])
	return n, err == nil
}

// beginMissed begins a stream for e, an older file of the log of s. Ready is false where that can't be said yet: a compressor
// may still be writing.
func (r *run) beginMissed(s *stream, e entry) (ready bool, err error) {
	f, err := openFile(e.path, r.cfg.Symlinks)
	if err != nil {
		return true, nil // refused, or gone again
	}
	bound := false
	defer func() {
		if !bound {
			f.Close()
		}
	}()
	if fi, err := f.Stat(); err != nil || idOf(fi) != e.id {
		return false, nil // renamed since it was listed: another generation has that name now
	}
	src, err := open(f)
	if err != nil {
		return false, nil // not ready
	}
	defer discard(src)
	head := make([]byte, sampleLen+blockLen)
	n, err := src.ReadAt(head[:sampleLen], 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return false, nil
	}
	if n == 0 || binaryReason(e.path, head[:n]) != "" {
		return n > 0, nil
	}
	// A copy of what is being read, or was, is nothing new.
	for _, o := range r.byLog[s.real] {
		p := o.position
		if p.head == "" && o.f != nil {
			// Nothing was read of it when it was last seen; it may have been written and compressed since.
			k, _ := o.f.ReadAt(head[n:n+blockLen], 0) // no bytes, no likeness
			p.head = fingerprintOf(head[n : n+k])
		}
		if o.real != s.real || p.head == "" {
			continue
		}
		switch m, err := compareFile(f, &p); {
		case err != nil:
			return false, nil
		case m == matchFull, m == matchShort && o.rotated:
			return true, nil
		}
	}
	if p, ok := src.(plain); ok && r.copyOfCurrent(s, p) {
		return true, nil
	}
	r.log.Info("reading what was rotated away unseen", "file", e.path)
	b := r.begin(e.path, s.base, s.real)
	b.head = fingerprintOf(head[:n])
	bound = true
	if err := r.bind(b, e, f, nil); err != nil {
		return true, err
	}
	batch := r.batch(b)
	if s.head == "" && !s.rotated {
		batch.Gaps = r.gaps(s, gapTruncated) // only a copy can have been made of a file that was emptied in place
	}
	return true, r.emit(batch)
}

// copyOfCurrent says whether f has the same content as the current file of the log of s, which may not be known yet.
func (r *run) copyOfCurrent(s *stream, f plain) bool {
	c, err := openFile(s.base, r.cfg.Symlinks)
	if err != nil {
		return false
	}
	defer c.Close()
	a, errA := f.Stat()
	b, errB := c.Stat()
	return errA == nil && errB == nil && sameContent(f, a.Size(), c, b.Size())
}
