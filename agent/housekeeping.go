package agent

import (
	"context"
	"crypto/sha256"
	"encoding/base32"
	"fmt"
	"log/slog"
	"strings"
	"time"

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
}

const (
	// idleEvent is how long the last event of a stream waits for more lines.
	idleEvent = 2 * time.Second
	tick      = 500 * time.Millisecond
	resolving = 30 * time.Second
	pruning   = 10 * time.Minute
	anchoring = time.Hour
)

func (d *Daemon) keepHouse(ctx context.Context, h *housekeeping) error {
	jobs := []struct {
		name  string
		every time.Duration
		next  time.Time
		do    func(context.Context) error
	}{
		{"ending idle events", tick, time.Time{}, func(ctx context.Context) error {
			return h.g.flushIdle(ctx, idleEvent)
		}},
		// A person's command is another process: nobody wakes the workers for it.
		{"looking for what others changed", 5 * time.Second, time.Time{}, func(context.Context) error { h.told(); return nil }},
		{"watching heartbeats", 5 * time.Second, time.Time{}, h.heartbeats},
		{"resolving silent incidents", resolving, time.Time{}, h.resolve},
		{"dropping what is old", pruning, h.now().Add(pruning), h.prune},
		{"anchoring the audit", anchoring, h.now().Add(anchoring), d.anchor},
	}
	for sleep(ctx, tick) {
		now := h.now()
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

// resolve closes the incidents whose clusters have been silent for long enough. Silence is no proof that anything was
// mended, and the reason that is kept says only what was seen.
func (h *housekeeping) resolve(ctx context.Context) error {
	open, err := h.st.Incidents(ctx, store.Filter{States: []incident.State{incident.StateOpen, incident.StateDiagnosed}})
	if err != nil {
		return err
	}
	before := h.now().Add(-h.cfg.Triggers.ResolveAfter)
	for i := range open {
		if last := latest(open[i].LastSeen, open[i].OpenedAt); last.After(before) {
			continue
		}
		err := h.st.Update(ctx, func(tx *store.Tx) error {
			inc, err := tx.Incident(open[i].ID)
			if err != nil || !inc.State.Unfinished() || latest(inc.LastSeen, inc.OpenedAt).After(before) {
				return err
			}
			why := fmt.Sprintf("not seen for %s", h.cfg.Triggers.ResolveAfter)
			if err := tx.SetState(inc.ID, incident.StateResolved, "logwright", why); err != nil {
				return err
			}
			if inc, err = tx.Incident(inc.ID); err != nil {
				return err
			}
			return tx.Enqueue(newEvent(h.now(), incident.EventResolved, inc), h.notifiers...)
		})
		if err != nil {
			return err
		}
		h.told()
	}
	return nil
}

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// heartbeats opens an incident for each service that the operator said must not be silent, and was.
func (h *housekeeping) heartbeats(ctx context.Context) error {
	h.g.mu.Lock()
	overdue := h.g.beats.Overdue(h.now())
	h.g.mu.Unlock()
	for _, s := range overdue {
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
				Severity: incident.SeverityError, State: incident.StateOpen, Trigger: incident.TriggerSilence, Events: 1,
				FirstSeen: s.Since, LastSeen: now, OpenedAt: now, UpdatedAt: now, Template: heartbeatTemplate,
			})
		})
		if err != nil {
			return err
		}
		h.told()
	}
	return nil
}

const heartbeatTemplate = "(no line of this service was seen for longer than its heartbeat)"

// heartbeatCluster gives the id under which the silence of a service is known. Clusters of log lines hash another text.
func heartbeatCluster(service string) string {
	sum := sha256.Sum256([]byte("heartbeat\x00" + service))
	return "lw-" + strings.ToLower(base32.StdEncoding.EncodeToString(sum[:]))[:12]
}

func (h *housekeeping) prune(ctx context.Context) error {
	_, err := h.st.Prune(ctx, h.now(), store.Retention{Incidents: h.cfg.Retention.Incidents, Prompts: h.cfg.Retention.Prompts})
	return err
}
