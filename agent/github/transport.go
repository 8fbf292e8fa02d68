package github

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/failsafe-go/failsafe-go"
	"github.com/failsafe-go/failsafe-go/failsafehttp"
	"github.com/failsafe-go/failsafe-go/retrypolicy"
)

// The limits of a request.
const (
	attemptTimeout = 30 * time.Second
	maxRetries     = 3
	// maxWait is the longest that one Retry-After is waited for; who asks for more is left alone, and the action fails.
	maxWait = 2 * time.Minute
	// unsaidWait is how long is waited where GitHub limits without saying until when: it asks for a minute at least.
	unsaidWait = time.Minute
	maxAnswer  = 32 << 20 // a hundred descriptions at their longest take 26 MiB
)

// transport is the one place that waits and tries again. What GitHub refused to do (429, secondary limits) is tried again
// whatever it was. What may have been done (no answer, 5xx) is tried again only where doing it twice is the same as once,
// which the caller says with repeatable; the others look first.
type transport struct{ repeat, once http.RoundTripper }

//nolint:bodyclose // what whole gives has its body in memory; nothing is left open
func newTransport(base http.RoundTripper) http.RoundTripper {
	if base == nil {
		base = http.DefaultTransport
	}
	policy := func(again func(*http.Response, error) bool) failsafe.Policy[*http.Response] {
		return retrypolicy.NewBuilder[*http.Response]().
			HandleIf(again).WithMaxRetries(maxRetries).ReturnLastFailure().
			WithBackoff(time.Second, 16*time.Second). // no jitter: it would take from a Retry-After too
			WithDelayFunc(func(e failsafe.ExecutionAttempt[*http.Response]) time.Duration {
				if r := e.LastResult(); r != nil {
					if d, ok := limited(r); ok {
						return d
					}
				}
				return -1 // the backoff
			}).Build()
	}
	refused := func(r *http.Response, _ error) bool {
		if r == nil {
			return false
		}
		d, ok := limited(r)
		return ok && d <= maxWait
	}
	next := whole{base}
	return transport{
		once: failsafehttp.NewRoundTripper(next, policy(refused)),
		repeat: failsafehttp.NewRoundTripper(next, policy(func(r *http.Response, err error) bool {
			if err != nil {
				return !errors.Is(err, context.Canceled) && !errors.Is(err, errTooLong)
			}
			switch r.StatusCode {
			case http.StatusInternalServerError, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
				return true
			}
			return refused(r, nil)
		})),
	}
}

type repeatKey struct{}

// repeatable marks requests that may be sent again though they may have been done.
func repeatable(ctx context.Context) context.Context {
	return context.WithValue(ctx, repeatKey{}, true)
}

// RoundTrip sends the request, and again where that is safe.
func (t transport) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.Method == http.MethodGet || req.Context().Value(repeatKey{}) != nil {
		return t.repeat.RoundTrip(req)
	}
	return t.once.RoundTrip(req)
}

// limited says whether GitHub refused because of a limit that passes soon, and how long to wait. go-github knows only 403 for
// one. The hourly limit is none of these: it may last for most of an hour.
func limited(r *http.Response) (time.Duration, bool) {
	if r.StatusCode != http.StatusTooManyRequests && r.StatusCode != http.StatusForbidden {
		return 0, false
	}
	if s := strings.TrimSpace(r.Header.Get("Retry-After")); s != "" {
		if n, err := strconv.Atoi(s); err == nil && n >= 0 {
			return time.Duration(min(n, int(maxWait/time.Second)+1)) * time.Second, true
		}
		return unsaidWait, true
	}
	if r.Header.Get("X-RateLimit-Remaining") == "0" {
		return 0, false
	}
	if r.StatusCode == http.StatusTooManyRequests {
		return unsaidWait, true
	}
	b, _ := r.Body.(*body)
	return unsaidWait, b != nil && bytes.Contains(bytes.ToLower(b.text), []byte("secondary rate limit"))
}

var errTooLong = fmt.Errorf("the answer has more than %d bytes", maxAnswer)

// whole reads an answer to its end before anybody sees it, within a time and a size.
type whole struct{ next http.RoundTripper }

type body struct {
	*bytes.Reader
	text []byte
}

func (*body) Close() error { return nil }

// RoundTrip gives an answer whose body is in memory.
func (w whole) RoundTrip(req *http.Request) (*http.Response, error) {
	ctx, cancel := context.WithTimeoutCause(req.Context(), attemptTimeout, fmt.Errorf("no answer within %s", attemptTimeout))
	defer cancel()
	resp, err := w.next.RoundTrip(req.WithContext(ctx))
	if err == nil {
		var b []byte
		b, err = io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
		resp.Body.Close()
		if err == nil && len(b) > maxAnswer {
			err = errTooLong
		}
		resp.Body = &body{Reader: bytes.NewReader(b), text: b}
	}
	switch {
	case err == nil:
		resp.Request = req
		return resp, nil
	case req.Context().Err() == nil && ctx.Err() != nil:
		return nil, context.Cause(ctx)
	}
	return nil, err
}
