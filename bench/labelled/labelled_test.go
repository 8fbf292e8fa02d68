package labelled

import (
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
)

func kinds(t *testing.T) []Kind {
	t.Helper()
	all, err := Kinds()
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// Every kind gives a log whose truth fits its lines.
func TestGenerate(t *testing.T) {
	all := kinds(t)
	if len(all) < 16 {
		t.Errorf("%d kinds, want 16 at least", len(all))
	}
	for i := range all {
		k := &all[i]
		t.Run(k.Name, func(t *testing.T) {
			if k.About == "" || len(k.templates) < 20 || len(k.templates) > 80 {
				t.Errorf("%d templates, about %q", len(k.templates), k.About)
			}
			log := k.Generate(4000, 1)
			if !reflect.DeepEqual(log, k.Generate(4000, 1)) {
				t.Error("the same seed gives another log")
			}
			if reflect.DeepEqual(log.Lines, k.Generate(4000, 2).Lines) {
				t.Error("another seed gives the same log")
			}
			checkLog(t, k, log)
		})
	}
}

func checkLog(t *testing.T, k *Kind, log *Log) {
	t.Helper()
	if len(log.Lines) < 4000 || len(log.Lines) > 4100 {
		t.Errorf("%d lines", len(log.Lines))
	}
	next, counts, texts := 1, make(map[int]int), make(map[string]int)
	for _, e := range log.Events {
		if e.First != next || e.Last < e.First || e.Last > len(log.Lines) {
			t.Fatalf("lines %d-%d after line %d", e.First, e.Last, next-1)
		}
		next = e.Last + 1
		counts[e.Template]++
		raw := strings.Join(log.Lines[e.First-1:e.Last], "\n")
		if strings.Contains(raw, "??") {
			t.Fatalf("an unknown value in %q", raw)
		}
		if !strings.Contains(raw, e.Message) && !strings.Contains(raw, quote(e.Message)) || strings.TrimSpace(e.Message) == "" {
			t.Fatalf("message %q is not in %q", e.Message, raw)
		}
		if (len(e.Times) == 0) != (k.Name == "headerless") {
			t.Fatalf("times %v of %q", e.Times, raw)
		}
		first, _, _ := strings.Cut(e.Message, "\n")
		if other, ok := texts[first]; ok && other != e.Template {
			t.Errorf("%q belongs to two templates", first)
		}
		texts[first] = e.Template
	}
	if next != len(log.Lines)+1 {
		t.Errorf("the events end before line %d of %d", next, len(log.Lines))
	}
	top, once := 0, 0
	for _, n := range counts {
		top = max(top, n)
		if n == 1 {
			once++
		}
	}
	if top < len(log.Events)/10 || once < 2 {
		t.Errorf("the most frequent template has %d of %d events, %d are seen once", top, len(log.Events), once)
	}
}

// Each form of a header is used from where it begins.
func TestForms(t *testing.T) {
	k, err := parseKind("x", "@columns level\n@form 0 {level} {message}\n@form 0.5 [{t:2006-01-02 15:04:05}] \"{quoted}\"{fields}\nINFO :: say \"{n:7-7}\" ;; ,x={n:3-3}\n")
	if err != nil {
		t.Fatal(err)
	}
	log := k.Generate(10, 1)
	if got, want := log.Lines[4], `INFO say "7"`; got != want {
		t.Errorf("line 5 is %q, want %q", got, want)
	}
	if got := log.Lines[5]; !strings.HasPrefix(got, "[2024-05-13 22:14:") || !strings.HasSuffix(got, `] "say \"7\"",x=3`) {
		t.Errorf("line 6 is %q", got)
	}
	e := log.Events[5]
	if e.Message != `say "7"` || e.TemplateText != `say "<*>"` || len(e.Times) != 1 || e.Times[0].NoYear || e.Times[0].At.Nanosecond() != 0 {
		t.Errorf("the truth of line 6 is %+v", e)
	}
	if len(log.Events[4].Times) != 0 {
		t.Errorf("a time where none is shown: %v", log.Events[4].Times)
	}
}

func TestPattern(t *testing.T) {
	v := newValues(rand.New(rand.NewPCG(1, 2)))
	for _, c := range []struct{ pattern, template, want string }{
		{"plain", "plain", "plain"},
		{`a \{b\} {n:5-5}`, "a {b} <*>", "a {b} 5"},
		{"{x|x} {?}", "<*> <*>", "x "},
		{"{t:15}", "<*>", ""}, // a time only stands in headers
	} {
		p, err := parsePattern(c.pattern)
		if err != nil {
			t.Errorf("%s: %v", c.pattern, err)
			continue
		}
		if got := p.template(); got != c.template {
			t.Errorf("%s: template %q, want %q", c.pattern, got, c.template)
		}
		if got := p.expand(v, nil); got != c.want {
			t.Errorf("%s: %q, want %q", c.pattern, got, c.want)
		}
	}
	for _, bad := range []string{"{", "}", "{}", "{?{n:1-2}", "a}b"} {
		if _, err := parsePattern(bad); err == nil {
			t.Errorf("%q is taken", bad)
		}
	}
}

func TestParseKindRefuses(t *testing.T) {
	const good = "@columns a\n@form 0 {a} {message}\n"
	for _, bad := range []string{"", good, good + "x y :: z", good + "no text", good + "x :: {", "@form 0 x\n", "@what\n", ">more\n", "@form x {message}\n", "@step x\n"} {
		if _, err := parseKind("x", bad); err == nil {
			t.Errorf("%q is taken", bad)
		}
	}
}

// Two events of one template have the same frames, though what was thrown tells other values.
func TestTraceIsOfItsPlace(t *testing.T) {
	v := newValues(rand.New(rand.NewPCG(1, 2)))
	for _, language := range []string{"java", "python", "dotnet"} {
		a, b := v.trace(language+",E: # broken"), v.trace(language+",E: # broken")
		if a == b || strings.Count(a, "\n") != strings.Count(b, "\n") || strings.Count(a, "\n") < 3 {
			t.Errorf("%s: %q and %q", language, a, b)
		}
	}
}
