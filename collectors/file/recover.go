package file

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"golang.org/x/sys/unix"
)

// listings keeps the names in directories during one scan.
type listings map[string]listed

type listed struct {
	names []string
	mtime int64 // of the directory, before it was read
}

func (l listings) names(dir string) []string {
	d, ok := l[dir]
	if !ok {
		if f, err := os.Open(dir); err == nil {
			if fi, err := f.Stat(); err == nil {
				d.mtime = fi.ModTime().UnixNano()
			}
			d.names, _ = f.Readdirnames(-1) // as many as can be had
			f.Close()
			slices.Sort(d.names)
		}
		l[dir] = d
	}
	return d.names
}

// changed says whether a directory was changed since it was listed: files may have been renamed between list and look.
func (l listings) changed() bool {
	for dir, d := range l {
		if fi, err := os.Stat(dir); err == nil && fi.ModTime().UnixNano() != d.mtime {
			return true
		}
	}
	return false
}

// siblings lists the regular files that may be the current or an older file of the log of s.
func (l listings) siblings(s *stream) (out []entry) {
	var dirs, paths []string
	for _, p := range []string{s.real, s.base, s.path} {
		if d := filepath.Dir(p); !slices.Contains(dirs, d) {
			dirs = append(dirs, d)
		}
	}
	for _, dir := range dirs {
		for _, base := range []string{filepath.Base(s.real), filepath.Base(s.base)} {
			for _, name := range l.namesOf(dir, base) {
				paths = append(paths, filepath.Join(dir, name))
			}
		}
	}
	paths = append(paths, s.path)
	slices.Sort(paths)
	for _, path := range slices.Compact(paths) {
		if fi, err := os.Lstat(path); err == nil && fi.Mode().IsRegular() {
			out = append(out, entryOf(path, fi))
		}
	}
	return out
}

// recover finds the files of streams that have none: after a start, a truncation, or when a file went and came. It gives
// the entries that no stream took.
func (r *run) recover(fresh []entry, listing listings) ([]entry, error) {
	globbed := map[fileID]entry{}
	for _, e := range fresh {
		globbed[e.id] = e
	}
	var lost []*stream
	for _, s := range r.order {
		if s.lost {
			lost = append(lost, s)
		}
	}
	// First those whose inode is still there, so that of two files with the same content each goes to its own.
	for _, exact := range []bool{true, false} {
		for _, s := range lost {
			if !s.lost {
				continue
			}
			if err := r.search(s, exact, globbed, listing); err != nil {
				return nil, err
			}
		}
	}
	r.findDisplaced()
	return slices.DeleteFunc(fresh, func(e entry) bool { return r.byFile[e.id] != nil }), nil
}

// displaced is a stream that was the current file of its log until now, last written at mtime.
type displaced struct {
	*stream
	mtime int64
	empty bool // it had no content then: what is in older files is older than it
	again bool // look once more with the next scan
}

func (r *run) displace(s *stream) {
	if d := r.displaced[s.id]; !d.empty {
		r.displaced[s.id] = displaced{stream: s, mtime: s.mtime, empty: s.head == ""}
	}
}

// writtenSinceEmpty notes a file that was empty when last seen and was written since: by copytruncate, lines may have come
// and gone to a copy.
func (r *run) writtenSinceEmpty(s *stream, e entry) {
	if s.head == "" && e.mtime != s.mtime {
		r.displace(s)
	}
}

// findDisplaced notes the newest stream of each log that has no current file, and after a start of every log, the current
// file apart: what came after it, and went, may not have been seen.
func (r *run) findDisplaced() {
	current := map[string]bool{}
	if !r.first {
		for _, s := range r.order {
			current[s.real] = current[s.real] || !s.rotated
		}
	}
	newest := map[string]*stream{}
	for _, s := range r.order {
		if o := newest[s.real]; !current[s.real] && s.rotated && (o == nil || s.mtime > o.mtime) {
			newest[s.real] = s
		}
	}
	for _, s := range newest {
		r.displace(s)
	}
}

// search looks for the content of s: under its inode (exact), or in any file that may be an older one of its log.
func (r *run) search(s *stream, exact bool, globbed map[fileID]entry, listing listings) error {
	all := listing.siblings(s)
	if exact {
		if e, ok := globbed[s.file()]; ok {
			all = append(all, e)
		}
		for _, e := range all {
			if e.id != s.file() || r.byFile[e.id] != nil {
				continue
			}
			known := s.head == "" || s.ended && e.mtime == s.mtime
			r.writtenSinceEmpty(s, e)
			ok, _, err := r.try(s, e, known, globbed)
			if ok || err != nil {
				return err
			}
		}
		return nil
	}
	// The directory as it is, so that nothing is opened again before something changed.
	state := fmt.Sprint(all)
	if s.tried == state {
		return nil
	}
	s.tried = state
	truncated := false
	was := s.file()
	score := func(e entry) (n int) {
		if e.id.ino == s.ino {
			n += 4
		}
		if e.mtime == s.mtime {
			n += 2
		}
		if e.path == s.path {
			n++
		}
		return n
	}
	var candidates []entry
	for _, e := range all {
		if e.id == was && (e.path == s.base || e.path == s.real) {
			truncated = !bornAfter(e.path, s.mtime) // the inode is where it was, with other content
		}
		if r.byFile[e.id] == nil {
			candidates = append(candidates, e)
		}
	}
	slices.SortStableFunc(candidates, func(a, b entry) int { return cmp.Compare(score(b), score(a)) })
	var short *entry
	for i, e := range candidates {
		known := s.head == "" && e.path == s.path
		if s.head == "" && !known {
			continue
		}
		ok, m, err := r.try(s, e, known, globbed)
		if err != nil {
			return err
		}
		if ok {
			break
		}
		if m == matchUnknown && e.id == was {
			truncated = false // it can't be read now: nothing is known of it
		}
		if m == matchShort && short == nil && e.path != s.base && e.path != s.real {
			short = &candidates[i]
		}
	}
	if s.lost && truncated && short != nil {
		// We had read on after the copy was made. All of the copy is read; its file belongs to this stream from now on.
		if err := r.adoptShort(s, *short, globbed); err != nil {
			return err
		}
	}
	if truncated && !s.ended && s.head != "" {
		r.displace(s)
		return r.gap(s, gapTruncated)
	}
	return nil
}

// try gives the file e to s if it holds its content, or without looking where that is known.
func (r *run) try(s *stream, e entry, known bool, globbed map[fileID]entry) (bool, match, error) {
	f, err := openFile(e.path, r.cfg.Symlinks)
	if err != nil {
		if passing(err) || errors.Is(err, fs.ErrPermission) {
			s.tried = "" // nothing about the directory will change, and yet it may be there next time
		}
		return false, matchUnknown, nil // refused, or gone again; it is tried again when the directory has changed
	}
	fi, err := f.Stat()
	if err != nil || idOf(fi) != e.id {
		f.Close()
		return false, matchUnknown, nil //nolint:nilerr // another file has that name by now
	}
	m := matchFull
	if !known {
		m, err = compareFile(f, &s.position)
		if err != nil || m != matchFull {
			if err != nil {
				m = matchUnknown
				if passing(err) {
					s.tried = ""
				}
			}
			f.Close()
			return false, m, nil
		}
	}
	return true, m, r.bind(s, e, f, globbed)
}

// passing says whether an error is the machine's and not the file's: descriptors or memory ran out, a device stumbled.
func passing(err error) bool {
	for _, e := range []error{unix.EMFILE, unix.ENFILE, unix.ENOMEM, unix.EIO, unix.EINTR, unix.EAGAIN} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

// compareFile is compare for an open file, compressed or not.
func compareFile(f *os.File, p *position) (match, error) {
	src, err := open(f)
	if err != nil {
		return matchNot, err
	}
	defer discard(src)
	return compare(src, p)
}

// discard gives back what open took beside f.
func discard(src io.ReaderAt) {
	if z, ok := src.(*inflated); ok {
		z.r.Close() // nothing was written
	}
}

// open gives the content of f, decompressed where it is compressed. What it takes is given back by discard.
func open(f *os.File) (io.ReaderAt, error) {
	var head [16]byte
	n, err := f.ReadAt(head[:], 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	c := compressionOf(head[:n])
	if c == "" {
		return plain{f}, nil
	}
	rc, err := c.decompress(io.NewSectionReader(f, 0, 1<<62))
	if err != nil {
		return nil, err
	}
	return &inflated{r: rc}, nil
}

// bind makes f, found at e, the file of s.
func (r *run) bind(s *stream, e entry, f *os.File, globbed map[fileID]entry) error {
	r.shut(s)
	if s.packed = compressionIn(f) != ""; s.packed {
		f.Close() // it is opened again in its turn
	} else if _, err := r.attach(s, f); err != nil {
		return nil //nolint:nilerr // not readable now; it is tried again when the directory has changed
	}
	s.dev, s.ino, s.mtime, s.size = e.id.dev, e.id.ino, e.mtime, e.size
	if g, ok := globbed[e.id]; ok {
		s.path, s.seen, s.away = g.path, r.scans, 0
	} else {
		s.path = e.path
		if s.away == 0 {
			s.away = r.now().Unix()
		}
	}
	s.lost, s.rotated, s.quiet, s.tried = false, !isCurrent(s), r.now(), ""
	s.dirty = !s.ended || !s.packed && s.size > s.offset
	s.rewind()
	if !s.dirty {
		r.shut(s)
	}
	r.byFile[e.id] = s
	delete(r.passed, e.id)
	return nil
}

// adoptShort makes a copy that ends before the offset the file of s, read to its end.
func (r *run) adoptShort(s *stream, e entry, globbed map[fileID]entry) error {
	f, err := openFile(e.path, r.cfg.Symlinks)
	if err != nil {
		return nil //nolint:nilerr // it stays unread, and s without a file
	}
	fi, err := f.Stat()
	if err != nil || idOf(fi) != e.id || fi.Size() >= s.offset {
		f.Close()
		return nil //nolint:nilerr // as above
	}
	look := min(blockLen, fi.Size())
	buf := make([]byte, look)
	if n, _ := f.ReadAt(buf, fi.Size()-look); int64(n) < look {
		f.Close()
		return nil
	}
	s.offset, s.block, s.line, s.skip = fi.Size(), blockOf(buf), -1, false
	s.head = s.head[:min(int64(len(s.head)), fi.Size())]
	if err := r.bind(s, e, f, globbed); err != nil {
		return err
	}
	return r.emit(r.batch(s))
}
