// Package prompts is what is said to a language model: templates, the JSON schemas of the answers, and one typed function
// for each. It renders and nothing else; agent/model sends, agent/diagnose judges what comes back.
//
// Log text is written by strangers. It stands only between fences that are longer than any run of the fence's character
// in the text, so that nothing inside can end them, and every line inside begins with a number that Logwright gave.
package prompts

import (
	"encoding/json"
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
	// Text is the line itself; quotes are checked against it.
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

// DiagnoseAnswer is what a model answers to Diagnose, as its schema says.
type DiagnoseAnswer struct {
	// Claims come first, so that the model looks at the lines before it says what they mean.
	Claims             []Claim           `json:"claims"`
	Unknown            bool              `json:"unknown"`
	Summary            string            `json:"summary"`
	RootCause          string            `json:"root_cause"`
	Category           incident.Category `json:"category"`
	Culprit            *incident.Culprit `json:"culprit"`
	FixKind            incident.FixKind  `json:"fix_kind"`
	NextSteps          []string          `json:"next_steps"`
	InjectionSuspected bool              `json:"injection_suspected"`
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

// Diagnose asks why an incident happens.
func Diagnose(in DiagnoseInput) Prompt { return Prompt{} }

// RepairInput is what was wrong with an answer.
type RepairInput struct {
	// Problems are in Logwright's own words, each one line: `claims[1].evidence[0].quote is not part of E7`.
	Problems []string
}

// RepairAnswer asks the same model once more, as the next message after its own answer. System and Schema are those of the
// prompt it belongs to; here they are empty.
func RepairAnswer(in RepairInput) Prompt { return Prompt{} }
