package model

import (
	"context"
	"fmt"
	"net/http"

	openai "github.com/sashabaranov/go-openai"
)

// answer is what an adapter gets out of an exchange.
type answer struct {
	text, served, finish, refusal string
	usage                         Usage
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
		req.MaxTokens = maxTokens(r) //nolint:staticcheck // SA1019: deprecated by OpenAI, and all that older servers know
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
