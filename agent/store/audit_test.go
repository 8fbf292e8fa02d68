package store

import (
	"database/sql"
	"errors"
	"path/filepath"
	"strings"
	"testing"
)

// tamper opens the database as someone who has the file and knows SQL.
func tamper(t *testing.T, dir string, statements ...string) {
	t.Helper()
	db, err := sql.Open("sqlite", filepath.Join(dir, dbName))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for _, q := range append([]string{"DROP TRIGGER IF EXISTS audit_no_update", "DROP TRIGGER IF EXISTS audit_no_delete"}, statements...) {
		if _, err := db.Exec(q); err != nil {
			t.Fatalf("%s: %v", q, err)
		}
	}
}

func TestAuditShowsTampering(t *testing.T) {
	ctx := t.Context()
	const entries = 6
	for _, tc := range []struct {
		name     string
		do       []string
		brokenAt int64 // without an anchor
		anchored int64 // with the head anchored
		reason   string
	}{
		{"untouched", nil, 0, 0, ""},
		{"a changed action", []string{"UPDATE audit SET action = 'harmless' WHERE seq = 3"}, 3, 3, "does not fit its hash"},
		{"a changed detail", []string{"UPDATE audit SET detail = '{}' WHERE seq = 3"}, 3, 3, "does not fit its hash"},
		{"a changed time", []string{"UPDATE audit SET at = at + 1 WHERE seq = 1"}, 1, 1, "does not fit its hash"},
		{"text moved from one field to the next", []string{"UPDATE audit SET actor = actor || substr(action, 1, 1), action = substr(action, 2) WHERE seq = 2"}, 2, 2, "does not fit"},
		{"one taken out of the middle", []string{"DELETE FROM audit WHERE seq = 4"}, 4, 4, "missing; the next one is 5"},
		{"one taken out and the rest moved up", []string{"DELETE FROM audit WHERE seq = 4", "UPDATE audit SET seq = seq - 1 WHERE seq > 4"}, 4, 4, "does not fit"},
		{"the first one taken out", []string{"DELETE FROM audit WHERE seq = 1"}, 1, 1, "missing"},
		{"two exchanged", []string{"UPDATE audit SET seq = 100 WHERE seq = 2", "UPDATE audit SET seq = 2 WHERE seq = 3", "UPDATE audit SET seq = 3 WHERE seq = 100"}, 2, 2, "does not fit"},
		{"one put before the first", []string{"INSERT INTO audit VALUES (0, 0, '', '', '', '', zeroblob(32))"}, 1, 1, "missing; the next one is 0"},
		{"a hash of the wrong length", []string{"UPDATE audit SET hash = x'00' WHERE seq = 5"}, 5, 5, "can't be read"},
		// The state's own note of what was anchored shows a cut, also where it is one of an older version; who knows of it
		// changes it too, and then only an anchor kept elsewhere shows it.
		{"the end cut off", []string{"DELETE FROM audit WHERE seq > 4"}, 5, 5, "the chain ends at 4 and entry 6 was anchored"},
		{"the end cut off, noted without a hash", []string{"UPDATE anchor SET hash = NULL", "DELETE FROM audit WHERE seq > 4"}, 5, 5, "the chain ends at 4 and entry 6 was anchored"},
		{"the end cut off, and the note with it", []string{"DELETE FROM audit WHERE seq > 4", "UPDATE anchor SET seq = 4, hash = (SELECT hash FROM audit WHERE seq = 4)"}, 0, 5, "the chain ends at 4 and entry 6 was anchored"},
		{"all of it gone", []string{"DELETE FROM audit"}, 1, 1, "the chain ends at 0"},
		{"all of it gone, and the note", []string{"DELETE FROM audit", "DELETE FROM anchor"}, 0, 1, "the chain ends at 0"},
		{"the note changed", []string{"UPDATE anchor SET hash = zeroblob(32)"}, 6, 6, "noted as anchored"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			dir := t.TempDir()
			s := openAt(t, dir, Options{})
			for range entries {
				update(t, s, func(tx *Tx) error {
					return tx.Audit(Entry{Actor: "user:root", Action: "ignore", Subject: "lw-a.1", Detail: map[string]any{"why": nasty}})
				})
			}
			head, err := s.AuditAnchor(ctx)
			if err != nil || head.Seq != entries {
				t.Fatalf("%+v, %v", head, err)
			}
			if h, err := s.AuditHead(ctx); err != nil || h != head {
				t.Errorf("%+v, %v", h, err)
			}
			tamper(t, dir, tc.do...)
			for _, v := range []struct {
				anchors  []AuditHead
				brokenAt int64
			}{{nil, tc.brokenAt}, {[]AuditHead{{}, head}, tc.anchored}} {
				r, err := s.VerifyAudit(ctx, v.anchors...)
				if err != nil || r.BrokenAt != v.brokenAt || r.OK() != (v.brokenAt == 0) || v.brokenAt != 0 && !strings.Contains(r.Reason, tc.reason) {
					t.Errorf("anchors %d: %+v, %v; want broken at %d, %q", len(v.anchors), r, err, v.brokenAt, tc.reason)
				}
				if v.brokenAt > 0 && r.Entries != v.brokenAt-1 {
					t.Errorf("%d entries held before the break at %d", r.Entries, v.brokenAt)
				}
			}
		})
	}
}

// A whole new chain is right in itself; an anchor shows it, and what the state itself noted.
func TestAuditWrittenAnew(t *testing.T) {
	ctx := t.Context()
	s, other := open(t), open(t)
	for _, x := range []struct {
		s    *Store
		what string
	}{{s, "restart"}, {other, "look"}} {
		update(t, x.s, func(tx *Tx) error { return tx.Audit(Entry{Actor: "logwright", Action: x.what}) })
	}
	head, err := s.AuditAnchor(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if r, err := other.VerifyAudit(ctx, head); err != nil || r.BrokenAt != 1 || !strings.Contains(r.Reason, "written anew") {
		t.Errorf("%+v, %v", r, err)
	}
	update(t, other, func(tx *Tx) error {
		_, err := tx.exec("UPDATE anchor SET seq = ?, hash = ?", head.Seq, head.Hash[:])
		return err
	})
	if r, err := other.VerifyAudit(ctx); err != nil || r.BrokenAt != 1 || !strings.Contains(r.Reason, "written anew") {
		t.Errorf("%+v, %v", r, err)
	}
}

func TestAuditIsOnlyAppendedTo(t *testing.T) {
	s := open(t)
	update(t, s, func(tx *Tx) error { return tx.Audit(Entry{Action: "x"}) })
	for _, q := range []string{"UPDATE audit SET action = 'y'", "DELETE FROM audit"} {
		if err := s.Update(t.Context(), func(tx *Tx) error { _, err := tx.exec(q); return err }); err == nil {
			t.Errorf("%s went through", q)
		}
	}
}

func TestAuditOfStates(t *testing.T) {
	s := open(t)
	update(t, s, func(tx *Tx) error {
		return errors.Join(tx.OpenIncident(newIncident("lw-a.1")), tx.SetState("lw-a.1", "ignored", "user:root", "noise"))
	})
	got, err := s.AuditEntries(t.Context(), 2, 10)
	if err != nil || len(got) != 1 || got[0].Actor != "user:root" || string(got[0].Detail) != `{"from":"open","to":"ignored","why":"noise"}` {
		t.Errorf("%+v, %v", got, err)
	}
}
