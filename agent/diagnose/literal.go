package diagnose

import (
	"errors"
	"fmt"
	"regexp/syntax"
	"strings"
)

// Trying some hundred expressions on every incident would cost milliseconds each on a long trace; nearly every signature is
// ruled out by a literal that it needs and the text lacks (see prefilter). The literals are derived from the patterns
// themselves, so they can't drift apart from them.

// minLiteral is the least length of a literal that rules anything out.
const minLiteral = 3

// requiredLiterals gives lower-case strings one of which occurs in the lower-cased form of every text that m matches.
func requiredLiterals(m Match) ([]string, error) {
	if len(m.All) == 0 && len(m.Any) == 0 {
		return nil, errors.New("match: one of all and any is needed")
	}
	var best []string
	for _, p := range m.All {
		lits, err := patternLiterals(p)
		if err != nil {
			return nil, err
		}
		best = better(best, lits)
	}
	var union []string
	for _, p := range m.Any {
		lits, err := patternLiterals(p)
		if err != nil {
			return nil, err
		}
		if shortest(lits) < minLiteral {
			union = nil
			if len(m.All) == 0 {
				return nil, fmt.Errorf("pattern %q has no literal of %d characters that every match contains", p, minLiteral)
			}
			break
		}
		union = append(union, lits...)
	}
	best = better(best, union)
	if shortest(best) < minLiteral {
		return nil, fmt.Errorf("no pattern has a literal of %d characters that every match contains", minLiteral)
	}
	return best, nil
}

func patternLiterals(p string) ([]string, error) {
	re, err := syntax.Parse("(?m:"+p+")", syntax.Perl)
	if err != nil {
		return nil, fmt.Errorf("pattern %q: %w", p, err)
	}
	return literalsOf(re.Simplify()), nil
}

// literalsOf walks an expression and gives a set of strings one of which is in whatever it matches, nil where there is none.
func literalsOf(re *syntax.Regexp) []string {
	switch re.Op {
	case syntax.OpLiteral:
		return []string{lower(string(re.Rune))}
	case syntax.OpCapture, syntax.OpPlus:
		return literalsOf(re.Sub[0])
	case syntax.OpRepeat:
		if re.Min >= 1 {
			return literalsOf(re.Sub[0])
		}
	case syntax.OpConcat:
		var best []string
		for _, sub := range re.Sub {
			best = better(best, literalsOf(sub))
		}
		return best
	case syntax.OpAlternate:
		var union []string
		for _, sub := range re.Sub {
			lits := literalsOf(sub)
			if len(lits) == 0 {
				return nil
			}
			union = append(union, lits...)
		}
		return union
	}
	return nil
}

// better gives the set that rules out more: the one whose shortest literal is longer.
func better(a, b []string) []string {
	if shortest(b) > shortest(a) {
		return b
	}
	return a
}

func shortest(lits []string) int {
	if len(lits) == 0 {
		return 0
	}
	n := len(lits[0])
	for _, l := range lits[1:] {
		n = min(n, len(l))
	}
	return n
}

// lower maps ASCII letters only: offsets stay the same, and that is all that the prefilter needs.
func lower(s string) string {
	for i := 0; i < len(s); i++ {
		if c := s[i]; 'A' <= c && c <= 'Z' {
			return strings.Map(func(r rune) rune {
				if 'A' <= r && r <= 'Z' {
					return r + ('a' - 'A')
				}
				return r
			}, s)
		}
	}
	return s
}
