package agent

import (
	"context"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/logwright/logwright/agent/github"
	"github.com/logwright/logwright/agent/incident"
	"github.com/logwright/logwright/agent/store"
)

// TestMergedChangeIsWatchedFromItsRelease: what the old version still logs between merge and release is no sign that the change
// did not help, where releases are told of.
func TestMergedChangeIsWatchedFromItsRelease(t *testing.T) {
	for _, tc := range []struct {
		name     string
		releases bool
	}{{"releases are told of", true}, {"nobody tells of releases", false}} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				st, err := store.Open(t.Context(), t.TempDir(), store.Options{})
				if err != nil {
					t.Fatal(err)
				}
				defer st.Close()
				const cluster = "lw-aaaaaaaaaaaa"
				p := openedPullRequest(t, st, cluster)
				release := func() {
					t.Helper()
					if err := st.Update(t.Context(), func(tx *store.Tx) error {
						return tx.AddRelease(incident.Release{Service: "app", Version: time.Now().String(), At: time.Now().UTC()})
					}); err != nil {
						t.Fatal(err)
					}
				}
				if tc.releases {
					release() // an earlier one
				}
				advance(time.Minute)
				merged := time.Now()
				w := &watching{
					st: st, log: slog.New(slog.DiscardHandler), now: time.Now, told: func() {}, stirs: new(atomic.Int64),
					behind: func() bool { return false },
					status: func(context.Context, incident.ForgeRef) (github.State, error) {
						return github.State{Merged: true, ClosedAt: merged}, nil
					},
				}
				look := func() *incident.Verification {
					t.Helper()
					w.stirs.Add(1)
					if err := w.round(t.Context()); err != nil {
						t.Fatal(err)
					}
					a, err := st.Action(t.Context(), p.ActionID())
					if err != nil {
						t.Fatal(err)
					}
					return a.Verification
				}
				for range 10 {
					advance(time.Minute)
					look()
				}
				began := !look().From.IsZero()
				if began == tc.releases {
					t.Fatalf("watched before its release: %v", began)
				}
				if !tc.releases {
					return
				}
				release()
				for range 5 {
					advance(time.Minute)
					look()
				}
				if v := look(); v.From.IsZero() || !strings.Contains(strings.Join(v.Reasons, " "), "watched until") {
					t.Errorf("not watched after its release: %+v", v)
				}
			})
		})
	}
}

// openedPullRequest keeps a pull request that was opened.
func openedPullRequest(t *testing.T, st *store.Store, cluster string) incident.Proposal {
	t.Helper()
	now := time.Now().UTC()
	p := incident.Proposal{
		ID: "p-01JC3W9T6ZK5X9M2Q8R4V7B1ND", Incident: cluster + ".1", Cluster: cluster, Service: "app", Kind: incident.KindPullRequest, At: now,
		Title: "app: it fails", Change: &incident.Change{Commit: strings.Repeat("a", 40)},
	}
	err := st.UpdateDurable(t.Context(), func(tx *store.Tx) error {
		for _, do := range []func() error{
			func() error { return tx.SaveClusters([]store.ClusterMemory{{ID: cluster, Service: "app"}}) },
			func() error {
				return tx.OpenIncident(incident.Incident{
					ID: p.Incident, Clusters: []string{cluster}, Episode: 1, Service: "app", State: incident.StateOpen, Trigger: incident.TriggerNew, OpenedAt: now,
				})
			},
			func() error { return tx.SetState(p.Incident, incident.StateDiagnosed, "test", "") },
			func() error { return tx.AddProposal(p) },
			func() error {
				return tx.SetDecision(p.ID, incident.Decision{Outcome: incident.DecisionAllow, Rule: "r", At: now}, incident.ProposalNew)
			},
			func() error {
				return tx.BeginAction(incident.Action{
					ID: p.ActionID(), Proposal: p.ID, Incident: p.Incident, Cluster: cluster, Service: "app", Kind: p.Kind, Name: p.Action(), Rule: "r", BegunAt: now,
				})
			},
			func() error {
				return tx.EndAction(p.ActionID(), incident.Outcome{
					Result: incident.ResultDone, Forge: &incident.ForgeRef{Number: 1, Branch: "logwright/" + p.Incident}, StartedAt: now, EndedAt: now,
				})
			},
			func() error { return tx.SetProposalState(p.ID, incident.ProposalVerifying, "test", "") },
			func() error {
				return tx.SetVerification(p.ActionID(), incident.Verification{Result: incident.VerifyPending, Expected: 100})
			},
		} {
			if err := do(); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return p
}
