package store

import (
	"context"
	"errors"
	"time"
)

// StopRecord is the kill switch as it stands. Who, Why and At tell of its last turn; they are zero where it was never turned.
type StopRecord struct {
	On       bool
	Who, Why string
	At       time.Time
}

// SetStopped turns the kill switch. While it is on no action and no undo can be begun. To turn it to where it stands
// changes nothing: who turned it first is kept. It is audited with who and why. In UpdateDurable it outlives a power cut.
func (tx *Tx) SetStopped(on bool, who, why string) error {
	n, err := tx.exec(`UPDATE stopped SET "on" = ?1, who = ?2, why = ?3, at = ?4 WHERE "on" <> ?1`, on, who, why, tx.now.UnixMicro())
	if err != nil || n == 0 {
		return err
	}
	action := "resume"
	if on {
		action = "stop-all"
	}
	return tx.Audit(Entry{Actor: who, Action: action, Detail: map[string]any{"why": why}})
}

// Stopped is Store.Stopped within the transaction.
func (tx *Tx) Stopped() (StopRecord, error) { return readStopped(tx) }

// Stopped gives how the kill switch stands.
func (s *Store) Stopped(ctx context.Context) (r StopRecord, err error) {
	err = s.view(ctx, func(q querier) error {
		r, err = readStopped(q)
		return err
	})
	return r, err
}

func readStopped(q querier) (r StopRecord, err error) {
	var at dbTime
	found, err := one(q, `SELECT "on", who, why, at FROM stopped`, nil, &r.On, &r.Who, &r.Why, &at)
	if err == nil && !found { // whoever took the row away did not mean that everything may go on
		err = errors.New("the kill switch's row is gone from the state: move the state away and start anew, or restore it")
	}
	r.At = at.Time
	return r, err
}
