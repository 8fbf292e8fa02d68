package file

import (
	"encoding/binary"
	"errors"
)

// position is where a stream was left, with all that is needed to find it again. Its encoding is what the store keeps.
type position struct {
	// path is where the file was last seen; base the path under which it was included, before any rotation; real is base
	// with symbolic links resolved: rotated files appear beside it.
	path, base, real string
	// offset is the number of bytes taken in (of the decompressed content where the file is compressed now), line the
	// number of lines in them, -1 where nobody counted.
	offset, line int64
	// head identifies the beginning of the content, block what stands right before offset.
	head  fingerprint
	block blockSum
	// dev, ino and mtime (Unix nanoseconds) of the file when last read: hints.
	dev, ino uint64
	mtime    int64
	// away is when (Unix seconds) the file stopped being found by the patterns, 0 while it is.
	away int64
	// skip says that offset is inside of a line that was cut, of which the rest is to be passed over.
	skip bool
	// ended says that consumers were told that the stream is over.
	ended bool
	// told says that the gap at the end of this stream was recorded.
	told bool
}

const (
	positionVersion = 1

	flagSkip     = 1 << 0
	flagEnded    = 1 << 1
	flagTold     = 1 << 2
	flagSameBase = 1 << 3
	flagSameReal = 1 << 4
	allFlags     = 1<<5 - 1

	maxPath = 4096
)

var errPosition = errors.New("not a position of this version")

// encode gives the compact form: a version, flags, numbers as varints, hashes, paths.
func (p *position) encode() []byte {
	flags := byte(0)
	set := func(on bool, f byte) {
		if on {
			flags |= f
		}
	}
	set(p.skip, flagSkip)
	set(p.ended, flagEnded)
	set(p.told, flagTold)
	set(p.base == p.path, flagSameBase)
	set(p.real == p.base, flagSameReal)
	b := make([]byte, 0, 80+len(p.path)+len(p.head))
	b = append(b, positionVersion, flags)
	b = binary.AppendUvarint(b, uint64(p.offset))
	b = binary.AppendVarint(b, p.line)
	b = binary.AppendUvarint(b, uint64(len(p.head)))
	b = append(b, p.head...)
	b = append(b, p.block[:]...)
	b = binary.AppendUvarint(b, p.dev)
	b = binary.AppendUvarint(b, p.ino)
	b = binary.AppendVarint(b, p.mtime)
	b = binary.AppendVarint(b, p.away)
	str := func(s string) {
		b = binary.AppendUvarint(b, uint64(len(s)))
		b = append(b, s...)
	}
	str(p.path)
	if p.base != p.path {
		str(p.base)
	}
	if p.real != p.base {
		str(p.real)
	}
	return b
}

// decodePosition reads what encode made. It refuses anything else.
func decodePosition(b []byte) (p position, err error) {
	d := decoder{b: b}
	if d.byte() != positionVersion {
		return p, errPosition
	}
	flags := d.byte()
	if flags&^allFlags != 0 {
		return p, errPosition
	}
	p.skip, p.ended, p.told = flags&flagSkip != 0, flags&flagEnded != 0, flags&flagTold != 0
	offset := d.uvarint()
	p.line = d.varint()
	n := d.uvarint()
	p.head = fingerprint(d.bytes(n))
	copy(p.block[:], d.bytes(uint64(len(p.block))))
	p.dev, p.ino = d.uvarint(), d.uvarint()
	p.mtime, p.away = d.varint(), d.varint()
	p.path = string(d.path())
	p.base = p.path
	if flags&flagSameBase == 0 {
		p.base = string(d.path())
	}
	p.real = p.base
	if flags&flagSameReal == 0 {
		p.real = string(d.path())
	}
	p.offset = int64(offset)
	if d.bad || len(d.b) != 0 || p.offset < 0 || n > blockLen || p.line < -1 || p.path == "" || p.base == "" || p.real == "" {
		return position{}, errPosition
	}
	return p, nil
}

// decoder takes values off b; after the first that doesn't fit, bad is set and all others are zero.
type decoder struct {
	b   []byte
	bad bool
}

func (d *decoder) bytes(n uint64) []byte {
	if d.bad || n > uint64(len(d.b)) {
		d.bad = true
		return nil
	}
	out := d.b[:n]
	d.b = d.b[n:]
	return out
}

func (d *decoder) byte() byte {
	if b := d.bytes(1); b != nil {
		return b[0]
	}
	return 0
}

func (d *decoder) uvarint() uint64 {
	v, n := binary.Uvarint(d.b)
	if d.bad || n <= 0 {
		d.bad = true
		return 0
	}
	d.b = d.b[n:]
	return v
}

func (d *decoder) varint() int64 {
	v, n := binary.Varint(d.b)
	if d.bad || n <= 0 {
		d.bad = true
		return 0
	}
	d.b = d.b[n:]
	return v
}

func (d *decoder) path() []byte {
	n := d.uvarint()
	if n > maxPath {
		d.bad = true
	}
	return d.bytes(n)
}
