package model

import (
	"math"
	"net/url"
	"regexp"
)

// PricesAsOf is the date of the price table below, from the providers' published lists. The table only bounds spending;
// what counts is the provider's bill. A model that is not in it costs 0 here, the money budget does not hold for it, and
// Config.Notices says so: a guess would be a wrong limit that looks like a right one.
const PricesAsOf = "2026-03-21"

// price is in USD for a million tokens.
type price struct{ input, output float64 }

// priceTable is read only. The names are the providers' without the date that a snapshot's name ends in.
var priceTable = map[string]map[string]price{
	ProviderOpenAI: {
		"gpt-5.4": {2.50, 15}, "gpt-5.2": {1.75, 14}, "gpt-5.1": {1.25, 10}, "gpt-5": {1.25, 10},
		"gpt-5-mini": {0.25, 2}, "gpt-5-nano": {0.05, 0.40},
		"gpt-4.1": {2, 8}, "gpt-4.1-mini": {0.40, 1.60}, "gpt-4.1-nano": {0.10, 0.40},
		"gpt-4o": {2.50, 10}, "gpt-4o-mini": {0.15, 0.60},
		"o3": {2, 8}, "o3-mini": {1.10, 4.40}, "o4-mini": {1.10, 4.40},
	},
	ProviderAnthropic: {
		"claude-opus-4-6": {5, 25}, "claude-opus-4-5": {5, 25}, "claude-opus-4-1": {15, 75}, "claude-opus-4": {15, 75},
		"claude-sonnet-4-6": {3, 15}, "claude-sonnet-4-5": {3, 15}, "claude-sonnet-4": {3, 15},
		"claude-haiku-4-5": {1, 5}, "claude-3-haiku": {0.25, 1.25},
	},
}

// snapshot is the date at the end of a name: "-2025-08-07" (OpenAI), "-20250929" (Anthropic).
var snapshot = regexp.MustCompile(`-(20\d\d-\d\d-\d\d|20\d{6})$`)

// priceOf gives the price of e's model. What runs on this host costs nothing. false means that the price is not known.
func priceOf(e Endpoint) (price, bool) {
	if e.Provider == ProviderOllama {
		return price{}, true
	}
	if u, err := url.Parse(e.baseURL()); err == nil && isLoopback(u.Hostname()) {
		return price{}, true
	}
	p, ok := priceTable[e.Provider][snapshot.ReplaceAllString(e.Name, "")]
	return p, ok
}

// of gives the cost of u.
func (p price) of(u Usage) float64 {
	return (float64(u.InputTokens)*p.input + float64(u.OutputTokens)*p.output) / 1e6
}

// tokens estimates how many tokens n bytes are, on the high side for log text: a third. It needs no tokenizer, which
// would have to be downloaded and fits one family of models only. What a call really used is settled by the server's
// count, so that an estimate that is too low lets the budget be overrun by the calls under way and no more.
func tokens(n int) int64 { return int64(math.Ceil(float64(n) / 3)) }
