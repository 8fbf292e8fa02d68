package notify

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/logwright/logwright/agent/incident"
	"github.com/logwright/logwright/agent/notify/fakeslack"
)

func slackNotifier(t *testing.T, url string, client *http.Client) Notifier {
	t.Helper()
	n, err := New(Config{Name: "chat", Kind: KindSlack, URL: url}, Options{Redact: redactTest, Client: client, Now: func() time.Time { return t0 }})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

var opened = incident.Event{ID: "01JNF8E5G0AAAAAAAAAAAAAAAA", Kind: incident.EventOpened, At: t0, Incident: poolIncident()}

func TestSlackAnswers(t *testing.T) {
	after := func(s string) http.Header { return http.Header{"Retry-After": {s}} }
	for _, tc := range []struct {
		name   string
		answer fakeslack.Answer
		want   Error
		parts  string
	}{
		{"rate limit", fakeslack.Answer{Status: 429, Header: after("30"), Body: "rate_limited"}, Error{RetryAfter: 30 * time.Second}, "again in 30s"},
		{"rate limit by date", fakeslack.Answer{Status: 429, Header: after(t0.Add(time.Minute).Format(http.TimeFormat))}, Error{RetryAfter: time.Minute}, "429"},
		{"rate limit in the past", fakeslack.Answer{Status: 429, Header: after(t0.Add(-time.Minute).Format(http.TimeFormat))}, Error{}, "429"},
		{"rate limit without a time", fakeslack.Answer{Status: 429}, Error{}, "429"},
		{"rate limit for ever", fakeslack.Answer{Status: 429, Header: after("99999999999999")}, Error{RetryAfter: time.Hour}, "429"},
		{"rate limit nonsense", fakeslack.Answer{Status: 429, Header: after("-5")}, Error{}, "429"},
		{"webhook gone", fakeslack.Answer{Status: 404, Body: "no_service\n"}, Error{Permanent: true, Code: "no_service"}, "make a new one"},
		{"archived", fakeslack.Answer{Status: 410, Body: "channel_is_archived"}, Error{Permanent: true, Code: "channel_is_archived"}, "unarchive"},
		{"forbidden", fakeslack.Answer{Status: 403, Body: "action_prohibited"}, Error{Permanent: true, Code: "action_prohibited"}, "administrator"},
		{"a page of a proxy", fakeslack.Answer{Status: 403, Body: "<html>fakesecret</html>"}, Error{Permanent: true}, "slack answered 403"},
		{"down", fakeslack.Answer{Status: 503, Header: after("5")}, Error{RetryAfter: 5 * time.Second}, "503"},
		{"their error", fakeslack.Answer{Status: 500, Body: "rollup_error"}, Error{Code: "rollup_error"}, "rollup_error"},
		{"timeout", fakeslack.Answer{Status: 408}, Error{}, "408"},
		{"redirect", fakeslack.Answer{Status: 302, Header: http.Header{"Location": {"http://127.0.0.1:1/fakesecret"}}}, Error{Permanent: true}, "redirects"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			fake := fakeslack.New(t)
			fake.Answer(tc.answer)
			err := slackNotifier(t, fake.URL, nil).Notify(t.Context(), opened)
			var e *Error
			if !errors.As(err, &e) {
				t.Fatalf("got %T %v", err, err)
			}
			if e.Permanent != tc.want.Permanent || e.RetryAfter != tc.want.RetryAfter || e.Code != tc.want.Code || e.Status != tc.answer.Status {
				t.Errorf("got %+v, want %+v", e, tc.want)
			}
			if !strings.Contains(err.Error(), tc.parts) || strings.Contains(err.Error(), "fakesecret") {
				t.Errorf("message: %v", err)
			}
			if n := len(fake.Bodies()); n != 1 {
				t.Errorf("%d requests, want 1", n)
			}
		})
	}
}

// TestSlackPlainAgain: a message that Slack does not accept is told in one plain line.
func TestSlackPlainAgain(t *testing.T) {
	fake := fakeslack.New(t)
	fake.Answer(fakeslack.Answer{Status: 400, Body: "invalid_blocks"})
	if err := slackNotifier(t, fake.URL, nil).Notify(t.Context(), opened); err != nil {
		t.Fatal(err)
	}
	b := fake.Bodies()
	if len(b) != 2 || strings.Contains(b[1], `"blocks"`) || !strings.Contains(b[1], "lw-2fa7k3q9xw5m.1") {
		t.Errorf("got %q", b)
	}
	fake.Answer(fakeslack.Answer{Status: 400, Body: "invalid_payload"}, fakeslack.Answer{Status: 400, Body: "invalid_payload"})
	err := slackNotifier(t, fake.URL, nil).Notify(t.Context(), opened)
	var e *Error
	if !errors.As(err, &e) || !e.Permanent || e.Code != "invalid_payload" {
		t.Errorf("got %v", err)
	}
}

func TestSlackRedirectIsNotFollowed(t *testing.T) {
	reached := false
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached = true }))
	defer other.Close()
	for _, status := range []int{301, 302, 303, 307, 308} {
		fake := fakeslack.New(t)
		fake.Answer(fakeslack.Answer{Status: status, Header: http.Header{"Location": {other.URL}}})
		// A client of the caller's that follows everything changes nothing.
		client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return nil }}
		if err := slackNotifier(t, fake.URL, client).Notify(t.Context(), opened); err == nil {
			t.Errorf("%d was taken for a delivery", status)
		}
	}
	if reached {
		t.Error("a redirect was followed")
	}
}

type transport func(*http.Request) (*http.Response, error)

func (f transport) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestSlackUnreachable(t *testing.T) {
	gone := httptest.NewUnstartedServer(nil)
	gone.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	gone.Start()
	url := gone.URL + fakeslack.Path
	gone.Close()
	talkative := transport(func(r *http.Request) (*http.Response, error) {
		return nil, errors.New("can't POST " + r.URL.String() + " or " + r.URL.Path)
	})
	for name, client := range map[string]*http.Client{"refused": nil, "talkative": {Transport: talkative}} {
		err := slackNotifier(t, url, client).Notify(t.Context(), opened)
		var e *Error
		if !errors.As(err, &e) || e.Permanent || e.Status != 0 {
			t.Errorf("%s: got %T %v", name, err, err)
		}
		for u := err; u != nil; u = errors.Unwrap(u) {
			if strings.Contains(u.Error(), "fakesecret") {
				t.Errorf("%s: the url is in %T %v", name, u, u)
			}
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	err := slackNotifier(t, url, nil).Notify(ctx, opened)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: got %v", err)
	}
}
