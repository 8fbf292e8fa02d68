package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/logwright/logwright/agent"
	"github.com/logwright/logwright/agent/incident"
)

// lines writes where an event stands and its lines as they stood, most of them at most.
func (p *page) lines(r *incident.Record, most int) {
	lines := fmt.Sprint(r.FirstLine)
	if r.LastLine > r.FirstLine {
		lines = fmt.Sprintf("%d-%d", r.FirstLine, r.LastLine)
	}
	if n := len(r.Lines); n > 0 {
		lines = fmt.Sprintf("%d…%d, %d lines between others", r.Lines[0], r.Lines[n-1], n)
	}
	p.line("%s", p.strong(fmt.Sprintf("%s:%s", incident.PrintableLine(r.File), lines)))
	n := 0
	for l := range strings.SplitSeq(r.Raw, "\n") {
		if n++; n > most && most > 0 {
			p.line("  | … %s more", count(int64(strings.Count(r.Raw, "\n")+2-n), "line", "lines"))
			break
		}
		p.line("  | %s", clip(incident.PrintableLine(l), 500))
	}
}

// explained writes one event for people: its lines as they stood, and under them what was made of them.
func (p *page) explained(x agent.Explained) error {
	r := &x.Record
	p.lines(r, 0)
	read := []string{r.Format, r.Severity.String(), "service " + incident.PrintableLine(r.Service)}
	if !r.Time.IsZero() {
		read = append(read, r.Time.UTC().Format(time.RFC3339Nano))
	}
	for _, f := range []struct{ name, value string }{
		{"host", r.Host}, {"pid", r.PID}, {"thread", r.Thread}, {"logger", r.Logger}, {"trace", r.TraceID},
	} {
		if f.value != "" {
			read = append(read, f.name+" "+incident.PrintableLine(f.value))
		}
	}
	if r.Truncated {
		read = append(read, "cut to the limits")
	}
	p.line("  read      %s", strings.Join(read, " · "))
	p.line("  message   %s", clip(incident.PrintableLine(r.Message), 500))
	if r.Exception != "" {
		p.line("  exception %s", incident.PrintableLine(r.Exception))
	}
	for n, f := range r.Frames {
		own := ""
		if f.InApp {
			own = "  (own code)"
		}
		c := incident.Culprit{File: f.File, Line: f.Line, Function: f.Function}
		p.line("  %-9s %s%s", ifFirst(n, "frames"), incident.PrintableLine(place(&c)), own)
	}
	p.line("  cluster   %s  %s\n", x.Cluster, clip(incident.PrintableLine(x.Template), 500))
	return nil
}

// briefLines is how many lines of an event are shown where only its failures are.
const briefLines = 6

// tree writes one event and its steps; with failures only those that failed or guessed.
func (p *page) tree(x *agent.Explained, failures bool) error {
	most, all := 0, x.Record.Steps
	if failures {
		most = briefLines
	} else {
		all = x.Steps()
	}
	p.lines(&x.Record, most)
	var steps []incident.Step
	for _, s := range all {
		if failures && s.Problem == "" || s.Stage == incident.StageTransport && s.Result == incident.StepNone {
			continue
		}
		steps = append(steps, s)
	}
	last := ""
	if len(steps) > 0 {
		last = steps[len(steps)-1].Stage
	}
	stage := ""
	for _, s := range steps {
		label, branch := "", "│"
		if s.Stage == last {
			branch = " "
		}
		first := branch
		if s.Stage != stage {
			stage, label, first = s.Stage, s.Stage, "├"
			if s.Stage == last {
				first = "└"
			}
		}
		p.step(&s, first, branch, label)
	}
	p.line("")
	return nil
}

// step writes one step: first stands before its first line, branch before the others.
func (p *page) step(s *incident.Step, first, branch, label string) {
	const margin = 16
	text := s.Detail
	if s.Problem != "" {
		text = s.Problem + ": " + text
	}
	if s.Because != "" {
		text += " · " + s.Because
	}
	mark := markOf(s.Result)
	for i, l := range wrap(incident.PrintableLine(text), p.width-margin) {
		if i > 0 {
			label, mark, first = "", " ", branch
		}
		if s.Problem != "" {
			l = p.strong(l)
		}
		p.line("  %s %-9s %s %s", first, label, mark, clip(l, 500))
	}
	if s.Change == "" {
		return
	}
	arrow := "→"
	for _, l := range wrap(incident.PrintableLine(s.Change), p.width-margin-2) {
		p.line("  %s %-9s   %s %s", branch, "", arrow, clip(l, 500))
		arrow = " "
	}
}

func markOf(r incident.StepResult) string {
	switch r {
	case incident.StepDone:
		return "✓"
	case incident.StepGuessed:
		return "?"
	case incident.StepFailed:
		return "✗"
	}
	return "·"
}
