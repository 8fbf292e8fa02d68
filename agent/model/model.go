// Package model is the one door to a language model. Everything that Logwright ever says to one goes through Complete:
// it is redacted there, kept in the ledger before it leaves, counted against the budget, sent with a time limit, tried
// again only where that is safe, and its answer is kept before anybody acts on it. No other package makes a request.
//
// Two libraries do the talking, behind one interface: go-openai for every OpenAI-shaped endpoint, langchaingo for the
// native APIs of Anthropic and Ollama. Neither has limits of its own, and both lose parts of what a server says, so they
// sit on one http.RoundTripper of ours (exchange.go) that keeps, sends, retries and reads. What leaves this process is the
// bytes that RoundTripper was given and the ledger has kept, nothing else.
//
// What comes back is data written by a stranger. This package checks that it is whole, of bounded size and, where a schema
// was asked for, that it is a JSON object; whether it is true is checked by the caller.
package model

import (
	"context"
	"encoding/json"
	"time"
)

// Model answers one request. It is safe for concurrent use. An error is always an *Error.
type Model interface {
	Complete(ctx context.Context, r Request) (Response, error)
}

// Role says who speaks in a Message.
type Role string

// The roles of a conversation. The system text is a field of Request.
const (
	RoleUser      Role = "user"
	RoleAssistant Role = "assistant"
)

// Message is one turn of a conversation.
type Message struct {
	Role Role
	// Text may not be empty: some servers refuse that, and go-openai leaves an empty text out.
	Text string
}

// Schema is what an answer has to look like.
type Schema struct {
	// Name is 1 to 64 of a-z, A-Z, 0-9, "_" and "-".
	Name string
	// JSON is a schema within the strict subset: every property required, additionalProperties false everywhere.
	JSON json.RawMessage
}

// Request is what to ask. System, Messages and Schema leave the host; the first three fields do not.
type Request struct {
	// Purpose says what the answer is for: "diagnose", "remedy", "patch", "patch-again"; "repair-answer" asks once more for an
	// answer that did not have its form.
	Purpose string
	// Incident and Service say whose budget is spent. Incident may be "" in one-shot commands.
	Incident, Service string
	// System is the instruction, "" for none.
	System string
	// Messages has at least one; the last is the user's.
	Messages []Message
	// Schema asks for a JSON object, nil for free text. Where a server does not know schemas, it is put into the prompt.
	Schema *Schema
	// MaxTokens bounds the answer, thinking included. 0 means DefaultMaxTokens.
	MaxTokens int
}

// DefaultMaxTokens bounds an answer where the request names no bound. It leaves models that think room to do so.
const DefaultMaxTokens = 8192

// Response is an answer.
type Response struct {
	// Text is the answer. Where a schema was asked for, it is one JSON object without fence or prose around it.
	Text string
	// Model is the name of the model that answered, as configured.
	Model string
	// Served is the server's own name for the model that answered: text of a stranger, cut to one short line.
	Served string
	// Usage is what was used. On an error it is what has to be reckoned with.
	Usage Usage
	// Finish is why the answer ended, in the provider's word: "stop", "end_turn".
	Finish string
	// Call is the id under which the ledger keeps prompt and answer.
	Call string
}

// Usage counts tokens and money. Tokens are the server's count; where it gave none they are estimated, and Estimated says so.
type Usage struct {
	InputTokens  int64
	OutputTokens int64
	// USD is by the price table of this package, 0 for a model that is not in it (Config.Notices says so).
	USD       float64
	Estimated bool
}

// Add gives the sum of both.
func (u Usage) Add(v Usage) Usage {
	return Usage{
		InputTokens:  u.InputTokens + v.InputTokens,
		OutputTokens: u.OutputTokens + v.OutputTokens,
		USD:          u.USD + v.USD,
		Estimated:    u.Estimated || v.Estimated,
	}
}

// Call is one exchange with one model, as the ledger sees it.
type Call struct {
	// ID is a ULID. It is the same in Begin and End.
	ID string
	At time.Time
	// Purpose, Incident and Service are the request's.
	Purpose, Incident, Service string
	// Provider and Model are as configured. Endpoint is the base URL; it holds no key.
	Provider, Model, Endpoint string
	// Prompt is what leaves, for a human to read (see Render). Body is the same to the byte, as it goes over the wire.
	Prompt string
	Body   []byte
	// Estimate is the most this call is expected to use: a third of the body's bytes as input tokens, the request's
	// MaxTokens as output. Begin reserves it.
	Estimate Usage
}

// Ledger keeps what is said to models and what they answer, and holds the budget.
type Ledger interface {
	// Begin keeps c and reserves its estimate, in one transaction. The request leaves only after it returned nil. A spent
	// budget is an *Error of KindBudget; any other error also keeps the request from leaving.
	Begin(ctx context.Context, c Call) error
	// End keeps the answer, or err, and settles: r.Usage takes the place of the estimate. It is called exactly once for
	// each Begin that returned nil, also when ctx of the request has ended. A process that dies in between leaves the
	// reservation standing, which errs on the safe side.
	End(ctx context.Context, c Call, r Response, err error) error
}
