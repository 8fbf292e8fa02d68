package main

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/logwright/logwright/agent"
	"github.com/logwright/logwright/agent/incident"
	"github.com/logwright/logwright/collectors/events"
)

const explainLong = `Shows how each line was read: which lines were joined to one event, what was found in its
header (time, severity, format), the frames of its stack, and the cluster and template it
belongs to at the end of the input. Events below the threshold are shown too, so that every
line of the input stands in exactly one event.

--steps says for each event what each step did, why, and what in agent.yaml would change it:

  transport   what containers and syslog put around the line
  format      json, logfmt, ..., text
  header      time, host, pid, thread, level, logger; by what was learned of the source
  joining     why each further line belongs to it, and why the next one does not
  severity    by a level, or by which word
  stack       the exception, and the frames that it is known again by
  message     what is variable in it, and by which rule
  cluster     its id, and what was merged into it
  service     by the operator's match, the unit or the file
  trigger     whether it would open an incident

--failures shows only events where a step failed (✗) or guessed (?), and counts them by kind;
that is no error: the exit code is 0.

Files are read twice, as a whole, also where --line asks for a few lines only; standard
input is spooled to a temporary file. With -o json there is one object a line.`

const explainExample = `  logwright explain app.log | less
  logwright explain --steps --line 17 app.log
  logwright explain --log '2026-03-01 10:00:01 ERROR request failed'
  logwright explain --failures /var/log/app/*.log
  logwright explain --failures --event-start '^\d{4}-' app.log    # would that help?
  logwright explain -o json app.log | jq -r 'select(.severity == "error") | .template' | sort | uniq -c`

// explainFlags are the flags of explain.
type explainFlags struct {
	steps, verbose, failures bool
	lines, log               string
	format, start            string
}

func (a *app) explainCommand() *cobra.Command {
	var f explainFlags
	cmd := &cobra.Command{
		Use:     "explain FILE...",
		Short:   "Show how each line was joined, read and clustered, and why",
		Long:    explainLong,
		Example: explainExample,
		RunE: func(cmd *cobra.Command, files []string) error {
			given := cmd.Flags().Changed("log")
			switch {
			case given && len(files) > 0:
				return hint(usagef("--log and a file"), "one of them: --log 'TEXT' explains a line that is given, FILE those of a file")
			case !given && len(files) == 0:
				return hint(usagef("requires at least 1 file, or --log"), "usage: %s", cmd.UseLine())
			}
			return a.explain(cmd, &f, files, given)
		},
	}
	flags := cmd.Flags()
	flags.BoolVarP(&f.steps, "steps", "v", false, "say what each step did, why, and what would change it")
	flags.BoolVar(&f.verbose, "verbose", false, "the same as --steps")
	_ = flags.MarkHidden("verbose")
	flags.BoolVar(&f.failures, "failures", false, "only events where a step failed or guessed, and how many of each kind there are")
	flags.StringVar(&f.lines, "line", "", "only the events that these lines belong to: 17 or 17,20-25")
	flags.StringVar(&f.log, "log", "", "explain this text instead of a file")
	flags.StringVar(&f.format, "format", "", "read as this format, as sources[].format of agent.yaml would")
	flags.StringVar(&f.start, "event-start", "", "the expression that begins an event, as sources[].event_start would be")
	return cmd
}

func (a *app) explain(cmd *cobra.Command, f *explainFlags, files []string, given bool) error {
	lines, err := parseLines(f.lines)
	if err != nil {
		return err
	}
	for _, p := range (events.Config{Format: f.format, EventStart: f.start}).Validate() {
		return hint(usagef("--%s: %s", strings.ReplaceAll(p.Path, "_", "-"), p.Message), "%s", p.Hint)
	}
	cfg, err := a.oneShot()
	if err != nil {
		return err
	}
	steps := f.steps || f.verbose
	o := &agent.OneShot{
		Config: cfg, Files: files, Stdin: a.in, Format: f.format, EventStart: f.start, Steps: steps || f.failures || given,
	}
	if given {
		o.Files, o.Stdin = []string{agent.Stdin}, strings.NewReader(strings.TrimRight(f.log, "\n")+"\n")
		steps = steps || !f.failures && a.output == "human"
	}
	p := newPage(a.out)
	emit := p.explained
	switch {
	case a.output == "json":
		e := newJSON(p.w)
		emit = func(x agent.Explained) error {
			doc := newExplainDocument(&x)
			if steps || f.failures {
				doc.Steps = newStepDocuments(x.Steps())
			}
			return e.Encode(doc)
		}
	case steps || f.failures:
		emit = func(x agent.Explained) error { return p.tree(&x, !steps) }
	}
	var told tally
	err = o.Explain(cmd.Context(), func(x agent.Explained) error {
		if !lines.has(&x.Record) {
			return nil
		}
		if f.failures && !told.add(x.Record.Steps) {
			return nil
		}
		return emit(x)
	})
	if f.failures && err == nil {
		if a.output == "json" { // every line of the output is an event
			fmt.Fprintln(a.err, told.String())
		} else {
			p.line("%s", told.String())
		}
	}
	if flushErr := p.w.Flush(); err == nil {
		err = flushErr
	}
	return unreadable(err)
}

// lineRanges are the lines that --line names; none means all.
type lineRanges [][2]int64

func parseLines(s string) (lineRanges, error) {
	var out lineRanges
	if s == "" {
		return nil, nil
	}
	for part := range strings.SplitSeq(s, ",") {
		from, to, ranged := strings.Cut(strings.TrimSpace(part), "-")
		if !ranged {
			to = from
		}
		a, err := strconv.ParseInt(from, 10, 64)
		b := int64(math.MaxInt64)
		var other error
		if to != "" || !ranged {
			b, other = strconv.ParseInt(to, 10, 64)
		}
		if err = errors.Join(err, other); err != nil || a < 1 || b < a {
			return nil, hint(usagef("--line: %q is no line and no range of lines", part), "lines are counted from 1: --line 17, --line 17,20-25, --line 100-")
		}
		out = append(out, [2]int64{a, b})
	}
	return out, nil
}

// has says whether r has one of the lines.
func (l lineRanges) has(r *incident.Record) bool {
	if len(l) == 0 {
		return true
	}
	for _, x := range l {
		if len(r.Lines) > 0 {
			if slices.ContainsFunc(r.Lines, func(n int64) bool { return n >= x[0] && n <= x[1] }) {
				return true
			}
		} else if r.FirstLine <= x[1] && r.LastLine >= x[0] {
			return true
		}
	}
	return false
}

// tally counts events by what failed or was guessed.
type tally struct {
	events, failed int64
	kinds          []string
	of             map[string]int64
}

// add counts one event and says whether a step of it failed or guessed.
func (t *tally) add(steps []incident.Step) bool {
	t.events++
	seen := map[string]bool{}
	for i := range steps {
		if kind := steps[i].Problem; kind != "" && !seen[kind] {
			seen[kind] = true
			if t.of == nil {
				t.of = map[string]int64{}
			}
			if t.of[kind]++; t.of[kind] == 1 {
				t.kinds = append(t.kinds, kind)
			}
		}
	}
	if len(seen) == 0 {
		return false
	}
	t.failed++
	return true
}

func (t *tally) String() string {
	if t.failed == 0 {
		return "No step failed or guessed in " + count(t.events, "event", "events") + "."
	}
	slices.SortStableFunc(t.kinds, func(a, b string) int { return int(min(max(t.of[b]-t.of[a], -1), 1)) })
	kinds := make([]string, len(t.kinds))
	for i, k := range t.kinds {
		kinds[i] = k + ": " + thousands(t.of[k])
	}
	return fmt.Sprintf("A step failed or guessed in %s of %s. %s.", thousands(t.failed), count(t.events, "event", "events"), strings.Join(kinds, ", "))
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
	// Steps is there where it was asked for.
	Steps []stepDocument `json:"steps,omitempty"`
}

type stepDocument struct {
	Stage   string              `json:"stage"`
	Result  incident.StepResult `json:"result"`
	Problem string              `json:"problem,omitempty"`
	Detail  string              `json:"detail"`
	Because string              `json:"because"`
	Change  string              `json:"change"`
}

func newExplainDocument(x *agent.Explained) explainDocument {
	r := &x.Record
	return explainDocument{
		File: r.File, FirstLine: r.FirstLine, LastLine: r.LastLine, Lines: r.Lines, Time: timeOrNull(r.Time), Severity: r.Severity,
		Service: r.Service, Format: r.Format, Message: r.Message, Frames: orEmpty(r.Frames), Cluster: x.Cluster, Template: x.Template,
	}
}

func newStepDocuments(steps []incident.Step) []stepDocument {
	out := make([]stepDocument, len(steps))
	for i, s := range steps {
		out[i] = stepDocument(s)
	}
	return out
}
