package store

import (
	"bytes"
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// The audit is a hash chain: the hash of an entry covers its own bytes and the hash before it, so a changed, missing or
// moved entry breaks the chain from there on. What was anchored last is noted beside the chain, so that one that was cut
// below it does not pass for whole. Who can write the database can also write a whole new chain, and that note; that is
// only seen by a head kept elsewhere, which is why the daemon puts AuditAnchor into the journal.

// chainHash is the hash of the entry that follows prev. Every field comes with its length, so no two entries have the same
// bytes.
func chainHash(prev [32]byte, e *AuditEntry) [32]byte {
	h := sha256.New()
	h.Write(prev[:])
	var b []byte
	b = binary.BigEndian.AppendUint64(b, uint64(e.Seq))
	b = binary.BigEndian.AppendUint64(b, uint64(e.At.UnixMicro()))
	for _, f := range []string{e.Actor, e.Action, e.Subject, string(e.Detail)} {
		b = binary.BigEndian.AppendUint64(b, uint64(len(f)))
		b = append(b, f...)
	}
	h.Write(b)
	return [32]byte(h.Sum(nil))
}

// Audit appends to the audit chain.
func (tx *Tx) Audit(e Entry) error {
	detail, err := json.Marshal(e.Detail)
	if err != nil {
		return fmt.Errorf("the audit of %s %s: %w", e.Action, e.Subject, err)
	}
	head, err := auditHead(tx)
	if err != nil {
		return err
	}
	entry := AuditEntry{Seq: head.Seq + 1, At: tx.now, Actor: e.Actor, Action: e.Action, Subject: e.Subject, Detail: detail}
	hash := chainHash(head.Hash, &entry)
	_, err = tx.exec("INSERT INTO audit (seq, at, actor, action, subject, detail, hash) VALUES (?, ?, ?, ?, ?, ?, ?)",
		entry.Seq, entry.At.UnixMicro(), e.Actor, e.Action, e.Subject, string(detail), hash[:])
	return err
}

func auditHead(q querier) (AuditHead, error) {
	var h AuditHead
	var hash []byte
	_, err := one(q, "SELECT seq, hash FROM audit ORDER BY seq DESC LIMIT 1", nil, &h.Seq, &hash)
	if err == nil && copy(h.Hash[:], hash) != len(hash) {
		err = fmt.Errorf("audit entry %d has a hash of %d bytes: run `logwright audit verify`", h.Seq, len(hash))
	}
	return h, err
}

// AuditHead gives the end of the chain.
func (s *Store) AuditHead(ctx context.Context) (h AuditHead, err error) {
	err = s.view(ctx, func(q querier) error {
		h, err = auditHead(q)
		return err
	})
	return h, err
}

// AuditAnchor is AuditHead for keeping elsewhere: when it returns, the disk has the chain up to there, so that a crash of
// the machine can't make an honest chain look cut short.
func (s *Store) AuditAnchor(ctx context.Context) (h AuditHead, err error) {
	err = s.UpdateDurable(ctx, func(tx *Tx) error {
		if h, err = auditHead(tx); err != nil {
			return err
		}
		// A write, so that the commit has something to wait for the disk with.
		_, err := tx.exec("UPDATE anchor SET seq = ?, hash = ?", h.Seq, h.Hash[:])
		return err
	})
	return h, err
}

const selectAudit = "SELECT seq, at, actor, action, subject, detail, hash FROM audit WHERE seq >= ? ORDER BY seq LIMIT ?"

func scanAudit(rows *sql.Rows) (AuditEntry, error) {
	var e AuditEntry
	var at int64
	var detail, hash []byte
	if err := rows.Scan(&e.Seq, &at, &e.Actor, &e.Action, &e.Subject, &detail, &hash); err != nil {
		return e, err
	}
	e.At, e.Detail = time.UnixMicro(at).UTC(), json.RawMessage(bytes.Clone(detail))
	if len(hash) != len(e.Hash) {
		return e, fmt.Errorf("its hash has %d bytes", len(hash))
	}
	copy(e.Hash[:], hash)
	return e, nil
}

// AuditEntries gives up to n entries from sequence number from on; n 0 is all.
func (s *Store) AuditEntries(ctx context.Context, from int64, n int) ([]AuditEntry, error) {
	var out []AuditEntry
	err := s.view(ctx, func(q querier) error {
		return each(q, selectAudit, []any{from, sqlLimit(n)}, func(rows *sql.Rows) error {
			e, err := scanAudit(rows)
			if err != nil {
				return fmt.Errorf("audit entry %d: %w; run `logwright audit verify`", e.Seq, err)
			}
			out = append(out, e)
			return nil
		})
	})
	return out, err
}

var errBroken = errors.New("the chain is broken")

// ownAnchor gives what AuditAnchor noted last. hash is nil where it was noted by a version that kept the number only.
func ownAnchor(q querier) (seq int64, hash []byte, err error) {
	_, err = one(q, "SELECT seq, hash FROM anchor", nil, &seq, &hash)
	return seq, hash, err
}

// VerifyAudit walks the chain. Anchors are heads that were kept elsewhere: each must be found in it, and so must the one that
// the store itself noted last. A chain that was cut or written anew as a whole by who knew of that note is only seen by
// anchors.
func (s *Store) VerifyAudit(ctx context.Context, anchors ...AuditHead) (AuditReport, error) {
	var r AuditReport
	anchored := map[int64][32]byte{}
	for _, a := range anchors {
		if was, twice := anchored[a.Seq]; twice && was != a.Hash {
			return r, fmt.Errorf("two anchors of audit entry %d differ", a.Seq)
		}
		anchored[a.Seq] = a.Hash
	}
	broken := func(seq int64, format string, args ...any) error {
		r.BrokenAt, r.Reason = seq, fmt.Sprintf(format, args...)
		return errBroken
	}
	err := s.view(ctx, func(q querier) error {
		if genesis, ok := anchored[0]; ok && genesis != [32]byte{} {
			return broken(1, "the anchor of the empty chain is not zero")
		}
		ownSeq, ownHash, err := ownAnchor(q)
		if err != nil {
			return err
		}
		err = each(q, selectAudit, []any{int64(-1 << 63), -1}, func(rows *sql.Rows) error {
			want := r.Head.Seq + 1
			e, err := scanAudit(rows)
			switch {
			case err != nil:
				return broken(want, "the entry can't be read: %v", err)
			case e.Seq != want:
				return broken(want, "the entry is missing; the next one is %d", e.Seq)
			case e.Hash != chainHash(r.Head.Hash, &e):
				return broken(want, "the entry does not fit its hash, or the entry before it is not the one it was written after")
			}
			if h, ok := anchored[e.Seq]; ok && h != e.Hash {
				return broken(want, "the entry is not the one that was anchored: the chain was written anew")
			}
			if e.Seq == ownSeq && ownHash != nil && !bytes.Equal(ownHash, e.Hash[:]) {
				return broken(want, "the entry is not the one that the state itself noted as anchored: the chain was written anew, or that note was changed")
			}
			r.Entries++
			r.Head = AuditHead{Seq: e.Seq, Hash: e.Hash}
			return nil
		})
		if err != nil {
			return err
		}
		for seq := range anchored {
			if seq > r.Head.Seq {
				return broken(r.Head.Seq+1, "the chain ends at %d and entry %d was anchored: its end was cut off", r.Head.Seq, seq)
			}
		}
		if ownSeq > r.Head.Seq {
			return broken(r.Head.Seq+1, "the chain ends at %d and entry %d was anchored, as the state itself noted: its end was cut off", r.Head.Seq, ownSeq)
		}
		return nil
	})
	if errors.Is(err, errBroken) {
		err = nil
	}
	return r, err
}
