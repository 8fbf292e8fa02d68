package cluster

import (
	"bytes"
	"slices"
	"strings"
)

// A template is kept as the first message of its cluster with its atoms marked, so that it can be opened place by place
// as they vary and still reads like the log it came from. Text between marks is punctuation as it stood.
const (
	wordMark = 0x03 // around a word
	litMark  = 0x04 // around a variable part that has not varied so far
	contMark = 0x05 // before an atom that the signature has collapsed into the one before
	glueMark = 0x06 // so, and if both are variable they are one
)

// literalLimit is the longest variable part, in bytes, that is shown as it stands while it does not vary.
const literalLimit = 64

// templateLimit bounds a readable template, in bytes.
const templateLimit = 2048

// literal is a variable part that has had one value so far.
type literal struct {
	span int16 // index among the spans of the first message
	pos  uint8 // index of the atom in the signature
	ord  uint8 // index among the spans of that atom
	text string
}

// makeTemplate marks the atoms of msg.
func makeTemplate(msg string, sc *scanner) string {
	b := sc.text[:0]
	at := 0
	for _, sp := range sc.spans {
		b = between(b, msg[at:max(at, sp.from())])
		at = max(at, sp.to())
		switch {
		case sp.what()&glued != 0:
			b = append(b, glueMark)
		case sp.what()&collapsed != 0:
			b = append(b, contMark)
		}
		text := msg[sp.from():sp.to()]
		switch {
		case sp.what() == kindPin|named:
			// The name stands in the signature, between its marks.
			p := sc.atoms[sp.pos()]
			b = append(b, sc.sig[sc.prefix+int(p.from):sc.prefix+int(p.to)]...)
		case sp.kind() == kindPin:
			b = quote(b, pinMark, text)
		case sp.kind() == kindWord:
			b = quote(b, wordMark, text)
		case sp.kind() == kindWeak && len(text) <= literalLimit && printableASCII(text):
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
	join byte // 0, contMark or glueMark
	pos  int  // index of the atom in the signature
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
	if t[0] == contMark || t[0] == glueMark {
		p.join, t = t[0], t[1:]
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
		if k == 0 || p.join != 0 {
			return r.damaged()
		}
		r.t = t[k:]
		return piece{text: t[:k], pos: -1}, true
	}
	if p.join == 0 {
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
	if p.join != 0 {
		b = append(b, p.join)
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
	nspans, ord := 0, 0
	r := pieceReader{t: t}
	for p, ok := r.next(); ok; p, ok = r.next() {
		if ord++; p.join == 0 && p.mark != 0 {
			ord = 0
		} else if p.mark == 0 {
			ord--
		}
		if p.mark == litMark {
			lits = append(lits, literal{span: int16(nspans), pos: uint8(p.pos), ord: uint8(ord), text: p.text})
		}
		if p.mark != 0 {
			nspans++
		}
	}
	if r.bad || nspans > varLimit+8 || r.n > atomLimit+8 {
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

// resize has change make n's template another, and keeps count of what it weighs.
func (c *Clusterer) resize(n *node, change func()) {
	before := n.cost()
	change()
	c.bytes += n.cost() - before
}

// template gives the readable form.
func (n *node) template() string {
	b := make([]byte, 0, len(n.tmpl)+len(n.note)+8)
	last := -1 // end of the last atom
	open := false
	r := pieceReader{t: n.tmpl}
	for p, ok := r.next(); ok; p, ok = r.next() {
		varies := p.mark != 0 && n.varies&placeBit(p.pos) != 0
		if p.join != 0 && last >= 0 && (varies || p.join == glueMark && open && p.mark == varMark) {
			b = b[:last]
			continue
		}
		if p.mark == varMark || varies {
			b = append(b, "<*>"...)
		} else {
			b = append(b, p.text...)
		}
		if p.mark != 0 {
			last, open = len(b), p.mark == varMark
		}
	}
	b = append(b, n.note...)
	if len(b) > templateLimit {
		return strings.ToValidUTF8(string(b[:templateLimit]), "") + " ..."
	}
	return string(b)
}

// placeBit gives the bit of a place in a set; places far behind share one.
func placeBit(pos int) uint64 { return 1 << min(pos, 63) }

// counts gives how many parts each atom of the template has.
func (n *node) counts() []uint8 {
	if n.lens == nil {
		r := pieceReader{t: n.tmpl}
		for p, ok := r.next(); ok; p, ok = r.next() {
			if p.mark == 0 {
				continue
			}
			if p.pos == len(n.lens) {
				n.lens = append(n.lens, 0)
			}
			n.lens[p.pos]++
		}
	}
	return n.lens
}

// differ gives the places where the message has another number of parts than the template.
func (n *node) differ(spans []span) uint64 {
	var mask uint64
	lens := n.counts()
	for i := 0; i < len(spans); {
		pos := spans[i].pos()
		k := i
		for i < len(spans) && spans[i].pos() == pos {
			i++
		}
		if pos >= len(lens) || int(lens[pos]) != i-k {
			mask |= placeBit(pos)
		}
	}
	return mask
}

// vary compares an event with what the template of its cluster shows as it stands.
func (c *Clusterer) vary(e *entry, n *node, msg string) {
	if n.shape != e.shape {
		return
	}
	changed := false
	var differ uint64 // indices of n.lits, of which there are at most a few; more than 64 wait for a later event
	if len(c.sc.spans) != n.nspans {
		if mask := n.differ(c.sc.spans); mask&^n.varies != 0 {
			n.varies |= mask
			changed = true
		}
	}
	for k := range n.lits[:min(len(n.lits), 64)] {
		l := &n.lits[k]
		if n.varies&placeBit(int(l.pos)) != 0 || c.sc.valueOf(msg, l) != l.text {
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
			if first, ok := c.slots.get(slotKey(e, p)); ok && p < len(c.entries[first].next) && c.entries[first].next[p] != none && c.enough(first, p, e.fixed()) {
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
	c.resize(n, func() {
		n.open(func(span int, _ piece) bool {
			for k, on := range spans {
				if on && int(at[k]) == span {
					return true
				}
			}
			return false
		})
	})
	for i := n.first; i != none; i = c.entries[i].after {
		if e := &c.entries[i]; e.shape == n.shape {
			e.solid |= solid & e.variable()
		}
	}
}

// valueOf gives what msg has in the place of a literal, "" where it has nothing there.
func (sc *scanner) valueOf(msg string, l *literal) string {
	k := int(l.span) - int(l.ord)
	if k >= len(sc.spans) || sc.spans[k].pos() != int(l.pos) || k > 0 && sc.spans[k-1].pos() == int(l.pos) {
		// An atom before it has more or fewer parts.
		k, _ = slices.BinarySearchFunc(sc.spans, l.pos, func(sp span, pos uint8) int { return sp.pos() - int(pos) })
	}
	if k += int(l.ord); k >= len(sc.spans) || sc.spans[k].pos() != int(l.pos) {
		return ""
	}
	return msg[sc.spans[k].from():sc.spans[k].to()]
}
