package cluster

import (
	"encoding/binary"
	"unsafe"
)

// class says what a byte may be part of.
type class uint16

// Classes of bytes.
const (
	clSpace class = 1 << iota // white space and control characters
	clDigit
	clLetter
	clNonHex // a letter that is no hexadecimal digit
	clHigh   // part of a multi-byte character
	clDot
	clSlash
	clEdge  // punctuation inside an atom, a separator at its edge
	clSep   // punctuation that is never part of an atom
	clValue // ends the value after "=", or needs a look there
	clMore  // an atom may go on behind it: a port, a host
	clJoin  // variable parts with it between them are one
	clEnd   // ends an atom, and there is nothing to look for behind it

	clStop = clSpace | clSep
)

// classes is a constant table, computed by the compiler's initialiser and never written to.
var classes = func() (t [256]class) {
	for i := range t {
		c := byte(i)
		switch {
		case c <= ' ' || c == 0x7f:
			t[i] = clSpace | clValue
		case c >= '0' && c <= '9':
			t[i] = clDigit
		case c|0x20 >= 'a' && c|0x20 <= 'f':
			t[i] = clLetter
		case c|0x20 >= 'g' && c|0x20 <= 'z':
			t[i] = clLetter | clNonHex
		case c >= 0x80:
			t[i] = clHigh | clNonHex
		case c == '.':
			t[i] = clDot | clEdge
		case c == '/' || c == '\\':
			t[i] = clSlash
		case c == '-' || c == '$' || c == '%':
			t[i] = clEdge
		case c == '_':
			t[i] = 0
		default:
			t[i] = clSep
		}
		switch c {
		case ' ', ',', ':', '.', '-', '/', '@', '+', '|', '#', '~', ';', '&', '*', '^', '%':
			t[i] |= clJoin
		}
		switch c {
		case ',', ';', ')', ']', '}', '>', '"', '\'', '(', '[', '{', '<':
			t[i] |= clValue
		case ':', '@', '+':
			t[i] |= clMore
		}
		if t[i]&clStop != 0 && t[i]&clMore == 0 {
			t[i] |= clEnd
		}
	}
	return t
}()

// Words of the language are the most of most messages, so they are read eight bytes at a time.

const (
	ones  = 0x0101010101010101
	highs = 0x8080808080808080
)

// load8 gives the eight bytes of s at i, the first in the lowest bits. The caller sees to it that they are there: the compiler would
// look eight times.
func load8(s string, i int) uint64 {
	return binary.LittleEndian.Uint64((*[8]byte)(unsafe.Add(unsafe.Pointer(unsafe.StringData(s)), i))[:]) //nolint:gosec // G103: see above
}

// store8 is the reverse of load8.
func store8(b *[bufLen]byte, i int, x uint64) {
	binary.LittleEndian.PutUint64((*[8]byte)(unsafe.Add(unsafe.Pointer(b), i))[:], x) //nolint:gosec // G103: see above
}

// tail8 is load8 where there are less than eight bytes; what is missing is 0.
func tail8(s string, i int) uint64 {
	if n := len(s); n >= 8 {
		return load8(s, n-8) >> (8 * uint(i+8-n))
	}
	x := uint64(0)
	for k := len(s) - 1; k >= i; k-- {
		x = x<<8 | uint64(s[k])
	}
	return x
}

// nonLetters has the high bit of each byte of x set that is no ASCII letter.
func nonLetters(x uint64) uint64 {
	low := (x | 0x20*ones) & (0x7f * ones)
	from := low + (0x80-'a')*ones       // high bit: not below 'a'
	beyond := low + (0x80-('z'+1))*ones // high bit: behind 'z'
	return (^from | beyond | x) & highs
}

// hexLetters8 says whether all bytes of x, which are ASCII letters, are hexadecimal digits.
func hexLetters8(x uint64) bool {
	return ((x|0x20*ones)+(0x7f-'f')*ones)&highs == 0
}
