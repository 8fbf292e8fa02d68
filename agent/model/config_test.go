package model_test

import (
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/logwright/logwright/agent/model"
)

func TestValidate(t *testing.T) {
	openai := func(change func(*model.Config)) model.Config {
		c := model.DefaultConfig()
		c.Provider, c.Name, c.APIKey = model.ProviderOpenAI, "gpt-5", "sk-1"
		change(&c)
		return c
	}
	for _, tc := range []struct {
		name string
		cfg  model.Config
		want []string // "path: part of message or hint"
	}{
		{"the default", model.DefaultConfig(), nil},
		{"the zero value is offline", model.Config{}, nil},
		{"openai", openai(func(*model.Config) {}), nil},
		{"vllm on loopback without key", openai(func(c *model.Config) { c.APIKey, c.BaseURL = "", "http://127.0.0.1:8000/v1" }), nil},
		{"IPv6 loopback", openai(func(c *model.Config) { c.BaseURL = "http://[::1]:8000/v1" }), nil},
		{"localhost", openai(func(c *model.Config) { c.BaseURL = "http://localhost/v1" }), nil},
		{"ollama", openai(func(c *model.Config) { c.Provider, c.APIKey, c.BaseURL = "ollama", "", "http://127.0.0.1:11434" }), nil},

		{"unknown provider", openai(func(c *model.Config) { c.Provider = "opnai" }), []string{`provider: unknown provider "opnai"`, "provider: did you mean openai?"}},
		{"claude", openai(func(c *model.Config) { c.Provider = "claude" }), []string{"provider: did you mean anthropic?"}},
		{"vllm", openai(func(c *model.Config) { c.Provider = "vllm" }), []string{"provider: base_url"}},
		{"far off", openai(func(c *model.Config) { c.Provider = "skynet" }), []string{"provider: one of offline, openai, anthropic, ollama"}},
		{"case counts", openai(func(c *model.Config) { c.Provider = "OpenAI" }), []string{"provider: did you mean openai?"}},
		{"no name", openai(func(c *model.Config) { c.Name = " " }), []string{"name: is missing"}},
		{"no key", openai(func(c *model.Config) { c.APIKey = "" }), []string{"api_key: is missing"}},
		{"no key for anthropic elsewhere", openai(func(c *model.Config) { c.Provider, c.APIKey, c.BaseURL = "anthropic", "", "https://x.example" }),
			[]string{"api_key: is missing"}},
		{"a key with a line break", openai(func(c *model.Config) { c.APIKey = "sk-1\n" }), []string{"api_key: line break"}},
		{"ollama with a key", openai(func(c *model.Config) { c.Provider, c.BaseURL = "ollama", "http://127.0.0.1:1" }), []string{"api_key: takes no key"}},
		{"ollama without address", openai(func(c *model.Config) { c.Provider, c.APIKey = "ollama", "" }), []string{"base_url: never looks for a model by itself"}},
		{"http elsewhere", openai(func(c *model.Config) { c.BaseURL = "http://10.0.0.5/v1" }), []string{"base_url: in the clear"}},
		{"a name that begins with 127", openai(func(c *model.Config) { c.BaseURL = "http://127.0.0.1.evil.example/v1" }), []string{"base_url: in the clear"}},
		{"another scheme", openai(func(c *model.Config) { c.BaseURL = "file:///etc/passwd" }), []string{"base_url: is not a URL"}},
		{"unix socket", openai(func(c *model.Config) { c.BaseURL = "unix://host/x" }), []string{"base_url: unknown scheme"}},
		{"a password in the URL", openai(func(c *model.Config) { c.BaseURL = "https://me:pw@x.example/v1" }), []string{"base_url: user or password"}},
		{"a query in the URL", openai(func(c *model.Config) { c.BaseURL = "https://x.example/v1?key=1" }), []string{"base_url: query"}},
		{"not a URL", openai(func(c *model.Config) { c.BaseURL = "llm.example" }), []string{"base_url: is not a URL"}},
		{"negative time", openai(func(c *model.Config) { c.Timeout = -time.Second }), []string{"timeout: negative"}},
		{"no budget", openai(func(c *model.Config) { c.Budget = model.Budget{} }), []string{"budget.calls_per_incident: is 0", "budget.tokens_per_day: is 0"}},
		{"negative budget", openai(func(c *model.Config) { c.Budget = model.Budget{CallsPerIncident: -1, TokensPerDay: -1, USDPerDay: -1} }),
			[]string{"budget.calls_per_incident: negative", "budget.tokens_per_day: negative", "budget.usd_per_day: not an amount"}},
		{"fallback is checked too", openai(func(c *model.Config) {
			c.Fallback = []model.Endpoint{{Provider: "anthropic", Name: "x"}, {Provider: "offline"}, {Provider: "olama"}}
		}), []string{"fallback[0].api_key: is missing", "fallback[1].provider: a fallback must name a model", "fallback[2].provider: did you mean ollama?"}},
		{"fallback of nothing", model.Config{Fallback: []model.Endpoint{{Provider: "openai"}}}, []string{"fallback: provider is offline", "fallback[0].name: is missing"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			ps := tc.cfg.Validate()
			if len(tc.want) == 0 && len(ps) > 0 {
				t.Fatalf("got %+v", ps)
			}
			for _, want := range tc.want {
				path, text, _ := strings.Cut(want, ": ")
				found := false
				for _, p := range ps {
					if p.Path == path && strings.Contains(p.Message+" | "+p.Hint, text) {
						found = true
					}
				}
				if !found {
					t.Errorf("no problem %q in %+v", want, ps)
				}
			}
			for _, p := range ps {
				if strings.Contains(p.Message+p.Hint, "me:pw") || strings.Contains(p.Message+p.Hint, "sk-1") {
					t.Errorf("a secret shows: %+v", p)
				}
			}
		})
	}
}

func TestNewRefusesABadConfig(t *testing.T) {
	c := model.DefaultConfig()
	c.Provider = "opnai"
	_, err := model.New(c, model.Options{Redact: redactTest, Ledger: model.NewMemoryLedger(c.Budget)})
	if err == nil || !strings.Contains(err.Error(), `model.provider: unknown provider "opnai"`) {
		t.Errorf("got %v", err)
	}
}

func TestConfigShowsNoKey(t *testing.T) {
	c := model.DefaultConfig()
	c.Provider, c.Name, c.APIKey = model.ProviderOpenAI, "gpt-5", testKey
	c.Fallback = []model.Endpoint{{Provider: model.ProviderAnthropic, Name: "x", APIKey: testKey}}
	var log strings.Builder
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "config", c, "endpoint", c.Fallback[0])
	for _, s := range []string{fmt.Sprint(c), fmt.Sprintf("%+v", c), fmt.Sprintf("%#v", c), fmt.Sprintf("%v", struct{ C any }{c}),
		fmt.Sprintf("%+v", c.Fallback), fmt.Sprintf("%#v", c.Fallback), log.String()} {
		if strings.Contains(s, testKey) || !strings.Contains(s, "[set]") {
			t.Errorf("%s", s)
		}
	}
}

func TestNotices(t *testing.T) {
	for _, tc := range []struct {
		provider, name, url string
		notice              bool
	}{
		{"offline", "", "", false},
		{"openai", "gpt-4.1-mini", "", false},
		{"openai", "gpt-4.1-mini-2025-04-14", "", false},
		{"openai", "gpt-99", "", true},
		{"openai", "gpt-4.1-mini-high", "", true},
		{"openai", "qwen3", "http://127.0.0.1:8000/v1", false},
		{"openai", "qwen3", "https://llm.example/v1", true},
		{"anthropic", "claude-sonnet-4-5-20250929", "", false},
		{"anthropic", "claude-next", "", true},
		{"ollama", "llama3", "https://ollama.example", false},
	} {
		c := model.DefaultConfig()
		c.Provider, c.Name, c.BaseURL = tc.provider, tc.name, tc.url
		if got := c.Notices(); len(got) > 0 != tc.notice {
			t.Errorf("%s %s: %v", tc.provider, tc.name, got)
		}
		c.Budget.USDPerDay = 0
		if got := c.Notices(); len(got) > 0 {
			t.Errorf("no money budget, but %v", got)
		}
	}
}
