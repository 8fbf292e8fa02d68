package diagnose

import "strings"

// prefilter finds which of many literals occur in a text, in one pass over it. Each literal is filed under its first three
// bytes; a bitmap says for three bytes of the text whether any literal begins so, and only then is one compared. (Looking for
// each literal by itself took a hundred times as long as reading the text; an Aho-Corasick automaton with a full table
// needs 20 MB for these literals.)
type prefilter struct {
	bitmap  [1 << 10]uint64 // by gram hash
	buckets map[uint32][]filed
	n       int
}

type filed struct {
	literal string
	owner   int
}

// newPrefilter files the literals of each owner; literals[i] are the owner i's. An owner that has a literal shorter than
// minLiteral is not filed: ask always for it.
func newPrefilter(literals [][]string) (p *prefilter, always []int) {
	p = &prefilter{buckets: map[uint32][]filed{}, n: len(literals)}
	for owner, lits := range literals {
		if shortest(lits) < minLiteral {
			always = append(always, owner)
			continue
		}
		for _, l := range lits {
			g := gram(l, 0)
			h := gramHash(g)
			p.bitmap[h>>6] |= 1 << (h & 63)
			p.buckets[g] = append(p.buckets[g], filed{l, owner})
		}
	}
	return p, always
}

// owners says for each owner whether one of its literals occurs in text, which is in lower case.
func (p *prefilter) owners(text string) []bool {
	hit := make([]bool, p.n)
	for i := 0; i+minLiteral <= len(text); i++ {
		g := gram(text, i)
		if h := gramHash(g); p.bitmap[h>>6]&(1<<(h&63)) == 0 {
			continue
		}
		for _, f := range p.buckets[g] {
			if !hit[f.owner] && strings.HasPrefix(text[i:], f.literal) {
				hit[f.owner] = true
			}
		}
	}
	return hit
}

func gram(s string, i int) uint32 { return uint32(s[i]) | uint32(s[i+1])<<8 | uint32(s[i+2])<<16 }

func gramHash(g uint32) uint32 { return g * 2654435761 >> 16 }
