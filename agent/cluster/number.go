package cluster

import "math/bits"

// What most variable parts are: plain numbers, and the plain values of names. They are read here in one go; whatever is more
// than that is left to the scanner's general steps, which would read these in the same way.

// number gives the end of the digits and single dots that begin with the digit at s[i], as in "17", "0.25" and "10.0.0.1",
// and what they are.
func number(s string, i int) (int, class) {
	fl := clDigit
	for {
		x := uint64(0)
		if len(s)-i >= 8 {
			x = load8(s, i)
		} else if i < len(s) {
			x = tail8(s, i)
		}
		m := nonDigits(x)
		if m == 0 {
			i += 8
			continue
		}
		i += bits.TrailingZeros64(m) >> 3
		if i+1 >= len(s) || s[i] != '.' || classes[s[i+1]]&clDigit == 0 {
			return i, fl
		}
		fl |= classes['.']
		i += 2
	}
}

// nonDigits has the high bit of each byte of x set that is no digit.
func nonDigits(x uint64) uint64 {
	y := x ^ 0x30*ones
	return (y&(0x7f*ones) + (0x80-10)*ones | y) & highs
}

// value writes the value after "=" that begins at s[i] and gives its end; i where it has brackets or a dot at its end.
func (sc *scanner) value(s string, i int) int {
	var fl class
	e := i
	for e < len(s) {
		f := classes[s[e]]
		if f&clValue != 0 {
			break
		}
		if e-i == valueLimit {
			return i
		}
		fl |= f
		e++
	}
	if s[e-1] == '.' || e < len(s) && opens(s[e]) {
		return i
	}
	sc.eq = false
	sc.variable(s, i, e, valueKind(s[i:e], fl))
	return e
}

func opens(c byte) bool { return c == '(' || c == '[' || c == '{' || c == '<' }
