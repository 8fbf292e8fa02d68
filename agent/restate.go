package agent

import (
	"fmt"
	"slices"

	"github.com/logwright/logwright/agent/incident"
	"github.com/logwright/logwright/agent/store"
)

// restate moves an incident to the state that its proposals say: what is being done comes before what is watched, that
// before what waits for a person, that before what is only proposed. An incident that is over stays so.
func restate(tx *store.Tx, id, why string) error {
	inc, err := tx.Incident(id)
	if err != nil || !inc.State.Unfinished() {
		return err
	}
	all, err := tx.Proposals(store.ProposalFilter{Incident: id})
	if err != nil {
		return err
	}
	states := make([]incident.ProposalState, len(all))
	for i := range all {
		states[i] = all[i].State
	}
	to := stateOf(inc.State, states)
	for _, step := range way(inc.State, to) {
		if err := tx.SetState(id, step, "logwright", why); err != nil {
			return err
		}
	}
	return nil
}

// stateOf gives the state of an unfinished incident whose proposals are in states.
func stateOf(now incident.State, states []incident.ProposalState) incident.State {
	has := func(s ...incident.ProposalState) bool {
		return slices.ContainsFunc(states, func(have incident.ProposalState) bool { return slices.Contains(s, have) })
	}
	switch {
	case has(incident.ProposalActing):
		return incident.StateActing
	case has(incident.ProposalVerifying):
		return incident.StateVerifying
	case has(incident.ProposalWaiting, incident.ProposalApproved):
		return incident.StateWaiting
	case has(incident.ProposalNew, incident.ProposalSimulated, incident.ProposalDenied, incident.ProposalAdviceOnly):
		return incident.StateProposed
	case now == incident.StateOpen: // not diagnosed yet
		return now
	}
	return incident.StateDiagnosed
}

// way gives the states from one to another by allowed transitions, the first one left out. It does not lead through an end.
func way(from, to incident.State) []incident.State {
	if from == to {
		return nil
	}
	before := map[incident.State]incident.State{from: from}
	for queue := []incident.State{from}; len(queue) > 0; queue = queue[1:] {
		for _, next := range incident.UnfinishedStates() {
			if _, seen := before[next]; seen || !queue[0].CanBecome(next) {
				continue
			}
			before[next] = queue[0]
			if next == to {
				var out []incident.State
				for s := to; s != from; s = before[s] {
					out = append(out, s)
				}
				slices.Reverse(out)
				return out
			}
			queue = append(queue, next)
		}
	}
	panic(fmt.Sprintf("no way from %s to %s", from, to)) // a test walks all of them
}
