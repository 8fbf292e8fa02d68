package model

import (
	"bytes"
	"encoding/json"
	"fmt"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// failure is an Error with what only this package needs to know.
type failure struct {
	*Error
	// retry: asking once more at once, or after RetryAfter, is safe and makes sense.
	retry bool
	// rest is how long the endpoint is to be left alone, because nothing will change by itself before.
	rest time.Duration
	// billed: the server may have done the work, so the estimate has to be reckoned with.
	billed bool
	// said is all that the server said, for matching only: it is never shown.
	said string
}

// longRest is how long an endpoint is left alone whose key, credit, name or address is wrong.
const longRest = 15 * time.Minute

// classify says what an HTTP response with a status other than 2xx means.
func classify(status int, h http.Header, body []byte, now time.Time) *failure {
	said := serverSays(body)
	low := strings.ToLower(said)
	has := func(words ...string) bool {
		for _, w := range words {
			if strings.Contains(low, w) {
				return true
			}
		}
		return false
	}
	f := &failure{Error: &Error{Status: status, RetryAfter: retryAfter(h, now)}, said: said}
	set := func(k Kind, message, hint string) *failure {
		f.Kind, f.Message, f.Hint = k, message, hint
		if said != "" {
			f.Message += ": " + said
		}
		return f
	}
	outOfCredit := has("insufficient_quota", "credit balance", "insufficient balance", "exceeded your current quota")
	switch {
	case status >= 300 && status < 400:
		to := "elsewhere"
		if u, err := url.Parse(h.Get("Location")); err == nil && u.Host != "" {
			to = "to " + u.Host
		}
		f.said = ""
		f.rest = longRest
		f.Kind, f.Message = KindBadRequest, fmt.Sprintf("the endpoint redirects %s (HTTP %d), which is not followed since it would carry the key along", to, status)
		f.Hint = "set base_url to the address that it means"
		return f
	case outOfCredit || status == http.StatusPaymentRequired:
		f.rest = longRest
		return set(KindRateLimited, fmt.Sprintf("the account has no credit left (HTTP %d)", status), "look at the account's billing page")
	case status == http.StatusUnauthorized || status == http.StatusForbidden:
		f.rest = longRest
		return set(KindAuth, fmt.Sprintf("the server refuses the key (HTTP %d)", status), "check model.api_key, and whether it has a right to this model")
	case status == http.StatusNotFound:
		f.rest = longRest
		return set(KindBadRequest, "the server knows no such model or address (HTTP 404)", "check model.name and model.base_url (most end in /v1)")
	case status == http.StatusTooManyRequests:
		f.retry = true
		return set(KindRateLimited, "the server asks for patience (HTTP 429)", "")
	case status == http.StatusRequestTimeout,
		status >= 500 && status != http.StatusNotImplemented && status != http.StatusHTTPVersionNotSupported:
		f.retry = true
		return set(KindUnavailable, fmt.Sprintf("the server failed (HTTP %d)", status), "")
	case status == http.StatusRequestEntityTooLarge,
		has("context_length", "context length", "maximum context", "prompt is too long", "context window", "context size"):
		return set(KindTooLong, fmt.Sprintf("the prompt is longer than the model takes (HTTP %d)", status), "")
	case has("content_filter", "content management policy", "content policy"):
		return set(KindRefused, fmt.Sprintf("the server's content filter refused the prompt (HTTP %d)", status), "")
	default:
		return set(KindBadRequest, fmt.Sprintf("the server refused the request (HTTP %d)", status), "check model.name and model.base_url")
	}
}

// serverSays finds the message in the body of an error: OpenAI {"error":{"message","code","type","param"}}, LM Studio and
// Ollama {"error":"..."}, FastAPI {"detail":...}. Codes are appended, since some servers say it only there.
func serverSays(body []byte) string {
	var v struct {
		Error   json.RawMessage `json:"error"`
		Message any             `json:"message"`
		Detail  any             `json:"detail"`
	}
	if json.Unmarshal(body, &v) != nil {
		return ""
	}
	var parts []string
	add := func(x any) {
		switch x := x.(type) {
		case nil:
		case string:
			if x != "" {
				parts = append(parts, x)
			}
		default:
			if b, err := json.Marshal(x); err == nil {
				parts = append(parts, string(b))
			}
		}
	}
	var obj struct {
		Message any `json:"message"`
		Code    any `json:"code"`
		Type    any `json:"type"`
		Param   any `json:"param"`
	}
	if len(v.Error) > 0 && json.Unmarshal(v.Error, &obj) == nil {
		add(obj.Message)
		for _, x := range []any{obj.Code, obj.Type, obj.Param} {
			if s, ok := x.(string); ok && s != "" {
				parts = append(parts, "("+s+")")
			}
		}
	} else if len(v.Error) > 0 {
		var s any
		if json.Unmarshal(v.Error, &s) == nil {
			add(s)
		}
	}
	add(v.Message)
	add(v.Detail)
	return strings.Join(parts, " ")
}

// checkBody says what is wrong with the body of a 2xx response before a library reads it, "" for nothing.
func checkBody(h http.Header, body []byte) string {
	if len(bytes.TrimSpace(body)) == 0 {
		return "the answer is empty"
	}
	ct := h.Get("Content-Type")
	mt, _, err := mime.ParseMediaType(ct)
	switch {
	case ct == "":
	case err != nil:
		return "the answer's content type can't be read"
	case mt == "text/event-stream":
		return "the server streams although it was not asked to"
	case mt != "text/plain" && !strings.Contains(mt, "json"):
		return fmt.Sprintf("the answer is %s, not JSON", mt)
	}
	if b := bytes.TrimSpace(body); b[0] != '{' {
		return "the answer is not a JSON object"
	}
	return ""
}
