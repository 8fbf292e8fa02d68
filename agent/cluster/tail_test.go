package cluster

import (
	"fmt"
	"strings"
	"testing"
)

func TestTails(t *testing.T) {
	for _, tc := range []struct {
		name string
		in   []string
		want int
	}{
		{"names that come at times", []string{
			`link timed out, client: 1, server: 2, host: "a"`, `link timed out, client: 1, server: 2, host: "a", referrer: "b"`,
		}, 1},
		{"an empty value", []string{`link timed out, client: 1, server: 2, host: "a"`, `link timed out, client: 1, server: , host: "a"`}, 1},
		{"requests among them", []string{
			`link timed out, client: 1, request: "GET /a HTTP/1.1", host: "a"`, `link timed out, client: 1, request: "GET /a HTTP/1.1", host: "a", referrer: "b"`,
		}, 1},
		{"two sets with = are two messages", []string{"login failure; uid=0 tty=1 host=a", "login failure; uid=0 tty=1 host=a user=b"}, 2},
		{"three are not", []string{"parting from 7 ehlo=1 commands=2", "parting from 7 ehlo=1 auth=1 commands=2", "parting from 7 ehlo=1 auth=1 quit=1 commands=2"}, 1},
		{"sets of which none is within the other", []string{"parting from 7 ehlo=1 auth=1 quit=1 commands=2", "parting from 7 ehlo=1 commands=2", "parting from 7 auth=1 commands=2"}, 3},
		{"other names", []string{"parting from 7 a=1 b=2", "parting from 7 c=1 d=2 e=5", "parting from 7 f=1", "parting from 7 g=1 h=2 i=3 j=4"}, 4},
		{"other words", []string{"parting from 7 ehlo=1 commands=2", "meeting of 7 ehlo=1 auth=1 commands=2", "parting of 7 ehlo=1 auth=1 quit=1 commands=2"}, 3},
		{"an outcome is no value", []string{
			"checked node 7, rack: 1, round: 2, state: up", "checked node 7, rack: 1, round: 2, state: down, since: 3",
			"checked node 7, rack: 1, round: 2, state: down", "checked node 7, rack: 1, round: 2, state: up, since: 3",
		}, 4},
		{"a sentence is no value", []string{"checked node 7, note: all is fine here", "checked node 7, note: all is fine here, by: x", "checked node 7, note: nothing is, by: x, at: 7"}, 3},
		{"pins stay", []string{"checked node 7, rack: 1, round: 2, mark: E42", "checked node 7, rack: 1, round: 2, mark: E42, by: x", "checked node 7, rack: 1, round: 2, at: 7, mark: E42, by: x"}, 3},
		{"nothing before them", []string{"ehlo=1 commands=2", "ehlo=1 auth=1 commands=2", "ehlo=1 auth=1 quit=1 commands=2"}, 3},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := mustNew(t, Config{Pins: []string{"E42"}})
			ids := map[string]bool{}
			var refs []Ref
			for _, m := range tc.in {
				refs = append(refs, add(c, m).Ref)
			}
			for _, ref := range refs {
				ids[c.Resolve(ref)] = true
			}
			if len(ids) != tc.want || !ids[refs[0].String()] {
				t.Errorf("%d clusters, want %d: %v", len(ids), tc.want, ids)
			}
			check(t, c)
		})
	}
}

// A writer who makes up names and texts at will can't make the lists long.
func TestListsAreBounded(t *testing.T) {
	c := mustNew(t, Config{MaxClusters: 2048})
	for i := range 6000 {
		add(c, fmt.Sprintf("node was left, k%s: %d, by: %d", letters(i), i, i))
		add(c, fmt.Sprintf("node was left [%s] (%s) '%s' as such", letters(i), strings.Repeat("a ", i%40), letters(i/7)+" b"))
		add(c, fmt.Sprintf("node was %s%s left", strings.Repeat("(", i%300), strings.Repeat("x)", i%200)))
		add(c, "many keys"+strings.Repeat(" k"+letters(i)+"=1", i%80))
	}
	check(t, c)
}

// letters gives a number in letters.
func letters(n int) string {
	b := []byte{'q'}
	for ; n > 0; n /= 26 {
		b = append(b, byte('a'+n%26))
	}
	return string(b)
}
