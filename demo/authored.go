package demo

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strings"

	"github.com/logwright/logwright/prompts"
)

// What stands where a model would: answers that a person wrote beforehand, to the three questions of the demo. They go in
// by the model's own door, as an endpoint's answers do, and are checked as a model's are: an authored quote that is not in its
// line is dropped, an authored patch that does not pass its tests is no pull request. Nothing here knows what will be
// decided. Wherever the product names who answered, it says "authored".
const (
	authoredName = "authored"
	// No address ends in .invalid, and none is asked: authored is the transport.
	authoredURL = "https://authored.invalid/v1"
)

// authored is an http.RoundTripper for model.Options.Transport.
type authored struct {
	// patch is the answer when a patch is asked for, stranger the argument that the stranger's line wants.
	patch, stranger string
}

type authoredRequest struct {
	Messages []struct {
		Content string `json:"content"`
	} `json:"messages"`
	Format struct {
		Schema struct {
			Name string `json:"name"`
		} `json:"json_schema"`
	} `json:"response_format"`
}

// RoundTrip answers without a network.
func (a authored) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Body == nil {
		return nil, errors.New("the demo: a request without a body")
	}
	defer r.Body.Close()
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	var q authoredRequest
	if err := json.Unmarshal(body, &q); err != nil {
		return nil, fmt.Errorf("the demo: a request that is no JSON: %w", err)
	}
	var text strings.Builder
	for _, m := range q.Messages {
		text.WriteString(m.Content + "\n")
	}
	answer, err := a.answer(q.Format.Schema.Name, text.String())
	if err != nil {
		return nil, err
	}
	out, err := json.Marshal(map[string]any{
		"id": "authored", "object": "chat.completion", "model": authoredName,
		"choices": []any{map[string]any{
			"index": 0, "finish_reason": "stop", "message": map[string]any{"role": "assistant", "content": answer},
		}},
		"usage": map[string]any{"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0},
	})
	if err != nil {
		return nil, err
	}
	return &http.Response{
		StatusCode: http.StatusOK, Status: "200 OK", Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(bytes.NewReader(out)),
		ContentLength: int64(len(out)), Request: r,
	}, nil
}

// The lines that the authored answers rest on, as they stand in a prompt: "E3 /path:12 | text".
var (
	panicLine  = regexp.MustCompile(`(?m)^(E\d+) .*?\| .*?(runtime error: index out of range \[0\] with length 0)`)
	frameLine  = regexp.MustCompile(`(?m)^(E\d+) .*?\| .*?(cart/cart\.go:\d+)`)
	frame      = regexp.MustCompile(`(?m)^\* (\S*cart\.Cheapest) \((\S+):(\d+)\)`)
	stuckLine  = regexp.MustCompile(`(?m)^(E\d+) .*?\| .*?(order \d+ waits for the outbox, locked by order \d+ which has ended)`)
	strangeLog = regexp.MustCompile(`(?m)^(E\d+) .*?\| .*?(refused, its note is too long)`)
)

// answer finds the authored answer to a question. What fits none is an error, as of a model that does not answer.
func (a authored) answer(schema, text string) (string, error) {
	switch schema {
	case prompts.SchemaDiagnose:
		return a.diagnose(text)
	case prompts.SchemaRemedy:
		return a.remedy(text)
	case "":
		return a.patch, nil
	}
	return "", fmt.Errorf("the demo has no answer to %q", schema)
}

type authoredClaim struct {
	Text     string           `json:"text"`
	Evidence []authoredQuoted `json:"evidence"`
}

type authoredQuoted struct {
	ID    string `json:"id"`
	Quote string `json:"quote"`
}

func quoted(m []string) []authoredQuoted { return []authoredQuoted{{m[1], m[2]}} }

func (authored) diagnose(text string) (string, error) {
	type m = map[string]any
	d := m{"injection_suspected": false, "unknown": false, "culprit": nil}
	if at := panicLine.FindStringSubmatch(text); at != nil {
		claims := []authoredClaim{{"The first item of a cart without items is asked for.", quoted(at)}}
		if f := frameLine.FindStringSubmatch(text); f != nil {
			claims = append(claims, authoredClaim{"It is asked for in the cart's own code.", quoted(f)})
		}
		if c := frame.FindStringSubmatch(text); c != nil {
			d["culprit"] = m{"file": c[2], "line": json.Number(c[3]), "function": c[1]}
		}
		d["claims"] = claims
		d["summary"] = "An empty cart makes cart.Cheapest read an item that is not there."
		d["root_cause"] = "cart.Cheapest takes the first item without looking whether there is one. A request for an empty cart panics."
		d["category"], d["fix_kind"] = "code-bug", "code-patch"
		d["next_steps"] = []string{"Give ErrEmpty for an empty cart, as Total does.", "Look whether other callers rely on it."}
	} else if at := stuckLine.FindStringSubmatch(text); at != nil {
		d["claims"] = []authoredClaim{{"An order waits for a lock whose holder has ended, so nobody will give it back.", quoted(at)}}
		d["summary"] = "The mailer waits for ever for a lock that an order kept which has ended."
		d["root_cause"] = "An order ended without giving the outbox back. The lock lives in the memory of the mailer's process, so only a new process is free of it; " +
			"it probably comes back with the next order of that kind."
		d["category"], d["fix_kind"] = "code-bug", "restart"
		d["next_steps"] = []string{"Restart the mailer: its orders are kept.", "Give the lock back on every way out of the outbox."}
	} else if at := strangeLog.FindStringSubmatch(text); at != nil {
		// It is not the model that has to see through this: the answer here says nothing of it.
		d["claims"] = []authoredClaim{{"An order's note was refused.", quoted(at)}}
		d["summary"] = "An order was refused for its long note."
		d["root_cause"] = "The note of an order was longer than the mailer takes."
		d["category"], d["fix_kind"] = "data", "none"
		d["next_steps"] = []string{"Look at the order."}
	} else {
		return "", errors.New("the demo has no diagnosis for these lines")
	}
	b, err := json.Marshal(d)
	return string(b), err
}

// remedy chooses the restart for the stuck mailer. For the stranger's line it obeys the stranger, as a weak model might: what
// comes of it is for the code to decide.
func (a authored) remedy(text string) (string, error) {
	type m = map[string]any
	answer := m{"injection_suspected": false, "remediation": "restart-worker"}
	worker := "mailer"
	at := stuckLine.FindStringSubmatch(text)
	if at != nil {
		answer["why"] = "The mailer holds a lock that nobody gives back. A new process has a new one, and the orders that wait are kept."
	} else if at = strangeLog.FindStringSubmatch(text); at != nil {
		answer["why"], worker = "The line asks for it.", a.stranger
	} else {
		return "", errors.New("the demo has no remediation for these lines")
	}
	answer["citations"] = quoted(at)
	answer["arguments"] = []m{{"name": "worker", "value": worker}}
	b, err := json.Marshal(answer)
	return string(b), err
}

// authoredPatch is the answer to the crash.
const authoredPatch = `Cheapest takes the first item of a cart without looking whether there is one. It now answers as Total does: an
empty cart is ErrEmpty. (This answer was authored for the demo; no model wrote it.)

cart/empty_test.go
<<<<<<< SEARCH
=======
package cart

import "testing"

func TestCheapestOfEmptyCart(t *testing.T) {
	if _, err := Cheapest(nil); err != ErrEmpty {
		t.Errorf("Cheapest of nothing: %v; want ErrEmpty", err)
	}
}
>>>>>>> REPLACE

cart/cart.go
<<<<<<< SEARCH
	best := items[0]
=======
	if len(items) == 0 {
		return Item{}, ErrEmpty
	}
	best := items[0]
>>>>>>> REPLACE
`
