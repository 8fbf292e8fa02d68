package fakemodel

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
)

// fakeTB notes what the fake complains about.
type fakeTB struct {
	testing.TB
	errors []string
}

func (f *fakeTB) Errorf(format string, args ...any) {
	f.errors = append(f.errors, fmt.Sprintf(format, args...))
}

// The fake is strict: it would be worth nothing if it took everything.
func TestComplains(t *testing.T) {
	const ok = `{"model":"m","stream":false,"messages":[{"role":"user","content":"x"}]`
	for _, tc := range []struct {
		name, path, body string
		complains        bool
	}{
		{"a good request", "/v1/chat/completions", ok + `}`, false},
		{"not JSON", "/v1/chat/completions", `x`, true},
		{"no messages", "/v1/chat/completions", `{"model":"m","stream":false,"messages":[]}`, true},
		{"unknown key", "/v1/chat/completions", ok + `,"top_k":3}`, true},
		{"both bounds", "/v1/chat/completions", ok + `,"max_tokens":1,"max_completion_tokens":1}`, true},
		{"content is missing", "/v1/chat/completions", `{"model":"m","stream":false,"messages":[{"role":"user"}]}`, true},
		{"unknown role", "/v1/chat/completions", `{"model":"m","stream":false,"messages":[{"role":"boss","content":"x"}]}`, true},
		{"temperature", "/v1/chat/completions", ok + `,"temperature":3}`, true},
		{"response format", "/v1/chat/completions", ok + `,"response_format":{"type":"json_schema"}}`, true},
		{"anthropic", "/v1/messages", `{"model":"m","max_tokens":1,"messages":[{"role":"user","content":"x"}]}`, false},
		{"anthropic without a bound", "/v1/messages", `{"model":"m","messages":[{"role":"user","content":"x"}]}`, true},
		{"anthropic with a system message", "/v1/messages", `{"model":"m","max_tokens":1,"messages":[{"role":"system","content":"x"}]}`, true},
		{"ollama", "/api/chat", `{"model":"m","messages":[{"role":"system","content":"x"}],"options":{"num_ctx":20,"num_predict":10}}`, false},
		{"ollama without room", "/api/chat", `{"model":"m","messages":[{"role":"user","content":"x"}],"options":{"num_predict":10}}`, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			tb := &fakeTB{TB: t}
			s := InMemory(tb)
			req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL+tc.path, strings.NewReader(tc.body))
			if err != nil {
				t.Fatal(err)
			}
			resp, err := s.Transport().RoundTrip(req)
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			if _, err := io.ReadAll(resp.Body); err != nil {
				t.Fatal(err)
			}
			if got := len(tb.errors) > 0; got != tc.complains {
				t.Errorf("complains: %v, %q", got, tb.errors)
			}
		})
	}
}
