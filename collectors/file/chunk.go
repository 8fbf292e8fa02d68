package file

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/logwright/logwright/collectors/events"
)

const (
	// chunkLen is how much is read at a time, and about the size of a batch.
	chunkLen = 256 << 10
	// maxLines bounds a batch of very short lines.
	maxLines = 8192
)

// encoding is how a file's characters are written. It is seen from the byte order mark, so it need not be kept.
type encoding uint8

const (
	encodingBytes encoding = iota // UTF-8, or whatever has "\n" as one byte
	encodingUTF16LE
	encodingUTF16BE
)

func encodingOf(head []byte) encoding {
	switch {
	case bytes.HasPrefix(head, []byte{0xff, 0xfe}):
		return encodingUTF16LE
	case bytes.HasPrefix(head, []byte{0xfe, 0xff}):
		return encodingUTF16BE
	}
	return encodingBytes
}

// progress is a position and what the next read can save because of the last.
type progress struct {
	position
	enc encoding
	// searched is how many bytes after the offset are known to hold no line end.
	searched int64
	// zeros is up to where there are only NUL bytes after the offset.
	zeros int64
}

// rewind forgets what was known of the bytes after the offset.
func (p *progress) rewind() { p.searched, p.zeros = 0, 0 }

// outcome says how a read ended.
type outcome int

const (
	atEnd    outcome = iota // nothing more now
	more                    // there is more, or may be
	replaced                // what stands before the offset is not what was read: the file was truncated
)

// chunker reads lines. It has the only read buffer of a collector: what stays unread stays in the file.
type chunker struct {
	maxLine int
	buf     []byte
	head    []byte
	lines   []events.Line
	plain   bool // what is being split has no escape character
}

// holeSeeker is implemented by sources that know where data goes on after a hole.
type holeSeeker interface {
	// nextData gives the first offset from at on that is not in a hole, or false where there is none up to the end.
	nextData(at int64) (int64, bool)
}

// read takes the lines after p.offset from src into c.lines, valid until the next read, and moves p. The block before the
// offset is read and compared in the same system call as what follows it, so a truncation can't slip in between. An
// unfinished last line is taken only where final is set.
func (c *chunker) read(src io.ReaderAt, p *progress, final bool) (outcome, error) {
	c.lines = c.lines[:0]
	if p.searched >= chunkLen && !final {
		if out, err := c.probe(src, p); out != replaced {
			return out, err
		}
	}
	look := min(blockLen, p.offset)
	start := p.offset - look
	want := look + p.searched + chunkLen
	if int64(len(c.buf)) < want {
		c.buf = make([]byte, want)
	}
	buf := c.buf[:want]
	n, err := src.ReadAt(buf, start)
	broken := err != nil && !errors.Is(err, io.EOF)
	if broken && int64(n) <= look {
		return atEnd, err
	}
	buf = buf[:n]
	eof := int64(n) < want && !broken
	if !p.unchanged(buf, look) || start > 0 && !c.sameHead(src, p) {
		return replaced, nil
	}
	if start == 0 && len(p.head) < blockLen && n > len(p.head) {
		p.head = fingerprintOf(buf)
	}
	if start == 0 {
		p.enc = encodingOf(buf)
	}
	data := buf[look:]
	if len(data) == 0 {
		return atEnd, nil
	}
	if p.enc != encodingBytes {
		before := p.offset
		out := c.take16(p, buf, data, eof, final)
		if broken && p.offset == before {
			return atEnd, err
		}
		return out, nil
	}
	if data[0] == 0 {
		z := leadingZeros(data)
		if z == len(data) {
			return c.passZeros(src, p, p.offset+int64(z))
		}
		if !p.skip {
			// A hole, or the padding of one: copytruncate leaves one before what is written next.
			p.offset += int64(z)
			p.searched = max(0, p.searched-int64(z))
			data = data[z:]
		}
	}
	p.zeros = 0
	before := p.offset
	out := c.take(p, buf, data, eof, final)
	if broken && p.offset == before {
		return atEnd, err // what came before the fault was taken, the rest can't be read
	}
	return out, nil
}

// unchanged says whether buf, which begins look bytes before the offset, still is what was read.
func (p *progress) unchanged(buf []byte, look int64) bool {
	if int64(len(buf)) < look || look > 0 && blockOf(buf[:look]) != p.block {
		return false
	}
	return p.offset > blockLen || p.head.begins(buf)
}

// sameHead says whether src still begins as it did. Of what can only be read forwards that is certain.
func (c *chunker) sameHead(src io.ReaderAt, p *progress) bool {
	if _, ok := src.(*inflated); ok {
		return true
	}
	if c.head == nil {
		c.head = make([]byte, blockLen)
	}
	n, err := src.ReadAt(c.head[:len(p.head)], 0)
	return err != nil && !errors.Is(err, io.EOF) || p.head.begins(c.head[:n])
}

// probe looks for the end of a long unfinished line in what came since the last look. Replaced means that it is worth
// reading the line.
func (c *chunker) probe(src io.ReaderAt, p *progress) (outcome, error) {
	if len(c.buf) < chunkLen {
		c.buf = make([]byte, chunkLen)
	}
	n, err := src.ReadAt(c.buf[:chunkLen], p.offset+p.searched)
	if err != nil && !errors.Is(err, io.EOF) {
		return atEnd, err
	}
	if bytes.IndexByte(c.buf[:n], '\n') >= 0 || p.searched+int64(n) > int64(c.maxLine) {
		return replaced, nil
	}
	p.searched += int64(n)
	if n < chunkLen {
		return atEnd, nil
	}
	return more, nil
}

// take splits data, the part of buf after the offset.
func (c *chunker) take(p *progress, buf, data []byte, eof, final bool) outcome {
	at := 0 // bytes of data that are done
	if p.skip {
		i := bytes.IndexByte(data, '\n')
		if i < 0 {
			p.advance(buf, data, len(data))
			return ended(eof)
		}
		p.skip = false
		at = i + 1
	}
	last := bytes.LastIndexByte(data[at:], '\n')
	if last >= 0 {
		text := string(data[at : at+last+1])
		base := p.offset + int64(at)
		done := 0
		c.plain = strings.IndexByte(text, 0x1b) < 0
		for done < len(text) && len(c.lines) < maxLines {
			if text[done] == 0 {
				done += len(text[done:]) - len(strings.TrimLeft(text[done:], "\x00"))
			}
			i := strings.IndexByte(text[done:], '\n')
			c.add(p, strings.TrimSuffix(text[done:done+i], "\r"), base+int64(done))
			done += i + 1
		}
		c.plain = false
		at += done
		if done < len(text) {
			p.advance(buf, data, at)
			return more
		}
	}
	rest := data[at:]
	if z := leadingZeros(rest); z == len(rest) {
		rest = nil // left for passZeros
	} else if z > 0 {
		rest, at = rest[z:], at+z
	}
	switch {
	case len(rest) > c.maxLine:
		c.add(p, string(rest[:c.maxLine+1]), p.offset+int64(at))
		p.skip = true
		at += len(rest)
	case len(rest) > 0 && eof && final:
		c.add(p, strings.TrimSuffix(string(rest), "\r"), p.offset+int64(at))
		at += len(rest)
	}
	p.advance(buf, data, at)
	p.searched = int64(len(data) - at)
	return ended(eof)
}

func ended(eof bool) outcome {
	if eof {
		return atEnd
	}
	return more
}

// add makes a line of text, which begins at offset.
func (c *chunker) add(p *progress, text string, offset int64) {
	n := len(c.lines)
	if n < cap(c.lines) {
		c.lines = c.lines[:n+1]
		c.lines[n] = events.Line{}
	} else {
		c.lines = append(c.lines, events.Line{})
	}
	l := &c.lines[n] // in its place: to copy what was just written is slow
	l.Text, l.Offset, l.Plain = text, offset, c.plain
	if offset == 0 && strings.HasPrefix(text, "\ufeff") {
		l.Text = text[len("\ufeff"):]
	}
	if len(l.Text) > c.maxLine {
		l.Text, l.Truncated = cut(l.Text, c.maxLine), true
	}
	if p.line >= 0 {
		p.line++
		l.Number = p.line
	}
}

// cut gives at most n bytes of s, without half a character at the end.
func cut(s string, n int) string {
	for i := n; i > n-utf8.UTFMax && i > 0; i-- {
		if utf8.RuneStart(s[i]) {
			return s[:i]
		}
	}
	return s[:n]
}

// advance moves the offset over the first n bytes of data, which is the end of buf.
func (p *progress) advance(buf, data []byte, n int) {
	done := len(buf) - len(data) + n
	p.offset += int64(n)
	p.block = blockOf(buf[:done])
	p.searched = 0
}

// passZeros goes over NUL bytes, which reach from the offset to at or further. The offset stays where they reach the end
// of the file: a file that was allocated ahead is filled from there.
func (c *chunker) passZeros(src io.ReaderAt, p *progress, at int64) (outcome, error) {
	next := max(p.zeros, at)
	if hs, ok := src.(holeSeeker); ok {
		d, ok := hs.nextData(next)
		if !ok {
			return atEnd, nil
		}
		next = d
	}
	look := min(blockLen, next)
	buf := c.buf[:min(int64(len(c.buf)), look+chunkLen)]
	n, err := src.ReadAt(buf, next-look)
	if err != nil && !errors.Is(err, io.EOF) {
		return atEnd, err
	}
	if int64(n) <= look {
		return atEnd, nil
	}
	z := leadingZeros(buf[look:n])
	p.zeros = next + int64(z)
	if look+int64(z) < int64(n) {
		p.offset = p.zeros
		p.block = blockOf(buf[:look+int64(z)])
		p.rewind()
		return more, nil
	}
	return ended(n < len(buf)), nil
}

func leadingZeros(b []byte) int {
	i := 0
	for ; i+8 <= len(b); i += 8 {
		if binary.NativeEndian.Uint64(b[i:]) != 0 {
			break
		}
	}
	for i < len(b) && b[i] == 0 {
		i++
	}
	return i
}

// take16 is take for UTF-16. Lines become UTF-8; offsets stay those of the file.
func (c *chunker) take16(p *progress, buf, data []byte, eof, final bool) outcome {
	order := binary.ByteOrder(binary.LittleEndian)
	if p.enc == encodingUTF16BE {
		order = binary.BigEndian
	}
	at := 0
	if p.offset == 0 {
		at = min(2, len(data)) // the byte order mark
	}
	for len(c.lines) < maxLines {
		end := -1
		for i := at; i+2 <= len(data); i += 2 {
			if order.Uint16(data[i:]) == '\n' {
				end = i
				break
			}
		}
		rest := (len(data) - at) &^ 1
		switch {
		case end >= 0 && p.skip:
			p.skip = false
			at = end + 2
			continue
		case end >= 0:
			c.add(p, strings.TrimSuffix(decode16(order, data[at:end]), "\r"), p.offset+int64(at))
			at = end + 2
			continue
		case p.skip:
			at += rest
		case rest > c.maxLine:
			c.add(p, decode16(order, data[at:at+rest]), p.offset+int64(at))
			c.lines[len(c.lines)-1].Truncated = true
			p.skip = true
			at += rest
		case eof && final && rest > 0:
			c.add(p, strings.TrimSuffix(decode16(order, data[at:at+rest]), "\r"), p.offset+int64(at))
			at += rest
		}
		p.advance(buf, data, at)
		p.searched = int64(len(data) - at)
		return ended(eof)
	}
	p.advance(buf, data, at)
	return more
}

func decode16(order binary.ByteOrder, b []byte) string {
	u := make([]uint16, len(b)/2)
	for i := range u {
		u[i] = order.Uint16(b[2*i:])
	}
	return string(utf16.Decode(u))
}
