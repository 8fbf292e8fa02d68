package agent

import (
	"fmt"
	"time"

	"github.com/logwright/logwright/agent/cluster"
	"github.com/logwright/logwright/agent/incident"
	"github.com/logwright/logwright/agent/store"
)

// firing is what a step does to one cluster, computed once and written as often as the transaction needs.
type firing struct {
	counts  store.Counts
	samples []incident.Sample
	service string
	// spike is set where the cluster came far more often than it used to.
	spike *cluster.Spike
}

// firings resolves the step's deltas to the clusters they belong to now, several to one after a merge, and asks the
// baselines once.
func (g *ingest) firings() []firing {
	now := g.now()
	out := make([]firing, 0, len(g.step.deltas))
	at := make(map[string]int, len(g.step.deltas))
	for i := range g.step.deltas {
		d := &g.step.deltas[i]
		id := g.p.clusters.Resolve(d.ref)
		n, ok := at[id]
		if !ok {
			n = len(out)
			at[id] = n
			out = append(out, firing{counts: store.Counts{Cluster: id}, service: d.service})
		}
		f := &out[n]
		c := &f.counts
		if d.problems > 0 && c.Problems == 0 {
			c.First, c.Last = time.Time{}, time.Time{}
		}
		if d.problems > 0 || c.Problems == 0 {
			if c.First.IsZero() || !d.first.IsZero() && d.first.Before(c.First) {
				c.First = d.first
			}
			if d.last.After(c.Last) {
				c.Last = d.last
			}
		}
		c.Events += d.events
		c.Problems += d.problems
		g.pulses.Observe(id, now, int(d.problems))
		c.Severity = max(c.Severity, d.severity)
		for _, s := range d.samples {
			s.Cluster = id
			f.samples = append(f.samples, s)
		}
		for _, m := range sortedMinutes(d.minutes) {
			// Any line may claim any minute, and each is a row: what no baseline looks at is not kept.
			this := now.Unix() / 60
			if m.minute < this-int64(cluster.CountedFor/time.Minute) {
				continue
			}
			c.Minutes = append(c.Minutes, store.Minute{Minute: min(m.minute, this), N: m.n})
			spike, ok := g.baselines.Observe(cluster.Observation{
				Cluster: id, At: time.Unix(m.minute*60, 0).UTC(), Now: now, N: int(m.n), Lasting: d.severity < g.threshold,
				Growth: func(span int64) float64 { return g.traffic.Growth(d.service, span) },
			})
			if ok && g.spikes {
				f.spike = &spike
			}
		}
	}
	return out
}

// write keeps what one cluster gained and decides whether that opens, reopens or touches an incident. It says whether
// somebody has something to do.
func (g *ingest) write(tx *store.Tx, f *firing) (bool, error) {
	if err := tx.AddCounts(f.counts); err != nil {
		return false, err
	}
	for _, s := range f.samples {
		if err := tx.AddSample(s); err != nil {
			return false, err
		}
	}
	if f.counts.Problems == 0 && f.spike == nil {
		return false, nil
	}
	latest, err := tx.LatestEpisode(f.counts.Cluster)
	if err != nil {
		return false, err
	}
	s := cluster.Situation{
		At: f.counts.Last, Severity: f.counts.Severity, Threshold: g.threshold, Spike: f.spike != nil,
	}
	if latest != nil {
		s.Episode = latest.State
		if latest.State == incident.StateResolved {
			if s.ResolvedAt, err = tx.StateSince(latest.ID); err != nil {
				return false, err
			}
		}
	}
	trigger := cluster.Decide(s)
	if trigger != "" && (latest == nil || !latest.State.Unfinished()) {
		room, err := g.crowd.room(tx, f.service)
		if err != nil {
			return false, err
		}
		if room {
			return true, g.open(tx, f, trigger, s)
		}
		if err := g.crowded(tx, f.service); err != nil {
			return false, err
		}
		trigger = ""
	}
	if latest == nil {
		return false, nil
	}
	if err := tx.TouchIncident(latest.ID, f.counts.Problems, f.counts.Last, f.counts.Severity); err != nil {
		return false, err
	}
	did := false
	if f.counts.Problems > 0 {
		if did, err = g.worse(tx, latest, f.counts.Severity); err != nil {
			return false, err
		}
	}
	if trigger == incident.TriggerSpike {
		return true, g.spike(tx, latest.ID, f.spike)
	}
	return did, nil
}

// worse tells of an incident whose severity rose to now. Not before it was diagnosed: who is told of it then hears how bad it is.
func (g *ingest) worse(tx *store.Tx, was *incident.Incident, now incident.Severity) (bool, error) {
	if now <= was.Severity || !was.State.Unfinished() || was.State == incident.StateOpen {
		return false, nil
	}
	inc, err := tx.Incident(was.ID)
	if err != nil {
		return false, err
	}
	e := newEvent(g.now(), incident.EventWorse, inc)
	e.Was = was.Severity
	return true, tx.Enqueue(e, g.notifiers...)
}

// open opens a new episode. Who is told of it is told after the offline diagnosis, a moment later, in one message.
func (g *ingest) open(tx *store.Tx, f *firing, trigger incident.Trigger, s cluster.Situation) error {
	root, episode, err := tx.NextEpisode(f.counts.Cluster)
	if err != nil {
		return err
	}
	known, err := tx.Cluster(root)
	if err != nil {
		return err
	}
	now := g.now()
	inc := incident.Incident{
		ID: incident.MakeID(root, episode), Clusters: []string{root}, Episode: episode,
		Service: f.service, Severity: f.counts.Severity, State: incident.StateOpen, Trigger: trigger,
		Events: max(f.counts.Problems, 1), FirstSeen: f.counts.First, LastSeen: f.counts.Last,
		OpenedAt: now, UpdatedAt: now, Template: known.Template,
	}
	switch trigger {
	case incident.TriggerSpike:
		inc.Reason = f.spike.Reason()
	case incident.TriggerReturned:
		inc.Reason = cluster.ReturnedReason(f.counts.Last, s.ResolvedAt)
	default:
		inc.Reason = cluster.NewReason(f.counts.First, f.counts.Severity, g.threshold)
	}
	if f.counts.Problems == 0 {
		inc.Events = f.counts.Events // a spike of warnings
	}
	if inc.Template == "" { // dropped for room while the clusterer went on knowing it
		inc.Template = g.p.clusters.Template(root)
	}
	return tx.OpenIncident(inc)
}

// spike notes that an incident that is open already got far worse, and tells.
func (g *ingest) spike(tx *store.Tx, id string, s *cluster.Spike) error {
	if err := tx.SetTrigger(id, incident.TriggerSpike, s.Reason()); err != nil {
		return err
	}
	if err := tx.Audit(store.Entry{Actor: "logwright", Action: "spike", Subject: id, Detail: s.Reason()}); err != nil {
		return err
	}
	inc, err := tx.Incident(id)
	if err != nil {
		return err
	}
	return tx.Enqueue(newEvent(g.now(), incident.EventSpike, inc), g.notifiers...)
}

// gap records a stretch that may be missing and tells.
func (g *ingest) gap(tx *store.Tx, gap incident.Gap) error {
	if err := tx.AddGap(gap); err != nil {
		return err
	}
	return tx.Enqueue(incident.Event{ID: newID(), Kind: incident.EventGap, At: gap.At, Text: gapText(gap)}, g.notifiers...)
}

func gapText(gap incident.Gap) string {
	much := "an unknown number of bytes"
	if gap.Bytes > 0 {
		much = fmt.Sprintf("%d bytes", gap.Bytes)
	}
	return fmt.Sprintf("%s of %s may have been missed (source %s): %s", much, gap.File, gap.Source, gap.Reason)
}
