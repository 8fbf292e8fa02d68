package file

import (
	"errors"
	"io"
	"os"
)

// errMoved says that another file is where a stream was.
var errMoved = errors.New("another file has this path now")

// source opens what s is read from.
func (r *run) source(s *stream) (io.ReaderAt, error) {
	r.uses++
	s.used = r.uses
	switch {
	case s.f != nil:
		return plain{s.f}, nil
	case s.z != nil:
		return s.z, nil
	}
	f, err := openFile(s.path, r.cfg.Symlinks)
	if err != nil {
		if errors.Is(err, os.ErrNotExist) {
			return nil, errMoved
		}
		return nil, err
	}
	fi, err := f.Stat()
	if err != nil || idOf(fi) != s.file() {
		f.Close()
		return nil, errMoved
	}
	return r.attach(s, f)
}

// attach makes f, which holds the content of s, what s is read from.
func (r *run) attach(s *stream, f *os.File) (io.ReaderAt, error) {
	c := compressionIn(f)
	s.packed = c != ""
	r.room()
	if !s.packed {
		s.f = f
		r.opened++
		return plain{f}, nil
	}
	for _, o := range r.order {
		if o.z != nil {
			r.shut(o) // a decompressor is large: one at a time
		}
	}
	rc, err := c.decompress(io.NewSectionReader(f, 0, 1<<62))
	if err != nil {
		f.Close()
		return nil, err
	}
	s.z = &inflated{r: bothClosers{rc, f}}
	r.opened++
	return s.z, nil
}

// compressionIn looks how the content of f is compressed.
func compressionIn(f *os.File) compression {
	var head [16]byte
	n, _ := f.ReadAt(head[:], 0) // what can't be read now is when it is read
	return compressionOf(head[:n])
}

// bothClosers closes the file under a decompressor too.
type bothClosers struct {
	io.ReadCloser
	f io.Closer
}

func (b bothClosers) Close() error { return errors.Join(b.ReadCloser.Close(), b.f.Close()) }

// room closes the least recently used descriptor where there are as many as may be. Those of rotated files go last: their
// files may have no name by which to open them again.
func (r *run) room() {
	for r.opened >= r.cfg.MaxOpen {
		var victim *stream
		for _, s := range r.order {
			if s.f == nil && s.z == nil {
				continue
			}
			if victim == nil || victim.rotated && !s.rotated || victim.rotated == s.rotated && s.used < victim.used {
				victim = s
			}
		}
		if victim == nil {
			return
		}
		r.shut(victim)
	}
}

func (r *run) shut(s *stream) {
	if s.f != nil {
		s.f.Close()
		s.f = nil
		r.opened--
	}
	if s.z != nil {
		s.z.r.Close()
		s.z = nil
		r.opened--
	}
}
