package model_test

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/logwright/logwright/agent/model"
	"github.com/logwright/logwright/agent/model/fakemodel"
)

// noJitter makes every random number 0.
var noJitter = zeroReader{}

type zeroReader struct{}

func (zeroReader) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// advance lets d pass on the clock of a synctest bubble.
func advance(d time.Duration) { <-time.After(d) }

func openInMemory(t *testing.T, fake *fakemodel.Server, change func(*model.Config)) door {
	c := config(model.ProviderOpenAI, fake.URL)
	c.Budget = model.Budget{CallsPerIncident: 1000, TokensPerDay: 1 << 40}
	if change != nil {
		change(&c)
	}
	return open(t, c, model.Options{Transport: fake.Transport(), Rand: noJitter})
}

var good = fakemodel.Reply{Text: `{"a":1}`, InputTokens: 10, OutputTokens: 5}

func TestRetries(t *testing.T) {
	limited := func(after string) fakemodel.Reply {
		return fakemodel.Reply{Status: 429, Error: "slow down", Header: map[string]string{"Retry-After": after}}
	}
	for _, tc := range []struct {
		name     string
		script   []fakemodel.Reply
		kind     model.Kind // "" for an answer
		requests int
		took     time.Duration
		after    time.Duration // RetryAfter of the error
	}{
		{"429 with seconds", []fakemodel.Reply{limited("7"), good}, "", 2, 7 * time.Second, 0},
		{"429 with a date", []fakemodel.Reply{limited("Sat, 01 Jan 2000 00:00:12 GMT"), good}, "", 2, 12 * time.Second, 0},
		{"429 without", []fakemodel.Reply{limited(""), good}, "", 2, time.Second, 0},
		{"429 with nonsense", []fakemodel.Reply{limited("soon"), good}, "", 2, time.Second, 0},
		{"429 that wants too much", []fakemodel.Reply{limited("3600"), good}, model.KindRateLimited, 1, 0, time.Hour},
		{"429 that wants more than a call waits", []fakemodel.Reply{limited("45"), good}, model.KindRateLimited, 1, 0, 45 * time.Second},
		{"429 again and again", []fakemodel.Reply{limited("2")}, model.KindRateLimited, 3, 4 * time.Second, 2 * time.Second},
		{"500 then well", []fakemodel.Reply{{Status: 500}, {Status: 503}, good}, "", 3, 3 * time.Second, 0},
		{"529 overloaded", []fakemodel.Reply{{Status: 529}, good}, "", 2, time.Second, 0},
		{"500 for good", []fakemodel.Reply{{Status: 500, Error: "oops"}}, model.KindUnavailable, 3, 3 * time.Second, 0},
		{"501 is no use", []fakemodel.Reply{{Status: 501}, good}, model.KindBadRequest, 1, 0, 0},
		{"400 is no use", []fakemodel.Reply{{Status: 400}, good}, model.KindBadRequest, 1, 0, 0},
		{"401 is no use", []fakemodel.Reply{{Status: 401}, good}, model.KindAuth, 1, 0, 0},
		{"silence is not asked twice", []fakemodel.Reply{{Hang: true}, good}, model.KindUnavailable, 1, time.Minute, 0},
		{"a body that stalls is not asked twice", []fakemodel.Reply{{Text: `{"a":1}`, Stall: true}, good}, model.KindUnavailable, 1, time.Minute, 0},
		{"a body that breaks off is not asked twice", []fakemodel.Reply{{Text: `{"a":1}`, Cut: true}, good}, model.KindUnavailable, 1, 0, 0},
		{"garbage is not asked twice", []fakemodel.Reply{{Raw: "x"}, good}, model.KindGarbage, 1, 0, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				fake := fakemodel.InMemory(t, tc.script...)
				d := openInMemory(t, fake, nil)
				start := time.Now()
				got, err := d.Complete(t.Context(), ask("x"))
				took := time.Since(start)
				if tc.kind != "" {
					if e := wantKind(t, err, tc.kind); e.RetryAfter != tc.after {
						t.Errorf("RetryAfter is %s, want %s", e.RetryAfter, tc.after)
					}
				} else if err != nil || got.Text != good.Text {
					t.Errorf("got %+v, %v", got, err)
				}
				if n := len(fake.Requests()); n != tc.requests {
					t.Errorf("%d requests, want %d", n, tc.requests)
				}
				if took != tc.took {
					t.Errorf("took %s, want %s", took, tc.took)
				}
				for i, r := range fake.Requests() {
					if !bytes.Equal(r.Body, fake.Requests()[0].Body) {
						t.Errorf("request %d is another: %s", i, r.Body)
					}
				}
				if e := d.ledger.Entries(); len(e) != 1 || !e[0].Done {
					t.Errorf("the ledger holds %d calls, want one that is settled", len(e))
				}
			})
		})
	}
}

// The waits get longer by up to a quarter, never shorter than the server asked.
func TestJitter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := fakemodel.InMemory(t, fakemodel.Reply{Status: 429, Header: map[string]string{"Retry-After": "8"}}, good)
		c := config(model.ProviderOpenAI, fake.URL)
		d := open(t, c, model.Options{Transport: fake.Transport()})
		start := time.Now()
		if _, err := d.Complete(t.Context(), ask("x")); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(start); took < 8*time.Second || took > 10*time.Second {
			t.Errorf("waited %s", took)
		}
	})
}

func TestCancelledWhileWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := fakemodel.InMemory(t, fakemodel.Reply{Status: 503})
		d := openInMemory(t, fake, nil)
		ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
		defer cancel()
		_, err := d.Complete(ctx, ask("x"))
		wantKind(t, err, model.KindCancelled)
		if e := d.ledger.Entries(); len(e) != 1 || !e[0].Done {
			t.Errorf("not settled: %+v", e)
		}
	})
}

// A dead model is left alone, tried by one call after a while, and taken up again when it is back.
func TestBreaker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := fakemodel.InMemory(t, fakemodel.Reply{Status: 500})
		d := openInMemory(t, fake, nil)
		complete := func() error { _, err := d.Complete(t.Context(), ask("x")); return err }
		for range 3 {
			wantKind(t, complete(), model.KindUnavailable)
		}
		asked, kept := len(fake.Requests()), len(d.ledger.Entries())
		for range 5 {
			start := time.Now()
			e := wantKind(t, complete(), model.KindUnavailable)
			if !strings.Contains(e.Message, "rests") || e.RetryAfter <= 0 || e.RetryAfter > time.Minute {
				t.Errorf("got %v", e)
			}
			if time.Since(start) != 0 {
				t.Error("an open breaker waits")
			}
		}
		if len(fake.Requests()) != asked || len(d.ledger.Entries()) != kept {
			t.Error("a resting model was asked, or its budget spent")
		}
		advance(time.Minute)
		wantKind(t, complete(), model.KindUnavailable)
		if len(fake.Requests()) == asked {
			t.Error("it was not tried again")
		}
		if e := wantKind(t, complete(), model.KindUnavailable); !strings.Contains(e.Message, "rests") {
			t.Errorf("a trial that failed does not send it to rest: %v", e)
		}
		advance(time.Minute)
		fake.Script(good)
		for range 3 {
			if err := complete(); err != nil {
				t.Errorf("it is back, but: %v", err)
			}
		}
	})
}

// The call that tries a resting model and is given up leaves the door open for a later one.
func TestBreakerTrialGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := fakemodel.InMemory(t, fakemodel.Reply{Status: 500})
		d := openInMemory(t, fake, nil)
		for range 3 {
			_, err := d.Complete(t.Context(), ask("x"))
			wantKind(t, err, model.KindUnavailable)
		}
		advance(time.Minute)
		fake.Script(fakemodel.Reply{Hang: true})
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := d.Complete(ctx, ask("x"))
		wantKind(t, err, model.KindCancelled)
		fake.Script(good)
		advance(time.Minute)
		if _, err := d.Complete(t.Context(), ask("x")); err != nil {
			t.Error(err)
		}
	})
}

// What asks for patience beyond a call's, or can't be mended by asking, is left alone that long.
func TestLeftAlone(t *testing.T) {
	for _, tc := range []struct {
		name  string
		reply fakemodel.Reply
		kind  model.Kind
		rest  time.Duration
	}{
		{"rate limit", fakemodel.Reply{Status: 429, Header: map[string]string{"Retry-After": "600"}}, model.KindRateLimited, 10 * time.Minute},
		{"absurd rate limit", fakemodel.Reply{Status: 429, Header: map[string]string{"Retry-After": "99999999999"}}, model.KindRateLimited, 24 * time.Hour},
		{"key", fakemodel.Reply{Status: 401}, model.KindAuth, 15 * time.Minute},
		{"credit", fakemodel.Reply{Status: 402}, model.KindRateLimited, 15 * time.Minute},
		{"name", fakemodel.Reply{Status: 404}, model.KindBadRequest, 15 * time.Minute},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				fake := fakemodel.InMemory(t, tc.reply, good)
				d := openInMemory(t, fake, nil)
				_, err := d.Complete(t.Context(), ask("x"))
				wantKind(t, err, tc.kind)
				advance(tc.rest - time.Second)
				_, err = d.Complete(t.Context(), ask("x"))
				if e := wantKind(t, err, tc.kind); e.RetryAfter != time.Second {
					t.Errorf("got %v", e)
				}
				if n := len(fake.Requests()); n != 1 {
					t.Errorf("asked %d times", n)
				}
				advance(time.Second)
				if _, err := d.Complete(t.Context(), ask("x")); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

func TestFallback(t *testing.T) {
	for _, tc := range []struct {
		name   string
		first  fakemodel.Reply
		second bool // the second is asked
	}{
		{"well", good, false},
		{"unavailable", fakemodel.Reply{Status: 500}, true},
		{"silent", fakemodel.Reply{Hang: true}, true},
		{"rate-limited", fakemodel.Reply{Status: 429, Header: map[string]string{"Retry-After": "600"}}, true},
		{"no credit", fakemodel.Reply{Status: 402}, true},
		{"wrong key", fakemodel.Reply{Status: 401}, false},
		{"bad request", fakemodel.Reply{Status: 400}, false},
		{"refused", fakemodel.Reply{Refusal: "no"}, false},
		{"garbage", fakemodel.Reply{Raw: "x"}, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				fake := fakemodel.InMemory(t)
				fake.Answer(func(r fakemodel.Request) fakemodel.Reply {
					if strings.HasSuffix(r.Path, "/messages") {
						return good
					}
					return tc.first
				})
				d := openInMemory(t, fake, func(c *model.Config) {
					c.Fallback = []model.Endpoint{{Provider: model.ProviderAnthropic, Name: "second", BaseURL: fake.URL + "/v1", APIKey: "k"}}
				})
				got, err := d.Complete(t.Context(), ask("x"))
				asked := strings.HasSuffix(fake.Requests()[len(fake.Requests())-1].Path, "/messages")
				if asked != tc.second {
					t.Errorf("the second model was asked: %v", asked)
				}
				if tc.second && (err != nil || got.Model != "second") {
					t.Errorf("got %+v, %v", got, err)
				}
			})
		})
	}
}

func TestAllModelsDead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := fakemodel.InMemory(t, fakemodel.Reply{Status: 500})
		d := openInMemory(t, fake, func(c *model.Config) {
			c.Fallback = []model.Endpoint{{Provider: model.ProviderOpenAI, Name: "second", BaseURL: c.BaseURL, APIKey: "k"}}
		})
		_, err := d.Complete(t.Context(), ask("x"))
		e := wantKind(t, err, model.KindUnavailable)
		for _, want := range []string{"fake-1", "second"} {
			if !strings.Contains(e.Error(), want) {
				t.Errorf("%q does not name %s", e, want)
			}
		}
	})
}

// Servers differ in what they take. What one refused is learnt once, and only from a refusal that says so.
func TestDegrades(t *testing.T) {
	has := func(r fakemodel.Request, s string) bool { return strings.Contains(string(r.Body), s) }
	refuse := func(status int, message string) *fakemodel.Reply {
		return &fakemodel.Reply{Status: status, Error: message}
	}
	for _, tc := range []struct {
		name   string
		server func(fakemodel.Request) *fakemodel.Reply // nil answers
		first  int                                      // requests of the first call
		last   []string                                 // what the request that is answered holds
		not    []string                                 // and what not
	}{
		{"takes everything", func(fakemodel.Request) *fakemodel.Reply { return nil }, 1,
			[]string{`"json_schema"`, `"strict":true`, `"max_tokens":1000`, `"temperature":0.1`}, []string{"JSON Schema"}},
		{"DeepSeek", func(r fakemodel.Request) *fakemodel.Reply {
			if has(r, `"json_schema"`) {
				return refuse(400, "This response_format type is unavailable now")
			}
			return nil
		}, 2, []string{`"json_object"`, "JSON Schema", "additionalProperties"}, nil},
		{"422 without any format", func(r fakemodel.Request) *fakemodel.Reply {
			if has(r, `"response_format"`) {
				return refuse(422, "response_format: extra fields not permitted")
			}
			return nil
		}, 3, []string{"JSON Schema", "additionalProperties"}, []string{`"response_format"`}},
		{"LM Studio's error is a string", func(r fakemodel.Request) *fakemodel.Reply {
			if has(r, `"response_format"`) {
				return &fakemodel.Reply{Status: 400, RawError: `{"error":"'response_format.type' must be 'text'"}`}
			}
			return nil
		}, 3, nil, []string{`"response_format"`}},
		{"wants max_completion_tokens", func(r fakemodel.Request) *fakemodel.Reply {
			if has(r, `"max_tokens"`) {
				return refuse(400, "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.")
			}
			if has(r, `"temperature"`) {
				return refuse(400, "Unsupported value: 'temperature' does not support 0.1 with this model.")
			}
			return nil
		}, 3, []string{`"max_completion_tokens":1000`, `"json_schema"`}, []string{`"temperature"`}},
		{"takes neither name for the bound", func(r fakemodel.Request) *fakemodel.Reply {
			return refuse(400, "max_tokens and max_completion_tokens are unknown")
		}, 2, nil, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			fake := fakemodel.Start(t)
			answered := 0
			fake.Answer(func(r fakemodel.Request) fakemodel.Reply {
				if reply := tc.server(r); reply != nil {
					return *reply
				}
				answered++
				return good
			})
			d := open(t, config(model.ProviderOpenAI, fake.URL), model.Options{})
			_, err := d.Complete(context.Background(), ask("x"))
			if n := len(fake.Requests()); n != tc.first {
				t.Fatalf("%d requests, want %d (%v)", n, tc.first, err)
			}
			if answered == 0 {
				wantKind(t, err, model.KindBadRequest)
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			last := string(fake.Requests()[tc.first-1].Body)
			for _, want := range tc.last {
				if !strings.Contains(last, want) {
					t.Errorf("%s is missing: %s", want, last)
				}
			}
			for _, not := range tc.not {
				if strings.Contains(last, not) {
					t.Errorf("%s is there: %s", not, last)
				}
			}
			entries := d.ledger.Entries()
			if got := entries[len(entries)-1]; string(got.Call.Body) != last || strings.Contains(last, "JSON Schema") != strings.Contains(got.Call.Prompt, "JSON Schema") {
				t.Errorf("the ledger does not show what left: %s", got.Call.Prompt)
			}
			if _, err := d.Complete(context.Background(), ask("x")); err != nil {
				t.Fatal(err)
			}
			if n := len(fake.Requests()); n != tc.first+1 {
				t.Errorf("it was not remembered: %d requests", n)
			}
		})
	}
}

// Newer models of Anthropic take no temperature but the default; langchaingo can't leave it out.
func TestAnthropicTemperature(t *testing.T) {
	fake := fakemodel.Start(t)
	fake.Answer(func(r fakemodel.Request) fakemodel.Reply {
		if !strings.Contains(string(r.Body), `"temperature":1}`) {
			return fakemodel.Reply{Status: 400, Error: "`temperature` is deprecated for this model."}
		}
		return good
	})
	d := open(t, config(model.ProviderAnthropic, fake.URL), model.Options{})
	for range 2 {
		if _, err := d.Complete(context.Background(), ask("x")); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(fake.Requests()); n != 3 {
		t.Errorf("%d requests, want one refusal and two answers", n)
	}
}

// What a model has no room for is asked once more with a short answer, and only once.
func TestShortAnswer(t *testing.T) {
	for _, tc := range []struct{ provider, refusal string }{
		{model.ProviderOpenAI, "max_tokens is too large: 6000. This model supports at most 4096 completion tokens"},
		{model.ProviderOpenAI, "This model's maximum context length is 8192 tokens, you requested 9000"},
		{model.ProviderAnthropic, "max_tokens: 6000 > 4096, which is the maximum allowed number of output tokens"},
	} {
		for _, helps := range []bool{true, false} {
			fake := fakemodel.Start(t)
			fake.Answer(func(r fakemodel.Request) fakemodel.Reply {
				if helps && strings.Contains(string(r.Body), `"max_tokens":2048`) {
					return good
				}
				return fakemodel.Reply{Status: 400, Error: tc.refusal}
			})
			d := open(t, config(tc.provider, fake.URL), model.Options{})
			r := ask("x")
			r.MaxTokens = 6000
			if _, err := d.Complete(context.Background(), r); (err == nil) != helps {
				t.Errorf("%s: %v", tc.refusal, err)
			}
			if n := len(fake.Requests()); n != 2 {
				t.Errorf("%s: %d requests", tc.refusal, n)
			}
		}
	}
}

// What the server refuses because of its size never leaves.
func TestTooLargeToSend(t *testing.T) {
	fake := fakemodel.Start(t)
	d := open(t, config(model.ProviderOpenAI, fake.URL), model.Options{})
	_, err := d.Complete(context.Background(), ask(strings.Repeat("x", 5<<20)))
	wantKind(t, err, model.KindTooLong)
	if len(fake.Requests()) > 0 || len(d.ledger.Entries()) > 0 {
		t.Error("something left")
	}
}

// Many calls at once share one door.
func TestConcurrent(t *testing.T) {
	fake := fakemodel.Start(t)
	fake.Answer(func(r fakemodel.Request) fakemodel.Reply {
		if strings.Contains(string(r.Body), `"response_format"`) {
			return fakemodel.Reply{Status: 400, Error: "response_format is not known"}
		}
		return fakemodel.Reply{Text: fmt.Sprintf(`{"a":%d}`, len(r.Body))}
	})
	c := config(model.ProviderOpenAI, fake.URL)
	c.Budget.CallsPerIncident = 1000
	d := open(t, c, model.Options{Transport: http.DefaultTransport})
	errs := make(chan error, 16)
	for range cap(errs) {
		go func() {
			_, err := d.Complete(context.Background(), ask("x"))
			errs <- err
		}()
	}
	for range cap(errs) {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
}
