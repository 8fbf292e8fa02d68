package store

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/logwright/logwright/agent/incident"
)

// A proposal is kept as it was made and never changes; what is decided and done about it stands beside it. Whoever reads one
// gets it only if it still has the digest it was kept with: an approval is for what a person saw, and an action for what was
// approved.

// maxProposal is how large a proposal may be as JSON: far more than anybody reads in a diff.
const maxProposal = 4 << 20

// maxWhy is how long a person's reason may be: it is in the audit for good.
const maxWhy = 4 << 10

// ProposalRecord is a proposal as it is kept, with all that is known of it.
type ProposalRecord struct {
	Proposal incident.Proposal
	// Digest is Proposal.Digest as it was when the proposal was kept.
	Digest string
	State  incident.ProposalState
	// StateAt is since when it is in its state. UpdatedAt is when anything about it changed, another time of the same
	// decision not counted.
	StateAt, UpdatedAt time.Time
	// Decision is the last one, nil where none was made. Approval is the last answer of a person. Action is what the
	// proposal became.
	Decision *incident.Decision
	Approval *incident.Approval
	Action   *incident.Action
	// Pruned says that diff and outputs were dropped (retention.incidents or limits.store), or left out on demand
	// (ProposalFilter.Brief): Proposal no longer has this Digest. Only final proposals are ever pruned.
	Pruned bool
}

// ProposalFilter chooses proposals. The zero ProposalFilter is all of them.
type ProposalFilter struct {
	// Incident is an incident's exact id; Cluster a cluster's, or that of one merged into it; Service is exact. "" is every one.
	Incident, Cluster, Service string
	// States is any of these; empty is every state.
	States []incident.ProposalState
	// Kind is exact; "" is every kind.
	Kind incident.ProposalKind
	// Brief leaves out diffs and outputs of commands, for lists. What is given then has another digest than what was kept.
	Brief bool
	// Limit is the most to give; 0 is all.
	Limit int
}

// AddProposal keeps a new proposal of an incident that is kept: in state new, or advice for what is never to be done.
// ErrExists where its id is taken. It is audited.
func (tx *Tx) AddProposal(p incident.Proposal) error {
	if err := checkProposal(&p); err != nil {
		return err
	}
	body, err := encode(&p)
	if err != nil {
		return fmt.Errorf("proposal %s can't be kept: %w", p.ID, err)
	}
	if len(body) > maxProposal {
		return fmt.Errorf("proposal %s has %d bytes, more than %d: its diff or its commands' output is too large to keep", p.ID, len(body), maxProposal)
	}
	if found, err := one(tx, "SELECT 1 FROM proposals WHERE id = ?1 UNION ALL SELECT 1 FROM actions WHERE proposal = ?1", []any{p.ID}, new(int)); err != nil {
		return err
	} else if found {
		return fmt.Errorf("proposal %s: %w", p.ID, ErrExists)
	}
	num, _, err := tx.row(p.Incident)
	if err != nil {
		return err
	}
	state := incident.ProposalNew
	if p.Kind == incident.KindAdvice {
		state = incident.ProposalAdviceOnly
	}
	at := p.At
	if at.IsZero() {
		at = tx.now
	}
	digest := p.Digest()
	if _, err := tx.exec(`INSERT INTO proposals (id, incident, about, cluster, service, kind, at, digest, body, state, state_at, updated_at)
		VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?11)`,
		p.ID, num, p.Incident, p.Cluster, p.Service, string(p.Kind), at.UnixMicro(), digest, string(body), string(state), tx.now.UnixMicro()); err != nil {
		return err
	}
	detail := map[string]any{"incident": p.Incident, "kind": p.Kind, "action": p.Action(), "title": p.Title, "digest": digest}
	if p.Change != nil && p.Change.Commit != "" {
		detail["commit"] = p.Change.Commit
	}
	if p.Remedy != nil {
		detail["run"] = p.Remedy.Run
	}
	return tx.Audit(Entry{Actor: "logwright", Action: "propose", Subject: p.ID, Detail: detail})
}

// checkProposal refuses what no executor could do and no person could approve.
func checkProposal(p *incident.Proposal) error {
	if err := incident.ParseProposalID(p.ID); err != nil {
		return err
	}
	switch p.Kind {
	case incident.KindPullRequest:
		if p.Change == nil || p.Change.Commit == "" || p.Remedy != nil {
			return fmt.Errorf("proposal %s is a pull request and has no commit, or a remediation too", p.ID)
		}
	case incident.KindRemediation:
		if p.Remedy == nil || len(p.Remedy.Run) == 0 || p.Change != nil {
			return fmt.Errorf("proposal %s is a remediation and has nothing to run, or a change too", p.ID)
		}
		// The digest is over JSON, where bytes that are no text all look the same: two commands would have one digest.
		b, err := encode(p.Remedy)
		if err != nil {
			return fmt.Errorf("proposal %s can't be kept: %w", p.ID, err)
		}
		if bytes.Contains(b, []byte(escape)) {
			return fmt.Errorf("proposal %s would run a command with bytes that are no text", p.ID)
		}
	case incident.KindComment:
		if p.Comment == nil || p.Change != nil || p.Remedy != nil {
			return fmt.Errorf("proposal %s is a comment and says on nothing, or does more than that", p.ID)
		}
	case incident.KindAdvice:
	default:
		return fmt.Errorf("proposal %s is of no known kind: %q", p.ID, p.Kind)
	}
	return nil
}

const selectProposal = `SELECT p.id, p.about, p.cluster, p.service, p.kind, p.digest, p.body, p.pruned, p.state, p.state_at, p.updated_at,
	p.decision, p.decided_at, p.approval FROM proposals p `

// readProposals runs a query that begins with selectProposal.
func readProposals(q querier, brief bool, query string, args ...any) ([]ProposalRecord, error) {
	var out []ProposalRecord
	err := each(q, query, args, func(rows *sql.Rows) error {
		r, err := scanProposal(rows)
		if err != nil {
			return err
		}
		if brief {
			leaveOutTexts(&r)
		}
		out = append(out, r)
		return nil
	})
	if err != nil {
		return nil, err
	}
	for i := range out {
		as, err := readActions(q, selectAction+"WHERE proposal = ?", out[i].Proposal.ID)
		if err != nil {
			return nil, err
		}
		if len(as) > 0 {
			if out[i].Action = &as[0]; brief {
				leaveOutOutputs(&as[0])
			}
		}
	}
	return out, nil
}

func scanProposal(rows *sql.Rows) (ProposalRecord, error) {
	var r ProposalRecord
	var id, about, cluster, service, kind string
	var body, decision, approval []byte
	var stateAt, updatedAt, decidedAt dbTime
	if err := rows.Scan(&id, &about, &cluster, &service, &kind, &r.Digest, &body, &r.Pruned, &r.State, &stateAt, &updatedAt,
		&decision, &decidedAt, &approval); err != nil {
		return r, err
	}
	r.StateAt, r.UpdatedAt = stateAt.Time, updatedAt.Time
	p := &r.Proposal
	if err := decode(body, p); err != nil {
		return r, &ChangedError{Proposal: id, Reason: err.Error()}
	}
	switch {
	case r.Pruned && !r.State.Final():
		return r, &ChangedError{Proposal: id, Reason: "its texts are gone though it is not over"}
	case !r.Pruned && p.Digest() != r.Digest:
		return r, &ChangedError{Proposal: id, Reason: "it does not have the digest it was kept with"}
	case p.ID != id || p.Incident != about || p.Cluster != cluster || p.Service != service || string(p.Kind) != kind:
		return r, &ChangedError{Proposal: id, Reason: "its row is not the proposal's"}
	}
	if decision != nil {
		r.Decision = new(incident.Decision)
		if err := decode(decision, r.Decision); err != nil {
			return r, fmt.Errorf("the decision on proposal %s: %w", id, err)
		}
		r.Decision.At = decidedAt.Time
	}
	if approval != nil {
		r.Approval = new(incident.Approval)
		if err := decode(approval, r.Approval); err != nil {
			return r, fmt.Errorf("the approval of proposal %s: %w", id, err)
		}
	}
	return r, nil
}

// leaveOutTexts drops what is large.
func leaveOutTexts(r *ProposalRecord) {
	c := r.Proposal.Change
	if c == nil {
		return
	}
	c.Diff = ""
	for i := range c.Checks {
		c.Checks[i].Output = ""
	}
	r.Pruned = true
}

// Proposal gives a proposal by its exact id. *ChangedError where it is not the one that was kept.
func (tx *Tx) Proposal(id string) (*ProposalRecord, error) { return exactProposal(tx, id) }

func exactProposal(q querier, id string) (*ProposalRecord, error) {
	rs, err := readProposals(q, false, selectProposal+"WHERE p.id = ?", id)
	if err != nil {
		return nil, err
	}
	if len(rs) == 0 {
		return nil, &NotFoundError{Kind: "proposal", What: id}
	}
	return &rs[0], nil
}

// Proposal gives one proposal. id may be an unambiguous beginning, with or without "p-", the id of its action, or what names an
// incident (see Incident): then it is the incident's waiting proposal, or else its latest. *NotFoundError lists what is
// near.
func (s *Store) Proposal(ctx context.Context, id string) (r *ProposalRecord, err error) {
	err = s.view(ctx, func(q querier) error {
		full, err := findProposal(q, id)
		if err != nil {
			return err
		}
		r, err = exactProposal(q, full)
		return err
	})
	if err != nil {
		return nil, err
	}
	return r, nil
}

// The proposal that stands first in a list: somebody has to answer it, it is newer.
const waitingFirst = `p.state = 'waiting' DESC, p.at DESC, p.num DESC`

// findProposal gives the exact id of what a person typed.
func findProposal(q querier, what string) (string, error) {
	want := strings.TrimSpace(what)
	if lower := strings.ToLower(want); strings.HasPrefix(lower, "p-") || strings.HasPrefix(lower, "a-") {
		want = want[2:]
	}
	want = "p-" + strings.ToUpper(want)
	ids, err := column(q, "SELECT p.id FROM proposals p ORDER BY "+waitingFirst)
	if err != nil {
		return "", err
	}
	var match []string
	for _, id := range ids {
		if id == want {
			return id, nil
		}
		if want != "p-" && strings.HasPrefix(id, want) {
			match = append(match, id)
		}
	}
	switch {
	case len(match) == 1:
		return match[0], nil
	case len(match) > 1:
		return "", &NotFoundError{Kind: "proposal", What: what, Near: match[:min(len(match), nearIDs)], Ambiguous: true}
	}
	about, err := findIncident(q, what)
	var none *NotFoundError
	switch {
	case err == nil:
		var id string
		found, err := one(q, "SELECT p.id FROM proposals p WHERE p.about = ? ORDER BY "+waitingFirst+" LIMIT 1", []any{about}, &id)
		if err != nil || found {
			return id, err
		}
		return "", &NotFoundError{Kind: "proposal for incident", What: about}
	case !errors.As(err, &none):
		return "", err
	case none.Ambiguous:
		return "", err
	}
	near := slices.Clone(ids)
	slices.SortStableFunc(near, func(a, b string) int { return incident.EditDistance(want, a) - incident.EditDistance(want, b) })
	return "", &NotFoundError{Kind: "proposal", What: what, Near: near[:min(len(near), nearIDs)]}
}

// Proposals is Store.Proposals within the transaction.
func (tx *Tx) Proposals(f ProposalFilter) ([]ProposalRecord, error) { return listProposals(tx, f) }

// Proposals gives proposals, most important first: those that wait for an answer, then the newest. *ChangedError where one of
// them is not what was kept.
func (s *Store) Proposals(ctx context.Context, f ProposalFilter) (rs []ProposalRecord, err error) {
	err = s.view(ctx, func(q querier) error {
		rs, err = listProposals(q, f)
		return err
	})
	return rs, err
}

func listProposals(q querier, f ProposalFilter) ([]ProposalRecord, error) {
	var w where
	if len(f.States) > 0 {
		states := make([]any, len(f.States))
		for i, s := range f.States {
			states[i] = string(s)
		}
		w.and("p.state IN (?"+strings.Repeat(", ?", len(states)-1)+")", states...)
	}
	if f.Incident != "" {
		w.and("p.about = ?", f.Incident)
	}
	if f.Cluster != "" {
		w.and("p.cluster IN "+ofCluster, f.Cluster, f.Cluster)
	}
	if f.Service != "" {
		w.and("p.service = ?", f.Service)
	}
	if f.Kind != "" {
		w.and("p.kind = ?", string(f.Kind))
	}
	return readProposals(q, f.Brief, selectProposal+w.sql()+"ORDER BY "+waitingFirst+" LIMIT ?", append(w.args, sqlLimit(f.Limit))...)
}

// ofCluster is a cluster and all that share its root; it takes the id twice.
const ofCluster = `(SELECT ? UNION SELECT c.id FROM clusters a JOIN clusters c ON c.root = a.root WHERE a.id = ?)`

// where gathers the conditions of a statement.
type where struct {
	conds []string
	args  []any
}

func (w *where) and(cond string, args ...any) {
	w.conds, w.args = append(w.conds, cond), append(w.args, args...)
}

func (w *where) sql() string {
	if len(w.conds) == 0 {
		return ""
	}
	return "WHERE " + strings.Join(w.conds, " AND ") + " "
}
