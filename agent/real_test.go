package agent

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/logwright/logwright/agent/config"
	"github.com/logwright/logwright/agent/incident"
)

// realManifest is what scripts/real-logs writes beside a log of real software: what it provoked, counted while it provoked it.
type realManifest struct {
	Log      string         `json:"log"`
	Software string         `json:"software"`
	Service  string         `json:"service"` // "" for the file's stem, "*" for any
	Timed    bool           `json:"timed"`   // every event found has a time, within From and Until
	From     time.Time      `json:"from"`
	Until    time.Time      `json:"until"`
	Events   []realProvoked `json:"events"`
}

// realProvoked is one thing that was done, and what stands in the log because of it. Texts with "|" between are alternatives.
type realProvoked struct {
	Kind    string `json:"kind"`
	Problem bool   `json:"problem"`
	Either  bool   `json:"either"` // one may take it for a problem or not, and for a part of the event it comes with
	Count   int    `json:"count"`  // of events that look like this; 0 is 1
	// Holds are texts that all stand in one event and in no other: the beginning of a trace, its end, and what tells it from others.
	Holds     []string `json:"holds"`
	Severity  string   `json:"severity"`  // exactly; else a problem is an error at least
	Exception string   `json:"exception"` // the innermost one
	Text      string   `json:"text"`      // stands in the exception's message
	Message   string   `json:"message"`
	Frame     string   `json:"frame"` // is part of the name of a function of the stack
	Logger    string   `json:"logger"`
	Thread    string   `json:"thread"`
	PID       string   `json:"pid"`
	Host      string   `json:"host"`
	HTTP      int      `json:"http"`
	Untimed   bool     `json:"untimed"` // it bears no time though the others do
}

// realKnown are the differences between what was provoked and what is found that are known, by log and kind, each with its
// reason. One that is no difference any more fails the test, so that the list stays true.
var realKnown = map[string]string{}

// traceRest is how a line of a stack trace looks that was left out of its event.
var traceRest = regexp.MustCompile(`^(\s+at \S+[ (]|\s+File ".*", line \d|Traceback \(most recent|Caused by: |\s+\.\.\. \d+ more|goroutine \d+ \[|\tfrom |#\d+ \S+\.php|DETAIL:|HINT:|STATEMENT:)`)

// TestRealLogs reads logs that real software wrote while problems were provoked in it, and compares what is found with what was
// provoked. `make real-logs` runs it on logs made anew.
func TestRealLogs(t *testing.T) {
	dir := os.Getenv("LOGWRIGHT_REAL_LOGS")
	fresh := dir != ""
	if !fresh {
		dir = filepath.Join("..", "collectors", "events", "testdata", "real")
	}
	manifests, err := filepath.Glob(filepath.Join(dir, "*.json"))
	if err != nil || len(manifests) == 0 {
		t.Fatalf("no manifest in %s: %v", dir, err)
	}
	differ, read, there := map[string][]string{}, map[string]bool{}, map[string]bool{}
	for _, path := range manifests {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		var m realManifest
		d := json.NewDecoder(bytes.NewReader(b))
		d.DisallowUnknownFields()
		if err := d.Decode(&m); err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		there[m.Log] = true
		t.Run(m.Log, func(t *testing.T) {
			read[m.Log] = true
			c := &realCheck{m: &m}
			c.differ = func(kind, format string, a ...any) {
				c.differs = true
				differ[m.Log+": "+kind] = append(differ[m.Log+": "+kind], fmt.Sprintf(format, a...))
			}
			c.run(t, filepath.Join(dir, m.Log))
			for key, what := range differ {
				if strings.HasPrefix(key, m.Log+": ") && realKnown[key] == "" {
					t.Errorf("%s: %d times, the first:\n%s", key, len(what), what[0])
				}
			}
		})
	}
	for key, why := range realKnown {
		// Freshly made logs need not have all of it: what threads do at once comes out a little different each time.
		if log, _, _ := strings.Cut(key, ": "); !fresh && (read[log] && differ[key] == nil || !there[log]) {
			t.Errorf("%q is no difference any more, strike it off: %s", key, why)
		}
	}
}

type realCheck struct {
	m      *realManifest
	differ func(kind, format string, a ...any)
	events []incident.Record
	claims []int // how many things provoked were found in each event
	// differs says that something was found to differ.
	differs bool
}

func (c *realCheck) run(t *testing.T, path string) {
	o := &OneShot{Config: config.Default(), Files: []string{path}}
	if err := o.Explain(t.Context(), func(x Explained) error {
		c.events = append(c.events, *x.Record.Clone())
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	c.claims = make([]int, len(c.events))
	c.lines(t, path)
	problems := 0
	for i := range c.m.Events {
		p := &c.m.Events[i]
		if !p.Either {
			c.find(p)
		}
		if p.Problem && !p.Either {
			problems += max(p.Count, 1)
		}
	}
	for i := range c.m.Events {
		if p := &c.m.Events[i]; p.Either {
			problems += c.find(p)
		}
	}
	c.rest()
	r, err := o.Diagnose(t.Context(), Asking{})
	if err != nil {
		t.Fatal(err)
	}
	told := r.Omitted.Events
	for i := range r.Incidents {
		told += r.Incidents[i].Events
	}
	// Where something else differs, the sum does too, and says no more.
	if told != int64(problems) && !c.differs {
		c.differ("problems", "%d problems were provoked, the incidents have %d", problems, told)
	}
}

// lines looks that each line of the log is in exactly one event, and unchanged.
func (c *realCheck) lines(t *testing.T, path string) {
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	all := strings.Split(strings.TrimSuffix(string(b), "\n"), "\n")
	seen := make([]int, len(all)+1)
	for i := range c.events {
		e := &c.events[i]
		numbers := e.Lines
		if numbers == nil {
			for n := e.FirstLine; n <= e.LastLine; n++ {
				numbers = append(numbers, n)
			}
		}
		for k, raw := range strings.Split(e.Raw, "\n") {
			if k >= len(numbers) || numbers[k] > int64(len(all)) {
				t.Fatalf("an event has more lines than numbers, or than there are: %d, %v", len(strings.Split(e.Raw, "\n")), e.Lines)
			}
			seen[numbers[k]]++
			if raw != strings.TrimSuffix(all[numbers[k]-1], "\r") && !e.Truncated {
				t.Errorf("line %d is %q, its event has %q", numbers[k], all[numbers[k]-1], raw)
			}
		}
	}
	for n, times := range seen[1:] {
		if times != 1 && all[n] != "" {
			t.Errorf("line %d is in %d events: %q", n+1, times, all[n])
		}
	}
}

// find looks for the events of one thing that was provoked, and gives how many were taken for problems where that is a matter of
// taste.
func (c *realCheck) find(p *realProvoked) (taken int) {
	want, found := max(p.Count, 1), 0
	for i := range c.events {
		e := &c.events[i]
		if slices.ContainsFunc(p.Holds, func(s string) bool { return !strings.Contains(e.Raw, s) }) {
			continue
		}
		found++
		if p.Either && c.claims[i] > 0 {
			continue
		}
		c.claims[i]++
		if c.claims[i] > 1 {
			c.differ(p.Kind, "%q is in an event that is another's already:\n%s", p.Holds, brief(e.Raw))
		}
		c.read(p, e)
		if p.Either && e.Severity >= incident.SeverityError {
			taken++
		}
	}
	if found != want {
		c.differ(p.Kind, "%d events have %q, not %d; with the last of them are:\n%s", found, p.Holds, want, c.holding(p.Holds))
	}
	return taken
}

// holding shows the events that have some of the texts, to see where they went.
func (c *realCheck) holding(texts []string) string {
	var b strings.Builder
	for i := range c.events {
		if e := &c.events[i]; b.Len() < 6000 && slices.ContainsFunc(texts, func(s string) bool { return strings.Contains(e.Raw, s) && strings.ContainsAny(s, "0123456789") }) {
			fmt.Fprintf(&b, "--- %d-%d %v %s\n%s\n", e.FirstLine, e.LastLine, e.Lines, e.Severity, brief(e.Raw))
		}
	}
	return b.String()
}

// brief shows an event's beginning and its end.
func brief(raw string) string {
	lines := strings.Split(raw, "\n")
	if len(lines) > 12 {
		lines = slices.Concat(lines[:6], []string{fmt.Sprintf("... %d lines ...", len(lines)-12)}, lines[len(lines)-6:])
	}
	for i := range lines {
		lines[i] = lines[i][:min(len(lines[i]), 300)]
	}
	return strings.Join(lines, "\n")
}

// read compares what was read of an event with what was provoked.
func (c *realCheck) read(p *realProvoked, e *incident.Record) {
	worse := e.Severity >= incident.SeverityError
	switch {
	case p.Either:
	case p.Severity != "" && !slices.Contains(strings.Split(p.Severity, "|"), e.Severity.String()):
		c.differ(p.Kind, "severity %s, not %s:\n%s", e.Severity, p.Severity, brief(e.Raw))
	case p.Problem != worse:
		c.differ(p.Kind, "severity %s:\n%s", e.Severity, brief(e.Raw))
	}
	frames := make([]string, len(e.Frames))
	for i := range e.Frames {
		frames[i] = e.Frames[i].Function
	}
	// What a field says of the error may stand behind the message.
	message := strings.TrimSuffix(e.Message, ": "+e.ExceptionMessage)
	text := ""
	if p.Text != "" && !slices.ContainsFunc(strings.Split(p.Text, "|"), func(s string) bool { return strings.Contains(e.ExceptionMessage, s) }) {
		text = p.Text
	}
	frame := ""
	if p.Frame != "" && !slices.ContainsFunc(strings.Split(p.Frame, "|"), func(s string) bool {
		return slices.ContainsFunc(frames, func(f string) bool { return strings.Contains(f, s) })
	}) {
		frame = p.Frame
	}
	for _, x := range []struct{ what, name, want, got string }{
		{p.Kind, "exception", p.Exception, e.Exception}, {p.Kind, "text of the exception without", text, ""}, {p.Kind, "stack without", frame, ""},
		// A header is read well or not, whatever is told behind it.
		{"message", "message", p.Message, message}, {"logger", "logger", p.Logger, e.Logger}, {"thread", "thread", p.Thread, e.Thread},
		{"pid", "pid", p.PID, e.PID}, {"host", "host", p.Host, e.Host},
	} {
		if x.want != "" && !slices.Contains(strings.Split(x.want, "|"), x.got) {
			c.differ(x.what, "%s %q, not %q; exception %q %q, frames %q:\n%s", x.name, x.got, x.want, e.Exception, e.ExceptionMessage, frames, brief(e.Raw))
		}
	}
	if p.HTTP != 0 && e.HTTPStatus != p.HTTP {
		c.differ("status", "HTTP status %d, not %d:\n%s", e.HTTPStatus, p.HTTP, brief(e.Raw))
	}
	service := c.m.Service
	if service == "" {
		service = strings.TrimSuffix(c.m.Log, ".log")
	}
	if service != "*" && !slices.Contains(strings.Split(service, "|"), e.Service) {
		c.differ("service", "%q, not %q:\n%s", e.Service, service, brief(e.Raw))
	}
	// A log may write no more than seconds.
	if c.m.Timed && !p.Untimed && (e.Time.Before(c.m.From.Truncate(time.Second)) || e.Time.After(c.m.Until.Add(time.Second))) {
		c.differ(p.Kind+": time", "time %v is not between %v and %v:\n%s", e.Time, c.m.From, c.m.Until, brief(e.Raw))
	}
}

// rest looks through what nothing provoked was found in.
func (c *realCheck) rest() {
	for i := range c.events {
		e := &c.events[i]
		switch {
		case c.claims[i] > 0:
		case e.Severity >= incident.SeverityError:
			c.differ("nothing provoked", "line %d is a problem:\n%s", e.FirstLine, brief(e.Raw))
		case traceRest.MatchString(e.Raw):
			c.differ("rest of a trace", "line %d stands alone:\n%s", e.FirstLine, brief(e.Raw))
		}
	}
}
