package main

import (
	"encoding/json"
	"fmt"
	"io"
	"time"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/logwright/logwright/agent"
	"github.com/logwright/logwright/agent/incident"
)

// The JSON contracts. Each has its schema under docs/schemas, whose number goes up when a field changes its meaning or
// goes away. Times are RFC 3339 in UTC, or null.

type diagnoseDocument struct {
	Schema    string             `json:"schema"`
	Incidents []incidentDocument `json:"incidents"`
	Omitted   omittedDocument    `json:"omitted"`
	Usage     usageDocument      `json:"usage"`
}

// omittedDocument counts what was too much to be kept apart.
type omittedDocument struct {
	Incidents int64 `json:"incidents"`
	Events    int64 `json:"events"`
}

type usageDocument struct {
	ModelCalls   int64   `json:"model_calls"`
	InputTokens  int64   `json:"input_tokens"`
	OutputTokens int64   `json:"output_tokens"`
	USD          float64 `json:"usd"`
}

type incidentDocument struct {
	ID         string             `json:"id"`
	Clusters   []string           `json:"clusters"`
	Title      string             `json:"title"`
	Severity   incident.Severity  `json:"severity"`
	Service    string             `json:"service"`
	State      incident.State     `json:"state"`
	Trigger    incident.Trigger   `json:"trigger"`
	Reason     *reasonDocument    `json:"reason,omitempty"`
	Flagged    bool               `json:"flagged"`
	FlagReason string             `json:"flag_reason,omitempty"`
	Simulated  bool               `json:"simulated"`
	Events     int64              `json:"events"`
	FirstSeen  *time.Time         `json:"first_seen"`
	LastSeen   *time.Time         `json:"last_seen"`
	OpenedAt   *time.Time         `json:"opened_at"`
	Template   string             `json:"template"`
	Samples    []sampleDocument   `json:"samples"`
	Diagnosis  *diagnosisDocument `json:"diagnosis"`
	Release    *releaseDocument   `json:"release"`
	// Proposals are most important first; empty in lists, and where nothing was proposed.
	Proposals []proposalDocument `json:"proposals"`
	// Considered says, by what was considered, what came of it.
	Considered map[string]string `json:"considered,omitempty"`
}

type reasonDocument struct {
	Text      string     `json:"text"`
	Statistic string     `json:"statistic"`
	Observed  float64    `json:"observed"`
	Expected  float64    `json:"expected"`
	Threshold float64    `json:"threshold"`
	From      *time.Time `json:"from"`
	Window    float64    `json:"window"`
}

type sampleDocument struct {
	Source    string            `json:"source"`
	FirstLine int64             `json:"first_line"`
	LastLine  int64             `json:"last_line"`
	Time      *time.Time        `json:"time"`
	Severity  incident.Severity `json:"severity"`
	Message   string            `json:"message"`
	Raw       string            `json:"raw"`
	Truncated bool              `json:"truncated"`
	Exception string            `json:"exception"`
	Frames    []incident.Frame  `json:"frames"`
}

type diagnosisDocument struct {
	Summary       string              `json:"summary"`
	RootCause     string              `json:"root_cause"`
	Category      incident.Category   `json:"category"`
	Confidence    float64             `json:"confidence"`
	Culprit       *incident.Culprit   `json:"culprit"`
	Evidence      []incident.Evidence `json:"evidence"`
	FixKind       incident.FixKind    `json:"fix_kind"`
	NextSteps     []string            `json:"next_steps"`
	Source        string              `json:"source"`
	Signature     string              `json:"signature"`
	DroppedClaims int                 `json:"dropped_claims"`
	Degraded      string              `json:"degraded"`
	At            *time.Time          `json:"at"`
}

type releaseDocument struct {
	Version string     `json:"version"`
	At      *time.Time `json:"at"`
}

func newDiagnoseDocument(r *agent.Report) diagnoseDocument {
	incidents := incidentDocuments(r.Incidents)
	for i := range incidents {
		if list := r.Proposals[incidents[i].ID]; len(list) > 0 {
			incidents[i].Proposals = proposalDocuments(list)
		}
	}
	return diagnoseDocument{
		Schema:    "logwright/diagnose/1",
		Incidents: incidents,
		Omitted:   omittedDocument{Incidents: r.Omitted.Incidents, Events: r.Omitted.Events},
		Usage: usageDocument{
			ModelCalls: r.Usage.Calls, InputTokens: r.Usage.InputTokens, OutputTokens: r.Usage.OutputTokens, USD: r.Usage.USD,
		},
	}
}

func incidentDocuments(in []incident.Incident) []incidentDocument {
	out := make([]incidentDocument, len(in))
	for i := range in {
		out[i] = newIncidentDocument(&in[i])
	}
	return out
}

func newIncidentDocument(i *incident.Incident) incidentDocument {
	d := incidentDocument{
		ID: i.ID, Clusters: i.Clusters, Title: i.Title, Severity: i.Severity, Service: i.Service, State: i.State,
		Trigger: i.Trigger, Flagged: i.Flagged, FlagReason: i.FlagReason, Simulated: i.Simulated, Events: i.Events,
		FirstSeen: timeOrNull(i.FirstSeen), LastSeen: timeOrNull(i.LastSeen), OpenedAt: timeOrNull(i.OpenedAt),
		Template: i.Template, Samples: make([]sampleDocument, len(i.Samples)), Proposals: []proposalDocument{},
	}
	if r := i.Reason; r != nil {
		d.Reason = &reasonDocument{
			Text: r.Text, Statistic: r.Statistic, Observed: r.Observed, Expected: r.Expected, Threshold: r.Threshold,
			From: timeOrNull(r.From), Window: r.Window,
		}
	}
	for n := range i.Samples {
		r := &i.Samples[n].Record
		d.Samples[n] = sampleDocument{
			Source: r.File, FirstLine: r.FirstLine, LastLine: r.LastLine, Time: timeOrNull(r.Time), Severity: r.Severity,
			Message: r.Message, Raw: r.Raw, Truncated: r.Truncated, Exception: r.Exception, Frames: orEmpty(r.Frames),
		}
	}
	if g := i.Diagnosis; g != nil {
		d.Diagnosis = &diagnosisDocument{
			Summary: g.Summary, RootCause: g.RootCause, Category: g.Category, Confidence: g.Confidence, Culprit: g.Culprit,
			Evidence: orEmpty(g.Evidence), FixKind: g.FixKind, NextSteps: orEmpty(g.NextSteps), Source: g.Source,
			Signature: g.Signature, DroppedClaims: g.DroppedClaims, Degraded: g.Degraded, At: timeOrNull(g.At),
		}
	}
	if r := i.Release; r != nil {
		d.Release = &releaseDocument{Version: r.Version, At: timeOrNull(r.At)}
	}
	return d
}

// orEmpty makes a list that is empty rather than null.
func orEmpty[T any](s []T) []T {
	if s == nil {
		return []T{}
	}
	return s
}

func timeOrNull(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	u := t.UTC()
	return &u
}

// writeJSON writes one document.
func writeJSON(w io.Writer, v any) error {
	e := newJSON(w)
	e.SetIndent("", "  ")
	return e.Encode(v)
}

// newJSON gives an encoder whose output may be looked at in a terminal.
func newJSON(w io.Writer) *json.Encoder {
	e := json.NewEncoder(inertJSON{w})
	e.SetEscapeHTML(false)
	return e
}

// inertJSON writes JSON whose strings hold nothing that a terminal acts on. encoding/json escapes the first control characters
// only; the others, and what is invisible or changes direction, are written as \u escapes here, which any reader takes for the same text.
// An Encoder writes a value at once, so no character is in two Writes.
type inertJSON struct{ w io.Writer }

// Write writes the whole of b.
func (j inertJSON) Write(b []byte) (int, error) {
	if inertASCII(b) {
		return j.w.Write(b)
	}
	out := make([]byte, 0, len(b))
	for i := 0; i < len(b); {
		r, n := utf8.DecodeRune(b[i:])
		switch s := b[i : i+n]; {
		case ' ' <= r && r < 0x7f || r == '\n' || string(s) == incident.Printable(string(s)):
			out = append(out, s...)
		case r > 0xffff:
			hi, lo := utf16.EncodeRune(r)
			out = fmt.Appendf(out, `\u%04x\u%04x`, hi, lo)
		default:
			out = fmt.Appendf(out, `\u%04x`, r)
		}
		i += n
	}
	if _, err := j.w.Write(out); err != nil {
		return 0, err
	}
	return len(b), nil
}

// inertASCII says whether b is plain: printable characters and line breaks.
func inertASCII(b []byte) bool {
	for _, c := range b {
		if (c < ' ' || c >= 0x7f) && c != '\n' {
			return false
		}
	}
	return true
}
