package model

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/failsafe-go/failsafe-go"
	"github.com/failsafe-go/failsafe-go/retrypolicy"
)

// The limits of an exchange.
const (
	maxRequestBytes = 4 << 20
	maxAnswerBytes  = 4 << 20
	maxErrorBytes   = 64 << 10
	maxRetries      = 2
	firstWait       = time.Second
	// maxWait is the longest a call waits before it tries again. A server that wants more is left alone that long, and the
	// call fails at once, so that the next model or the offline diagnoser answers.
	maxWait = 30 * time.Second
)

// exchange is the http.RoundTripper under one call of a library. It is where bytes leave: it has the ledger keep them and
// reserve the budget, sends them, tries again where that is safe, and reads the whole answer within its limits, so that
// time, size and retries are decided here once for every library. What it found out stays in failed and body, since the
// libraries lose it (go-openai keeps no headers, langchaingo keeps only words).
//
// Tried again is what the server refused before it did any work (429, 5xx, no connection). Not tried again is what may
// have been done and paid for: an answer that did not come in time, or broke off.
type exchange struct {
	door *door
	ep   *endpoint
	// call is completed here with the body and the estimate. begun says that the ledger has it.
	call  Call
	begun bool
	// limit is the bound of the answer in tokens.
	limit int

	failed *failure
	body   []byte
	// lost is what attempts used up, or may have, without giving an answer.
	lost Usage
}

// sent is what came back.
type sent struct {
	status int
	header http.Header
	body   []byte
}

// RoundTrip keeps, sends and reads. An error is also left in x.failed.
func (x *exchange) RoundTrip(req *http.Request) (*http.Response, error) {
	s, f := x.roundTrip(req)
	if f != nil {
		x.failed = f
		return nil, f.Error
	}
	x.body = s.body
	return &http.Response{
		StatusCode: s.status, Status: fmt.Sprintf("%d %s", s.status, http.StatusText(s.status)),
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Header: s.header,
		Body: io.NopCloser(bytes.NewReader(s.body)), ContentLength: int64(len(s.body)), Request: req,
	}, nil
}

func (x *exchange) roundTrip(req *http.Request) (sent, *failure) {
	ctx := req.Context()
	if x.begun {
		return sent{}, x.fail(KindInternal, "a second request in one exchange", nil)
	}
	if req.Body != nil {
		defer req.Body.Close()
		b, err := io.ReadAll(io.LimitReader(req.Body, maxRequestBytes+1))
		if err != nil {
			return sent{}, x.fail(KindInternal, "the request could not be written", err)
		}
		if len(b) > maxRequestBytes {
			return sent{}, x.fail(KindTooLong, fmt.Sprintf("the request is longer than %d bytes", maxRequestBytes), nil)
		}
		x.call.Body = b
	}
	x.call.Estimate = Usage{InputTokens: tokens(len(x.call.Body)), OutputTokens: int64(x.limit), Estimated: true}
	x.call.Estimate.USD = x.ep.price.of(x.call.Estimate)
	if err := x.door.ledger.Begin(ctx, x.call); err != nil {
		return sent{}, x.beginFailed(err)
	}
	x.begun = true

	start := x.door.now()
	policy := retrypolicy.NewBuilder[sent]().
		HandleIf(func(_ sent, err error) bool {
			f := asFailure(err)
			return f != nil && f.retry && x.door.now().Add(x.wait(f, 0)).Sub(start) < x.ep.timeout()
		}).
		WithMaxRetries(maxRetries).
		WithDelayFunc(func(e failsafe.ExecutionAttempt[sent]) time.Duration {
			f := asFailure(e.LastError())
			wait := x.wait(f, e.Attempts()-1)
			x.door.log.Info("model is asked again", "model", x.ep.Name, "kind", f.Kind, "wait", wait)
			return wait
		}).
		ReturnLastFailure().Build()
	s, err := failsafe.With[sent](policy).WithContext(ctx).Get(func() (sent, error) {
		s, f := x.attempt(req)
		if f != nil {
			if f.billed {
				x.lost = x.lost.Add(x.call.Estimate)
			}
			return sent{}, attemptError{f}
		}
		return s, nil
	})
	if err == nil {
		return s, nil
	}
	if f := asFailure(err); f != nil {
		return sent{}, f
	}
	return sent{}, x.fail(KindCancelled, "given up while waiting to try again", err)
}

// wait gives how long to wait before attempt n+2. It is never less than the server asks for.
func (x *exchange) wait(f *failure, n int) time.Duration {
	base := firstWait << n
	if f.RetryAfter > 0 {
		base = f.RetryAfter
	}
	return base + time.Duration(x.door.random()*float64(min(base, maxWait)/4))
}

// attempt sends once. All of it, the reading of the body too, happens within the endpoint's time limit: a server that
// sends a byte now and then does not hold it open.
func (x *exchange) attempt(orig *http.Request) (sent, *failure) {
	ctx, cancel := context.WithTimeout(orig.Context(), x.ep.timeout())
	defer cancel()
	req := orig.Clone(ctx)
	req.Body = io.NopCloser(bytes.NewReader(x.call.Body))
	req.ContentLength = int64(len(x.call.Body))
	req.GetBody = nil
	req.Header.Set("User-Agent", "logwright")

	resp, err := x.door.transport.RoundTrip(req)
	if err != nil {
		return sent{}, x.transportFailed(orig.Context(), ctx, err)
	}
	defer resp.Body.Close()
	ok := resp.StatusCode >= 200 && resp.StatusCode < 300
	limit := int64(maxErrorBytes)
	if ok {
		limit = maxAnswerBytes
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, limit+1))
	if !ok {
		// What was read of an error is enough.
		f := classify(resp.StatusCode, resp.Header, body[:min(len(body), maxErrorBytes)], x.door.now())
		f.Error.Message = x.door.quote(f.Message)
		if resp.StatusCode == http.StatusNotFound && x.ep.Provider == ProviderOllama {
			f.Hint = "is the model there? ollama pull " + x.ep.Name
		}
		if f.RetryAfter > maxWait {
			f.retry = false
		}
		if f.Kind == KindRateLimited {
			f.rest = max(f.rest, f.RetryAfter, maxWait)
		} else if f.RetryAfter > 0 {
			f.rest = max(f.rest, f.RetryAfter)
		}
		return sent{}, x.named(f)
	}
	switch {
	case err != nil:
		f := x.transportFailed(orig.Context(), ctx, err)
		f.retry, f.billed = false, true
		if f.Kind == KindUnavailable && !errors.Is(ctx.Err(), context.DeadlineExceeded) {
			f.Message = "the answer broke off"
		}
		return sent{}, f
	case len(body) > maxAnswerBytes:
		f := x.fail(KindGarbage, fmt.Sprintf("the answer is longer than %d bytes", maxAnswerBytes), nil)
		f.billed = true
		return sent{}, f
	}
	if wrong := checkBody(resp.Header, body); wrong != "" {
		f := x.fail(KindGarbage, wrong, nil)
		f.billed = true
		return sent{}, f
	}
	return sent{status: resp.StatusCode, header: resp.Header, body: body}, nil
}

// transportFailed says what an error of the transport means. outer is the caller's context, inner that with the time limit.
func (x *exchange) transportFailed(outer, inner context.Context, err error) *failure {
	var op *net.OpError
	dialled := errors.As(err, &op) && op.Op == "dial"
	switch {
	case outer.Err() != nil:
		f := x.fail(KindCancelled, "given up before the answer came", context.Cause(outer))
		f.billed = !dialled
		return f
	case inner.Err() != nil:
		f := x.fail(KindUnavailable, fmt.Sprintf("no answer within %s", x.ep.timeout()), context.DeadlineExceeded)
		f.Hint = "raise model.timeout if the model is slow"
		f.billed = !dialled
		return f
	}
	f := x.fail(KindUnavailable, "no connection: "+x.door.quote(err.Error()), err)
	f.retry, f.billed = true, !dialled
	return f
}

func (x *exchange) beginFailed(err error) *failure {
	var e *Error
	if errors.As(err, &e) {
		c := *e
		return x.named(&failure{Error: &c})
	}
	if errors.Is(err, context.Canceled) {
		return x.fail(KindCancelled, "given up before anything was sent", err)
	}
	return x.fail(KindInternal, "the prompt could not be kept, so it was not sent: "+x.door.quote(err.Error()), err)
}

func (x *exchange) fail(k Kind, message string, err error) *failure {
	return x.named(&failure{Error: &Error{Kind: k, Message: message, Err: err}})
}

func (x *exchange) named(f *failure) *failure {
	f.Provider, f.Model = x.ep.Provider, x.ep.Name
	return f
}

// attemptError carries a failure through failsafe.
type attemptError struct{ f *failure }

func (a attemptError) Error() string { return a.f.Error.Error() }

func asFailure(err error) *failure {
	var a attemptError
	if errors.As(err, &a) {
		return a.f
	}
	return nil
}
