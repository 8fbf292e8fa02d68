package incident

import (
	"slices"
	"testing"
)

func TestProposalStates(t *testing.T) {
	reached := []ProposalState{ProposalNew, ProposalAdviceOnly} // where proposals begin
	for _, from := range ProposalStates() {
		leads := false
		for _, to := range ProposalStates() {
			if from.CanBecome(to) {
				leads = true
				reached = append(reached, to)
			}
		}
		if leads == from.Final() {
			t.Errorf("%s is final: %v, and leads on: %v", from, from.Final(), leads)
		}
		if from.CanBecome(from) {
			t.Errorf("%s becomes itself", from)
		}
		if began := from == ProposalNew || from == ProposalApproved; from.CanBecome(ProposalActing) != began {
			t.Errorf("from %s to acting: %v", from, !began)
		}
		if from.CanBecome(ProposalApproved) != (from == ProposalWaiting) {
			t.Errorf("%s can be approved: only what waits can", from)
		}
	}
	for from, tos := range proposalTransitions {
		for _, s := range append(slices.Clone(tos), from) {
			if !slices.Contains(ProposalStates(), s) {
				t.Errorf("the state %q is not listed", s)
			}
		}
	}
	for _, s := range ProposalStates() {
		if !slices.Contains(reached, s) {
			t.Errorf("nothing leads to %s", s)
		}
	}
	if ProposalState("nonsense").CanBecome(ProposalActing) || ProposalNew.CanBecome("nonsense") {
		t.Error("a state that is none leads on")
	}
}
