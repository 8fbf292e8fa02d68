package file

import (
	"path/filepath"
	"slices"
	"sort"
	"strings"
)

// maxNames bounds what is tried of a very long name with very many separators.
const maxNames = 256

// logsOf lists the paths of the logs that the file at path may be an older file of: isRotationOf turned round, so that
// thousands of files in one directory need not be compared with each other.
func logsOf(path string) (out []string) {
	dir, name := filepath.Dir(path), filepath.Base(path)
	try := func(base string) {
		if len(out) < maxNames && isRotationOf(name, base) {
			if p := filepath.Join(dir, base); !slices.Contains(out, p) {
				out = append(out, p)
			}
		}
	}
	for i := 1; i < len(name); i++ {
		if !strings.ContainsRune("._-~", rune(name[i])) {
			continue
		}
		try(name[:i])
		// "app-2024.log.gz" may be of "app.log".
		for j := i + 1; j < len(name); j++ {
			if name[j] != '.' {
				continue
			}
			end := len(name)
			if k := strings.IndexAny(name[j+1:], "._-~"); k >= 0 {
				end = j + 1 + k
			}
			try(name[:i] + name[j:end])
		}
	}
	return out
}

// note makes s known under the names of its log.
func (r *run) note(s *stream) {
	for _, p := range []string{s.base, s.real} {
		if !slices.Contains(r.byLog[p], s) {
			r.byLog[p] = append(r.byLog[p], s)
		}
	}
}

// unnote is the reverse of note.
func (r *run) unnote(s *stream) {
	for _, p := range []string{s.base, s.real} {
		r.byLog[p] = slices.DeleteFunc(r.byLog[p], func(o *stream) bool { return o == s })
		if len(r.byLog[p]) == 0 {
			delete(r.byLog, p)
		}
	}
}

// newerOf lists the streams of the logs that the file at path may be an older file of.
func (r *run) newerOf(path string) (out []*stream) {
	for _, log := range logsOf(path) {
		for _, s := range r.byLog[log] {
			if !slices.Contains(out, s) {
				out = append(out, s)
			}
		}
	}
	return out
}

// logOf gives a stream of the log that path is an older file of.
func (r *run) logOf(path string) *stream {
	for _, log := range logsOf(path) {
		for _, s := range r.byLog[log] {
			if s.base == log {
				return s
			}
		}
	}
	return nil
}

// namesOf gives the names in dir, sorted, of the log called base and of what may be its older files.
func (l listings) namesOf(dir, base string) (out []string) {
	names := l.names(dir)
	stem := strings.TrimSuffix(base, filepath.Ext(base))
	for _, name := range names[sort.SearchStrings(names, stem):] {
		if !strings.HasPrefix(name, stem) {
			break
		}
		if name == base || isRotationOf(name, base) {
			out = append(out, name)
		}
	}
	return out
}
