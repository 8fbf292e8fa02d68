package notify

import (
	"cmp"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/logwright/logwright/agent/incident"
)

// change tells what a patch changes and, in whole, what it was proven by.
func (v viewer) change(out *view, p *incident.Proposal, whole bool) {
	c := p.Change
	if c == nil {
		return
	}
	add := func(label, text string) {
		if text != "" {
			out.plan = append(out.plan, fact{label, text})
		}
	}
	if len(c.Files) > 0 {
		names := make([]string, 0, maxFiles)
		for _, f := range c.Files[:min(len(c.Files), maxFiles)] {
			names = append(names, v.name(f))
		}
		if more := len(c.Files) - len(names); more > 0 {
			names = append(names, fmt.Sprintf("and %d more", more))
		}
		add("change", fmt.Sprintf("%s, +%d -%d lines", count(len(c.Files), "file"), c.Added, c.Removed))
		add("files", cut(strings.Join(names, ", "), maxArgv))
	}
	if c.Branch != "" && p.Kind != incident.KindAdvice {
		add("branch", v.name(c.Branch)+" for "+cmp.Or(v.name(c.Base), "its base")+" of "+v.name(c.Repository))
	}
	if !whole {
		return
	}
	if c.Commit != "" {
		add("kept as", cut("commit "+v.name(c.Commit)+" of "+v.name(c.Store), maxText))
	}
	if c.Stopped != "" {
		add("stopped", v.line(c.Stopped))
	}
	switch {
	case c.Verified && c.Reproduced:
		add("proof", "a test fails without the change and passes with it; all checks pass")
	case c.Verified:
		add("proof", "all checks pass with the change; no test was seen to fail without it")
	case len(c.Checks) == 0:
		add("proof", "none: nothing was run")
	default:
		add("proof", "none: the checks do not pass with the change")
	}
	for _, k := range c.Checks[max(0, len(c.Checks)-maxChecks):] {
		add("ran", v.check(k))
	}
	if !c.Verified && len(c.Checks) > 0 {
		last := c.Checks[len(c.Checks)-1]
		if !last.Passed() {
			out.output = v.tail(last.Output)
		}
	}
	if c.Explanation != "" {
		add("explained", v.line(c.Explanation))
	}
}

// comment tells which pull request is commented on and, in whole, with which words beside the incident's facts.
func (v viewer) comment(out *view, p *incident.Proposal, whole bool) {
	c := p.Comment
	if c == nil {
		return
	}
	out.plan = append(out.plan, fact{"on pull", v.pull(&c.On)})
	if text := v.line(c.Text); whole && text != "" {
		out.plan = append(out.plan, fact{"says", text})
	}
}

// check says in one line what was run and what came of it.
func (v viewer) check(k incident.Check) string {
	how := "passed"
	switch {
	case k.Reason != "":
		how = "ended by " + v.name(k.Reason)
	case k.Exit != 0:
		how = fmt.Sprintf("exit %d", k.Exit)
	}
	if k.Stage == incident.StageReproduce && !k.Passed() {
		how += ", as it has to without the fix"
	}
	return cut(v.name(k.Stage)+": "+v.argv(k.Argv, maxText)+": "+how, maxText)
}

// remedy tells what a remediation runs, argument by argument: all of it where it is judged, else what was run in the end.
func (v viewer) remedy(out *view, p *incident.Proposal, kind incident.EventKind) {
	r := p.Remedy
	if r == nil {
		return
	}
	add := func(label string, argv []string) {
		if len(argv) == 0 {
			return
		}
		s := v.argv(argv, maxArgv)
		if strings.HasSuffix(s, "…") {
			out.marks = append(out.marks, "cut: a command is longer than a message; look at all of it before you answer")
		}
		out.plan = append(out.plan, fact{label, s})
	}
	if !judged(kind) {
		add("run", r.Run)
		if kind == incident.EventUndone {
			add("undo", r.Undo)
		}
		return
	}
	for i, argv := range [][]string{r.Check, r.Run, r.Probe, r.Undo} {
		add(commands[i], argv)
	}
	risk := cmp.Or(v.name(r.Risk), "unknown")
	if r.Reversible {
		risk += ", can be undone"
	} else {
		risk += ", can't be undone"
	}
	out.plan = append(out.plan, fact{"risk", risk})
	if len(r.Targets) > 0 {
		out.plan = append(out.plan, fact{"aimed at", v.line(strings.Join(r.Targets, ", "))})
	}
}

// decision tells what the gate said, by which rule, and why.
func (v viewer) decision(out *view, d *incident.Decision) {
	if d == nil {
		return
	}
	words := map[string][2]string{ // as it is, and simulated
		incident.DecisionAllow: {"allowed", "would have been allowed"},
		incident.DecisionAsk:   {"a person is asked", "a person would have been asked"},
		incident.DecisionDeny:  {"refused", "would have been refused"},
	}
	pair, ok := words[d.Outcome]
	said := pair[0]
	if d.Simulated {
		said = pair[1]
	}
	if !ok {
		said = v.name(d.Outcome)
	}
	if d.Rule != "" {
		said += ", by the rule " + v.name(d.Rule)
	}
	out.fate = append(out.fate, fact{"gate", said})
	v.reasons(out, d.Reasons)
}

func (v viewer) reasons(out *view, reasons []string) {
	for i, r := range reasons {
		if i == maxReasons {
			out.fate = append(out.fate, fact{"because", fmt.Sprintf("and %d more", len(reasons)-i)})
			break
		}
		out.fate = append(out.fate, fact{"because", v.line(r)})
	}
}

// approval tells who answered.
func (v viewer) approval(out *view, a *incident.Approval) {
	if a == nil {
		return
	}
	label := "rejected"
	if a.Approved {
		label = "approved"
	}
	said := "by " + cmp.Or(v.name(a.Who), "somebody") + " at " + stamp(a.At)
	if why := v.line(a.Why); why != "" {
		said += ": " + why
	}
	out.fate = append(out.fate, fact{label, cut(said, maxText)})
}

var plainArg = regexp.MustCompile(`^[A-Za-z0-9_@%+=:,./-]+$`)

// argv shows an argument vector so that it can be seen where each argument begins and ends. Secrets are looked for in each
// argument as it is, and in all together.
func (v viewer) argv(args []string, most int) string {
	parts := make([]string, len(args))
	for i, a := range args {
		if a = v.redact(a); !plainArg.MatchString(a) {
			a = strconv.Quote(a)
		}
		parts[i] = a
	}
	return cut(strings.TrimSpace(incident.PrintableLine(v.redact(strings.Join(parts, " ")))), most)
}
