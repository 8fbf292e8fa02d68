package store

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/logwright/logwright/agent/incident"
)

// Parts of statements. finished is the states in which an incident needs nobody, unfinished the others; incidentsOf the incidents about the
// clusters of one root, whose id is the next parameter.
const (
	finished    = `('resolved', 'ignored')`
	unfinished  = `('open', 'diagnosed', 'proposed', 'waiting', 'acting', 'verifying')`
	incidentsOf = `SELECT ic.incident FROM clusters c JOIN incident_clusters ic ON ic.cluster = c.id WHERE c.root = ?`
	// What somebody said last counts: one that was merged into an older one is over, and was opened later.
	latestFirst = `i.state IN ` + finished + `, CASE WHEN i.state IN ` + finished + ` THEN i.state_at ELSE i.opened_at END DESC, i.opened_at DESC, i.num DESC`
	// The incident that stands first in a list: nobody has finished it, it is worse, bigger, later.
	importantFirst = `i.state IN ` + finished + `, i.severity DESC, i.events DESC, i.last_seen DESC, i.num DESC`

	selectIncident = `SELECT i.num, i.id, i.episode, i.title, i.service, i.severity, i.state, i."trigger", i.flagged, i.flag_reason,
		i.simulated, i.events, i.first_seen, i.last_seen, i.opened_at, i.updated_at, i.template, i.diagnosis, i.reason FROM incidents i `
)

// readIncidents runs a query that begins with selectIncident, and fills in clusters and releases.
func readIncidents(q querier, query string, args ...any) ([]incident.Incident, []int64, error) {
	var out []incident.Incident
	var nums []int64
	err := each(q, query, args, func(rows *sql.Rows) error {
		var i incident.Incident
		var num int64
		var first, last, opened, updated dbTime
		var diagnosis, reason []byte
		err := rows.Scan(&num, &i.ID, &i.Episode, &i.Title, &i.Service, &i.Severity, &i.State, &i.Trigger, &i.Flagged, &i.FlagReason,
			&i.Simulated, &i.Events, &first, &last, &opened, &updated, &i.Template, &diagnosis, &reason)
		if err != nil {
			return err
		}
		i.FirstSeen, i.LastSeen, i.OpenedAt, i.UpdatedAt = first.Time, last.Time, opened.Time, updated.Time
		if diagnosis != nil {
			i.Diagnosis = new(incident.Diagnosis)
			if err := decode(diagnosis, i.Diagnosis); err != nil {
				return fmt.Errorf("incident %s: %w", i.ID, err)
			}
		}
		if reason != nil {
			i.Reason = new(incident.Reason)
			if err := decode(reason, i.Reason); err != nil {
				return fmt.Errorf("incident %s: %w", i.ID, err)
			}
		}
		out, nums = append(out, i), append(nums, num)
		return nil
	})
	if err != nil {
		return nil, nil, err
	}
	for k := range out {
		i := &out[k]
		if i.Clusters, err = column(q, "SELECT cluster FROM incident_clusters WHERE incident = ? ORDER BY position", nums[k]); err != nil {
			return nil, nil, err
		}
		if i.FirstSeen.IsZero() {
			continue
		}
		var r incident.Release
		var at dbTime
		found, err := one(q, "SELECT service, version, at FROM releases WHERE service = ? AND at <= ? ORDER BY at DESC, num DESC LIMIT 1",
			[]any{i.Service, i.FirstSeen.UnixMicro()}, &r.Service, &r.Version, &at)
		if err != nil {
			return nil, nil, err
		}
		if found {
			r.At = at.Time
			i.Release = &r
		}
	}
	return out, nums, nil
}

func firstIncident(q querier, query string, args ...any) (*incident.Incident, int64, error) {
	is, nums, err := readIncidents(q, query, args...)
	if err != nil || len(is) == 0 {
		return nil, 0, err
	}
	return &is[0], nums[0], nil
}

// LatestEpisode gives the incident that stands for a cluster now: an unfinished one where there is
// one, else the one that was finished last; nil where there is none. Aliases are followed. Without Samples.
func (tx *Tx) LatestEpisode(cluster string) (*incident.Incident, error) {
	root, err := tx.root(cluster)
	if err != nil {
		return nil, err
	}
	i, _, err := firstIncident(tx, selectIncident+"WHERE i.num IN ("+incidentsOf+") ORDER BY "+latestFirst+" LIMIT 1", root)
	return i, err
}

// NextEpisode gives the number a new episode of cluster gets. The cluster's root is what the incident's id begins with.
func (tx *Tx) NextEpisode(cluster string) (root string, episode int, err error) {
	if root, err = tx.root(cluster); err != nil {
		return "", 0, err
	}
	_, err = one(tx, "SELECT coalesce(max(episode), 0) + 1 FROM incidents WHERE cluster = ?", []any{root}, &episode)
	return root, episode, err
}

// OpenIncident keeps a new incident and takes the samples gathered since the last episode into it. Episode and Clusters
// must fit ID. ErrExists where the id is taken. It is audited.
func (tx *Tx) OpenIncident(i incident.Incident) error {
	cluster, episode, err := incident.SplitID(i.ID)
	if err != nil {
		return err
	}
	if len(i.Clusters) == 0 || i.Clusters[0] != cluster || i.Episode != episode {
		return fmt.Errorf("incident %s has clusters %q and episode %d, which don't fit its id", i.ID, i.Clusters, i.Episode)
	}
	if i.State == "" {
		i.State = incident.StateOpen
	}
	if found, err := one(tx, "SELECT 1 FROM incidents WHERE id = ?", []any{i.ID}, new(int)); err != nil {
		return err
	} else if found {
		return fmt.Errorf("incident %s: %w", i.ID, ErrExists)
	}
	if i.OpenedAt.IsZero() {
		i.OpenedAt = tx.now
	}
	var diagnosis []byte
	if i.Diagnosis != nil {
		if diagnosis, err = encode(i.Diagnosis); err != nil {
			return err
		}
	}
	reason, err := reasonValue(i.Reason)
	if err != nil {
		return err
	}
	num, err := tx.insert(`INSERT INTO incidents (id, cluster, episode, title, service, severity, state, "trigger", flagged, flag_reason,
		simulated, events, first_seen, last_seen, opened_at, updated_at, template, diagnosis, active_at, state_at, reason)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		i.ID, cluster, i.Episode, i.Title, i.Service, int64(i.Severity), string(i.State), string(i.Trigger), i.Flagged, i.FlagReason,
		i.Simulated, i.Events, timeValue(i.FirstSeen), timeValue(i.LastSeen), i.OpenedAt.UnixMicro(), tx.now.UnixMicro(), i.Template, diagnosis,
		tx.now.UnixMicro(), tx.now.UnixMicro(), reason)
	if err != nil {
		return err
	}
	for k, c := range i.Clusters {
		if err := tx.addCluster(num, c, k, ""); err != nil {
			return err
		}
	}
	return tx.Audit(Entry{Actor: "logwright", Action: "open", Subject: i.ID,
		Detail: map[string]any{"trigger": i.Trigger, "clusters": i.Clusters, "severity": i.Severity, "reason": i.Reason}})
}

func reasonValue(r *incident.Reason) (any, error) {
	if r == nil {
		return nil, nil //nolint:nilnil // NULL
	}
	return encode(r)
}

// addCluster makes a cluster a part of an incident, with its samples that no episode has yet.
func (tx *Tx) addCluster(num int64, cluster string, position int, why string) error {
	if err := tx.ensureCluster(cluster); err != nil {
		return err
	}
	if _, err := tx.exec("INSERT INTO incident_clusters (incident, cluster, position, why) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING",
		num, cluster, position, why); err != nil {
		return err
	}
	_, err := tx.exec(`UPDATE samples SET incident = ? WHERE incident IS NULL
		AND cluster IN (SELECT id FROM clusters WHERE root = (SELECT root FROM clusters WHERE id = ?))`, num, cluster)
	return err
}

// row gives an incident's number by its exact id.
func (tx *Tx) row(id string) (num int64, state incident.State, err error) {
	found, err := one(tx, "SELECT num, state FROM incidents WHERE id = ?", []any{id}, &num, &state)
	if err == nil && !found {
		err = &NotFoundError{What: id}
	}
	return num, state, err
}

// TouchIncident adds events problem events to an incident, up to last, with their worst severity. The incident is active
// now, whatever last says.
func (tx *Tx) TouchIncident(id string, events int64, last time.Time, sev incident.Severity) error {
	n, err := tx.exec(`UPDATE incidents SET events = events + ?2, severity = max(severity, ?3), updated_at = ?5, active_at = ?5,
		last_seen = max(coalesce(last_seen, ?4), coalesce(?4, last_seen)) WHERE id = ?1`,
		id, events, int64(sev), timeValue(last), tx.now.UnixMicro())
	return wantRow(n, err, id)
}

func wantRow(n int64, err error, id string) error {
	if err == nil && n == 0 {
		return &NotFoundError{What: id}
	}
	return err
}

// MergeIncident closes an incident since it is the same problem as another, which takes over its events, its samples, its time
// and its severity. *TransitionError where it can't be closed. It is audited with why.
func (tx *Tx) MergeIncident(id, into, why string) error {
	num, _, err := tx.row(id)
	if err != nil {
		return err
	}
	to, _, err := tx.row(into)
	if err != nil {
		return err
	}
	if num == to {
		return fmt.Errorf("incident %s can't be merged with itself", id)
	}
	if err := tx.SetState(id, incident.StateResolved, "logwright", why); err != nil {
		return err
	}
	if _, err := tx.exec(`UPDATE incidents SET events = incidents.events + y.events, severity = max(incidents.severity, y.severity),
		first_seen = min(coalesce(incidents.first_seen, y.first_seen), coalesce(y.first_seen, incidents.first_seen)),
		last_seen = max(coalesce(incidents.last_seen, y.last_seen), coalesce(y.last_seen, incidents.last_seen)),
		active_at = max(incidents.active_at, y.active_at), updated_at = ?3
		FROM (SELECT events, severity, first_seen, last_seen, active_at FROM incidents WHERE num = ?1) y WHERE incidents.num = ?2`,
		num, to, tx.now.UnixMicro()); err != nil {
		return err
	}
	if _, err := tx.exec("UPDATE samples SET incident = ? WHERE incident = ?", to, num); err != nil {
		return err
	}
	_, err = tx.exec("UPDATE incidents SET events = 0 WHERE num = ?", num)
	return err
}

// SetState changes an incident's state; *TransitionError where it may not. It is audited with who and why.
func (tx *Tx) SetState(id string, to incident.State, who, why string) error {
	_, from, err := tx.row(id)
	if err != nil {
		return err
	}
	if !from.CanBecome(to) {
		return &TransitionError{Incident: id, From: from, To: to}
	}
	if _, err := tx.exec(`UPDATE incidents SET state = ?1, updated_at = ?2, state_at = ?2,
		active_at = CASE ?1 WHEN 'open' THEN ?2 ELSE active_at END WHERE id = ?3`, string(to), tx.now.UnixMicro(), id); err != nil {
		return err
	}
	return tx.Audit(Entry{Actor: who, Action: "state", Subject: id, Detail: map[string]any{"from": from, "to": to, "why": why}})
}

// StateSince gives since when an incident is in its state.
func (tx *Tx) StateSince(id string) (time.Time, error) { return tx.incidentTime("state_at", id) }

// ActiveAt gives when a problem of an incident was last taken in, or when it was opened again: by the store's clock, not by
// what log lines say.
func (tx *Tx) ActiveAt(id string) (time.Time, error) { return tx.incidentTime("active_at", id) }

func (tx *Tx) incidentTime(column, id string) (time.Time, error) {
	var at dbTime
	found, err := one(tx, "SELECT "+column+" FROM incidents WHERE id = ?", []any{id}, &at)
	if err == nil && !found {
		err = &NotFoundError{What: id}
	}
	return at.Time, err
}

// Silent gives the ids of the unfinished incidents that were last active (see ActiveAt) at or before a time, but for those
// that are being acted on: silence does not close them.
func (s *Store) Silent(ctx context.Context, before time.Time) (ids []string, err error) {
	err = s.view(ctx, func(q querier) error {
		ids, err = column(q, "SELECT id FROM incidents WHERE state IN "+unfinished+" AND state <> 'acting' AND active_at <= ? ORDER BY active_at, num",
			before.UnixMicro())
		return err
	})
	return ids, err
}

// Unfinished gives how many unfinished incidents each service has.
func (tx *Tx) Unfinished() (map[string]int, error) {
	out := map[string]int{}
	err := each(tx, "SELECT service, count(*) FROM incidents WHERE state IN "+unfinished+" GROUP BY service", nil, func(rows *sql.Rows) error {
		var service string
		var n int
		err := rows.Scan(&service, &n)
		out[service] = n
		return err
	})
	return out, err
}

// SetTrigger notes that an open incident triggered again (a spike), and why.
func (tx *Tx) SetTrigger(id string, t incident.Trigger, why *incident.Reason) error {
	reason, err := reasonValue(why)
	if err != nil {
		return err
	}
	n, err := tx.exec(`UPDATE incidents SET "trigger" = ?, reason = ?, updated_at = ? WHERE id = ?`, string(t), reason, tx.now.UnixMicro(), id)
	return wantRow(n, err, id)
}

// Flag marks an incident as containing what looks like instructions to a model. The first reason stays.
func (tx *Tx) Flag(id, reason string) error {
	n, err := tx.exec(`UPDATE incidents SET flag_reason = CASE WHEN flagged THEN flag_reason ELSE ? END, flagged = 1, updated_at = ? WHERE id = ?`,
		reason, tx.now.UnixMicro(), id)
	return wantRow(n, err, id)
}

// MarkSimulated marks an incident as one about which things were only decided, not done (mode: observe), or takes the mark
// away.
func (tx *Tx) MarkSimulated(id string, on bool) error {
	n, err := tx.exec("UPDATE incidents SET updated_at = CASE simulated WHEN ?1 THEN updated_at ELSE ?2 END, simulated = ?1 WHERE id = ?3",
		on, tx.now.UnixMicro(), id)
	return wantRow(n, err, id)
}

// SetDiagnosis keeps a diagnosis and the title that goes with it ("" keeps the old title). The state is set apart.
func (tx *Tx) SetDiagnosis(id string, d incident.Diagnosis, title string) error {
	body, err := encode(d)
	if err != nil {
		return err
	}
	n, err := tx.exec("UPDATE incidents SET diagnosis = ?, title = CASE ?2 WHEN '' THEN title ELSE ?2 END, updated_at = ? WHERE id = ?",
		body, title, tx.now.UnixMicro(), id)
	return wantRow(n, err, id)
}

// TakeIn adds a cluster to an incident by a stated correlation. It is audited.
func (tx *Tx) TakeIn(id, cluster, why string) error {
	num, _, err := tx.row(id)
	if err != nil {
		return err
	}
	var position int
	if _, err := one(tx, "SELECT coalesce(max(position), 0) + 1 FROM incident_clusters WHERE incident = ?", []any{num}, &position); err != nil {
		return err
	}
	if err := tx.addCluster(num, cluster, position, why); err != nil {
		return err
	}
	if _, err := tx.exec("UPDATE incidents SET updated_at = ? WHERE num = ?", tx.now.UnixMicro(), num); err != nil {
		return err
	}
	return tx.Audit(Entry{Actor: "logwright", Action: "take-in", Subject: id, Detail: map[string]any{"cluster": cluster, "why": why}})
}

// Incident is Store.Incident within the transaction, by exact id, without samples.
func (tx *Tx) Incident(id string) (*incident.Incident, error) {
	i, _, err := firstIncident(tx, selectIncident+"WHERE i.id = ?", id)
	if err == nil && i == nil {
		err = &NotFoundError{What: id}
	}
	return i, err
}

// Incidents is Store.Incidents within the transaction.
func (tx *Tx) Incidents(f Filter) ([]incident.Incident, error) { return listIncidents(tx, f) }

// Incidents gives incidents, most important first: unfinished before finished, then by severity, events, recency.
// Without Samples.
func (s *Store) Incidents(ctx context.Context, f Filter) (is []incident.Incident, err error) {
	err = s.view(ctx, func(q querier) error {
		is, err = listIncidents(q, f)
		return err
	})
	return is, err
}

func listIncidents(q querier, f Filter) ([]incident.Incident, error) {
	var where []string
	var args []any
	if len(f.States) > 0 {
		for _, s := range f.States {
			args = append(args, string(s))
		}
		where = append(where, "i.state IN (?"+strings.Repeat(", ?", len(f.States)-1)+")")
	}
	if f.Service != "" {
		where, args = append(where, "i.service = ?"), append(args, f.Service)
	}
	if f.Cluster != "" {
		where = append(where, `i.num IN (SELECT ic.incident FROM clusters a JOIN clusters c ON c.root = a.root
			JOIN incident_clusters ic ON ic.cluster = c.id WHERE a.id = ?)`)
		args = append(args, f.Cluster)
	}
	if !f.Since.IsZero() {
		where, args = append(where, "i.last_seen >= ?"), append(args, f.Since.UnixMicro())
	}
	query := selectIncident
	if len(where) > 0 {
		query += "WHERE " + strings.Join(where, " AND ")
	}
	is, _, err := readIncidents(q, query+" ORDER BY "+importantFirst+" LIMIT ?", append(args, sqlLimit(f.Limit))...)
	return is, err
}

// Incident gives one incident with samples and diagnosis. id may be an unambiguous beginning, with or without "lw-", or a
// cluster's id (its latest episode). *NotFoundError lists what is near.
func (s *Store) Incident(ctx context.Context, id string) (i *incident.Incident, err error) {
	err = s.view(ctx, func(q querier) error {
		full, err := findIncident(q, id)
		if err != nil {
			return err
		}
		var num int64
		if i, num, err = firstIncident(q, selectIncident+"WHERE i.id = ?", full); err != nil {
			return err
		}
		i.Samples = []incident.Sample{}
		return each(q, "SELECT body FROM samples WHERE incident = ? ORDER BY num", []any{num}, func(rows *sql.Rows) error {
			var body []byte
			var smp incident.Sample
			if err := rows.Scan(&body); err != nil {
				return err
			}
			if err := decode(body, &smp); err != nil {
				return fmt.Errorf("incident %s: %w", full, err)
			}
			i.Samples = append(i.Samples, smp)
			return nil
		})
	})
	if err != nil {
		return nil, err
	}
	return i, nil
}

const nearIDs = 5

// findIncident gives the exact id of what a person typed.
func findIncident(q querier, what string) (string, error) {
	want := strings.ToLower(strings.TrimSpace(what))
	if want != "" && !strings.HasPrefix("lw-", want) && !strings.HasPrefix(want, "lw-") {
		want = "lw-" + want
	}
	var id string
	if found, err := one(q, "SELECT id FROM incidents WHERE id = ?", []any{want}, &id); err != nil || found {
		return id, err
	}
	// A cluster, also one that was merged into another: what stands for it now.
	found, err := one(q, `SELECT i.id FROM incidents i WHERE i.num IN (SELECT ic.incident FROM clusters a JOIN clusters c ON c.root = a.root
		JOIN incident_clusters ic ON ic.cluster = c.id WHERE a.id = ?) ORDER BY `+latestFirst+" LIMIT 1", []any{want}, &id)
	if err != nil || found {
		return id, err
	}
	ids, err := column(q, "SELECT id FROM incidents i ORDER BY "+importantFirst)
	if err != nil {
		return "", err
	}
	// A beginning of one cluster's id means that cluster, whatever number its episodes have.
	var match, clusters []string
	for _, s := range ids {
		if want == "" || !strings.HasPrefix(s, want) {
			continue
		}
		c, _, _ := strings.Cut(s, ".")
		if match = append(match, s); !slices.Contains(clusters, c) {
			clusters = append(clusters, c)
		}
	}
	switch {
	case len(match) == 1:
		return match[0], nil
	case len(clusters) == 1 && !strings.Contains(want, "."):
		return findIncident(q, clusters[0])
	case len(match) > 1:
		return "", &NotFoundError{What: what, Near: match[:min(len(match), nearIDs)], Ambiguous: true}
	}
	slices.SortStableFunc(ids, func(a, b string) int { return incident.EditDistance(want, a) - incident.EditDistance(want, b) })
	return "", &NotFoundError{What: what, Near: ids[:min(len(ids), nearIDs)]}
}
