package store

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/logwright/logwright/agent/incident"
)

// The test binary is also the processes that are killed: STORE_TEST_ROLE says which.
func TestMain(m *testing.M) {
	role, dir := os.Getenv("STORE_TEST_ROLE"), os.Getenv("STORE_TEST_DIR")
	if role == "" {
		os.Exit(m.Run())
	}
	if err := play(role, dir); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func play(role, dir string) error {
	ctx := context.Background()
	s, err := Open(ctx, dir, Options{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		return err
	}
	switch role {
	case "ingest":
		// A source of numbered lines: each step takes the next few from where the database says it is, and says how far it
		// came only after the commit.
		if err := s.Lock(ctx); err != nil {
			return err
		}
		for {
			var at uint64
			if err := s.Update(ctx, func(tx *Tx) error { at, err = ingestStep(tx, s); return err }); err != nil {
				return err
			}
			fmt.Println(at)
		}
	case "fill":
		return fill(s)
	case "act":
		return playActs(ctx, s, dir)
	case "approve", "reject":
		return playAnswers(ctx, s, role == "approve")
	case "audit":
		n, err := strconv.Atoi(os.Getenv("STORE_TEST_N"))
		if err != nil {
			return err
		}
		for range n {
			if err := s.Update(ctx, func(tx *Tx) error { return tx.Audit(Entry{Actor: fmt.Sprint(os.Getpid()), Action: "x"}) }); err != nil {
				return err
			}
		}
		return s.Close()
	}
	return fmt.Errorf("unknown role %q", role)
}

func position(q querier) (uint64, error) {
	var b []byte
	if _, err := one(q, "SELECT position FROM streams", nil, &b); err != nil || len(b) < 8 {
		return 0, err
	}
	return binary.BigEndian.Uint64(b), nil
}

// ingestStep takes in 20 lines of three clusters. Line n is of cluster n%3; each fifth step has a gap, an audit entry, an
// event in the outbox, and the pending lines repeat the position.
func ingestStep(tx *Tx, s *Store) (uint64, error) {
	at, err := position(tx)
	if err != nil {
		return 0, err
	}
	counts := map[string]int64{}
	for range 20 {
		counts[fmt.Sprintf("lw-%d", at%3)]++
		at++
	}
	pos := binary.BigEndian.AppendUint64(nil, at)
	for c, n := range counts {
		if err := tx.AddCounts(Counts{Cluster: c, Events: n, Problems: n, First: t0, Last: t0, Minutes: []Minute{{int64(at / 1000), n}}}); err != nil {
			return 0, err
		}
		if err := tx.AddSample(incident.Sample{Cluster: c, Record: incident.Record{FirstLine: int64(at), Raw: strings.Repeat("x", 500)}}); err != nil {
			return 0, err
		}
	}
	errs := []error{tx.SaveStream(Stream{Source: "s", ID: "1", Position: pos, Pending: pos})}
	if at%100 == 0 {
		errs = append(errs, tx.AddGap(gapNumber(int(at))), tx.Audit(Entry{Actor: "ingest", Action: "step", Subject: fmt.Sprint(at)}),
			tx.Enqueue(incident.Event{ID: fmt.Sprint(at), Kind: incident.EventGap}, "out"))
	}
	return at, errors.Join(errs...)
}

func child(t *testing.T, role, dir string, env ...string) *exec.Cmd {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "STORE_TEST_ROLE="+role, "STORE_TEST_DIR="+dir)
	cmd.Env = append(cmd.Env, env...)
	cmd.Stderr = os.Stderr
	return cmd
}

// Whenever the process is killed, the position, the pending lines and all that was counted say the same.
func TestKill(t *testing.T) {
	dir := t.TempDir()
	rounds := 15
	if testing.Short() {
		rounds = 3
	}
	seed := uint64(time.Now().UnixNano())
	rnd := rand.New(rand.NewPCG(seed, 1))
	t.Logf("seed %d", seed)
	var total uint64
	for round := range rounds {
		cmd := child(t, "ingest", dir)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		// Killed a random while after a random step, so anywhere within a step.
		var said uint64
		lines := bufio.NewScanner(out)
		for n := rnd.IntN(60); n >= 0 && lines.Scan(); n-- {
			said, _ = strconv.ParseUint(lines.Text(), 10, 64)
		}
		<-time.After(time.Duration(rnd.IntN(3000)) * time.Microsecond)
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		for lines.Scan() { // what it had said when it died
			if n, err := strconv.ParseUint(lines.Text(), 10, 64); err == nil {
				said = n
			}
		}
		_, _ = io.Copy(io.Discard, out)
		if err := cmd.Wait(); err == nil || cmd.ProcessState.ExitCode() != -1 {
			t.Fatalf("round %d: the child ended by itself: %v", round, err)
		}
		total = checkIngested(t, dir, said)
	}
	t.Logf("%d lines", total)
	if total == 0 {
		t.Error("nothing was ever taken in")
	}
}

func checkIngested(t *testing.T, dir string, said uint64) uint64 {
	t.Helper()
	s := openAt(t, dir, Options{})
	defer s.Close()
	ctx := t.Context()
	if err := s.Lock(ctx); err != nil {
		t.Fatal(err)
	}
	streams, err := s.Streams(ctx, "")
	if err != nil || len(streams) != 1 {
		if said == 0 && err == nil {
			return 0
		}
		t.Fatalf("%v, %v", streams, err)
	}
	at := binary.BigEndian.Uint64(streams[0].Position)
	if at < said || at > said+20 {
		t.Errorf("the child said %d and the database has %d", said, at)
	}
	if string(streams[0].Pending) != string(streams[0].Position) {
		t.Errorf("pending %x, position %x", streams[0].Pending, streams[0].Position)
	}
	var minutes int64
	for b, err := range s.Buckets(ctx, 0) {
		if err != nil {
			t.Fatal(err)
		}
		minutes += b.N
	}
	if uint64(minutes) != at {
		t.Errorf("%d events in the minutes, position %d", minutes, at)
	}
	for k := range uint64(3) {
		c, err := s.Cluster(ctx, fmt.Sprintf("lw-%d", k))
		if want := int64((at + 2 - k) / 3); err != nil || c.Events != want {
			t.Errorf("cluster %d has %d events, want %d, %v", k, c.Events, want, err)
		}
	}
	steps := int(at / 100)
	gaps, err := s.Gaps(ctx, time.Time{}, 0)
	if err != nil || len(gaps) != steps {
		t.Errorf("%d gaps, want %d, %v", len(gaps), steps, err)
	}
	if ds, err := s.Due(ctx, time.Now().Add(time.Hour), 0); err != nil || len(ds) != steps {
		t.Errorf("%d deliveries, want %d, %v", len(ds), steps, err)
	}
	if r, err := s.VerifyAudit(ctx); err != nil || !r.OK() || r.Entries != int64(steps) {
		t.Errorf("audit %+v, want %d entries, %v", r, steps, err)
	}
	if err := s.Check(ctx); err != nil {
		t.Error(err)
	}
	return at
}

// Several processes append to one chain.
func TestAuditFromSeveralProcesses(t *testing.T) {
	dir := t.TempDir()
	s := openAt(t, dir, Options{})
	const each, processes = 100, 3
	var cmds []*exec.Cmd
	for range processes {
		cmd := child(t, "audit", dir, fmt.Sprint("STORE_TEST_N=", each))
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		cmds = append(cmds, cmd)
	}
	for range each {
		update(t, s, func(tx *Tx) error { return tx.Audit(Entry{Actor: "me", Action: "x"}) })
	}
	for _, cmd := range cmds {
		if err := cmd.Wait(); err != nil {
			t.Error(err)
		}
	}
	r, err := s.VerifyAudit(t.Context())
	if err != nil || !r.OK() || r.Entries != each*(processes+1) {
		t.Errorf("%+v, %v", r, err)
	}
}

// A reader sees one moment, and neither waits for the writer nor stops it.
func TestReadersAndWriter(t *testing.T) {
	s := open(t)
	ctx := t.Context()
	update(t, s, func(tx *Tx) error { return tx.SaveClusters([]ClusterMemory{{ID: "lw-a"}, {ID: "lw-b"}}) })
	n := 0
	for m, err := range s.Clusters(ctx) {
		if err != nil {
			t.Fatal(err)
		}
		n++
		update(t, s, func(tx *Tx) error { return tx.SaveClusters([]ClusterMemory{{ID: m.ID + "x"}}) })
		if err := s.Checkpoint(ctx); err != nil {
			t.Fatal(err)
		}
	}
	if n != 2 {
		t.Errorf("the reader saw %d clusters, 2 were there when it began", n)
	}
	inTx := make(chan bool)
	release := make(chan bool)
	done := make(chan error)
	go func() {
		done <- s.Update(ctx, func(tx *Tx) error {
			err := tx.SaveClusters([]ClusterMemory{{ID: "lw-new"}})
			close(inTx)
			<-release
			return err
		})
	}()
	<-inTx
	if _, err := s.Cluster(ctx, "lw-new"); !errors.Is(err, ErrNotFound) {
		t.Errorf("a reader saw what is not committed: %v", err)
	}
	close(release)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if _, err := s.Cluster(ctx, "lw-new"); err != nil {
		t.Error(err)
	}
}
