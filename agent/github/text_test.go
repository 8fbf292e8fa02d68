package github

import (
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/logwright/logwright/agent/incident"
)

var update = flag.Bool("update", false, "write the golden files anew")

func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-update writes it anew):\n%s", file, diff)
	}
}

// plainProposal is one that needs no git.
func plainProposal() incident.Proposal {
	s := &site{bare: "/srv/api.git", base: strings.Repeat("a", 40)}
	return s.described(1, 1, strings.Repeat("b", 40), "/var/lib/logwright/objects.git", []string{"bin/run", "src/app.py", "tests/test_app.py"})
}

func TestDescribe(t *testing.T) {
	good := plainProposal()
	golden(t, "proven.md", describe(&good, redact))

	authored := plainProposal()
	authored.Facts.Source = "authored"
	authored.Change.Reproduced = false
	golden(t, "authored.md", describe(&authored, redact))

	bare := plainProposal()
	bare.Account, bare.Change.Checks, bare.Change.Verified = nil, nil, false
	bare.Facts.Source, bare.Facts.Flagged, bare.Facts.Events = incident.SourceOffline, true, 1
	golden(t, "bare.md", describe(&bare, redact))
}

func TestProvenBy(t *testing.T) {
	check := func(stage string, exit int, reason string) incident.Check {
		return incident.Check{Stage: stage, Exit: exit, Reason: reason}
	}
	red, green := check(incident.StageReproduce, 1, ""), check(incident.StagePatched, 0, "")
	for name, c := range map[string]struct {
		change incident.Change
		want   proof
	}{
		"red and green":           {incident.Change{Verified: true, Reproduced: true, Tests: []string{"t"}, Checks: []incident.Check{red, green}}, provenFix},
		"no tests of its own":     {incident.Change{Verified: true, Reproduced: true, Checks: []incident.Check{red, green}}, provenPasses},
		"red is only claimed":     {incident.Change{Verified: true, Reproduced: true, Tests: []string{"t"}, Checks: []incident.Check{green}}, provenPasses},
		"a timeout is not red":    {incident.Change{Verified: true, Reproduced: true, Tests: []string{"t"}, Checks: []incident.Check{check(incident.StageReproduce, -1, "timeout"), green}}, provenPasses},
		"not claimed":             {incident.Change{Verified: true, Tests: []string{"t"}, Checks: []incident.Check{red, green}}, provenPasses},
		"one of two fails":        {incident.Change{Verified: true, Reproduced: true, Tests: []string{"t"}, Checks: []incident.Check{red, green, check(incident.StagePatched, 1, "")}}, provenNothing},
		"green is only claimed":   {incident.Change{Verified: true, Reproduced: true, Tests: []string{"t"}, Checks: []incident.Check{red}}, provenNothing},
		"green is not claimed":    {incident.Change{Reproduced: true, Tests: []string{"t"}, Checks: []incident.Check{red, green}}, provenNothing},
		"passed, but was stopped": {incident.Change{Verified: true, Checks: []incident.Check{check(incident.StagePatched, 0, "memory")}}, provenNothing},
	} {
		if got := provenBy(&c.change); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

// hostile is all that a stranger may try in one text.
const hostile = "@ada fixes #1, GH-2, acme/api#3, closes https://github.com/acme/api/issues/4 [skip ci] [ci skip] ***NO_CI*** skip-checks: true\n" +
	"/approve\n  /close\n!deploy\n```\nout of the fence\n````\n# heading\n> quote\n- item\n1. one\n===\n<img src=https://evil.example/p.gif><script>x</script>\n" +
	"![p](https://evil.example/p.png) [click](http://evil.example) www.evil.example\n<!-- logwright: cluster=lw-x incident=lw-x.1 proposal=p-00000000000000000000000000 -->\n" +
	"</details></pre>\n| a | b |\n|---|---|\nCo-authored-by: Eve <eve@evil.example>\n\u202egpj.exe \x1b[31mred\r\nhunter2secret &lt;b&gt; $x$ `code` *b* _i_ ~s~"

// TestHostile puts it everywhere.
func TestHostile(t *testing.T) {
	p := plainProposal()
	p.Title, p.Service, p.Why, p.Facts.Source = hostile, hostile, hostile, hostile
	a := p.Account
	a.Summary, a.RootCause, a.Evidence[0].Source, a.Evidence[0].Quote = hostile, hostile, hostile, hostile
	a.Culprit.File, a.Culprit.Function, a.Release.Version, a.NextSteps = hostile, hostile, hostile, []string{hostile, "```"}
	c := p.Change
	c.Explanation, c.Files, c.Tests = hostile, []string{hostile, "`", "``x", " "}, []string{hostile}
	for i := range c.Checks {
		c.Checks[i].Argv, c.Checks[i].Output, c.Checks[i].Reason, c.Checks[i].Stage = []string{"sh", "-c", hostile}, hostile, hostile, hostile
	}
	body := describe(&p, redact)
	safe(t, body)
	golden(t, "hostile.md", body)
	safe(t, seenAgain(&p, hostile, redact))
	if got := title(&p, redact); got != "Mend incident "+p.Incident {
		t.Errorf("title %q", got)
	}
	if got := proposalOf(body); got != p.ID {
		t.Errorf("the marker says %q", got)
	}
}

// safe reads Markdown as GitHub does, roughly: what stands outside of fences, code spans and escapes has to be our own.
func safe(t *testing.T, body string) {
	t.Helper()
	for _, bad := range []string{"hunter2", "\x1b", "\r", "\u202e", "@ada", "#1", "GH-2", "#3", "[skip ci]", "[ci skip]", "NO_CI", "skip-checks", "://", "www.", "Co-authored-by"} {
		if strings.Contains(body, bad) {
			t.Errorf("%q is in it", bad)
		}
	}
	fenceLine := regexp.MustCompile("^(`{3,})(.*)$")
	open := ""
	for i, line := range strings.Split(body, "\n") {
		if regexp.MustCompile(`^\s*[/!]`).MatchString(line) {
			t.Errorf("line %d is a command: %q", i+1, line)
		}
		m := fenceLine.FindStringSubmatch(line)
		switch {
		case open != "":
			if m != nil && len(m[1]) >= len(open) && strings.TrimSpace(m[2]) == "" {
				open = ""
			}
			continue
		case m != nil:
			open = m[1]
			if m[2] != "text" {
				t.Errorf("line %d opens a fence that is not ours: %q", i+1, line)
			}
			continue
		}
		rest := outside(line)
		for _, own := range []string{"<details><summary>The end of its output</summary>", "</details>"} {
			rest = strings.ReplaceAll(rest, own, "")
		}
		if !strings.HasPrefix(rest, "<!-- logwright: ") && strings.ContainsAny(strings.TrimPrefix(rest, "> "), "<>[]|`&$") {
			t.Errorf("line %d has markup of a stranger: %q", i+1, line)
		}
		if q, ok := strings.CutPrefix(rest, "> "); ok && regexp.MustCompile(`^([-+=#>]|[0-9]+[.)])`).MatchString(q) {
			t.Errorf("line %d is a block within a quote: %q", i+1, line)
		}
	}
	if open != "" {
		t.Error("a fence is never closed")
	}
	if n := strings.Count(body, "<!--"); n > 1 || n == 1 && !strings.HasSuffix(strings.TrimSpace(body), "-->") {
		t.Errorf("%d comments of HTML", n)
	}
}

// outside takes code spans and escaped characters out of a line.
func outside(line string) string {
	var b strings.Builder
	for i := 0; i < len(line); {
		switch {
		case line[i] == '\\' && i+1 < len(line):
			b.WriteByte('e') // what was escaped is a letter like any other
			i += 2
		case line[i] == '`':
			n := 1
			for i+n < len(line) && line[i+n] == '`' {
				n++
			}
			ticks, end := line[i:i+n], -1
			for j := i + n; j < len(line); {
				if line[j] != '`' {
					j++
					continue
				}
				m := 1
				for j+m < len(line) && line[j+m] == '`' {
					m++
				}
				if m == n {
					end = j + m
					break
				}
				j += m
			}
			if end < 0 {
				b.WriteString(ticks)
				i += n
				continue
			}
			i = end
		default:
			b.WriteByte(line[i])
			i++
		}
	}
	return b.String()
}

// TestBodyFits: however long all of it is, the description is within GitHub's limit and keeps its marker.
func TestBodyFits(t *testing.T) {
	for name, unit := range map[string]string{"plain": "word ", "escaped": "*#1@a<", "lines": "/x\n", "wide": "🔥", "ticks": "`"} {
		p := plainProposal()
		long := strings.Repeat(unit, 70_000/len(unit))
		p.Account.Summary, p.Account.RootCause, p.Change.Explanation, p.Service = long, long, long, long
		p.Account.NextSteps = slices.Repeat([]string{long}, 20)
		p.Account.Evidence = slices.Repeat([]incident.Evidence{{ID: "E1", Source: long, Quote: long}}, 300)
		p.Change.Files = slices.Repeat([]string{long}, 500)
		for i := range p.Change.Checks {
			p.Change.Checks[i].Output, p.Change.Checks[i].Argv = long, []string{long}
		}
		p.Change.Checks = slices.Repeat(p.Change.Checks, 50)
		body := describe(&p, redact)
		if len(body) > maxBody || proposalOf(body) != p.ID || !utf8.ValidString(body) {
			t.Errorf("%s: %d bytes, marker %q", name, len(body), proposalOf(body))
		}
		if !strings.Contains(body, "## What was run") {
			t.Errorf("%s: nothing is left of it:\n%s", name, body)
		}
		safe(t, body)
		p.Title = "Mend " + strings.Repeat("🔥", 400)
		if got := title(&p, redact); utf8.RuneCountInString(got) > maxTitle {
			t.Errorf("the title has %d characters", utf8.RuneCountInString(got))
		}
	}
}

// TestRedactedBeforeCut: a secret at the cut does not leave by halves.
func TestRedactedBeforeCut(t *testing.T) {
	w := &writer{redact: redact}
	for n := range 40 {
		s := strings.Repeat("x", n) + " hunter2secret tail"
		if got := w.clean(s, 20) + w.tail(s, 20); strings.Contains(got, "hunt") || strings.Contains(got, "secret") {
			t.Errorf("%d: %q", n, got)
		}
	}
}

func FuzzText(f *testing.F) {
	f.Add(hostile)
	f.Add("`")
	f.Add("a\n```\n")
	f.Add("1) x\n+ y")
	f.Fuzz(func(t *testing.T, s string) {
		p := plainProposal()
		p.Account.Summary, p.Account.Evidence[0].Quote, p.Account.Culprit.File, p.Change.Checks[1].Output = s, s, s, s
		body := describe(&p, redact)
		if proposalOf(body) != p.ID {
			t.Error("the marker is lost")
		}
		if strings.Contains(s, "\n") && len(s) > 4000 {
			return
		}
		structure(t, body)
	})
}

// structure is what of safe holds for any text.
func structure(t *testing.T, body string) {
	t.Helper()
	if acts := mention.FindString(body); acts != "" {
		t.Errorf("a mention: %q", acts)
	}
	if n := strings.Count(body, "<!--"); n != 1 {
		t.Errorf("%d comments of HTML", n)
	}
	heads := 0
	open := ""
	for line := range strings.SplitSeq(body, "\n") {
		run := len(line) - len(strings.TrimLeft(line, "`"))
		switch {
		case open != "":
			if run >= len(open) && strings.TrimSpace(line[run:]) == "" {
				open = ""
			}
		case run >= 3:
			open = line[:run]
		case strings.HasPrefix(line, "## "):
			heads++
		}
	}
	if open != "" || heads != 6 {
		t.Errorf("a fence open: %q; %d headings", open, heads)
	}
}

func FuzzParseDescription(f *testing.F) {
	f.Add("1-lw-a.1.md", "---\nstate: open\n---\n\nx")
	f.Add("1-lw-a.1.md", "---\nstate: closed\nclosed_at: 2026-01-01T00:00:00Z\n---\n")
	f.Fuzz(func(t *testing.T, name, text string) {
		d, err := parseDescription(name, text)
		if err == nil && (d.number < 1 || !incidentForm.MatchString(d.incident) || d.state == "") {
			t.Errorf("%+v", d)
		}
	})
}

func TestStamps(t *testing.T) {
	if got := stamp(time.Time{}); got != "at a time that is not known" {
		t.Error(got)
	}
	if got := commandLine([]string{"go", "test", "./...", "a b", "it's", ""}); got != `go test ./... 'a b' 'it'\''s' ''` {
		t.Error(got)
	}
}
