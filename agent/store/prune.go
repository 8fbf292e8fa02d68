package store

import (
	"context"
	"fmt"
	"os"
	"time"
)

const (
	// pruneStep is how many rows one transaction drops, so that an Update waits for milliseconds at most.
	pruneStep = 200
	// defaultMinutes is how long minutes are kept where Retention does not say: a week has every day's habits in it.
	defaultMinutes = 7 * 24 * time.Hour
	// passedFor is how long storms and traffic are kept: they are compared with the day before.
	passedFor = 26 * time.Hour
	// deliveredFor is how long an event is kept after its last delivery ended, to be looked at.
	deliveredFor = 7 * 24 * time.Hour
	// Room is made when more than nine tenths of limits.store are in use, down to eight.
	nearFull, roomy = 0.9, 0.8
)

// drop is one way to make room: a statement that drops or empties at most pruneStep of the oldest.
type drop struct {
	name  string
	query string
	count func(p *Pruned) *int64
}

func step(query string) string { return fmt.Sprintf(query, pruneStep) }

const (
	// What was begun and has no outcome keeps its incident, and so its proposal: somebody has to look it up in the world.
	unsettledOf      = `(SELECT incident FROM actions WHERE ` + unsettledAction + `)`
	finishedIncident = `(SELECT num FROM incidents WHERE state IN ` + finished + `)`
	openIncidentID   = `(SELECT id FROM incidents WHERE state NOT IN ` + finished + `)`
	undelivered      = `(SELECT event FROM deliveries WHERE state IN ('waiting', 'begun'))`
	finalProposal    = `('rejected', 'denied', 'simulated', 'expired', 'done', 'failed', 'unknown', 'advice')`
	dropText         = `UPDATE calls SET prompt = '', answer = '', pruned = 1 WHERE num IN (SELECT num FROM calls WHERE pruned = 0 AND state <> 'running' `
	// The texts of proposals that are over, and of actions. What can't be read stays as it is, and must not hold the rest up.
	dropDiffs = `UPDATE proposals SET pruned = 1, body = CASE
			WHEN NOT json_valid(body) THEN body
			WHEN json_type(body, '$.change.checks') = 'array' THEN json_set(json_remove(body, '$.change.diff'), '$.change.checks',
				json((SELECT json_group_array(json(json_remove(value, '$.output'))) FROM json_each(body, '$.change.checks'))))
			ELSE json_remove(body, '$.change.diff') END
		WHERE num IN (SELECT num FROM proposals WHERE pruned = 0 AND kind <> 'remediation' AND state IN ` + finalProposal + ` `
	dropOutputs = `UPDATE actions SET pruned = 1, outcome = CASE WHEN json_valid(outcome) THEN json_remove(outcome, '$.output') ELSE outcome END,
		undo = CASE WHEN json_valid(undo) THEN json_remove(undo, '$.output') ELSE undo END
		WHERE num IN (SELECT num FROM actions WHERE pruned = 0 AND NOT ` + unsettledAction + ` AND incident NOT IN ` + openIncidentID + ` `
	dropActions = `DELETE FROM actions WHERE num IN (SELECT num FROM actions WHERE NOT ` + unsettledAction + ` AND NOT ` + openPullRequest + ` `
)

// forRoom is what goes when the database is near its limit, in this order, the oldest of each first. Not in it, whatever
// happens: streams, unfinished incidents with their first sample, prompts and proposals that are not over, ignored ones
// (they are a person's word), actions that limits count or that have no outcome, with their incidents, the ledger of
// cost, the audit, what is undelivered.
func forRoom(now time.Time) []drop {
	day := now.Add(-24*time.Hour).Unix() / 60
	return []drop{
		{"delivered events", step(`DELETE FROM events WHERE num IN (SELECT num FROM events WHERE num NOT IN ` + undelivered + ` ORDER BY num LIMIT %d)`),
			func(p *Pruned) *int64 { return &p.Events }},
		{"prompts", step(dropText + `AND incident NOT IN ` + openIncidentID + ` ORDER BY num LIMIT %d)`),
			func(p *Pruned) *int64 { return &p.Prompts }},
		{"samples of finished incidents", step(`DELETE FROM samples WHERE num IN (SELECT num FROM samples WHERE incident IN ` + finishedIncident + ` ORDER BY num LIMIT %d)`),
			func(p *Pruned) *int64 { return &p.Samples }},
		{"diffs of finished incidents", step(dropDiffs + `AND incident IN ` + finishedIncident + ` ORDER BY num LIMIT %d)`),
			func(p *Pruned) *int64 { return &p.Texts }},
		{"outputs of finished incidents' actions", step(dropOutputs + `ORDER BY num LIMIT %d)`),
			func(p *Pruned) *int64 { return &p.Texts }},
		{"samples without an incident", step(`DELETE FROM samples WHERE num IN (SELECT num FROM samples WHERE incident IS NULL ORDER BY num LIMIT %d)`),
			func(p *Pruned) *int64 { return &p.Samples }},
		{"minutes", fmt.Sprintf(`DELETE FROM minutes WHERE (minute, cluster) IN (SELECT minute, cluster FROM minutes WHERE minute < %d ORDER BY minute LIMIT %d)`, day, 10*pruneStep),
			func(p *Pruned) *int64 { return &p.Minutes }},
		{"traffic", fmt.Sprintf(`DELETE FROM traffic WHERE (span, service) IN (SELECT span, service FROM traffic WHERE span < %d ORDER BY span LIMIT %d)`,
			now.Add(-2*time.Hour).Unix()/300, 10*pruneStep), func(p *Pruned) *int64 { return &p.Minutes }},
		{"resolved incidents", step(`DELETE FROM incidents WHERE num IN (SELECT num FROM incidents WHERE state = 'resolved' AND id NOT IN ` + unsettledOf + ` ORDER BY state_at, num LIMIT %d)`),
			func(p *Pruned) *int64 { return &p.Incidents }},
		{"actions that no limit counts", fmt.Sprintf(dropActions+`AND begun_at < %d AND incident NOT IN `+openIncidentID+` ORDER BY num LIMIT %d)`, now.Add(-ActionsKept).UnixMicro(), pruneStep),
			func(p *Pruned) *int64 { return &p.Actions }},
		// Any line may make a cluster, and may claim to be of 2099.
		{"clusters that no incident is about", fmt.Sprintf(`DELETE FROM clusters WHERE num IN (SELECT num FROM clusters c WHERE root = id
			AND id NOT IN (SELECT cluster FROM incident_clusters) AND NOT EXISTS (SELECT 1 FROM clusters o WHERE o.root = c.id AND o.num <> c.num)
			ORDER BY min(coalesce(last_seen, 0), %d), num LIMIT %d)`, now.UnixMicro(), pruneStep),
			func(p *Pruned) *int64 { return &p.Clusters }},
		{"all but the first sample of unfinished incidents", step(`DELETE FROM samples WHERE num IN (SELECT s.num FROM samples s
			WHERE EXISTS (SELECT 1 FROM samples f WHERE f.incident = s.incident AND f.num < s.num) ORDER BY s.num LIMIT %d)`),
			func(p *Pruned) *int64 { return &p.Samples }},
		{"diffs of what is over", step(dropDiffs + `ORDER BY num LIMIT %d)`),
			func(p *Pruned) *int64 { return &p.Texts }},
	}
}

// byAge is what goes because of its age.
func byAge(now time.Time, r Retention) []drop {
	minutes := r.Minutes
	if minutes <= 0 {
		minutes = defaultMinutes
	}
	out := []drop{
		{"minutes", fmt.Sprintf(`DELETE FROM minutes WHERE (minute, cluster) IN (SELECT minute, cluster FROM minutes WHERE minute < %d ORDER BY minute LIMIT %d)`,
			now.Add(-minutes).Unix()/60, 10*pruneStep), func(p *Pruned) *int64 { return &p.Minutes }},
		{"storms", fmt.Sprintf(`DELETE FROM storms WHERE (cluster, span) IN (SELECT cluster, span FROM storms WHERE span < %d LIMIT %d)`,
			now.Add(-passedFor).Unix()/300, 10*pruneStep), func(p *Pruned) *int64 { return &p.Minutes }},
		{"traffic", fmt.Sprintf(`DELETE FROM traffic WHERE (span, service) IN (SELECT span, service FROM traffic WHERE span < %d ORDER BY span LIMIT %d)`,
			now.Add(-passedFor).Unix()/300, 10*pruneStep), func(p *Pruned) *int64 { return &p.Minutes }},
		{"delivered events", fmt.Sprintf(`DELETE FROM events WHERE num IN (SELECT num FROM events WHERE at < %d AND num NOT IN `+undelivered+` ORDER BY num LIMIT %d)`,
			now.Add(-deliveredFor).UnixMicro(), pruneStep), func(p *Pruned) *int64 { return &p.Events }},
	}
	if r.Prompts > 0 {
		out = append(out, drop{"prompts", fmt.Sprintf(dropText+`AND begun_at < %d ORDER BY num LIMIT %d)`, now.Add(-r.Prompts).UnixMicro(), pruneStep),
			func(p *Pruned) *int64 { return &p.Prompts }})
	}
	if r.Incidents > 0 {
		before := now.Add(-r.Incidents).UnixMicro()
		out = append(out,
			drop{"incidents", fmt.Sprintf(`DELETE FROM incidents WHERE num IN (SELECT num FROM incidents WHERE state IN `+finished+` AND updated_at < %d AND id NOT IN `+unsettledOf+` ORDER BY num LIMIT %d)`,
				before, pruneStep), func(p *Pruned) *int64 { return &p.Incidents }},
			drop{"diffs of proposals", fmt.Sprintf(dropDiffs+`AND state_at < %d ORDER BY num LIMIT %d)`, before, pruneStep),
				func(p *Pruned) *int64 { return &p.Texts }},
			drop{"outputs of actions", fmt.Sprintf(dropOutputs+`AND begun_at < %d ORDER BY num LIMIT %d)`, before, pruneStep),
				func(p *Pruned) *int64 { return &p.Texts }},
			drop{"actions", fmt.Sprintf(dropActions+`AND begun_at < %d AND incident NOT IN (SELECT id FROM incidents) ORDER BY num LIMIT %d)`,
				min(before, now.Add(-ActionsKept).UnixMicro()), pruneStep), func(p *Pruned) *int64 { return &p.Actions }},
			// A cluster that nobody saw for so long, and that no incident is about, is only a row. (Those that are merged with
			// others stay; there are few.)
			drop{"clusters", fmt.Sprintf(`DELETE FROM clusters WHERE num IN (SELECT num FROM clusters c WHERE last_seen < %d AND root = id
				AND id NOT IN (SELECT cluster FROM incident_clusters) AND NOT EXISTS (SELECT 1 FROM clusters o WHERE o.root = c.id AND o.num <> c.num) LIMIT %d)`, before, pruneStep),
				func(p *Pruned) *int64 { return &p.Clusters }},
			drop{"samples of clusters that are gone", step(`DELETE FROM samples WHERE num IN (SELECT num FROM samples WHERE incident IS NULL AND cluster NOT IN (SELECT id FROM clusters) LIMIT %d)`),
				func(p *Pruned) *int64 { return &p.Samples }},
			drop{"gaps", fmt.Sprintf(`DELETE FROM gaps WHERE num IN (SELECT num FROM gaps WHERE at < %d ORDER BY num LIMIT %d)`, before, pruneStep),
				func(p *Pruned) *int64 { return &p.Gaps }},
		)
	}
	return out
}

// Prune drops what is past its retention, then, where the database is near Options.MaxBytes, delivered events, prompts, diffs,
// minutes, resolved incidents and clusters without one, oldest first. Never unfinished incidents, actions without an outcome
// or that limits count, streams, the ledger or the audit.
// It works in small steps, so that Updates come through.
func (s *Store) Prune(ctx context.Context, now time.Time, r Retention) (Pruned, error) {
	var p Pruned
	if s.readOnly {
		return p, errReadOnly
	}
	for _, d := range byAge(now, r) {
		for {
			var n int64
			err := s.Update(ctx, func(tx *Tx) (err error) { n, err = tx.exec(d.query); return err })
			if err != nil {
				return p, err
			}
			*d.count(&p) += n
			if n == 0 {
				break
			}
		}
	}
	if err := s.take(ctx); err != nil {
		return p, err
	}
	defer func() { <-s.turn }()
	size, err := s.size(ctx)
	if err != nil {
		return p, err
	}
	if s.max > 0 && float64(size.Used) > nearFull*float64(s.max) {
		more, err := s.makeRoom(ctx, size.Used-int64(roomy*float64(s.max)))
		p.Prompts, p.Samples, p.Events, p.Minutes = p.Prompts+more.Prompts, p.Samples+more.Samples, p.Events+more.Events, p.Minutes+more.Minutes
		p.Incidents, p.Clusters = p.Incidents+more.Incidents, p.Clusters+more.Clusters
		p.Texts, p.Actions = p.Texts+more.Texts, p.Actions+more.Actions
		if err != nil {
			return p, err
		}
	}
	if size, err = s.vacuum(ctx); err != nil {
		return p, err
	}
	p.Bytes, p.Limit = size.Used, s.max
	if s.max > 0 && float64(size.Used) > nearFull*float64(s.max) {
		s.log.Warn("the state is near limits.store, and what is left is not to be dropped: raise it, or resolve incidents",
			"bytes", size.Used, "limit", s.max)
	}
	return p, nil
}

// makeRoom frees bytes by dropping what is dearest last. The caller holds the turn.
func (s *Store) makeRoom(ctx context.Context, bytes int64) (Pruned, error) {
	var p Pruned
	size, err := s.size(ctx)
	if err != nil {
		return p, err
	}
	goal := size.Used - bytes
	for _, d := range forRoom(s.now()) {
		for size.Used > goal {
			var n int64
			if err := s.once(ctx, false, func(tx *Tx) (err error) { n, err = tx.exec(d.query); return err }); err != nil {
				return p, err
			}
			if n == 0 {
				break
			}
			*d.count(&p) += n
			if size, err = s.size(ctx); err != nil {
				return p, err
			}
		}
	}
	if n := p.Events + p.Prompts + p.Samples + p.Minutes + p.Incidents + p.Clusters + p.Texts + p.Actions; n > 0 {
		s.log.Info("made room in the state", "limit", s.max, "bytes", size.Used, "events", p.Events, "prompts", p.Prompts,
			"samples", p.Samples, "minutes", p.Minutes, "incidents", p.Incidents, "clusters", p.Clusters, "texts", p.Texts, "actions", p.Actions)
	}
	return p, nil
}

// vacuum gives free pages back to the file system, a megabyte at a time. The caller holds the turn.
func (s *Store) vacuum(ctx context.Context) (Size, error) {
	for {
		size, err := s.size(ctx)
		// A few free pages are soon used again.
		if err != nil || size.Free < 1<<20 || s.w == nil {
			return size, err
		}
		if err := drain(ctx, s.w.conn, "PRAGMA incremental_vacuum(256)"); err != nil {
			return size, s.explain(err)
		}
		after, err := s.size(ctx)
		if err != nil || after.Free >= size.Free {
			return after, err
		}
	}
}

// Size says how much room the database takes.
func (s *Store) Size(ctx context.Context) (Size, error) { return s.size(ctx) }

func (s *Store) size(ctx context.Context) (Size, error) {
	var pages, free, page int64
	err := s.read.QueryRowContext(ctx, "SELECT p.page_count, f.freelist_count, z.page_size FROM pragma_page_count p, pragma_freelist_count f, pragma_page_size z").
		Scan(&pages, &free, &page)
	if err != nil {
		return Size{}, s.explain(err)
	}
	z := Size{Used: (pages - free) * page, Free: free * page, Limit: s.max}
	if fi, err := os.Stat(s.path + "-wal"); err == nil {
		z.WAL = fi.Size()
	}
	return z, nil
}

// Checkpoint moves the log into the database and cuts it to nothing. A reader that is long at work can put it off; that is
// no error.
func (s *Store) Checkpoint(ctx context.Context) error {
	if s.readOnly {
		return errReadOnly
	}
	if err := s.take(ctx); err != nil {
		return err
	}
	defer func() { <-s.turn }()
	if s.w == nil {
		return nil
	}
	return s.explain(drain(ctx, s.w.conn, "PRAGMA wal_checkpoint(TRUNCATE)"))
}

// Check reads the whole database for damage; ErrCorrupt where there is some. It takes time in step with its size.
func (s *Store) Check(ctx context.Context) error {
	return s.view(ctx, func(q querier) error {
		found, err := column(q, "PRAGMA integrity_check(3)")
		if err != nil {
			return err
		}
		if len(found) != 1 || found[0] != "ok" {
			return corrupt(s.path, fmt.Errorf("%q", found))
		}
		return nil
	})
}
