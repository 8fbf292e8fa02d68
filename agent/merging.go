package agent

import (
	"fmt"
	"slices"
	"strings"

	"github.com/logwright/logwright/agent/incident"
	"github.com/logwright/logwright/agent/store"
)

// merge closes the younger incidents of a cluster that others were just merged into: what looked like several problems is one,
// and the oldest incident goes on with all of it. One that somebody was asked about, or that is being acted on, is left alone: its
// end is somebody's to say. So is one that is about other clusters, too.
func (g *ingest) merge(tx *store.Tx, cluster string) (bool, error) {
	open, err := tx.Incidents(store.Filter{Cluster: cluster, States: incident.UnfinishedStates()})
	if err != nil || len(open) < 2 {
		return false, err
	}
	slices.SortFunc(open, func(a, b incident.Incident) int {
		if c := a.OpenedAt.Compare(b.OpenedAt); c != 0 {
			return c
		}
		return strings.Compare(a.ID, b.ID)
	})
	into, did := &open[0], false
	for i := range open[1:] {
		young := &open[1+i]
		switch young.State {
		case incident.StateOpen, incident.StateDiagnosed, incident.StateProposed:
		default:
			continue
		}
		if len(young.Clusters) > 1 {
			continue
		}
		if err := tx.MergeIncident(young.ID, into.ID, "its events turned out to be the same as those of "+into.ID); err != nil {
			return false, err
		}
		did = true
		if worse, err := g.worse(tx, into, young.Severity); err != nil {
			return false, err
		} else if worse {
			into.Severity = young.Severity
		}
		if young.State == incident.StateOpen {
			continue // nobody has heard of it
		}
		now, err := tx.Incident(young.ID)
		if err != nil {
			return false, err
		}
		e := newEvent(g.now(), incident.EventMerged, now)
		e.Text = fmt.Sprintf("the same problem as %s, which goes on and has its events now: %d", into.ID, young.Events)
		if err := tx.Enqueue(e, g.notifiers...); err != nil {
			return false, err
		}
	}
	return did, nil
}
