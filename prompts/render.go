package prompts

import (
	"embed"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"text/template"
	"time"

	"github.com/logwright/logwright/agent/incident"
)

//go:embed templates/*.tmpl
var templateFiles embed.FS

//go:embed schemas/diagnose.json
var diagnoseSchema []byte

// templates is read only once parsed. Every function that shows text of a stranger ends in Shown.
var templates = template.Must(template.New("").Option("missingkey=error").Funcs(template.FuncMap{
	"line":    Shown,
	"quote":   name,
	"stamp":   stamp,
	"span":    span,
	"since":   since,
	"trigger": trigger,
	"pairs":   pairs,
	"source":  ShownSource,
	"command": command,
	"path":    quotedPath,
	"percent": func(f float64) string { return fmt.Sprintf("%.0f %%", 100*f) },
}).ParseFS(templateFiles, "templates/*.tmpl"))

// render panics on a template that does not fit its data: that is a mistake of this package, which its tests find.
func render(name string, data any) string {
	var b strings.Builder
	if err := templates.ExecuteTemplate(&b, name, data); err != nil {
		panic(fmt.Sprintf("prompts: %v", err))
	}
	return strings.TrimRight(b.String(), "\n")
}

// minFence is longer than what anybody writes by habit.
const minFence = 8

// fence gives a row of backticks that is longer than any in texts.
func fence(texts []string) string {
	longest := 0
	for _, t := range texts {
		run := 0
		for i := range len(t) {
			if t[i] != '`' {
				run = 0
				continue
			}
			run++
			longest = max(longest, run)
		}
	}
	return strings.Repeat("`", max(minFence, longest+1))
}

func stamp(t time.Time) string {
	if t.IsZero() {
		return "an unknown time"
	}
	return t.UTC().Format(time.RFC3339)
}

func span(first, last time.Time) string {
	switch {
	case first.IsZero() && last.IsZero():
		return "at unknown times"
	case first.Equal(last):
		return "at " + stamp(first)
	}
	return fmt.Sprintf("from %s to %s (%s)", stamp(first), stamp(last), roughly(last.Sub(first)))
}

// since says how long before the first event a release was.
func since(release, first time.Time) string {
	if release.IsZero() || first.IsZero() || first.Before(release) {
		return ""
	}
	return ", " + roughly(first.Sub(release)) + " before the first event"
}

// roughly gives a duration with as much precision as a reader has use for.
func roughly(d time.Duration) string {
	switch {
	case d < 2*time.Minute:
		return fmt.Sprintf("%.3g s", d.Seconds())
	case d < 2*time.Hour:
		return fmt.Sprintf("%.0f min", d.Minutes())
	case d < 48*time.Hour:
		return fmt.Sprintf("%.1f h", d.Hours())
	}
	return fmt.Sprintf("%.0f days", d.Hours()/24)
}

func trigger(t incident.Trigger) string {
	switch t {
	case incident.TriggerNew:
		return "never seen before"
	case incident.TriggerSpike:
		return "far more events than usual; it is not new"
	case incident.TriggerReturned:
		return "it was resolved and has come back"
	case incident.TriggerSilence:
		return "a line that has to come regularly did not come"
	case incident.TriggerMix:
		return "far more of the service's lines than usual are warnings or worse; no single kind of them is the reason"
	case incident.TriggerRequests:
		return "too many of the service's requests are answered with 5xx"
	}
	return ""
}

// maxName bounds the names that stand outside the fences.
const maxName = 80

// name quotes the name of a service or a version: they stand outside the fences.
func name(s string) string {
	s = Shown(s)
	if len(s) > maxName {
		s = strings.ToValidUTF8(s[:maxName], "") + "…"
	}
	return strconv.Quote(s)
}

// pairs gives _SYSTEMD_UNIT=api.service and the like, sorted by name.
func pairs(m map[string]string) []string {
	var out []string
	for _, k := range slices.Sorted(maps.Keys(m)) {
		out = append(out, Shown(k)+"="+Shown(m[k]))
	}
	return out
}
