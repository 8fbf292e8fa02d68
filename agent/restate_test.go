package agent

import (
	"testing"

	"github.com/logwright/logwright/agent/incident"
)

func TestWayLeadsEverywhere(t *testing.T) {
	for _, from := range incident.UnfinishedStates() {
		for _, to := range incident.UnfinishedStates() {
			at := from
			for _, s := range way(from, to) {
				if !at.CanBecome(s) {
					t.Errorf("from %s to %s: %s can't become %s", from, to, at, s)
				}
				at = s
			}
			if at != to {
				t.Errorf("from %s to %s the way ends at %s", from, to, at)
			}
		}
	}
}

func TestStateOf(t *testing.T) {
	type states = []incident.ProposalState
	for _, tc := range []struct {
		now  incident.State
		of   states
		want incident.State
	}{
		{incident.StateOpen, nil, incident.StateOpen},
		{incident.StateDiagnosed, nil, incident.StateDiagnosed},
		{incident.StateDiagnosed, states{incident.ProposalNew}, incident.StateProposed},
		{incident.StateActing, states{incident.ProposalFailed}, incident.StateDiagnosed},
		{incident.StateWaiting, states{incident.ProposalRejected}, incident.StateDiagnosed},
		{incident.StateVerifying, states{incident.ProposalVerifying, incident.ProposalWaiting}, incident.StateVerifying},
		{incident.StateVerifying, states{incident.ProposalDone, incident.ProposalWaiting}, incident.StateWaiting},
		{incident.StateWaiting, states{incident.ProposalActing, incident.ProposalWaiting}, incident.StateActing},
		{incident.StateProposed, states{incident.ProposalSimulated}, incident.StateProposed},
	} {
		if got := stateOf(tc.now, tc.of); got != tc.want {
			t.Errorf("%s with %v: %s, want %s", tc.now, tc.of, got, tc.want)
		}
	}
}
