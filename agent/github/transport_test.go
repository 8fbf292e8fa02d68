package github

import (
	"errors"
	"io"
	"net/http"
	"testing"
	"testing/synctest"
	"time"
)

type answers func(*http.Request) (*http.Response, error)

func (a answers) RoundTrip(r *http.Request) (*http.Response, error) { return a(r) }

type endless struct{}

func (endless) Read(b []byte) (int, error) { return len(b), nil }
func (endless) Close() error               { return nil }

// stuck is a body that never ends and never comes.
type stuck struct{ *http.Request }

func (s stuck) Read([]byte) (int, error) {
	<-s.Context().Done()
	return 0, s.Context().Err()
}
func (stuck) Close() error { return nil }

func TestTransportIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for name, c := range map[string]struct {
			answer func(r *http.Request) io.ReadCloser
			want   error
			sent   int
			within time.Duration
		}{
			"an answer without end":     {func(*http.Request) io.ReadCloser { return endless{} }, errTooLong, 1, time.Second},
			"an answer that never ends": {func(r *http.Request) io.ReadCloser { return stuck{r} }, nil, 1 + maxRetries, 5 * attemptTimeout},
		} {
			sent := 0
			tr := newTransport(answers(func(r *http.Request) (*http.Response, error) {
				sent++
				return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: c.answer(r)}, nil
			}))
			req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://api.github.com/", nil)
			if err != nil {
				t.Fatal(err)
			}
			began := time.Now()
			if resp, err := tr.RoundTrip(req); err == nil || c.want != nil && !errors.Is(err, c.want) || resp != nil {
				t.Errorf("%s: %v, %v", name, resp, err)
			}
			if took := time.Since(began); sent != c.sent || took > c.within {
				t.Errorf("%s: sent %d times within %s", name, sent, took)
			}
		}
	})
}

func TestLimited(t *testing.T) {
	header := func(kv ...string) http.Header {
		h := http.Header{}
		for i := 0; i < len(kv); i += 2 {
			h.Set(kv[i], kv[i+1])
		}
		return h
	}
	for name, c := range map[string]struct {
		status int
		header http.Header
		body   string
		wait   time.Duration
		ok     bool
	}{
		"429":                      {429, header("Retry-After", "7"), "", 7 * time.Second, true},
		"429 that says nothing":    {429, header(), "", time.Minute, true},
		"429 with a date":          {429, header("Retry-After", "Sun, 01 Mar 2026 12:00:00 GMT"), "", time.Minute, true},
		"429 for a day":            {429, header("Retry-After", "86400"), "", maxWait + time.Second, true},
		"429 beyond all numbers":   {429, header("Retry-After", "9223372036854775807"), "", maxWait + time.Second, true},
		"secondary, in words":      {403, header(), `{"message":"You have exceeded a Secondary rate limit"}`, time.Minute, true},
		"the hour's":               {403, header("X-RateLimit-Remaining", "0"), "", 0, false},
		"the hour's as 429":        {429, header("X-RateLimit-Remaining", "0"), "", 0, false},
		"forbidden":                {403, header(), `{"message":"Resource not accessible"}`, time.Minute, false},
		"a 500 with a Retry-After": {500, header("Retry-After", "7"), "", 0, false},
	} {
		r := &http.Response{StatusCode: c.status, Header: c.header, Body: &body{text: []byte(c.body)}}
		if d, ok := limited(r); ok != c.ok || ok && d != c.wait {
			t.Errorf("%s: %s, %v", name, d, ok)
		}
	}
}
