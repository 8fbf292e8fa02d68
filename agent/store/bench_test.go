package store

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/logwright/logwright/agent/incident"
)

// BenchmarkUpdate measures one ingest step (a stream, and the counts of 20 clusters with one minute each: 41 rows), and the
// same number of bare rows written over and over on a connection of the same settings. The metric "x-raw" is the ratio: what the store costs
// beyond SQLite and its driver.
func BenchmarkUpdate(b *testing.B) {
	ctx := context.Background()
	s := openAt(b, filepath.Join(b.TempDir(), "state"), Options{})
	rawStore := openAt(b, filepath.Join(b.TempDir(), "raw"), Options{})
	w := rawStore.w
	exec := func(q string) {
		if _, err := w.conn.ExecContext(ctx, q); err != nil {
			b.Fatal(err)
		}
	}
	exec("CREATE TABLE raw (k INTEGER PRIMARY KEY, a TEXT, n INTEGER)")
	insert, err := w.stmt("INSERT OR REPLACE INTO raw (k, a, n) VALUES (?, ?, 1)")
	if err != nil {
		b.Fatal(err)
	}
	const rows = 41
	raw := func() {
		exec("BEGIN IMMEDIATE")
		for n := range rows {
			if _, err := insert.ExecContext(ctx, n, "lw-aaaaaaaaaaaa"); err != nil {
				b.Fatal(err)
			}
		}
		exec("COMMIT")
	}
	names := make([]string, 20)
	for i := range names {
		names[i] = fmt.Sprintf("lw-%012d", i)
	}
	position, pending := make([]byte, 64), make([]byte, 512)
	minute := int64(0)
	step := func() {
		minute++
		err := s.Update(ctx, func(tx *Tx) error {
			for _, n := range names {
				if err := tx.AddCounts(Counts{Cluster: n, Events: 3, Problems: 3, Severity: incident.SeverityError, First: t0, Last: t0,
					Minutes: []Minute{{minute / 60, 3}}}); err != nil {
					return err
				}
			}
			return tx.SaveStream(Stream{Source: "files", ID: "1", File: "/var/log/app.log", Position: position, Pending: pending})
		})
		if err != nil {
			b.Fatal(err)
		}
	}
	step()
	raw()
	var rawTime, stepTime time.Duration
	b.ReportAllocs()
	for b.Loop() {
		t := time.Now()
		step()
		stepTime += time.Since(t)
		b.StopTimer()
		t = time.Now()
		raw()
		rawTime += time.Since(t)
		b.StartTimer()
	}
	b.ReportMetric(float64(stepTime)/float64(rawTime), "x-raw")
}

// BenchmarkDurable is BeginCall: one row, and a wait for the disk.
func BenchmarkDurable(b *testing.B) {
	s := openAt(b, filepath.Join(b.TempDir(), "state"), Options{})
	n := 0
	for b.Loop() {
		n++
		if err := s.BeginCall(context.Background(), Call{ID: fmt.Sprint(n), Incident: fmt.Sprint(n), ReserveTokens: 1}, Budget{CallsPerIncident: 8, TokensPerDay: 1 << 40}); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkAddSample is a sample of 2 kB for a cluster that has an incident and all its samples.
func BenchmarkAddSample(b *testing.B) {
	s := openAt(b, filepath.Join(b.TempDir(), "state"), Options{})
	update(b, s, func(tx *Tx) error { return tx.OpenIncident(newIncident("lw-a.1")) })
	smp := incident.Sample{Cluster: "lw-a", Record: incident.Record{Raw: strings.Repeat("at com.example.Main(Main.java:1)\n", 60)}}
	err := s.Update(context.Background(), func(tx *Tx) error {
		for b.Loop() {
			if err := tx.AddSample(smp); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		b.Fatal(err)
	}
}
