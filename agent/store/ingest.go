package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"iter"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/logwright/logwright/agent/incident"
)

// SaveStream sets where a stream stands.
func (tx *Tx) SaveStream(s Stream) error {
	_, err := tx.exec(`INSERT INTO streams (source, id, file, position, pending, updated_at) VALUES (?, ?, ?, ?, ?, ?)
		ON CONFLICT (source, id) DO UPDATE SET file = excluded.file, position = excluded.position,
		pending = excluded.pending, updated_at = excluded.updated_at`,
		s.Source, s.ID, s.File, s.Position, s.Pending, tx.now.UnixMicro())
	return err
}

// ForgetStream drops a stream; no error where there is none.
func (tx *Tx) ForgetStream(source, id string) error {
	_, err := tx.exec("DELETE FROM streams WHERE source = ? AND id = ?", source, id)
	return err
}

// Streams gives where each stream of a source was left; "" is every source.
func (s *Store) Streams(ctx context.Context, source string) ([]Stream, error) {
	var out []Stream
	err := s.view(ctx, func(q querier) error {
		return each(q, "SELECT source, id, file, position, pending, updated_at FROM streams WHERE ?1 = '' OR source = ?1 ORDER BY source, id",
			[]any{source}, func(rows *sql.Rows) error {
				var st Stream
				var at dbTime
				if err := rows.Scan(&st.Source, &st.ID, &st.File, &st.Position, &st.Pending, &at); err != nil {
					return err
				}
				st.UpdatedAt = at.Time
				out = append(out, st)
				return nil
			})
	})
	return out, err
}

// root gives where the chain of aliases that begins at a cluster ends; the cluster itself where it is not known.
func (tx *Tx) root(cluster string) (string, error) {
	root := cluster
	_, err := one(tx, "SELECT root FROM clusters WHERE id = ?", []any{cluster}, &root)
	return root, err
}

var errNoCluster = errors.New("a cluster without an id")

// SaveClusters keeps the clusterer's memory. A cluster that became an alias counts for its root from then on, with what was
// counted before.
func (tx *Tx) SaveClusters(cs []ClusterMemory) error {
	for _, c := range cs {
		if c.ID == "" {
			return errNoCluster
		}
		var alias string
		if _, err := one(tx, "SELECT alias_of FROM clusters WHERE id = ?", []any{c.ID}, &alias); err != nil {
			return err
		}
		state := c.State
		if state == nil {
			state = []byte{} // NULL is a cluster that the clusterer does not remember
		}
		_, err := tx.exec(`INSERT INTO clusters (id, alias_of, root, service, template, state) VALUES (?1, ?2, ?1, ?3, ?4, ?5)
			ON CONFLICT (id) DO UPDATE SET alias_of = excluded.alias_of, service = excluded.service,
			template = excluded.template, state = excluded.state`, c.ID, c.AliasOf, c.Service, c.Template, state)
		if err != nil {
			return err
		}
		if c.AliasOf == alias {
			continue
		}
		if err := tx.setRoot(c.ID, c.AliasOf); err != nil {
			return err
		}
	}
	return nil
}

// setRoot puts cluster, and all that are merged into it, under the root of alias ("" makes it a root again).
func (tx *Tx) setRoot(cluster, alias string) error {
	root := cluster
	if alias != "" {
		if err := tx.ensureCluster(alias); err != nil {
			return err
		}
		var err error
		if root, err = tx.root(alias); err != nil {
			return err
		}
		if root == cluster {
			// Counting goes on; a wrong word about a merge must not stop it.
			tx.s.log.Error("a cluster can't be an alias of one of its own aliases; it stays for itself", "cluster", cluster, "alias_of", alias)
		}
	}
	// Those merged into this one follow it; they are the ones whose chain of aliases goes through it.
	_, err := tx.exec(`WITH RECURSIVE below (id) AS (SELECT ?1 UNION SELECT c.id FROM clusters c JOIN below b ON c.alias_of = b.id
			WHERE c.root = (SELECT root FROM clusters WHERE id = ?1))
		UPDATE clusters SET root = ?2 WHERE id IN (SELECT id FROM below)`, cluster, root)
	return err
}

func (tx *Tx) ensureCluster(id string) error {
	if id == "" {
		return errNoCluster
	}
	_, err := tx.exec("INSERT INTO clusters (id, root) VALUES (?1, ?1) ON CONFLICT (id) DO NOTHING", id)
	return err
}

// ForgetClusters drops the clusterer's memory of clusters, and the rest of what is known of them where no incident is about
// them and nothing was merged into them.
func (tx *Tx) ForgetClusters(ids ...string) error {
	for _, id := range ids {
		var num int64
		found, err := one(tx, "SELECT num FROM clusters WHERE id = ?", []any{id}, &num)
		if err != nil {
			return err
		}
		if !found {
			continue
		}
		n, err := tx.exec(`DELETE FROM clusters WHERE num = ?1 AND root = id
			AND NOT EXISTS (SELECT 1 FROM incident_clusters WHERE cluster = ?2)
			AND NOT EXISTS (SELECT 1 FROM clusters c WHERE c.root = ?2 AND c.num <> ?1)`, num, id)
		if err != nil {
			return err
		}
		if n == 0 {
			_, err = tx.exec("UPDATE clusters SET state = NULL WHERE num = ?", num)
		} else {
			// Its minutes are not looked up by cluster; they go with their time, and until then belong to nobody.
			_, err = tx.exec("DELETE FROM samples WHERE cluster = ?", id)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// Clusters gives what SaveClusters kept, row by row, the one seen last first: there may be more than the clusterer takes up.
// What a line says of the future does not count for more than now. (SQLite keeps the order of a subquery that has a LIMIT.)
func (s *Store) Clusters(ctx context.Context) iter.Seq2[ClusterMemory, error] {
	return stream(ctx, s, `SELECT c.id, c.alias_of, c.service, c.template, c.state
		FROM (SELECT num FROM clusters WHERE state IS NOT NULL ORDER BY min(coalesce(last_seen, 0), ?) DESC, num LIMIT -1) k
		CROSS JOIN clusters c ON c.num = k.num`, []any{s.now().UnixMicro()},
		func(rows *sql.Rows) (m ClusterMemory, err error) {
			err = rows.Scan(&m.ID, &m.AliasOf, &m.Service, &m.Template, &m.State)
			return m, err
		})
}

// stream gives the rows of a query one by one, from one snapshot.
func stream[T any](ctx context.Context, s *Store, query string, args []any, scan func(*sql.Rows) (T, error)) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var zero T
		rows, err := s.read.QueryContext(ctx, query, args...)
		if err != nil {
			yield(zero, s.explain(err))
			return
		}
		defer rows.Close()
		for rows.Next() {
			v, err := scan(rows)
			if err != nil {
				yield(zero, s.explain(err))
				return
			}
			if !yield(v, nil) {
				return
			}
		}
		if err := rows.Err(); err != nil {
			yield(zero, s.explain(err))
		}
	}
}

// AddCounts adds to a cluster. What is counted for an alias is counted for its root.
func (tx *Tx) AddCounts(c Counts) error {
	if c.Cluster == "" {
		return errNoCluster
	}
	var num int64
	const upsert = `INSERT INTO clusters (id, root, severity, events, problems, first_seen, last_seen) VALUES (?1, ?1, ?2, ?3, ?4, ?5, ?6)
		ON CONFLICT (id) DO UPDATE SET severity = max(severity, excluded.severity),
		events = events + excluded.events, problems = problems + excluded.problems,
		first_seen = min(coalesce(first_seen, excluded.first_seen), coalesce(excluded.first_seen, first_seen)),
		last_seen = max(coalesce(last_seen, excluded.last_seen), coalesce(excluded.last_seen, last_seen))
		RETURNING num`
	if _, err := one(tx, upsert, []any{c.Cluster, int64(c.Severity), c.Events, c.Problems, timeValue(c.First), timeValue(c.Last)}, &num); err != nil {
		return err
	}
	for _, m := range c.Minutes {
		_, err := tx.exec(`INSERT INTO minutes (minute, cluster, n) VALUES (?, ?, ?)
			ON CONFLICT (minute, cluster) DO UPDATE SET n = n + excluded.n`, m.Minute, num, m.N)
		if err != nil {
			return err
		}
	}
	return nil
}

// Buckets gives the minutes at or after since (minutes of the Unix epoch), by minute.
func (s *Store) Buckets(ctx context.Context, since int64) iter.Seq2[Bucket, error] {
	return stream(ctx, s, `SELECT c.root, m.minute, sum(m.n) FROM minutes m JOIN clusters c ON c.num = m.cluster
		WHERE m.minute >= ? GROUP BY m.minute, c.root ORDER BY m.minute, c.root`, []any{since},
		func(rows *sql.Rows) (b Bucket, err error) {
			err = rows.Scan(&b.Cluster, &b.Minute.Minute, &b.N)
			return b, err
		})
}

// Cluster gives what is known of a cluster, of its root where it is an alias; ErrNotFound where there is none.
func (tx *Tx) Cluster(id string) (incident.Cluster, error) { return readCluster(tx, id) }

// Cluster is Tx.Cluster.
func (s *Store) Cluster(ctx context.Context, id string) (c incident.Cluster, err error) {
	err = s.view(ctx, func(q querier) error {
		c, err = readCluster(q, id)
		return err
	})
	return c, err
}

func readCluster(q querier, id string) (incident.Cluster, error) {
	var c incident.Cluster
	var first, last dbTime
	found, err := one(q, `SELECT r.id, r.service, r.template, max(c.severity), sum(c.events), sum(c.problems), min(c.first_seen), max(c.last_seen)
		FROM clusters a JOIN clusters r ON r.id = a.root JOIN clusters c ON c.root = a.root WHERE a.id = ? GROUP BY r.num`, []any{id},
		&c.ID, &c.Service, &c.Template, &c.Severity, &c.Events, &c.Problems, &first, &last)
	if err == nil && !found {
		err = notFound("cluster", id)
	}
	c.FirstSeen, c.LastSeen = first.Time, last.Time
	return c, err
}

// How much of a sample is kept: a trace whole, a megabyte of payload not.
const (
	maxSampleText    = 64 << 10
	maxSampleContext = 4 << 10
	samplesFirst     = 3
	samplesLast      = 3
)

// AddSample keeps a sample as evidence of the cluster's current episode: the first three and the last three stay, with
// very long texts cut.
func (tx *Tx) AddSample(s incident.Sample) error {
	if s.Cluster == "" {
		return errNoCluster
	}
	root, err := tx.root(s.Cluster)
	if err != nil {
		return err
	}
	var episode sql.NullInt64
	if _, err := one(tx, `SELECT i.num FROM incidents i WHERE i.num IN (`+incidentsOf+`) AND i.state <> 'resolved'
		ORDER BY `+latestFirst+` LIMIT 1`, []any{root}, &episode); err != nil {
		return err
	}
	body, err := encode(cutSample(s))
	if err != nil {
		return err
	}
	if _, err := tx.exec("INSERT INTO samples (cluster, incident, body) VALUES (?, ?, ?)", root, episode, body); err != nil {
		return err
	}
	return tx.thinSamples(root, episode)
}

// thinSamples leaves the first and the last few samples of a cluster's episode.
func (tx *Tx) thinSamples(cluster string, episode sql.NullInt64) error {
	_, err := tx.exec(fmt.Sprintf(`DELETE FROM samples WHERE num IN (SELECT num FROM (
		SELECT num, row_number() OVER (ORDER BY num) AS n, count(*) OVER () AS k FROM samples WHERE cluster = ? AND incident IS ?)
		WHERE n > %d AND n <= k - %d)`, samplesFirst, samplesLast), cluster, episode)
	return err
}

// cutSample gives s with its texts bounded and its times such that they can be kept.
func cutSample(s incident.Sample) incident.Sample {
	r := &s.Record
	r.Time = jsonTime(r.Time)
	for _, f := range []*string{&r.Message, &r.Raw, &r.ExceptionMessage} {
		var was bool
		*f, was = cut(*f, maxSampleText)
		r.Truncated = r.Truncated || was
	}
	before := make([]incident.Context, len(s.Before))
	for i, c := range s.Before {
		c.Text, _ = cut(c.Text, maxSampleContext)
		before[i] = c
	}
	s.Before = before
	return s
}

// cut gives at most n bytes of s, whole characters where s has any.
func cut(s string, n int) (string, bool) {
	if len(s) <= n {
		return s, false
	}
	for i := n; i > n-utf8.UTFMax; i-- {
		if utf8.RuneStart(s[i]) {
			n = i
			break
		}
	}
	return strings.Clone(s[:n]), true
}

// AddGap records input that may have been missed.
func (tx *Tx) AddGap(g incident.Gap) error {
	at := g.At
	if at.IsZero() {
		at = tx.now
	}
	_, err := tx.exec("INSERT INTO gaps (source, file, at, bytes, reason) VALUES (?, ?, ?, ?, ?)", g.Source, g.File, at.UnixMicro(), g.Bytes, g.Reason)
	return err
}

// Gaps gives the gaps since a time, latest first, at most limit (0 is all).
func (s *Store) Gaps(ctx context.Context, since time.Time, limit int) ([]incident.Gap, error) {
	var out []incident.Gap
	var from any = int64(-1 << 62)
	if !since.IsZero() {
		from = since.UnixMicro()
	}
	err := s.view(ctx, func(q querier) error {
		return each(q, "SELECT source, file, at, bytes, reason FROM gaps WHERE at >= ? ORDER BY at DESC, num DESC LIMIT ?",
			[]any{from, sqlLimit(limit)}, func(rows *sql.Rows) error {
				var g incident.Gap
				var at dbTime
				if err := rows.Scan(&g.Source, &g.File, &at, &g.Bytes, &g.Reason); err != nil {
					return err
				}
				g.At = at.Time
				out = append(out, g)
				return nil
			})
	})
	return out, err
}

// sqlLimit is how SQL says a limit of which 0 is none.
func sqlLimit(n int) int {
	if n <= 0 {
		return -1
	}
	return n
}

// AddRelease records a release marker; the same one twice is kept once.
func (tx *Tx) AddRelease(r incident.Release) error {
	at := r.At
	if at.IsZero() {
		at = tx.now
	}
	_, err := tx.exec("INSERT INTO releases (service, version, at) VALUES (?, ?, ?) ON CONFLICT DO NOTHING", r.Service, r.Version, at.UnixMicro())
	return err
}

// Releases gives the release markers of a service ("" is all), latest first, at most limit (0 is all).
func (s *Store) Releases(ctx context.Context, service string, limit int) ([]incident.Release, error) {
	var out []incident.Release
	err := s.view(ctx, func(q querier) error {
		return each(q, "SELECT service, version, at FROM releases WHERE ?1 = '' OR service = ?1 ORDER BY at DESC, num DESC LIMIT ?2",
			[]any{service, sqlLimit(limit)}, func(rows *sql.Rows) error {
				var r incident.Release
				var at dbTime
				if err := rows.Scan(&r.Service, &r.Version, &at); err != nil {
					return err
				}
				r.At = at.Time
				out = append(out, r)
				return nil
			})
	})
	return out, err
}
