package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"strings"
	"time"
	"unicode/utf8"

	"golang.org/x/term"

	"github.com/logwright/logwright/agent"
	"github.com/logwright/logwright/agent/config"
	"github.com/logwright/logwright/agent/incident"
)

// The human output of an incident is what people paste into a chat: short, the most important first, the cause first,
// the evidence under it, then what to do next. Log text goes through incident.PrintableLine, always.

// page writes human output, wrapped to width, with bold where the output is a terminal.
type page struct {
	w     *bufio.Writer
	bold  bool
	width int
}

const pageWidth = 100

func newPage(w io.Writer) *page {
	p := &page{w: bufio.NewWriterSize(w, 64<<10), width: pageWidth}
	if f, ok := w.(*os.File); ok && term.IsTerminal(int(f.Fd())) && os.Getenv("NO_COLOR") == "" {
		p.bold = true
		if columns, _, err := term.GetSize(int(f.Fd())); err == nil && columns >= 40 {
			p.width = min(columns, 140)
		}
	}
	return p
}

func (p *page) strong(s string) string {
	if p.bold {
		return "\x1b[1m" + s + "\x1b[0m"
	}
	return s
}

func (p *page) line(format string, args ...any) { fmt.Fprintf(p.w, format+"\n", args...) }

// labelled writes text under a label in the left margin, wrapped and indented.
func (p *page) labelled(label, text string) {
	const margin = 12
	for i, l := range wrap(text, p.width-margin) {
		if i > 0 {
			label = ""
		}
		p.line("   %-*s%s", margin-3, label, l)
	}
}

// verbatim writes a line of a log as it stood: not wrapped, so that it can be searched for.
func (p *page) verbatim(label, where, text string) {
	p.line("   %-9s%s  %s", label, where, clip(incident.PrintableLine(text), 240))
}

// renderReport writes what a one-shot diagnosis found.
func (a *app) renderReport(cfg *config.Config, files []string, r *agent.Report, most int, took time.Duration) error {
	p := newPage(a.out)
	name := "standard input"
	switch {
	case len(files) > 1:
		name = fmt.Sprintf("%d files", len(files))
	case files[0] != agent.Stdin:
		name = incident.PrintableLine(files[0])
	}
	p.line("%s: %s, %s, %s (%.1f s)", name, count(r.Totals.Lines, "line", "lines"), count(r.Totals.Events, "event", "events"),
		count(r.Totals.Problems, "problem", "problems"), took.Seconds())
	for _, g := range r.Totals.Gaps {
		p.line("gap in %s: %s", incident.PrintableLine(g.File), incident.PrintableLine(g.Reason))
	}
	if len(r.Incidents) == 0 {
		p.line("Nothing at or above %s. --severity warning looks at warnings too.", cfg.Triggers.Severity)
		return p.w.Flush()
	}
	for i := range r.Incidents {
		if i == most {
			p.line("\n%s more, -n %d shows all in full:", thousands(int64(len(r.Incidents)-most)), len(r.Incidents))
		}
		if i >= most {
			p.brief(i+1, &r.Incidents[i])
			continue
		}
		p.line("")
		p.incident(fmt.Sprintf("%d. ", i+1), &r.Incidents[i])
		for _, rec := range r.Proposals[r.Incidents[i].ID] {
			p.labelled("Gate", decisionLine(rec.Decision)+": "+incident.PrintableLine(quoteArgv(rec.Proposal.Remedy.Run)))
			for _, why := range rec.Decision.Reasons {
				p.labelled("", "- "+incident.PrintableLine(why))
			}
		}
	}
	if o := r.Omitted; o.Incidents > 0 {
		p.line("Too many to keep apart, the least important left out: about %s of %s.",
			count(o.Incidents, "more incident", "more incidents"), count(o.Events, "event", "events"))
	}
	p.line("")
	p.footer(cfg, r)
	return p.w.Flush()
}

func (p *page) footer(cfg *config.Config, r *agent.Report) {
	if cfg.Model.Offline() {
		p.line("Diagnosed offline from built-in signatures; nothing left this host.")
		if os.Getenv("OPENAI_API_KEY") != "" || os.Getenv("ANTHROPIC_API_KEY") != "" {
			p.line("A model's key is in the environment. It is not used unless an agent.yaml with a model is named by --config.")
		}
		return
	}
	p.line("Model %s: %s, %s in, %s out, %.4f USD.", incident.PrintableLine(cfg.Model.Name), count(r.Usage.Calls, "call", "calls"),
		count(r.Usage.InputTokens, "token", "tokens"), count(r.Usage.OutputTokens, "token", "tokens"), r.Usage.USD)
	if r.Unasked > 0 {
		p.line("%s diagnosed offline only; --ask sets how many the model is asked about.", count(int64(r.Unasked), "incident was", "incidents were"))
	}
}

// incident writes one incident in full.
func (p *page) incident(number string, i *incident.Incident) {
	title := i.Title
	if title == "" {
		title = "Not diagnosed yet"
	}
	p.line("%s%s", number, p.strong(incident.PrintableLine(title)))
	p.labelled("", facts(i))
	if i.Flagged {
		p.labelled("FLAGGED", "The log text looks like an attempt to instruct a model ("+incident.PrintableLine(i.FlagReason)+"). Read it with care.")
	}
	if r := i.Reason; r != nil {
		p.labelled("Trigger", string(i.Trigger)+": "+incident.PrintableLine(r.Text))
		if r.Statistic != "" {
			p.labelled("", "by "+r.Statistic)
		}
	}
	d := i.Diagnosis
	if d != nil {
		p.labelled("Cause", incident.PrintableLine(d.RootCause))
		if d.Summary != d.RootCause {
			p.labelled("What", incident.PrintableLine(d.Summary))
		}
		if c := d.Culprit; c != nil {
			p.labelled("Where", incident.PrintableLine(place(c)))
		}
		p.labelled("Sure", sureness(d))
		p.evidence(i, d)
		for n, s := range d.NextSteps {
			p.labelled(ifFirst(n, "Next"), "- "+incident.PrintableLine(s))
		}
	}
	if r := i.Release; r != nil {
		p.labelled("Release", fmt.Sprintf("%s went live at %s", incident.PrintableLine(r.Version), stamp(r.At)))
	}
	p.labelled("Seen as", clip(incident.PrintableLine(i.Template), 300))
	p.labelled("Id", i.ID)
}

func (p *page) evidence(i *incident.Incident, d *incident.Diagnosis) {
	if len(d.Evidence) == 0 {
		if len(i.Samples) > 0 {
			r := &i.Samples[0].Record
			p.verbatim("Line", where(r.File, r.FirstLine), firstLine(r.Raw))
		}
		return
	}
	const shown = 4
	for n, e := range d.Evidence {
		if n == shown {
			p.labelled("", fmt.Sprintf("and %d more", len(d.Evidence)-shown))
			break
		}
		p.verbatim(ifFirst(n, "Evidence"), where(e.Source, e.Line), e.Quote)
	}
}

// brief writes one incident in one line.
func (p *page) brief(number int, i *incident.Incident) {
	title := i.Title
	if title == "" {
		title = clip(incident.PrintableLine(i.Template), 60)
	}
	p.line("%3d. %s  %s  %s %s  %s", number, i.ID, i.Severity, thousands(i.Events), "×", incident.PrintableLine(title))
}

// facts is one line of how bad, whose, how often and when.
func facts(i *incident.Incident) string {
	out := fmt.Sprintf("%s · %s · %s", i.Severity, incident.PrintableLine(i.Service), count(i.Events, "event", "events"))
	switch {
	case i.FirstSeen.IsZero():
	case i.FirstSeen.Equal(i.LastSeen):
		out += " · " + stamp(i.FirstSeen)
	default:
		out += " · " + stamp(i.FirstSeen) + " to " + stamp(i.LastSeen)
	}
	if i.Trigger == incident.TriggerSpike || i.Trigger == incident.TriggerReturned {
		out += " · " + string(i.Trigger)
	}
	if i.Simulated {
		out += " · simulated"
	}
	return out
}

func sureness(d *incident.Diagnosis) string {
	by := "by " + incident.PrintableLine(d.Source)
	if d.Source == incident.SourceOffline {
		by = "offline, no built-in signature fits"
		if d.Signature != "" {
			by = "offline, signature " + d.Signature
		}
	}
	out := fmt.Sprintf("%.0f%% · %s · fix: %s · %s", d.Confidence*100, d.Category, d.FixKind, by)
	if d.DroppedClaims > 0 {
		out += fmt.Sprintf(" · %s dropped for want of evidence", count(d.DroppedClaims, "claim", "claims"))
	}
	if d.Degraded != "" {
		out += " · without the model: " + incident.PrintableLine(d.Degraded)
	}
	return out
}

func place(c *incident.Culprit) string {
	out := c.File
	if c.Line > 0 {
		out += fmt.Sprintf(":%d", c.Line)
	}
	switch {
	case c.Function == "":
		return out
	case out == "":
		return c.Function
	}
	return out + " in " + c.Function
}

func where(file string, line int64) string {
	file = incident.PrintableLine(file)
	if line > 0 {
		return fmt.Sprintf("%s:%d", file, line)
	}
	return file
}

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05Z") }

func ifFirst(n int, label string) string {
	if n == 0 {
		return label
	}
	return ""
}

func firstLine(s string) string {
	s, _, _ = strings.Cut(s, "\n")
	return s
}

// clip cuts s to n characters.
func clip(s string, n int) string {
	if utf8.RuneCountInString(s) <= n {
		return s
	}
	return string([]rune(s)[:n]) + "…"
}

// count gives "1 error" or "1,234 errors".
func count[N int | int64](n N, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return thousands(int64(n)) + " " + many
}

// wrap breaks text at spaces into lines of at most width characters; a longer word has a line of its own.
func wrap(text string, width int) []string {
	var lines []string
	var line strings.Builder
	n := 0
	for _, word := range strings.Fields(text) {
		w := utf8.RuneCountInString(word)
		if n > 0 && n+1+w > width {
			lines = append(lines, line.String())
			line.Reset()
			n = 0
		}
		if n > 0 {
			line.WriteByte(' ')
			n++
		}
		line.WriteString(word)
		n += w
	}
	if n > 0 || len(lines) == 0 {
		lines = append(lines, line.String())
	}
	return lines
}
