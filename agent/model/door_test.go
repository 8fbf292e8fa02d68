package model_test

import (
	"context"
	"errors"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/logwright/logwright/agent/model"
	"github.com/logwright/logwright/agent/model/fakemodel"
)

const testKey = "sk-test-4d5e6f708192a3b4"

// redactTest is a redactor of tests: it knows one secret.
func redactTest(s string) string { return strings.ReplaceAll(s, "hunter2", "[redacted]") }

func config(provider, url string) model.Config {
	c := model.DefaultConfig()
	c.Provider, c.Name, c.BaseURL, c.APIKey = provider, "fake-1", url, testKey
	switch provider {
	case model.ProviderOllama:
		c.APIKey = ""
	default:
		c.BaseURL += "/v1"
	}
	return c
}

type door struct {
	model.Model
	ledger *model.MemoryLedger
}

func open(t *testing.T, c model.Config, o model.Options) door {
	t.Helper()
	d := door{ledger: model.NewMemoryLedger(c.Budget)}
	if o.Ledger == nil {
		o.Ledger = d.ledger
	}
	if o.Redact == nil {
		o.Redact = redactTest
	}
	m, err := model.New(c, o)
	if err != nil {
		t.Fatal(err)
	}
	d.Model = m
	return d
}

func ask(text string) model.Request {
	return model.Request{
		Purpose: "test", Incident: "lw-2fa7k3q9xw5m.1", Service: "api", System: "Answer.",
		Messages: []model.Message{{Role: model.RoleUser, Text: text}},
		Schema: &model.Schema{Name: "answer", JSON: []byte(`{"type":"object","properties":{"a":{"type":"integer"}},` +
			`"required":["a"],"additionalProperties":false}`)},
		MaxTokens: 1000,
	}
}

func wantKind(t *testing.T, err error, want model.Kind) *model.Error {
	t.Helper()
	var e *model.Error
	if !errors.As(err, &e) {
		t.Fatalf("got %v, want an error of kind %s", err, want)
	}
	if e.Kind != want {
		t.Fatalf("got %v, want kind %s", e, want)
	}
	if strings.Contains(e.Error(), testKey) || strings.ContainsAny(e.Error(), "\n\x1b") {
		t.Fatalf("the error shows the key or is not one line: %q", e)
	}
	return e
}

func TestAnswers(t *testing.T) {
	for _, provider := range []string{model.ProviderOpenAI, model.ProviderAnthropic, model.ProviderOllama} {
		t.Run(provider, func(t *testing.T) {
			fake := fakemodel.Start(t, fakemodel.Reply{Text: `{"a":1}`, Thinking: "hm {", InputTokens: 100, OutputTokens: 20})
			d := open(t, config(provider, fake.URL), model.Options{})
			r := ask("what is a?")
			r.Messages = append(r.Messages, model.Message{Role: model.RoleAssistant, Text: `{"a":"x"}`},
				model.Message{Role: model.RoleUser, Text: "a is a number"})
			got, err := d.Complete(context.Background(), r)
			if err != nil {
				t.Fatal(err)
			}
			if got.Text != `{"a":1}` || got.Model != "fake-1" || !strings.HasPrefix(got.Served, "fake-1") || got.Finish == "" ||
				got.Usage != (model.Usage{InputTokens: 100, OutputTokens: 20}) {
				t.Errorf("got %+v", got)
			}
			req := fake.Requests()
			if len(req) != 1 {
				t.Fatalf("%d requests", len(req))
			}
			said := strings.Join(req[0].Messages(), "\n")
			for _, want := range []string{"Answer.", "what is a?", "a is a number"} {
				if !strings.Contains(said, want) {
					t.Errorf("the request does not say %q: %s", want, req[0].Body)
				}
			}
			if !strings.Contains(string(req[0].Body), "additionalProperties") {
				t.Errorf("the schema did not go out: %s", req[0].Body)
			}
			e := d.ledger.Entries()
			if len(e) != 1 || !e[0].Done || e[0].Call.ID != got.Call || string(e[0].Call.Body) != string(req[0].Body) {
				t.Errorf("the ledger does not hold what left: %+v", e)
			}
			for _, want := range []string{"Answer.", "what is a?", "a is a number", "additionalProperties"} {
				if !strings.Contains(e[0].Call.Prompt, want) {
					t.Errorf("the kept prompt does not say %q: %s", want, e[0].Call.Prompt)
				}
			}
			if s := d.ledger.Spent(); s.InputTokens != 100 || s.OutputTokens != 20 {
				t.Errorf("spent %+v", s)
			}
		})
	}
}

func TestDead(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	url := "http://" + l.Addr().String()
	l.Close() // nothing listens there now
	c := config(model.ProviderOpenAI, url)
	c.Timeout = 500 * time.Millisecond // shorter than the first wait: no second attempt
	d := open(t, c, model.Options{})
	_, err = d.Complete(context.Background(), ask("x"))
	wantKind(t, err, model.KindUnavailable)
	if s := d.ledger.Spent(); s.InputTokens+s.OutputTokens != 0 {
		t.Errorf("a connection that was refused cost %+v", s)
	}
	if e := d.ledger.Entries(); len(e) != 1 || !e[0].Done || e[0].Err == nil {
		t.Errorf("the ledger holds %+v", e)
	}
}

func TestWrongAnswers(t *testing.T) {
	for _, tc := range []struct {
		name  string
		reply fakemodel.Reply
		want  model.Kind
		words string
	}{
		{"cut at its bound", fakemodel.Reply{Text: `{"a":`, Finish: "length"}, model.KindTruncated, "bound of 1000 tokens"},
		{"content filter", fakemodel.Reply{Text: "x", Finish: "content_filter"}, model.KindRefused, "filter"},
		{"refusal", fakemodel.Reply{Refusal: "I can't help with that"}, model.KindRefused, "I can't help"},
		{"no choices", fakemodel.Reply{NoChoices: true}, model.KindGarbage, "no choices"},
		{"prose", fakemodel.Reply{Text: "The cause is {unknown}."}, model.KindGarbage, "no JSON object"},
		{"blank", fakemodel.Reply{Text: "  \n"}, model.KindGarbage, "empty"},
		{"not JSON", fakemodel.Reply{Raw: "\x1b[31mhello"}, model.KindGarbage, "not a JSON object"},
		{"broken JSON", fakemodel.Reply{Raw: `{"choices":[{"mess`}, model.KindGarbage, ""},
		{"other JSON", fakemodel.Reply{Raw: `{"hello":"world"}`}, model.KindGarbage, "no choices"},
		{"JSON of wrong types", fakemodel.Reply{Raw: `{"choices":"none"}`}, model.KindGarbage, ""},
		{"a web page", fakemodel.Reply{Raw: "<html>", RawType: "text/html"}, model.KindGarbage, "text/html"},
		{"a stream", fakemodel.Reply{Raw: "data: {}", RawType: "text/event-stream"}, model.KindGarbage, "streams"},
		{"nothing", fakemodel.Reply{Raw: " "}, model.KindGarbage, "empty"},
		{"too large", fakemodel.Reply{Raw: "{" + strings.Repeat(" ", 5<<20) + "}"}, model.KindGarbage, "longer than"},
		{"broke off", fakemodel.Reply{Text: `{"a":1}`, Cut: true}, model.KindUnavailable, "broke off"},
		{"unauthorised", fakemodel.Reply{Status: 401, Error: "Incorrect API key provided: " + testKey}, model.KindAuth, "[model key]"},
		{"forbidden", fakemodel.Reply{Status: 403, Error: "no"}, model.KindAuth, "403"},
		{"no such model", fakemodel.Reply{Status: 404, Error: "The model `fake-1` does not exist"}, model.KindBadRequest, "does not exist"},
		{"no credit", fakemodel.Reply{Status: 429, RawError: `{"error":{"message":"You exceeded your current quota","code":"insufficient_quota"}}`},
			model.KindRateLimited, "no credit"},
		{"too long", fakemodel.Reply{Status: 400, Error: "This model's maximum context length is 4096 tokens"}, model.KindTooLong, "4096"},
		{"bad request", fakemodel.Reply{Status: 400, Error: "no \x1b[2Jtools\nhere"}, model.KindBadRequest, `no \x1b[2Jtools\nhere`},
		{"error is a string", fakemodel.Reply{Status: 400, RawError: `{"error":"just no"}`}, model.KindBadRequest, "just no"},
		{"FastAPI detail", fakemodel.Reply{Status: 400, RawError: `{"detail":[{"msg":"no good"}]}`}, model.KindBadRequest, "no good"},
		{"error is garbage", fakemodel.Reply{Status: 400, RawError: "<html>"}, model.KindBadRequest, "HTTP 400"},
		{"secret in an error", fakemodel.Reply{Status: 400, Error: "you said hunter2"}, model.KindBadRequest, "[redacted]"},
		{"redirect", fakemodel.Reply{Status: 307, Error: "x", Header: map[string]string{"Location": "http://evil.example/v1"}},
			model.KindBadRequest, "redirects to evil.example"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			fake := fakemodel.Start(t, tc.reply)
			d := open(t, config(model.ProviderOpenAI, fake.URL), model.Options{})
			resp, err := d.Complete(context.Background(), ask("x"))
			e := wantKind(t, err, tc.want)
			if !strings.Contains(e.Error(), tc.words) {
				t.Errorf("%q does not say %q", e, tc.words)
			}
			if n := len(fake.Requests()); n != 1 {
				t.Errorf("asked %d times", n)
			}
			if entries := d.ledger.Entries(); len(entries) != 1 || !entries[0].Done || model.KindOf(entries[0].Err) != tc.want {
				t.Errorf("the ledger holds %+v", entries)
			}
			if tc.want == model.KindTruncated && resp.Text == "" {
				t.Error("what came of the answer is lost")
			}
			spent := d.ledger.Spent()
			if refused := e.Status >= 300; refused != (spent.InputTokens == 0) {
				t.Errorf("spent %+v after %v", spent, e)
			}
		})
	}
}

func TestWrongAnswersOfNativeAPIs(t *testing.T) {
	for _, tc := range []struct {
		name, provider string
		reply          fakemodel.Reply
		want           model.Kind
	}{
		{"anthropic cut", model.ProviderAnthropic, fakemodel.Reply{Text: `{"a":`, Finish: "max_tokens"}, model.KindTruncated},
		{"anthropic refusal", model.ProviderAnthropic, fakemodel.Reply{Text: "no", Finish: "refusal"}, model.KindRefused},
		{"anthropic empty", model.ProviderAnthropic, fakemodel.Reply{NoChoices: true}, model.KindGarbage},
		{"anthropic unknown block", model.ProviderAnthropic, fakemodel.Reply{Raw: `{"content":[{"type":"new"}]}`}, model.KindGarbage},
		{"anthropic key", model.ProviderAnthropic, fakemodel.Reply{Status: 401, Error: "invalid x-api-key"}, model.KindAuth},
		{"anthropic too long", model.ProviderAnthropic, fakemodel.Reply{Status: 400, Error: "prompt is too long: 1 > 0"}, model.KindTooLong},
		{"anthropic no credit", model.ProviderAnthropic, fakemodel.Reply{Status: 400, Error: "Your credit balance is too low"}, model.KindRateLimited},
		{"ollama cut", model.ProviderOllama, fakemodel.Reply{Text: `{"a":`, Finish: "length"}, model.KindTruncated},
		{"ollama broke off", model.ProviderOllama, fakemodel.Reply{Text: `{"a":1}`, NoChoices: true}, model.KindGarbage},
		{"ollama error in the stream", model.ProviderOllama, fakemodel.Reply{Raw: `{"error":"out of memory"}`}, model.KindGarbage},
		{"ollama no such model", model.ProviderOllama, fakemodel.Reply{Status: 404, Error: "model 'fake-1' not found"}, model.KindBadRequest},
	} {
		t.Run(tc.name, func(t *testing.T) {
			fake := fakemodel.Start(t, tc.reply)
			d := open(t, config(tc.provider, fake.URL), model.Options{})
			_, err := d.Complete(context.Background(), ask("x"))
			e := wantKind(t, err, tc.want)
			if tc.name == "ollama broke off" && !strings.Contains(e.Message, "broke off") {
				t.Errorf("got %v", e)
			}
			if n := len(fake.Requests()); n != 1 {
				t.Errorf("asked %d times", n)
			}
		})
	}
}

func TestCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	fake := fakemodel.Start(t, fakemodel.Reply{Hang: true, Before: cancel})
	d := open(t, config(model.ProviderOpenAI, fake.URL), model.Options{})
	_, err := d.Complete(ctx, ask("x"))
	wantKind(t, err, model.KindCancelled)
	e := d.ledger.Entries()
	if len(e) != 1 || !e[0].Done {
		t.Fatalf("a call that was given up was not settled: %+v", e)
	}
	if s := d.ledger.Spent(); s != e[0].Call.Estimate {
		t.Errorf("spent %+v, want the estimate, since the server may have done the work", s)
	}
	_, err = d.Complete(ctx, ask("x"))
	wantKind(t, err, model.KindCancelled)
	if n := len(fake.Requests()); n != 1 {
		t.Errorf("asked again after it was cancelled")
	}
}

func TestOffline(t *testing.T) {
	m, err := model.New(model.DefaultConfig(), model.Options{})
	if err != nil {
		t.Fatal(err)
	}
	_, err = m.Complete(context.Background(), ask("x"))
	wantKind(t, err, model.KindOffline)
}

func TestRequestsThatNoServerTakes(t *testing.T) {
	fake := fakemodel.Start(t)
	d := open(t, config(model.ProviderOpenAI, fake.URL), model.Options{})
	for name, change := range map[string]func(*model.Request){
		"no message":        func(r *model.Request) { r.Messages = nil },
		"empty message":     func(r *model.Request) { r.Messages[0].Text = " " },
		"assistant is last": func(r *model.Request) { r.Messages[0].Role = model.RoleAssistant },
		"unknown role":      func(r *model.Request) { r.Messages = append([]model.Message{{Role: "tool", Text: "x"}}, r.Messages...) },
		"broken schema":     func(r *model.Request) { r.Schema.JSON = []byte("{") },
		"negative bound":    func(r *model.Request) { r.MaxTokens = -1 },
	} {
		r := ask("x")
		change(&r)
		_, err := d.Complete(context.Background(), r)
		wantKind(t, err, model.KindBadRequest)
		if len(fake.Requests()) > 0 || len(d.ledger.Entries()) > 0 {
			t.Fatalf("%s: something left", name)
		}
	}
}
