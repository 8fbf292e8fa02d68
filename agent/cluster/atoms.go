package cluster

import "strings"

// What an atom is, going by its shape alone: addresses, paths, values, units. None of these functions knows the words
// of any particular log.

func closing(c byte) byte {
	switch c {
	case '(':
		return ')'
	case '[':
		return ']'
	case '{':
		return '}'
	}
	return 0
}

// valueKind says whether a variable part is numeric-like.
func valueKind(s string, fl class) uint8 {
	switch {
	case fl&clSlash != 0:
		return kindWeak
	case fl&(clLetter|clHigh) == 0 && fl&clDigit != 0, // a number
		fl&clDigit != 0 && fl&clNonHex == 0, // a hexadecimal one
		len(s) > 24,                         // an identifier nobody would call a word
		hexNumber(s), constant(s):
		return kindStrong
	}
	return kindWeak
}

// valueEnd gives the end of the value that begins at start. It is none where a bracket opens: then it is the name of a
// structure, "token=Token{1f2e}".
func valueEnd(s string, start, to int) (int, bool) {
	for i := start; i < to; i++ {
		switch s[i] {
		case ',', ';', ')', ']', '}', '>', '"', '\'':
			return i, true
		case '(', '[', '{':
			// "ws=Source{10113}" is a value as a whole.
			k := i + 1
			for k < to && k < i+64 && classes[s[k]]&clStop == 0 {
				k++
			}
			if k == to || s[k] != closing(s[i]) {
				return 0, false
			}
			i = k
		case '<':
			return 0, false
		default:
			if classes[s[i]]&clSpace != 0 {
				return i, true
			}
		}
	}
	return to, true
}

// colon reads on over the ":" at s[end]: URLs, host:port, drive letters, MAC and IPv6 addresses. 0 means none of them.
func colon(s string, start, end, to int, fl class) (int, uint8) {
	if end+1 >= to {
		return 0, 0
	}
	next := classes[s[end+1]]
	n := end - start
	switch {
	case s[end+1] == '/' && end+2 < to && s[end+2] == '/' && fl&clSlash == 0:
		return linkEnd(s, end+3, to), kindWeak
	case s[end+1] == '\\' && n == 1 && fl&clLetter != 0:
		e := end + 1
		for e < to && classes[s[e]]&clStop == 0 {
			e++
		}
		for e > end+2 && classes[s[e-1]]&clEdge != 0 {
			e--
		}
		return e, kindWeak
	case n <= 4 && fl&^(clDigit|clLetter) == 0 && (next&(clDigit|clLetter) != 0 && next&clNonHex == 0 || s[end+1] == ':'):
		if e := address(s, start, to); e > 0 {
			return e, kindStrong
		}
	}
	if fl&clDot != 0 && fl&clLetter != 0 && fl&clSlash == 0 && next&clDigit != 0 {
		e := end + 1
		for e < to && classes[s[e]]&clDigit != 0 {
			e++
		}
		if e == to || classes[s[e]]&(clLetter|clDigit) == 0 {
			return e, kindWeak
		}
	}
	return 0, 0
}

func linkEnd(s string, i, to int) int {
	for i < to {
		switch s[i] {
		case '"', '\'', '<', '>', '(', ')', '[', ']', '{', '}', ',', ';', '|':
			return i
		}
		if classes[s[i]]&clSpace != 0 {
			break
		}
		i++
	}
	for classes[s[i-1]]&clEdge != 0 || s[i-1] == ':' {
		i--
	}
	return i
}

// address reads a MAC or IPv6 address; 0 where there is none.
func address(s string, start, to int) int {
	i, colons, group := start, 0, 0
	double, digit := false, false
	for i < to {
		f := classes[s[i]]
		if s[i] == ':' {
			colons++
			double = double || i+1 < to && s[i+1] == ':'
			group = 0
		} else if f&(clDigit|clLetter) != 0 && f&clNonHex == 0 {
			digit = digit || f&clDigit != 0
			if group++; group > 4 {
				return 0
			}
		} else {
			break
		}
		i++
	}
	if i > start && s[i-1] == ':' {
		if i-1 > start && s[i-2] == ':' { // "fe80::"
			if !digit {
				return 0
			}
		} else { // "a:b:" is no address; the last colon is the sentence's
			i--
			colons--
		}
	}
	if i < to && classes[s[i]]&(clLetter|clHigh) != 0 || !(double && digit || colons == 5 || colons == 7) {
		return 0
	}
	return i
}

// mail gives the end of the address whose "@" is at s[at], 0 where what follows is no host name with a dot.
func mail(s string, at, to int) int {
	fl := class(0)
	i := at + 1
	for i < to {
		f := classes[s[i]]
		if f&(clStop|clSlash) != 0 {
			break
		}
		fl |= f
		i++
	}
	for i > at+1 && classes[s[i-1]]&clEdge != 0 {
		i--
	}
	if fl&clLetter == 0 || !strings.Contains(s[at+1:i], ".") {
		return 0
	}
	return i
}

func hexNumber(s string) bool { return len(s) > 2 && s[0] == '0' && s[1]|0x20 == 'x' }

// pathLike says whether s, which has a slash, is a path rather than two words: absolute, or with two slashes.
func pathLike(s string) bool {
	n := 0
	for i := range len(s) {
		if s[i] == '/' || s[i] == '\\' {
			n++
		}
	}
	return n >= 2 || s[0] == '/' && len(s) > 1
}

// constant knows the words that are values of their own.
func constant(s string) bool {
	switch s {
	case "true", "false", "null", "nil", "None", "True", "False", "NULL", "TRUE", "FALSE", "NaN":
		return true
	}
	return false
}

// unit knows the words that are part of the number before them.
func unit(s string) bool {
	switch s {
	case "B", "b", "KB", "MB", "GB", "TB", "kB", "K", "M", "G", "KiB", "MiB", "GiB", "TiB", "ms", "us", "ns", "s", "µs", "sec", "secs", "min", "mins", "msec":
		return true
	}
	return false
}

// dateName knows names of weekdays and months in the short English form that logs use.
func dateName(s string) bool {
	switch s {
	case "Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun",
		"Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec":
		return true
	}
	return false
}

// joins says whether two variable parts with sep between them are one.
func joins(sep []byte) bool {
	if len(sep) > 6 {
		return false
	}
	for _, c := range sep {
		switch c {
		case ' ', ',', ':', '.', '-', '/', '@', '+', '|', '#', '~', ';', '&', '*', '^', '%':
		default:
			return false
		}
	}
	return true
}
