package agent

import (
	"cmp"
	"crypto/sha256"
	"encoding/base32"
	"slices"
	"strings"
	"time"

	"github.com/logwright/logwright/agent/cluster"
	"github.com/logwright/logwright/agent/incident"
	"github.com/logwright/logwright/agent/store"
)

// flows is what services wrote in a step, by the minute.
type flows struct {
	of   map[flowKey]*flowing
	last flowKey // most events are of the same service and minute as the one before
	at   *flowing
}

type flowKey struct {
	service string
	minute  int64 // of the Unix epoch; noMinute where nobody knows
}

const noMinute = -1

// flowing is what one service wrote in one minute.
type flowing struct {
	cluster.Flow
	// alive is the latest sign of life.
	alive time.Time
	// worst is the worst severity that was raised. raised and failed are one event of each kind, as evidence.
	worst          incident.Severity
	raised, failed *incident.Record
}

// isRequest says that an event tells of a request and how it was answered, and of no error that is worth looking at by itself.
func isRequest(r *incident.Record) bool {
	return r.HTTPStatus > 0 && r.Exception == "" && len(r.Frames) == 0 && r.Severity < incident.SeverityFatal
}

// add counts an event that happened at a time (zero where nobody knows) and is a sign of life at another.
func (f *flows) add(r *incident.Record, when, alive time.Time) {
	k := flowKey{r.Service, noMinute}
	if !when.IsZero() {
		k.minute = when.Unix() / 60
	}
	w := f.at
	if w == nil || f.last != k {
		if f.of == nil {
			f.of = map[flowKey]*flowing{}
		}
		if w = f.of[k]; w == nil {
			k.service = strings.Clone(k.service)
			w = &flowing{}
			f.of[k] = w
		}
		f.last, f.at = k, w
	}
	if alive.After(w.alive) {
		w.alive = alive
	}
	switch {
	case k.minute == noMinute:
	case isRequest(r):
		w.Requests++
		if r.HTTPStatus >= 500 {
			w.Failed++
			if w.failed == nil {
				w.failed = r.Clone()
			}
		}
	default:
		w.Lines++
		if r.Severity >= incident.SeverityWarning {
			w.Raised++
			if w.raised == nil || r.Severity > w.worst {
				w.raised, w.worst = r.Clone(), r.Severity
			}
		}
	}
}

func (f *flows) reset() {
	clear(f.of)
	f.last, f.at = flowKey{}, nil
}

// alarm is a service as a whole that is worse than it uses to be, in one step.
type alarm struct {
	trigger  incident.Trigger
	service  string
	share    cluster.Share
	severity incident.Severity
	// count is how many events of the step are part of it, first and last when they happened.
	count       int64
	first, last time.Time
	// fresh says that there should be an incident; else one that there is goes on.
	fresh   bool
	samples []incident.Sample
}

// flowed takes what services wrote into their pasts, and gives what is to be kept of it and what it means.
func (g *ingest) flowed() (rows []store.Traffic, alarms []alarm) {
	keys := make([]flowKey, 0, len(g.step.flows.of))
	for k := range g.step.flows.of {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, func(a, b flowKey) int {
		return cmp.Or(cmp.Compare(a.service, b.service), cmp.Compare(a.minute, b.minute))
	})
	now := g.now()
	for _, k := range keys {
		f := g.step.flows.of[k]
		g.alive(k.service, f.alive)
		if k.minute == noMinute {
			continue
		}
		at := time.Unix(k.minute*60, 0).UTC()
		span, counted, judged := g.traffic.Add(k.service, at, now, f.Flow)
		if !counted {
			continue
		}
		if n := len(rows); n == 0 || rows[n-1].Service != k.service || rows[n-1].Span != span {
			rows = append(rows, store.Traffic{Service: k.service, Span: span})
		}
		row := &rows[len(rows)-1]
		row.Lines, row.Raised, row.Requests, row.Failed = row.Lines+f.Lines, row.Raised+f.Raised, row.Requests+f.Requests, row.Failed+f.Failed
		if !judged {
			continue
		}
		if f.Failed > 0 {
			if share, fresh, high := g.traffic.Failing(k.service, span); high {
				alarms = addAlarm(alarms, alarm{
					trigger: incident.TriggerRequests, service: k.service, share: share, severity: incident.SeverityError,
					count: f.Failed, first: f.failed.Time, last: f.failed.Time, fresh: fresh, samples: []incident.Sample{{Record: *f.failed}},
				})
			}
		}
		if f.Raised > 0 && g.mix {
			if share, high := g.traffic.Mix(k.service, span); high {
				alarms = addAlarm(alarms, alarm{
					trigger: incident.TriggerMix, service: k.service, share: share, severity: f.worst,
					count: f.Raised, first: f.raised.Time, last: f.raised.Time, fresh: true, samples: []incident.Sample{{Record: *f.raised}},
				})
			}
		}
	}
	return rows, alarms
}

// addAlarm adds one minute's alarm to what the minutes before it in the step made of it.
func addAlarm(all []alarm, a alarm) []alarm {
	for i := range all {
		b := &all[i]
		if b.trigger != a.trigger || b.service != a.service {
			continue
		}
		if a.fresh && !b.fresh {
			b.fresh, b.share = true, a.share
		}
		b.count, b.last, b.severity = b.count+a.count, a.last, max(b.severity, a.severity)
		if len(b.samples) < firstSamples {
			b.samples = append(b.samples, a.samples...)
		}
		return all
	}
	return append(all, a)
}

// alive notes a sign of life of a service.
func (g *ingest) alive(service string, at time.Time) {
	if g.beats == nil {
		return
	}
	g.beats.Seen(service, at)
	if was, watched := g.heard[service]; watched && at.After(was) {
		g.heard[service] = at
	}
}

// The clusters of what no single line tells. Their templates are for people.
const (
	mixTemplate      = "(the share of warnings and errors in the lines of this service)"
	requestsTemplate = "(the share of 5xx in the requests of this service)"
)

// aboutCluster gives the id under which something about a service as a whole is known. Clusters of log lines hash another text.
func aboutCluster(what, service string) string {
	sum := sha256.Sum256([]byte(what + "\x00" + service))
	return "lw-" + strings.ToLower(base32.StdEncoding.EncodeToString(sum[:]))[:12]
}

// mixQuiet is how long after an incident of a service was opened, or spiked, the mix of its levels says nothing new.
const mixQuiet = time.Hour

// alarm opens the incident of an alarm, or notes that one goes on. It says whether somebody has something to do.
func (g *ingest) alarm(tx *store.Tx, a *alarm) (bool, error) {
	id := aboutCluster(string(a.trigger), a.service)
	latest, err := tx.LatestEpisode(id)
	if err != nil {
		return false, err
	}
	counts := store.Counts{Cluster: id, Events: a.count, Problems: a.count, Severity: a.severity, First: a.first, Last: a.last}
	if latest != nil && latest.State.Unfinished() {
		if err := tx.AddCounts(counts); err != nil {
			return false, err
		}
		if err := tx.TouchIncident(latest.ID, a.count, a.last, a.severity); err != nil {
			return false, err
		}
		return g.worse(tx, latest, a.severity)
	}
	if !a.fresh || latest != nil && latest.State == incident.StateIgnored {
		return false, nil
	}
	if latest != nil {
		resolved, err := tx.StateSince(latest.ID)
		if err != nil || !a.last.After(resolved) {
			return false, err // of before
		}
	}
	reason, template := a.share.RequestReason(), requestsTemplate
	if a.trigger == incident.TriggerMix {
		reason, template = a.share.MixReason(), mixTemplate
		if told, err := g.toldLately(tx, a.service); err != nil || told {
			return false, err
		}
	}
	if room, err := g.crowd.room(tx, a.service); err != nil || !room {
		if err == nil {
			err = g.crowded(tx, a.service)
		}
		return false, err
	}
	if err := tx.SaveClusters([]store.ClusterMemory{{ID: id, Service: a.service, Template: template}}); err != nil {
		return false, err
	}
	if err := tx.AddCounts(counts); err != nil {
		return false, err
	}
	for _, s := range a.samples {
		s.Cluster = id
		if err := tx.AddSample(s); err != nil {
			return false, err
		}
	}
	root, episode, err := tx.NextEpisode(id)
	if err != nil {
		return false, err
	}
	now := g.now()
	return true, tx.OpenIncident(incident.Incident{
		ID: incident.MakeID(root, episode), Clusters: []string{root}, Episode: episode, Service: a.service, Severity: a.severity,
		State: incident.StateOpen, Trigger: a.trigger, Reason: reason, Events: a.share.Count,
		FirstSeen: a.share.From, LastSeen: a.last, OpenedAt: now, UpdatedAt: now, Template: template,
	})
}

// toldLately says whether an incident of a service was opened or spiked just now: that is the reason then why its levels are
// mixed differently.
func (g *ingest) toldLately(tx *store.Tx, service string) (bool, error) {
	open, err := tx.Incidents(store.Filter{Service: service, States: incident.UnfinishedStates()})
	if err != nil {
		return false, err
	}
	now := g.now()
	return slices.ContainsFunc(open, func(i incident.Incident) bool {
		spiked := i.Trigger == incident.TriggerSpike && i.Reason != nil && now.Sub(i.Reason.From) < mixQuiet
		return now.Sub(i.OpenedAt) < mixQuiet || spiked
	}), nil
}
