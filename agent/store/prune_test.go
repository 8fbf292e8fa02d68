package store

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/logwright/logwright/agent/incident"
)

func TestPruneByAge(t *testing.T) {
	clock := &fakeClock{t0}
	s := openAt(t, t.TempDir(), Options{Now: clock.now})
	ctx := t.Context()
	const day = 24 * time.Hour
	fill := func(suffix string) {
		t.Helper()
		open, over := newIncident("lw-open"+suffix+".1"), newIncident("lw-over"+suffix+".1")
		open.LastSeen, over.LastSeen = clock.at, clock.at
		gap := gapNumber(0)
		gap.At = clock.at
		update(t, s, func(tx *Tx) error {
			return errors.Join(
				tx.OpenIncident(open), tx.OpenIncident(over),
				tx.AddSample(incident.Sample{Cluster: open.Clusters[0]}), tx.AddSample(incident.Sample{Cluster: over.Clusters[0]}),
				tx.SetState(over.ID, incident.StateResolved, "test", ""), tx.AddGap(gap),
				tx.AddCounts(Counts{Cluster: "lw-quiet" + suffix, Events: 1, Last: clock.at}), tx.AddSample(incident.Sample{Cluster: "lw-quiet" + suffix}),
				tx.AddCounts(Counts{Cluster: open.Clusters[0], Minutes: []Minute{{clock.at.Unix() / 60, 1}}}),
				tx.Enqueue(incident.Event{ID: "sent" + suffix, At: clock.at, Incident: &over}, "out"),
				tx.Enqueue(incident.Event{ID: "unsent" + suffix, At: clock.at, Incident: &open}, "out"),
			)
		})
		for _, err := range []error{
			s.BeginDelivery(ctx, "sent"+suffix, "out"), s.DeliveryDone(ctx, "sent"+suffix, "out"),
			s.BeginCall(ctx, Call{ID: "call" + suffix, Incident: open.ID, Prompt: "p", ReserveTokens: 5}, Budget{}),
			s.EndCall(ctx, "call"+suffix, Answer{Text: "a", InputTokens: 3}),
			s.BeginCall(ctx, Call{ID: "running" + suffix, Prompt: "p"}, Budget{}),
		} {
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	fill("old")
	clock.at = t0.Add(40 * day)
	fill("new")
	// Nothing is past its time.
	p, err := s.Prune(ctx, clock.at, Retention{Incidents: 90 * day, Prompts: 60 * day, Minutes: 60 * day})
	if err != nil || p.Incidents+p.Prompts+p.Samples+p.Gaps+p.Minutes+p.Clusters != 0 {
		t.Errorf("%+v, %v", p, err)
	}
	p, err = s.Prune(ctx, clock.at, Retention{Incidents: 30 * day, Prompts: 30 * day})
	if err != nil || p.Incidents != 1 || p.Prompts != 1 || p.Gaps != 1 || p.Minutes != 1 || p.Clusters != 1 || p.Samples != 1 {
		t.Errorf("%+v, %v", p, err)
	}
	is, err := s.Incidents(ctx, Filter{})
	if err != nil || strings.Join(ids(is), " ") != "lw-opennew.1 lw-openold.1 lw-overnew.1" {
		t.Errorf("%v, %v", ids(is), err)
	}
	for _, i := range is {
		if full, err := s.Incident(ctx, i.ID); err != nil || len(full.Samples) != 1 {
			t.Errorf("%+v, %v", full, err)
		}
	}
	calls, err := s.Calls(ctx, "")
	if err != nil || len(calls) != 4 {
		t.Fatalf("%+v, %v", calls, err)
	}
	if c := calls[0]; !c.Pruned || c.Prompt != "" || c.Text != "" || c.InputTokens != 3 {
		t.Errorf("%+v", c)
	}
	if c := calls[1]; c.Pruned || c.Prompt == "" {
		t.Errorf("a running call was pruned: %+v", c)
	}
	if ds, err := s.Due(ctx, clock.at, 0); err != nil || len(ds) != 2 {
		t.Errorf("%+v, %v", ds, err)
	}
	if r, err := s.VerifyAudit(ctx); err != nil || !r.OK() || r.Entries != 6 {
		t.Errorf("%+v, %v", r, err)
	}
	for table, want := range map[string]int{"samples": 4, "deliveries": 3, "incident_clusters": 3, "gaps": 1, "minutes": 1, "events": 3} {
		var n int
		if err := s.read.QueryRowContext(ctx, "SELECT count(*) FROM "+table).Scan(&n); err != nil || n != want {
			t.Errorf("%d in %s, want %d, %v", n, table, want, err)
		}
	}
}

// fillUp adds finished incidents with samples and prompts until an Update fails or the size is reached.
func fillUp(s *Store, from int, bytesWanted int64) (n int, err error) {
	for n = from; ; n++ {
		size, err := s.size(ctxBackground)
		if err != nil || size.Used > bytesWanted {
			return n, err
		}
		id := fmt.Sprintf("lw-f%d.1", n)
		err = s.Update(ctxBackground, func(tx *Tx) error {
			return errors.Join(tx.OpenIncident(newIncident(id)),
				tx.AddSample(incident.Sample{Cluster: id[:len(id)-2], Record: incident.Record{Raw: strings.Repeat("s", 20000)}}),
				tx.SetState(id, incident.StateResolved, "test", ""))
		})
		if err == nil {
			err = s.BeginCall(ctxBackground, Call{ID: id, Incident: id, Prompt: strings.Repeat("p", 20000)}, Budget{})
		}
		if err == nil {
			err = s.EndCall(ctxBackground, id, Answer{Text: "a"})
		}
		if err != nil {
			return n, err
		}
	}
}

// keep is what must outlive any want of room.
func keep(t *testing.T, s *Store) (check func()) {
	t.Helper()
	update(t, s, func(tx *Tx) error {
		return errors.Join(
			tx.SaveStream(Stream{Source: "a", ID: "b", Pending: bytes.Repeat([]byte("x"), 5000)}),
			tx.OpenIncident(newIncident("lw-keep.1")),
			tx.AddSample(incident.Sample{Cluster: "lw-keep", Record: incident.Record{Raw: strings.Repeat("k", 5000)}}),
			tx.Enqueue(incident.Event{ID: "keep", Text: "x"}, "out"),
		)
	})
	// An incident about which somebody is asked, and two that are resolved: one has an action without an outcome, the other one
	// that limits count.
	asked, stuck, done := patch(901, "lw-asked.1"), patch(902, "lw-stuck.1"), remediation(903, "lw-done.1")
	for _, p := range []*incident.Proposal{&asked, &stuck} {
		p.Change.Diff = strings.Repeat("d", 20000)
	}
	update(t, s, func(tx *Tx) error {
		return errors.Join(
			tx.OpenIncident(newIncident("lw-asked.1")), tx.OpenIncident(newIncident("lw-stuck.1")), tx.OpenIncident(newIncident("lw-done.1")),
			tx.SetState("lw-asked.1", incident.StateDiagnosed, "test", ""), tx.SetState("lw-asked.1", incident.StateProposed, "test", ""),
			tx.SetState("lw-asked.1", incident.StateWaiting, "test", ""),
		)
	})
	inState(t, s, asked, incident.ProposalWaiting)
	acted(t, s, stuck, t0.Add(-100*24*time.Hour), "")
	acted(t, s, done, t0, incident.ResultDone)
	update(t, s, func(tx *Tx) error {
		return errors.Join(tx.SetState("lw-stuck.1", incident.StateResolved, "test", ""), tx.SetState("lw-done.1", incident.StateResolved, "test", ""))
	})
	if err := errors.Join(s.BeginCall(ctxBackground, Call{ID: "keep", Incident: "lw-keep.1", Prompt: "p", ReserveTokens: 7}, Budget{}),
		s.EndCall(ctxBackground, "keep", Answer{Text: "a"})); err != nil {
		t.Fatal(err)
	}
	return func() {
		t.Helper()
		ctx := ctxBackground
		if st, err := s.Streams(ctx, ""); err != nil || len(st) != 1 || len(st[0].Pending) != 5000 {
			t.Errorf("%v, %v", st, err)
		}
		if i, err := s.Incident(ctx, "lw-keep.1"); err != nil || len(i.Samples) != 1 {
			t.Errorf("%v, %v", i, err)
		}
		if i, err := s.Incident(ctx, "lw-asked.1"); err != nil || i.State != incident.StateWaiting {
			t.Errorf("%v, %v", i, err)
		}
		for _, p := range []incident.Proposal{asked, stuck} {
			if r, err := s.Proposal(ctx, p.ID); err != nil || r.Pruned || r.Proposal.Digest() != p.Digest() {
				t.Errorf("%v, %v", r, err)
			}
		}
		if as, err := s.OpenActions(ctx); err != nil || len(as) != 1 || as[0].Proposal != stuck.ID {
			t.Errorf("%v, %v", as, err)
		}
		if a, err := s.Action(ctx, done.ActionID()); err != nil || a.Outcome.Result != incident.ResultDone {
			t.Errorf("%v, %v", a, err)
		}
		if c, err := s.Calls(ctx, "lw-keep.1"); err != nil || len(c) != 1 || c[0].Prompt != "p" {
			t.Errorf("%v, %v", c, err)
		}
		if ds, err := s.Due(ctx, t0.Add(time.Hour), 0); err != nil || len(ds) != 1 {
			t.Errorf("%v, %v", ds, err)
		}
		if r, err := s.VerifyAudit(ctx); err != nil || !r.OK() {
			t.Errorf("%+v, %v", r, err)
		}
		if err := s.Check(ctx); err != nil {
			t.Error(err)
		}
	}
}

func TestPruneForRoom(t *testing.T) {
	const limit = 8 << 20
	var log bytes.Buffer
	dir := t.TempDir()
	s := openAt(t, dir, Options{MaxBytes: limit, Logger: slog.New(slog.NewTextHandler(&log, nil))})
	ctx := t.Context()
	check := keep(t, s)
	if n, err := fillUp(s, 0, 5<<20); err != nil {
		t.Fatal(n, err)
	}
	// Far beyond the limit: an Update makes room by itself, and the file never gets larger.
	for n := range 300 {
		id := fmt.Sprintf("lw-g%d.1", n)
		if err := errors.Join(
			s.BeginCall(ctx, Call{ID: id, Incident: id, Prompt: strings.Repeat("p", 30000)}, Budget{}),
			s.EndCall(ctx, id, Answer{Text: "a"})); err != nil {
			t.Fatal(n, err)
		}
	}
	fi, err := os.Stat(filepath.Join(dir, dbName))
	if err != nil || fi.Size() > limit {
		t.Errorf("%d bytes, limit %d, %v", fi.Size(), limit, err)
	}
	if !strings.Contains(log.String(), "made room") {
		t.Error("making room was not said")
	}
	check()
	p, err := s.Prune(ctx, t0, Retention{})
	if err != nil || float64(p.Bytes) > limit*nearFull || p.Limit != limit {
		t.Errorf("%+v, %v", p, err)
	}
	if err := s.Checkpoint(ctx); err != nil {
		t.Fatal(err)
	}
	size, err := s.Size(ctx)
	if err != nil || size.WAL != 0 || size.Used != p.Bytes || size.Limit != limit {
		t.Errorf("%+v, %v", size, err)
	}
	check()
}

// When what is left is not to be dropped, the Update fails whole, says so, and nothing else is hurt.
func TestNoRoomLeft(t *testing.T) {
	const limit = 4 << 20
	dir := t.TempDir()
	s := openAt(t, dir, Options{MaxBytes: limit})
	check := keep(t, s)
	var err error
	n := 0
	for ; err == nil && n < 1000; n++ {
		err = s.Update(ctxBackground, func(tx *Tx) error {
			return tx.SaveStream(Stream{Source: "big", ID: fmt.Sprint(n), Pending: bytes.Repeat([]byte("x"), 50000)})
		})
	}
	if !errors.Is(err, ErrFull) || !strings.Contains(err.Error(), "limits.store") {
		t.Fatalf("after %d: %v", n, err)
	}
	update(t, s, func(tx *Tx) error {
		for i := range n {
			if err := tx.ForgetStream("big", fmt.Sprint(i)); err != nil {
				return err
			}
		}
		return nil
	})
	check()
	update(t, s, func(tx *Tx) error {
		return tx.SaveStream(Stream{Source: "a", ID: "b", Pending: bytes.Repeat([]byte("x"), 5000)})
	})
	check()
}

// A disk that is full: the error says so, what was committed stays, and it goes on when there is room again.
func TestDiskFull(t *testing.T) {
	if os.Geteuid() != 0 {
		if os.Getenv("CI") == "true" {
			t.Fatal("needs root, to mount a small file system")
		}
		t.Skip("needs root, to mount a small file system")
	}
	mnt := filepath.Join(t.TempDir(), "mnt")
	if err := os.Mkdir(mnt, 0o700); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("mount", "-t", "tmpfs", "-o", "size=6m,mode=0700", "tmpfs", mnt).CombinedOutput(); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("%v: %s", err, out)
		}
		t.Skipf("no mounting here: %v: %s", err, out)
	}
	t.Cleanup(func() {
		if out, err := exec.Command("umount", mnt).CombinedOutput(); err != nil {
			t.Errorf("%v: %s", err, out)
		}
	})
	s := openAt(t, filepath.Join(mnt, "state"), Options{})
	check := keep(t, s)
	ballast := filepath.Join(mnt, "ballast")
	if err := os.WriteFile(ballast, make([]byte, 3<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	last, err := fillUp(s, 0, 1<<40)
	if !errors.Is(err, ErrFull) || !strings.Contains(err.Error(), "free space") {
		t.Fatalf("after %d: %v", last, err)
	}
	check()
	for range 3 { // it goes on failing cleanly
		if err := s.Update(ctxBackground, func(tx *Tx) error {
			return tx.SaveStream(Stream{Source: "a", ID: "b", Pending: bytes.Repeat([]byte("y"), 4<<20)})
		}); !errors.Is(err, ErrFull) {
			t.Error(err)
		}
	}
	check()
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	if _, err := fillUp(s, last+1, 0); err != nil {
		t.Error(err)
	}
	update(t, s, func(tx *Tx) error { return tx.AddGap(gapNumber(1)) })
	check()
}
