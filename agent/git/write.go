package git

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// Change is one file of a new tree.
type Change struct {
	Path string
	// Mode is ModeFile or ModeExecutable.
	Mode string
	// ID is the blob.
	ID string
}

// Name and Email are whom commits are by.
const (
	Name  = "Logwright"
	Email = "logwright@localhost"
)

// WriteBlob keeps the bytes of a file, unfiltered, and gives their id.
func (s *Store) WriteBlob(ctx context.Context, data []byte) (string, error) {
	out, err := s.run(ctx, command{args: []string{"hash-object", "-w", "--no-filters", "--stdin"}, stdin: bytes.NewReader(data)})
	return oneID(out, err)
}

// WriteTree gives the id of the tree of a commit with changes made. A change makes a file or takes the place of one; it never
// takes the place of a directory, a symbolic link or a submodule, and never lies below one of the last two.
func (s *Store) WriteTree(ctx context.Context, base string, changes []Change) (string, error) {
	entries, err := s.Tree(ctx, base)
	if err != nil {
		return "", err
	}
	if err := CheckChanges(entries, changes); err != nil {
		return "", err
	}
	dir, err := os.MkdirTemp(s.dir, "index-*")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(dir)
	env := []string{"GIT_INDEX_FILE=" + filepath.Join(dir, "index")}
	if _, err := s.run(ctx, command{args: []string{"read-tree", base}, env: env}); err != nil {
		return "", err
	}
	var in strings.Builder
	for _, c := range changes {
		fmt.Fprintf(&in, "%s %s\t%s\x00", c.Mode, c.ID, c.Path)
	}
	if _, err := s.run(ctx, command{args: []string{"update-index", "-z", "--index-info"}, env: env, stdin: strings.NewReader(in.String())}); err != nil {
		return "", err
	}
	return oneID(s.run(ctx, command{args: []string{"write-tree"}, env: env}))
}

// CheckChanges says what keeps changes from being made to the tree of entries.
func CheckChanges(entries []Entry, changes []Change) error {
	modes := make(map[string]string, len(entries))
	dirs := make(map[string]bool)
	for _, e := range entries {
		modes[e.Path] = e.Mode
		for d := parent(e.Path); d != ""; d = parent(d) {
			dirs[d] = true
		}
	}
	made := make(map[string]bool, len(changes))
	for _, c := range changes {
		if err := CheckPath(c.Path); err != nil {
			return err
		}
		if err := checkIDs(c.ID); err != nil {
			return err
		}
		switch mode := modes[c.Path]; {
		case c.Mode != ModeFile && c.Mode != ModeExecutable:
			return fmt.Errorf("%s: a change makes files only, not mode %q", c.Path, c.Mode)
		case mode == ModeSymlink:
			return fmt.Errorf("%s is a symbolic link", c.Path)
		case mode == ModeSubmodule:
			return fmt.Errorf("%s is a submodule", c.Path)
		case dirs[c.Path]:
			return fmt.Errorf("%s is a directory", c.Path)
		case made[c.Path]:
			return fmt.Errorf("%s is changed twice", c.Path)
		}
		made[c.Path] = true
	}
	for _, c := range changes {
		for d := parent(c.Path); d != ""; d = parent(d) {
			switch mode := modes[d]; {
			case mode == ModeSymlink:
				return fmt.Errorf("%s lies behind the symbolic link %s", c.Path, d)
			case mode == ModeSubmodule:
				return fmt.Errorf("%s lies in the submodule %s", c.Path, d)
			case mode != "" || made[d]:
				return fmt.Errorf("%s: %s is a file, not a directory", c.Path, d)
			}
		}
	}
	return nil
}

func parent(p string) string {
	i := strings.LastIndexByte(p, '/')
	if i < 0 {
		return ""
	}
	return p[:i]
}

// Commit makes a commit by Logwright of a tree, with one parent. The same arguments give the same id.
func (s *Store) Commit(ctx context.Context, tree, parent, message string, at time.Time) (string, error) {
	if err := checkIDs(tree, parent); err != nil {
		return "", err
	}
	date := "@" + strconv.FormatInt(at.Unix(), 10) + " +0000"
	env := []string{
		"GIT_AUTHOR_NAME=" + Name, "GIT_AUTHOR_EMAIL=" + Email, "GIT_AUTHOR_DATE=" + date,
		"GIT_COMMITTER_NAME=" + Name, "GIT_COMMITTER_EMAIL=" + Email, "GIT_COMMITTER_DATE=" + date,
	}
	message = strings.TrimRight(strings.ToValidUTF8(message, "?"), "\n") + "\n"
	c := command{args: []string{"commit-tree", tree, "-p", parent, "-F", "-"}, env: env, stdin: strings.NewReader(message)}
	return oneID(s.run(ctx, c))
}

func oneID(out []byte, err error) (string, error) {
	if err != nil {
		return "", err
	}
	id := strings.TrimSpace(string(out))
	return id, checkIDs(id)
}

// diffArgs are for a diff that only the two trees decide. Nothing is taken for binary: a zero byte would hide a whole file.
var diffArgs = []string{
	"diff-tree", "-r", "--text", "--no-ext-diff", "--no-textconv", "--no-renames", "--no-color", "--full-index", "--diff-algorithm=myers",
	"--src-prefix=a/", "--dst-prefix=b/", "--ignore-submodules=all",
}

// Diff gives the unified diff of two commits.
func (s *Store) Diff(ctx context.Context, a, b string) (string, error) {
	if err := checkIDs(a, b); err != nil {
		return "", err
	}
	out, err := s.run(ctx, command{args: append(diffArgs[:len(diffArgs):len(diffArgs)], "-p", "--unified=3", a, b)})
	return string(out), err
}

// FileStat is how much of a file changed.
type FileStat struct {
	Path string
	// Added and Removed count lines, both -1 for a file with a zero byte.
	Added, Removed int
}

// Stat gives the files that differ between two commits, sorted by path.
func (s *Store) Stat(ctx context.Context, a, b string) ([]FileStat, error) {
	if err := checkIDs(a, b); err != nil {
		return nil, err
	}
	out, err := s.run(ctx, command{args: append(diffArgs[:len(diffArgs):len(diffArgs)], "--numstat", "-z", a, b)})
	if err != nil {
		return nil, err
	}
	var stats []FileStat
	for line := range strings.SplitSeq(strings.TrimSuffix(string(out), "\x00"), "\x00") {
		f := strings.SplitN(line, "\t", 3)
		if line == "" {
			continue
		}
		if len(f) != 3 {
			return nil, fmt.Errorf("git diff-tree: %q is no entry", line)
		}
		st := FileStat{Path: f[2], Added: -1, Removed: -1}
		if f[0] != "-" {
			if st.Added, err = strconv.Atoi(f[0]); err != nil {
				return nil, err
			}
			if st.Removed, err = strconv.Atoi(f[1]); err != nil {
				return nil, err
			}
		}
		stats = append(stats, st)
	}
	return stats, nil
}
