package cluster

import (
	"slices"
	"strings"

	"github.com/logwright/logwright/agent/incident"
)

// Explainer tells how events were put into their clusters, as of the end of what a Clusterer was given. What it says comes of the
// same scanner, tables and predicates that decide.
type Explainer struct {
	c       *Clusterer
	aliases map[Ref][]Ref // by the cluster they were merged into
}

// Explanation is what is to be said of one event's message and cluster.
type Explanation struct {
	// ID is the cluster's id now. Known says that it is in memory; where it is not, the fields about it are empty.
	ID    string
	Known bool
	// Merged are the ids of clusters that were merged into it, oldest first, mergedMost at most; Aliases is how many there are.
	Merged  []string
	Aliases int
	// Signatures is how many masked signatures it is made of, Events how many events came.
	Signatures int
	Events     uint64
	// Signature is the masked form of this event's message, with <*> for what is variable.
	Signature string
	// Spans are the parts of the message that are more than words, in their order.
	Spans []Span
	// Cut is the number of bytes of the message that were looked at, 0 where it was all of it.
	Cut int
	// Frames has the index of each frame that identifies the stack.
	Frames []int
}

// Span is a part of a message.
type Span struct {
	// From and To are where it stands, in bytes.
	From, To int
	// Rule says what made it variable, or keeps it.
	Rule string
	// Kept says that it is a pin or the operator's mask: never merged away.
	Kept bool
	// Merged says that it is a word, and variable because other events have other words in its place.
	Merged bool
	// Shown says that the template shows it as it stands, since it had no other value so far.
	Shown bool
}

// mergedMost is how many merged ids an explanation names.
const mergedMost = 8

// Explainer makes one. It is valid until the next Add.
func (c *Clusterer) Explainer() *Explainer {
	x := &Explainer{c: c, aliases: map[Ref][]Ref{}}
	seen := make(map[Ref]bool, len(c.alias))
	for _, from := range c.aliasAge {
		if _, there := c.alias[from]; !there || seen[from] {
			continue
		}
		seen[from] = true
		to := c.root(from)
		x.aliases[to] = append(x.aliases[to], from)
	}
	return x
}

// Explain tells of the event r, which Add was given and answered with ref.
func (x *Explainer) Explain(r *incident.Record, ref Ref) Explanation {
	c := x.c
	out := Explanation{ID: c.Resolve(ref)}
	if len(r.Frames) > 0 {
		fingerprint(nil, r, func(frame int) { out.Frames = append(out.Frames, frame) })
	}
	msg := c.read(r)
	if len(msg) < len(r.Message) || c.sc.full {
		out.Cut = len(msg)
		if c.sc.full && len(c.sc.spans) > 0 {
			out.Cut = c.sc.spans[len(c.sc.spans)-1].to()
		}
	}
	out.Signature = readable(c.sc.sig[c.sc.prefix:])
	root := c.root(ref)
	for _, a := range x.aliases[root] {
		if out.Aliases++; len(out.Merged) < mergedMost {
			out.Merged = append(out.Merged, a.String())
		}
	}
	var n *node
	if i, ok := c.byRef.get(uint64(root)); ok {
		n = &c.nodes[i]
		out.Known, out.Signatures, out.Events = true, n.size, n.hits
	}
	var open []bool // by place: the template has no word there
	shown := map[int]bool{}
	if i, ok := c.find(c.sc.sig); ok && n != nil && n.shape == c.entries[i].shape {
		open = n.openPlaces()
		if len(c.sc.spans) == n.nspans {
			for k := range n.lits {
				if n.varies&placeBit(int(n.lits[k].pos)) == 0 {
					shown[int(n.lits[k].span)] = true
				}
			}
		}
	}
	var masks []match
	if !c.rules.empty() {
		masks = c.rules.find(msg)
	}
	for k, sp := range c.sc.spans {
		s := Span{From: sp.from(), To: sp.to(), Kept: sp.kind() == kindPin, Shown: shown[k]}
		if sp.kind() == kindWord {
			if sp.pos() >= len(open) || !open[sp.pos()] {
				continue
			}
			s.Merged, s.Rule = true, "other events have other words here"
		} else {
			s.Rule = c.ruleOf(msg, c.sc.spans, k, masks)
		}
		out.Spans = append(out.Spans, s)
	}
	return out
}

// readable gives a signature as people read it.
func readable(sig []byte) string {
	var b strings.Builder
	for _, ch := range sig {
		switch ch {
		case varMark:
			b.WriteString("<*>")
		case pinMark:
		default:
			b.WriteByte(ch)
		}
	}
	return b.String()
}

// openPlaces says for each place of the template whether it is variable.
func (n *node) openPlaces() []bool {
	var open []bool
	r := pieceReader{t: n.tmpl}
	for p, ok := r.next(); ok; p, ok = r.next() {
		if p.mark != 0 && p.join == 0 {
			open = append(open, p.mark == varMark || n.varies&placeBit(p.pos) != 0)
		}
	}
	return open
}

// ruleOf says by which rule the span k of msg is variable, or kept: those of the operator, then what the built-in ones call a
// part of its shape.
func (c *Clusterer) ruleOf(msg string, spans []span, k int, masks []match) string {
	sp := spans[k]
	from, to := sp.from(), sp.to()
	i := slices.IndexFunc(masks, func(m match) bool { return m.from == from && m.to == to })
	if i >= 0 && masks[i].rank >= 0 && (sp.kind() != kindPin || sp.what()&named != 0) {
		if name := c.rules.names[masks[i].rank]; name != "" {
			return "the operator's mask " + name
		}
		return "an operator's mask without a name"
	}
	if sp.kind() == kindPin {
		return "an operator's pin"
	}
	s := msg[from:to]
	before := strings.TrimRight(msg[:from], ` "'`)
	after := strings.HasSuffix(before, "=")
	switch {
	case s == "" && after:
		return `nothing, where a value after "=" would stand`
	case s == "":
		return "nothing, between brackets"
	case sp.what()&glued != 0 && units.has(s):
		return "the unit of the number before it"
	case sp.what()&glued != 0 && k > 0 && zone(msg[spans[k-1].from():spans[k-1].to()], s):
		return "the zone of the time before it"
	case sp.what()&glued != 0:
		return "the number behind a name"
	case k+1 < len(spans) && spans[k+1].what()&glued != 0 && spans[k+1].pos() == sp.pos() && sp.kind() == kindWeak:
		return "the name before a number"
	case after:
		return `the value after "="`
	}
	return shapeOf(msg, from, to)
}

// shapeOf says what msg[from:to], which is variable by its shape, looks like.
func shapeOf(msg string, from, to int) string {
	s := msg[from:to]
	fl := flags(s)
	colon := strings.IndexByte(s, ':')
	switch {
	case constants.has(s):
		return "a constant such as true or null"
	case fl&clDigit != 0 && decimal(s):
		return "a number"
	case hexNumber(s):
		return "a hexadecimal number"
	case strings.Contains(s, "://"):
		return "a URL"
	case colon >= 0 && address(msg, from) == to:
		return "a MAC or IPv6 address"
	case colon > 0 && colon <= 2 && clock(msg, from+colon) == to:
		return "a time of day"
	case strings.IndexByte(s, '@') > 0:
		return "a mail address"
	case fl&clSlash != 0 && pathLike(s):
		return "a path"
	case colon > 0 && classes[s[colon-1]]&clStop == 0 && classes[s[len(s)-1]]&clDigit != 0:
		return "a host with its port"
	case fl&clDot != 0 && domain(s):
		return "the name of a host"
	case len(s) >= 3 && dateNames.has(s[:3]):
		return "a date"
	case len(s) > wordLimit:
		return "a word too long for a word"
	case fl&(clNonHex|clSlash) == 0 && len(s) >= 8:
		return "a hexadecimal id"
	case classes[s[0]]&clDigit != 0:
		return "a number with what is written to it"
	case fl&clDigit != 0:
		return "a word with digits"
	}
	return "a value by its shape"
}
