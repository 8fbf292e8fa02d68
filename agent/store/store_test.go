package store

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/logwright/logwright/agent/incident"
)

var ctxBackground = context.Background()

func gapNumber(n int) incident.Gap {
	return incident.Gap{Source: "files", File: fmt.Sprint("/var/log/", n), At: t0.Add(time.Duration(n) * time.Second), Reason: "copytruncate"}
}

var t0 = time.Date(2026, 3, 4, 5, 6, 7, 8000, time.UTC)

// fakeClock is a clock that stands until it is set.
type fakeClock struct{ at time.Time }

func (c *fakeClock) now() time.Time { return c.at }

func openAt(t testing.TB, dir string, o Options) *Store {
	t.Helper()
	if o.Now == nil {
		o.Now = func() time.Time { return t0 }
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	s, err := Open(t.Context(), dir, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func open(t testing.TB) *Store {
	t.Helper()
	return openAt(t, filepath.Join(t.TempDir(), "state"), Options{})
}

// update runs fn, which must succeed.
func update(t testing.TB, s *Store, fn func(tx *Tx) error) {
	t.Helper()
	if err := s.Update(context.Background(), fn); err != nil {
		t.Fatal(err)
	}
}

func newIncident(id string) incident.Incident {
	c, n, err := incident.SplitID(id)
	if err != nil {
		panic(err)
	}
	return incident.Incident{
		ID: id, Clusters: []string{c}, Episode: n, Title: "api: something", Service: "api", Severity: incident.SeverityError,
		State: incident.StateOpen, Trigger: incident.TriggerNew, Events: 1, FirstSeen: t0, LastSeen: t0, OpenedAt: t0, Template: "a <*> b",
	}
}

// nasty is text as strangers write it.
const nasty = "a\x00b\xff\xfe\xc3(\U0010ffff\U0010ffff00 \ufffd \\ufffd '; DROP TABLE streams; -- \x1b[31m \u202e"

func TestStreams(t *testing.T) {
	s := open(t)
	ctx := t.Context()
	want := []Stream{
		{Source: "files", ID: nasty, File: "/var/log/" + nasty, Position: []byte{0, 1, 255}, Pending: []byte(nasty), UpdatedAt: t0.Truncate(time.Microsecond)},
		{Source: "files", ID: "z", File: "/z", UpdatedAt: t0.Truncate(time.Microsecond)},
	}
	update(t, s, func(tx *Tx) error {
		for _, st := range want {
			if err := tx.SaveStream(Stream{Source: st.Source, ID: st.ID, File: "old"}); err != nil {
				return err
			}
			if err := tx.SaveStream(st); err != nil {
				return err
			}
		}
		return tx.SaveStream(Stream{Source: "journal", ID: "j"})
	})
	got, err := s.Streams(ctx, "files")
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	update(t, s, func(tx *Tx) error {
		return errors.Join(tx.ForgetStream("files", "z"), tx.ForgetStream("files", "never"))
	})
	if all, err := s.Streams(ctx, ""); err != nil || len(all) != 2 {
		t.Errorf("%v, %v", all, err)
	}
}

func TestUpdateIsAllOrNothing(t *testing.T) {
	ctx := t.Context()
	boom := errors.New("boom")
	for _, tc := range []struct {
		name string
		fn   func(tx *Tx) error
		want error
	}{
		{"an error", func(tx *Tx) error { return boom }, boom},
		{"a statement that failed and was passed over", func(tx *Tx) error {
			_, _ = tx.exec("INSERT INTO streams (source) VALUES (NULL)")
			return nil
		}, nil},
		{"a transition that is not allowed", func(tx *Tx) error { return tx.SetState("lw-x.1", incident.StateOpen, "test", "") }, ErrNotFound},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := open(t)
			err := s.Update(ctx, func(tx *Tx) error {
				if err := tx.SaveStream(Stream{Source: "a", ID: "b"}); err != nil {
					return err
				}
				if err := tx.AddCounts(Counts{Cluster: "lw-1", Events: 1}); err != nil {
					return err
				}
				return tc.fn(tx)
			})
			if err == nil || tc.want != nil && !errors.Is(err, tc.want) {
				t.Errorf("got %v, want %v", err, tc.want)
			}
			if got, _ := s.Streams(ctx, ""); len(got) != 0 {
				t.Errorf("kept %v", got)
			}
			update(t, s, func(tx *Tx) error { return tx.SaveStream(Stream{Source: "a", ID: "b"}) })
		})
	}
	t.Run("a panic", func(t *testing.T) {
		s := open(t)
		func() {
			defer func() { _ = recover() }()
			_ = s.Update(ctx, func(tx *Tx) error {
				_ = tx.SaveStream(Stream{Source: "a", ID: "b"})
				panic("boom")
			})
		}()
		if got, err := s.Streams(ctx, ""); err != nil || len(got) != 0 {
			t.Errorf("kept %v, %v", got, err)
		}
		update(t, s, func(tx *Tx) error { return tx.SaveStream(Stream{Source: "a", ID: "b"}) })
	})
	t.Run("used afterwards", func(t *testing.T) {
		s := open(t)
		var kept *Tx
		update(t, s, func(tx *Tx) error { kept = tx; return nil })
		if err := kept.SaveStream(Stream{Source: "a", ID: "b"}); err == nil {
			t.Error("the transaction could be used after its end")
		}
	})
	t.Run("closed", func(t *testing.T) {
		s := open(t)
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		if err := s.Update(ctx, func(*Tx) error { return nil }); !errors.Is(err, errClosed) {
			t.Error(err)
		}
	})
	t.Run("cancelled while waiting", func(t *testing.T) {
		s := open(t)
		in, out, done := make(chan bool), make(chan bool), make(chan error)
		go func() { done <- s.Update(ctx, func(*Tx) error { close(in); <-out; return nil }) }()
		<-in
		c, cancel := context.WithCancel(ctx)
		cancel()
		if err := s.Update(c, func(*Tx) error { return nil }); !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
		close(out)
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

// Wherever within an Update its context ends, the next one works.
func TestCancelledUpdates(t *testing.T) {
	s := open(t)
	kept := 0
	for n := range 300 {
		ctx, cancel := context.WithCancel(t.Context())
		go cancel()
		err := s.update(ctx, n%2 == 0, func(tx *Tx) error { return tx.AddCounts(Counts{Cluster: "lw-a", Events: 1}) })
		switch {
		case err == nil:
			kept++
		case !errors.Is(err, context.Canceled):
			t.Fatal(err)
		}
	}
	update(t, s, func(tx *Tx) error { return tx.AddCounts(Counts{Cluster: "lw-a", Events: 1}) })
	if c, err := s.Cluster(t.Context(), "lw-a"); err != nil || c.Events != int64(kept+1) {
		t.Errorf("%d Updates said that they were kept, %d are: %v", kept+1, c.Events, err)
	}
}

func TestCountsAndAliases(t *testing.T) {
	s := open(t)
	ctx := t.Context()
	minute := t0.Unix() / 60
	add := func(tx *Tx, cluster string, n int64, at time.Time) error {
		return tx.AddCounts(Counts{Cluster: cluster, Events: n, Problems: n, Severity: incident.SeverityError, First: at, Last: at,
			Minutes: []Minute{{at.Unix() / 60, n}}})
	}
	update(t, s, func(tx *Tx) error {
		return errors.Join(
			tx.SaveClusters([]ClusterMemory{
				{ID: "lw-a", Service: "api", Template: nasty, State: []byte{1}}, {ID: "lw-b", Service: "api", Template: "b", State: []byte{2}},
				{ID: "lw-c", Service: "api", Template: "c"},
			}),
			add(tx, "lw-a", 1, t0), add(tx, "lw-b", 10, t0.Add(-time.Hour)), add(tx, "lw-c", 100, t0.Add(time.Minute)),
			tx.AddCounts(Counts{Cluster: "lw-a", Events: 5, Severity: incident.SeverityFatal}),
		)
	})
	// c into b, then b into a: c is a's too. Saving the same again changes nothing.
	for range 2 {
		update(t, s, func(tx *Tx) error {
			return tx.SaveClusters([]ClusterMemory{{ID: "lw-c", AliasOf: "lw-b", Service: "api", Template: "c"}})
		})
		update(t, s, func(tx *Tx) error {
			return tx.SaveClusters([]ClusterMemory{{ID: "lw-b", AliasOf: "lw-a", Service: "api", Template: "b", State: []byte{2}}})
		})
	}
	update(t, s, func(tx *Tx) error { return add(tx, "lw-c", 1000, t0) })
	for _, id := range []string{"lw-a", "lw-b", "lw-c"} {
		got, err := s.Cluster(ctx, id)
		if err != nil {
			t.Fatal(err)
		}
		want := incident.Cluster{ID: "lw-a", Service: "api", Template: nasty, Severity: incident.SeverityFatal, Events: 1116, Problems: 1111,
			FirstSeen: t0.Add(-time.Hour).Truncate(time.Microsecond), LastSeen: t0.Add(time.Minute).Truncate(time.Microsecond)}
		if d := cmp.Diff(want, got); d != "" {
			t.Error(id, d)
		}
	}
	if _, err := s.Cluster(ctx, "lw-none"); !errors.Is(err, ErrNotFound) {
		t.Error(err)
	}
	var buckets []Bucket
	for b, err := range s.Buckets(ctx, minute) {
		if err != nil {
			t.Fatal(err)
		}
		buckets = append(buckets, b)
	}
	if d := cmp.Diff([]Bucket{{"lw-a", Minute{minute, 1001}}, {"lw-a", Minute{minute + 1, 100}}}, buckets); d != "" {
		t.Error(d)
	}
	var memory []ClusterMemory
	for m, err := range s.Clusters(ctx) {
		if err != nil {
			t.Fatal(err)
		}
		memory = append(memory, m)
	}
	slices.SortFunc(memory, func(a, b ClusterMemory) int { return strings.Compare(a.ID, b.ID) })
	if d := cmp.Diff([]ClusterMemory{
		{ID: "lw-a", Service: "api", Template: nasty, State: []byte{1}}, {ID: "lw-b", AliasOf: "lw-a", Service: "api", Template: "b", State: []byte{2}},
		{ID: "lw-c", AliasOf: "lw-b", Service: "api", Template: "c"},
	}, memory); d != "" {
		t.Error(d)
	}
	// A circle of aliases is refused without stopping the count.
	update(t, s, func(tx *Tx) error {
		return errors.Join(tx.SaveClusters([]ClusterMemory{{ID: "lw-a", AliasOf: "lw-c"}}), add(tx, "lw-a", 1, t0))
	})
	if got, err := s.Cluster(ctx, "lw-c"); err != nil || got.ID != "lw-a" || got.Problems != 1112 {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestForgetClusters(t *testing.T) {
	s := open(t)
	ctx := t.Context()
	update(t, s, func(tx *Tx) error {
		return errors.Join(
			tx.SaveClusters([]ClusterMemory{{ID: "lw-a"}, {ID: "lw-b"}, {ID: "lw-c"}}),
			tx.AddCounts(Counts{Cluster: "lw-c", Events: 1, Minutes: []Minute{{1, 1}}}),
			tx.OpenIncident(newIncident("lw-a.1")),
			tx.ForgetClusters("lw-a", "lw-c", "lw-never"),
			// A new cluster must not inherit the minutes of a forgotten one.
			tx.SaveClusters([]ClusterMemory{{ID: "lw-d"}}),
		)
	})
	var ids []string
	for m, err := range s.Clusters(ctx) {
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, m.ID)
	}
	if !slices.Equal(ids, []string{"lw-b", "lw-d"}) {
		t.Errorf("remembered %q", ids)
	}
	if _, err := s.Cluster(ctx, "lw-a"); err != nil {
		t.Errorf("the cluster of an incident is gone: %v", err)
	}
	if _, err := s.Cluster(ctx, "lw-c"); !errors.Is(err, ErrNotFound) {
		t.Error(err)
	}
	for b := range s.Buckets(ctx, 0) {
		t.Errorf("minutes of nobody: %+v", b)
	}
}

func TestSamples(t *testing.T) {
	s := open(t)
	ctx := t.Context()
	sample := func(n int) incident.Sample {
		return incident.Sample{Cluster: "lw-a", Record: incident.Record{FirstLine: int64(n), Severity: incident.SeverityError, Message: nasty, Raw: fmt.Sprint(n, nasty),
			Time: t0, Trusted: map[string]string{"_PID": nasty}, Frames: []incident.Frame{{File: nasty, Line: 3}}},
			Before: []incident.Context{{File: "f", Line: 1, Text: nasty}}}
	}
	lines := func(id string) (out []int64) {
		t.Helper()
		i, err := s.Incident(ctx, id)
		if err != nil {
			t.Fatal(err)
		}
		for _, smp := range i.Samples {
			out = append(out, smp.Record.FirstLine)
		}
		return out
	}
	add := func(from, to int) {
		update(t, s, func(tx *Tx) error {
			for n := from; n <= to; n++ {
				if err := tx.AddSample(sample(n)); err != nil {
					return err
				}
			}
			return nil
		})
	}
	add(1, 2) // before the incident
	update(t, s, func(tx *Tx) error { return tx.OpenIncident(newIncident("lw-a.1")) })
	add(3, 20)
	if got := lines("lw-a.1"); !slices.Equal(got, []int64{1, 2, 3, 18, 19, 20}) {
		t.Errorf("got %v", got)
	}
	i, err := s.Incident(ctx, "lw-a.1")
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(sample(1), i.Samples[0]); d != "" {
		t.Error(d)
	}
	// After it is resolved, samples wait for the next episode.
	update(t, s, func(tx *Tx) error { return tx.SetState("lw-a.1", incident.StateResolved, "test", "") })
	add(30, 40)
	update(t, s, func(tx *Tx) error { return tx.OpenIncident(newIncident("lw-a.2")) })
	if got := lines("lw-a.1"); !slices.Equal(got, []int64{1, 2, 3, 18, 19, 20}) {
		t.Errorf("the first episode has %v", got)
	}
	if got := lines("lw-a.2"); !slices.Equal(got, []int64{30, 31, 32, 38, 39, 40}) {
		t.Errorf("the second episode has %v", got)
	}
	// Too long, and from a year that JSON can't write.
	big := sample(50)
	big.Record.Raw, big.Record.Time = strings.Repeat("ü", maxSampleText), time.Date(123456, 1, 1, 0, 0, 0, 0, time.UTC)
	update(t, s, func(tx *Tx) error { return tx.AddSample(big) })
	if i, err = s.Incident(ctx, "lw-a.2"); err != nil {
		t.Fatal(err)
	}
	last := i.Samples[len(i.Samples)-1].Record
	if len(last.Raw) != maxSampleText || !last.Truncated || !last.Time.IsZero() {
		t.Errorf("%d bytes, truncated %v, %v", len(last.Raw), last.Truncated, last.Time)
	}
}

func TestGapsAndReleases(t *testing.T) {
	s := open(t)
	ctx := t.Context()
	at := t0.Truncate(time.Microsecond)
	gap := incident.Gap{Source: "files", File: nasty, At: at, Bytes: 7, Reason: "copytruncate"}
	r1, r2 := incident.Release{Service: "api", Version: "1", At: at.Add(-time.Hour)}, incident.Release{Service: "api", Version: "2", At: at.Add(time.Hour)}
	update(t, s, func(tx *Tx) error {
		return errors.Join(tx.AddGap(gap), tx.AddRelease(r1), tx.AddRelease(r1), tx.AddRelease(r2), tx.OpenIncident(newIncident("lw-a.1")))
	})
	if got, err := s.Gaps(ctx, time.Time{}, 0); err != nil || cmp.Diff([]incident.Gap{gap}, got) != "" {
		t.Errorf("%+v, %v", got, err)
	}
	if got, err := s.Gaps(ctx, at.Add(time.Second), 0); err != nil || len(got) != 0 {
		t.Errorf("%+v, %v", got, err)
	}
	if got, err := s.Releases(ctx, "api", 0); err != nil || cmp.Diff([]incident.Release{r2, r1}, got) != "" {
		t.Errorf("%+v, %v", got, err)
	}
	i, err := s.Incident(ctx, "lw-a.1")
	if err != nil || i.Release == nil || *i.Release != r1 {
		t.Errorf("the release before the incident: %+v, %v", i.Release, err)
	}
}
