package redact

import (
	"sort"
	"strconv"
	"strings"
	"unicode/utf8"
)

// unescaped is a text with backslash escapes resolved and what nobody sees taken out, and where each part of it came from.
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
	return u.rewrite(escapeAt)
}

// seen gives u without what no reader sees.
func (u unescaped) seen() unescaped {
	if !strings.ContainsFunc(u.text, unseen) {
		return u
	}
	u, _ = u.rewrite(unseenAt)
	return u
}

// rewrite puts what read gives in the place of what it reads; it reads nothing where n is 0. It says whether it read any.
func (u unescaped) rewrite(read func(s string) (r string, n int)) (unescaped, bool) {
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
	for i := 0; i < len(u.text); i++ {
		if c := u.text[i]; c != '\\' && c >= ' ' && c < 0x7f {
			continue
		}
		r, n := read(u.text[i:])
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
	if len(s) < 2 || s[0] != '\\' {
		return "", 0
	}
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

// unseenAt gives the length of what s begins with if no reader sees it, 0 where it is seen. Loggers colour names and values
// each by itself, so that a colour stands between a name and its =.
func unseenAt(s string) (_ string, n int) {
	r, n := utf8.DecodeRuneInString(s)
	if !unseen(r) {
		return "", 0
	}
	if r != 0x1b || len(s) < 2 || s[1] != '[' {
		return "", n
	}
	// A CSI sequence: parameters, intermediates, one final byte.
	for i := 2; i < len(s) && i < maxSequence; i++ {
		switch c := s[i]; {
		case c >= 0x40 && c <= 0x7e:
			return "", i + 1
		case c < 0x20 || c > 0x7e:
			return "", n
		}
	}
	return "", n
}

// maxSequence is more than any terminal sequence has.
const maxSequence = 32

// unseen says that r shows nothing by itself: control characters but those that separate words, soft hyphens, zero-width and
// direction marks.
func unseen(r rune) bool {
	switch {
	case r < ' ':
		return r != '\t' && r != '\n' && r != '\r'
	case r < 0x7f:
		return false
	case r < 0xa0, r == 0xad, r == 0x34f, r == 0x61c, r == 0x180e, r == 0xfeff:
		return true
	}
	return r >= 0x200b && r <= 0x200f || r >= 0x202a && r <= 0x202e || r >= 0x2060 && r <= 0x206f || r >= 0xfe00 && r <= 0xfe0f
}
