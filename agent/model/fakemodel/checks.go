package fakemodel

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

//go:embed schema/request.json
var ownRequest string

// SharedEnv names a folder that holds OpenAI's published schemas as api/CreateChatCompletionRequest.json and
// api/CreateChatCompletionResponse.json. They are not part of this repository.
const SharedEnv = "LOGWRIGHT_SHARED"

// checks are the schemas that requests and answers are held against.
type checks struct {
	requests, responses []*jsonschema.Schema
}

func newChecks(t testing.TB) *checks {
	t.Helper()
	c := &checks{requests: []*jsonschema.Schema{compile(t, "own-request.json", ownRequest)}}
	if dir := os.Getenv(SharedEnv); dir != "" {
		read := func(name string) *jsonschema.Schema {
			b, err := os.ReadFile(filepath.Join(dir, "api", name))
			if err != nil {
				t.Fatalf("%s is set, but the published schema is not there: %v", SharedEnv, err)
			}
			return compile(t, name, string(b))
		}
		c.requests = append(c.requests, read("CreateChatCompletionRequest.json"))
		c.responses = append(c.responses, read("CreateChatCompletionResponse.json"))
	}
	return c
}

func compile(t testing.TB, name, text string) *jsonschema.Schema {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	comp := jsonschema.NewCompiler()
	if err := comp.AddResource("fake:///"+name, doc); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	s, err := comp.Compile("fake:///" + name)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return s
}

func (c *checks) request(w wire, body []byte) string {
	if _, ok := w.(openAI); ok {
		return against(c.requests, string(body))
	}
	return checkNative(w, body)
}

func (c *checks) response(w wire, body string) string {
	if _, ok := w.(openAI); ok {
		return against(c.responses, body)
	}
	return ""
}

func against(schemas []*jsonschema.Schema, body string) string {
	doc, err := jsonschema.UnmarshalJSON(strings.NewReader(body))
	if err != nil {
		return err.Error()
	}
	for _, s := range schemas {
		if err := s.Validate(doc); err != nil {
			return err.Error()
		}
	}
	return ""
}

// checkNative holds a request against what the documentation of Anthropic's and Ollama's own APIs requires.
func checkNative(w wire, body []byte) string {
	var r struct {
		Model     string `json:"model"`
		MaxTokens int    `json:"max_tokens"`
		Messages  []struct {
			Role string `json:"role"`
		} `json:"messages"`
		Options struct {
			NumCtx     int `json:"num_ctx"`
			NumPredict int `json:"num_predict"`
		} `json:"options"`
	}
	if err := json.Unmarshal(body, &r); err != nil {
		return err.Error()
	}
	if r.Model == "" || len(r.Messages) == 0 {
		return "model or messages are missing"
	}
	for i, m := range r.Messages {
		_, isAnthropic := w.(anthropic)
		if m.Role != "user" && m.Role != "assistant" && (isAnthropic || m.Role != "system") {
			return fmt.Sprintf("messages[%d].role is %q", i, m.Role)
		}
	}
	switch w.(type) {
	case anthropic:
		if r.MaxTokens < 1 {
			return "max_tokens is missing"
		}
	case ollama:
		if r.Options.NumCtx <= r.Options.NumPredict {
			return "options.num_ctx leaves no room for the prompt"
		}
	}
	return ""
}
