package model

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"

	"github.com/tmc/langchaingo/llms"
	"github.com/tmc/langchaingo/llms/anthropic"
	"github.com/tmc/langchaingo/llms/ollama"
)

// askAnthropic makes one exchange with Anthropic's native API. langchaingo has no schema per call and ignores JSON mode
// there, so the schema goes into the prompt. raw gives the body of the answer, for what langchaingo drops.
func askAnthropic(ctx context.Context, hc *http.Client, e Endpoint, r Request, d dialect, raw func() []byte) (answer, error) {
	llm, err := anthropic.New(
		anthropic.WithToken(e.APIKey), // never the environment's: an empty key did not pass Validate
		anthropic.WithModel(e.Name), anthropic.WithBaseURL(e.baseURL()), anthropic.WithHTTPClient(hc))
	if err != nil {
		return answer{}, err
	}
	r = withSchemaInPrompt(r)
	// langchaingo always sends a temperature, 0 if none is given. 1 is the default, which every model takes.
	temp := temperature
	if d.noTemperature {
		temp = 1
	}
	resp, err := llm.GenerateContent(ctx, messages(r), llms.WithMaxTokens(maxTokens(r)), llms.WithTemperature(temp))
	if err != nil {
		return answer{}, err
	}
	var a answer
	// A model that thinks answers in several choices; those of the thoughts are empty.
	for _, c := range resp.Choices {
		if c == nil {
			continue
		}
		a.text += c.Content
		a.finish = c.StopReason
		a.usage.InputTokens = number(c.GenerationInfo["InputTokens"]) + number(c.GenerationInfo["CacheReadInputTokens"]) +
			number(c.GenerationInfo["CacheCreationInputTokens"])
		a.usage.OutputTokens = number(c.GenerationInfo["OutputTokens"])
	}
	var body struct {
		Model string `json:"model"`
	}
	if json.Unmarshal(raw(), &body) == nil {
		a.served = body.Model
	}
	return a, nil
}

// askOllama makes one exchange with Ollama's native API.
func askOllama(ctx context.Context, hc *http.Client, e Endpoint, r Request, raw func() []byte) (answer, error) {
	// WithServerURL ends the process on a URL it can't read. Validate has seen this one; checked again, since it must not.
	if u, err := url.Parse(e.baseURL()); err != nil || u.Host == "" {
		return answer{}, errors.New("base_url is not a URL")
	}
	wantsJSON := r.Schema != nil
	r = withSchemaInPrompt(r)
	llm, err := ollama.New(ollama.WithServerURL(e.baseURL()), ollama.WithModel(e.Name), ollama.WithHTTPClient(hc),
		// Without this, Ollama cuts the beginning off a prompt that is longer than its default window, and says nothing.
		ollama.WithRunnerNumCtx(window(r)))
	if err != nil {
		return answer{}, err
	}
	opts := []llms.CallOption{llms.WithMaxTokens(maxTokens(r)), llms.WithTemperature(temperature)}
	if wantsJSON {
		opts = append(opts, llms.WithJSONMode())
	}
	resp, err := llm.GenerateContent(ctx, messages(r), opts...)
	if err != nil {
		return answer{}, err
	}
	if len(resp.Choices) == 0 || resp.Choices[0] == nil {
		return answer{}, errors.New("the answer has no choices")
	}
	a := answer{
		text: resp.Choices[0].Content,
		usage: Usage{
			InputTokens:  number(resp.Choices[0].GenerationInfo["PromptTokens"]),
			OutputTokens: number(resp.Choices[0].GenerationInfo["CompletionTokens"]),
		},
	}
	// langchaingo does not notice that a stream broke off, and drops why an answer ended: read the last line ourselves.
	lines := bytes.Split(bytes.TrimSpace(raw()), []byte("\n"))
	var last struct {
		Model  string `json:"model"`
		Done   bool   `json:"done"`
		Reason string `json:"done_reason"`
	}
	if err := json.Unmarshal(lines[len(lines)-1], &last); err != nil || !last.Done {
		return answer{}, errors.New("the answer broke off")
	}
	a.served, a.finish = last.Model, last.Reason
	return a, nil
}

// window gives the context window, in tokens, that r and its answer need, in steps of 2048, so that Ollama does not load
// the model anew for each request.
func window(r Request) int {
	n := len(r.System)
	for _, m := range r.Messages {
		n += len(m.Text)
	}
	const step = 2048
	return (int(tokens(n)) + maxTokens(r) + step - 1) / step * step
}

func messages(r Request) []llms.MessageContent {
	var out []llms.MessageContent
	if r.System != "" {
		out = append(out, llms.TextParts(llms.ChatMessageTypeSystem, r.System))
	}
	for _, m := range r.Messages {
		role := llms.ChatMessageTypeHuman
		if m.Role == RoleAssistant {
			role = llms.ChatMessageTypeAI
		}
		out = append(out, llms.TextParts(role, m.Text))
	}
	return out
}

func number(v any) int64 {
	if n, ok := v.(int); ok {
		return int64(n)
	}
	return 0
}
