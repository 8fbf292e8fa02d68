package notify

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/logwright/logwright/agent/incident"
)

// storms says, for each kind that is grouped, what happened to the incidents of one, and whether the storm stands where the
// first of its events stood (what begins an episode comes before all else that is told of it) or the last.
var storms = map[incident.EventKind]struct {
	happened string
	first    bool
}{
	incident.EventOpened:    {"opened", true},
	incident.EventReturned:  {"came back after they were resolved", true},
	incident.EventSilence:   {"opened because services are silent", true},
	incident.EventDiagnosed: {"diagnosed", false},
	incident.EventSpike:     {"spiked", false},
	incident.EventWorse:     {"got worse than they began", false},
	incident.EventMerged:    {"turned out to be the same as older ones", false},
	incident.EventResolved:  {"resolved", false},
	incident.EventReopened:  {"reopened", false},
	incident.EventIgnored:   {"ignored", false},
	incident.EventProposed:  {"with a proposal that nobody has to answer", false},
	incident.EventAdvice:    {"with a patch that could not be proven", false},
}

// Group makes storms of the events of one delivery round: where more than limit of one kind wait, they become one event of
// kind storm, the most important incident first. All others pass as they are, in their order. Gaps and the like, which have
// no incident, are grouped by kind in the same way; their storm says it in Text. What somebody has to answer, and what was
// done, is told one by one however much of it there is: a list of incidents would say neither the command nor how to answer.
//
// Pure: the same events give the same storms with the same ids, whatever order they come in. The events given are not
// changed. A limit below 1 groups nothing.
func Group(events []incident.Event, limit int) []incident.Event {
	if limit < 1 {
		return events
	}
	byKind := map[incident.EventKind][]incident.Event{}
	last := map[incident.EventKind]int{}
	for i, e := range events {
		byKind[e.Kind] = append(byKind[e.Kind], e)
		last[e.Kind] = i
	}
	out := make([]incident.Event, 0, len(events))
	done := map[incident.EventKind]bool{}
	for i, e := range events {
		all := byKind[e.Kind]
		if e.Kind == incident.EventStorm || alwaysTold(e.Kind) || len(all) <= limit {
			out = append(out, e)
			continue
		}
		if !done[e.Kind] && (storms[e.Kind].first || i == last[e.Kind]) {
			out = append(out, storm(e.Kind, all))
			done[e.Kind] = true
		}
	}
	return out
}

// storm makes one event of several of a kind.
func storm(kind incident.EventKind, all []incident.Event) incident.Event {
	e := incident.Event{Kind: incident.EventStorm}
	newest := map[string]incident.Incident{}
	at := map[string]time.Time{}
	var ids []string
	var texts []string
	for i, one := range all {
		ids = append(ids, one.ID)
		if i == 0 || one.Was < e.Was {
			e.Was = one.Was // who has heard of this one has heard of all
		}
		e.Resend = e.Resend || one.Resend
		if one.At.After(e.At) {
			e.At = one.At
		}
		if one.Incident == nil {
			texts = append(texts, one.Text)
			continue
		}
		// The same incident may be told of twice in a round; what is newer holds.
		if t, ok := at[one.Incident.ID]; !ok || !one.At.Before(t) {
			newest[one.Incident.ID], at[one.Incident.ID] = *one.Incident, one.At
		}
	}
	for _, i := range newest {
		e.Grouped = append(e.Grouped, i)
	}
	slices.SortFunc(e.Grouped, byImportance)
	e.Text = stormText(kind, len(newest), texts)
	if kind == incident.EventProposed {
		e.Text += proposedText(all)
	}
	if len(e.Grouped) > 0 {
		first := e.Grouped[0]
		e.Incident, e.Grouped = &first, e.Grouped[1:]
	}
	e.ID = stormID(kind, e.At, ids)
	return e
}

// byImportance puts the worst first, then the most frequent, then the oldest.
func byImportance(a, b incident.Incident) int {
	return cmp.Or(
		cmp.Compare(b.Severity, a.Severity),
		cmp.Compare(b.Events, a.Events),
		a.FirstSeen.Compare(b.FirstSeen),
		cmp.Compare(a.ID, b.ID),
	)
}

// stormText says what the storm is of. Its first line is Logwright's own words; the second quotes a text of one of the events,
// in which a stranger may have named a file.
func stormText(kind incident.EventKind, incidents int, texts []string) string {
	var parts []string
	if incidents > 0 {
		parts = append(parts, count(incidents, "incident")+" "+cmp.Or(storms[kind].happened, string(kind)))
	}
	if len(texts) == 0 {
		return strings.Join(parts, "; ")
	}
	switch kind {
	case incident.EventGap:
		parts = append(parts, count(len(texts), "gap")+", where logs may be missing")
	case incident.EventDegraded:
		parts = append(parts, count(len(texts), "time")+" degraded")
	default:
		parts = append(parts, count(len(texts), "event")+" of kind "+string(kind))
	}
	return strings.Join(parts, "; ") + "\none of them: " + slices.Min(texts)
}

// proposedText says what became of the proposals of a storm: what was only simulated is never told as if it had been done.
func proposedText(all []incident.Event) string {
	refused, simulated := 0, 0
	for _, e := range all {
		switch {
		case e.Decision == nil:
		case e.Decision.Simulated:
			simulated++
		default:
			refused++
		}
	}
	s := ""
	if simulated > 0 {
		s += "; " + count(simulated, "decision") + " simulated only"
	}
	if refused > 0 {
		s += "; " + count(refused, "proposal") + " refused"
	}
	return s
}

// stormID is a ULID like any event's, made of the storm's time and the ids that it stands for.
func stormID(kind incident.EventKind, at time.Time, ids []string) string {
	slices.Sort(ids)
	sum := sha256.Sum256([]byte(string(kind) + "\x00" + strings.Join(ids, "\x00")))
	ms := uint64(0)
	if t := at.UnixMilli(); t > 0 {
		ms = min(uint64(t), ulid.MaxTime())
	}
	id, err := ulid.New(ms, bytes.NewReader(sum[:]))
	if err != nil { // not possible: the time is in range and the hash is longer than the entropy read
		return fmt.Sprintf("%X", sum[:13])
	}
	return id.String()
}
