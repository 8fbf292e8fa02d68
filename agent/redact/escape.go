package redact

import (
	"sort"
	"strconv"
	"strings"
	"unicode/utf8"
)

// unescaped is a text with backslash escapes resolved, and where each part of it came from.
type unescaped struct {
	text string
	// at and from say that text[at[i]:] came from the original's from[i]:, byte by byte up to the next i. Empty is the
	// original itself.
	at, source []int
}

// origin gives the original's offset of an offset of the text.
func (u unescaped) origin(n int) int {
	i := sort.SearchInts(u.at, n+1) - 1
	if i < 0 {
		return n
	}
	return u.source[i] + n - u.at[i]
}

// resolve gives u with one more level of escapes resolved, and whether there was any.
func (u unescaped) resolve() (unescaped, bool) {
	if strings.IndexByte(u.text, '\\') < 0 {
		return u, false
	}
	var b strings.Builder
	b.Grow(len(u.text))
	out := unescaped{at: []int{0}, source: []int{u.origin(0)}}
	escaped := false
	// Parts between escapes keep the breaks that u had within them.
	next := 0
	copyTo := func(from, to int) {
		for next < len(u.at) && u.at[next] <= from {
			next++
		}
		for next < len(u.at) && u.at[next] <= to {
			out.at = append(out.at, b.Len()+u.at[next]-from)
			out.source = append(out.source, u.source[next])
			next++
		}
		b.WriteString(u.text[from:to])
	}
	from := 0
	for i := 0; i+1 < len(u.text); i++ {
		if u.text[i] != '\\' {
			continue
		}
		r, n := escapeAt(u.text[i:])
		if n == 0 {
			continue
		}
		escaped = true
		copyTo(from, i)
		b.WriteString(r)
		from = i + n
		// The end of a secret that ends with this escape is the escape's end.
		out.at = append(out.at, b.Len())
		out.source = append(out.source, u.origin(from))
		i = from - 1
	}
	copyTo(from, len(u.text))
	out.text = b.String()
	return out, escaped
}

// escapeAt reads the escape that s begins with, as JSON and most languages write them; n is 0 where it is none.
func escapeAt(s string) (r string, n int) {
	switch s[1] {
	case '"', '\'', '\\', '/':
		return s[1:2], 2
	case 'n':
		return "\n", 2
	case 'r':
		return "\r", 2
	case 't':
		return "\t", 2
	case 'u':
		if len(s) >= 6 {
			if c, err := strconv.ParseUint(s[2:6], 16, 16); err == nil {
				return string(utf8.AppendRune(nil, rune(c))), 6
			}
		}
	case 'x':
		if len(s) >= 4 {
			if c, err := strconv.ParseUint(s[2:4], 16, 8); err == nil && c < utf8.RuneSelf {
				return string(rune(c)), 4
			}
		}
	}
	return "", 0
}
