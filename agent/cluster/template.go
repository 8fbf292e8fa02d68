package cluster

import (
	"bytes"
	"strings"
)

// A template is kept as the first message of its cluster with its atoms marked, so that it can be opened place by place
// as they vary and still reads like the log it came from. Text between marks is punctuation as it stood.
const (
	wordMark = 0x03 // around a word
	litMark  = 0x04 // around a variable part that has not varied so far
	contMark = 0x05 // before an atom that the signature has collapsed into the one before
)

// literalLimit is the longest variable part, in bytes, that is shown as it stands while it does not vary.
const literalLimit = 64

// templateLimit bounds a readable template, in bytes.
const templateLimit = 2048

// literal is a variable part that has had one value so far.
type literal struct {
	span int16 // index among the spans of the first message
	pos  uint8 // index of the atom in the signature
	text string
}

// makeTemplate marks the atoms of msg.
func makeTemplate(msg string, sc *scanner) string {
	b := sc.text[:0]
	at := 0
	for _, sp := range sc.spans {
		b = between(b, msg[at:max(at, int(sp.from))])
		at = max(at, int(sp.to))
		if sp.cont {
			b = append(b, contMark)
		}
		text := msg[sp.from:sp.to]
		switch {
		case sp.kind == kindPin && sp.mask >= 0:
			// The name stands in the signature, between its marks.
			p := sc.atoms[sp.pos]
			b = append(b, sc.sig[sc.prefix+int(p.from):sc.prefix+int(p.to)]...)
		case sp.kind == kindPin:
			b = quote(b, pinMark, text)
		case sp.kind == kindWord:
			b = quote(b, wordMark, text)
		case sp.kind == kindWeak && len(text) <= literalLimit && printableASCII(text):
			b = quote(b, litMark, text)
		default:
			b = append(b, varMark)
		}
	}
	if sc.full {
		b = append(b, " ..."...)
	} else {
		b = between(b, msg[at:])
	}
	sc.text = b
	return string(bytes.TrimRight(b, " "))
}

func quote(b []byte, mark byte, text string) []byte {
	b = append(b, mark)
	b = append(b, text...)
	return append(b, mark)
}

// printableASCII keeps control characters, which are the marks, out of literals.
func printableASCII(s string) bool {
	for i := range len(s) {
		if classes[s[i]]&clSpace != 0 && s[i] != ' ' {
			return false
		}
	}
	return true
}

func between(b []byte, s string) []byte {
	for i := range len(s) {
		if classes[s[i]]&clSpace == 0 {
			b = append(b, s[i])
		} else if n := len(b); n > 0 && b[n-1] != ' ' {
			b = append(b, ' ')
		}
	}
	return b
}

// piece is an atom of a marked template, or the text between two.
type piece struct {
	mark byte // 0 for text between atoms
	text string
	cont bool
	pos  int // index of the atom in the signature
}

// pieceReader reads a marked template from its beginning. A storm makes a template for every event, so nothing is
// allocated for that.
type pieceReader struct {
	t   string // what is left
	n   int    // atoms so far
	bad bool   // the marks don't pair
}

// next gives the next piece, false at the end or where the marks don't pair.
func (r *pieceReader) next() (piece, bool) {
	t := r.t
	if t == "" || r.bad {
		return piece{}, false
	}
	var p piece
	if p.cont = t[0] == contMark; p.cont {
		t = t[1:]
		if t == "" || r.n == 0 {
			return r.damaged()
		}
	}
	switch c := t[0]; c {
	case varMark:
		p.mark, t = c, t[1:]
	case wordMark, litMark, pinMark:
		k := strings.IndexByte(t[1:], c)
		if k < 0 {
			return r.damaged()
		}
		p.mark, p.text, t = c, t[1:1+k], t[k+2:]
	default:
		k := 0
		for k < len(t) && t[k] >= ' ' {
			k++
		}
		if k == 0 || p.cont {
			return r.damaged()
		}
		r.t = t[k:]
		return piece{text: t[:k], pos: -1}, true
	}
	if !p.cont {
		r.n++
	}
	p.pos, r.t = r.n-1, t
	return p, true
}

func (r *pieceReader) damaged() (piece, bool) {
	r.bad = true
	return piece{}, false
}

func (p *piece) append(b []byte) []byte {
	if p.cont {
		b = append(b, contMark)
	}
	switch p.mark {
	case 0:
		return append(b, p.text...)
	case varMark:
		return append(b, varMark)
	}
	return quote(b, p.mark, p.text)
}

// setTemplate gives n the marked template t and finds its literals.
func (n *node) setTemplate(t string) bool {
	var lits []literal
	nspans := 0
	r := pieceReader{t: t}
	for p, ok := r.next(); ok; p, ok = r.next() {
		if p.mark == litMark {
			lits = append(lits, literal{span: int16(nspans), pos: uint8(p.pos), text: p.text})
		}
		if p.mark != 0 {
			nspans++
		}
	}
	if r.bad {
		return false
	}
	n.tmpl, n.lits, n.nspans = t, lits, nspans
	return true
}

// open makes every atom of the template that want picks variable. span counts the atoms.
func (n *node) open(want func(span int, p piece) bool) {
	b := make([]byte, 0, len(n.tmpl))
	span, changed := 0, false
	r := pieceReader{t: n.tmpl}
	for p, ok := r.next(); ok; p, ok = r.next() {
		if p.mark != 0 {
			if m := p.mark; (m == wordMark || m == litMark) && want(span, p) {
				p.mark, p.text, changed = varMark, "", true
			}
			span++
		}
		b = p.append(b)
	}
	if changed {
		n.setTemplate(string(b))
	}
}

// template gives the readable form.
func (n *node) template() string {
	var b []byte
	last := -1 // end of the last atom, where only text came since
	r := pieceReader{t: n.tmpl}
	for p, ok := r.next(); ok; p, ok = r.next() {
		if p.cont && n.varies && last >= 0 {
			b = b[:last]
			continue
		}
		switch p.mark {
		case varMark:
			b = append(b, "<*>"...)
		default:
			b = append(b, p.text...)
		}
		if p.mark != 0 {
			last = len(b)
		}
	}
	b = append(b, n.note...)
	if len(b) > templateLimit {
		return strings.ToValidUTF8(string(b[:templateLimit]), "") + " ..."
	}
	return string(b)
}

// vary compares an event with what the template of its cluster shows as it stands.
func (c *Clusterer) vary(e *entry, n *node, msg string) {
	if n.shape != e.shape {
		return
	}
	changed := false
	if len(c.sc.spans) != n.nspans && !n.varies {
		n.varies, changed = true, true
	}
	var differ uint64 // indices of n.lits, of which there are at most a few; more than 64 wait for a later event
	for k, l := range n.lits {
		if k == 64 {
			break
		}
		if text, ok := c.sc.value(msg, l, n.varies); ok && text != l.text {
			differ |= 1 << k
		}
	}
	if differ != 0 {
		changed = true
		c.openLiterals(n, differ)
	}
	if changed {
		c.touch(n)
	}
	if differ != 0 {
		c.ripen(e.node)
	}
}

// ripen merges what became ripe because a place of a cluster is now known to vary: the words that other clusters have
// in this place vary too.
func (c *Clusterer) ripen(node int32) {
	type spot struct {
		entry int32
		place int
	}
	var ripe []spot
	for i := c.nodes[node].first; i != none; i = c.entries[i].after {
		e := &c.entries[i]
		for p := range e.next {
			if e.solid&(1<<p) == 0 {
				continue
			}
			if first, ok := c.slots[slotKey(e, p)]; ok && c.entries[first].next[p] != none && c.enough(first, p, e.fixed()) {
				ripe = append(ripe, spot{i, p})
			}
		}
	}
	for _, s := range ripe {
		c.merge(s.entry, s.place)
	}
}

// openLiterals makes the literals of n whose bits are set variable.
func (c *Clusterer) openLiterals(n *node, differ uint64) {
	var spans [64]bool
	var at [64]int16
	var solid uint64
	for k := range min(len(n.lits), 64) {
		if differ&(1<<k) != 0 {
			spans[k], at[k] = true, n.lits[k].span
			if p := n.lits[k].pos; p < 64 {
				solid |= 1 << p
			}
		}
	}
	n.open(func(span int, _ piece) bool {
		for k, on := range spans {
			if on && int(at[k]) == span {
				return true
			}
		}
		return false
	})
	for i := n.first; i != none; i = c.entries[i].after {
		if e := &c.entries[i]; e.shape == n.shape {
			e.solid |= solid & e.variable()
		}
	}
}

// value gives what msg has in the place of a literal. With a varying number of collapsed parts it is the first in the
// same place of the signature.
func (sc *scanner) value(msg string, l literal, byPos bool) (string, bool) {
	if !byPos {
		sp := sc.spans[l.span]
		return msg[sp.from:sp.to], true
	}
	for _, sp := range sc.spans {
		if sp.pos == l.pos {
			return msg[sp.from:sp.to], true
		}
	}
	return "", false
}
