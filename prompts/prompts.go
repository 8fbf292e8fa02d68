// Package prompts is what is said to a language model: templates, the JSON schemas of the answers, and one typed function
// for each. It renders and nothing else; agent/model sends, agent/diagnose judges what comes back.
//
// Log text is written by strangers. It stands only between fences that are longer than any run of the fence's character
// in the text, so that nothing inside can end them; each piece of it is one line, with control and invisible characters
// written out, so that it can't imitate a line of ours; and in the evidence every line begins with Logwright's own id.
// What a model makes of a line that talks to it is another matter: nothing is ever done because of its words.
//
// The form of the answer is said in words as well as in the schema: servers that constrain a model by a grammar do not show
// it the schema. Claims come first in it, so that a model looks at the lines before it says what they mean.
package prompts

import (
	"encoding/json"
	"slices"
	"time"

	"github.com/logwright/logwright/agent/incident"
)

// Prompt is a rendered prompt. Whoever sends it puts it into its model's request.
type Prompt struct {
	System string
	User   string
	// SchemaName and Schema say what the answer has to look like: JSON Schema, within the strict subset that models take.
	SchemaName string
	Schema     json.RawMessage
}

// DiagnoseInput is what is known about an incident. Texts are redacted before they come here.
type DiagnoseInput struct {
	Service  string
	Template string
	Severity incident.Severity
	// Events counts problem events of this episode.
	Events int64
	// FirstSeen and LastSeen bound them.
	FirstSeen, LastSeen time.Time
	Trigger             incident.Trigger
	// Release is the last release of the service before FirstSeen, nil where none is known.
	Release *incident.Release
	// Exception and ExceptionMessage are those of the innermost exception, "" where there is none.
	Exception, ExceptionMessage string
	// Frames is its stack, most recent call first.
	Frames []incident.Frame
	// Evidence are the lines that may be cited, in the order they are to be read.
	Evidence []EvidenceLine
	// Candidates are what the built-in signatures say, most confident first.
	Candidates []Candidate
	// Unit is what trusted metadata tells of the writer: "_SYSTEMD_UNIT" to "api.service". Nil where there is none.
	Unit map[string]string
}

// EvidenceLine is one line that may be cited. An event of several lines gives several.
type EvidenceLine struct {
	// ID is "E1", "E2", ...
	ID string
	// Source is the file's path, or "journal". Line is the number in it, 0 where it has none.
	Source string
	Line   int64
	// Text is the line itself. The prompt shows Shown(Text); quotes are to be checked against that.
	Text string
	// Before says that the line came before the event in the same stream and is not part of the problem itself.
	Before bool
}

// Candidate is a hint from a built-in signature.
type Candidate struct {
	Signature string
	Summary   string
	RootCause string
	Category  incident.Category
	// Confidence is from 0 to 1.
	Confidence float64
}

// DiagnoseAnswer is what a model answers to Diagnose, as its schema says. All of it is text of a stranger.
type DiagnoseAnswer struct {
	Claims []Claim `json:"claims"`
	// InjectionSuspected says that lines look like an attempt to instruct the model.
	InjectionSuspected bool `json:"injection_suspected"`
	// Unknown says that the lines do not determine the cause.
	Unknown   bool              `json:"unknown"`
	RootCause string            `json:"root_cause"`
	Category  incident.Category `json:"category"`
	// Culprit is nil where the cause lies outside the service's code.
	Culprit   *incident.Culprit `json:"culprit"`
	FixKind   incident.FixKind  `json:"fix_kind"`
	NextSteps []string          `json:"next_steps"`
	Summary   string            `json:"summary"`
}

// Claim is one statement and the lines that hold it up.
type Claim struct {
	Text     string     `json:"text"`
	Evidence []Citation `json:"evidence"`
}

// Citation is a line and what of it holds the claim up, verbatim.
type Citation struct {
	ID    string `json:"id"`
	Quote string `json:"quote"`
}

// RepairInput is what was wrong with an answer.
type RepairInput struct {
	// Problems are in Logwright's own words, each one line: `claims[1].evidence[0].quote is not part of E7`.
	Problems []string
	// Lines are those whose quotes did not hold, shown once more.
	Lines []EvidenceLine
}

// SchemaDiagnose is the name of the schema of DiagnoseAnswer.
const SchemaDiagnose = "diagnosis"

// maxProblems bounds what an answer is told about at once.
const maxProblems = 20

// Diagnose asks why an incident happens. The caller bounds how much goes in.
func Diagnose(in DiagnoseInput) Prompt {
	texts := []string{in.Template, in.Exception, in.ExceptionMessage}
	hasBefore := false
	for _, e := range in.Evidence {
		texts = append(texts, e.ID, e.Source, e.Text)
		hasBefore = hasBefore || e.Before
	}
	for k, v := range in.Unit {
		texts = append(texts, k, v)
	}
	for _, f := range in.Frames {
		texts = append(texts, f.File, f.Function)
	}
	for _, c := range in.Candidates {
		texts = append(texts, c.Signature, string(c.Category), c.Summary, c.RootCause)
	}
	return Prompt{
		System: render("diagnose_system.tmpl", nil),
		User: render("diagnose_user.tmpl", struct {
			DiagnoseInput
			Fence     string
			HasBefore bool
		}{in, fence(texts), hasBefore}),
		SchemaName: SchemaDiagnose,
		Schema:     slices.Clone(diagnoseSchema),
	}
}

// RepairAnswer asks the same model once more, as the next message after its own answer. System and Schema are those of the
// prompt that it belongs to; here they are empty.
func RepairAnswer(in RepairInput) Prompt {
	var texts []string
	for _, l := range in.Lines {
		texts = append(texts, l.ID, l.Text)
	}
	more := max(0, len(in.Problems)-maxProblems)
	in.Problems = in.Problems[:len(in.Problems)-more]
	return Prompt{User: render("repair.tmpl", struct {
		RepairInput
		Fence string
		More  int
	}{in, fence(texts), more})}
}

// Shown gives a text of a stranger as a prompt shows it: one line, with what is invisible written out. It is idempotent.
func Shown(text string) string { return incident.PrintableLine(text) }
