package diagnose

import (
	"context"
	"errors"

	"github.com/logwright/logwright/agent/incident"
)

func (d *Diagnoser) choose(context.Context, incident.Incident, remedyQuestion) (RemedyResult, error) {
	return RemedyResult{}, errors.New("not yet")
}
func (d *Diagnoser) offered(o []incident.RemedyOption, _ incident.Tied) []incident.RemedyOption {
	return o
}
func (d *Diagnoser) showable(string) bool { return true }
