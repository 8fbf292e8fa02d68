package model

import (
	"fmt"
	"log/slog"
	"math"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"github.com/logwright/logwright/agent/incident"
)

// Config is the section "model" of agent.yaml.
type Config struct {
	// Provider is one of Providers; "" means offline.
	Provider string `yaml:"provider"`
	// Name is the model's name as the provider knows it.
	Name string `yaml:"name"`
	// BaseURL is where the provider's API begins ("https://llm.example/v1"), "" for the provider's own.
	BaseURL string `yaml:"base_url"`
	// APIKey is the key, "" where the endpoint wants none.
	APIKey string `yaml:"api_key"`
	// Timeout bounds one exchange, from sending to the answer's last byte. 0 means DefaultTimeout.
	Timeout time.Duration `yaml:"timeout"`
	// Fallback is asked in order when the model above is unavailable or rate-limited.
	Fallback []Endpoint `yaml:"fallback"`
	Budget   Budget     `yaml:"budget"`
}

// Endpoint is one more model to ask. Its fields are those of Config.
type Endpoint struct {
	Provider string        `yaml:"provider"`
	Name     string        `yaml:"name"`
	BaseURL  string        `yaml:"base_url"`
	APIKey   string        `yaml:"api_key"`
	Timeout  time.Duration `yaml:"timeout"`
}

// Budget bounds what is asked. Days are UTC days.
type Budget struct {
	CallsPerIncident int64   `yaml:"calls_per_incident"`
	TokensPerDay     int64   `yaml:"tokens_per_day"`
	USDPerDay        float64 `yaml:"usd_per_day"`
}

// The providers.
const (
	ProviderOffline   = "offline"
	ProviderOpenAI    = "openai"
	ProviderAnthropic = "anthropic"
	ProviderOllama    = "ollama"
)

// Providers lists every provider, in the order they are documented.
var Providers = []string{ProviderOffline, ProviderOpenAI, ProviderAnthropic, ProviderOllama}

// DefaultTimeout bounds an exchange where the configuration does not.
const DefaultTimeout = 60 * time.Second

const (
	openAIBaseURL    = "https://api.openai.com/v1"
	anthropicBaseURL = "https://api.anthropic.com/v1"
)

// otherNames are words people write where a provider stands, and what they mean here.
var otherNames = map[string]string{
	"none": ProviderOffline, "off": ProviderOffline, "disabled": ProviderOffline,
	"gpt": ProviderOpenAI, "chatgpt": ProviderOpenAI, "azure": ProviderOpenAI, "vllm": ProviderOpenAI,
	"llama.cpp": ProviderOpenAI, "llamacpp": ProviderOpenAI, "lmstudio": ProviderOpenAI, "openrouter": ProviderOpenAI,
	"mistral": ProviderOpenAI, "groq": ProviderOpenAI, "deepseek": ProviderOpenAI, "together": ProviderOpenAI,
	"claude": ProviderAnthropic, "llama": ProviderOllama, "local": ProviderOllama,
}

// DefaultConfig is what holds where agent.yaml says nothing: no model, and the documented budget for when there is one.
func DefaultConfig() Config {
	return Config{
		Provider: ProviderOffline,
		Timeout:  DefaultTimeout,
		Budget:   Budget{CallsPerIncident: 8, TokensPerDay: 500_000, USDPerDay: 5},
	}
}

// Offline says that no model is configured: no request is ever made.
func (c Config) Offline() bool { return c.Provider == "" || c.Provider == ProviderOffline }

func (c Config) endpoints() []Endpoint {
	first := Endpoint{Provider: c.Provider, Name: c.Name, BaseURL: c.BaseURL, APIKey: c.APIKey, Timeout: c.Timeout}
	return append([]Endpoint{first}, c.Fallback...)
}

// Validate reports everything that is wrong with c.
func (c Config) Validate() []incident.Problem {
	var ps []incident.Problem
	switch {
	case !c.Offline():
		ps = append(ps, c.endpoints()[0].validate()...)
	case len(c.Fallback) > 0:
		ps = append(ps, incident.Problemf("fallback", "there are fallback models but provider is offline").
			WithHint("name the first model with provider and name, or remove fallback"))
	}
	for i, e := range c.Fallback {
		prefix := fmt.Sprintf("fallback[%d]", i)
		if e.Provider == ProviderOffline || e.Provider == "" {
			ps = append(ps, incident.Problemf(prefix+".provider", "a fallback must name a model").
				WithHint("remove it; the offline diagnoser always comes last"))
			continue
		}
		ps = append(ps, incident.Under(prefix, e.validate())...)
	}
	b := c.Budget
	if b.CallsPerIncident < 0 {
		ps = append(ps, incident.Problemf("budget.calls_per_incident", "%d is negative", b.CallsPerIncident))
	}
	if b.TokensPerDay < 0 {
		ps = append(ps, incident.Problemf("budget.tokens_per_day", "%d is negative", b.TokensPerDay))
	}
	if b.USDPerDay < 0 || math.IsNaN(b.USDPerDay) || math.IsInf(b.USDPerDay, 0) {
		ps = append(ps, incident.Problemf("budget.usd_per_day", "%v is not an amount of money", b.USDPerDay))
	}
	if !c.Offline() {
		const hint = "a budget of 0 refuses every call; set provider: offline to use no model"
		if b.CallsPerIncident == 0 {
			ps = append(ps, incident.Problemf("budget.calls_per_incident", "is 0").WithHint(hint))
		}
		if b.TokensPerDay == 0 {
			ps = append(ps, incident.Problemf("budget.tokens_per_day", "is 0").WithHint(hint))
		}
	}
	return ps
}

func (e Endpoint) validate() []incident.Problem {
	var ps []incident.Problem
	switch e.Provider {
	case ProviderOpenAI, ProviderAnthropic, ProviderOllama:
	default:
		p := incident.Problemf("provider", "unknown provider %q (one of %s)", e.Provider, strings.Join(Providers, ", "))
		if near := nearestProvider(e.Provider); near != "" {
			p = p.WithHint("did you mean %s?", near)
			if near == ProviderOpenAI {
				p = p.WithHint("did you mean openai? It talks to every OpenAI-shaped endpoint; name yours in base_url")
			}
		}
		return append(ps, p)
	}
	if strings.TrimSpace(e.Name) == "" {
		ps = append(ps, incident.Problemf("name", "is missing").WithHint("the model's name as %s knows it", e.Provider))
	}
	ps = append(ps, e.validateURL()...)
	switch {
	case e.Provider == ProviderAnthropic && e.APIKey == "",
		e.Provider == ProviderOpenAI && e.APIKey == "" && e.BaseURL == "":
		ps = append(ps, incident.Problemf("api_key", "is missing").WithHint("for example api_key: ${LOGWRIGHT_MODEL_KEY}"))
	case e.Provider == ProviderOllama && e.APIKey != "":
		ps = append(ps, incident.Problemf("api_key", "ollama's own API takes no key").
			WithHint("remove it, or use provider: openai with base_url ending in /v1 if a proxy before it wants one"))
	case strings.ContainsFunc(e.APIKey, func(r rune) bool { return r <= ' ' || r > '~' }):
		ps = append(ps, incident.Problemf("api_key", "holds a space, a line break or a character that no key has").
			WithHint("look for a line break at the end of the secret"))
	}
	if e.Timeout < 0 {
		ps = append(ps, incident.Problemf("timeout", "%s is negative", e.Timeout))
	}
	return ps
}

func (e Endpoint) validateURL() []incident.Problem {
	if e.BaseURL == "" {
		if e.Provider == ProviderOllama {
			return []incident.Problem{incident.Problemf("base_url", "is missing").
				WithHint("Logwright never looks for a model by itself, since any local user could listen there; " +
					"say base_url: http://127.0.0.1:11434 if that is yours")}
		}
		return nil
	}
	u, err := url.Parse(e.BaseURL)
	switch {
	case err != nil || u.Host == "":
		return []incident.Problem{incident.Problemf("base_url", "is not a URL").WithHint("it looks like https://llm.example/v1")}
	case u.User != nil:
		return []incident.Problem{incident.Problemf("base_url", "holds a user or password").WithHint("put the key into api_key")}
	case u.RawQuery != "" || u.Fragment != "":
		return []incident.Problem{incident.Problemf("base_url", "holds a query or a fragment").WithHint("end it with the path")}
	case u.Scheme == "https":
		return nil
	case u.Scheme == "http" && isLoopback(u.Hostname()):
		return nil
	case u.Scheme == "http":
		return []incident.Problem{incident.Problemf("base_url", "http to %s would send logs and key in the clear", u.Hostname()).
			WithHint("use https; plain http is for loopback addresses only")}
	default:
		return []incident.Problem{incident.Problemf("base_url", "unknown scheme %q", u.Scheme).WithHint("use https")}
	}
}

// isLoopback goes by the name alone: it looks nothing up.
func isLoopback(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	a, err := netip.ParseAddr(host)
	return err == nil && a.Unmap().IsLoopback()
}

func (e Endpoint) baseURL() string {
	switch {
	case e.BaseURL != "":
		return strings.TrimRight(e.BaseURL, "/")
	case e.Provider == ProviderAnthropic:
		return anthropicBaseURL
	default:
		return openAIBaseURL
	}
}

func (e Endpoint) timeout() time.Duration {
	if e.Timeout <= 0 {
		return DefaultTimeout
	}
	return e.Timeout
}

// Notices are things an operator should know about a valid configuration, in whole sentences; for the start-up log and
// `logwright doctor`.
func (c Config) Notices() []string {
	if c.Offline() {
		return nil
	}
	var out []string
	for _, e := range c.endpoints() {
		if _, known := priceOf(e); !known && c.Budget.USDPerDay > 0 {
			out = append(out, fmt.Sprintf("The price of %s (%s) is not known, so budget.usd_per_day does not hold for it; "+
				"calls_per_incident and tokens_per_day do.", e.Name, e.Provider))
		}
	}
	return out
}

func nearestProvider(s string) string {
	s = strings.ToLower(strings.TrimSpace(s))
	if n, ok := otherNames[s]; ok {
		return n
	}
	best, at := "", 3
	for _, p := range Providers {
		if d := incident.EditDistance(s, p); d < at {
			best, at = p, d
		}
	}
	return best
}

// secret shows that there is a key, and nothing of it.
func secret(key string) string {
	if key == "" {
		return ""
	}
	return "[set]"
}

// String shows c without its keys, so that a Config that gets into a log or an error gives none away.
func (c Config) String() string {
	var b strings.Builder
	for i, e := range c.endpoints() {
		if i > 0 {
			b.WriteString(", then ")
		}
		b.WriteString(e.String())
	}
	fmt.Fprintf(&b, ", timeout %s, budget %+v", c.Timeout, c.Budget)
	return b.String()
}

// GoString is String, for %#v.
func (c Config) GoString() string { return c.String() }

// LogValue is String, for log/slog.
func (c Config) LogValue() slog.Value { return slog.StringValue(c.String()) }

// String shows e without its key.
func (e Endpoint) String() string {
	return fmt.Sprintf("{provider: %s, name: %s, base_url: %s, api_key: %s}", e.Provider, e.Name, e.BaseURL, secret(e.APIKey))
}

// GoString is String, for %#v.
func (e Endpoint) GoString() string { return e.String() }

// LogValue is String, for log/slog.
func (e Endpoint) LogValue() slog.Value { return slog.StringValue(e.String()) }
