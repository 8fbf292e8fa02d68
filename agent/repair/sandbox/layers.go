package sandbox

import (
	"archive/tar"
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"syscall"
	"time"
)

// maxEntries bounds what is remembered of the names in a job's layers.
const maxEntries = 1 << 20

// errTooLarge: the layers hold more than the sandbox's disk.
var errTooLarge = errors.New("the files are larger than the sandbox's disk")

// archive writes the layers as one tar stream. Of a name that several layers have, the last layer's is written; a file of a
// later layer takes the place of a whole directory of an earlier one. room is how many bytes of content there may be.
func archive(w io.Writer, layers []string, room int64, git bool) error {
	bw := bufio.NewWriterSize(w, 64<<10)
	a := &archiver{tw: tar.NewWriter(bw), isDir: make(map[string]bool), room: room, git: git}
	for i := len(layers) - 1; i >= 0; i-- {
		if err := a.layer(layers[i]); err != nil {
			return fmt.Errorf("copying %s to the sandbox: %w", layers[i], err)
		}
	}
	if err := a.tw.Close(); err != nil {
		return err
	}
	return bw.Flush()
}

type archiver struct {
	tw    *tar.Writer
	isDir map[string]bool // by name, of what was written
	room  int64
	git   bool // tests only: copies .git too
}

// layer writes one layer's part. It never leaves dir, whatever symbolic links are in it, and waits for no FIFO.
func (a *archiver) layer(dir string) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	return fs.WalkDir(root.FS(), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || name == "." {
			return err
		}
		skip := func() error {
			if d.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		if path.Base(name) == ".git" && !a.git {
			return skip()
		}
		wasDir, seen := a.isDir[name]
		switch {
		case seen && !(wasDir && d.IsDir()):
			return skip()
		case seen:
			return nil // two directories of one name; what is in this one counts
		case len(a.isDir) >= maxEntries:
			return fmt.Errorf("more than %d files", maxEntries)
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		switch mode := info.Mode(); {
		case mode.IsDir():
			err = a.tw.WriteHeader(header(name+"/", tar.TypeDir, mode|0o700, info.ModTime()))
		case mode.IsRegular():
			err = a.file(root, name)
		case mode&fs.ModeSymlink != 0:
			h := header(name, tar.TypeSymlink, mode, info.ModTime())
			if h.Linkname, err = root.Readlink(name); err == nil {
				err = a.tw.WriteHeader(h)
			}
		default:
			return nil
		}
		a.isDir[name] = d.IsDir()
		return err
	})
}

// header gives an entry without owner, setuid and the like.
func header(name string, kind byte, mode fs.FileMode, at time.Time) *tar.Header {
	return &tar.Header{Name: name, Typeflag: kind, Mode: int64(mode.Perm()), ModTime: at.Truncate(time.Second), Format: tar.FormatPAX}
}

func (a *archiver) file(root *os.Root, name string) error {
	f, err := root.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK|syscall.O_NOFOLLOW, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return fmt.Errorf("%s is no longer a file", name)
	}
	if a.room -= info.Size(); a.room < 0 {
		return errTooLarge
	}
	h := header(name, tar.TypeReg, info.Mode(), info.ModTime())
	h.Size = info.Size()
	if err := a.tw.WriteHeader(h); err != nil {
		return err
	}
	if _, err := io.CopyN(a.tw, f, info.Size()); err != nil {
		if errors.Is(err, io.EOF) {
			return fmt.Errorf("%s became shorter while it was read", name)
		}
		return err
	}
	return nil
}
