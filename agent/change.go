package agent

import (
	"context"
	"fmt"
	"time"

	"github.com/logwright/logwright/agent/incident"
	"github.com/logwright/logwright/agent/store"
)

// ChangeState moves an incident to another state because a person says so, and tells the notifiers. id may be shortened
// as for Store.Incident. A daemon that runs meanwhile sees the change with its next look at the store.
func ChangeState(
	ctx context.Context, st *store.Store, id string, to incident.State, who, why string, notifiers []string,
) (*incident.Incident, error) {
	inc, err := st.Incident(ctx, id)
	if err != nil {
		return nil, err
	}
	kind := incident.EventReopened
	if to == incident.StateIgnored {
		kind = incident.EventIgnored
	}
	err = st.Update(ctx, func(tx *store.Tx) error {
		if to == incident.StateOpen {
			latest, err := tx.LatestEpisode(inc.Clusters[0])
			if err != nil {
				return err
			}
			if latest != nil && latest.ID != inc.ID && latest.State.Unfinished() {
				return fmt.Errorf("%s is not reopened: its later episode %s is %s", inc.ID, latest.ID, latest.State)
			}
		}
		if err := tx.SetState(inc.ID, to, who, why); err != nil {
			return err
		}
		if kind == incident.EventReopened {
			if err := tx.ForgetConsidered(inc.ID); err != nil {
				return err
			}
			return nil // the daemon diagnoses it anew, and tells then
		}
		changed, err := tx.Incident(inc.ID)
		if err != nil {
			return err
		}
		return tx.Enqueue(newEvent(time.Now(), kind, changed), notifiers...)
	})
	if err != nil {
		return nil, err
	}
	return st.Incident(ctx, inc.ID)
}
