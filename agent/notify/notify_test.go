package notify

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/logwright/logwright/agent/incident"
	"github.com/logwright/logwright/agent/notify/fakeslack"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s: -want +got\n%s", path, diff)
	}
}

func TestStdout(t *testing.T) {
	for name, e := range cases() {
		t.Run(name, func(t *testing.T) {
			var b bytes.Buffer
			n, err := New(Config{Name: "out", Kind: KindStdout, Severity: "info"}, Options{Redact: redactTest, Stdout: &b})
			if err != nil {
				t.Fatal(err)
			}
			if err := n.Notify(t.Context(), e); err != nil {
				t.Fatal(err)
			}
			got := b.String()
			checkSafe(t, got)
			for i, line := range strings.Split(strings.TrimSuffix(got, "\n"), "\n") {
				if indented := strings.HasPrefix(line, "    "); indented != (i > 0) {
					t.Errorf("line %d breaks the block: %q", i, line)
				}
			}
			golden(t, "stdout-"+name+".golden", got)
		})
	}
}

func TestSlack(t *testing.T) {
	for name, e := range cases() {
		t.Run(name, func(t *testing.T) {
			fake := fakeslack.New(t)
			n, err := New(Config{Name: "chat", Kind: KindSlack, URL: fake.URL, Severity: "info"}, Options{Redact: redactTest})
			if err != nil {
				t.Fatal(err)
			}
			if err := n.Notify(t.Context(), e); err != nil {
				t.Fatal(err)
			}
			bodies := fake.Bodies()
			if len(bodies) != 1 {
				t.Fatalf("%d requests", len(bodies))
			}
			var b bytes.Buffer
			if err := json.Indent(&b, []byte(bodies[0]), "", "  "); err != nil {
				t.Fatal(err)
			}
			checkSafe(t, strings.ReplaceAll(b.String(), "\u2060", ""))
			golden(t, "slack-"+name+".golden", b.String()+"\n")
		})
	}
}

func checkSafe(t *testing.T, got string) {
	t.Helper()
	if strings.Contains(got, "hunter2") {
		t.Errorf("a secret left:\n%s", got)
	}
	if !utf8.ValidString(got) || incident.Printable(got) != got {
		t.Errorf("not printable: %q", got)
	}
}

// TestHostileStaysOut checks where strangers' text may stand in Slack's message: in text elements of rich text, and nowhere
// else.
func TestHostileStaysOut(t *testing.T) {
	for _, kind := range []incident.EventKind{incident.EventDiagnosed, incident.EventOpened, incident.EventResolved} {
		m := message(incident.Event{Kind: kind, At: t0, Incident: hostile()}, viewer{redactTest})
		if strings.Contains(m.Text, "evil") {
			t.Errorf("the fallback text quotes the log: %q", m.Text)
		}
		for _, b := range m.Blocks.BlockSet {
			if b.BlockType() == "rich_text" {
				continue
			}
			raw, err := json.Marshal(b)
			if err != nil {
				t.Fatal(err)
			}
			if s := string(raw); strings.Contains(s, "mrkdwn") || strings.Contains(s, "evil") || strings.Contains(s, "channel") {
				t.Errorf("%s", s)
			}
		}
	}
}

// TestLongIncident gives more of everything than fits.
func TestLongIncident(t *testing.T) {
	fill := strings.Repeat("ü😀<&>", 4000)
	i := hostile()
	i.Title, i.Service, i.Template = fill, fill, fill
	i.FlagReason = fill
	i.Diagnosis.Summary, i.Diagnosis.RootCause, i.Diagnosis.Degraded = fill, fill, fill
	for range 300 {
		i.Diagnosis.Evidence = append(i.Diagnosis.Evidence, incident.Evidence{Source: fill, Line: 1, Quote: fill})
		i.Diagnosis.NextSteps = append(i.Diagnosis.NextSteps, fill)
	}
	many := make([]incident.Incident, 500)
	for k := range many {
		many[k] = *i
	}
	fake := fakeslack.New(t)
	n, err := New(Config{Name: "chat", Kind: KindSlack, URL: fake.URL}, Options{Redact: redactTest})
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range []incident.Event{
		{Kind: incident.EventDiagnosed, Incident: i, Resend: true},
		{Kind: incident.EventStorm, Incident: i, Grouped: many, Text: fill},
		{Kind: incident.EventGap, Text: fill},
	} {
		if err := n.Notify(t.Context(), e); err != nil {
			t.Error(err)
		}
	}
}

// TestRedactedBeforeCut puts a secret across the place where the text is cut: cutting first would leave its beginning.
func TestRedactedBeforeCut(t *testing.T) {
	const secret = "hunter2"
	for at := maxText - 10; at < maxText+2; at++ {
		i := poolIncident()
		i.Template = strings.Repeat("a", at) + secret
		got := plain(incident.Event{Kind: incident.EventOpened, Incident: i}, viewer{redactTest})
		if strings.Contains(got, "hunt") {
			t.Fatalf("at %d the secret's beginning was left", at)
		}
	}
	// A secret of several lines is taken out as one.
	pem := "-----BEGIN KEY-----\nMIIB\n-----END KEY-----"
	i := poolIncident()
	i.Samples[0].Record.Raw = "x\n" + pem
	got := plain(incident.Event{Kind: incident.EventOpened, Incident: i}, viewer{func(s string) string { return strings.ReplaceAll(s, pem, "[key]") }})
	if strings.Contains(got, "MIIB") || !strings.Contains(got, "[key]") {
		t.Errorf("got\n%s", got)
	}
}

func TestSeverityFilter(t *testing.T) {
	warn := *poolIncident()
	warn.Severity = incident.SeverityWarning
	bad := *poolIncident()
	for _, tc := range []struct {
		name string
		e    incident.Event
		want []string // parts of the output; nil for none at all
	}{
		{"below", incident.Event{Kind: incident.EventOpened, Incident: &warn}, nil},
		{"at", incident.Event{Kind: incident.EventOpened, Incident: &bad}, []string{" opened error lw-"}},
		{"without incident", incident.Event{Kind: incident.EventGap, Text: "cut"}, []string{"cut"}},
		{"storm of both", incident.Event{Kind: incident.EventStorm, Incident: &warn, Grouped: []incident.Incident{bad, warn}, Text: "3 incidents opened"}, []string{" storm - - 1 incident\n"}},
		{"storm below", incident.Event{Kind: incident.EventStorm, Incident: &warn, Grouped: []incident.Incident{warn}}, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var b bytes.Buffer
			n, err := New(Config{Name: "out", Kind: KindStdout}, Options{Redact: redactTest, Stdout: &b})
			if err != nil {
				t.Fatal(err)
			}
			if err := n.Notify(t.Context(), tc.e); err != nil {
				t.Fatal(err)
			}
			if tc.want == nil && b.Len() > 0 {
				t.Errorf("told of:\n%s", b.String())
			}
			for _, w := range tc.want {
				if !strings.Contains(b.String(), w) {
					t.Errorf("%q is not in\n%s", w, b.String())
				}
			}
		})
	}
}

func TestValidate(t *testing.T) {
	ok := "https://hooks.slack.com/services/T/B/s3cr3t"
	for _, tc := range []struct {
		c    Config
		want []string
	}{
		{Config{Name: "a", Kind: "stdout"}, nil},
		{Config{Name: "a", Kind: "slack", URL: ok, Severity: "fatal"}, nil},
		{Config{Name: "a", Kind: "slack", URL: "http://127.0.0.1:80/x"}, nil},
		{Config{Name: "a", Kind: "slack", URL: "http://[::1]:80/x"}, nil},
		{Config{Kind: "email", Severity: "bad"}, []string{"name", "severity", "kind"}},
		{Config{Name: "a"}, []string{"kind"}},
		{Config{Name: "a", Kind: "stdout", URL: ok}, []string{"url"}},
		{Config{Name: "a", Kind: "slack"}, []string{"url"}},
		{Config{Name: "a", Kind: "slack", URL: "http://hooks.slack.com/services/T/B/s3cr3t"}, []string{"url"}},
		{Config{Name: "a", Kind: "slack", URL: "http://localhost.evil.example/s3cr3t"}, []string{"url"}},
		{Config{Name: "a", Kind: "slack", URL: "http://10.0.0.1/s3cr3t"}, []string{"url"}},
		{Config{Name: "a", Kind: "slack", URL: "file:///s3cr3t"}, []string{"url"}},
		{Config{Name: "a", Kind: "slack", URL: "https:s3cr3t"}, []string{"url"}},
		{Config{Name: "a", Kind: "slack", URL: "https://u:s3cr3t@hooks.slack.com/x"}, []string{"url"}},
		{Config{Name: "a", Kind: "slack", URL: "://s3cr3t"}, []string{"url"}},
	} {
		var got []string
		for _, p := range tc.c.Validate() {
			got = append(got, p.Path)
			if strings.Contains(p.Message+p.Hint, "s3cr3t") {
				t.Errorf("the secret is in %+v", p)
			}
		}
		if fmt.Sprint(got) != fmt.Sprint(tc.want) {
			t.Errorf("%+v: %v, want %v", tc.c, got, tc.want)
		}
		_, err := New(tc.c, Options{Redact: redactTest, Stdout: &bytes.Buffer{}})
		if (err != nil) != (len(tc.want) > 0) {
			t.Errorf("New: %v", err)
		}
		if err != nil && strings.Contains(err.Error(), "s3cr3t") {
			t.Errorf("the secret is in %v", err)
		}
	}
	if _, err := New(Config{Name: "a", Kind: "stdout"}, Options{Stdout: &bytes.Buffer{}}); err == nil {
		t.Error("a notifier without redaction was made")
	}
	if _, err := New(Config{Name: "a", Kind: "stdout"}, Options{Redact: redactTest}); err == nil {
		t.Error("a notifier without output was made")
	}
}

type brokenWriter struct{}

func (brokenWriter) Write([]byte) (int, error) { return 0, os.ErrClosed }

func TestStdoutErrors(t *testing.T) {
	n, err := New(Config{Name: "out", Kind: KindStdout}, Options{Redact: redactTest, Stdout: brokenWriter{}})
	if err != nil {
		t.Fatal(err)
	}
	if err := n.Notify(context.Background(), incident.Event{Kind: incident.EventGap, Text: "x"}); err == nil {
		t.Error("a write that failed was not reported")
	}
}

func TestCut(t *testing.T) {
	for _, tc := range []struct {
		in   string
		n    int
		want string
	}{
		{"abc", 3, "abc"}, {"abcd", 3, "ab…"}, {"ü", 1, "ü"}, {"üü", 1, "…"}, {"😀😀", 4, "😀😀"}, {"😀😀", 3, "😀…"}, {"a😀b", 3, "a…"}, {"", 0, ""},
	} {
		if got := cut(tc.in, tc.n); got != tc.want {
			t.Errorf("cut(%q, %d) = %q, want %q", tc.in, tc.n, got, tc.want)
		}
	}
}

// Of an incident that got worse only those are told who have not heard of it: whose severity it newly reaches.
func TestWorseIsToldToThoseWhoseSeverityItReaches(t *testing.T) {
	const warning, bad, fatal = incident.SeverityWarning, incident.SeverityError, incident.SeverityFatal
	for _, tc := range []struct {
		least    string
		was, now incident.Severity
		told     bool
	}{
		{"warning", warning, bad, false}, {"warning", bad, fatal, false}, {"warning", incident.SeverityInfo, warning, true},
		{"error", warning, bad, true}, {"", warning, bad, true}, {"error", warning, fatal, true}, {"error", bad, fatal, false},
		{"fatal", warning, bad, false}, {"fatal", warning, fatal, true}, {"fatal", bad, fatal, true},
	} {
		t.Run(fmt.Sprintf("%s from %s to %s", tc.least, tc.was, tc.now), func(t *testing.T) {
			var b bytes.Buffer
			n, err := New(Config{Name: "out", Kind: KindStdout, Severity: tc.least}, Options{Redact: redactTest, Stdout: &b})
			if err != nil {
				t.Fatal(err)
			}
			inc, other := diagnosed(), diagnosed()
			inc.Severity, other.Severity, other.ID = tc.now, tc.now, "lw-aaaaaaaaaaaa.1"
			worse := incident.Event{Kind: incident.EventWorse, Incident: inc, Was: tc.was}
			for _, e := range []incident.Event{worse, Group([]incident.Event{worse, {Kind: incident.EventWorse, Incident: other, Was: tc.now}}, 1)[0]} {
				b.Reset()
				if err := n.Notify(t.Context(), e); err != nil {
					t.Fatal(err)
				}
				if told := strings.Contains(b.String(), inc.ID); told != tc.told {
					t.Errorf("%s: told is %v, want %v:\n%s", e.Kind, told, tc.told, b.String())
				}
			}
		})
	}
}

// FuzzMessage puts a stranger's text everywhere it can get, and holds the message to Slack's rules.
func FuzzMessage(f *testing.F) {
	f.Add("*b* <!channel> \x1b[0m \u202e", uint8(3))
	f.Add(strings.Repeat("&<>", 500), uint8(40))
	f.Add("\xff\x00\r\n```", uint8(0))
	f.Fuzz(func(t *testing.T, s string, n uint8) {
		i := hostile()
		i.Service, i.Template, i.Title, i.FlagReason, i.Release.Version = s, s, s, s, s
		i.Samples[0].Record.Raw, i.Samples[0].Record.File = s, s
		d := i.Diagnosis
		d.Summary, d.RootCause, d.Degraded, d.Source, d.Culprit.File, d.Culprit.Function = s, s, s, s, s, s
		d.Evidence[0].Quote, d.NextSteps[0], d.Confidence = s, s, float64(n)-3
		if n%2 == 0 {
			i.Diagnosis = nil
		}
		e := incident.Event{ID: s, Kind: incident.EventKind(s), At: t0, Incident: i, Text: s}
		if n%3 == 0 {
			e.Kind = incident.EventStorm
			for range n {
				e.Grouped = append(e.Grouped, *i)
			}
		}
		v := viewer{redactTest}
		body, err := json.Marshal(message(e, v))
		if err != nil {
			t.Fatal(err)
		}
		if ps := fakeslack.Check(body); len(ps) > 0 {
			t.Fatalf("%q\n%s", ps, body)
		}
		if got := plain(e, v); incident.Printable(got) != got {
			t.Fatalf("not printable: %q", got)
		}
	})
}
