package events

import "strings"

func isDigit(c byte) bool  { return c-'0' < 10 }
func isUpper(c byte) bool  { return c-'A' < 26 }
func isLower(c byte) bool  { return c-'a' < 26 }
func isLetter(c byte) bool { return (c|0x20)-'a' < 26 }
func isWord(c byte) bool   { return wordBytes[c] }

// wordBytes holds which bytes are letters, digits and underscores: most of what is read is asked for it.
var wordBytes = func() (t [256]bool) {
	for c := range t {
		b := byte(c)
		t[c] = isLetter(b) || isDigit(b) || b == '_'
	}
	return t
}()

// hasByte marks, in its highest bit, the first byte of x that is a or b; it may mark later ones that are not. 0 where none is.
func hasByte(x uint64, a, b byte) uint64 {
	const low, high = 0x0101010101010101, 0x8080808080808080
	p, q := x^low*uint64(a), x^low*uint64(b)
	return ((p-low)&^p | (q-low)&^q) & high
}

// digits reads exactly n digits of s at i.
func digits(s string, i, n int) (int, bool) {
	if i+n > len(s) {
		return 0, false
	}
	v := 0
	for _, c := range []byte(s[i : i+n]) {
		if c-'0' > 9 {
			return 0, false
		}
		v = v*10 + int(c-'0')
	}
	return v, true
}

// run counts the digits of s from i on, at most limit.
func run(s string, i, limit int) int {
	n := 0
	for n < limit && i+n < len(s) && isDigit(s[i+n]) {
		n++
	}
	return n
}

func at(s string, i int) byte {
	if i >= 0 && i < len(s) {
		return s[i]
	}
	return 0
}

// lastIndex is strings.LastIndex for a few bytes, which it would make a hash of at every place.
func lastIndex(s, sub string) int {
	for i := len(s); ; {
		if i = strings.LastIndexByte(s[:i], sub[0]); i < 0 || strings.HasPrefix(s[i:], sub) {
			return i
		}
	}
}
