package remediations

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/logwright/logwright/agent/incident"
)

// catalogue makes one of sound entries.
func catalogue(t testing.TB, cs ...Config) *Catalogue {
	t.Helper()
	c, ps := New(cs, CatalogueOptions{})
	if len(ps) > 0 {
		t.Fatal(ps)
	}
	return c
}

// several is a catalogue of every form of parameter.
func several(t testing.TB) *Catalogue {
	return catalogue(t,
		restart(func(c *Config) {
			c.Check, c.Verify.Probe = []string{"systemctl", "is-enabled", "{unit}"}, []string{"systemctl", "is-active", "{unit}"}
			c.Reversible, c.Undo = true, []string{"systemctl", "stop", "{unit}"}
		}),
		restart(func(c *Config) {
			c.Name, c.Risk = "restart-worker", RiskMedium
			c.Params = map[string]Param{"unit": {Pattern: `worker@[^ ]*\.service`}, "n": {Min: number(1), Max: number(16)}}
			c.Run = []string{"mend", "--unit={unit}", "{n}", "{{literal}}"}
		}),
		restart(func(c *Config) {
			c.Name, c.Params, c.Run = "rotate", nil, []string{"/usr/local/bin/rotate"}
			c.Mends = Mends{Services: []string{"api", "web"}, Categories: []string{"resource-exhaustion"}}
		}),
		restart(func(c *Config) {
			c.Name, c.Risk = "drain", RiskHigh
			c.Params = map[string]Param{"host": {Pattern: `.+`, Target: incident.TiedHost}, "how": {Enum: []string{"--fast", "--slow"}, Target: TargetNone}}
			c.Run = []string{"drain", "{how}", "{host}"}
		}),
	)
}

var (
	unit  = incident.TiedValue{Value: "api.service", From: "_SYSTEMD_UNIT"}
	both  = incident.Tied{incident.TiedUnit: {unit, {Value: "worker@1.service", From: "_SYSTEMD_UNIT"}}}
	ofAPI = incident.Tied{
		incident.TiedUnit: {unit}, incident.TiedService: {{Value: "api", From: "services[0]"}}, incident.TiedHost: {{Value: "h1", From: "_HOSTNAME"}},
	}
)

func pick(name string, args ...string) incident.RemedyChoice {
	c := incident.RemedyChoice{Name: name, Args: map[string]string{}}
	for i := 0; i < len(args); i += 2 {
		c.Args[args[i]] = args[i+1]
	}
	return c
}

func TestBind(t *testing.T) {
	c := several(t)
	for _, tc := range []struct {
		choice incident.RemedyChoice
		tied   incident.Tied
		want   incident.Remedy
	}{
		{pick("restart", "unit", "api.service"), both, incident.Remedy{
			Name: "restart", Args: map[string]string{"unit": "api.service"}, Risk: RiskLow, Reversible: true,
			Check: []string{"systemctl", "is-enabled", "api.service"}, Run: []string{"systemctl", "restart", "api.service"},
			Probe: []string{"systemctl", "is-active", "api.service"}, Undo: []string{"systemctl", "stop", "api.service"},
			Timeout: time.Minute, Silence: 10 * time.Minute, Targets: []string{"unit=api.service (_SYSTEMD_UNIT)"},
		}},
		{pick("restart-worker", "unit", "worker@1.service", "n", "16"), both, incident.Remedy{
			Name: "restart-worker", Args: map[string]string{"unit": "worker@1.service", "n": "16"}, Risk: RiskMedium,
			Run: []string{"mend", "--unit=worker@1.service", "16", "{literal}"}, Timeout: time.Minute, Silence: 10 * time.Minute,
			Targets: []string{"unit=worker@1.service (_SYSTEMD_UNIT)"},
		}},
		{pick("rotate"), ofAPI, incident.Remedy{
			Name: "rotate", Args: map[string]string{}, Risk: RiskLow, Run: []string{"/usr/local/bin/rotate"},
			Timeout: time.Minute, Silence: 10 * time.Minute, Targets: []string{"service=api (services[0])"},
		}},
		{pick("drain", "host", "h1", "how", "--fast"), ofAPI, incident.Remedy{
			Name: "drain", Args: map[string]string{"host": "h1", "how": "--fast"}, Risk: RiskHigh, Run: []string{"drain", "--fast", "h1"},
			Timeout: time.Minute, Silence: 10 * time.Minute, Targets: []string{"host=h1 (_HOSTNAME)"},
		}},
	} {
		got, err := c.Bind(tc.choice, tc.tied)
		if err != nil {
			t.Error(err)
		} else if d := cmp.Diff(tc.want, got); d != "" {
			t.Error(d)
		}
		if err := c.Confirm(got, tc.tied); err != nil {
			t.Errorf("what was bound is not what would be bound: %v", err)
		}
	}
}

func TestBindRefuses(t *testing.T) {
	c := several(t)
	// hostile ties a value by force, so that what refuses it is not that it is not tied.
	hostile := func(kind, v string) incident.Tied {
		return incident.Tied{kind: {{Value: v, From: "_TEST"}, {Value: "worker@1.service"}, {Value: "h1"}}}
	}
	long := strings.Repeat("a", 1<<20)
	cases := []struct {
		name   string
		choice incident.RemedyChoice
		tied   incident.Tied
		says   string
	}{
		{"no such remediation", pick("reboot"), both, `no remediation named "reboot"; it has restart, restart-worker, rotate, drain`},
		{"a name with an escape", pick("\x1b[2Jreboot"), both, `"\x1b[2Jreboot"`},
		{"a name without end", pick(long), both, "…"},
		{"the empty name", pick(""), both, `named ""`},
		{"no value", pick("restart"), both, "unit: no value was given"},
		{"a parameter too many", pick("restart", "unit", "api.service", "force", "1"), both, `no parameter "force"`},
		{"a parameter without a name", pick("restart", "unit", "api.service", "", "1"), both, `no parameter ""`},
		{"not in the enum", pick("restart", "unit", "sshd.service"), hostile("unit", "sshd.service"), "none of api.service, worker.service"},
		{"another unit than the incident's", pick("restart", "unit", "worker.service"), ofAPI, `not tied to the incident: its trusted metadata names "api.service"`},
		{"nothing is tied", pick("restart", "unit", "api.service"), nil, "names no unit"},
		{"tied as something else", pick("restart", "unit", "api.service"), incident.Tied{incident.TiedService: {unit}}, "names no unit"},
		{"a part of what is tied", pick("restart-worker", "unit", "worker@.service", "n", "1"), both, "not tied"},
		{"another service", pick("rotate"), incident.Tied{incident.TiedService: {{Value: "db"}}}, `for api, web only, and the incident is of "db"`},
		{"no service", pick("rotate"), nil, "of no service"},
		{"an option for none", pick("drain", "host", "h1", "how", "--help"), ofAPI, "none of --fast"},
	}
	for name, v := range map[string]string{
		"an option": "-x", "a long option": "--eval=x", "empty": "", "a NUL": "h1\x00", "a line break": "h1\nh2", "a return": "h1\r", "a tab": "h\t1",
		"an escape": "h1\x1b[2J", "a direction mark": "h1\u202e", "a zero width": "h\u200b1", "no UTF-8": "h1\xff", "too long": long,
	} {
		cases = append(cases, struct {
			name   string
			choice incident.RemedyChoice
			tied   incident.Tied
			says   string
		}{"a tied value: " + name, pick("drain", "how", "--fast", "host", v), hostile("host", v), "can't be given"})
	}
	for name, v := range map[string]string{
		"an option": "-worker@1.service", "a line before": "a\nworker@1.service", "a line after": "worker@1.service\n", "more before": "xworker@1.service",
		"more after": "worker@1.service;id", "a confusable": "w\u043erker@1.service", "a confusable at": "worker\uff201.service",
	} {
		cases = append(cases, struct {
			name   string
			choice incident.RemedyChoice
			tied   incident.Tied
			says   string
		}{"a pattern: " + name, pick("restart-worker", "n", "1", "unit", v), hostile("unit", v), "can't be given"})
	}
	// Within the pattern, but not what is tied: a look-alike is another name.
	cases = append(cases, struct {
		name   string
		choice incident.RemedyChoice
		tied   incident.Tied
		says   string
	}{"a confusable that the pattern lets through", pick("restart-worker", "n", "1", "unit", "worker@\u0661.service"), both, `"worker@\u0661.service" is not tied`})
	for _, v := range []string{"0", "17", "-1", "+5", "05", "5.0", "1e1", "0x1", " 5", "5 ", "٣", "99999999999999999999", "five"} {
		cases = append(cases, struct {
			name   string
			choice incident.RemedyChoice
			tied   incident.Tied
			says   string
		}{"an integer: " + v, pick("restart-worker", "unit", "worker@1.service", "n", v), both, "not an integer from 1 to 16"})
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			got, err := c.Bind(tc.choice, tc.tied)
			var refused *RefusedError
			if !errors.As(err, &refused) {
				t.Fatalf("bound: %v (%v)", got, err)
			}
			msg := err.Error()
			if !strings.Contains(msg, tc.says) {
				t.Errorf("%s\ndoes not say %q", msg, tc.says)
			}
			if len(msg) > 1000 || incident.PrintableLine(msg) != msg || strings.ContainsFunc(msg, func(r rune) bool { return r > 0x7f && r != '…' }) {
				t.Errorf("the refusal carries a stranger's text along: %.200q (%d bytes)", msg, len(msg))
			}
			if len(got.Run) > 0 {
				t.Error("a refusal comes with a command")
			}
		})
	}
}

// A log line can name any unit, in its text or by fields that its writer sets; a model that believes it aims nowhere. The pattern
// is as loose as an operator could make it, so that nothing but the tie is in the way.
func TestHostileLineAimsNowhere(t *testing.T) {
	c := catalogue(t, restart(func(c *Config) { c.Params = map[string]Param{"unit": {Pattern: `.+\.service`}} }))
	tied := incident.Tied{incident.TiedUnit: {unit}, incident.TiedService: {{Value: "sshd.service"}}}
	for _, v := range []string{"sshd.service", "API.service", "api.service ", "api.service\n", "./api.service", "api.service/../sshd.service", "xapi.service", "pi.service"} {
		if m, err := c.Bind(pick("restart", "unit", v), tied); err == nil {
			t.Errorf("%q was bound: %q", v, m.Run)
		}
	}
	// What is offered and suggested is what is tied, too.
	if o := c.Options(tied); len(o) != 1 || len(o[0].Params[0].Values) != 1 || o[0].Params[0].Values[0] != "api.service" {
		t.Errorf("%+v", o)
	}
}

// Shell metacharacters are no danger without a shell: a value that is tied and matches goes in as it is, as one argument.
func TestBindSplitsNothing(t *testing.T) {
	const nasty = `worker@$(id) '";|&&>*{unit}\x20%s~#!.service`
	c := catalogue(t, restart(func(c *Config) {
		c.Params = map[string]Param{"unit": {Pattern: `worker@.*\.service`}}
		c.Run = []string{"a", "x{unit}y", "{unit}", "{unit}{unit}"}
	}))
	m, err := c.Bind(pick("restart", "unit", nasty), incident.Tied{incident.TiedUnit: {{Value: nasty}}})
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]string{"a", "x" + nasty + "y", nasty, nasty + nasty}, m.Run); d != "" {
		t.Error(d)
	}
}

func TestRefusalIsRedactedBeforeItIsCut(t *testing.T) {
	secret := strings.Repeat("s", 70)
	c, ps := New([]Config{restart()}, CatalogueOptions{Redact: func(s string) string { return strings.ReplaceAll(s, secret, "[secret]") }})
	if len(ps) > 0 {
		t.Fatal(ps)
	}
	_, err := c.Bind(pick("x "+secret), both)
	if err == nil || !strings.Contains(err.Error(), "[secret]") || strings.Contains(err.Error(), "sss") {
		t.Error(err)
	}
}

func TestTargetsHaveTheirKind(t *testing.T) {
	c := catalogue(t, restart(func(c *Config) {
		c.Params = map[string]Param{"which": {Enum: []string{"api.service"}}, "of": {Enum: []string{"api"}}}
		c.Run, c.Mends.Services = []string{"a", "{which}", "{of}"}, []string{"api"}
	}))
	m, err := c.Bind(pick("restart", "which", "api.service", "of", "api"), ofAPI)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]string{"service=api (services[0])", "unit=api.service (_SYSTEMD_UNIT)"}, m.Targets); d != "" {
		t.Error(d)
	}
}

func TestConfirm(t *testing.T) {
	m, err := several(t).Bind(pick("restart", "unit", "api.service"), both)
	if err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		change func(*Config)
		tied   incident.Tied
		ok     bool
	}{
		"the same":        {func(*Config) {}, both, true},
		"tied elsewhere":  {func(*Config) {}, incident.Tied{incident.TiedUnit: {{Value: "api.service", From: "services[0].match.units"}}}, true},
		"no longer tied":  {func(*Config) {}, incident.Tied{}, false},
		"another command": {func(c *Config) { c.Run = []string{"systemctl", "stop", "{unit}"} }, both, false},
		"another undo":    {func(c *Config) { c.Undo = []string{"systemctl", "kill", "{unit}"} }, both, false},
		"another risk":    {func(c *Config) { c.Risk = RiskHigh }, both, false},
		"another timeout": {func(c *Config) { c.Timeout++ }, both, false},
		"another name":    {func(c *Config) { c.Name = "other" }, both, false},
	} {
		conf := several(t).entries[0].Config
		tc.change(&conf)
		if err := catalogue(t, conf).Confirm(m, tc.tied); (err == nil) != tc.ok {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestOptions(t *testing.T) {
	c := several(t)
	all := []incident.RemedyOption{
		{Name: "restart", Description: "restarts a unit that hangs", Risk: RiskLow, Params: []incident.RemedyParam{{Name: "unit", Values: []string{"api.service", "worker.service"}}}},
		{Name: "restart-worker", Description: "restarts a unit that hangs", Risk: RiskMedium, Params: []incident.RemedyParam{
			{Name: "n", Form: "an integer from 1 to 16"}, {Name: "unit", Form: `the name of a unit that matches worker@[^ ]*\.service`},
		}},
		{Name: "rotate", Description: "restarts a unit that hangs", Risk: RiskLow},
		{Name: "drain", Description: "restarts a unit that hangs", Risk: RiskHigh, Params: []incident.RemedyParam{
			{Name: "host", Form: "the name of a host that matches .+"}, {Name: "how", Values: []string{"--fast", "--slow"}},
		}},
	}
	if d := cmp.Diff(all, c.Options(nil)); d != "" {
		t.Error(d)
	}
	drain := all[3]
	drain.Params = []incident.RemedyParam{{Name: "host", Values: []string{"h1"}}, {Name: "how", Values: []string{"--fast", "--slow"}}}
	one := all[0]
	one.Params = []incident.RemedyParam{{Name: "unit", Values: []string{"api.service"}}}
	// Only what would bind is offered: the worker's unit is not tied.
	if d := cmp.Diff([]incident.RemedyOption{one, all[2], drain}, c.Options(ofAPI)); d != "" {
		t.Error(d)
	}
	if got := c.Options(incident.Tied{}); len(got) > 0 {
		t.Errorf("nothing is tied, and %v is offered", got)
	}
	many := make([]string, 80)
	for i := range many {
		many[i] = strings.Repeat("a", i+1)
	}
	got := catalogue(t, restart(func(c *Config) { c.Params = map[string]Param{"unit": {Enum: many}} })).Options(nil)
	if p := got[0].Params[0]; len(p.Values) != maxValues || p.Form != "one of 80 values, such as these" {
		t.Errorf("%+v", p)
	}
}

func TestSuggest(t *testing.T) {
	mends := func(m Mends, more ...func(*Config)) Config {
		return restart(append(more, func(c *Config) { c.Mends = m })...)
	}
	hung := incident.Diagnosis{Category: "resource-exhaustion", FixKind: "restart", Signature: "pool-exhausted"}
	fits := Mends{FixKinds: []string{"restart", "capacity"}}
	for _, tc := range []struct {
		name string
		conf Config
		d    *incident.Diagnosis
		tied incident.Tied
		want map[string]string // nil for no suggestion
	}{
		{"the only unit that fits", mends(fits), &hung, ofAPI, map[string]string{"unit": "api.service"}},
		{"what does not fit is no choice", mends(fits), &hung, both, map[string]string{"unit": "api.service"}},
		{"two units that fit", mends(fits), &hung, incident.Tied{incident.TiedUnit: {unit, {Value: "worker.service"}}}, nil},
		{"one unit from two places", mends(fits), &hung, incident.Tied{incident.TiedUnit: {unit, {Value: "api.service", From: "services[0]"}}}, map[string]string{"unit": "api.service"}},
		{"nothing tied", mends(fits), &hung, nil, nil},
		{"no diagnosis", mends(fits), nil, ofAPI, nil},
		{"no mends", mends(Mends{}), &hung, ofAPI, nil},
		{"services alone", mends(Mends{Services: []string{"api"}}), &hung, ofAPI, nil},
		{"another service", mends(Mends{Services: []string{"web"}, FixKinds: fits.FixKinds}), &hung, ofAPI, nil},
		{"its service", mends(Mends{Services: []string{"api"}, FixKinds: fits.FixKinds}), &hung, ofAPI, map[string]string{"unit": "api.service"}},
		{"its signature", mends(Mends{Signatures: []string{"pool-exhausted"}}), &hung, ofAPI, map[string]string{"unit": "api.service"}},
		{"no signature", mends(Mends{Signatures: []string{"pool-exhausted"}}), &incident.Diagnosis{FixKind: "restart"}, ofAPI, nil},
		{"all lists have to hold", mends(Mends{FixKinds: fits.FixKinds, Categories: []string{"code-bug"}}), &hung, ofAPI, nil},
		{"a number to choose", mends(fits, func(c *Config) { c.Params["n"] = Param{Min: number(1), Max: number(2)}; c.Run = append(c.Run, "{n}") }), &hung, ofAPI, nil},
		{"one number", mends(fits, func(c *Config) { c.Params["n"] = Param{Min: number(3), Max: number(3)}; c.Run = append(c.Run, "{n}") }), &hung, ofAPI, map[string]string{"unit": "api.service", "n": "3"}},
		{"one of several", mends(fits, func(c *Config) {
			c.Params["h"] = Param{Enum: []string{"a", "b"}, Target: TargetNone}
			c.Run = append(c.Run, "{h}")
		}), &hung, ofAPI, nil},
		{"one of one", mends(fits, func(c *Config) {
			c.Params["h"] = Param{Enum: []string{"a"}, Target: TargetNone}
			c.Run = append(c.Run, "{h}")
		}), &hung, ofAPI, map[string]string{"unit": "api.service", "h": "a"}},
	} {
		got := catalogue(t, tc.conf).Suggest(incident.Incident{Diagnosis: tc.d}, tc.tied)
		switch {
		case tc.want == nil && len(got) > 0, tc.want != nil && len(got) != 1:
			t.Errorf("%s: %v", tc.name, got)
		case tc.want != nil:
			if d := cmp.Diff(tc.want, got[0].Args); d != "" {
				t.Errorf("%s: %s", tc.name, d)
			}
			if got[0].Source != incident.SourceOffline || got[0].Why == "" {
				t.Errorf("%s: %+v", tc.name, got[0])
			}
		}
	}
	// The least risk first.
	c := catalogue(t, mends(fits, func(c *Config) { c.Name, c.Risk = "a", RiskHigh }), mends(fits, func(c *Config) { c.Name = "b" }), mends(fits, func(c *Config) { c.Name = "c" }))
	var names []string
	for _, s := range c.Suggest(incident.Incident{Diagnosis: &hung}, ofAPI) {
		names = append(names, s.Name)
	}
	if d := cmp.Diff([]string{"b", "c", "a"}, names); d != "" {
		t.Error(d)
	}
}

func TestRefusedErrorWords(t *testing.T) {
	for want, e := range map[string]RefusedError{
		"refused: x":         {Reason: "x"},
		"refused a: x":       {Remedy: "a", Reason: "x"},
		"refused a: unit: x": {Remedy: "a", Param: "unit", Reason: "x"},
	} {
		if e.Error() != want {
			t.Error(e.Error())
		}
	}
}
