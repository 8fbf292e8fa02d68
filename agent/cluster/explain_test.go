package cluster

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/logwright/logwright/agent/incident"
)

func TestExplain(t *testing.T) {
	cfg := Config{Masks: []Mask{{Name: "order", Pattern: `ORD-[A-Z0-9]{4}`}, {Pattern: `t-[a-z]+`}}, Pins: []string{"E1042"}}
	for _, c := range []struct {
		msg, signature string
		want           []string // "text: rule"
	}{
		{"took 30 ms on node-17", "took <*> on <*>", []string{"30: a number", "ms: the unit of the number before it", "node-: the name before a number", "17: the number behind a name"}},
		{"read /var/lib/x of 10.0.0.7:6379", "read <*> of <*>", []string{"/var/lib/x: a path", "10.0.0.7:6379: a host with its port"}},
		{`state=ready name="a b" last=`, `state=<*> name="<*>" last=<*>`, []string{`ready: the value after "="`, `a b: the value after "="`, `: nothing, where a value after "=" would stand`}},
		{"it is true at 12:30:01 for 0x1f and deadbeef01", "it is <*> at <*> for <*> and <*>", []string{"true: a constant such as true or null", "12:30:01: a time of day", "0x1f: a hexadecimal number", "deadbeef01: a hexadecimal id"}},
		{"mail ann@example.org at https://example.org/a?b", "mail <*> at <*>", []string{"ann@example.org: a mail address", "https://example.org/a?b: a URL"}},
		{"fe80::1 and calls()", "<*> and calls(<*>)", []string{"fe80::1: a MAC or IPv6 address", ": nothing, between brackets"}},
		{"E1042 for ORD-AB12 of t-alpha", "E1042 for <order> of <*>", []string{"E1042: an operator's pin", "ORD-AB12: the operator's mask <order>", "t-alpha: an operator's mask without a name"}},
		{"nothing of the kind", "nothing of the kind", nil},
	} {
		cl := mustNew(t, cfg)
		r := incident.Record{Service: "api", Message: c.msg}
		ref := cl.Add(&r).Ref
		e := cl.Explainer().Explain(&r, ref)
		var got []string
		for _, s := range e.Spans {
			got = append(got, c.msg[s.From:s.To]+": "+s.Rule)
		}
		if e.Signature != c.signature || !slices.Equal(got, c.want) {
			t.Errorf("%q: %q\n got %q\nwant %q", c.msg, e.Signature, got, c.want)
		}
		if !e.Known || e.Events != 1 || e.Signatures != 1 || e.ID != ref.String() || e.Cut != 0 {
			t.Errorf("%q: %+v", c.msg, e)
		}
	}
}

// TestExplainMerges: what was merged is told, and which words are variable for that.
func TestExplainMerges(t *testing.T) {
	c := mustNew(t, Config{})
	var refs []Ref
	var recs []incident.Record
	words := []string{"alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta", "iota", "kappa"}
	for _, w := range words {
		r := incident.Record{Service: "api", Message: "the import of " + w + " ended with a timeout"}
		recs, refs = append(recs, r), append(refs, c.Add(&r).Ref)
	}
	x := c.Explainer()
	e := x.Explain(&recs[2], refs[2])
	if e.ID != refs[0].String() || e.Aliases == 0 || len(e.Merged) != min(e.Aliases, mergedMost) || !slices.Contains(e.Merged, refs[2].String()) {
		t.Errorf("%+v", e)
	}
	if int(e.Events) != len(words) || e.Signatures < len(words)-1 {
		t.Errorf("%d events of %d signatures", e.Events, e.Signatures)
	}
	if len(e.Spans) != 1 || !e.Spans[0].Merged || recs[2].Message[e.Spans[0].From:e.Spans[0].To] != "gamma" {
		t.Errorf("%+v", e.Spans)
	}
	// A weak part is shown until it varied.
	one, two := incident.Record{Service: "b", Message: "opened /a/b/c"}, incident.Record{Service: "b", Message: "opened /a/b/d"}
	ref := c.Add(&one).Ref
	if e = c.Explainer().Explain(&one, ref); len(e.Spans) != 1 || !e.Spans[0].Shown || c.Template(e.ID) != "opened /a/b/c" {
		t.Errorf("%+v", e)
	}
	c.Add(&two)
	if e = c.Explainer().Explain(&one, ref); len(e.Spans) != 1 || e.Spans[0].Shown || e.Events != 2 {
		t.Errorf("%+v", e)
	}
}

func TestExplainStack(t *testing.T) {
	c := mustNew(t, Config{})
	r := incident.Record{Service: "api", Message: "no", Exception: "KeyError", Frames: []incident.Frame{
		{File: "/usr/lib/python3/x.py", Line: 1, Function: "lib"}, {File: "/srv/app/a.py", Line: 2, Function: "show", InApp: true},
		{File: "/srv/app/b.py", Line: 3, Function: "main", InApp: true}, {File: "/srv/app/a.py", Line: 9, Function: "show", InApp: true}, {File: "/srv/app/c.py", Line: 4, Function: "below", InApp: true},
	}}
	ref := c.Add(&r).Ref
	if e := c.Explainer().Explain(&r, ref); !slices.Equal(e.Frames, []int{1, 2}) {
		t.Errorf("frames %v", e.Frames)
	}
	for i := range r.Frames {
		r.Frames[i].InApp = false
	}
	if e := c.Explainer().Explain(&r, c.Add(&r).Ref); !slices.Equal(e.Frames, []int{0, 1, 2}) {
		t.Errorf("frames %v", e.Frames)
	}
	long := incident.Record{Service: "api", Message: strings.Repeat("word ", 2000)}
	if e := c.Explainer().Explain(&long, c.Add(&long).Ref); e.Cut == 0 || e.Cut >= len(long.Message) {
		t.Errorf("cut %d", e.Cut)
	}
}

// TestExplainAgrees: for random messages the claims are those of the signature and the cluster, and asking changes nothing.
func TestExplainAgrees(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 11))
	pieces := []string{
		"the", "job", "failed", "node-7", "17", "/a/b", "state=x", "k=", `"q"`, "()", "10.0.0.1:80", "12:30:01", "Mon", "Jan", "ms", "E1", "ORD-AB12", "t-a", "\x01\x02", "\xff", "é", "a.b.c", ":", "::1", "x@y.zz",
		"redis:6379", "abcdefab", "http://x/y", "(", ")", "<*>", "=", "'", ",", "true", strings.Repeat("z", 200),
	}
	cfg := Config{Masks: []Mask{{Name: "order", Pattern: `ORD-[A-Z0-9]{4}`}, {Pattern: `t-[a-z]`}}, Pins: []string{"E1"}, MaxClusters: 64}
	asked, plain := mustNew(t, cfg), mustNew(t, cfg)
	for range 4000 {
		var b strings.Builder
		for range 1 + r.IntN(9) {
			b.WriteString(pieces[r.IntN(len(pieces))])
			if r.IntN(4) > 0 {
				b.WriteByte(' ')
			}
		}
		rec := incident.Record{Service: "api", Message: b.String()}
		h, p := asked.Add(&rec), plain.Add(&rec)
		if h != p {
			t.Fatalf("%q: %+v, without asking %+v", rec.Message, h, p)
		}
		e := asked.Explainer().Explain(&rec, h.Ref)
		if e.ID != plain.Resolve(p.Ref) || !e.Known || e.Events == 0 {
			t.Fatalf("%q: %+v", rec.Message, e)
		}
		variable, last := 0, 0
		for _, s := range e.Spans {
			if s.From < last || s.To < s.From || s.To > len(rec.Message) || s.Rule == "" {
				t.Fatalf("%q: %+v", rec.Message, e.Spans)
			}
			last = s.To
			text := rec.Message[s.From:s.To]
			switch {
			case s.Merged:
				if !strings.Contains(e.Signature, text) {
					t.Fatalf("%q: %q is no word of %q", rec.Message, text, e.Signature)
				}
			case s.Kept:
				if text != "E1" && !(strings.HasPrefix(text, "ORD-") && s.Rule == "the operator's mask <order>") {
					t.Fatalf("%q: %q is kept", rec.Message, text)
				}
			default:
				variable++
			}
		}
		marks := strings.Count(string(asked.sc.sig[asked.sc.prefix:]), "\x01")
		if (variable > 0) != (marks > 0) || variable < marks {
			t.Fatalf("%q: %d variable parts, and the signature %q has %d", rec.Message, variable, e.Signature, marks)
		}
	}
	if a, b := fmt.Sprint(asked.Stats().Merges, asked.Stats().Evicted), fmt.Sprint(plain.Stats().Merges, plain.Stats().Evicted); a != b {
		t.Errorf("%s, without asking %s", a, b)
	}
}
