package file

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// The library that reads xz allocates the dictionary that a block asks for, up to 4 GiB, before it has read a byte of the
// block, and keeps a record of every block. Whoever can write beside a log could kill us with a file of a hundred bytes. So
// the framing is looked at before the library sees it.

// maxBlocks bounds the blocks of one stream. xz -T makes one for each 24 MiB at its usual level.
const maxBlocks = 1 << 16

var errXZ = errors.New("xz: damaged framing")

// xzGuard passes an xz file on, and refuses it where it asks for too much.
type xzGuard struct {
	br *bufio.Reader
	// pass is how many bytes may go through before next is to look.
	pass   int64
	next   func() error
	check  int64 // size of the check after each block
	length int64 // of the block's data, or of the index
	blocks int
	fields uint64 // of the index, still to come
}

func newXZGuard(r io.Reader) *xzGuard {
	g := &xzGuard{br: bufio.NewReaderSize(r, 32<<10)}
	g.next = g.streamHeader
	return g
}

func (g *xzGuard) Read(p []byte) (int, error) {
	for g.pass == 0 {
		if err := g.next(); err != nil {
			return 0, err
		}
	}
	n, err := g.br.Read(p[:min(int64(len(p)), g.pass)])
	g.pass -= int64(n)
	return n, err
}

// peek gives the next n bytes, or as many as there are at the end of the file.
func (g *xzGuard) peek(n int) ([]byte, error) {
	b, err := g.br.Peek(n)
	if len(b) > 0 && errors.Is(err, io.EOF) {
		err = nil
	}
	return b, err
}

// rest lets go through what there is when the file ends too early: the library says so.
func (g *xzGuard) rest(b []byte) error {
	g.pass = int64(len(b))
	g.next = func() error { return io.EOF }
	return nil
}

func (g *xzGuard) streamHeader() error {
	b, err := g.peek(12)
	switch {
	case err != nil:
		return err
	case len(b) >= 4 && string(b[:4]) == "\x00\x00\x00\x00":
		g.pass = 4 // padding between streams
		return nil
	case len(b) < 12:
		return g.rest(b)
	}
	g.check = [...]int64{0, 4, 4, 4, 8, 8, 8, 16, 16, 16, 32, 32, 32, 64, 64, 64}[b[7]&15]
	g.pass, g.blocks, g.next = 12, 0, g.block
	return nil
}

// block looks at the header of a block, or at the beginning of the index.
func (g *xzGuard) block() error {
	b, err := g.peek(1)
	if err != nil {
		return err
	}
	if b[0] == 0 {
		g.pass, g.length, g.next = 1, 1, g.index
		return nil
	}
	size := (int(b[0]) + 1) * 4
	if b, err = g.peek(size); err != nil || len(b) < size {
		return errors.Join(err, g.rest(b))
	}
	if g.blocks++; g.blocks > maxBlocks {
		return fmt.Errorf("%w: more than %d blocks", errXZ, maxBlocks)
	}
	if err := blockFits(b[1 : size-4]); err != nil {
		return err
	}
	g.pass, g.length, g.next = int64(size), 0, g.chunk
	return nil
}

// blockFits looks for the size of the dictionary in a block's header, from its flags on and without its checksum.
func blockFits(b []byte) error {
	flags := b[0]
	b = b[1:]
	number := func() (v uint64, ok bool) {
		v, n := binary.Uvarint(b)
		if n <= 0 {
			return 0, false
		}
		b = b[n:]
		return v, true
	}
	for _, has := range []byte{0x40, 0x80} { // compressed and uncompressed size
		if flags&has != 0 {
			if _, ok := number(); !ok {
				return errXZ
			}
		}
	}
	for range flags&3 + 1 {
		id, ok1 := number()
		size, ok2 := number()
		if !ok1 || !ok2 || size > uint64(len(b)) {
			return errXZ
		}
		props := b[:size]
		b = b[size:]
		if id != 0x21 { // LZMA2
			continue
		}
		if size != 1 || props[0] > 40 {
			return errXZ
		}
		if dict := (2 | uint64(props[0]&1)) << (props[0]/2 + 11); props[0] == 40 || dict > maxWindow {
			return fmt.Errorf("xz: the file asks for a dictionary of %d MiB, more than %d MiB are not given", dict>>20, maxWindow>>20)
		}
	}
	return nil
}

// chunk looks at the header of a piece of a block's data.
func (g *xzGuard) chunk() error {
	b, err := g.peek(6)
	if err != nil {
		return err
	}
	var n int64
	switch c := b[0]; {
	case c == 0:
		g.length++
		g.pass, g.next = 1+(4-g.length%4)%4+g.check, g.block
		return nil
	case c == 1 || c == 2: // not compressed
		if len(b) < 3 {
			return g.rest(b)
		}
		n = 3 + int64(binary.BigEndian.Uint16(b[1:])) + 1
	case c >= 0x80:
		if len(b) < 5 {
			return g.rest(b)
		}
		n = 5 + int64(binary.BigEndian.Uint16(b[3:])) + 1
		if c >= 0xc0 {
			n++ // properties
		}
	default:
		return errXZ
	}
	g.pass = n
	g.length += n
	return nil
}

// index looks at how many records the index has, and at each of their two numbers.
func (g *xzGuard) index() error {
	v, err := g.number()
	if err != nil || g.pass == 0 {
		return err
	}
	if v > maxBlocks {
		return fmt.Errorf("%w: an index of more than %d records", errXZ, maxBlocks)
	}
	g.fields, g.next = 2*v, g.record
	return nil
}

func (g *xzGuard) record() error {
	if g.fields > 0 {
		g.fields--
		_, err := g.number()
		return err
	}
	// Padding, the index's checksum, and the stream's footer.
	g.pass, g.next = (4-g.length%4)%4+4+12, g.streamHeader
	return nil
}

// number looks at one number of the index and lets it through.
func (g *xzGuard) number() (uint64, error) {
	b, err := g.peek(binary.MaxVarintLen64)
	if err != nil {
		return 0, err
	}
	v, n := binary.Uvarint(b)
	switch {
	case n < 0, n == 0 && len(b) == binary.MaxVarintLen64:
		return 0, errXZ
	case n == 0:
		return 0, g.rest(b)
	}
	g.pass = int64(n)
	g.length += int64(n)
	return v, nil
}
