package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/logwright/logwright/agent"
	"github.com/logwright/logwright/agent/incident"
)

const explainLong = `Shows how each line was read: which lines were joined to one event, what was found in its
header (time, severity, format), the frames of its stack, and the cluster and template it
belongs to at the end of the input. Events below the threshold are shown too, so that every
line of the input stands in exactly one event.

Files are read twice; standard input is spooled to a temporary file. With -o json there is
one object a line.`

const explainExample = `  logwright explain app.log | less
  logwright explain -o json app.log | jq -r 'select(.severity == "error") | .template' | sort | uniq -c`

func (a *app) explainCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "explain FILE...",
		Short:   "Show how each line was joined, read and clustered",
		Long:    explainLong,
		Example: explainExample,
		Args:    args(cobra.MinimumNArgs(1)),
		RunE: func(cmd *cobra.Command, files []string) error {
			cfg, err := a.oneShot()
			if err != nil {
				return err
			}
			o := &agent.OneShot{Config: cfg, Files: files, Stdin: a.in}
			p := newPage(a.out)
			emit := p.explained
			if a.output == "json" {
				e := newJSON(p.w)
				emit = func(x agent.Explained) error { return e.Encode(newExplainDocument(&x)) }
			}
			err = o.Explain(cmd.Context(), emit)
			if flushErr := p.w.Flush(); err == nil {
				err = flushErr
			}
			return unreadable(err)
		},
	}
}

// explainDocument is one line of `explain -o json`: docs/schemas/explain-1.json.
type explainDocument struct {
	File      string `json:"file"`
	FirstLine int64  `json:"first_line"`
	LastLine  int64  `json:"last_line"`
	// Lines has every line where they are not contiguous: writers interleave.
	Lines    []int64           `json:"lines,omitempty"`
	Time     *time.Time        `json:"time"`
	Severity incident.Severity `json:"severity"`
	Service  string            `json:"service"`
	Format   string            `json:"format"`
	Message  string            `json:"message"`
	Frames   []incident.Frame  `json:"frames"`
	Cluster  string            `json:"cluster"`
	Template string            `json:"template"`
}

func newExplainDocument(x *agent.Explained) explainDocument {
	r := &x.Record
	return explainDocument{
		File: r.File, FirstLine: r.FirstLine, LastLine: r.LastLine, Lines: r.Lines, Time: timeOrNull(r.Time), Severity: r.Severity,
		Service: r.Service, Format: r.Format, Message: r.Message, Frames: orEmpty(r.Frames), Cluster: x.Cluster, Template: x.Template,
	}
}

// explained writes one event for people: its lines as they stood, and under them what was made of them.
func (p *page) explained(x agent.Explained) error {
	r := &x.Record
	lines := fmt.Sprint(r.FirstLine)
	if r.LastLine > r.FirstLine {
		lines = fmt.Sprintf("%d-%d", r.FirstLine, r.LastLine)
	}
	if n := len(r.Lines); n > 0 {
		lines = fmt.Sprintf("%d…%d, %d lines between others", r.Lines[0], r.Lines[n-1], n)
	}
	p.line("%s", p.strong(fmt.Sprintf("%s:%s", incident.PrintableLine(r.File), lines)))
	for l := range strings.SplitSeq(r.Raw, "\n") {
		p.line("  | %s", clip(incident.PrintableLine(l), 500))
	}
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
