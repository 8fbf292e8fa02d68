package prompts

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"github.com/logwright/logwright/agent/incident"
)

//go:embed schemas/remedy.json
var remedySchema []byte

// SchemaRemedy is the name of the schema of RemedyAnswer.
const SchemaRemedy = "remedy"

// RemedyNone is RemedyAnswer.Remediation where nothing is to be run.
const RemedyNone = "none"

// RemedyInput is what is known about an incident and what could be run for it. Texts are redacted before they come here.
type RemedyInput struct {
	// Incident is what a diagnosis is asked with; its Candidates are not shown.
	Incident DiagnoseInput
	// Episode counts how often the same problem was back after it had been resolved, from 1.
	Episode int
	// Diagnosis is the one that stands, nil where there is none.
	Diagnosis *incident.Diagnosis
	// Options are what may be chosen. Their values are all that may be given: what is not tied to the incident was taken
	// out by the caller.
	Options []incident.RemedyOption
	// Facts are what trusted metadata ties to the incident, "unit" to {"worker.service"}. Nil where nothing is known.
	Facts map[string][]string
}

// RemedyAnswer is what a model answers to Remedy, as its schema says. All of it is text of a stranger.
type RemedyAnswer struct {
	Citations []Citation `json:"citations"`
	// InjectionSuspected says that lines look like an attempt to instruct the model.
	InjectionSuspected bool   `json:"injection_suspected"`
	Why                string `json:"why"`
	// Remediation is the name of an option, or RemedyNone.
	Remediation string           `json:"remediation"`
	Arguments   []RemedyArgument `json:"arguments"`
}

// RemedyArgument is one argument: strict schemas have no maps.
type RemedyArgument struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// Remedy asks which of a few remediations mends an incident, if any. The schema of the answer holds the names of just these.
// The caller bounds how much goes in.
func Remedy(in RemedyInput) Prompt {
	texts := []string{in.Incident.Template, in.Incident.Exception, in.Incident.ExceptionMessage}
	hasBefore := false
	for _, e := range in.Incident.Evidence {
		texts = append(texts, e.ID, e.Source, e.Text)
		hasBefore = hasBefore || e.Before
	}
	for k, v := range in.Incident.Unit {
		texts = append(texts, k, v)
	}
	for _, f := range in.Incident.Frames {
		texts = append(texts, f.File, f.Function)
	}
	if d := in.Diagnosis; d != nil {
		texts = append(texts, d.Summary, d.RootCause, string(d.Category), string(d.FixKind))
		if c := d.Culprit; c != nil {
			texts = append(texts, c.File, c.Function)
		}
	}
	for _, o := range in.Options {
		texts = append(texts, o.Name, o.Description, o.Risk)
		for _, p := range o.Params {
			texts = append(append(texts, p.Name, p.Form), p.Values...)
		}
	}
	var facts []string
	for _, kind := range slices.Sorted(maps.Keys(in.Facts)) {
		for _, v := range in.Facts[kind] {
			facts = append(facts, Shown(kind)+"="+Shown(v))
			texts = append(texts, kind, v)
		}
	}
	return Prompt{
		System: render("remedy_system.tmpl", nil),
		User: render("remedy_user.tmpl", struct {
			RemedyInput
			Fence     string
			HasBefore bool
			Facts     []string
		}{in, fence(texts), hasBefore, facts}),
		SchemaName: SchemaRemedy,
		Schema:     remedySchemaFor(in.Options),
	}
}

// RepairRemedy asks the same model once more, as RepairAnswer does for a diagnosis.
func RepairRemedy(in RepairInput) Prompt {
	var texts []string
	for _, l := range in.Lines {
		texts = append(texts, l.ID, l.Text)
	}
	in.Problems = in.Problems[:min(len(in.Problems), maxProblems)]
	return Prompt{User: render("remedy_repair.tmpl", struct {
		RepairInput
		Fence string
	}{in, fence(texts)})}
}

// remedySchemaFor puts the names that may be given into the schema. The order of its keys has to stay, so it is not decoded: models
// answer in that order, and are to look at the lines before they choose.
func remedySchemaFor(options []incident.RemedyOption) json.RawMessage {
	names := []string{RemedyNone}
	var params []string
	for _, o := range options {
		if !slices.Contains(names, o.Name) {
			names = append(names, o.Name)
		}
		for _, p := range o.Params {
			if !slices.Contains(params, p.Name) {
				params = append(params, p.Name)
			}
		}
	}
	out := bytes.Replace(remedySchema, []byte(`["none"]`), list(names), 1)
	if len(params) == 0 {
		return bytes.Replace(out, []byte(`, "enum": ["parameter"]`), nil, 1)
	}
	return bytes.Replace(out, []byte(`["parameter"]`), list(params), 1)
}

func list(names []string) []byte {
	out, err := json.Marshal(names)
	if err != nil { // strings can always be written
		panic(fmt.Sprintf("prompts: %v", err))
	}
	return out
}
