package diagnose

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/logwright/logwright/agent/incident"
	"github.com/logwright/logwright/prompts"
)

// Bounds of what is taken over from an answer. What is beyond is cut or dropped, whatever the schema let through: the strict
// subset of JSON Schema that models take knows no lengths.
const (
	maxAnswer     = 256 << 10 // bytes of an answer that are looked at
	maxClaims     = 12
	maxCitations  = 8 // of one claim
	maxSummary    = 300
	maxRootCause  = 1500
	maxStep       = 400
	maxSteps      = 6
	maxEvidenceN  = 16
	maxCulprit    = 300
	minQuoteBytes = 6 // shorter quotes are found anywhere; a shorter line has to be quoted whole
)

// verdict is an answer after every check.
type verdict struct {
	decoded bool // it fits the schema
	answer  prompts.DiagnoseAnswer
	// evidence holds the citations of the claims that held, held and dropped count claims.
	evidence      []incident.Evidence
	held, dropped int
	culprit       *incident.Culprit
	culpritWrong  bool
	// problems say in our words what is wrong; disputed are the lines that were misquoted.
	problems []string
	disputed []prompts.EvidenceLine
	model    string
	rounds   int
}

func (v *verdict) holds() bool { return v != nil && v.decoded && v.held > 0 }

// needsRepair says whether what is wrong is worth another call: not for one claim of many.
func (v *verdict) needsRepair() bool {
	return !v.decoded || v.held == 0 || v.dropped >= v.held || v.culpritWrong
}

func (v *verdict) better(w *verdict) bool {
	if v.decoded != w.decoded {
		return v.decoded
	}
	if (v.held > 0) != (w.held > 0) {
		return v.held > 0
	}
	a, b := v.held*(w.held+w.dropped), w.held*(v.held+v.dropped)
	return a > b || a == b && w.culpritWrong && !v.culpritWrong
}

// judge decodes an answer and holds it against the lines that the model was shown.
func judge(text string, q question) *verdict {
	v := &verdict{}
	if problems := decode(text, q.request.Schema.JSON, &v.answer); len(problems) > 0 {
		v.problems = problems
		return v
	}
	v.decoded = true
	for i, c := range v.answer.Claims {
		if i == maxClaims {
			v.dropped += len(v.answer.Claims) - maxClaims
			v.problems = append(v.problems, fmt.Sprintf("there are more than %d claims", maxClaims))
			break
		}
		found, problems := v.check(i, c, q)
		if len(problems) > 0 {
			v.dropped++
			v.problems = append(v.problems, problems...)
			continue
		}
		v.held++
		for _, e := range found {
			v.cite(e, q)
		}
	}
	if len(v.answer.Claims) == 0 {
		v.problems = append(v.problems, "there is no claim; at least one that cites a line is needed")
	}
	if c := v.answer.Culprit; c != nil && (c.File != "" || c.Function != "") {
		if v.culprit = checkCulprit(*c, q); v.culprit == nil {
			v.culpritWrong = true
			v.problems = append(v.problems, "culprit: file and line do not occur together in any frame or line; copy them or give null")
		}
	}
	return v
}

// decode reads an answer into to and says in our words what does not fit the schema it was asked with.
func decode(text string, schema json.RawMessage, to any) []string {
	if len(text) > maxAnswer {
		return []string{fmt.Sprintf("the answer is longer than %d bytes", maxAnswer)}
	}
	doc, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
	if err != nil {
		return []string{"the answer is not one JSON object"}
	}
	sch, err := compileSchema(schema)
	if err != nil {
		return []string{"the schema can't be read"}
	}
	if err := sch.Validate(doc); err != nil {
		return schemaProblems(err)
	}
	if err := json.Unmarshal([]byte(text), to); err != nil {
		return []string{"the answer is not one JSON object of the right types"}
	}
	return nil
}

// compileSchema reads the schema that the question was asked with. It costs a fraction of a millisecond, beside a call to a model.
func compileSchema(raw json.RawMessage) (*jsonschema.Schema, error) {
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(raw))
	if err != nil {
		return nil, err
	}
	c := jsonschema.NewCompiler()
	// Nothing may be loaded from anywhere: the schema is self-contained.
	c.UseLoader(jsonschema.SchemeURLLoader{})
	if err := c.AddResource("answer.json", doc); err != nil {
		return nil, err
	}
	return c.Compile("answer.json")
}

const maxSchemaProblems = 8

// schemaProblems gives where and which keyword failed. The words of the validator quote the answer, which is a stranger's; what
// is said back are places and keywords only.
func schemaProblems(err error) []string {
	var ve *jsonschema.ValidationError
	if !errors.As(err, &ve) {
		return []string{"the answer does not fit the schema"}
	}
	var out []string
	var walk func(e *jsonschema.ValidationError)
	walk = func(e *jsonschema.ValidationError) {
		if len(out) >= maxSchemaProblems {
			return
		}
		if len(e.Causes) == 0 {
			where := "/" + strings.Join(e.InstanceLocation, "/")
			if !plainPointer.MatchString(where) {
				where = "a key that the schema does not know"
			}
			p := where + ": does not fit " + strings.Join(e.ErrorKind.KeywordPath(), "/") + " of the schema"
			if !slices.Contains(out, p) {
				out = append(out, p)
			}
		}
		for _, c := range e.Causes {
			walk(c)
		}
	}
	walk(ve)
	return out
}

var plainPointer = regexp.MustCompile(`^[a-z0-9_/]{1,80}$`)

// found is a quote in its line.
type found struct {
	id         string
	start, end int // offsets in the line's whole text
}

// check looks every quote of a claim up. A claim holds only if all of them do: what it says of the ones that do not is
// not known.
func (v *verdict) check(i int, c prompts.Claim, q question) (out []found, problems []string) {
	at := fmt.Sprintf("claims[%d]", i)
	if len(c.Evidence) == 0 {
		return nil, []string{at + " cites no line"}
	}
	out, problems, disputed := q.lookUp(at+".evidence", c.Evidence)
	for _, id := range disputed {
		v.dispute(id, q.lines[id])
	}
	return out, problems
}

// lookUp finds each quote in its line. What is wrong is said with its place, which begins with at; disputed are the ids of the lines
// that were misquoted.
func (q question) lookUp(at string, cites []prompts.Citation) (out []found, problems, disputed []string) {
	if len(cites) > maxCitations {
		return nil, []string{fmt.Sprintf("%s cites more than %d lines", at, maxCitations)}, nil
	}
	for j, cite := range cites {
		at := fmt.Sprintf("%s[%d]", at, j)
		l, ok := q.lines[cite.ID]
		if !ok {
			problems = append(problems, at+".id is not one of the lines")
			continue
		}
		quote := strings.TrimRight(cite.Quote, " \t\r\n")
		k := strings.Index(l.shown, quote)
		switch {
		case strings.TrimSpace(quote) == "":
			problems = append(problems, at+".quote is empty")
		case k < 0:
			problems = append(problems, at+".quote is not part of "+cite.ID)
			disputed = append(disputed, cite.ID)
		case len(quote) < minQuoteBytes && quote != strings.TrimSpace(l.shown):
			problems = append(problems, fmt.Sprintf("%s.quote is too short to say anything; quote %d characters or more", at, minQuoteBytes))
		default:
			out = append(out, found{id: cite.ID, start: l.from + k, end: l.from + k + len(quote)})
		}
	}
	return out, problems, disputed
}

func (v *verdict) dispute(id string, l shownLine) {
	for _, d := range v.disputed {
		if d.ID == id {
			return
		}
	}
	if len(v.disputed) < maxCitations {
		v.disputed = append(v.disputed, prompts.EvidenceLine{ID: id, Source: l.line.source, Line: l.line.number, Text: l.shown})
	}
}

// cite takes a quote over. Two quotes of one line become the one that spans both, so that an id stands for one quote.
func (v *verdict) cite(f found, q question) {
	l := q.lines[f.id].line
	for i := range v.evidence {
		e := &v.evidence[i]
		if e.ID != f.id {
			continue
		}
		// The shown form differs from the line's own in tabs only, which are as long.
		start := strings.Index(l.text, e.Quote)
		e.Quote = l.text[min(start, f.start):max(start+len(e.Quote), f.end)]
		return
	}
	if len(v.evidence) < maxEvidenceN {
		v.evidence = append(v.evidence, incident.Evidence{ID: f.id, Source: l.source, Line: l.number, Quote: l.text[f.start:f.end]})
	}
}

// checkCulprit gives the culprit as far as the lines bear it out: file and line have to stand together in one frame or one line. A
// function that occurs nowhere is left out.
func checkCulprit(c incident.Culprit, q question) *incident.Culprit {
	if len(c.File) > maxCulprit || len(c.Function) > maxCulprit || c.Line < 0 {
		return nil
	}
	file, function := prompts.Shown(c.File), prompts.Shown(c.Function)
	ok := false
	knownFunction := false
	for _, f := range q.frames {
		if file != "" && namesFile(f.File, file) && (c.Line == 0 || c.Line == f.Line) {
			ok = true
		}
		knownFunction = knownFunction || function != "" && strings.Contains(f.Function, function)
		if file == "" && function != "" && strings.Contains(f.Function, function) {
			ok = true
		}
	}
	for _, l := range q.lines {
		if file != "" && namesFile(l.shown, file) && (c.Line == 0 || containsNumber(l.shown, c.Line)) {
			ok = true
		}
		knownFunction = knownFunction || function != "" && strings.Contains(l.shown, function)
	}
	if !ok {
		return nil
	}
	if !knownFunction {
		function = ""
	}
	return &incident.Culprit{File: file, Line: c.Line, Function: function}
}

// namesFile says whether file stands in text as a whole path or its last parts, not as a piece of a longer word.
func namesFile(text, file string) bool {
	for at := 0; ; {
		i := strings.Index(text[at:], file)
		if i < 0 {
			return false
		}
		i += at
		end := i + len(file)
		before := i == 0 || !isPathByte(text[i-1]) || text[i-1] == '/'
		after := end == len(text) || !isPathByte(text[end]) || text[end] == '.' && (end+1 == len(text) || text[end+1] == ' ')
		if before && after {
			return true
		}
		at = i + 1
	}
}

func isPathByte(c byte) bool { return isWord(c) || c == '.' || c == '/' || c == '-' || c >= 0x80 }
