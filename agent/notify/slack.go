package notify

import (
	"context"
	"errors"

	"github.com/logwright/logwright/agent/incident"
)

type slackHook struct {
	url string
	o   Options
}

func newSlack(url string, o Options) *slackHook { return &slackHook{url: url, o: o} }

// Notify is not written yet.
func (s *slackHook) Notify(context.Context, incident.Event) error {
	return &Error{Message: "slack is not written yet", cause: errors.ErrUnsupported}
}
