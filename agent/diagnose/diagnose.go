// Package diagnose says why an incident happens, with the lines that show it.
//
// Two diagnosers stand behind one type. The offline one is the default and needs nothing: built-in signatures of known
// failures (signatures/*.yaml), and what a stack trace says by itself. The other asks a model, and believes nothing that
// the lines do not hold up.
package diagnose

import (
	"errors"
	"log/slog"
	"time"

	"github.com/logwright/logwright/agent/incident"
	"github.com/logwright/logwright/agent/model"
)

// How a model is asked, and why so:
//
// The lines are numbered E1, E2, ... after redaction, and every claim of the answer has to cite some of them with a verbatim
// quote. Code looks each quote up in its line. A claim whose quotes are not there is dropped and lowers the confidence;
// an answer of which no claim is left says nothing, and the offline diagnosis stands. Category and fix kind are enums of the
// schema, the culprit has to be a file or a frame that occurs in the lines, every text has a length and is made
// printable. Confidence is computed here; the schema does not even ask for it. One answer that does not fit is sent back with
// what is wrong with it, once. That is the whole loop: there are no tools in it, so log text that talks a model
// into something has won a wrong sentence and nothing else.
//
// A model that does not answer costs nothing but its answer: the offline diagnosis is made first, is the hint that the
// model is given, and is what is told when the model fails, marked as degraded.

// Config bounds the loop. It has no section in agent.yaml: an operator bounds calls and tokens with model.budget. The zero
// value of each field means its default.
type Config struct {
	// MaxRounds is how often the model may be asked about one incident: 1 is no repair, 2 (the default) is one.
	// The agent lowers it to model.budget.calls_per_incident.
	MaxRounds int `yaml:"-"`
	// MaxEvidence is how many lines a prompt shows at most. Default 80.
	MaxEvidence int `yaml:"-"`
	// MaxLineBytes is how many bytes of one line a prompt shows, and how long a quote can be. Default 600.
	MaxLineBytes int `yaml:"-"`
}

// The defaults of Config: some 12,000 tokens at the very most, 2,000 in the usual case.
const (
	DefaultMaxRounds    = 2
	DefaultMaxEvidence  = 80
	DefaultMaxLineBytes = 600
)

// Validate says what is wrong with c.
func (c Config) Validate() []incident.Problem {
	var ps []incident.Problem
	for _, f := range []struct {
		path            string
		value, from, to int
	}{
		{"max_rounds", c.MaxRounds, 1, 4},
		{"max_evidence", c.MaxEvidence, 4, 1000},
		{"max_line_bytes", c.MaxLineBytes, 80, 16384},
	} {
		if f.value != 0 && (f.value < f.from || f.value > f.to) {
			ps = append(ps, incident.Problemf(f.path, "%d is not between %d and %d", f.value, f.from, f.to))
		}
	}
	return ps
}

func (c Config) withDefaults() Config {
	for _, f := range []struct {
		value *int
		def   int
	}{
		{&c.MaxRounds, DefaultMaxRounds}, {&c.MaxEvidence, DefaultMaxEvidence}, {&c.MaxLineBytes, DefaultMaxLineBytes},
	} {
		if *f.value == 0 {
			*f.value = f.def
		}
	}
	return c
}

// Options are what a Diagnoser needs of others.
type Options struct {
	// Redact takes secrets out of a text. It is needed: quotes leave the host with notifications even when no model is
	// configured.
	Redact func(string) string
	// Now is the clock that dates diagnoses; nil means time.Now.
	Now func() time.Time
	// Logger takes what an operator should know of (a model that fails); nil means none. No log text is written to it.
	Logger *slog.Logger
}

// Diagnoser diagnoses incidents. It keeps no state between them and is safe for concurrent use.
type Diagnoser struct {
	cfg        Config
	model      model.Model // nil: offline only
	redact     func(string) string
	now        func() time.Time
	log        *slog.Logger
	signatures *signatureSet
}

// New makes a Diagnoser. m may be nil: then Diagnose is Offline.
func New(cfg Config, m model.Model, o Options) (*Diagnoser, error) {
	if o.Redact == nil {
		return nil, errors.New("diagnose: Options.Redact is missing: nothing may be quoted unredacted")
	}
	if ps := cfg.Validate(); len(ps) > 0 {
		return nil, errors.New("diagnose: " + ps[0].Path + ": " + ps[0].Message)
	}
	d := &Diagnoser{cfg: cfg.withDefaults(), model: m, redact: o.Redact, now: o.Now, log: o.Logger}
	if d.now == nil {
		d.now = time.Now
	}
	if d.log == nil {
		d.log = slog.New(slog.DiscardHandler)
	}
	var err error
	if d.signatures, err = loadBuiltin(); err != nil {
		return nil, err
	}
	return d, nil
}

// Result is a diagnosis and what goes with it.
type Result struct {
	Diagnosis incident.Diagnosis
	// Title is safe to show anywhere, see Title.
	Title string
	// Flagged says that the log text looks like an attempt to instruct a model; FlagReason says what was seen, in our words.
	Flagged    bool
	FlagReason string
	// Retry says that the model could not be asked or did not answer, and that asking again later makes sense: not before
	// RetryAfter, where that is not 0.
	Retry      bool
	RetryAfter time.Duration
}
