package model

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/logwright/logwright/agent/incident"
)

// Options are what a door needs beside its Config.
type Options struct {
	// Redact takes secrets out of a text. It is applied to every text that leaves, whatever the caller did before, so that
	// no caller can forget. Required; applying it twice must change nothing.
	Redact func(string) string
	// Ledger keeps and bounds. Required; NewMemoryLedger is for tests.
	Ledger Ledger
	// Now is the clock for stamps and for how long an endpoint is left alone, nil for time.Now.
	Now func() time.Time
	// Logger is for what an operator should see, nil for none.
	Logger *slog.Logger
	// Transport carries the requests, nil for the network. Tests put fakes and replays here.
	Transport http.RoundTripper
	// Rand is for ids and for the jitter of waits, nil for crypto/rand.
	Rand io.Reader
}

// endLimit is how long keeping an answer may take once the caller has gone.
const endLimit = 10 * time.Second

// door is the Model of every provider but offline.
type door struct {
	endpoints []*endpoint
	redact    func(string) string
	keys      *strings.Replacer
	ledger    Ledger
	now       func() time.Time
	log       *slog.Logger
	transport http.RoundTripper

	randMu sync.Mutex
	rand   io.Reader
}

// New makes the door to the models of cfg. With provider offline it gives a Model that refuses every request with
// KindOffline and never makes one, so that no caller has to tell a nil Model apart; callers that would do work to make a
// prompt ask Config.Offline first. cfg is checked again: an invalid one is an error that names every problem.
func New(cfg Config, o Options) (Model, error) {
	if ps := cfg.Validate(); len(ps) > 0 {
		var errs []error
		for _, p := range incident.Under("model", ps) {
			errs = append(errs, errors.New(p.Path+": "+p.Message))
		}
		return nil, errors.Join(errs...)
	}
	if cfg.Offline() {
		return offline{}, nil
	}
	if o.Redact == nil || o.Ledger == nil {
		return nil, errors.New("model: a door needs Redact and Ledger")
	}
	d := &door{
		redact: o.Redact, ledger: o.Ledger, now: o.Now, log: o.Logger, transport: o.Transport, rand: o.Rand,
	}
	if d.now == nil {
		d.now = time.Now
	}
	if d.log == nil {
		d.log = slog.New(slog.DiscardHandler)
	}
	if d.transport == nil {
		d.transport = network()
	}
	if d.rand == nil {
		d.rand = rand.Reader
	}
	var pairs []string
	for _, e := range cfg.endpoints() {
		d.endpoints = append(d.endpoints, newEndpoint(e))
		// Servers that want no key are given "none" or "EMPTY", and those are words of every other prompt.
		if len(e.APIKey) >= leastKey {
			pairs = append(pairs, e.APIKey, "[model key]")
		}
	}
	d.keys = strings.NewReplacer(pairs...)
	return d, nil
}

// leastKey is how long a key has to be to be one: shorter ones are placeholders for servers that want none.
const leastKey = 8

// network is the transport for real servers.
func network() http.RoundTripper {
	return &http.Transport{
		Proxy:                  http.ProxyFromEnvironment,
		DialContext:            (&net.Dialer{Timeout: 10 * time.Second, KeepAlive: 30 * time.Second}).DialContext,
		TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12},
		TLSHandshakeTimeout:    10 * time.Second,
		MaxIdleConnsPerHost:    4,
		IdleConnTimeout:        90 * time.Second,
		MaxResponseHeaderBytes: 64 << 10,
		ForceAttemptHTTP2:      true,
	}
}

// Complete asks the models in order until one answers. The next is asked only where the one before is unavailable or
// rate-limited: another model would not do better with a prompt that is too long or refused, and it would be paid for.
func (d *door) Complete(ctx context.Context, r Request) (Response, error) {
	if err := check(r); err != nil {
		return Response{}, err
	}
	r = Redacted(r, d.clean)
	var failed []*Error
	for i, ep := range d.endpoints {
		resp, err := d.ask(ctx, ep, r)
		if err == nil {
			return resp, nil
		}
		failed = append(failed, err)
		if err.Kind != KindUnavailable && err.Kind != KindRateLimited || i+1 == len(d.endpoints) {
			return resp, all(failed)
		}
		d.log.Warn("model did not answer, the next is asked", "error", err.Error(), "next", d.endpoints[i+1].Name)
	}
	return Response{}, all(failed)
}

// all makes one error of those of several models: the last one's kind, everyone's words, the shortest wait.
func all(failed []*Error) *Error {
	e := *failed[len(failed)-1]
	if len(failed) == 1 {
		return &e
	}
	var words []string
	for _, f := range failed {
		words = append(words, fmt.Sprintf("%s (%s): %s", f.Model, f.Kind, f.Message))
		if f.RetryAfter > 0 && (e.RetryAfter == 0 || f.RetryAfter < e.RetryAfter) {
			e.RetryAfter = f.RetryAfter
		}
	}
	e.Provider, e.Model = "", ""
	e.Message = strings.Join(words, "; ")
	return &e
}

// check refuses what no server would take, before anything is kept.
func check(r Request) *Error {
	bad := func(m string) *Error { return &Error{Kind: KindBadRequest, Message: m} }
	if len(r.Messages) == 0 || r.Messages[len(r.Messages)-1].Role != RoleUser {
		return bad("the last message has to be the user's")
	}
	for _, m := range r.Messages {
		if m.Role != RoleUser && m.Role != RoleAssistant {
			return bad(fmt.Sprintf("unknown role %q", m.Role))
		}
		if strings.TrimSpace(m.Text) == "" {
			return bad("a message is empty")
		}
	}
	if r.MaxTokens < 0 {
		return bad("MaxTokens is negative")
	}
	if r.Schema != nil && (r.Schema.Name == "" || !isObject(strings.TrimSpace(string(r.Schema.JSON)))) {
		return bad("the schema has no name or is not a JSON object")
	}
	return nil
}

// ask asks one model: once, and again for each thing its server turns out not to know.
func (d *door) ask(ctx context.Context, ep *endpoint, r Request) (Response, *Error) {
	for {
		if err := ctx.Err(); err != nil {
			return Response{}, &Error{Kind: KindCancelled, Message: "given up before anything was sent", Err: context.Cause(ctx)}
		}
		if err := ep.admit(d.now()); err != nil {
			return Response{}, err
		}
		tried := ep.speaks()
		resp, f := d.once(ctx, ep, r, tried)
		ep.settle(d.now(), f)
		if f == nil {
			return resp, nil
		}
		next, ok := tried.after(f.Error, f.said, r, ep.Name)
		if !ok {
			return resp, f.Error
		}
		ep.learn(tried, next)
		d.log.Info("model's server does not take the request as it is, asked in another way", "model", ep.Name, "refusal", f.Message)
	}
}

// once makes one exchange: kept before it leaves, settled when it ended.
func (d *door) once(ctx context.Context, ep *endpoint, r Request, dia dialect) (Response, *failure) {
	if dia.shortAnswer {
		r.MaxTokens = min(maxTokens(r), shortAnswerTokens)
	}
	x := &exchange{door: d, ep: ep, limit: maxTokens(r), call: Call{
		ID: d.id(), At: d.now().UTC(), Purpose: r.Purpose, Incident: r.Incident, Service: r.Service,
		Provider: ep.Provider, Model: ep.Name, Endpoint: ep.url,
	}}
	said := r
	if dia.format != formatSchema {
		said = withSchemaInPrompt(r)
	}
	x.call.Prompt = Render(said)
	hc := &http.Client{Transport: x, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}

	a, err := d.adapter(ctx, hc, x, ep, r, dia)
	resp, f := d.judge(x, r, a, err)
	resp.Model, resp.Call = ep.Name, x.call.ID
	resp.Usage.USD = ep.price.of(resp.Usage)
	resp.Usage = resp.Usage.Add(x.lost)
	if !x.begun {
		return resp, f
	}
	endCtx, cancel := context.WithTimeout(context.WithoutCancel(ctx), endLimit)
	defer cancel()
	var outcome error
	if f != nil {
		outcome = f.Error
	}
	if err := d.ledger.End(endCtx, x.call, resp, outcome); err != nil {
		d.log.Error("a model's answer could not be kept", "call", x.call.ID, "error", d.quote(err.Error()))
		if f == nil {
			f = x.fail(KindInternal, "the answer could not be kept: "+d.quote(err.Error()), err)
		}
	}
	return resp, f
}

// adapter talks to ep in its own language. A library that panics on what a server sent must not take the process along.
func (d *door) adapter(ctx context.Context, hc *http.Client, x *exchange, ep *endpoint, r Request, dia dialect) (a answer, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("the answer could not be read: %v", p)
		}
	}()
	raw := func() []byte { return x.body }
	switch ep.Provider {
	case ProviderAnthropic:
		return askAnthropic(ctx, hc, ep.Endpoint, r, dia, raw)
	case ProviderOllama:
		return askOllama(ctx, hc, ep.Endpoint, r, raw)
	default:
		return askOpenAI(ctx, hc, ep.Endpoint, r, dia)
	}
}

// judge makes a Response of what the adapter read, or says what is wrong with it.
func (d *door) judge(x *exchange, r Request, a answer, err error) (Response, *failure) {
	if x.failed != nil {
		return Response{}, x.failed
	}
	if err != nil {
		if x.begun {
			x.lost = x.lost.Add(x.call.Estimate)
			return Response{}, x.fail(KindGarbage, "the answer is not one: "+d.quote(err.Error()), err)
		}
		return Response{}, x.fail(KindBadRequest, "the request was not sent: "+d.quote(err.Error()), err)
	}
	resp := Response{Text: a.text, Served: d.quote(a.served), Finish: d.quote(a.finish), Usage: a.usage}
	if resp.Usage.InputTokens <= 0 || resp.Usage.OutputTokens < 0 {
		resp.Usage = Usage{InputTokens: x.call.Estimate.InputTokens, OutputTokens: tokens(len(a.text)), Estimated: true}
	}
	// A server that counts nonsense must not overflow what is summed up.
	resp.Usage.InputTokens = min(resp.Usage.InputTokens, maxCount)
	resp.Usage.OutputTokens = min(resp.Usage.OutputTokens, maxCount)
	switch a.finish {
	case "length", "max_tokens":
		f := x.fail(KindTruncated, fmt.Sprintf("the answer reached its bound of %d tokens before it was finished", x.limit), nil)
		return resp, f
	case "model_context_window_exceeded":
		return resp, x.fail(KindTooLong, "the model's window has no room for prompt and answer", nil)
	case "content_filter", "refusal":
		return resp, x.fail(KindRefused, "the answer was withheld by the provider's filter", nil)
	}
	if a.refusal != "" {
		return resp, x.fail(KindRefused, "the model would not answer: "+d.quote(a.refusal), nil)
	}
	if strings.TrimSpace(a.text) == "" {
		return resp, x.fail(KindGarbage, "the answer is empty", nil)
	}
	if r.Schema != nil {
		text, ok := jsonObject(a.text)
		if !ok {
			return resp, x.fail(KindGarbage, "the answer holds no JSON object", nil)
		}
		resp.Text = text
	}
	return resp, nil
}

// maxCount is the most tokens that a server's count is believed for: more than any model takes in one call.
const maxCount = 100_000_000

// clean takes secrets out of a text that leaves, this door's own keys first.
func (d *door) clean(s string) string { return d.redact(d.keys.Replace(s)) }

// maxQuote is how much of what a server says is repeated.
const maxQuote = 300

// quote makes a server's words fit for an error: no secret, one line, nothing that moves a cursor, not long.
func (d *door) quote(s string) string {
	s = incident.PrintableLine(d.clean(s))
	if len(s) > maxQuote {
		s = strings.ToValidUTF8(s[:maxQuote], "") + "…"
	}
	return s
}

func (d *door) id() string {
	d.randMu.Lock()
	defer d.randMu.Unlock()
	id, err := ulid.New(ulid.Timestamp(d.now()), d.rand)
	if err != nil { // a source of randomness that ends is a test's
		id, _ = ulid.New(ulid.Timestamp(d.now()), rand.Reader)
	}
	return id.String()
}

// random gives a number from 0 to 1.
func (d *door) random() float64 {
	d.randMu.Lock()
	defer d.randMu.Unlock()
	var b [8]byte
	if _, err := io.ReadFull(d.rand, b[:]); err != nil {
		return 0.5
	}
	return float64(binary.LittleEndian.Uint64(b[:])>>11) / (1 << 53)
}
