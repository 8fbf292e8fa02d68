package model

import (
	"net/http"
	"net/url"
	"strings"
)

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
	// oldMaxTokens (OpenAI-shaped): the bound of the answer goes as max_tokens. OpenAI's own API wants max_completion_tokens.
	oldMaxTokens bool
	// maxTokensSettled: the other name was tried because the server asked for it. It is not changed a second time.
	maxTokensSettled bool
	// noTemperature: the model takes no temperature but its own: OpenAI's that think, Anthropic's from Opus 4.7 on.
	noTemperature bool
	// shortAnswer: the model has no room for the answer that was asked for.
	shortAnswer bool
}

// shortAnswerTokens bounds the answer of a model with a small window.
const shortAnswerTokens = 2048

// temperature is low, since the same incident should get the same diagnosis. It is not 0, which go-openai leaves out of
// the request and some servers divide by.
const temperature = 0.1

// firstDialect is what to begin with.
func firstDialect(e Endpoint) dialect {
	if e.Provider != ProviderOpenAI {
		return dialect{format: formatPrompt}
	}
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
// Every step goes one way, so a server that refuses everything is asked a handful of times at most, and once is the rule.
func (d dialect) after(e *Error, msg string, r Request, name string) (dialect, bool) {
	if e.Status != http.StatusBadRequest && e.Status != http.StatusUnprocessableEntity {
		return d, false
	}
	msg = strings.ToLower(msg)
	mentions := func(words ...string) bool {
		for _, w := range words {
			if strings.Contains(msg, w) {
				return true
			}
		}
		return false
	}
	refused := mentions("unsupported", "not supported", "unknown", "unrecognized", "not permitted", "not allowed", "extra")
	tooMuch := e.Kind == KindTooLong || mentions("max_tokens", "completion tokens") &&
		mentions("too large", "at most", "maximum allowed", "greater than")
	switch {
	case tooMuch && !d.shortAnswer && maxTokens(r) > shortAnswerTokens:
		d.shortAnswer = true
	case e.Kind != KindBadRequest:
		return d, false
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
