package store

import (
	"context"
	"database/sql"
	"iter"
)

// Storm is a spike of a cluster that was told of.
type Storm struct {
	Cluster string
	// Span is five minutes of the Unix epoch (Unix seconds / 300), Threshold the count that was exceeded in it.
	Span      int64
	Threshold float64
}

// AddStorm keeps a storm.
func (tx *Tx) AddStorm(s Storm) error {
	_, err := tx.exec(`INSERT INTO storms (cluster, span, threshold) VALUES (?, ?, ?)
		ON CONFLICT (cluster, span) DO UPDATE SET threshold = excluded.threshold`, s.Cluster, s.Span, s.Threshold)
	return err
}

// Storms gives the storms at or after a span, by span. A cluster that was merged since gives its root's.
func (s *Store) Storms(ctx context.Context, since int64) iter.Seq2[Storm, error] {
	return stream(ctx, s, `SELECT coalesce(c.root, s.cluster), s.span, s.threshold FROM storms s LEFT JOIN clusters c ON c.id = s.cluster
		WHERE s.span >= ? ORDER BY s.span, s.cluster`, []any{since},
		func(rows *sql.Rows) (st Storm, err error) {
			err = rows.Scan(&st.Cluster, &st.Span, &st.Threshold)
			return st, err
		})
}

// Traffic is what one service wrote in one span.
type Traffic struct {
	Service string
	Span    int64
	// Lines are events that are no requests, Raised those of them that are warnings or worse; Failed are Requests answered
	// with 5xx.
	Lines, Raised, Requests, Failed int64
}

// AddTraffic adds to what a service wrote.
func (tx *Tx) AddTraffic(t Traffic) error {
	_, err := tx.exec(`INSERT INTO traffic (span, service, lines, raised, requests, failed) VALUES (?, ?, ?, ?, ?, ?)
		ON CONFLICT (span, service) DO UPDATE SET lines = lines + excluded.lines, raised = raised + excluded.raised,
		requests = requests + excluded.requests, failed = failed + excluded.failed`,
		t.Span, t.Service, t.Lines, t.Raised, t.Requests, t.Failed)
	return err
}

// Traffic gives what services wrote at or after a span, by span.
func (s *Store) Traffic(ctx context.Context, since int64) iter.Seq2[Traffic, error] {
	return stream(ctx, s, "SELECT span, service, lines, raised, requests, failed FROM traffic WHERE span >= ? ORDER BY span, service", []any{since},
		func(rows *sql.Rows) (t Traffic, err error) {
			err = rows.Scan(&t.Span, &t.Service, &t.Lines, &t.Raised, &t.Requests, &t.Failed)
			return t, err
		})
}
