package cluster

import "strings"

// The scanner reads a message once and writes its signature: the words and the punctuation as they stand, white space
// squeezed, and one varMark for each variable part. It also notes where the atoms (words and variable parts) are, which
// merging and templates need. It allocates nothing.
//
// What is variable is decided by the shape of an atom alone, so that a host that sees a message for the first time gives
// it the same signature as every other host. Two kinds are told apart: what is numeric-like (strong) is "<*>" in a
// template at once; what only might vary (weak: the value after "=", a path, a word with a digit in it) is masked in the
// signature, but is shown as it stands until it was seen to vary.

// Limits of the scanner. They bound the cost of one event whatever its size.
const (
	scanLimit = 4096 // bytes of a message that are looked at
	sigLimit  = 1024 // bytes of a signature
	varLimit  = 160  // atoms of a message that are told apart
	atomLimit = 200  // atoms of a signature
	wordLimit = 128  // bytes of a word
)

// sigRoom is how many bytes of a signature are written at most: the limit is looked at between atoms, and the longest of
// them is a pin.
const sigRoom = sigLimit + maxLiteral + wordLimit + 64

// bufLen is room for that behind a service and a stack. More than what words writes without a look at it.
const bufLen = serviceLimit + 64 + sigRoom

const _ = uint(bufLen - (serviceLimit + 64) - (sigLimit + 8)) // words begins one at sigLimit-wordLimit at most

// Marks within a signature. Bytes below 0x20 never come from a message: control characters count as white space.
const (
	prefixEnd = 0x00 // ends the service and the stack's fingerprint
	varMark   = 0x01 // a variable part
	pinMark   = 0x02 // around a pin or a named mask
)

// Kinds of atoms.
const (
	kindWord   = iota
	kindStrong // variable, numeric-like
	kindWeak   // variable, shown as it stands until it varied
	kindPin    // a pin or a named mask: never merged away
)

// What a span is beside its kind.
const (
	kindMask  = 3
	collapsed = 4  // it is in the same atom of the signature as the one before
	glued     = 8  // so, and where both are variable they are one: the unit of a number, the number behind a name
	named     = 16 // a pin that is an operator's named mask
)

// span is an atom as it stands in the message. Several spans may share one atom of the signature, because neighbouring
// variable parts collapse there. It is one number, as one is written for each word of each message: from the lowest bits
// on 16 each for where it begins and ends in the message, for the index of its atom in the signature, and for its kind
// with collapsed, glued or named.
type span uint64

func newSpan(from, to, pos int, what uint8) span {
	return span(from) | span(to)<<16 | span(pos)<<32 | span(what)<<48
}

func (sp span) from() int   { return int(sp & 0xffff) }
func (sp span) to() int     { return int(sp >> 16 & 0xffff) }
func (sp span) pos() int    { return int(sp >> 32 & 0xffff) }
func (sp span) what() uint8 { return uint8(sp >> 48) }
func (sp span) kind() uint8 { return sp.what() & kindMask }

// place is where an atom of the signature lies in it.
type place struct {
	from, to uint16
	kind     uint8
}

type scanner struct {
	sig    []byte  // set by end
	atoms  []place // set by end where places is
	spans  []span  // all atoms of the message; set by end
	prefix int     // where the message's signature begins in sig
	text   []byte  // scratch of makeTemplate

	places bool // whether atoms is wanted; only a signature never seen before needs it

	buf     [bufLen]byte // what sig, atoms and spans are slices of
	w       int          // bytes written
	na, ns  int          // atoms and spans written
	atomBuf [atomLimit + 8]place
	spanBuf [varLimit + 8]span

	named    int  // bytes of the service that buf begins with
	bare     bool // and behind it is no stack
	lastVar  int  // w just after the last variable part, 0 where a word came since
	datePos  int  // atom index where a run of names of weekdays and months begins, -1 for none
	dateSpan int  // its first span
	dateW    int  // where it begins in the signature
	eq       bool
	eqSpace  bool // white space came after the "="
	eqAt     int  // where in the message the value would begin
	full     bool
}

// begin resets the scanner for a message of service; stack is the fingerprint of its stack or "".
func (sc *scanner) begin(service, stack string) {
	if stack != "" || !sc.bare || string(sc.buf[:sc.named]) != service {
		sc.head(serviceKey(service), stack)
	}
	sc.w, sc.na, sc.ns, sc.lastVar, sc.datePos = sc.prefix, 0, 0, 0, -1
	sc.eq, sc.eqSpace, sc.full = false, false, false
}

// head writes what the signature begins with: service, which is a serviceKey, and the stack.
func (sc *scanner) head(service, stack string) {
	w := copy(sc.buf[:], service)
	sc.buf[w] = prefixEnd
	w += 1 + copy(sc.buf[w+1:], stack)
	sc.buf[w] = prefixEnd
	sc.prefix = w + 1
	sc.named, sc.bare = len(service), stack == ""
}

// end closes the message: a value that did not come, and white space at the end.
func (sc *scanner) end() {
	if sc.eq && !sc.full {
		sc.emptyValue()
	}
	w := sc.w
	for w > sc.prefix && sc.buf[w-1] == ' ' {
		w--
	}
	sc.w = w
	sc.sig, sc.atoms, sc.spans = sc.buf[:w], sc.atomBuf[:sc.na], sc.spanBuf[:sc.ns]
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

// put writes one byte of the signature.
func (sc *scanner) put(c byte) {
	sc.buf[sc.w] = c
	sc.w++
}

// scan reads s[from:to].
func (sc *scanner) scan(s string, from, to int) {
	s = s[:to]
	i := from
	for i < len(s) && !sc.full {
		c := s[i]
		fl := classes[c]
		if fl&clSpace != 0 {
			i++
			if w := sc.w; w > sc.prefix && sc.buf[w-1] != ' ' {
				sc.buf[w] = ' '
				sc.w = w + 1
			}
			sc.eqSpace = true
			continue
		}
		if fl&clSep != 0 {
			i = sc.separator(s, i)
			continue
		}
		if sc.eq && !sc.eqSpace && fl&clEdge == 0 {
			if e := sc.value(s, i); e > i {
				i = e
				continue
			}
		}
		start := i
		var prev, twice class
		if fl&clDigit != 0 {
			// What begins with a digit is a number in most cases, and then as long as it was read.
			i, fl = number(s, i)
			if !sc.eq && (i == len(s) || classes[s[i]]&(clStop|clMore) == clSep || classes[s[i]]&clSpace != 0) {
				sc.variable(s, start, i, kindStrong)
				if i < len(s) && s[i] == ' ' {
					sc.put(' ')
					i++
				}
				continue
			}
			prev = clDigit
		} else if fl&clLetter != 0 {
			if start, i = sc.words(s, i); start == i {
				continue
			}
			k := i - start
			if i == len(s) || classes[s[i]]&clStop != 0 {
				// It is as long as it was read, and nothing but letters.
				if k <= wordLimit && !sc.eq && (i == len(s) || classes[s[i]]&clMore == 0) && !(k >= 8 && hexLetters(s[start:i])) {
					if constants.has(s[start:i]) {
						sc.variable(s, start, i, kindStrong)
					} else {
						copy(sc.buf[sc.w:], s[start:i])
						sc.word(s, start, i)
					}
					if i < len(s) && s[i] == ' ' { // nearly always
						sc.put(' ')
						i++
					}
					continue
				}
				fl = flags(s[start:i])
			} else {
				fl = clLetter
				if !hexLetters(s[start:i]) {
					fl |= clNonHex
				}
			}
		} else {
			i++
		}
		rest := s[i:]
		i = len(s)
		for k := range len(rest) {
			f := classes[rest[k]]
			if f&clStop != 0 {
				i -= len(rest) - k
				break
			}
			fl |= f
			twice |= f & prev
			prev = f
		}
		if (classes[c]|prev)&clEdge != 0 || twice&clDot != 0 {
			var done bool
			if start, i, done = sc.trim(s, start, i, fl); done {
				continue
			}
			fl = flags(s[start:i])
		}
		i = sc.atom(s, start, i, fl)
	}
}

func hexLetters(s string) bool {
	for i := range len(s) {
		if classes[s[i]]&clNonHex != 0 {
			return false
		}
	}
	return true
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
		if sc.w-sc.prefix > sigLimit {
			sc.full = true
			return start, end, true
		}
		sc.put(s[start])
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
func (sc *scanner) separator(s string, i int) int {
	c := s[i]
	next := byte(0)
	if i+1 < len(s) {
		next = s[i+1]
	}
	switch c {
	case ':':
		if next == ':' && (i == 0 || classes[s[i-1]]&clStop != 0 && s[i-1] != ':') {
			if e := address(s, i); e > 0 { // "::1"
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
			for e < len(s) && (classes[s[e]]&clDigit != 0 || s[e] == '.') {
				e++
			}
			if e == len(s) || classes[s[e]]&clStop != 0 {
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
	case '"', '\'':
		if sc.eq {
			limit := min(len(s), i+1+512)
			if k := strings.IndexByte(s[i+1:limit], c); k >= 0 {
				sc.eq = false
				sc.put(c)
				sc.variable(s, i+1, i+1+k, kindWeak)
				sc.put(c)
				return i + k + 2
			}
		}
	case ',', ';':
		if sc.eq {
			sc.emptyValue()
			sc.eq = false
		} else if w := sc.w; w-sc.prefix > 2 && sc.buf[w-1] == ' ' && sc.buf[w-2] == ':' { // "server: , host: x"
			sc.variable(s, i, i, kindWeak)
		}
	case '(', '[', '{':
		sc.eq = false
		if next == closing(c) {
			sc.put(c)
			sc.variable(s, i+1, i+1, kindWeak)
			sc.put(next)
			return i + 2
		}
	case ')', ']', '}':
		if sc.eq {
			sc.emptyValue()
			sc.eq = false
		}
		if sc.lastVar == sc.w && sc.closeGroup(s, c) {
			return i + 1
		}
	default:
		sc.eq = false
	}
	if sc.w-sc.prefix > sigLimit {
		sc.full = true
	}
	sc.put(c)
	return i + 1
}

// atom writes the atom s[start:end] with the flags fl, and gives where to go on.
func (sc *scanner) atom(s string, start, end int, fl class) int {
	if sc.eq {
		if sc.eqSpace && end < len(s) && s[end] == '=' {
			sc.emptyValue()
		} else if v, ok := valueEnd(s, end); ok {
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
	if end < len(s) {
		switch s[end] {
		case ':':
			if e, kind := colon(s, start, end, fl); e > 0 {
				sc.variable(s, start, e, kind)
				return e
			}
		case '@', '+':
			if e := mail(s, start, end); e > 0 && fl&clSlash == 0 {
				sc.variable(s, start, e, kindWeak)
				return e
			}
		case '?':
			if fl&clSlash != 0 && pathLike(s[start:end]) {
				if e := query(s, end); e > 0 {
					sc.variable(s, start, e, valueKind(s[start:end], fl))
					return e
				}
			}
		}
	}
	n := end - start
	switch {
	case fl&clDigit != 0:
		kind := valueKind(s[start:end], fl)
		if k := ordinal(s[start:end], fl); k > 0 {
			// "node-17": the name stays in the template until another comes.
			sc.variable(s, start, start+k, kindWeak)
			sc.glue(start+k, end, kindStrong)
		} else {
			sc.variable(s, start, end, kind)
		}
	case fl&clSlash != 0 && pathLike(s[start:end]):
		sc.variable(s, start, end, kindWeak)
	case fl&clDot != 0 && domain(s[start:end]):
		sc.variable(s, start, end, kindWeak)
	case n >= 8 && fl == clLetter:
		sc.variable(s, start, end, kindStrong)
	case constants.has(s[start:end]):
		sc.variable(s, start, end, kindStrong)
	case n > wordLimit: // no word is that long: an encoded blob
		sc.variable(s, start, end, kindStrong)
	default:
		copy(sc.buf[sc.w:], s[start:end])
		sc.word(s, start, end)
	}
	return end
}
