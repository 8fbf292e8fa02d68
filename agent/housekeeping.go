package agent

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"time"

	"github.com/logwright/logwright/agent/cluster"
	"github.com/logwright/logwright/agent/config"
	"github.com/logwright/logwright/agent/incident"
	"github.com/logwright/logwright/agent/store"
)

// housekeeping is what happens because time passes: unfinished events end, silent incidents are resolved, heartbeats are
// missed, old things are dropped, the audit is anchored.
type housekeeping struct {
	st        *store.Store
	log       *slog.Logger
	now       func() time.Time
	g         *ingest
	cfg       *config.Config
	notifiers []string
	told      func()
	// tidy drops what executors keep of actions that are long over.
	tidy func(ctx context.Context, before time.Time) error

	// Silence counts only while somebody listens: looked is when resolve last ran, since from when on without a break, and
	// caughtUp says that what was written before has been read.
	looked, since time.Time
	caughtUp      bool
	// silent are services whose silence is yet to be kept.
	silent map[string]cluster.Silence
}

const (
	// idleEvent is how long the last event of a stream waits for more lines.
	idleEvent = 2 * time.Second
	tick      = 500 * time.Millisecond
	resolving = 30 * time.Second
	pruning   = 10 * time.Minute
	anchoring = time.Hour
	// runFilesKept is far longer than an action and its undo take.
	runFilesKept = 7 * 24 * time.Hour
)

// A start or a host that slept is given this long until its backlog is read; more while lines are known to wait.
const (
	catchUp     = 5 * time.Minute
	catchUpMost = time.Hour
)

// job is something that is done every so often.
type job struct {
	name  string
	every time.Duration
	next  time.Time
	do    func(context.Context) error
}

// keepHouse runs the jobs that only need the store. Those are apart from the ones that look at the ingest: while that waits
// for a store that is full, room must be made.
func (d *Daemon) keepHouse(ctx context.Context, h *housekeeping) error {
	return h.run(ctx,
		// A person's command is another process: nobody wakes the workers for it.
		job{"looking for what others changed", 5 * time.Second, time.Time{}, h.others},
		job{"resolving silent incidents", resolving, time.Time{}, h.resolve},
		job{"dropping what is old", pruning, time.Now().Add(pruning), h.prune},
		job{"anchoring the audit", anchoring, time.Now().Add(anchoring), d.anchor},
	)
}

// keepTime runs the jobs that look at the ingest.
func (d *Daemon) keepTime(ctx context.Context, h *housekeeping) error {
	return h.run(ctx,
		job{"ending idle events", tick, time.Time{}, func(ctx context.Context) error { return h.g.flushIdle(ctx, idleEvent) }},
		job{"watching heartbeats", 5 * time.Second, time.Time{}, h.heartbeats},
	)
}

func (h *housekeeping) run(ctx context.Context, jobs ...job) error {
	for sleep(ctx, tick) {
		now := time.Now() // not the clock that is set: what is due is due
		for i := range jobs {
			j := &jobs[i]
			if now.Before(j.next) {
				continue
			}
			j.next = now.Add(j.every)
			if err := j.do(ctx); err != nil && ctx.Err() == nil {
				h.log.Error("housekeeping failed and is tried again", "job", j.name, "err", err)
			}
		}
	}
	return nil
}

// others wakes the workers where another process wrote.
func (h *housekeeping) others(ctx context.Context) error {
	changed, err := h.st.ChangedByOthers(ctx)
	if changed {
		h.told()
	}
	return err
}

// listening says whether silence means something yet.
func (h *housekeeping) listening() bool {
	now := h.now()
	// By the wall clock, which goes on while a host sleeps.
	if pause := now.Round(0).Sub(h.looked.Round(0)); h.looked.IsZero() || pause < 0 || pause > 10*resolving {
		h.since, h.caughtUp = now, false
	}
	h.looked = now
	if !h.caughtUp {
		listened := now.Sub(h.since)
		h.caughtUp = listened >= min(catchUp, h.cfg.Triggers.ResolveAfter) && (listened >= catchUpMost || !h.g.behind(now))
	}
	return h.caughtUp
}

// resolve closes the incidents whose clusters have been silent for long enough. Silence is no proof that anything was
// mended, and the reason that is kept says only what was seen.
func (h *housekeeping) resolve(ctx context.Context) error {
	if !h.listening() {
		return nil
	}
	before := h.now().Add(-h.cfg.Triggers.ResolveAfter)
	silent, err := h.st.Silent(ctx, before)
	if err != nil {
		return err
	}
	for _, id := range silent {
		if h.beating(id) {
			continue // no line of it: that is the incident, not its end
		}
		if err := h.close(ctx, id, before, fmt.Sprintf("not seen for %s", h.cfg.Triggers.ResolveAfter)); err != nil {
			return err
		}
	}
	return nil
}

// close resolves an incident that is not active after a time.
func (h *housekeeping) close(ctx context.Context, id string, after time.Time, why string) error {
	err := h.st.Update(ctx, func(tx *store.Tx) error {
		inc, err := tx.Incident(id)
		if err != nil || !inc.State.CanBecome(incident.StateResolved) {
			return err
		}
		if active, err := tx.ActiveAt(id); err != nil || active.After(after) {
			return err
		}
		if err := tx.SetState(id, incident.StateResolved, "logwright", why); err != nil {
			return err
		}
		if inc, err = tx.Incident(id); err != nil {
			return err
		}
		return tx.Enqueue(newEvent(h.now(), incident.EventResolved, inc), h.notifiers...)
	})
	if err == nil {
		h.told()
	}
	return err
}

// beating says whether an incident is the silence of a service that is watched.
func (h *housekeeping) beating(id string) bool {
	c, _, err := incident.SplitID(id)
	if err != nil {
		return false
	}
	for _, s := range h.cfg.Services {
		if s.Heartbeat > 0 && heartbeatCluster(s.Name) == c {
			return true
		}
	}
	return false
}

// heartbeats opens an incident for each service that the operator said must not be silent, and was; and closes it when the
// service is heard of again.
func (h *housekeeping) heartbeats(ctx context.Context) error {
	h.g.mu.Lock()
	overdue := h.g.beats.Overdue(h.now()) // each silence once
	heard := maps.Clone(h.g.heard)
	h.g.mu.Unlock()
	if h.silent == nil {
		h.silent = map[string]cluster.Silence{}
	}
	for _, s := range overdue {
		h.silent[s.Service] = s
	}
	for service, s := range h.silent {
		if !heard[service].After(s.Since) {
			if err := h.openSilence(ctx, s); err != nil {
				return err
			}
		}
		delete(h.silent, service)
	}
	for service, at := range heard {
		if at.IsZero() {
			continue
		}
		open, err := h.st.Incidents(ctx, store.Filter{
			Cluster: heartbeatCluster(service), States: incident.UnfinishedStates(),
		})
		if err != nil {
			return err
		}
		for i := range open {
			if err := h.close(ctx, open[i].ID, at, "lines of it are seen again"); err != nil {
				return err
			}
		}
	}
	return nil
}

func (h *housekeeping) openSilence(ctx context.Context, s cluster.Silence) error {
	id := heartbeatCluster(s.Service)
	err := h.st.Update(ctx, func(tx *store.Tx) error {
		latest, err := tx.LatestEpisode(id)
		if err != nil || latest != nil && (latest.State.Unfinished() || latest.State == incident.StateIgnored) {
			return err
		}
		if err := tx.SaveClusters([]store.ClusterMemory{{ID: id, Service: s.Service, Template: heartbeatTemplate}}); err != nil {
			return err
		}
		root, episode, err := tx.NextEpisode(id)
		if err != nil {
			return err
		}
		now := h.now()
		return tx.OpenIncident(incident.Incident{
			ID: incident.MakeID(root, episode), Clusters: []string{root}, Episode: episode, Service: s.Service,
			Severity: incident.SeverityError, State: incident.StateOpen, Trigger: incident.TriggerSilence, Reason: s.Reason(now), Events: 1,
			FirstSeen: s.Since, LastSeen: now, OpenedAt: now, UpdatedAt: now, Template: heartbeatTemplate,
		})
	})
	if err == nil {
		h.told()
	}
	return err
}

const heartbeatTemplate = "(no line of this service was seen for longer than its heartbeat)"

// heartbeatCluster gives the id under which the silence of a service is known. Clusters of log lines hash another text.
func heartbeatCluster(service string) string {
	return aboutCluster("heartbeat", service)
}

func (h *housekeeping) prune(ctx context.Context) error {
	if h.tidy != nil {
		if err := h.tidy(ctx, h.now().Add(-runFilesKept)); err != nil {
			h.log.Error("run files of old actions stay", "err", err)
		}
	}
	_, err := h.st.Prune(ctx, h.now(), store.Retention{
		Incidents: h.cfg.Retention.Incidents, Prompts: h.cfg.Retention.Prompts, Minutes: cluster.BaselineKept,
	})
	return err
}
