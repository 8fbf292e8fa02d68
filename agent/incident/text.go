package incident

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Printable makes text of strangers safe to show on a terminal and in plain-text messages: control characters, escape
// sequences, invalid UTF-8, and invisible or direction-changing Unicode characters are written out as escapes ("\x1b",
// "\u202e"). Newlines and tabs are kept. It does nothing about markup, which each notifier escapes for its own medium.
func Printable(s string) string {
	if printable(s) {
		return s
	}
	var b strings.Builder
	b.Grow(len(s) + 16)
	for i := 0; i < len(s); {
		r, n := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == utf8.RuneError && n <= 1:
			fmt.Fprintf(&b, `\x%02x`, s[i])
		case safeRune(r):
			b.WriteString(s[i : i+n])
		case r < 0x100:
			fmt.Fprintf(&b, `\x%02x`, r)
		case r > 0xffff:
			fmt.Fprintf(&b, `\U%08x`, r)
		default:
			fmt.Fprintf(&b, `\u%04x`, r)
		}
		i += n
	}
	return b.String()
}

// PrintableLine is Printable with line breaks and tabs written out too: the result is one line.
func PrintableLine(s string) string {
	s = Printable(s)
	if strings.IndexByte(s, '\n') >= 0 {
		s = strings.ReplaceAll(s, "\n", `\n`)
	}
	if strings.IndexByte(s, '\t') >= 0 {
		s = strings.ReplaceAll(s, "\t", " ")
	}
	return s
}

func printable(s string) bool {
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c >= utf8.RuneSelf || c < ' ' && c != '\n' && c != '\t' || c == 0x7f {
			return printableSlow(s)
		}
	}
	return true
}

func printableSlow(s string) bool {
	for i, r := range s {
		if r == utf8.RuneError {
			if _, n := utf8.DecodeRuneInString(s[i:]); n <= 1 {
				return false
			}
		}
		if !safeRune(r) {
			return false
		}
	}
	return true
}

// safeRune refuses what can move the cursor, change direction, hide, or forge a line: C0 and C1 controls, format
// characters (Cf: bidi overrides, zero-width, tags), line and paragraph separators, private use and surrogates.
func safeRune(r rune) bool {
	switch {
	case r == '\n' || r == '\t':
		return true
	case r < ' ' || r == 0x7f:
		return false
	case r < utf8.RuneSelf:
		return true
	}
	return !unicode.In(r, unicode.Cc, unicode.Cf, unicode.Co, unicode.Cs, unicode.Zl, unicode.Zp)
}
