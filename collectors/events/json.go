package events

import (
	"math/bits"
	"strings"
	"unicode/utf8"
)

// jsonScan walks over JSON text without building anything: a log line's few known fields are wanted, not its tree.
// encoding/json costs about ten times as much here, and general fast parsers (fastjson and its like) still build every
// value of every line. It is a little more lenient than the grammar (it does not check the inside of numbers and
// escapes), which costs nothing here: what is not JSON enough to find the fields in is read as text.
type jsonScan struct {
	s    string
	i    int
	work int // bytes looked at, some of them twice: a test holds it linear
}

// jsonString is a string as it stands between its quotes.
type jsonString struct {
	raw string
	esc bool // there are backslashes
}

func (v jsonString) text() string {
	if !v.esc {
		return v.raw
	}
	return unescapeJSON(v.raw)
}

func (p *jsonScan) space() {
	for p.i < len(p.s) && jsonBlank(p.s[p.i]) {
		p.i++
	}
}

func jsonBlank(c byte) bool { return c == ' ' || c == '\t' || c == '\n' || c == '\r' }

// peek gives the next byte that is not blank, 0 at the end.
func (p *jsonScan) peek() byte {
	if p.i < len(p.s) && p.s[p.i] > ' ' {
		return p.s[p.i]
	}
	p.space()
	return at(p.s, p.i)
}

// key reads `"name":`.
func (p *jsonScan) key() (jsonString, bool) {
	if p.peek() != '"' {
		return jsonString{}, false
	}
	k, ok := p.str()
	if !ok || p.peek() != ':' {
		return jsonString{}, false
	}
	p.i++
	return k, true
}

// str reads a string; the next byte is its quote.
func (p *jsonScan) str() (jsonString, bool) {
	start := p.i + 1
	i := start
	for ; i+8 <= len(p.s); i += 8 { // eight bytes at a time: most strings are short, and have no backslash
		if m := hasByte(load64(p.s[i:]), '"', '\\'); m != 0 {
			i += bits.TrailingZeros64(m) / 8
			break
		}
	}
	for i < len(p.s) && p.s[i] != '"' && p.s[i] != '\\' {
		i++
	}
	p.work += i - start
	if i < len(p.s) && p.s[i] == '"' {
		p.i = i + 1
		return jsonString{raw: p.s[start:i]}, true
	}
	for ; i < len(p.s); i++ {
		switch p.s[i] {
		case '\\':
			i++
		case '"':
			p.i = i + 1
			p.work += i - start
			return jsonString{raw: p.s[start:i], esc: true}, true
		}
	}
	return jsonString{}, false
}

// comma says whether another member or element follows, and steps to it.
func (p *jsonScan) comma() bool {
	if p.peek() == ',' {
		p.i++
		return true
	}
	return false
}

// end reads the closing brace of the outermost object and says whether nothing but blanks is behind it.
func (p *jsonScan) end() bool {
	if p.peek() != '}' {
		return false
	}
	p.i++
	p.space()
	return p.i == len(p.s)
}

// scalar reads a number, true, false or null.
func (p *jsonScan) scalar() (string, bool) {
	start := p.i
	for p.i < len(p.s) {
		c := p.s[p.i]
		if !isWord(c) && c != '-' && c != '+' && c != '.' {
			break
		}
		p.i++
	}
	return p.s[start:p.i], p.i > start
}

// skip steps over any value.
func (p *jsonScan) skip() bool {
	switch p.peek() {
	case '"':
		_, ok := p.str()
		return ok
	case '{', '[':
	case 0:
		return false
	default:
		_, ok := p.scalar()
		return ok
	}
	depth := 0
	for p.i < len(p.s) {
		switch p.s[p.i] {
		case '"':
			if _, ok := p.str(); !ok {
				return false
			}
			continue
		case '{', '[':
			depth++
		case '}', ']':
			if depth--; depth == 0 {
				p.i++
				return true
			}
		}
		p.i++
	}
	return false
}

// unescapeJSON resolves the escapes of a JSON string; a wrong escape stays as it is.
func unescapeJSON(s string) string {
	var b strings.Builder
	b.Grow(len(s))
	for i := 0; i < len(s); {
		k := strings.IndexByte(s[i:], '\\')
		if k < 0 || i+k+1 >= len(s) {
			b.WriteString(s[i:])
			break
		}
		b.WriteString(s[i : i+k])
		i += k + 2
		switch c := s[i-1]; c {
		case 'n':
			b.WriteByte('\n')
		case 't':
			b.WriteByte('\t')
		case 'r':
			b.WriteByte('\r')
		case 'b':
			b.WriteByte('\b')
		case 'f':
			b.WriteByte('\f')
		case '"', '\\', '/':
			b.WriteByte(c)
		case 'u':
			r, ok := hex4(s, i)
			if !ok {
				b.WriteString(`\u`)
				break
			}
			i += 4
			if r >= 0xd800 && r < 0xdc00 && at(s, i) == '\\' && at(s, i+1) == 'u' {
				if lo, ok := hex4(s, i+2); ok && lo >= 0xdc00 && lo < 0xe000 {
					r = (r-0xd800)<<10 + (lo - 0xdc00) + 0x10000
					i += 6
				}
			}
			if r >= 0xd800 && r < 0xe000 {
				r = utf8.RuneError
			}
			b.WriteRune(r)
		default:
			b.WriteByte('\\')
			b.WriteByte(c)
		}
	}
	return b.String()
}

func hex4(s string, i int) (rune, bool) {
	if i+4 > len(s) {
		return 0, false
	}
	var v rune
	for _, c := range []byte(s[i : i+4]) {
		switch {
		case c-'0' < 10:
			v = v<<4 | rune(c-'0')
		case (c|0x20)-'a' < 6:
			v = v<<4 | rune((c|0x20)-'a'+10)
		default:
			return 0, false
		}
	}
	return v, true
}
