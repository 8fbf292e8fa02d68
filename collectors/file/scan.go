package file

import (
	"cmp"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/bmatcuk/doublestar/v4"
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

// patterns are globs of what to read.
type patterns struct{ include, exclude []string }

// match says whether path is to be read. A pattern that is the path itself matches, whatever characters it has.
func (p *patterns) match(path string) bool {
	in := func(ps []string) bool {
		for _, g := range ps {
			if g == path || doublestar.PathMatchUnvalidated(g, path) {
				return true
			}
		}
		return false
	}
	return in(p.include) && !in(p.exclude)
}

const maxPatterns = 64 << 10

// encode gives the position of the stream that keeps the patterns: whether a file is new, or was only not included
// before, can't be told without.
func (p *patterns) encode() []byte {
	return []byte("\x01" + strings.Join(p.include, "\x00") + "\x01" + strings.Join(p.exclude, "\x00"))
}

func decodePatterns(b []byte) (*patterns, bool) {
	parts := strings.Split(string(b), "\x01")
	if len(parts) != 3 || parts[0] != "" || len(b) > maxPatterns {
		return nil, false
	}
	list := func(s string) []string {
		if s == "" {
			return nil
		}
		return strings.Split(s, "\x00")
	}
	return &patterns{list(parts[1]), list(parts[2])}, true
}

// find lists the regular files that the patterns lead to, in the order of the patterns and sorted within each. What
// can't be read is told once. missing has the patterns without wildcards that lead to nothing.
func (r *run) find() (out []entry, missing []error) {
	seen := map[string]bool{}
	pats := patterns{exclude: r.cfg.Exclude, include: r.cfg.Include}
	for _, pat := range r.cfg.Include {
		paths, literal := []string{pat}, true
		if _, err := os.Lstat(pat); err != nil && hasMeta(pat) {
			literal = false
			paths, _ = doublestar.FilepathGlob(pat)
			slices.Sort(paths)
		}
		for _, path := range paths {
			if seen[path] || !pats.match(path) {
				continue
			}
			seen[path] = true
			fi, err := os.Stat(path)
			if err == nil && !fi.Mode().IsRegular() {
				if fi.IsDir() && !literal {
					continue
				}
				err = notRegular(unixMode(fi), path)
			}
			switch {
			case err == nil:
				out = append(out, entryOf(path, fi))
			case errors.Is(err, fs.ErrNotExist) && !literal:
			default:
				missing = append(missing, err)
				if !errors.Is(err, fs.ErrNotExist) {
					r.tell(path, err)
				}
			}
		}
	}
	for path := range r.told {
		if !seen[path] {
			delete(r.told, path)
		}
	}
	return out, missing
}

func hasMeta(p string) bool { return strings.ContainsAny(p, `*?[{\`) }

// tell logs why a path isn't read, once for each reason.
func (r *run) tell(path string, err error) {
	if r.told[path] == err.Error() {
		return
	}
	r.told[path] = err.Error()
	var ref *refusal
	switch {
	case errors.As(err, &ref):
		r.log.Warn("not read", "file", path, "reason", ref.reason, "hint", ref.hint)
	case errors.Is(err, fs.ErrPermission):
		r.log.Warn("not read: permission denied", "file", path, "error", err,
			"hint", "add the daemon's user to the group of the file, adm on Debian")
	default:
		r.log.Warn("not read", "file", path, "error", err)
	}
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
	for _, e := range fresh {
		if err := r.admit(e); err != nil {
			return err
		}
	}
	if err := r.generations(listing); err != nil {
		return err
	}
	for id, d := range r.displaced {
		if !d.again || r.streams[id] == nil {
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
	if r.first {
		r.first = false
		if err := r.keepPatterns(); err != nil {
			return err
		}
	}
	r.scanTook = max(0, r.now().Sub(began))
	return nil
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
		s.dirty = true
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
				s.size, s.dirty = fi.Size(), true
			}
		}
		return
	}
	s.rotated, s.lost = true, true
	s.quiet = r.now()
	delete(r.byFile, s.file())
}

// settle ends what is over and forgets what was over for long.
func (r *run) settle() error {
	now := r.now()
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
		if s.ended && s.away != 0 && s.seen != r.scans && now.Sub(time.Unix(s.away, 0)) >= r.cfg.ForgetAfter {
			if err := r.drop(s); err != nil {
				return err
			}
		}
	}
	return nil
}

// finish takes the unfinished last line of a rotated file that stayed quiet, and ends its stream.
func (r *run) finish(s *stream) error {
	if s.head != "" {
		for {
			at := s.offset
			if _, err := r.step(s, true); err != nil {
				return err
			}
			if s.lost || s.offset == at {
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
		}
	}
	r.patternDirs(dirs)
	for d := range dirs {
		r.w.add(d)
	}
	r.w.keep(dirs)
}

// maxDirs bounds the directories that are watched for new files only.
const maxDirs = 8192

// patternDirs adds the directories in which a new file could match. Where a directory does not exist, its nearest
// ancestor is watched for it.
func (r *run) patternDirs(dirs map[string]bool) {
	for _, pat := range r.cfg.Include {
		base, rest := doublestar.SplitPattern(pat)
		if !hasMeta(pat) {
			base, rest = filepath.Dir(pat), ""
		}
		if abs, err := filepath.Abs(base); err == nil && !filepath.IsAbs(pat) {
			base = abs
		}
		for base != "/" {
			if fi, err := os.Stat(base); err == nil && fi.IsDir() {
				break
			}
			base = filepath.Dir(base)
		}
		dirs[base] = true
		depth := strings.Count(rest, "/")
		if strings.Contains(rest, "**") {
			depth = 64
		}
		if depth == 0 {
			continue
		}
		//nolint:errcheck // what can't be walked can't be watched; files are still found by polling
		filepath.WalkDir(base, func(path string, d fs.DirEntry, err error) error {
			if err != nil || !d.IsDir() {
				return nil //nolint:nilerr // polling still finds the files there
			}
			if len(dirs) >= maxDirs || strings.Count(strings.TrimPrefix(path, base), "/") > depth {
				return filepath.SkipDir
			}
			dirs[path] = true
			return nil
		})
	}
}
