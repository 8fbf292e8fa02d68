package notify

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/slack-go/slack"

	"github.com/logwright/logwright/agent/incident"
)

// The message's types are slack-go's; the request is our own, because the library's errors hold the webhook's URL, which is
// a secret, and give neither Slack's own word for what went wrong nor Retry-After as a date.

// defaultTimeout bounds one attempt where the client given does not.
const defaultTimeout = 15 * time.Second

// maxRetryAfter keeps a receiver from silencing us for good.
const maxRetryAfter = time.Hour

// slackCodes are Slack's words for what is wrong with a webhook or payload, and what they mean to the operator. Anything else
// in an answer is not shown: it may be a proxy's page.
var slackCodes = map[string]string{ //nolint:gosec // G101: what Slack answers, none is a credential
	"invalid_payload":                   "Slack does not accept the message",
	"invalid_blocks":                    "Slack does not accept the message",
	"invalid_blocks_format":             "Slack does not accept the message",
	"msg_too_long":                      "Slack finds the message too long",
	"msg_blocks_too_long":               "Slack finds the message too long",
	"no_text":                           "Slack does not accept the message",
	"no_service":                        "the webhook is disabled or removed: make a new one and put its url into agent.yaml",
	"no_service_id":                     "the webhook's url is not complete: copy it again",
	"no_team":                           "the webhook's workspace is gone: make a new webhook",
	"team_disabled":                     "the webhook's workspace is disabled",
	"invalid_token":                     "the webhook's url is wrong or was revoked: copy it again, or make a new one",
	"user_not_found":                    "the webhook's user is gone: make a new webhook",
	"channel_not_found":                 "the webhook's channel is gone: make a new webhook",
	"channel_is_archived":               "the webhook's channel is archived: unarchive it, or make a webhook for another",
	"action_prohibited":                 "an administrator has forbidden posting by webhooks",
	"posting_to_general_channel_denied": "an administrator has forbidden posting to the general channel",
	"rollup_error":                      "Slack had an error of its own",
}

// badMessage are the codes that are about the message, not the webhook.
var badMessage = []string{"invalid_payload", "invalid_blocks", "invalid_blocks_format", "msg_too_long", "msg_blocks_too_long"}

// slackHook posts to an incoming webhook.
type slackHook struct {
	url    string
	client *http.Client
	now    func() time.Time
	viewer
}

func newSlack(url string, o Options) *slackHook {
	c := &http.Client{Timeout: defaultTimeout}
	if o.Client != nil {
		c.Transport = o.Client.Transport
		if o.Client.Timeout > 0 {
			c.Timeout = o.Client.Timeout
		}
	}
	// A redirect would carry the message, and the secret as referrer, to a place that nobody configured.
	c.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	now := o.Now
	if now == nil {
		now = time.Now
	}
	return &slackHook{url: url, client: c, now: now, viewer: viewer{o.Redact}}
}

// Notify posts e once. Where Slack does not accept the message as such, it is told in one plain line: better a poor message
// than none.
func (s *slackHook) Notify(ctx context.Context, e incident.Event) error {
	m := message(e, s.viewer)
	err := s.post(ctx, m)
	if failed, ok := errors.AsType[*Error](err); ok && slices.Contains(badMessage, failed.Code) {
		w := s.view(e)
		short := w.headline
		if e.Incident != nil {
			short += ". See: logwright incidents show " + s.name(e.Incident.ID)
		}
		if len(w.answer) > 0 {
			short += ". Answer with: " + strings.Join(w.answer, " or ")
		}
		plain := fallback(short)
		if s.post(ctx, plain) == nil {
			return nil
		}
	}
	return err
}

func (s *slackHook) post(ctx context.Context, m *slack.WebhookMessage) error {
	body, err := json.Marshal(m)
	if err != nil {
		return &Error{Permanent: true, Message: "slack: the message can't be written as JSON: " + err.Error()}
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.url, bytes.NewReader(body))
	if err != nil { // quotes the URL
		return &Error{Permanent: true, Message: "slack: the webhook's url can't be used"}
	}
	req.Header.Set("Content-Type", "application/json; charset=utf-8")
	res, err := s.client.Do(req)
	if err != nil {
		return s.unreachable(err)
	}
	defer res.Body.Close()
	answer, _ := io.ReadAll(io.LimitReader(res.Body, 1<<10))
	if res.StatusCode/100 == 2 {
		return nil
	}
	return s.refused(res, strings.TrimSpace(string(answer)))
}

// unreachable strips the URL off the client's error.
func (s *slackHook) unreachable(err error) *Error {
	cause := err
	for {
		u, ok := errors.AsType[*url.Error](cause)
		if !ok {
			break
		}
		cause = u.Err
	}
	message := strings.ReplaceAll(cause.Error(), s.url, "(url)")
	if u, err := url.Parse(s.url); err == nil && len(u.Path) > 1 {
		// A transport of the caller's may say the path.
		message = strings.ReplaceAll(message, u.Path, "(path)")
		if message != cause.Error() {
			cause = errors.New(message)
		}
	}
	return &Error{Message: "slack could not be reached: " + incident.PrintableLine(message), cause: cause}
}

// refused reads Slack's answer: 429 and 5xx pass, the rest of 4xx does not.
func (s *slackHook) refused(res *http.Response, answer string) *Error {
	e := &Error{Status: res.StatusCode}
	meaning, known := slackCodes[answer]
	if known {
		e.Code = answer
	}
	switch {
	case res.StatusCode == http.StatusTooManyRequests:
		e.RetryAfter = retryAfter(res.Header.Get("Retry-After"), s.now())
		e.Message = "slack: too many messages (429)"
		if e.RetryAfter > 0 {
			e.Message += ", again in " + e.RetryAfter.String()
		}
		return e
	case res.StatusCode/100 == 3:
		e.Permanent = true
		e.Message = fmt.Sprintf("slack: the webhook redirects (%d), which is not followed: put the final url into agent.yaml", res.StatusCode)
		return e
	case res.StatusCode/100 == 4 && res.StatusCode != http.StatusRequestTimeout && res.StatusCode != http.StatusTooEarly:
		e.Permanent = true
	default:
		e.RetryAfter = retryAfter(res.Header.Get("Retry-After"), s.now())
	}
	e.Message = fmt.Sprintf("slack answered %d", res.StatusCode)
	if known {
		e.Message += " " + answer + ": " + meaning
	}
	return e
}

// retryAfter reads the header's two forms, seconds and a date; 0 where it says nothing that makes sense.
func retryAfter(header string, now time.Time) time.Duration {
	wait := time.Duration(0)
	if n, err := strconv.ParseInt(strings.TrimSpace(header), 10, 64); err == nil {
		wait = time.Duration(min(max(n, 0), int64(maxRetryAfter/time.Second))) * time.Second
	} else if at, err := http.ParseTime(header); err == nil {
		wait = at.Sub(now)
	}
	return min(max(wait, 0), maxRetryAfter)
}
