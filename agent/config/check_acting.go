package config

import (
	"io/fs"
	"slices"
	"strings"

	"github.com/logwright/logwright/agent/github"
	"github.com/logwright/logwright/agent/incident"
	"github.com/logwright/logwright/agent/notify"
	"github.com/logwright/logwright/agent/policy"
	"github.com/logwright/logwright/remediations"
)

// acting checks the sections that actions come from, and what they say of one another.
func (d *decoder) acting(c *Config) {
	for _, p := range incident.Under("forge", c.Forge.Validate()) {
		if near := incident.Nearest(c.Forge.Kind, github.Kinds()); p.Path == "forge.kind" && near != "" {
			p.Hint = "write kind: " + near
		}
		d.problems("", []incident.Problem{p})
	}
	d.problems("sandbox", c.Sandbox.Validate())
	for i, s := range c.Services {
		if s.Repository != nil {
			d.problems(index("services", i)+".repository", s.Repository.Validate())
		}
	}
	_, ps := remediations.New(c.Remediations, remediations.CatalogueOptions{})
	for _, p := range incident.Under("remediations", ps) {
		// Whether anything is aimed at can't be said where commands or parameters could not be read.
		if entry, ok := strings.CutSuffix(p.Path, ".mends.services"); !ok || !d.broken(entry+".run") && !d.broken(entry+".params") {
			d.problems("", []incident.Problem{p})
		}
	}
	o := c.PolicyOptions()
	if o.Mode != ModeEnforce {
		o.Mode = ModeObserve // what else it says was reported
	}
	if d.broken("remediations") {
		o.Remediations = nil // some of the names may be missing
	}
	_, ps = policy.New(c.Policy, o)
	d.problems("policy", ps)
}

// idle warns of what is right but has no effect: somebody wrote it for a reason, and would wait for something that never comes.
func (c *Config) idle() []Error {
	var ps []incident.Problem
	warn := func(path, hint, format string, a ...any) {
		ps = append(ps, incident.Problemf(path, format, a...).WithHint("%s", hint))
	}
	if c.Enforce() && len(c.Policy.Rules) == 0 {
		warn("mode", "add a rule to policy.rules, or write mode: observe", "nothing will ever be done: there are no rules, and what no rule allows is denied")
	}
	for i, r := range c.Policy.Rules {
		if r.Mode == ModeEnforce && !c.Enforce() {
			warn(index("policy.rules", i)+".mode", "write mode: enforce at the top of the file when the rules are to be followed",
				"the rule does nothing: the file's mode is %s, and a rule can only be more careful", c.Mode)
		}
	}
	for i, s := range c.Services {
		if s.Repository == nil {
			continue
		}
		at := index("services", i) + ".repository"
		if c.Forge.Kind == "" {
			warn(at, "add forge: {kind: local} or kind: github", "there is no forge to propose patches for %s to: they would be advice only", s.Name)
		}
		if c.Model.Offline() {
			warn(at, "set model.provider, or take the repository out", "there will be no patches for %s: they need a model, and model.provider is offline", s.Name)
		}
	}
	if c.Forge.Kind != "" && !slices.ContainsFunc(c.Services, func(s Service) bool { return s.Repository != nil }) {
		warn("forge", "add services[].repository", "nothing will be proposed to it: no service has a repository")
	}
	var out []Error
	for _, p := range ps {
		out = append(out, c.Locate(p))
	}
	slices.SortStableFunc(out, byPlace)
	return out
}

// exposed warns of secrets written out in a file that everybody on the host can read.
func (c *Config) exposed(mode fs.FileMode) []Error {
	if mode.Perm()&0o004 == 0 {
		return nil
	}
	var paths []string
	literal := func(path, value string) {
		if _, env := c.fromEnv[path]; value != "" && !env {
			paths = append(paths, path)
		}
	}
	literal("model.api_key", c.Model.APIKey)
	for i, f := range c.Model.Fallback {
		literal(index("model.fallback", i)+".api_key", f.APIKey)
	}
	literal("forge.auth.token", c.Forge.Auth.Token)
	for i, n := range c.Notify {
		if n.Kind == notify.KindSlack {
			literal(index("notify", i)+".url", n.URL)
		}
	}
	var out []Error
	for _, p := range paths {
		out = append(out, c.Locate(incident.Problemf(p, "this secret can be read by every user of the host (mode %04o)", mode.Perm()).
			WithHint("chmod o-r the file, or write ${NAME} and set the variable for the service")))
	}
	return out
}
