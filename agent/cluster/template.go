package cluster

import "strings"

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
	var b strings.Builder
	b.Grow(len(msg) + 2*len(sc.spans))
	at := 0
	for _, sp := range sc.spans {
		between(&b, msg[at:max(at, int(sp.from))])
		at = max(at, int(sp.to))
		if sp.cont {
			b.WriteByte(contMark)
		}
		text := msg[sp.from:sp.to]
		switch {
		case sp.kind == kindPin && sp.mask >= 0:
			// The name stands in the signature, between its marks.
			p := sc.atoms[sp.pos]
			b.Write(sc.sig[sc.prefix+int(p.from) : sc.prefix+int(p.to)])
		case sp.kind == kindPin:
			quote(&b, pinMark, text)
		case sp.kind == kindWord:
			quote(&b, wordMark, text)
		case sp.kind == kindWeak && len(text) <= literalLimit && printableASCII(text):
			quote(&b, litMark, text)
		default:
			b.WriteByte(varMark)
		}
	}
	if sc.full {
		b.WriteString(" ...")
	} else {
		between(&b, msg[at:])
	}
	return strings.TrimRight(b.String(), " ")
}

func quote(b *strings.Builder, mark byte, text string) {
	b.WriteByte(mark)
	b.WriteString(text)
	b.WriteByte(mark)
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

func between(b *strings.Builder, s string) {
	for i := range len(s) {
		if classes[s[i]]&clSpace == 0 {
			b.WriteByte(s[i])
		} else if n := b.Len(); n > 0 && b.String()[n-1] != ' ' {
			b.WriteByte(' ')
		}
	}
}

// piece is an atom of a marked template, or the text between two.
type piece struct {
	mark byte // 0 for text between atoms
	text string
	cont bool
	pos  int // index of the atom in the signature
}

// pieces reads a marked template; false where the marks don't pair.
func pieces(t string) ([]piece, bool) {
	var ps []piece
	pos, cont := -1, false
	for i := 0; i < len(t); {
		switch c := t[i]; c {
		case contMark:
			cont = true
			i++
			continue
		case varMark, wordMark, litMark, pinMark:
			p := piece{mark: c, cont: cont}
			i++
			if c != varMark {
				k := strings.IndexByte(t[i:], c)
				if k < 0 {
					return nil, false
				}
				p.text = t[i : i+k]
				i += k + 1
			}
			if !cont {
				pos++
			}
			if pos < 0 {
				return nil, false
			}
			p.pos, cont = pos, false
			ps = append(ps, p)
		default:
			k := i
			for k < len(t) && t[k] >= ' ' {
				k++
			}
			if k == i || cont {
				return nil, false
			}
			ps = append(ps, piece{text: t[i:k], pos: -1})
			i = k
		}
	}
	return ps, !cont
}

func join(ps []piece) string {
	var b strings.Builder
	for _, p := range ps {
		if p.cont {
			b.WriteByte(contMark)
		}
		switch p.mark {
		case 0:
			b.WriteString(p.text)
		case varMark:
			b.WriteByte(varMark)
		default:
			quote(&b, p.mark, p.text)
		}
	}
	return b.String()
}

// setTemplate gives n the marked template t and finds its literals.
func (n *node) setTemplate(t string) bool {
	ps, ok := pieces(t)
	if !ok {
		return false
	}
	n.tmpl, n.lits, n.nspans = t, nil, 0
	for _, p := range ps {
		if p.mark == litMark {
			n.lits = append(n.lits, literal{span: int16(n.nspans), pos: uint8(p.pos), text: p.text})
		}
		if p.mark != 0 {
			n.nspans++
		}
	}
	return true
}

// open makes every atom of the template that want picks variable. span counts the atoms.
func (n *node) open(want func(span int, p piece) bool) {
	ps, _ := pieces(n.tmpl)
	span, changed := 0, false
	for i := range ps {
		if ps[i].mark == 0 {
			continue
		}
		if m := ps[i].mark; (m == wordMark || m == litMark) && want(span, ps[i]) {
			ps[i].mark, ps[i].text, changed = varMark, "", true
		}
		span++
	}
	if changed {
		n.setTemplate(join(ps))
	}
}

// template gives the readable form.
func (n *node) template() string {
	ps, _ := pieces(n.tmpl)
	var b []byte
	last := -1 // end of the last atom, where only text came since
	for _, p := range ps {
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
