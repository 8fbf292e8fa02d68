package remediations

import (
	"errors"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/logwright/logwright/agent/incident"
)

// Whatever a template and a value hold: it stays one element, and what the operator wrote around the value stays around it.
func FuzzTemplate(f *testing.F) {
	f.Add("--unit={unit}", "api.service")
	f.Add("{{{unit}}}", "{unit}")
	f.Add("{unit}{unit}", "}{")
	f.Add("{{.Names}}", "")
	f.Add("{", "x")
	f.Add("}}{a}{{", "\x00")
	f.Fuzz(func(t *testing.T, text, value string) {
		tmpl, err := parseTemplate(text)
		if err != nil {
			if strings.Count(text, "{")+strings.Count(text, "}") == 0 {
				t.Fatalf("%q without braces was refused: %v", text, err)
			}
			return
		}
		args := make(map[string]string)
		literal := 0
		for _, p := range tmpl {
			switch {
			case !p.param:
				literal += len(p.text)
			case !paramName.MatchString(p.text):
				t.Fatalf("%q has a parameter %q", text, p.text)
			default:
				args[p.text] = value
			}
		}
		got := tmpl.render(args)
		if want := literal + len(tmpl.params())*len(value); len(got) != want {
			t.Fatalf("%q with %q gave %q", text, value, got)
		}
		if strings.Count(got, value) < len(tmpl.params()) && value != "" {
			t.Fatalf("%q with %q gave %q", text, value, got)
		}
		// A literal that is escaped means itself.
		escaped := strings.NewReplacer("{", "{{", "}", "}}").Replace(value)
		again, err := parseTemplate(escaped)
		if err != nil || again.render(nil) != value || len(again.params()) > 0 {
			t.Fatalf("%q escaped is %q, which gives %q (%v)", value, escaped, again.render(nil), err)
		}
		if out := renderAll([]template{tmpl, tmpl}, args); len(out) != 2 {
			t.Fatalf("%d elements", len(out))
		}
	})
}

// Whatever is chosen: what is bound names only what is tied, and a refusal is a short line of plain ASCII.
func FuzzBind(f *testing.F) {
	f.Add("restart", "unit", "api.service", "n", "1", "api.service")
	f.Add("restart-worker", "unit", "worker@1.service", "n", "16", "worker@1.service")
	f.Add("restart-worker", "unit", "worker@$(id).service", "n", "16", "worker@$(id).service")
	f.Add("drain", "host", "-h", "how", "--fast", "-h")
	f.Add("drain", "host", "h\n1", "how", "--slow", "h\n1")
	f.Add("rotate", "", "", "", "", "api")
	f.Add("\x1b", "\u202e", "\x00", "a", "b", "c")
	c := several(f)
	numeric := regexp.MustCompile(`\A(?:[1-9]|1[0-6])\z`)
	f.Fuzz(func(t *testing.T, name, k1, v1, k2, v2, fact string) {
		tied := incident.Tied{}
		for _, kind := range incident.TiedKinds() {
			tied[kind] = []incident.TiedValue{{Value: fact, From: "_TEST"}}
		}
		choice := incident.RemedyChoice{Name: name, Args: map[string]string{k1: v1, k2: v2}}
		if k1 == "" && k2 == "" {
			choice.Args = nil
		}
		m, err := c.Bind(choice, tied)
		if err != nil {
			var refused *RefusedError
			if msg := err.Error(); !errors.As(err, &refused) || len(msg) > 2000 || incident.PrintableLine(msg) != msg && plainText(fact, false) {
				t.Fatalf("%q", msg)
			}
			if m.Run != nil {
				t.Fatal("a refusal comes with a command")
			}
			return
		}
		e := c.byName[name]
		if len(m.Run) != len(e.run) || len(m.Undo) != len(e.undo) || len(m.Check) != len(e.check) || len(m.Probe) != len(e.probe) {
			t.Fatalf("%q became %q", e.Run, m.Run)
		}
		if m.Run[0] != e.Run[0] || len(m.Targets) == 0 {
			t.Fatalf("%+v", m)
		}
		for _, a := range slices.Concat(m.Run, m.Check, m.Probe, m.Undo) {
			if !plainText(a, false) {
				t.Fatalf("%q", a)
			}
		}
		for k, v := range m.Args {
			p := e.params[k]
			switch {
			case p.Min != nil && !numeric.MatchString(v), p.target != TargetNone && v != fact, len(p.Enum) == 0 && v[0] == '-':
				t.Fatalf("%s=%q was let through", k, v)
			}
		}
		if err := c.Confirm(m, tied); err != nil {
			t.Fatal(err)
		}
	})
}

// Whatever agent.yaml says: no panic, and what is taken keeps its promises.
func FuzzValidate(f *testing.F) {
	f.Add("restart", "unit", `worker@.*\.service`, "api.service", "systemctl\nrestart\n{unit}")
	f.Add("a", "x", `a)|(b`, "", "sh\n-c\n{x}")
	f.Add("a", "x", ``, "-x", "env\n{x}")
	f.Add("a", "x", `(?i)^-`, "", "{x}")
	f.Fuzz(func(t *testing.T, name, param, pattern, enum, argv string) {
		c := restart(func(c *Config) {
			c.Name, c.Run = name, strings.Split(argv, "\n")
			p := Param{Pattern: pattern}
			if enum != "" {
				p.Enum = strings.Split(enum, "\n")
			}
			c.Params = map[string]Param{param: p}
		})
		cat, ps := New([]Config{c}, CatalogueOptions{})
		if (cat == nil) != (len(ps) > 0) {
			t.Fatalf("%v, %v", cat, ps)
		}
		if cat == nil {
			return
		}
		e := cat.entries[0]
		if len(e.run[0].params()) > 0 {
			t.Fatalf("the program of %q is a parameter", argv)
		}
		if p := e.params[param]; pattern != "" && (p.target == TargetNone || p.accepts("") == "" || p.accepts("-x") == "" || p.accepts("a\nb") == "") {
			t.Fatalf("%q takes anything", pattern)
		}
		cat.Options(nil)
		_, _ = cat.Bind(pick(name, param, enum), ofAPI)
	})
}

// Whatever stands in a run file: no panic, and nothing but a whole one is believed.
func FuzzRunFile(f *testing.F) {
	f.Add([]byte(`{"version":1,"action":"a-1","phase":"ended","outcome":{"result":"done"}}`))
	f.Add([]byte(`{"version":1,"phase":"running","pid":-1}`))
	f.Add([]byte(`null`))
	f.Fuzz(func(t *testing.T, b []byte) {
		got, err := parseRunFile(b)
		if err != nil {
			return
		}
		if got.Version != runFileVersion || got.Phase == phaseEnded && got.Outcome == nil || got.Phase == phaseRunning && got.PID <= 1 {
			t.Fatalf("%+v", got)
		}
	})
}

// Whatever a command writes, in whatever chunks: bounded, printable, and redacted.
func FuzzCapture(f *testing.F) {
	f.Add([]byte("a hunter2 b"), uint16(3), uint16(1))
	f.Add([]byte("\x1b[2J\xff\xe2\x80\xae"), uint16(1), uint16(9000))
	f.Fuzz(func(t *testing.T, b []byte, chunk, times uint16) {
		c := &capture{}
		n := int(chunk) + 1
		for range min(int(times), (256<<10)/(len(b)+1)) {
			for rest := b; len(rest) > 0; {
				k := min(n, len(rest))
				_, _ = c.Write(rest[:k])
				rest = rest[k:]
			}
		}
		got := c.text(func(s string) string { return strings.ReplaceAll(s, "hunter2", "[secret]") })
		if len(got) > shownAll+100 || incident.Printable(got) != got || strings.Contains(got, "hunter2") {
			t.Fatalf("%d bytes: %.100q", len(got), got)
		}
	})
}
