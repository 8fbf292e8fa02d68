package cluster

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
)

// clustersOf says how many clusters msgs are in the end, and the template of the first.
func clustersOf(t *testing.T, msgs ...string) (int, string) {
	t.Helper()
	c := mustNew(t, Config{})
	var refs []Ref
	for _, m := range msgs {
		refs = append(refs, add(c, m).Ref)
	}
	ids := map[string]bool{}
	for _, ref := range refs {
		ids[c.Resolve(ref)] = true
	}
	check(t, c)
	return len(ids), c.Template(c.Resolve(refs[0]))
}

func TestRegions(t *testing.T) {
	for _, tc := range []struct {
		name  string
		in    []string
		want  int
		templ string
	}{
		{"quoted text of any length", []string{"sent mail 'red shoes' to mode=a now", "sent mail 'hat' to mode=a now", "sent mail 'a blue coat or two' to mode=b now", "sent mail 'hi, again (or not)' to mode=a now"},
			1, "sent mail '<*>' to mode=<*> now"},
		{"and what follows", []string{`said "a b" and left`, `said "a c d" and left`, `said "x" and left`, `said "y y y" and left`, `said "z 1 w q" and left`}, 1, `said "<*>" and left`},
		{"three are too few", []string{"sent mail 'red shoes' to them", "sent mail 'hat' to them", "sent mail 'a blue coat' to them"}, 3, "sent mail 'red shoes' to them"},
		{"lists in brackets", []string{"made index, templates [a, b], shards 3", "made index, templates [c], shards 4", "made index, templates [d, a, c], shards 1"},
			1, "made index, templates [<*>], shards <*>"},
		{"two of them", []string{
			"made index, cause [api], templates [a, b]", "made index, cause [api], templates [c]", "made index, cause [api], templates [d, a, c]",
			"made index, cause [bulk api], templates [x y]", "made index, cause [a stream], templates [z]",
		}, 1, "made index, cause [<*>], templates [<*>]"},
		{"one that is constant stays", []string{"step [warm up] of job 'a b' ran", "step [warm up] of job 'c' ran", "step [warm up] of job 'd e f' ran", "step [warm up] of job 'g h' ran"},
			1, "step [warm up] of job '<*>' ran"},
		{"too little around", []string{"got 'a b' now", "'c d e' now", "'c' now", "'f g' now", "'h i' now", "'k' now"}, 6, "got 'a b' now"},
		{"the message itself in quotes", []string{`"a pod began" pod=x node=y`, `"a pod has ended" pod=x node=y`, `"a volume" pod=x node=y`, `"no volume there" pod=x node=y`}, 4, `"a pod began" pod=x node=y`},
		{"apostrophes are no quotes", []string{"can't find the file's name", "can't get the file's name", "won't find a file's name"}, 3, "can't find the file's name"},
		{"structures have places of their own", []string{
			"run of {act=a} in here", "run of {act=a dat=b} in here", "run of {dat=b flg=1} in here", "run of {act=a dat=b flg=1 typ=2} in here", "run of {flg=1 typ=2} in here",
		}, 5, "run of {act=a} in here"},
		{"requests keep their method", []string{
			`asked "GET /a HTTP/1.1" of it now`, `asked "POST /a HTTP/1.1" of it now`, `asked "PUT /a HTTP/1.1" of it now`, `asked "GET /b twice" of it now`,
		}, 4, `asked "GET /a HTTP/1.1" of it now`},
		{"an outcome stays", []string{"disk of rack entered [failed]", "disk of rack entered [ok]", "disk of rack entered [a b]", "disk of rack entered [c d e]", "disk of rack entered [x y]"},
			3, "disk of rack entered [failed]"},
		{"not closed", []string{"it's (odd [at 'best, for a day", "it's (odd [at 'best, for the day", "it's (odd [at 'best, for no day", "it's (odd [at 'best, for that day"}, 4, "it's (odd [at 'best, for a day"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if n, templ := clustersOf(t, tc.in...); n != tc.want || templ != tc.templ {
				t.Errorf("%d clusters, first %q; want %d, %q", n, templ, tc.want, tc.templ)
			}
		})
	}
}

// Free text in quotes makes one cluster however long it goes on, and few signatures that are kept for good.
func TestFreeTextIsOneCluster(t *testing.T) {
	c := mustNew(t, Config{MaxClusters: 512})
	rnd := rand.New(rand.NewPCG(5, 5))
	first := add(c, "mail 'the first' sent to bob now")
	for i := range 5000 {
		h := add(c, fmt.Sprintf("mail '%s' sent to bob now", strings.TrimSpace(garbage(rnd))))
		if i > valuesRegion && (h.New || h.ID != first.ID) {
			t.Fatalf("message %d: %+v, first %+v", i, h, first)
		}
	}
	if n := len(c.TakeChanges()); n != 1+int(c.stats.Merges) {
		t.Errorf("%d changes, %d merges", n, c.stats.Merges)
	}
	check(t, c)
}

// Words that tell how something went are never made one.
func TestOutcomesStayApart(t *testing.T) {
	for _, pair := range [][2]string{
		{"succeeded", "failed"}, {"opened", "closed"}, {"started", "stopped"}, {"up", "down"}, {"accepted", "rejected"},
		{"Accepted", "Failed"}, {"connected", "disconnected"}, {"enabled", "disabled"}, {"UP", "DOWN"},
	} {
		for _, form := range []string{"link of node 7 is %s now", "state of node 7 [%s] was seen", `state of node 7 "%s" was seen`, "state of node 7: %s", "the node 7 for service %s", "%s the load of node 7", "state of node 7, type %s"} {
			c := mustNew(t, Config{})
			a, b := add(c, fmt.Sprintf(form, pair[0])), add(c, fmt.Sprintf(form, pair[1]))
			// Whatever else comes in the same place, of every look.
			for _, w := range strings.Fields("17 a_b c_d e.f ann bob cid dan eve fay gil hal ida 'x y' 'z w' 18") {
				add(c, fmt.Sprintf(form, w))
			}
			c2, d2 := add(c, fmt.Sprintf(form, pair[0])), add(c, fmt.Sprintf(form, pair[1]))
			if c.Resolve(a.Ref) == c.Resolve(b.Ref) || c2.ID == d2.ID {
				t.Errorf("%q: %q and %q are one: %q", form, pair[0], pair[1], c.Template(c.Resolve(a.Ref)))
			}
			check(t, c)
		}
	}
}
