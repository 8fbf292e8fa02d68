package cluster

import "strings"

// The scanner reads a message once and writes its signature: the words and the punctuation as they stand, white space
// squeezed, and one varMark for each variable part. It also notes where the atoms (words and variable parts) are, which
// merging and templates need. It allocates nothing once its buffers have grown.
//
// What is variable is decided by the shape of an atom alone, so that a host that sees a message for the first time gives
// it the same signature as every other host. Two kinds are told apart: what is numeric-like (strong) is "<*>" in a
// template at once; what only might vary (weak: the value after "=", a path, a word with a digit in it) is masked in the
// signature, but is shown as it stands until it was seen to vary.

// Limits of the scanner. They bound the cost of one event whatever its size.
const (
	scanLimit = 4096 // bytes of a message that are looked at
	sigLimit  = 1024 // bytes of a signature
	varLimit  = 160  // variable parts of a message that are told apart
	atomLimit = 200  // atoms of a signature
	wordLimit = 128  // bytes of a word
)

// Marks within a signature. Bytes below 0x20 never come from a message: control characters count as white space.
const (
	prefixEnd = 0x00 // ends the service and the stack's fingerprint
	varMark   = 0x01 // a variable part
	pinMark   = 0x02 // around a pin or a named mask
)

type class uint16

// Classes of bytes.
const (
	clSpace class = 1 << iota // white space and control characters
	clSep                     // punctuation that is never part of an atom
	clDigit
	clLetter
	clNonHex // a letter that is no hexadecimal digit
	clHigh   // part of a multi-byte character
	clDot
	clSlash
	clEdge // punctuation inside an atom, a separator at its edge

	clStop = clSpace | clSep
)

// classes is a constant table, computed by the compiler's initialiser and never written to.
var classes = func() (t [256]class) {
	for i := range t {
		c := byte(i)
		switch {
		case c <= ' ' || c == 0x7f:
			t[i] = clSpace
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
	}
	return t
}()

// Kinds of atoms.
const (
	kindWord   = iota
	kindStrong // variable, numeric-like
	kindWeak   // variable, shown as it stands until it varied
	kindPin    // a pin or a named mask: never merged away
)

// span is an atom as it stands in the message. Several spans may share one atom of the signature, because neighbouring
// variable parts collapse there.
type span struct {
	from, to int32 // bytes of the message
	pos      uint8 // index of its atom in the signature
	kind     uint8
	cont     bool // collapsed into the atom of the span before
	mask     int8 // index of the operator's named mask, -1 for none
}

// place is where an atom of the signature lies in it.
type place struct {
	from, to uint16
	kind     uint8
}

type scanner struct {
	sig    []byte
	prefix int // where the message's signature begins in sig
	atoms  []place
	spans  []span // all atoms of the message
	nvars  int    // how many of spans are variable
	weak   int    // how many of those are weak
	text   []byte // scratch of makeTemplate

	lastVar  int // len(sig) just after the last variable part, 0 where a word came since
	datePos  int // atom index where a run of names of weekdays and months begins, -1 for none
	dateSpan int // its first span
	eq       bool
	eqSpace  bool // white space came after the "="
	eqAt     int  // where in the message the value would begin
	full     bool
}

// begin resets the scanner for a message of service; stack is the fingerprint of its stack or "".
func (sc *scanner) begin(service, stack string) {
	sc.sig = append(append(sc.sig[:0], service...), prefixEnd)
	sc.sig = append(append(sc.sig, stack...), prefixEnd)
	sc.prefix = len(sc.sig)
	sc.atoms, sc.spans = sc.atoms[:0], sc.spans[:0]
	sc.nvars, sc.weak, sc.lastVar = 0, 0, 0
	sc.datePos, sc.dateSpan = -1, -1
	sc.eq, sc.eqSpace, sc.full = false, false, false
}

// clip gives the part of a message that is looked at: whole atoms of its first scanLimit bytes.
func clip(s string) string {
	if len(s) <= scanLimit {
		return s
	}
	for i := scanLimit; i > scanLimit/2; i-- {
		if classes[s[i]]&clSpace != 0 {
			return s[:i]
		}
	}
	return s[:scanLimit/2]
}

// scan reads s[from:to].
func (sc *scanner) scan(s string, from, to int) {
	i := from
	for i < to && !sc.full {
		c := s[i]
		fl := classes[c]
		if fl&clSpace != 0 {
			i++
			if n := len(sc.sig); n > sc.prefix && sc.sig[n-1] != ' ' {
				sc.sig = append(sc.sig, ' ')
			}
			sc.eqSpace = true
			continue
		}
		if fl&clSep != 0 {
			i = sc.separator(s, i, to)
			continue
		}
		start := i
		i++
		for i < to {
			f := classes[s[i]]
			if f&clStop != 0 {
				break
			}
			fl |= f
			i++
		}
		if fl&(clDot|clEdge) != 0 {
			var done bool
			if start, i, done = sc.trim(s, start, i, fl); done {
				continue
			}
			fl = flags(s[start:i])
		}
		i = sc.atom(s, start, i, to, fl)
		if len(sc.sig)-sc.prefix > sigLimit || len(sc.atoms) >= atomLimit-2 || len(sc.spans) >= varLimit {
			sc.full = true
		}
	}
}

// end closes the message: a value that did not come, and white space at the end.
func (sc *scanner) end() {
	if sc.eq && !sc.full {
		sc.emptyValue()
	}
	for n := len(sc.sig); n > sc.prefix && sc.sig[n-1] == ' '; n-- {
		sc.sig = sc.sig[:n-1]
	}
}

func flags(s string) (fl class) {
	for i := range len(s) {
		fl |= classes[s[i]]
	}
	return fl
}

// trim takes edge punctuation off an atom and writes what was in front of it. done means that nothing of an atom is left
// or that the caller is to go on at end.
func (sc *scanner) trim(s string, start, end int, fl class) (int, int, bool) {
	for start < end && classes[s[start]]&clEdge != 0 {
		if s[start] == '-' && start+1 < end && classes[s[start+1]]&clDigit != 0 {
			break // a negative number
		}
		sc.eq = sc.eq && s[start] != '-'
		sc.sig = append(sc.sig, s[start])
		start++
	}
	if start == end {
		return start, end, true
	}
	if fl&clDot != 0 {
		if k := strings.Index(s[start:end], ".."); k > 0 {
			end = start + k
		}
	}
	for end > start && classes[s[end-1]]&clEdge != 0 {
		end--
	}
	return start, end, end == start
}

// separator writes the punctuation at s[i] and gives where to go on.
func (sc *scanner) separator(s string, i, to int) int {
	c := s[i]
	next := byte(0)
	if i+1 < to {
		next = s[i+1]
	}
	switch c {
	case ':':
		if next == ':' && (i == 0 || classes[s[i-1]]&clStop != 0 && s[i-1] != ':') {
			if e := address(s, i, to); e > 0 { // "::1"
				sc.eq = false
				sc.variable(s, i, e, kindStrong)
				return e
			}
		}
		sc.eq = false
	case '<', '>', '~':
		// "<1 sec" is a number as much as "3 sec".
		if classes[next]&clDigit != 0 && (i == 0 || classes[s[i-1]]&clSpace != 0) {
			e := i + 1
			for e < to && (classes[s[e]]&clDigit != 0 || s[e] == '.') {
				e++
			}
			if e == to || classes[s[e]]&clStop != 0 {
				sc.eq = false
				sc.variable(s, i, e, kindStrong)
				return e
			}
		}
		sc.eq = false
	case '=':
		prev := byte(0)
		if i > 0 {
			prev = s[i-1]
		}
		if next == '=' || next == '>' || next == '~' || prev == '=' || prev == '!' || prev == '<' || prev == '>' || prev == ':' {
			sc.eq = false
		} else {
			if sc.eq {
				sc.emptyValue()
			}
			sc.eq, sc.eqSpace, sc.eqAt = true, false, i+1
		}
		sc.sig = append(sc.sig, c)
		return i + 1
	case '"', '\'':
		if sc.eq {
			limit := min(to, i+1+512)
			if k := strings.IndexByte(s[i+1:limit], c); k >= 0 {
				sc.eq = false
				sc.sig = append(sc.sig, c)
				sc.variable(s, i+1, i+1+k, kindWeak)
				sc.sig = append(sc.sig, c)
				return i + k + 2
			}
		}
	case ',', ';':
		if sc.eq {
			sc.emptyValue()
		}
	case '(', '[', '{':
		sc.eq = false
		if next == closing(c) {
			sc.sig = append(sc.sig, c)
			sc.variable(s, i+1, i+1, kindWeak)
			sc.sig = append(sc.sig, next)
			return i + 2
		}
	case ')', ']', '}':
		if sc.eq {
			sc.emptyValue()
		}
		if sc.closeGroup(s, c) {
			return i + 1
		}
	default:
		sc.eq = false
	}
	sc.eq = sc.eq && (c == '"' || c == '\'')
	if len(sc.sig)-sc.prefix > sigLimit {
		sc.full = true
	}
	sc.sig = append(sc.sig, c)
	return i + 1
}

// closeGroup collapses "VAR (VAR" to VAR when the bracket c closes and the first is a number, "1024 (1.0 KB)". A name may
// be a word elsewhere, and then nothing would collapse.
func (sc *scanner) closeGroup(s string, c byte) bool {
	n := len(sc.sig)
	if n-sc.prefix < 3 || sc.lastVar != n || len(sc.atoms) < 2 || closing(sc.sig[n-2]) != c {
		return false
	}
	k := n - 2
	if sc.sig[k-1] == ' ' {
		k--
	}
	if k-1 < sc.prefix || sc.sig[k-1] != varMark {
		return false
	}
	last := uint8(len(sc.atoms) - 1)
	j := len(sc.spans) - 1
	for j >= 0 && sc.spans[j].pos == last {
		j--
	}
	if j < 0 {
		return false
	}
	number, _, _ := strings.Cut(s[sc.spans[j].from:sc.spans[j].to], " ")
	if flags(number)&(clLetter|clHigh|clSlash) != 0 {
		return false
	}
	for j++; j < len(sc.spans); j++ {
		sc.spans[j].pos, sc.spans[j].cont = last-1, true
	}
	sc.atoms = sc.atoms[:last]
	sc.sig = sc.sig[:k]
	sc.lastVar = k
	return true
}

// emptyValue stands for the value that is missing after "=", so that "a= b=1" and "a=1 b=1" are the same.
func (sc *scanner) emptyValue() {
	sc.eq = false
	space := false
	if n := len(sc.sig); n > sc.prefix && sc.sig[n-1] == ' ' {
		sc.sig, space = sc.sig[:n-1], true
	}
	sc.variable("", sc.eqAt, sc.eqAt, kindWeak)
	if space {
		sc.sig = append(sc.sig, ' ')
	}
}

// atom writes the atom s[start:end] with the flags fl, and gives where to go on.
func (sc *scanner) atom(s string, start, end, to int, fl class) int {
	if sc.eq {
		if sc.eqSpace && end < to && s[end] == '=' {
			sc.emptyValue()
		} else if v, ok := valueEnd(s, start, to); ok {
			sc.eq = false
			for v > end && s[v-1] == '.' {
				v--
			}
			if v != end {
				fl = flags(s[start:v])
			}
			sc.variable(s, start, v, valueKind(s[start:v], fl))
			return v
		}
		sc.eq = false
	}
	if end < to {
		switch s[end] {
		case ':':
			if e, kind := colon(s, start, end, to, fl); e > 0 {
				sc.variable(s, start, e, kind)
				return e
			}
		case '@':
			if e := mail(s, end, to); e > 0 && fl&clSlash == 0 {
				sc.variable(s, start, e, kindWeak)
				return e
			}
		}
	}
	n := end - start
	switch {
	case fl&clDigit != 0:
		sc.variable(s, start, end, valueKind(s[start:end], fl))
	case fl&clSlash != 0 && pathLike(s[start:end]):
		sc.variable(s, start, end, kindWeak)
	case n >= 8 && fl == clLetter:
		sc.variable(s, start, end, kindStrong)
	case n >= 3 && n <= 5 && constant(s[start:end]):
		sc.variable(s, start, end, kindStrong)
	case n > wordLimit: // no word is that long: an encoded blob
		sc.variable(s, start, end, kindStrong)
	default:
		sc.word(s, start, end)
	}
	return end
}

func (sc *scanner) variable(s string, from, to int, kind uint8) {
	sc.nvars++
	if kind == kindWeak {
		sc.weak++
	}
	if sc.datePos >= 0 && kind == kindStrong && s != "" {
		p := sc.atoms[sc.datePos]
		sc.sig = sc.sig[:sc.prefix+int(p.from)]
		sc.atoms = sc.atoms[:sc.datePos]
		from = int(sc.spans[sc.dateSpan].from)
		sc.spans = sc.spans[:sc.dateSpan]
	}
	sc.datePos = -1
	v := span{from: int32(from), to: int32(to), kind: kind, mask: -1}
	if sc.lastVar > 0 && joins(sc.sig[sc.lastVar:]) {
		sc.sig = sc.sig[:sc.lastVar]
		v.cont = true
		v.pos = uint8(len(sc.atoms) - 1)
	} else {
		n := uint16(len(sc.sig) - sc.prefix)
		sc.sig = append(sc.sig, varMark)
		v.pos = uint8(len(sc.atoms))
		sc.atoms = append(sc.atoms, place{n, n + 1, kind})
		sc.lastVar = len(sc.sig)
	}
	sc.spans = append(sc.spans, v)
}

func (sc *scanner) word(s string, from, to int) {
	if n := to - from; n <= 4 {
		if sc.lastVar > 0 && unit(s[from:to]) {
			gap := sc.sig[sc.lastVar:]
			if last := &sc.spans[len(sc.spans)-1]; last.kind == kindStrong && (len(gap) == 0 || len(gap) == 1 && gap[0] == ' ') {
				sc.sig = sc.sig[:sc.lastVar]
				last.to = int32(to)
				return
			}
		}
		if n == 3 && dateName(s[from:to]) {
			if sc.lastVar > 0 && joins(sc.sig[sc.lastVar:]) && sc.spans[len(sc.spans)-1].kind == kindStrong {
				sc.variable(s, from, to, kindStrong)
				return
			}
			if sc.datePos < 0 {
				sc.datePos, sc.dateSpan = len(sc.atoms), len(sc.spans)
			}
		} else {
			sc.datePos = -1
		}
	} else {
		sc.datePos = -1
	}
	sc.lastVar = 0
	n := uint16(len(sc.sig) - sc.prefix)
	sc.spans = append(sc.spans, span{from: int32(from), to: int32(to), pos: uint8(len(sc.atoms)), kind: kindWord, mask: -1})
	sc.sig = append(sc.sig, s[from:to]...)
	sc.atoms = append(sc.atoms, place{n, n + uint16(to-from), kindWord})
}

// pinned writes text that is never merged away: a pin, or the name of the operator's mask.
func (sc *scanner) pinned(text string, from, to, mask int) {
	sc.eq, sc.lastVar, sc.datePos = false, 0, -1
	n := uint16(len(sc.sig) - sc.prefix)
	sc.spans = append(sc.spans, span{from: int32(from), to: int32(to), pos: uint8(len(sc.atoms)), kind: kindPin, mask: int8(mask)})
	sc.sig = append(append(append(sc.sig, pinMark), text...), pinMark)
	sc.atoms = append(sc.atoms, place{n, uint16(len(sc.sig) - sc.prefix), kindPin})
}
