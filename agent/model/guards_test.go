package model_test

import (
	"context"
	"errors"
	"log/slog"
	"math"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/logwright/logwright/agent/model"
	"github.com/logwright/logwright/agent/model/fakemodel"
)

// The tests of this file each hold one guard in place: each fails when its guard is removed.

// Nothing a caller forgot to redact leaves, nor stands in the ledger; the door's own key is a secret too.
func TestRedactsAtTheDoor(t *testing.T) {
	for _, provider := range []string{model.ProviderOpenAI, model.ProviderAnthropic, model.ProviderOllama} {
		fake := fakemodel.Start(t, fakemodel.Reply{Text: `{"a":1}`})
		c := config(provider, fake.URL)
		d := open(t, c, model.Options{})
		r := ask("password=hunter2 in a user text")
		r.System = "password=hunter2 in the system text; " + testKey
		r.Messages = append(r.Messages, model.Message{Role: model.RoleAssistant, Text: "hunter2"},
			model.Message{Role: model.RoleUser, Text: "again hunter2"})
		if _, err := d.Complete(context.Background(), r); err != nil {
			t.Fatal(err)
		}
		secrets := []string{"hunter2"}
		if c.APIKey != "" {
			secrets = append(secrets, testKey)
		}
		for _, s := range secrets {
			if body := string(fake.Requests()[0].Body); strings.Contains(body, s) {
				t.Errorf("%s: the secret left: %s", provider, body)
			}
			if e := d.ledger.Entries()[0].Call; strings.Contains(e.Prompt, s) || strings.Contains(string(e.Body), s) {
				t.Errorf("%s: the ledger keeps the secret: %s", provider, e.Prompt)
			}
		}
		if r.Messages[0].Text != "password=hunter2 in a user text" {
			t.Error("the caller's request was changed")
		}
	}
}

func TestNeedsRedactorAndLedger(t *testing.T) {
	c := config(model.ProviderOpenAI, "http://127.0.0.1:9")
	if _, err := model.New(c, model.Options{Ledger: model.NewMemoryLedger(c.Budget)}); err == nil {
		t.Error("a door without a redactor was made")
	}
	if _, err := model.New(c, model.Options{Redact: redactTest}); err == nil {
		t.Error("a door without a ledger was made")
	}
}

// spyLedger notes the order of things.
type spyLedger struct {
	mu    sync.Mutex
	log   []string
	begin func(model.Call) error
	end   error
}

func (l *spyLedger) note(s string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.log = append(l.log, s)
}

func (l *spyLedger) Begin(_ context.Context, c model.Call) error {
	l.note("begin")
	if l.begin != nil {
		return l.begin(c)
	}
	return nil
}

func (l *spyLedger) End(ctx context.Context, _ model.Call, _ model.Response, _ error) error {
	if ctx.Err() != nil {
		l.note("end too late")
	}
	l.note("end")
	return l.end
}

// The prompt is kept before it leaves, to the byte.
func TestKeptBeforeItLeaves(t *testing.T) {
	l := &spyLedger{}
	var kept string
	l.begin = func(c model.Call) error { kept = string(c.Body); return nil }
	fake := fakemodel.Start(t, fakemodel.Reply{Text: `{"a":1}`, Before: func() { l.note("left") }})
	d := open(t, config(model.ProviderOpenAI, fake.URL), model.Options{Ledger: l})
	if _, err := d.Complete(context.Background(), ask("x")); err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(l.log, " "); got != "begin left end" {
		t.Errorf("order: %s", got)
	}
	if got := string(fake.Requests()[0].Body); got != kept {
		t.Errorf("kept %s\nleft %s", kept, got)
	}
}

// A call is settled when its caller has gone, too.
func TestSettledAfterTheCallerHasGone(t *testing.T) {
	l := &spyLedger{}
	ctx, cancel := context.WithCancel(context.Background())
	fake := fakemodel.Start(t, fakemodel.Reply{Hang: true, Before: cancel})
	d := open(t, config(model.ProviderOpenAI, fake.URL), model.Options{Ledger: l})
	_, err := d.Complete(ctx, ask("x"))
	wantKind(t, err, model.KindCancelled)
	if got := strings.Join(l.log, " "); got != "begin end" {
		t.Errorf("order: %s", got)
	}
}

// What the ledger refuses does not leave.
func TestLedgerRefuses(t *testing.T) {
	fake := fakemodel.Start(t)
	for _, tc := range []struct {
		name string
		err  error
		want model.Kind
	}{
		{"budget", model.BudgetError("tokens_per_day", "spent"), model.KindBudget},
		{"store is broken", errors.New("disk full"), model.KindInternal},
	} {
		l := &spyLedger{begin: func(model.Call) error { return tc.err }}
		d := open(t, config(model.ProviderOpenAI, fake.URL), model.Options{Ledger: l})
		_, err := d.Complete(context.Background(), ask("x"))
		wantKind(t, err, tc.want)
		if got := strings.Join(l.log, " "); got != "begin" {
			t.Errorf("%s: %s", tc.name, got)
		}
	}
	if n := len(fake.Requests()); n > 0 {
		t.Errorf("%d requests left", n)
	}
}

// An answer that could not be kept is not given out.
func TestAnswerThatCannotBeKept(t *testing.T) {
	l := &spyLedger{end: errors.New("disk full")}
	fake := fakemodel.Start(t, fakemodel.Reply{Text: `{"a":1}`})
	d := open(t, config(model.ProviderOpenAI, fake.URL), model.Options{Ledger: l})
	_, err := d.Complete(context.Background(), ask("x"))
	wantKind(t, err, model.KindInternal)
}

func TestBudgets(t *testing.T) {
	for _, tc := range []struct {
		name   string
		budget model.Budget
		calls  int // that are answered before the refusal
		words  string
	}{
		{"calls", model.Budget{CallsPerIncident: 2, TokensPerDay: 1 << 40}, 2, "calls_per_incident"},
		{"tokens", model.Budget{CallsPerIncident: 100, TokensPerDay: 2900}, 2, "tokens_per_day"},
		{"none", model.Budget{CallsPerIncident: 100, TokensPerDay: 10}, 0, "tokens_per_day"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			// Each call reserves its estimate (over 1,000) and settles at 900.
			fake := fakemodel.Start(t, fakemodel.Reply{Text: `{"a":1}`, InputTokens: 400, OutputTokens: 500})
			c := config(model.ProviderOpenAI, fake.URL)
			c.Budget = tc.budget
			d := open(t, c, model.Options{})
			for i := range tc.calls {
				if _, err := d.Complete(context.Background(), ask("x")); err != nil {
					t.Fatalf("call %d: %v", i, err)
				}
			}
			_, err := d.Complete(context.Background(), ask("x"))
			if e := wantKind(t, err, model.KindBudget); !strings.Contains(e.Message, tc.words) {
				t.Errorf("%q does not name %s", e, tc.words)
			}
			if n := len(fake.Requests()); n != tc.calls {
				t.Errorf("%d requests left, want %d", n, tc.calls)
			}
		})
	}
}

// A server that counts nonsense uses up the day's budget; it does not overflow it into a new one.
func TestAbsurdUsage(t *testing.T) {
	fake := fakemodel.Start(t, fakemodel.Reply{Text: `{"a":1}`, InputTokens: math.MaxInt - 1, OutputTokens: 1})
	d := open(t, config(model.ProviderOpenAI, fake.URL), model.Options{})
	if _, err := d.Complete(context.Background(), ask("x")); err != nil {
		t.Fatal(err)
	}
	_, err := d.Complete(context.Background(), ask("x"))
	wantKind(t, err, model.KindBudget)
}

func TestMoneyBudget(t *testing.T) {
	fake := fakemodel.InMemory(t, fakemodel.Reply{Text: `{"a":1}`, InputTokens: 1_000_000, OutputTokens: 100_000})
	c := model.DefaultConfig()
	c.Provider, c.Name, c.APIKey = model.ProviderOpenAI, "gpt-5-2025-08-07", testKey // 1.25 and 10 USD for a million
	c.Budget = model.Budget{CallsPerIncident: 10, TokensPerDay: 1 << 40, USDPerDay: 2.25}
	d := open(t, c, model.Options{Transport: toFake{fake}})
	got, err := d.Complete(context.Background(), ask("x"))
	if err != nil {
		t.Fatal(err)
	}
	if got.Usage.USD != 2.25 || d.ledger.Spent().USD != 2.25 {
		t.Errorf("cost %v, spent %v", got.Usage.USD, d.ledger.Spent().USD)
	}
	_, err = d.Complete(context.Background(), ask("x"))
	wantKind(t, err, model.KindBudget)
}

// toFake sends what is meant for any host to the fake.
type toFake struct{ fake *fakemodel.Server }

func (f toFake) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.URL.Scheme, r.URL.Host = "http", strings.TrimPrefix(f.fake.URL, "http://")
	return f.fake.Transport().RoundTrip(r)
}

// A redirect is not followed, so that the key goes nowhere else.
func TestRedirectDoesNotCarryTheKey(t *testing.T) {
	var asked sync.Map
	other := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		asked.Store(r.Header.Get("Authorization")+r.Header.Get("X-Api-Key"), true)
	}))
	defer other.Close()
	for _, status := range []int{301, 302, 303, 307, 308} {
		for _, provider := range []string{model.ProviderOpenAI, model.ProviderAnthropic, model.ProviderOllama} {
			fake := fakemodel.Start(t, fakemodel.Reply{Status: status, Header: map[string]string{"Location": other.URL + "/v1/chat/completions"}})
			d := open(t, config(provider, fake.URL), model.Options{})
			_, err := d.Complete(context.Background(), ask("x"))
			wantKind(t, err, model.KindBadRequest)
		}
	}
	asked.Range(func(k, _ any) bool { t.Errorf("the redirect was followed, with %q", k); return true })
}

// The key is in the header where it belongs, and nowhere in log, errors or ledger.
func TestKeyStaysInTheHeader(t *testing.T) {
	var buf strings.Builder
	var mu sync.Mutex
	logger := slog.New(slog.NewTextHandler(lockedWriter{&mu, &buf}, &slog.HandlerOptions{Level: slog.LevelDebug}))
	for provider, header := range map[string]string{model.ProviderOpenAI: "Authorization", model.ProviderAnthropic: "X-Api-Key"} {
		fake := fakemodel.Start(t, fakemodel.Reply{Status: 400, Error: "temperature? your key is " + testKey})
		c := config(provider, fake.URL)
		c.Fallback = []model.Endpoint{{Provider: provider, Name: "second", BaseURL: c.BaseURL, APIKey: testKey + "2"}}
		d := open(t, c, model.Options{Logger: logger})
		_, err := d.Complete(context.Background(), ask("x"))
		wantKind(t, err, model.KindBadRequest)
		if got := fake.Requests()[0].Header.Get(header); !strings.Contains(got, testKey) {
			t.Errorf("%s: header %s is %q", provider, header, got)
		}
		for _, e := range d.ledger.Entries() {
			if strings.Contains(string(e.Call.Body)+e.Call.Prompt+e.Call.Endpoint+e.Err.Error(), testKey) {
				t.Errorf("%s: the ledger shows the key", provider)
			}
		}
	}
	mu.Lock()
	defer mu.Unlock()
	if strings.Contains(buf.String(), testKey) {
		t.Errorf("the log shows the key: %s", buf.String())
	}
}

type lockedWriter struct {
	mu *sync.Mutex
	b  *strings.Builder
}

func (w lockedWriter) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.b.Write(p)
}

// No request is ever made where none was configured: not to Anthropic because a key is in the environment, not to a
// server on loopback because OLLAMA_HOST says so.
func TestEnvironmentIsNotAsked(t *testing.T) {
	t.Setenv("ANTHROPIC_API_KEY", "sk-ant-environment")
	t.Setenv("OPENAI_API_KEY", "sk-environment")
	t.Setenv("OLLAMA_HOST", "http://127.0.0.1:1")
	for _, provider := range []string{model.ProviderAnthropic, model.ProviderOllama} {
		c := model.DefaultConfig()
		c.Provider, c.Name = provider, "x"
		if _, err := model.New(c, model.Options{Redact: redactTest, Ledger: model.NewMemoryLedger(c.Budget)}); err == nil {
			t.Errorf("%s: taken from the environment", provider)
		}
	}
	fake := fakemodel.Start(t, fakemodel.Reply{Text: `{"a":1}`})
	d := open(t, config(model.ProviderOllama, fake.URL), model.Options{})
	if _, err := d.Complete(context.Background(), ask("x")); err != nil {
		t.Error(err)
	}
}
