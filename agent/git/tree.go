package git

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// Modes of tree entries.
const (
	ModeFile       = "100644"
	ModeExecutable = "100755"
	ModeSymlink    = "120000"
	ModeSubmodule  = "160000"
)

// Entry is a file of a tree.
type Entry struct {
	// Path is relative, with slashes. It leads nowhere else, but may hold control characters (see CheckPath).
	Path string
	// Mode is one of the Mode constants.
	Mode string
	ID   string
	// Size is in bytes, 0 for a submodule.
	Size int64
}

// Regular says that the entry is a file, not a symbolic link or a submodule.
func (e Entry) Regular() bool { return e.Mode == ModeFile || e.Mode == ModeExecutable }

// Tree lists the files of a commit, in git's order. A path that no tree may hold is an error.
func (s *Store) Tree(ctx context.Context, commit string) ([]Entry, error) {
	if err := checkIDs(commit); err != nil {
		return nil, err
	}
	out, err := s.run(ctx, command{args: []string{"ls-tree", "-r", "-l", "-z", "--full-tree", commit}})
	if err != nil {
		return nil, err
	}
	return parseTree(out)
}

func parseTree(out []byte) ([]Entry, error) {
	var entries []Entry
	for len(out) > 0 {
		line, rest, ok := bytes.Cut(out, []byte{0})
		if !ok {
			return nil, errors.New("git ls-tree: the last entry is not finished")
		}
		out = rest
		head, path, ok := strings.Cut(string(line), "\t")
		f := strings.Fields(head)
		if !ok || len(f) != 4 || !isID(f[2]) {
			return nil, fmt.Errorf("git ls-tree: %q is no entry", line)
		}
		e := Entry{Path: path, Mode: f[0], ID: f[2]}
		if e.Mode == "100664" { // what very old versions wrote
			e.Mode = ModeFile
		}
		switch e.Mode {
		case ModeFile, ModeExecutable, ModeSymlink:
			n, err := strconv.ParseInt(f[3], 10, 64)
			if err != nil || n < 0 {
				return nil, fmt.Errorf("git ls-tree: %q has no size", line)
			}
			e.Size = n
		case ModeSubmodule:
		default:
			return nil, fmt.Errorf("git ls-tree: %q has a mode that files don't have", line)
		}
		if err := checkTreePath(path); err != nil {
			return nil, err
		}
		entries = append(entries, e)
	}
	return entries, nil
}

// ErrTooLarge says that an object has more bytes than the caller takes.
var ErrTooLarge = errors.New("the file is too large")

// Blob gives the bytes of a file; ErrTooLarge where it has more than limit.
func (s *Store) Blob(ctx context.Context, id string, limit int64) ([]byte, error) {
	var b []byte
	err := s.blobs(ctx, []string{id}, func(_ int, size int64, r io.Reader) error {
		if size > limit {
			return ErrTooLarge
		}
		var err error
		b, err = io.ReadAll(r)
		return err
	})
	return b, err
}

// blobs calls each with the bytes of every id, in order, from one process. each need not read all of them.
func (s *Store) blobs(ctx context.Context, ids []string, each func(i int, size int64, r io.Reader) error) error {
	if err := checkIDs(ids...); err != nil {
		return err
	}
	if len(ids) == 0 {
		return nil
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	r, w := io.Pipe()
	done := make(chan error, 1)
	go func() {
		c := command{args: []string{"cat-file", "--batch", "--buffer"}, stdin: strings.NewReader(strings.Join(ids, "\n") + "\n"), out: w}
		_, err := s.run(ctx, c)
		w.CloseWithError(err)
		done <- err
	}()
	err := readBatch(bufio.NewReaderSize(r, 64<<10), ids, each)
	if err != nil {
		cancel()
	}
	r.CloseWithError(errors.New("nobody reads any more"))
	ran := <-done
	if err != nil {
		return err
	}
	return ran
}

// readBatch reads what `cat-file --batch` writes.
func readBatch(r *bufio.Reader, ids []string, each func(i int, size int64, r io.Reader) error) error {
	for i, id := range ids {
		head, err := r.ReadSlice('\n')
		if err != nil {
			return fmt.Errorf("git cat-file: %w", err)
		}
		f := strings.Fields(string(head))
		if len(f) != 3 || f[0] != id || f[1] != "blob" {
			return fmt.Errorf("git cat-file: object %s is no file: %.100q", id, head)
		}
		size, err := strconv.ParseInt(f[2], 10, 64)
		if err != nil || size < 0 {
			return fmt.Errorf("git cat-file: object %s has no size", id)
		}
		body := io.LimitReader(r, size)
		if err := each(i, size, body); err != nil {
			return err
		}
		if _, err := io.Copy(io.Discard, body); err != nil {
			return fmt.Errorf("git cat-file: %w", err)
		}
		if c, err := r.ReadByte(); err != nil || c != '\n' {
			return fmt.Errorf("git cat-file: object %s is cut short", id)
		}
	}
	return nil
}
