package git

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
)

// maxLink bounds the target of a symbolic link, in bytes.
const maxLink = 4096

// Export writes the files of a commit below dir, which has to exist and be empty, without a .git. Symbolic links are made as
// they are, after everything else, and never followed; a submodule is an empty directory. Modes are 0644 and 0755.
func (s *Store) Export(ctx context.Context, commit, dir string) error {
	entries, err := s.Tree(ctx, commit)
	if err != nil {
		return err
	}
	var total int64
	for _, e := range entries {
		total += e.Size
	}
	if total > s.opts.MaxExport {
		return fmt.Errorf("git: the files of %s have %d bytes, more than %d", commit, total, s.opts.MaxExport)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	if names, err := os.ReadDir(dir); err != nil || len(names) > 0 {
		return errors.Join(fmt.Errorf("git: %s is not empty", dir), err)
	}
	var files, links []Entry
	for _, e := range entries {
		switch e.Mode {
		case ModeSubmodule:
			if err := root.MkdirAll(e.Path, 0o755); err != nil {
				return err
			}
			continue
		case ModeSymlink:
			links = append(links, e)
		default:
			files = append(files, e)
		}
		if err := root.MkdirAll(path.Dir(e.Path), 0o755); err != nil {
			return err
		}
	}
	err = s.blobs(ctx, ids(files), func(i int, _ int64, r io.Reader) error { return writeFile(root, files[i], r) })
	if err != nil {
		return fmt.Errorf("git: exporting %s: %w", commit, err)
	}
	err = s.blobs(ctx, ids(links), func(i int, size int64, r io.Reader) error {
		if size > maxLink {
			return fmt.Errorf("%s: the link's target has %d bytes", links[i].Path, size)
		}
		to, err := io.ReadAll(r)
		if err != nil {
			return err
		}
		return root.Symlink(string(to), links[i].Path)
	})
	if err != nil {
		return fmt.Errorf("git: exporting %s: %w", commit, err)
	}
	return nil
}

func ids(entries []Entry) []string {
	out := make([]string, len(entries))
	for i, e := range entries {
		out[i] = e.ID
	}
	return out
}

func writeFile(root *os.Root, e Entry, r io.Reader) error {
	mode := os.FileMode(0o644)
	if e.Mode == ModeExecutable {
		mode = 0o755
	}
	f, err := root.OpenFile(e.Path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, r)
	// The umask does not decide what others than the daemon can run.
	return errors.Join(err, f.Chmod(mode), f.Close())
}
