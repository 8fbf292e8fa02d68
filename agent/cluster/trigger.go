package cluster

import (
	"time"

	"github.com/logwright/logwright/agent/incident"
)

// Situation is all that Decide looks at: one event (or a batch of the same cluster) and what is known of its cluster.
type Situation struct {
	// Episode is the state of the cluster's latest incident, "" where it never had one.
	Episode incident.State
	// ResolvedAt is when that incident was resolved, the zero Time where it was not.
	ResolvedAt time.Time
	// At is when the event says it happened, the zero Time where it says nothing.
	At time.Time
	// Severity is the event's; Threshold is triggers.severity.
	Severity, Threshold incident.Severity
	// Spike is what Baselines.Observe said of this event. (What is new has no past to be far above.)
	Spike bool
}

// Decide says whether an event is reason to open an incident or to look at one again, and why; "" means that it is not.
//
// An ignored cluster never triggers. At or above the threshold: the first incident is TriggerNew, an event after the last
// one was resolved is TriggerReturned (an event older than the resolution is not: it is a late or replayed line), and
// within an open one only a spike counts. Below the threshold only a spike of warnings does: a burst of infos is traffic.
func Decide(s Situation) incident.Trigger {
	if s.Episode == incident.StateIgnored {
		return ""
	}
	if s.Severity < s.Threshold {
		if s.Spike && s.Severity >= incident.SeverityWarning {
			return incident.TriggerSpike
		}
		return ""
	}
	switch s.Episode {
	case "":
		return incident.TriggerNew
	case incident.StateResolved:
		if !s.At.IsZero() && !s.ResolvedAt.IsZero() && !s.At.After(s.ResolvedAt) {
			return ""
		}
		return incident.TriggerReturned
	}
	if s.Spike {
		return incident.TriggerSpike
	}
	return ""
}
