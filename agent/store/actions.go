package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"
	"unicode/utf8"

	"github.com/logwright/logwright/agent/incident"
)

// The intent of an action is on disk before it runs, its outcome after. There is one action a proposal at most, for good: a
// proposal that was begun is never begun again, whatever became of it. An intent is also what limits count, so writing it
// takes from them in the same transaction in which they were looked at.

const (
	// maxOutput is how much of a command's output is kept, its end.
	maxOutput = 64 << 10
	// ActionsKept is how long actions are kept at least, since limits count them: as long as the longest limit that can be
	// configured looks back. Those without an outcome and open pull requests are kept for as long as they are that.
	ActionsKept = 366 * 24 * time.Hour
)

// ActionFilter chooses actions. The zero ActionFilter is all of them.
type ActionFilter struct {
	// Incident is an incident's exact id; Cluster a cluster's, or that of one merged into it; Service and Name are exact. "" is
	// every one.
	Incident, Cluster, Service, Name string
	// Kind is exact; "" is every kind.
	Kind incident.ProposalKind
	// Since leaves out actions begun before it, where it is not zero.
	Since time.Time
	// Limit is the most to give; 0 is all.
	Limit int
}

const (
	actionColumns = `id, proposal, incident, cluster, service, kind, name, rule, approved_by, begun_at, until, closed_at, merged, verification, undone_at`
	selectAction  = `SELECT ` + actionColumns + `, outcome, undo FROM actions `
	// Outputs are most of what is kept, and no limit looks at them.
	selectPastAction = `SELECT ` + actionColumns + `, json_remove(outcome, '$.output'), json_remove(undo, '$.output') FROM actions `
	// What is begun and has no outcome; what may be an open pull request (see incident.Action.OpenPullRequest).
	unsettledAction = `(result IS NULL OR undone_at IS NOT NULL AND undo_result IS NULL)`
	openPullRequest = `(kind = 'pull-request' AND closed_at IS NULL AND (result IS NULL OR result IN ('done', 'unknown')))`
)

// readActions runs a query that begins with selectAction.
func readActions(q querier, query string, args ...any) ([]incident.Action, error) {
	var out []incident.Action
	err := each(q, query, args, func(rows *sql.Rows) error {
		var a incident.Action
		var begun, until, undone, closed dbTime
		var outcome, verification, undo []byte
		if err := rows.Scan(&a.ID, &a.Proposal, &a.Incident, &a.Cluster, &a.Service, &a.Kind, &a.Name, &a.Rule, &a.By, &begun, &until,
			&closed, &a.Merged, &verification, &undone, &outcome, &undo); err != nil {
			return err
		}
		a.BegunAt, a.Until, a.UndoneAt, a.ClosedAt = begun.Time, until.Time, undone.Time, closed.Time
		if err := errors.Join(decodeInto(outcome, &a.Outcome), decodeInto(verification, &a.Verification), decodeInto(undo, &a.Undo)); err != nil {
			return fmt.Errorf("action %s: %w", a.ID, err)
		}
		out = append(out, a)
		return nil
	})
	return out, err
}

// decodeInto decodes what may be NULL.
func decodeInto[T any](b []byte, to **T) error {
	if b == nil {
		return nil
	}
	*to = new(T)
	return decode(b, *to)
}

// leaveOutOutputs drops what is large.
func leaveOutOutputs(a *incident.Action) {
	for _, o := range []*incident.Outcome{a.Outcome, a.Undo} {
		if o != nil {
			o.Output = ""
		}
	}
}

// BeginAction writes the intent of an action, and the proposal is acting: it may run once this was committed. Only in
// UpdateDurable. The proposal has to be new or approved and its decision one that lets it: not simulated, not deny, an ask
// with an approval of this proposal that has not ended. What the action says of the proposal has to be what the proposal
// says. ErrExists where it was begun before, ErrStopped while the kill switch is on. BegunAt is the store's time where it
// is zero. It is audited.
func (tx *Tx) BeginAction(a incident.Action) error {
	switch {
	case !tx.durable:
		return errNoDurableAction
	case a.ID != incident.ActionID(a.Proposal):
		return fmt.Errorf("action %q is not the one of proposal %q", a.ID, a.Proposal)
	case a.Outcome != nil || a.Verification != nil || a.Undo != nil || !a.UndoneAt.IsZero() || !a.ClosedAt.IsZero():
		return fmt.Errorf("action %s has an outcome before it was begun", a.ID)
	}
	if found, err := one(tx, "SELECT 1 FROM actions WHERE id = ?1 OR proposal = ?2", []any{a.ID, a.Proposal}, new(int)); err != nil {
		return err
	} else if found {
		return fmt.Errorf("action %s: %w", a.ID, ErrExists)
	}
	r, err := tx.Proposal(a.Proposal)
	if err != nil {
		return err
	}
	if err := tx.mayBegin(r); err != nil {
		return err
	}
	p := &r.Proposal
	if a.Incident != p.Incident || a.Cluster != p.Cluster || a.Service != p.Service || a.Kind != p.Kind || a.Name != p.Action() {
		return fmt.Errorf("action %s is not what proposal %s says: %s of %s, %s, %s", a.ID, p.ID, p.Action(), p.Incident, p.Cluster, p.Service)
	}
	if err := tx.notStopped(); err != nil {
		return err
	}
	if a.BegunAt.IsZero() {
		a.BegunAt = tx.now
	}
	if _, err := tx.exec(`INSERT INTO actions (id, proposal, digest, incident, cluster, service, kind, name, rule, approved_by, begun_at, until)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		a.ID, a.Proposal, r.Digest, a.Incident, a.Cluster, a.Service, string(a.Kind), a.Name, a.Rule, a.By, a.BegunAt.UnixMicro(), timeValue(a.Until)); err != nil {
		return err
	}
	if err := tx.moveProposal(p.ID, incident.ProposalActing); err != nil {
		return err
	}
	return tx.Audit(Entry{Actor: "logwright", Action: "begin", Subject: a.ID, Detail: map[string]any{
		"incident": a.Incident, "action": a.Name, "digest": r.Digest, "rule": a.Rule, "by": a.By, "until": auditTime(a.Until)}})
}

// auditTime is a time as the audit has it, null where there is none.
func auditTime(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t.UTC()
}

// notStopped is ErrStopped while the kill switch is on.
func (tx *Tx) notStopped() error {
	r, err := tx.Stopped()
	if err != nil || !r.On {
		return err
	}
	return fmt.Errorf("%w since %s by %s", ErrStopped, r.At.UTC().Format(time.RFC3339), r.Who)
}

// EndAction writes the outcome of an action, once: ErrExists where there is one already. The proposal's state is set apart,
// afterwards. It is audited.
func (tx *Tx) EndAction(id string, o incident.Outcome) error {
	body, err := outcomeBody(id, o)
	if err != nil {
		return err
	}
	n, err := tx.exec("UPDATE actions SET result = ?, outcome = ? WHERE id = ? AND result IS NULL", string(o.Result), body, id)
	if err != nil {
		return err
	}
	if n == 0 {
		return tx.whyNot(id, "it has an outcome already", ErrExists)
	}
	if err := tx.touchProposalOf(id); err != nil {
		return err
	}
	return tx.Audit(Entry{Actor: "logwright", Action: "end", Subject: id, Detail: outcomeDetail(o)})
}

// outcomeBody gives an outcome as it is kept.
func outcomeBody(id string, o incident.Outcome) (string, error) {
	switch o.Result {
	case incident.ResultDone, incident.ResultFailed, incident.ResultSkipped, incident.ResultUnknown:
	default:
		return "", fmt.Errorf("the outcome of action %s has the result %q", id, o.Result)
	}
	o.Output = endOf(o.Output, maxOutput)
	b, err := encode(o)
	if err != nil {
		return "", fmt.Errorf("the outcome of action %s can't be kept: %w", id, err)
	}
	return string(b), nil
}

// endOf gives at most the last n bytes of s, from the beginning of a character.
func endOf(s string, n int) string {
	if len(s) <= n {
		return s
	}
	s = s[len(s)-n:]
	for i := range min(utf8.UTFMax, len(s)) {
		if utf8.RuneStart(s[i]) {
			return s[i:]
		}
	}
	return s
}

func outcomeDetail(o incident.Outcome) map[string]any {
	d := map[string]any{"result": o.Result, "detail": o.Detail, "exit": o.Exit}
	if o.Forge != nil {
		d["forge"] = o.Forge
	}
	return d
}

// touchProposalOf notes that the record of an action's proposal changed; the proposal may be gone.
func (tx *Tx) touchProposalOf(action string) error {
	_, err := tx.exec("UPDATE proposals SET updated_at = ? WHERE id = (SELECT proposal FROM actions WHERE id = ?)", tx.now.UnixMicro(), action)
	return err
}

// whyNot says why an action was not changed: it is not there, or the reason.
func (tx *Tx) whyNot(id, reason string, err error) error {
	found, readErr := one(tx, "SELECT 1 FROM actions WHERE id = ?", []any{id}, new(int))
	switch {
	case readErr != nil:
		return readErr
	case !found:
		return &NotFoundError{Kind: "action", What: id}
	case err != nil:
		return fmt.Errorf("action %s: %s: %w", id, reason, err)
	}
	return fmt.Errorf("action %s: %s", id, reason)
}

// SetVerification keeps what the log said after an action that was done; before its outcome is known, only what is to be
// watched (pending). It is audited where the result is another than before.
func (tx *Tx) SetVerification(id string, v incident.Verification) error {
	switch v.Result {
	case incident.VerifyPending, incident.VerifyVerified, incident.VerifyInconclusive, incident.VerifyFailed:
	default:
		return fmt.Errorf("the verification of action %s has the result %q", id, v.Result)
	}
	body, err := encode(v)
	if err != nil {
		return fmt.Errorf("the verification of action %s can't be kept: %w", id, err)
	}
	var before sql.NullString
	if _, err := one(tx, "SELECT verified FROM actions WHERE id = ?", []any{id}, &before); err != nil {
		return err
	}
	n, err := tx.exec(`UPDATE actions SET verified = ?1, verification = ?2 WHERE id = ?3
		AND (result = 'done' OR result IS NULL AND ?1 = 'pending')`, v.Result, string(body), id)
	if err != nil {
		return err
	}
	if n == 0 {
		return tx.whyNot(id, "it was not done, so there is nothing to verify", nil)
	}
	if before.String == v.Result {
		return nil
	}
	if err := tx.touchProposalOf(id); err != nil {
		return err
	}
	return tx.Audit(Entry{Actor: "logwright", Action: "verification", Subject: id, Detail: map[string]any{
		"from": before.String, "to": v.Result, "reasons": v.Reasons, "expected": v.Expected, "seen": v.Seen, "alive": v.Alive}})
}

// BeginUndo writes the intent to undo an action, once; it may run once this was committed. Only in UpdateDurable, only of
// what was begun and has an outcome, only until Action.Until, and not while the kill switch is on (ErrStopped). ErrExists
// where it was begun before. It is audited.
func (tx *Tx) BeginUndo(id string) error {
	if !tx.durable {
		return errNoDurableAction
	}
	if err := tx.notStopped(); err != nil {
		return err
	}
	var until dbTime
	var result sql.NullString
	var undone bool
	found, err := one(tx, "SELECT until, result, undone_at IS NOT NULL FROM actions WHERE id = ?", []any{id}, &until, &result, &undone)
	switch {
	case err != nil:
		return err
	case !found:
		return &NotFoundError{Kind: "action", What: id}
	case undone:
		return fmt.Errorf("the undo of action %s: %w", id, ErrExists)
	case !result.Valid:
		return fmt.Errorf("action %s has no outcome yet, so it is not undone", id)
	case result.String == string(incident.ResultSkipped):
		return fmt.Errorf("action %s was not begun, so there is nothing to undo", id)
	case until.IsZero():
		return fmt.Errorf("action %s has no undo", id)
	case tx.now.After(until.Time):
		return fmt.Errorf("action %s could be undone until %s", id, until.Format(time.RFC3339))
	}
	if _, err := tx.exec("UPDATE actions SET undone_at = ? WHERE id = ?", tx.now.UnixMicro(), id); err != nil {
		return err
	}
	if err := tx.touchProposalOf(id); err != nil {
		return err
	}
	return tx.Audit(Entry{Actor: "logwright", Action: "begin-undo", Subject: id})
}

// EndUndo writes the outcome of an undo that was begun, once: ErrExists where there is one already. It is audited.
func (tx *Tx) EndUndo(id string, o incident.Outcome) error {
	body, err := outcomeBody(id, o)
	if err != nil {
		return err
	}
	n, err := tx.exec("UPDATE actions SET undo_result = ?, undo = ? WHERE id = ? AND undone_at IS NOT NULL AND undo_result IS NULL",
		string(o.Result), body, id)
	if err != nil {
		return err
	}
	if n == 0 {
		begun, err := one(tx, "SELECT 1 FROM actions WHERE id = ? AND undone_at IS NOT NULL", []any{id}, new(int))
		if err != nil {
			return err
		}
		if begun {
			return fmt.Errorf("the outcome of the undo of action %s: %w", id, ErrExists)
		}
		return tx.whyNot(id, "its undo was not begun", nil)
	}
	if err := tx.touchProposalOf(id); err != nil {
		return err
	}
	return tx.Audit(Entry{Actor: "logwright", Action: "end-undo", Subject: id, Detail: outcomeDetail(o)})
}

// ClosePullRequest notes that an action's pull request was seen closed or merged, once: ErrExists where that is known
// already. at is the store's time where it is zero. It is audited.
func (tx *Tx) ClosePullRequest(id string, at time.Time, merged bool) error {
	if at.IsZero() {
		at = tx.now
	}
	n, err := tx.exec("UPDATE actions SET closed_at = ?, merged = ? WHERE id = ? AND closed_at IS NULL AND kind = 'pull-request' AND result IS NOT NULL",
		at.UnixMicro(), merged, id)
	if err != nil {
		return err
	}
	if n == 0 {
		closed, err := one(tx, "SELECT 1 FROM actions WHERE id = ? AND closed_at IS NOT NULL", []any{id}, new(int))
		if err != nil {
			return err
		}
		if closed {
			return tx.whyNot(id, "its pull request is closed already", ErrExists)
		}
		return tx.whyNot(id, "it is no pull request that was opened", nil)
	}
	if err := tx.touchProposalOf(id); err != nil {
		return err
	}
	return tx.Audit(Entry{Actor: "logwright", Action: "pull-request-closed", Subject: id, Detail: map[string]any{"merged": merged, "closed_at": at.UTC()}})
}

// Action gives an action by its exact id.
func (tx *Tx) Action(id string) (*incident.Action, error) { return exactAction(tx, id) }

// Action gives an action by its exact id.
func (s *Store) Action(ctx context.Context, id string) (a *incident.Action, err error) {
	err = s.view(ctx, func(q querier) error {
		a, err = exactAction(q, id)
		return err
	})
	return a, err
}

func exactAction(q querier, id string) (*incident.Action, error) {
	as, err := readActions(q, selectAction+"WHERE id = ?", id)
	if err != nil {
		return nil, err
	}
	if len(as) == 0 {
		return nil, &NotFoundError{Kind: "action", What: id}
	}
	return &as[0], nil
}

// PastActions gives what limits look at, oldest first: every action begun at or after since, every one that may be an open pull
// request, and every one (or its undo) that has no outcome. Without Outcome.Output and Undo.Output.
func (tx *Tx) PastActions(since time.Time) ([]incident.Action, error) { return pastActions(tx, since) }

// PastActions is Tx.PastActions for who only looks.
func (s *Store) PastActions(ctx context.Context, since time.Time) (as []incident.Action, err error) {
	err = s.view(ctx, func(q querier) error {
		as, err = pastActions(q, since)
		return err
	})
	return as, err
}

func pastActions(q querier, since time.Time) ([]incident.Action, error) {
	return readActions(q, selectPastAction+"WHERE begun_at >= ? OR "+openPullRequest+" OR "+unsettledAction+" ORDER BY begun_at, num", sinceValue(since))
}

// sinceValue is a lower bound; the zero Time is none.
func sinceValue(t time.Time) int64 {
	if t.IsZero() {
		return -1 << 62
	}
	return t.UnixMicro()
}

// OpenActions gives the actions that were begun and have no outcome, and those whose undo is like that, oldest first: after a
// start they are looked up in the world, never run again.
func (s *Store) OpenActions(ctx context.Context) ([]incident.Action, error) {
	return s.actions(ctx, "WHERE "+unsettledAction+" ORDER BY begun_at, num")
}

// UnverifiedActions gives the actions that were done and not verified yet, oldest first. A comment mends nothing, so there is
// nothing to verify of it.
func (s *Store) UnverifiedActions(ctx context.Context) ([]incident.Action, error) {
	return s.actions(ctx, "WHERE result = 'done' AND kind <> 'comment' AND coalesce(verified, 'pending') = 'pending' ORDER BY begun_at, num")
}

// Actions gives actions, most important first: those without an outcome, then the newest.
func (s *Store) Actions(ctx context.Context, f ActionFilter) ([]incident.Action, error) {
	var w where
	if f.Incident != "" {
		w.and("incident = ?", f.Incident)
	}
	if f.Cluster != "" {
		w.and("cluster IN "+ofCluster, f.Cluster, f.Cluster)
	}
	if f.Service != "" {
		w.and("service = ?", f.Service)
	}
	if f.Name != "" {
		w.and("name = ?", f.Name)
	}
	if f.Kind != "" {
		w.and("kind = ?", string(f.Kind))
	}
	if !f.Since.IsZero() {
		w.and("begun_at >= ?", f.Since.UnixMicro())
	}
	return s.actions(ctx, w.sql()+"ORDER BY "+unsettledAction+" DESC, begun_at DESC, num DESC LIMIT ?", append(w.args, sqlLimit(f.Limit))...)
}

func (s *Store) actions(ctx context.Context, where string, args ...any) (as []incident.Action, err error) {
	err = s.view(ctx, func(q querier) error {
		as, err = readActions(q, selectAction+where, args...)
		return err
	})
	return as, err
}
