package journal

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// The journal export format, as systemd documents it: an entry is fields, one after the other, and ends with an empty
// line. A field is NAME=value and a newline, or, where the value has bytes that are not text, NAME, a newline, the
// value's length as 64 bits little-endian, the value, and a newline. The length makes it safe to read: nothing inside a
// value can be taken for a field. The reader keeps no more of a value than the caller asks for, whatever its length.

// errFormat is returned for bytes that are not the export format. There is no way to find the next entry after it.
var errFormat = errors.New("not the journal export format")

const (
	maxName  = 256     // journald itself allows 64
	maxValue = 1 << 40 // a length beyond any journal: the stream is out of step
)

// exportReader reads entries of the journal export format.
type exportReader struct {
	r *bufio.Reader
}

func newExportReader(r io.Reader) *exportReader {
	return &exportReader{r: bufio.NewReaderSize(r, 256<<10)}
}

// visitor takes the fields of one entry. field says how many bytes of the value to keep; 0 skips the field. The name and
// value are valid during the call only.
type visitor interface {
	limit(name []byte) int
	field(name, value []byte, truncated bool)
}

// next reads one entry into v. It returns io.EOF at the end between entries, io.ErrUnexpectedEOF at an end within one,
// and an error that is errFormat for anything else that cannot be read.
func (x *exportReader) next(v visitor) error {
	fields := 0
	for {
		line, err := x.r.ReadSlice('\n')
		switch {
		case err == nil:
		case errors.Is(err, bufio.ErrBufferFull):
			if err := x.longText(line, v); err != nil {
				return err
			}
			fields++
			continue
		case errors.Is(err, io.EOF):
			if fields == 0 && len(line) == 0 {
				return io.EOF
			}
			return io.ErrUnexpectedEOF
		default:
			return err
		}
		line = line[:len(line)-1]
		if len(line) == 0 {
			if fields == 0 {
				continue // more than one empty line between entries
			}
			return nil
		}
		fields++
		eq := bytes.IndexByte(line, '=')
		switch {
		case eq < 0:
			if err := x.binary(line, v); err != nil {
				return err
			}
			continue
		case eq == 0 || eq > maxName:
			return fmt.Errorf("%w: a field without a name", errFormat)
		}
		name, value := line[:eq], line[eq+1:]
		if n := v.limit(name); n >= len(value) && n > 0 {
			v.field(name, value, false)
		} else if n > 0 {
			v.field(name, value[:n], true)
		}
	}
}

// longText reads the rest of a text field whose beginning filled the whole buffer.
func (x *exportReader) longText(head []byte, v visitor) error {
	eq := bytes.IndexByte(head[:min(len(head), maxName+1)], '=')
	if eq <= 0 {
		return fmt.Errorf("%w: a field without a name", errFormat)
	}
	name := bytes.Clone(head[:eq])
	n := v.limit(name)
	var value []byte
	if n > 0 {
		value = append(value, head[eq+1:min(len(head), eq+1+n)]...)
	}
	cut := len(head)-eq-1 > n
	for {
		part, err := x.r.ReadSlice('\n')
		done := err == nil
		if done {
			part = part[:len(part)-1]
		}
		room := max(n-len(value), 0)
		if len(part) > room {
			cut = true
			part = part[:room]
		}
		value = append(value, part...)
		switch {
		case done:
			if n > 0 {
				v.field(name, value, cut)
			}
			return nil
		case errors.Is(err, bufio.ErrBufferFull):
		case errors.Is(err, io.EOF):
			return io.ErrUnexpectedEOF
		default:
			return err
		}
	}
}

// binary reads the length and value that follow a line with only a name.
func (x *exportReader) binary(line []byte, v visitor) error {
	if len(line) > maxName {
		return fmt.Errorf("%w: a field's name of %d bytes", errFormat, len(line))
	}
	n := v.limit(line)
	var name []byte
	if n > 0 {
		name = append(make([]byte, 0, 64), line...) // the buffer moves below
	}
	size, err := x.r.Peek(8)
	if err != nil {
		return unexpected(err)
	}
	length := binary.LittleEndian.Uint64(size)
	if length > maxValue {
		return fmt.Errorf("%w: a value of %d bytes", errFormat, length)
	}
	if _, err := x.r.Discard(8); err != nil {
		return unexpected(err)
	}
	keep := int(min(uint64(n), length))
	rest := int64(length) - int64(keep)
	switch {
	case n == 0:
	case keep <= x.r.Size():
		value, err := x.r.Peek(keep)
		if err != nil {
			return unexpected(err)
		}
		v.field(name, value, rest > 0)
		if _, err := x.r.Discard(keep); err != nil {
			return unexpected(err)
		}
	default:
		// Grown as the bytes come, not by the length that was announced.
		var buf bytes.Buffer
		if _, err := io.CopyN(&buf, x.r, int64(keep)); err != nil {
			return unexpected(err)
		}
		v.field(name, buf.Bytes(), rest > 0)
	}
	for rest > 0 {
		d, err := x.r.Discard(int(min(rest, 1<<30)))
		rest -= int64(d)
		if err != nil {
			return unexpected(err)
		}
	}
	end, err := x.r.ReadByte()
	if err != nil {
		return unexpected(err)
	}
	if end != '\n' {
		return fmt.Errorf("%w: a value's length is wrong", errFormat)
	}
	return nil
}

// unexpected turns an end of input into one that is within an entry.
func unexpected(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}
