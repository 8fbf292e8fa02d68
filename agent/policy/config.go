package policy

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/logwright/logwright/agent/incident"
)

// Config is `policy` of agent.yaml.
type Config struct {
	// Rules are asked in order; the first whose condition holds decides. Where none holds the answer is no.
	Rules []Rule `yaml:"rules"`
	// Limits hold beside those of the rules, for whatever rule allows an action.
	Limits []Limit `yaml:"limits"`
	// OpenPullRequests is how many pull requests of ours may be open at once, over all services.
	OpenPullRequests int `yaml:"open_pull_requests"`
	// ApprovalFor is how long a person's approval holds that could not be used at once.
	ApprovalFor time.Duration `yaml:"approval_for"`
	// AskFor is how long a proposal waits for a person before it expires.
	AskFor time.Duration `yaml:"ask_for"`
}

// Rule is one entry of `policy.rules`.
type Rule struct {
	Name string `yaml:"name"`
	// When is an expr condition over Variables. It is compiled, with its types checked, when the configuration is loaded.
	When string `yaml:"when"`
	// Then is allow, ask or deny.
	Then string `yaml:"then"`
	// Mode is observe, enforce, or "" for the configuration's mode. A rule can only be more careful than the configuration:
	// in mode observe nothing is done whatever a rule says.
	Mode string `yaml:"mode"`
	// Windows are times in which the rule may allow or ask, such as "Mon-Fri 09:00-17:00 Europe/Berlin". None is always.
	Windows []string `yaml:"windows"`
	Limit   Limit    `yaml:"limit"`
}

// Limit bounds how often actions are begun. The zero Limit is none.
type Limit struct {
	// Per is what is counted together: service, cluster, action, rule, or all.
	Per string `yaml:"per"`
	// Count is how many may be begun Within.
	Count  int           `yaml:"count"`
	Within time.Duration `yaml:"within"`
	// Cooldown is how long it has to be since the last one.
	Cooldown time.Duration `yaml:"cooldown"`
}

// DefaultConfig has no rules, so it denies everything, and limits that hold for rules that an operator adds.
func DefaultConfig() Config {
	return Config{
		Limits: []Limit{
			{Per: PerService, Count: 3, Within: time.Hour},
			{Per: PerAll, Count: 20, Within: 24 * time.Hour},
		},
		OpenPullRequests: 5,
		ApprovalFor:      time.Hour,
		AskFor:           24 * time.Hour,
	}
}

// Values of Limit.Per.
const (
	PerService = "service"
	PerCluster = "cluster"
	PerAction  = "action"
	PerRule    = "rule"
	PerAll     = "all"
)

// Bounds of the configuration. The times bound how much history a decision needs.
const (
	maxRules   = 256
	maxWindows = 16
	maxLimits  = 32
	maxCount   = 100_000
	maxTime    = 366 * 24 * time.Hour
	maxWait    = 30 * 24 * time.Hour
)

var ruleName = regexp.MustCompile(`^[a-z0-9][a-z0-9_.-]{0,63}$`)

// Validate gives everything that is wrong with c, with paths below `policy`. Conditions are compiled; what depends on the rest
// of the configuration (the names of remediations, whether a time zone is known) is New's to find.
func (c Config) Validate() []incident.Problem {
	_, ps := c.compile(Options{Zone: func(string) (*time.Location, error) { return time.UTC, nil }})
	return ps
}

// compile checks c and makes the rules of it.
func (c Config) compile(o Options) ([]rule, []incident.Problem) {
	var ps []incident.Problem
	if len(c.Rules) > maxRules {
		ps = append(ps, incident.Problemf("rules", "%d rules are too many (at most %d)", len(c.Rules), maxRules))
		return nil, ps
	}
	if len(c.Limits) > maxLimits {
		ps = append(ps, incident.Problemf("limits", "%d limits are too many (at most %d)", len(c.Limits), maxLimits))
	}
	known := closed(o.Remediations)
	rules := make([]rule, len(c.Rules))
	names := make(map[string]int)
	for i, r := range c.Rules {
		at := fmt.Sprintf("rules[%d]", i)
		found := r.check()
		if first, ok := names[r.Name]; ok && r.Name != "" {
			found = append(found, incident.Problemf("name", "rules[%d] has the name %q already", first, r.Name).
				WithHint("decisions and limits name the rule they are of"))
		} else {
			names[r.Name] = i
		}
		when, bad := compile(r.When, known)
		found = append(found, bad...)
		rules[i] = rule{Rule: r, when: when}
		for j, text := range r.Windows {
			w, err := parseWindow(text, o.zone())
			if err != nil {
				found = append(found, incident.Problemf(fmt.Sprintf("windows[%d]", j), "%v", err).WithHint(windowHint))
			}
			rules[i].windows = append(rules[i].windows, w)
		}
		found = append(found, unreachable(rules[:i+1])...)
		rules[i].Windows = slices.Clone(r.Windows)
		ps = append(ps, incident.Under(at, found)...)
	}
	for i, l := range c.Limits {
		found := l.check()
		if l == (Limit{}) {
			found = []incident.Problem{incident.Problemf("", "an empty limit").WithHint(limitHint)}
		}
		ps = append(ps, incident.Under(fmt.Sprintf("limits[%d]", i), found)...)
	}
	if c.OpenPullRequests < 0 || c.OpenPullRequests > maxCount {
		ps = append(ps, incident.Problemf("open_pull_requests", "%d is not from 0 to %d", c.OpenPullRequests, maxCount).
			WithHint("0 opens none"))
	}
	ps = append(ps, wait("approval_for", c.ApprovalFor)...)
	ps = append(ps, wait("ask_for", c.AskFor)...)
	return rules, ps
}

func (o Options) zone() func(string) (*time.Location, error) {
	if o.Zone != nil {
		return o.Zone
	}
	return func(string) (*time.Location, error) { return nil, errors.New("only UTC is known") }
}

func wait(key string, d time.Duration) []incident.Problem {
	if d >= time.Second && d <= maxWait {
		return nil
	}
	return []incident.Problem{incident.Problemf(key, "%s is not from 1s to %s", span(d), span(maxWait))}
}

// check is what can be said of a rule by itself, but for its condition and its windows.
func (r Rule) check() []incident.Problem {
	var ps []incident.Problem
	switch {
	case r.Name == "":
		ps = append(ps, incident.Problemf("name", "a rule needs a name").WithHint("decisions and limits name the rule they are of"))
	case !ruleName.MatchString(r.Name):
		ps = append(ps, incident.Problemf("name", "%q is not a name for a rule", r.Name).
			WithHint("up to 64 of a-z, 0-9, -, _ and ., with a letter or digit first"))
	}
	thens := []string{incident.DecisionAllow, incident.DecisionAsk, incident.DecisionDeny}
	ps = append(ps, oneOf("then", r.Then, thens, true)...)
	ps = append(ps, oneOf("mode", r.Mode, []string{ModeObserve, ModeEnforce}, false)...)
	if len(r.Windows) > maxWindows {
		ps = append(ps, incident.Problemf("windows", "%d windows are too many (at most %d)", len(r.Windows), maxWindows))
	}
	ps = append(ps, incident.Under("limit", r.Limit.check())...)
	if r.Then == incident.DecisionDeny {
		if len(r.Windows) > 0 {
			ps = append(ps, incident.Problemf("windows", "a rule that denies does so at all times").
				WithHint("put windows on the rules that allow or ask: outside of them they deny"))
		}
		if r.Limit != (Limit{}) {
			ps = append(ps, incident.Problemf("limit", "a rule that denies needs no limit"))
		}
	}
	return ps
}

func oneOf(key, value string, known []string, needed bool) []incident.Problem {
	if slices.Contains(known, value) || value == "" && !needed {
		return nil
	}
	list := "one of " + strings.Join(known, ", ")
	if value == "" {
		return []incident.Problem{incident.Problemf(key, "a rule needs %q", key).WithHint("%s", list)}
	}
	p := incident.Problemf(key, "unknown value %q", value)
	if near := incident.Nearest(value, known); near != "" {
		return []incident.Problem{p.WithHint("did you mean %s?", near)}
	}
	return []incident.Problem{p.WithHint("%s", list)}
}

const limitHint = "such as {per: service, count: 3, within: 1h, cooldown: 10m}"

func (l Limit) check() []incident.Problem {
	if l == (Limit{}) {
		return nil
	}
	var ps []incident.Problem
	pers := []string{PerService, PerCluster, PerAction, PerRule, PerAll}
	if l.Per == "" {
		ps = append(ps, incident.Problemf("per", "a limit needs to know what it counts").WithHint("one of %s", strings.Join(pers, ", ")))
	} else {
		ps = append(ps, oneOf("per", l.Per, pers, true)...)
	}
	switch {
	case l.Count < 0 || l.Count > maxCount:
		ps = append(ps, incident.Problemf("count", "%d is not from 1 to %d", l.Count, maxCount))
	case l.Count > 0 && l.Within == 0:
		ps = append(ps, incident.Problemf("within", "a count needs a time that it holds for").WithHint(limitHint))
	case l.Count == 0 && l.Within != 0:
		ps = append(ps, incident.Problemf("count", "within which count?").WithHint("at least 1; to allow nothing, deny"))
	case l.Count == 0 && l.Cooldown == 0:
		ps = append(ps, incident.Problemf("count", "a limit without count and cooldown limits nothing").WithHint(limitHint))
	}
	for _, t := range []struct {
		key string
		d   time.Duration
	}{{"within", l.Within}, {"cooldown", l.Cooldown}} {
		if t.d < 0 || t.d > maxTime || t.d > 0 && t.d < time.Second {
			ps = append(ps, incident.Problemf(t.key, "%s is not from 1s to %s", t.d, span(maxTime)))
		}
	}
	return ps
}

// unreachable says that the last of rules can never decide, where that is certain.
func unreachable(rules []rule) []incident.Problem {
	last := rules[len(rules)-1]
	if last.when == nil {
		return nil
	}
	for _, r := range rules[:len(rules)-1] {
		switch {
		case r.when == nil:
		case r.when.always:
			return []incident.Problem{incident.Problemf("when", "this rule is never asked: rule %q before it holds for everything", r.Name).
				WithHint("the first rule that matches decides; put this one before it, or remove it")}
		case r.when.text == last.when.text:
			return []incident.Problem{incident.Problemf("when", "this rule is never asked: rule %q before it has the same condition", r.Name).
				WithHint("the first rule that matches decides; remove one of them")}
		}
	}
	return nil
}
