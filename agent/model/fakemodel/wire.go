package fakemodel

import (
	"encoding/json"
	"strings"
)

// wire is one provider's format.
type wire interface {
	contentType() string
	// answer makes the body of an answer, fail that of an error.
	answer(model string, r Reply) string
	fail(message string) string
}

func wireOf(path string) wire {
	switch {
	case strings.HasSuffix(path, "/chat/completions"):
		return openAI{}
	case strings.HasSuffix(path, "/messages"):
		return anthropic{}
	case strings.HasSuffix(path, "/api/chat"):
		return ollama{}
	}
	return nil
}

type object map[string]any

func encode(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err) // maps of strings and numbers
	}
	return string(b)
}

func or(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}

type openAI struct{}

func (openAI) contentType() string { return "application/json" }

func (openAI) answer(model string, r Reply) string {
	message := object{"role": "assistant", "content": or(r.Text, "{}"), "refusal": nil}
	if r.Refusal != "" {
		message["content"], message["refusal"] = nil, r.Refusal
	}
	choices := []object{{"index": 0, "message": message, "logprobs": nil, "finish_reason": or(r.Finish, "stop")}}
	if r.NoChoices {
		choices = []object{}
	}
	out := object{
		"id": "chatcmpl-fake", "object": "chat.completion", "created": 1767225600, "model": model + "-fake", "choices": choices,
	}
	if r.InputTokens+r.OutputTokens > 0 {
		out["usage"] = object{
			"prompt_tokens": r.InputTokens, "completion_tokens": r.OutputTokens, "total_tokens": r.InputTokens + r.OutputTokens,
		}
	}
	return encode(out)
}

func (openAI) fail(message string) string {
	return encode(object{"error": object{"message": message, "type": "invalid_request_error", "param": nil, "code": nil}})
}

type anthropic struct{}

func (anthropic) contentType() string { return "application/json" }

func (anthropic) answer(model string, r Reply) string {
	var content []object
	if r.Thinking != "" {
		content = append(content, object{"type": "thinking", "thinking": r.Thinking, "signature": "fake"})
	}
	content = append(content, object{"type": "text", "text": or(r.Text, "{}")})
	if r.NoChoices {
		content = []object{}
	}
	return encode(object{
		"id": "msg_fake", "type": "message", "role": "assistant", "model": model + "-fake", "content": content,
		"stop_reason": or(r.Finish, "end_turn"), "stop_sequence": nil,
		"usage": object{"input_tokens": r.InputTokens, "output_tokens": r.OutputTokens},
	})
}

func (anthropic) fail(message string) string {
	return encode(object{"type": "error", "error": object{"type": "invalid_request_error", "message": message}})
}

type ollama struct{}

func (ollama) contentType() string { return "application/x-ndjson" }

// answer streams, as Ollama does with langchaingo: that leaves out "stream": false, and the default is true.
func (ollama) answer(model string, r Reply) string {
	const at = "2026-01-01T00:00:00Z"
	text := or(r.Text, "{}")
	var b strings.Builder
	for _, part := range []string{text[:len(text)/2], text[len(text)/2:]} {
		b.WriteString(encode(object{
			"model": model, "created_at": at, "message": object{"role": "assistant", "content": part}, "done": false,
		}) + "\n")
	}
	if r.NoChoices {
		return b.String() // a stream that broke off
	}
	b.WriteString(encode(object{
		"model": model, "created_at": at, "message": object{"role": "assistant", "content": ""}, "done": true,
		"done_reason": or(r.Finish, "stop"), "prompt_eval_count": r.InputTokens, "eval_count": r.OutputTokens,
	}) + "\n")
	return b.String()
}

func (ollama) fail(message string) string { return encode(object{"error": message}) }
