package policy

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestValidateTakes(t *testing.T) {
	full := DefaultConfig()
	full.Rules = []Rule{
		{Name: "draft", When: `kind == "pull-request" && verified && !flagged`, Then: "ask", Mode: "observe", Limit: Limit{Per: "service", Count: 2, Within: 24 * time.Hour, Cooldown: time.Hour}},
		{Name: "a.b-c_9", When: `action == "restart"`, Then: "allow", Mode: "enforce", Windows: []string{"Mon-Fri 09:00-17:00 Europe/Berlin", "00:00-01:00"}, Limit: Limit{Per: "rule", Cooldown: time.Minute}},
		{Name: "rest", When: "true", Then: "deny"},
	}
	for name, c := range map[string]Config{"the default": DefaultConfig(), "full": full} {
		if ps := c.Validate(); len(ps) > 0 {
			t.Errorf("%s: %+v", name, ps)
		}
		if _, ps := New(c, Options{Mode: ModeEnforce, Zone: time.LoadLocation, Remediations: []string{"restart"}}); len(ps) > 0 {
			t.Errorf("%s: %+v", name, ps)
		}
	}
	p := must(t, full, ModeEnforce)
	if p.Lookback() != 24*time.Hour {
		t.Errorf("looks back %s", p.Lookback())
	}
	full.Rules[0].Limit.Cooldown = 48 * time.Hour
	if p := must(t, full, ModeEnforce); p.Lookback() != 48*time.Hour {
		t.Errorf("looks back %s", p.Lookback())
	}
	full.Limits[0].Within = 72 * time.Hour
	if p := must(t, full, ModeEnforce); p.Lookback() != 72*time.Hour {
		t.Errorf("looks back %s", p.Lookback())
	}
}

// Each configuration that is wrong, and what is said of it.
func TestValidateRefuses(t *testing.T) {
	var b strings.Builder
	rules := func(rs ...Rule) Config { return config(rs...) }
	edit := func(f func(*Rule)) Config {
		r := always("allow")
		f(&r)
		return config(r)
	}
	limit := func(l Limit) Config { return edit(func(r *Rule) { r.Limit = l }) }
	for _, c := range []struct {
		name string
		c    Config
	}{
		{"no name", edit(func(r *Rule) { r.Name = "" })},
		{"bad names", rules(Rule{Name: "Draft", When: "verified", Then: "ask"}, Rule{Name: "-x", When: "!verified", Then: "ask"}, Rule{Name: "a b\x1b[0m", When: "flagged", Then: "ask"}, Rule{Name: strings.Repeat("a", 65), When: "offline", Then: "ask"})},
		{"the same name", rules(Rule{Name: "a", When: "verified", Then: "ask"}, Rule{Name: "a", When: "!verified", Then: "ask"})},
		{"no then", edit(func(r *Rule) { r.Then = "" })},
		{"unknown then", edit(func(r *Rule) { r.Then = "alow" })},
		{"then of another case", edit(func(r *Rule) { r.Then = "Deny" })},
		{"far from any then", edit(func(r *Rule) { r.Then = "whatever" })},
		{"unknown mode", edit(func(r *Rule) { r.Mode = "observ" })},
		{"no condition", edit(func(r *Rule) { r.When = "" })},
		{"a typo in a condition", edit(func(r *Rule) { r.When = `kind == "pull-request" && verifed` })},
		{"a window", edit(func(r *Rule) { r.Windows = []string{"09:00-17:00", "Mo-Fr 09:00-17:00"} })},
		{"too many windows", edit(func(r *Rule) { r.Windows = slicesRepeat("09:00-17:00", 17) })},
		{"windows of a rule that denies", edit(func(r *Rule) { r.Then, r.Windows = "deny", []string{"09:00-17:00"} })},
		{"a limit of a rule that denies", edit(func(r *Rule) { r.Then, r.Limit = "deny", Limit{Per: "all", Count: 1, Within: time.Hour} })},
		{"a limit per nothing", limit(Limit{Count: 1, Within: time.Hour})},
		{"a limit per something else", limit(Limit{Per: "srvice", Count: 1, Within: time.Hour})},
		{"per only", limit(Limit{Per: "service"})},
		{"a count without a time", limit(Limit{Per: "service", Count: 1})},
		{"a time without a count", limit(Limit{Per: "service", Within: time.Hour})},
		{"a negative count", limit(Limit{Per: "service", Count: -1, Within: time.Hour})},
		{"a negative time", limit(Limit{Per: "service", Count: 1, Within: -time.Hour})},
		{"times without a unit", limit(Limit{Per: "service", Count: 1, Within: 60, Cooldown: 5})},
		{"a time of years", limit(Limit{Per: "service", Count: 1, Within: 9000 * time.Hour, Cooldown: 1 << 62})},
		{"limits over all rules", func() Config {
			c := config()
			c.Limits = []Limit{{}, {Per: "al", Count: 1, Within: time.Hour}}
			return c
		}()},
		{"too many limits", func() Config {
			c := config()
			for range 33 {
				c.Limits = append(c.Limits, Limit{Per: "all", Count: 1, Within: time.Hour})
			}
			return c
		}()},
		{"the rest", Config{OpenPullRequests: -1, ApprovalFor: -time.Hour, AskFor: 1000 * time.Hour}},
		{"nothing at all", Config{}},
		{"never asked", rules(Rule{Name: "a", When: "true", Then: "ask"}, Rule{Name: "b", When: "verified", Then: "allow"})},
		{"the same condition", rules(Rule{Name: "a", When: `verified and kind=="pull-request"`, Then: "ask"}, Rule{Name: "b", When: `verified and (kind == 'pull-request')`, Then: "allow"})},
		{"too many rules", rules(make([]Rule, 257)...)},
		{"all at once", rules(Rule{Name: "A", When: "verifed && now()", Then: "alow", Mode: "x", Windows: []string{"x"}, Limit: Limit{Per: "x"}}, Rule{})},
	} {
		ps := c.c.Validate()
		if len(ps) == 0 {
			t.Errorf("%s: taken", c.name)
		}
		p, more := New(c.c, Options{Mode: ModeEnforce, Zone: time.LoadLocation})
		if p != nil {
			t.Errorf("%s: there is a policy", c.name)
		}
		if diff := cmp.Diff(ps, more); diff != "" {
			t.Errorf("%s: New says something else: %s", c.name, diff)
		}
		fmt.Fprintf(&b, "%s\n", c.name)
		for _, p := range ps {
			fmt.Fprintf(&b, "  %s: %s\n", p.Path, p.Message)
			if p.Hint != "" {
				fmt.Fprintf(&b, "    %s\n", p.Hint)
			}
		}
	}
	golden(t, "config.golden", b.String())
}

func slicesRepeat(s string, n int) []string {
	return strings.Split(strings.Repeat(s+"\n", n-1)+s, "\n")
}

// What only New can know.
func TestNew(t *testing.T) {
	c := config(Rule{Name: "r", When: `action == "restrat"`, Then: "deny"})
	if ps := c.Validate(); len(ps) > 0 {
		t.Errorf("%+v", ps)
	}
	if p, ps := New(c, Options{Mode: ModeEnforce}); p == nil {
		t.Errorf("without a catalogue: %+v", ps)
	}
	p, ps := New(c, Options{Mode: ModeEnforce, Remediations: []string{"restart"}})
	if p != nil || len(ps) != 1 || ps[0].Path != "rules[0].when" || ps[0].Hint != `did you mean "restart"?` {
		t.Errorf("%+v", ps)
	}
	if p, ps := New(c, Options{Mode: ModeEnforce, Remediations: []string{}}); p != nil || len(ps) != 1 {
		t.Errorf("with an empty catalogue: %+v", ps)
	}
	for _, mode := range []string{"", "enforced"} {
		if p, ps := New(config(), Options{Mode: mode}); p != nil || len(ps) != 1 {
			t.Errorf("mode %q: %+v", mode, ps)
		}
	}
	c = config(Rule{Name: "r", When: "true", Then: "allow", Windows: []string{"09:00-17:00 Europe/Nowhere"}})
	if ps := c.Validate(); len(ps) > 0 {
		t.Errorf("%+v", ps)
	}
	if p, ps := New(c, Options{Mode: ModeEnforce, Zone: time.LoadLocation}); p != nil || len(ps) != 1 || ps[0].Path != "rules[0].windows[0]" {
		t.Errorf("%+v", ps)
	}
}

// A policy is not changed by what becomes of the configuration it was made of.
func TestPolicyHasItsOwnConfig(t *testing.T) {
	c := config(Rule{Name: "r", When: `service != ""`, Then: "deny"})
	c.Limits = []Limit{{Per: PerAll, Count: 1, Within: time.Hour}}
	p := must(t, c, ModeEnforce)
	c.Rules[0].Then, c.Limits[0].Within = "allow", 9*time.Hour
	if _, ok := p.Decide(noon, remediation(), History{}).Grant(); ok || p.Lookback() != time.Hour {
		t.Error("it changed")
	}
}
