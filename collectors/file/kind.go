package file

import (
	"bytes"
	"compress/bzip2"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/ulikunitz/xz"
)

// sampleLen is how much of the beginning of a file is looked at to tell what it is.
const sampleLen = 4096

// compression is how a file is compressed, by its first bytes; "" where it isn't.
type compression string

func compressionOf(head []byte) compression {
	for _, m := range []struct {
		magic string
		c     compression
	}{
		{"\x1f\x8b\x08", "gzip"},
		{"\x28\xb5\x2f\xfd", "zstd"},
		{"\xfd7zXZ\x00", "xz"},
		{"BZh", "bzip2"},
	} {
		if bytes.HasPrefix(head, []byte(m.magic)) {
			if m.c == "bzip2" && (len(head) < 10 || string(head[4:10]) != "1AY&SY" && string(head[4:10]) != "\x17rE8P\x90") {
				continue
			}
			return m.c
		}
	}
	return ""
}

// maxWindow bounds what a compressed file may make us allocate: the window of zstd --ultra and xz -9e fit.
const maxWindow = 128 << 20

// decompress gives the content of r.
func (c compression) decompress(r io.Reader) (io.ReadCloser, error) {
	switch c {
	case "gzip":
		return gzip.NewReader(r)
	case "zstd":
		d, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(maxWindow))
		if err != nil {
			return nil, err
		}
		return d.IOReadCloser(), nil
	case "xz":
		x, err := xz.NewReader(newXZGuard(r))
		return io.NopCloser(x), err
	case "bzip2":
		return io.NopCloser(bzip2.NewReader(r)), nil
	}
	return nil, fmt.Errorf("unknown compression %q", string(c))
}

// inflated reads decompressed content at growing offsets: it keeps what was read from the lowest offset of the last call
// on, so that a read may begin a little before where the last one ended.
type inflated struct {
	r   io.ReadCloser
	buf []byte
	at  int64 // offset of buf[0]
	eof bool
	err error
}

var errBackwards = errors.New("compressed content can't be read backwards")

// ReadAt implements io.ReaderAt for offsets that don't go back behind those of the call before.
func (f *inflated) ReadAt(b []byte, off int64) (int, error) {
	if off < f.at {
		return 0, errBackwards
	}
	// Drop what lies before off.
	for {
		if drop := min(off-f.at, int64(len(f.buf))); drop > 0 {
			f.buf = f.buf[:copy(f.buf, f.buf[drop:])]
			f.at += drop
		}
		if f.at == off && len(f.buf) >= len(b) || f.eof || f.err != nil {
			break
		}
		if f.at < off {
			f.fill(int(min(off-f.at, chunkLen)))
		} else {
			f.fill(len(b) - len(f.buf))
		}
	}
	n := 0
	if f.at == off {
		n = copy(b, f.buf)
	}
	switch {
	case n == len(b):
		return n, nil
	case f.err != nil:
		return n, f.err
	}
	return n, io.EOF
}

// fill reads up to n more bytes.
func (f *inflated) fill(n int) {
	old := len(f.buf)
	if cap(f.buf) < old+n {
		f.buf = append(make([]byte, 0, old+n), f.buf...)
	}
	for n > 0 && !f.eof && f.err == nil {
		m, err := f.r.Read(f.buf[len(f.buf) : len(f.buf)+n])
		f.buf = f.buf[:len(f.buf)+m]
		n -= m
		if err == io.EOF { // a wrapped one is a truncated file
			f.eof = true
		} else {
			f.err = err
		}
	}
}

// holeLen is how many NUL bytes in a row are taken for a hole.
const holeLen = 64

// binaryName are logs that are no text, by name; Stem takes their rotation suffix off.
var binaryName = map[string]bool{"wtmp": true, "btmp": true, "utmp": true, "lastlog": true, "faillog": true, "tallylog": true}

// binaryReason says why a file with this beginning is not text, "" where it may be. Many NUL bytes in a row are a hole, which
// copytruncate leaves, not a sign.
func binaryReason(path string, head []byte) string {
	name := filepath.Base(path)
	switch {
	case binaryName[Stem(path)]:
		return "is a login record, not text"
	case bytes.HasPrefix(head, []byte("LPKSHHRH")), strings.HasSuffix(name, ".journal"), strings.HasSuffix(name, ".journal~"):
		return "is a journal file; a source of kind journal reads it"
	case bytes.HasPrefix(head, []byte("\x7fELF")), bytes.HasPrefix(head, []byte("SQLite format 3\x00")),
		bytes.HasPrefix(head, []byte("PK\x03\x04")), bytes.HasPrefix(head, []byte("\x89PNG")):
		return "is a binary file, not text"
	}
	if encodingOf(head) != encodingBytes {
		return ""
	}
	size, odd, newlines := 0, 0, 0
	for len(head) > 0 {
		if z := leadingZeros(head); z > 0 {
			if z < holeLen {
				size += z
				odd += z
			}
			head = head[z:]
			continue
		}
		switch b := head[0]; {
		case b == '\n':
			newlines++
		case b < ' ' && b != '\t' && b != '\r' && b != 0x1b && b != '\b' && b != '\f' && b != '\v':
			odd++
		}
		size++
		head = head[1:]
	}
	if odd > 0 && (newlines == 0 && size >= 512 || odd*10 > size && size >= 16) {
		return "is a binary file or UTF-16 without a byte order mark, not text"
	}
	return ""
}
