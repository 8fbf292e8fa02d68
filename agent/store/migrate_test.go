package store

import (
	"crypto/sha256"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/logwright/logwright/agent/incident"
)

// released is the digest of each migration as it was released: what has run somewhere is never changed.
var released = []string{
	"325530b337c86469",
	"02ee758c17e49367",
}

// oldState makes a database as the first version that had n migrations left it, with rows.
func oldState(t *testing.T, n int, rows ...string) (dir string) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "state")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, dbName)
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	db.SetMaxOpenConns(1)
	list, err := migrations()
	if err != nil {
		t.Fatal(err)
	}
	all := append([]string{"PRAGMA auto_vacuum=INCREMENTAL", "PRAGMA journal_mode=WAL"}, list[:n]...)
	all = append(all, fmt.Sprintf("PRAGMA application_id=%d; PRAGMA user_version=%d", applicationID, n))
	for _, q := range append(all, rows...) {
		if _, err := db.Exec(q); err != nil {
			t.Fatalf("%s: %v", q, err)
		}
	}
	return dir
}

// auditRows are n entries of a chain as SQL.
func auditRows(n int) (rows []string) {
	var hash [32]byte
	for seq := int64(1); seq <= int64(n); seq++ {
		e := AuditEntry{Seq: seq, At: t0, Actor: "logwright", Action: "state", Subject: "lw-a.1", Detail: []byte("{}")}
		hash = chainHash(hash, &e)
		rows = append(rows, fmt.Sprintf("INSERT INTO audit VALUES (%d, %d, 'logwright', 'state', 'lw-a.1', '{}', x'%x')", seq, t0.UnixMicro(), hash))
	}
	return rows
}

// A state of the version that only diagnosed goes on: all of it is there, and things can be done about its incidents.
func TestStateOfVersion2(t *testing.T) {
	at := t0.UnixMicro()
	incidentRow := func(num int, state string) string {
		return fmt.Sprintf(`INSERT INTO incidents (num, id, cluster, episode, title, service, severity, state, "trigger", flagged, flag_reason, simulated,
			events, first_seen, last_seen, opened_at, updated_at, template, diagnosis, active_at, state_at)
			VALUES (%d, 'lw-%[2]s.1', 'lw-%[2]s', 1, 'api: %[2]s', 'api', 4, '%[2]s', 'new', 0, '', 0, 7, %[3]d, %[3]d, %[3]d, %[3]d, 'a <*>', '{"summary":"s"}', %[3]d, %[3]d);
			INSERT INTO clusters (id, root, events, problems) VALUES ('lw-%[2]s', 'lw-%[2]s', 7, 7);
			INSERT INTO incident_clusters VALUES (%[1]d, 'lw-%[2]s', 0, '')`, num, state, at)
	}
	rows := append(auditRows(4),
		"UPDATE anchor SET seq = 3", incidentRow(1, "open"), incidentRow(2, "diagnosed"), incidentRow(3, "resolved"), incidentRow(4, "ignored"),
		fmt.Sprintf("INSERT INTO streams VALUES ('files', '1', '/f', x'01', x'02', %d)", at),
		`INSERT INTO samples (cluster, incident, body) VALUES ('lw-open', 1, '{"cluster":"lw-open"}')`,
	)
	// Text that a STRICT table wants as bytes.
	for i, r := range rows {
		rows[i] = strings.ReplaceAll(strings.ReplaceAll(r, `'{"summary":"s"}'`, `CAST('{"summary":"s"}' AS BLOB)`), `'{"cluster":"lw-open"}'`, `CAST('{"cluster":"lw-open"}' AS BLOB)`)
	}
	dir := oldState(t, 2, rows...)
	ctx := t.Context()
	if _, err := Open(ctx, dir, Options{ReadOnly: true}); !errors.Is(err, ErrOlder) {
		t.Error(err)
	}
	s := openAt(t, dir, Options{})
	is, err := s.Incidents(ctx, Filter{})
	if err != nil || len(is) != 4 {
		t.Fatal(is, err)
	}
	for _, i := range is {
		if full, err := s.Incident(ctx, i.ID); err != nil || full.Events != 7 || full.Diagnosis.Summary != "s" || i.ID != "lw-"+string(i.State)+".1" {
			t.Errorf("%+v, %v", full, err)
		}
	}
	if st, err := s.Streams(ctx, ""); err != nil || len(st) != 1 || string(st[0].Pending) != "\x02" {
		t.Errorf("%+v, %v", st, err)
	}
	if r, err := s.Stopped(ctx); err != nil || r != (StopRecord{}) {
		t.Errorf("%+v, %v", r, err)
	}
	if r, err := s.VerifyAudit(ctx); err != nil || !r.OK() || r.Entries != 4 {
		t.Errorf("%+v, %v", r, err)
	}
	p := remediation(1, "lw-diagnosed.1")
	inState(t, s, p, incident.ProposalWaiting)
	update(t, s, func(tx *Tx) error { return tx.Approve(approval(&p, true)) })
	durably(t, s, func(tx *Tx) error {
		return errors.Join(tx.SetDecision(p.ID, decision(incident.DecisionAllow), incident.ProposalApproved), tx.BeginAction(actionOf(&p)),
			tx.SetState(p.Incident, incident.StateProposed, "test", ""), tx.SetState(p.Incident, incident.StateActing, "test", ""))
	})
	if head, err := s.AuditAnchor(ctx); err != nil || head.Seq < 9 {
		t.Errorf("%+v, %v", head, err)
	}
	if r, err := s.VerifyAudit(ctx); err != nil || !r.OK() {
		t.Errorf("%+v, %v", r, err)
	}
	if err := errors.Join(s.Check(ctx), s.Close()); err != nil {
		t.Fatal(err)
	}
	// Once more, as it is now; and nobody else's reading is in the way.
	s = openAt(t, dir, Options{Now: func() time.Time { return t0.Add(time.Minute) }})
	if as, err := s.OpenActions(ctx); err != nil || len(as) != 1 {
		t.Errorf("%+v, %v", as, err)
	}
	ro := openAt(t, dir, Options{ReadOnly: true})
	if r, err := ro.Proposal(ctx, p.ID); err != nil || r.State != incident.ProposalActing || r.Action == nil {
		t.Errorf("%+v, %v", r, err)
	}
}

// The number that version 2 noted of its anchor still shows a cut.
func TestAnchorOfVersion2(t *testing.T) {
	dir := oldState(t, 2, append(auditRows(4), "UPDATE anchor SET seq = 4", "DROP TRIGGER audit_no_delete", "DELETE FROM audit WHERE seq > 2")...)
	if r, err := openAt(t, dir, Options{}).VerifyAudit(t.Context()); err != nil || r.BrokenAt != 3 || !strings.Contains(r.Reason, "entry 4 was anchored, as the state itself noted") {
		t.Errorf("%+v, %v", r, err)
	}
}

func TestReleasedMigrationsStay(t *testing.T) {
	list, err := migrations()
	if err != nil {
		t.Fatal(err)
	}
	for n, want := range released {
		if got := fmt.Sprintf("%x", sha256.Sum256([]byte(list[n])))[:16]; got != want {
			t.Errorf("migration %d was released and is %s now, it was %s: put what is new into another one", n+1, got, want)
		}
	}
}
