package model

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	openai "github.com/sashabaranov/go-openai"
)

// answer is what an adapter gets out of an exchange.
type answer struct {
	text, served, finish, refusal string
	usage                         Usage
}

// format is how an OpenAI-shaped server is told what an answer has to look like. Servers differ: OpenAI, vLLM and llama.cpp
// take a schema, DeepSeek only json_object, LM Studio a schema but not json_object, older servers nothing at all.
type format int

const (
	formatSchema format = iota // response_format json_schema, strict
	formatObject               // response_format json_object, and the schema in the prompt
	formatPrompt               // the schema in the prompt
)

// dialect is what was learnt about a server from what it refused. It is kept for the life of the process, so that each
// refusal happens once.
type dialect struct {
	format format
	// oldMaxTokens: the bound of the answer goes as max_tokens. OpenAI's own API wants max_completion_tokens.
	oldMaxTokens bool
	// maxTokensSettled: the other name was tried because the server asked for it. It is not changed a second time.
	maxTokensSettled bool
	// noTemperature: the model takes no temperature.
	noTemperature bool
	// shortAnswer: the model's window has no room for the answer that was asked for.
	shortAnswer bool
}

// shortAnswerTokens bounds the answer of a model with a small window.
const shortAnswerTokens = 2048

// temperature is low, since the same incident should get the same diagnosis. It is not 0, which go-openai leaves out of
// the request and some servers divide by.
const temperature = 0.1

// firstDialect is what to begin with.
func firstDialect(e Endpoint) dialect {
	host := ""
	if u, err := url.Parse(e.baseURL()); err == nil {
		host = u.Hostname()
	}
	modern := host == "api.openai.com" || thinks(e.Name)
	return dialect{oldMaxTokens: !modern, noTemperature: modern}
}

// thinks goes by the names for which go-openai refuses max_tokens and temperature.
func thinks(name string) bool {
	for _, p := range []string{"o1", "o3", "o4", "gpt-5", "gpt-6"} {
		if strings.HasPrefix(name, p) {
			return true
		}
	}
	return false
}

// after gives the dialect to try next when a server refused a request with error text msg. false: there is none that helps.
func (d dialect) after(e *Error, msg string, r Request, name string) (dialect, bool) {
	msg = strings.ToLower(msg)
	if e.Kind == KindTooLong {
		if e.Status == 0 || d.shortAnswer || maxTokens(r) <= shortAnswerTokens {
			return d, false
		}
		d.shortAnswer = true
		return d, true
	}
	if e.Status != http.StatusBadRequest && e.Status != http.StatusUnprocessableEntity {
		return d, false
	}
	mentions := func(words ...string) bool {
		for _, w := range words {
			if strings.Contains(msg, w) {
				return true
			}
		}
		return false
	}
	refused := mentions("unsupported", "not supported", "unknown", "unrecognized", "not permitted", "not allowed", "extra")
	switch {
	case r.Schema != nil && d.format < formatPrompt && mentions("response_format", "json_schema", "json_object",
		"structured output", "guided", "grammar", "invalid schema"):
		d.format++
	case !d.noTemperature && mentions("temperature"):
		d.noTemperature = true
	case !d.maxTokensSettled && d.oldMaxTokens && mentions("max_completion_tokens"):
		d.oldMaxTokens, d.maxTokensSettled = false, true
	case !d.maxTokensSettled && !d.oldMaxTokens && refused && mentions("max_completion_tokens") && !thinks(name):
		d.oldMaxTokens, d.maxTokensSettled = true, true
	default:
		return d, false
	}
	return d, true
}

func maxTokens(r Request) int {
	if r.MaxTokens > 0 {
		return r.MaxTokens
	}
	return DefaultMaxTokens
}

// askOpenAI makes one exchange with an OpenAI-shaped server.
func askOpenAI(ctx context.Context, hc *http.Client, e Endpoint, r Request, d dialect) (answer, error) {
	cfg := openai.DefaultConfig(e.APIKey)
	cfg.BaseURL = e.baseURL()
	cfg.HTTPClient = hc
	if d.format != formatSchema {
		schema := r.Schema
		r = withSchemaInPrompt(r)
		if d.format == formatObject {
			r.Schema = schema
		}
	}
	req := openai.ChatCompletionRequest{Model: e.Name}
	if d.oldMaxTokens {
		req.MaxTokens = maxTokens(r)
	} else {
		req.MaxCompletionTokens = maxTokens(r)
	}
	if !d.noTemperature {
		req.Temperature = temperature
	}
	if r.System != "" {
		req.Messages = append(req.Messages, openai.ChatCompletionMessage{Role: openai.ChatMessageRoleSystem, Content: r.System})
	}
	for _, m := range r.Messages {
		req.Messages = append(req.Messages, openai.ChatCompletionMessage{Role: string(m.Role), Content: m.Text})
	}
	if r.Schema != nil {
		req.ResponseFormat = &openai.ChatCompletionResponseFormat{Type: openai.ChatCompletionResponseFormatTypeJSONObject}
		if d.format == formatSchema {
			req.ResponseFormat.Type = openai.ChatCompletionResponseFormatTypeJSONSchema
			req.ResponseFormat.JSONSchema = &openai.ChatCompletionResponseFormatJSONSchema{
				Name: r.Schema.Name, Schema: r.Schema.JSON, Strict: true,
			}
		}
	}
	resp, err := openai.NewClientWithConfig(cfg).CreateChatCompletion(ctx, req)
	if err != nil {
		return answer{}, err
	}
	if len(resp.Choices) == 0 {
		return answer{}, fmt.Errorf("the answer has no choices")
	}
	c := resp.Choices[0]
	text := c.Message.Content
	for _, p := range c.Message.MultiContent {
		text += p.Text
	}
	return answer{
		text: text, served: resp.Model, finish: string(c.FinishReason), refusal: c.Message.Refusal,
		usage: Usage{InputTokens: int64(resp.Usage.PromptTokens), OutputTokens: int64(resp.Usage.CompletionTokens)},
	}, nil
}
