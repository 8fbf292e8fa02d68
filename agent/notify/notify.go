// Package notify tells people what changed: one message for each change of an incident's state, on standard output or in
// Slack.
//
// Log text is written by strangers and lands in front of people here, so every notifier escapes for its own medium: a
// terminal never sees an escape sequence, Slack never sees markup, a mention or a link that a log line brought along.
// What leaves the host is redacted first and cut to the medium's limits after.
//
// Delivery itself (the outbox, retries, the order of messages) is the caller's business: a Notifier makes one attempt and
// says with an *Error whether another one is worth it, and when.
package notify

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/logwright/logwright/agent/incident"
)

// The kinds of notifiers.
const (
	KindStdout = "stdout"
	KindSlack  = "slack"
)

// Kinds lists the values Config.Kind may have.
func Kinds() []string { return []string{KindStdout, KindSlack} }

// Config is one entry of `notify` in agent.yaml.
type Config struct {
	// Name is unique among the notifiers; the outbox keeps what was delivered by it.
	Name string `yaml:"name"`
	// Kind is one of Kinds.
	Kind string `yaml:"kind"`
	// URL is Slack's incoming webhook. It is a secret: whoever has it can post. Empty for stdout.
	URL string `yaml:"url"`
	// Severity is the least an incident must have to be told of; "" is error. Events without an incident (a gap, a
	// model that is down) are always told, and so is whatever waits for somebody's answer or was done.
	Severity string `yaml:"severity"`
}

// Validate gives everything that is wrong with c, with paths below the entry. It never puts the URL in a message.
func (c Config) Validate() []incident.Problem {
	var ps []incident.Problem
	if c.Name == "" {
		ps = append(ps, incident.Problemf("name", "a notifier needs a name").
			WithHint("any short word will do: what was delivered is kept under it"))
	}
	if c.Severity != "" {
		if _, err := incident.ParseSeverity(c.Severity); err != nil {
			ps = append(ps, incident.Problemf("severity", "%v", err))
		}
	}
	switch c.Kind {
	case KindStdout:
		if c.URL != "" {
			ps = append(ps, incident.Problemf("url", "stdout takes no url").WithHint("remove the key, or say kind: slack"))
		}
	case KindSlack:
		if p, ok := checkURL(c.URL); !ok {
			ps = append(ps, p)
		}
	case "":
		ps = append(ps, incident.Problemf("kind", "a notifier needs a kind").WithHint("one of %s", strings.Join(Kinds(), ", ")))
	default:
		ps = append(ps, incident.Problemf("kind", "unknown kind %q", c.Kind).WithHint("one of %s", strings.Join(Kinds(), ", ")))
	}
	return ps
}

// checkURL takes https, and http for loopback addresses only: a webhook's URL is a secret and would travel in the clear.
func checkURL(raw string) (incident.Problem, bool) {
	const where = "it looks like https://hooks.slack.com/services/…; write ${SLACK_URL} to take it from the environment"
	u, err := url.Parse(raw)
	switch {
	case raw == "":
		return incident.Problemf("url", "slack needs the url of an incoming webhook").WithHint(where), false
	case err != nil || u.Host == "" || u.Opaque != "":
		// The parser's own error quotes the URL, which is a secret.
		return incident.Problemf("url", "this is not a URL").WithHint(where), false
	case u.User != nil:
		return incident.Problemf("url", "a webhook's url takes no user or password").WithHint(where), false
	case u.Scheme == "https" || u.Scheme == "http" && loopback(u.Hostname()):
		return incident.Problem{}, true
	}
	return incident.Problemf("url", "the url is not https, so its secret would travel in the clear").WithHint(where), false
}

func loopback(host string) bool {
	a, err := netip.ParseAddr(host)
	return err == nil && a.IsLoopback()
}

// Options is what a notifier needs from outside. Every field may be left out but Redact, and Stdout for kind stdout.
type Options struct {
	// Redact takes secrets out of text. It is called on everything that leaves the host, before anything is cut.
	Redact func(string) string
	// Client is used as a model: its Transport and Timeout are taken over, redirects are never followed. Nil is a client
	// with a timeout of 15 seconds.
	Client *http.Client
	// Stdout is where kind stdout writes.
	Stdout io.Writer
	// Now is the clock that a Retry-After date is read against. Nil is time.Now.
	Now func() time.Time
}

// Notifier makes one attempt to deliver an event. The error of a failed one is an *Error. Safe for concurrent use.
type Notifier interface {
	Notify(ctx context.Context, e incident.Event) error
}

// New makes the notifier that c describes. c is checked again, so that no other way of making one is less safe.
func New(c Config, o Options) (Notifier, error) {
	if ps := c.Validate(); len(ps) > 0 {
		return nil, fmt.Errorf("notifier %q: %s: %s", c.Name, ps[0].Path, ps[0].Message)
	}
	if o.Redact == nil {
		return nil, fmt.Errorf("notifier %q: no redaction was given", c.Name)
	}
	least := incident.SeverityError
	if c.Severity != "" {
		least, _ = incident.ParseSeverity(c.Severity) // Validate read it already
	}
	var n Notifier // Validate let no other kind through
	switch c.Kind {
	case KindStdout:
		if o.Stdout == nil {
			return nil, fmt.Errorf("notifier %q: no standard output was given", c.Name)
		}
		n = &stdout{w: o.Stdout, viewer: viewer{o.Redact}}
	case KindSlack:
		n = newSlack(c.URL, o)
	}
	return &filter{next: n, least: least}, nil
}

// filter keeps back events of incidents below the notifier's severity, but for those of actions (alwaysTold). A storm passes
// with the incidents that pass.
type filter struct {
	next  Notifier
	least incident.Severity
}

func (f *filter) Notify(ctx context.Context, e incident.Event) error {
	if alwaysTold(e.Kind) {
		return f.next.Notify(ctx, e)
	}
	if (e.Kind == incident.EventWorse || e.Kind == incident.EventStorm && e.Was != 0) && e.Was >= f.least {
		return nil // who has heard of it already is not told again
	}
	below := func(i incident.Incident) bool { return i.Severity < f.least }
	if n := len(e.Grouped); n > 0 {
		e.Grouped = slices.DeleteFunc(slices.Clone(e.Grouped), below)
		if len(e.Grouped) < n {
			e.Text = "" // it counts those that are not told of
		}
	}
	if e.Incident != nil && below(*e.Incident) {
		if len(e.Grouped) == 0 {
			return nil
		}
		e.Incident, e.Grouped = &e.Grouped[0], e.Grouped[1:]
	}
	return f.next.Notify(ctx, e)
}

// Error is why an attempt to deliver failed. It never holds the webhook's URL.
type Error struct {
	// Permanent says that the same message will never get through: the webhook is gone, the channel archived, the
	// payload refused. Everything else is worth another attempt.
	Permanent bool
	// RetryAfter is how long the receiver asked to be left alone, 0 where it did not say.
	RetryAfter time.Duration
	// Status is the HTTP status, 0 where there was no answer.
	Status int
	// Code is the receiver's own word ("no_service"), "" where it had none that is known.
	Code string
	// Message says what happened and what to do, in Logwright's own words.
	Message string
	cause   error
}

func (e *Error) Error() string { return e.Message }

// Unwrap gives the cause where it is safe to have (a cancelled context, a network error without its URL).
func (e *Error) Unwrap() error { return e.cause }
