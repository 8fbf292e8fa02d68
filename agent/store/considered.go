package store

import (
	"context"
	"database/sql"
)

// SetConsidered notes that something was considered to be proposed for an incident, on what basis, and what came of it. It
// takes the place of what was noted before. It is audited.
func (tx *Tx) SetConsidered(incident, what, basis, note string) error {
	num, _, err := tx.row(incident)
	if err != nil {
		return err
	}
	if _, err := tx.exec(`INSERT INTO considered (incident, what, basis, note, at) VALUES (?1, ?2, ?3, ?4, ?5)
		ON CONFLICT (incident, what) DO UPDATE SET basis = ?3, note = ?4, at = ?5`, num, what, basis, note, tx.now.UnixMicro()); err != nil {
		return err
	}
	return tx.Audit(Entry{Actor: "logwright", Action: "considered", Subject: incident, Detail: map[string]any{"what": what, "note": note}})
}

// ForgetConsidered lets everything be considered anew: a person took the incident up again.
func (tx *Tx) ForgetConsidered(incident string) error {
	num, _, err := tx.row(incident)
	if err != nil {
		return err
	}
	_, err = tx.exec("DELETE FROM considered WHERE incident = ?", num)
	return err
}

// Considered gives the basis on which something was last considered for an incident, "" where it was not.
func (s *Store) Considered(ctx context.Context, incident, what string) (basis string, err error) {
	err = s.view(ctx, func(q querier) error {
		_, err := one(q, "SELECT c.basis FROM considered c JOIN incidents i ON i.num = c.incident WHERE i.id = ? AND c.what = ?",
			[]any{incident, what}, &basis)
		return err
	})
	return basis, err
}

// ConsideredNotes gives, by what was considered for an incident, what came of it.
func (s *Store) ConsideredNotes(ctx context.Context, incident string) (map[string]string, error) {
	out := map[string]string{}
	err := s.view(ctx, func(q querier) error {
		return each(q, "SELECT c.what, c.note FROM considered c JOIN incidents i ON i.num = c.incident WHERE i.id = ?", []any{incident},
			func(rows *sql.Rows) error {
				var what, note string
				err := rows.Scan(&what, &note)
				out[what] = note
				return err
			})
	})
	return out, err
}

// ServiceEvents gives how many events of a service were counted in all clusters but one (and what was merged into it).
// Clusters that were forgotten are not in it, so it may shrink.
func (s *Store) ServiceEvents(ctx context.Context, service, except string) (n int64, err error) {
	err = s.view(ctx, func(q querier) error {
		_, err := one(q, `SELECT coalesce(sum(events), 0) FROM clusters WHERE service = ?1
			AND root <> coalesce((SELECT root FROM clusters WHERE id = ?2), ?2)`, []any{service, except}, &n)
		return err
	})
	return n, err
}
