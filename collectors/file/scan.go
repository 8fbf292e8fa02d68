package file

import (
	"cmp"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// entry is a file that the patterns, or the directory of a log, lead to.
type entry struct {
	path  string
	id    fileID
	size  int64
	mtime int64
}

func entryOf(path string, fi os.FileInfo) entry {
	return entry{path: path, id: idOf(fi), size: fi.Size(), mtime: fi.ModTime().UnixNano()}
}

// scan looks at every file: which are new, renamed, gone, grown.
func (r *run) scan() error {
	began := r.now()
	r.lastScan, r.rescan, r.later = began, false, false
	r.scans++
	found, _ := r.find()
	listing := listings{}

	var fresh []entry
	present := map[fileID]bool{}
	for _, e := range found {
		present[e.id] = true
		s := r.byFile[e.id]
		if s == nil || s.lost {
			fresh = append(fresh, e)
			continue
		}
		if s.seen == r.scans {
			continue // another name of the same file
		}
		if s.path != e.path {
			if fi, err := os.Stat(s.path); err == nil && idOf(fi) == e.id {
				e.path = s.path // another name of the same file
			} else if !s.rotated {
				r.displace(s)
			}
		}
		r.found(s, e)
		s.seen, s.away = r.scans, 0
	}
	for _, s := range slices.Clone(r.order) {
		if s.seen == r.scans || s.lost {
			continue
		}
		current := !s.rotated
		r.locate(s, listing)
		if s.rotated && current {
			r.displace(s)
		}
	}
	// A truncation is seen before its copy is judged, or the copy would be taken for a new file.
	for _, s := range slices.Clone(r.order) {
		if !s.lost && !s.packed && s.size < max(s.offset, int64(len(s.head))) {
			s.dirty = true
			s.rewind()
			r.displace(s)
			if _, err := r.step(s, false); err != nil {
				return err
			}
		}
	}
	fresh, err := r.recover(fresh, listing)
	if err != nil {
		return err
	}
	// Older generations are committed before newer ones: should we be killed between, the newest that is known tells from
	// where on to look again. The second look is for a copy that was the current file's until that was truncated just now.
	if err := r.generations(listing); err != nil {
		return err
	}
	// The name of a current file is shorter than those of its older ones: copies are judged after what they are copies of.
	slices.SortStableFunc(fresh, func(a, b entry) int { return cmp.Compare(len(a.path), len(b.path)) })
	// A newer file is not begun before it is sure that all older ones are known. In a directory that changes all the time it is
	// never quite sure.
	if len(fresh) > 0 && len(r.displaced) > 0 && r.putOff(listing) {
		fresh = nil
	}
	for _, e := range fresh {
		if err := r.admit(e); err != nil {
			return err
		}
	}
	if err := r.generations(listing); err != nil {
		return err
	}
	for id, d := range r.displaced {
		if !d.again && !r.unsure || r.streams[id] == nil {
			delete(r.displaced, id)
		}
	}
	for id := range r.passed {
		if !present[id] {
			delete(r.passed, id)
		}
	}
	if err := r.settle(); err != nil {
		return err
	}
	r.index()
	if r.unsure {
		r.unsures++
		r.unsure, r.rescan = false, true
	} else if r.unsures = 0; r.first {
		r.first = false
		if err := r.keepPatterns(); err != nil {
			return err
		}
	}
	r.scanTook = max(0, r.now().Sub(began))
	return nil
}

// maxUnsure is how many scans in a row may be put off because files are being renamed.
const maxUnsure = 20

// putOff says whether what the listing tells of older and newer files is to be judged by the next scan instead, because they
// are being renamed.
func (r *run) putOff(l listings) bool {
	r.unsure = r.unsure || r.unsures < maxUnsure && l.changed()
	return r.unsure
}

// found takes note of where and how large s is now.
func (r *run) found(s *stream, e entry) {
	if s.path != e.path {
		s.path = e.path
		s.dirty = true
	}
	now := !isCurrent(s)
	if now && !s.rotated {
		s.quiet, s.dirty = r.now(), true
	}
	s.rotated = now
	r.writtenSinceEmpty(s, e)
	if e.size != s.size || e.mtime != s.mtime {
		s.dirty, s.quiet = true, r.now() // also where it is an unfinished line that grows
		if e.size < s.size {
			s.rewind()
		}
		s.size = e.size
	}
}

// isCurrent says whether s is the current file of its log by its path.
func isCurrent(s *stream) bool { return s.path == s.base || s.path == s.real }

// locate finds out what became of a file that the patterns don't lead to any more.
func (r *run) locate(s *stream, listing listings) {
	if s.away == 0 {
		s.away = r.now().Unix()
	}
	if fi, err := os.Stat(s.path); err == nil && idOf(fi) == s.file() {
		r.found(s, entryOf(s.path, fi))
		return
	}
	for _, e := range listing.siblings(s) {
		if e.id == s.file() {
			r.found(s, e)
			s.rotated = true
			return
		}
	}
	if s.f != nil || s.z != nil {
		if !s.rotated {
			s.rotated, s.dirty, s.quiet = true, true, r.now()
		}
		if s.f != nil {
			if fi, err := s.f.Stat(); err == nil && fi.Size() != s.size {
				s.size, s.dirty, s.quiet = fi.Size(), true, r.now()
			}
		}
		return
	}
	s.rotated, s.lost = true, true
	s.quiet = r.now()
	delete(r.byFile, s.file())
}

// settle ends what is over and forgets what was over for long, or earlier where there are too many.
func (r *run) settle() error {
	now, refused := r.now(), r.refused
	r.refused = false
	for _, s := range slices.Clone(r.order) {
		quiet := now.Sub(s.quiet) >= r.cfg.RotatedWait
		var err error
		switch {
		case s.lost && s.head == "":
			if err := r.drop(s); err != nil {
				return err
			}
			continue
		case s.lost && !s.ended && quiet:
			err = r.end(s, "gone with lines that were perhaps not read")
		case s.rotated && !s.lost && !s.ended && !s.dirty && quiet && s.failed == "":
			err = r.finish(s)
		}
		if err != nil {
			return err
		}
		crowd := refused || len(r.streams) >= r.cfg.MaxFiles
		if s.ended && s.away != 0 && s.seen != r.scans && (crowd || now.Sub(time.Unix(s.away, 0)) >= r.cfg.ForgetAfter) {
			if err := r.drop(s); err != nil {
				return err
			}
			r.rescan = r.rescan || refused // there is room now
		}
	}
	return nil
}

// finish takes the unfinished last line of a rotated file that stayed quiet, and ends its stream.
func (r *run) finish(s *stream) error {
	if s.head != "" && (!s.packed || s.searched > 0) {
		for {
			at := s.offset
			if _, err := r.step(s, true); err != nil {
				return err
			}
			if s.lost || s.offset == at || s.packed && !s.dirty {
				break
			}
		}
	}
	if s.lost {
		return nil
	}
	return r.end(s, "")
}

// index makes the names by which inotify tells of files, and sees to it that their directories are watched.
func (r *run) index() {
	clear(r.byPath)
	dirs := map[string]bool{}
	for _, s := range r.order {
		if s.lost {
			continue
		}
		r.byPath[s.path] = append(r.byPath[s.path], s)
		if s.real != s.path && isCurrent(s) {
			r.byPath[s.real] = append(r.byPath[s.real], s)
		}
		if !s.ended {
			dirs[filepath.Dir(s.path)] = true
			dirs[filepath.Dir(s.real)] = true
			for _, d := range s.via {
				dirs[d] = true
			}
		}
	}
	for _, d := range r.matchable {
		if len(dirs) >= maxDirs {
			break // what comes there is still found by polling
		}
		dirs[d] = true
	}
	for d := range dirs {
		r.w.add(d)
	}
	r.w.keep(dirs)
}
