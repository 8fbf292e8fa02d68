package github

import (
	"fmt"
	"path"
	"strings"
	"time"

	"github.com/logwright/logwright/agent/incident"
)

// maxBody is GitHub's limit for a description. It counts characters; bytes are never fewer.
const maxBody = 65536

// What of each text is shown at most, in bytes before escaping, and how many of a list.
const (
	maxProse    = 4000
	maxQuote    = 600
	maxOutput   = 4000
	maxName     = 300
	maxEvidence = 20
	maxFiles    = 50
	maxChecks   = 40
)

// describe writes the description of a pull request. Only Logwright's own words stand outside of fences, quotes and code
// spans. It ends with the marker.
func describe(p *incident.Proposal, redact func(string) string) string {
	// Escaping can make text several times as long, so what fits is found by trying: outputs go first, then everything.
	for _, share := range []struct{ out, rest int }{{1, 1}, {4, 1}, {16, 2}, {64, 4}, {512, 16}, {4096, 64}} {
		d := &description{p: p, writer: writer{redact: redact}, out: maxOutput / share.out, rest: share.rest}
		if s := d.text(); len(s) <= maxBody {
			return s
		}
	}
	// Nothing of a stranger's text is left in this one.
	return "Logwright proposes this change. Its description would be longer than a description may be; `logwright incidents show " +
		p.Incident + "` has it.\n\n" + marker(p) + "\n"
}

// marker is how a pull request is recognised as ours, and for what.
func marker(p *incident.Proposal) string {
	return fmt.Sprintf("<!-- logwright: cluster=%s incident=%s proposal=%s -->", p.Cluster, p.Incident, p.ID)
}

type description struct {
	writer
	p *incident.Proposal
	// out is how much of each output is shown, rest what other limits are divided by.
	out, rest int
}

func (d *description) say(format string, args ...any) { fmt.Fprintf(d, format, args...) }

func (d *description) prose(s string) {
	if s = d.clean(s, maxProse/d.rest); strings.TrimSpace(s) != "" {
		d.say("%s\n", quote(s))
	}
}

func (d *description) name(s string) string { return d.code(s, maxName/d.rest) }

func (d *description) text() string {
	d.say("Logwright proposes this change to mend an incident that it saw in the log. It is a draft, and nobody has reviewed it yet.\n\n")
	switch f := d.p.Facts; {
	case authored(f.Source):
		d.say("**This is a demonstration:** diagnosis and change were written beforehand. No model was asked.\n\n")
	case f.Flagged:
		d.say("**Careful:** the log text of this incident looks like instructions to a model. Read the diff with that in mind.\n\n")
	}
	d.happened()
	d.cause()
	d.change()
	d.commands()
	d.sure()
	d.reject()
	d.say("%s\n", marker(d.p))
	return d.String()
}

// authored says that no model and no signature made the diagnosis: somebody wrote it for a demonstration.
func authored(source string) bool {
	return source == "authored" || strings.HasPrefix(source, "authored:")
}

func (d *description) happened() {
	f, a := d.p.Facts, d.p.Account
	d.say("## What happened\n\n")
	events := f.Events
	if a != nil {
		events = a.Events
	}
	d.say("- Service %s: %s, the worst of severity %s\n", d.name(d.p.Service), count(events, "problem event", "problem events"), f.Severity)
	if a != nil {
		d.say("- First seen %s, last seen %s\n", stamp(a.FirstSeen), stamp(a.LastSeen))
		if r := a.Release; r != nil {
			d.say("- The last release before that: %s, at %s\n", d.name(r.Version), stamp(r.At))
		}
	}
	d.say("- Incident `%s`%s\n\n", d.p.Incident, trigger(f.Trigger))
	if a != nil {
		d.prose(a.Summary)
	}
}

func trigger(t incident.Trigger) string {
	switch t {
	case incident.TriggerNew:
		return ": this was never seen before"
	case incident.TriggerSpike:
		return ": there are far more of these than usual"
	case incident.TriggerReturned:
		return ": this was resolved before, and came back"
	case incident.TriggerSilence:
		return ": a sign of life stayed out"
	case incident.TriggerMix:
		return ": far more of the service's lines than usual are warnings or worse"
	case incident.TriggerRequests:
		return ": too many of the service's requests are answered with 5xx"
	}
	return ""
}

func (d *description) cause() {
	a := d.p.Account
	d.say("## Root cause\n\n")
	if a == nil {
		d.prose(d.p.Why)
		d.say("The proposal carries no evidence.\n\n")
		return
	}
	d.prose(a.RootCause)
	if c := a.Culprit; c != nil {
		at := c.File
		if c.Line > 0 {
			at = fmt.Sprintf("%s:%d", c.File, c.Line)
		}
		d.say("The evidence points to %s", d.name(at))
		if c.Function != "" {
			d.say(" in %s", d.name(c.Function))
		}
		d.say(".\n\n")
	}
	if len(a.Evidence) == 0 {
		d.say("No line of the log was found that holds this up.\n\n")
		return
	}
	d.say("Lines of the log that hold this up, word for word but for secrets:\n\n")
	for i, e := range a.Evidence {
		if i == maxEvidence {
			d.say("%s more.\n\n", count(int64(len(a.Evidence)-i), "line", "lines"))
			break
		}
		d.say("In %s", d.name(e.Source)) // a span of many backticks may not begin a line: that could be read as a fence
		if e.Line > 0 {
			d.say(", line %d", e.Line)
		}
		d.say(":\n\n%s\n", fence(d.clean(e.Quote, maxQuote/d.rest)))
	}
}

func (d *description) change() {
	c := d.p.Change
	d.say("## The change\n\n")
	d.say("%s, %s added, %s removed, on top of `%s` (branch %s).\n\n", count(int64(len(c.Files)), "file", "files"),
		count(int64(c.Added), "line", "lines"), count(int64(c.Removed), "line", "lines"), short(c.BaseCommit), d.name(c.Base))
	for i, f := range c.Files {
		if i == maxFiles {
			d.say("- %s more\n", count(int64(len(c.Files)-i), "file", "files"))
			break
		}
		d.say("- %s", d.name(f))
		for _, t := range c.Tests {
			if t == f {
				d.say(" (test)")
				break
			}
		}
		d.say("\n")
	}
	d.say("\n")
	if strings.TrimSpace(c.Explanation) != "" {
		d.say("In the words of who wrote it:\n\n")
		d.prose(c.Explanation)
	}
}

// stage says in a few words what a command was run on.
func stage(s string) string {
	switch s {
	case incident.StagePrepare:
		return "to prepare, on the base"
	case incident.StageBase:
		return "on the base, without the change"
	case incident.StageReproduce:
		return "on the base with the new tests only"
	case incident.StagePatched:
		return "with the change"
	}
	return "at a stage of its own"
}

func (d *description) commands() {
	c := d.p.Change
	d.say("## What was run\n\n")
	switch provenBy(c) {
	case provenFix:
		d.say("**A test of this change fails without the fix and passes with it.** All of the operator's commands pass with the change.\n\n")
	case provenPasses:
		d.say("The operator's commands pass with the change. **No test was seen to fail without it**, so nothing here proves that it mends the fault.\n\n")
	default:
		d.say("**The change is not verified:** no run of the operator's commands shows that it works.\n\n")
	}
	if len(c.Checks) == 0 {
		return
	}
	d.say("In the sandbox, in this order:\n\n")
	for i, k := range c.Checks {
		if i == maxChecks {
			d.say("%s more.\n\n", count(int64(len(c.Checks)-i), "command", "commands"))
			break
		}
		d.say("%d. %s %s: %s, after %s\n\n", i+1, d.name(commandLine(k.Argv)), stage(k.Stage), d.ended(k), took(k.Duration))
		if out := d.tail(k.Output, d.out); strings.TrimSpace(out) != "" {
			d.say("<details><summary>The end of its output</summary>\n\n%s\n</details>\n\n", fence(out))
		}
	}
}

func (d *description) ended(k incident.Check) string {
	switch {
	case k.Reason != "":
		return "**stopped** (" + d.code(k.Reason, maxName) + ")"
	case k.Exit == 0:
		return "passed"
	}
	return fmt.Sprintf("**failed** (exit status %d)", k.Exit)
}

// proof is what the checks show.
type proof int

const (
	provenNothing proof = iota
	provenPasses        // the operator's commands pass with the change
	provenFix           // and a test of it failed without the fix
)

// provenBy says no more than both the change and its checks say.
func provenBy(c *incident.Change) proof {
	patched, red := 0, false
	for _, k := range c.Checks {
		switch k.Stage {
		case incident.StagePatched:
			if !k.Passed() {
				return provenNothing
			}
			patched++
		case incident.StageReproduce:
			red = red || !k.Passed() && k.Reason == "" // a timeout reproduces nothing
		}
	}
	switch {
	case !c.Verified || patched == 0:
		return provenNothing
	case c.Reproduced && red && len(c.Tests) > 0:
		return provenFix
	}
	return provenPasses
}

func (d *description) sure() {
	f, c := d.p.Facts, d.p.Change
	d.say("## How sure this is\n\n")
	d.say("- Confidence in the diagnosis: %.2f of 1, computed from what could be checked, never a model's own word.\n", f.Confidence)
	switch {
	case authored(f.Source):
		d.say("- Source: authored for a demonstration.\n")
	case f.Source == incident.SourceOffline || f.Source == "":
		d.say("- Source: the built-in signatures, no model.\n")
	default:
		d.say("- Source: the model %s", d.name(f.Source))
		if c.Rounds > 0 {
			d.say(", asked for the change in %s", count(int64(c.Rounds), "round", "rounds"))
		}
		d.say(".\n")
	}
	d.say("- The commands show that their tests pass, not that the change is right, complete, or wanted.\n")
	d.say("- Whether the log falls silent is seen only after this is merged and released.\n")
	if a := d.p.Account; a != nil && len(a.NextSteps) > 0 {
		d.say("\nWhat else to look at:\n\n")
		for _, n := range a.NextSteps[:min(len(a.NextSteps), 10)] {
			d.prose(n)
		}
	}
	d.say("\n")
}

func (d *description) reject() {
	d.say("## If you don't want it\n\nClose this pull request. Logwright then opens no other one for incident `%s`, and deletes nothing: "+
		"the branch `%s` stays until you remove it.\n\n", d.p.Incident, branchOf(d.p.Incident))
}

func count(n int64, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

func stamp(t time.Time) string {
	if t.IsZero() {
		return "at a time that is not known"
	}
	return t.UTC().Format("2006-01-02 15:04:05 UTC")
}

func took(d time.Duration) string {
	if d < time.Second {
		return d.Round(time.Millisecond).String()
	}
	return d.Round(100 * time.Millisecond).String()
}

func short(sha string) string { return sha[:min(len(sha), 12)] }

// commandLine shows an argument vector as a shell would be told.
func commandLine(argv []string) string {
	var words []string
	for _, a := range argv {
		if a == "" || strings.ContainsFunc(a, func(r rune) bool {
			return !strings.ContainsRune("@%+=:,./-_", r) && (r < '0' || r > '9') && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z')
		}) {
			a = "'" + strings.ReplaceAll(a, "'", `'\''`) + "'"
		}
		words = append(words, a)
	}
	return strings.Join(words, " ")
}

// branchOf is the branch of an incident's pull request.
func branchOf(id string) string { return path.Join("logwright", id) }

// seenAgain is the text of a comment.
func seenAgain(p *incident.Proposal, text string, redact func(string) string) string {
	d := &description{p: p, writer: writer{redact: redact}, out: maxOutput, rest: 1}
	events := p.Facts.Events
	if p.Account != nil {
		events = p.Account.Events
	}
	d.say("Seen again: incident `%s`, service %s, %s", p.Incident, d.name(p.Service), count(events, "problem event", "problem events"))
	if a := p.Account; a != nil {
		d.say(", from %s to %s", stamp(a.FirstSeen), stamp(a.LastSeen))
	}
	d.say(".\n\n")
	d.prose(text)
	return d.String()
}
