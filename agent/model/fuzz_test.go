package model_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/logwright/logwright/agent/model"
	"github.com/logwright/logwright/agent/model/fakemodel"
)

// Whatever a server sends, a call ends in one JSON object or in a typed error of one line, and the ledger is settled.
func FuzzResponse(f *testing.F) {
	f.Add(200, "application/json", `{"choices":[{"message":{"role":"assistant","content":"{}"},"finish_reason":"stop"}]}`)
	f.Add(200, "application/json", `{"content":[{"type":"text","text":"{}"}],"stop_reason":"end_turn","usage":{"input_tokens":-1}}`)
	f.Add(200, "application/x-ndjson", "{\"message\":{\"content\":\"{\"},\"done\":false}\n{\"message\":{\"content\":\"}\"},\"done\":true}\n")
	f.Add(200, "application/json", `{"choices":[{"message":{"content":[{"type":"text","text":"{}"}]}}],"usage":{"prompt_tokens":1e99}}`)
	f.Add(400, "text/html", `{"error":{"message":["\u001b","response_format"],"code":{}}}`)
	f.Add(401, "", testKey)
	f.Fuzz(func(t *testing.T, status int, contentType, body string) {
		if status < 200 || status > 599 || status == 429 || status == 408 || status >= 500 {
			status = 200 // those are waited for
		}
		for _, provider := range []string{model.ProviderOpenAI, model.ProviderAnthropic, model.ProviderOllama} {
			reply := fakemodel.Reply{Raw: body, RawType: contentType}
			if status > 299 {
				reply = fakemodel.Reply{Status: status, RawError: body}
			} else if contentType == "" {
				reply.RawType = "application/json"
			}
			fake := fakemodel.InMemory(t, reply)
			c := config(provider, fake.URL)
			d := open(t, c, model.Options{Transport: fake.Transport()})
			got, err := d.Complete(t.Context(), ask("x"))
			if err == nil {
				if !json.Valid([]byte(got.Text)) || !strings.HasPrefix(got.Text, "{") {
					t.Fatalf("%s: an answer that is no object: %q", provider, got.Text)
				}
			} else if k := model.KindOf(err); k == "" || strings.ContainsAny(err.Error(), "\n\r\x1b") || provider != model.ProviderOllama && strings.Contains(err.Error(), testKey) {
				t.Fatalf("%s: %q", provider, err)
			}
			if got.Usage.InputTokens < 0 || got.Usage.OutputTokens < 0 {
				t.Fatalf("%s: usage %+v", provider, got.Usage)
			}
			for _, e := range d.ledger.Entries() {
				if !e.Done {
					t.Fatalf("%s: a call was not settled", provider)
				}
			}
		}
	})
}
