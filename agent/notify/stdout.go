package notify

import (
	"context"
	"io"
	"sync"

	"github.com/logwright/logwright/agent/incident"
)

// stdout writes one block of plain text for each event.
type stdout struct {
	mu     sync.Mutex
	w      io.Writer
	redact func(string) string
}

// Notify writes e in one Write, so that blocks never interleave.
func (s *stdout) Notify(_ context.Context, e incident.Event) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, err := io.WriteString(s.w, plain(e, s.redact)); err != nil {
		return &Error{Message: "standard output: " + err.Error(), cause: err}
	}
	return nil
}

func plain(e incident.Event, redact func(string) string) string {
	return incident.PrintableLine(redact(string(e.Kind)+" "+e.Text)) + "\n"
}
