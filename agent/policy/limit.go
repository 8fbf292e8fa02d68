package policy

import (
	"fmt"
	"slices"
	"time"

	"github.com/logwright/logwright/agent/incident"
)

// LimitState is how far a limit was used when something was decided.
type LimitState struct {
	// Name says whose limit it is: `rule "restart"` or "limits[0]". Scope is what it counts: "service api", "everything".
	Name  string `json:"name"`
	Scope string `json:"scope"`
	// Used of Count were begun Within.
	Used   int           `json:"used"`
	Count  int           `json:"count"`
	Within time.Duration `json:"within"`
	// Last is when the last one was begun, nil where none was; Cooldown how long it has to be since.
	Last     *time.Time    `json:"last"`
	Cooldown time.Duration `json:"cooldown"`
	// Free is when the limit lets one more through; nil where it does now.
	Free *time.Time `json:"free"`
	// Why says in words why it does not, "" where it does.
	Why string `json:"why"`
}

// counts says whether an action uses up limits: all that were begun, whatever came of them. One whose outcome is not known
// may have been done.
func counts(a *incident.Action) bool {
	return a.Outcome == nil || a.Outcome.Result != incident.ResultSkipped
}

// same says whether an action is counted together with what is proposed, and scope what that is called.
func (l Limit) same(a *incident.Action, pr *incident.Proposal, rule string) bool {
	switch l.Per {
	case PerService:
		return a.Service == pr.Service
	case PerCluster:
		return a.Cluster == pr.Cluster
	case PerAction:
		return a.Kind == pr.Kind && a.Name == pr.Action()
	case PerRule:
		return a.Rule == rule
	}
	return true // all, and, to be safe, whatever else it could be
}

func (l Limit) scope(pr *incident.Proposal, rule string) string {
	switch l.Per {
	case PerService:
		return "service " + incident.PrintableLine(pr.Service)
	case PerCluster:
		return "cluster " + incident.PrintableLine(pr.Cluster)
	case PerAction:
		return "action " + incident.PrintableLine(pr.Action())
	case PerRule:
		return fmt.Sprintf("rule %q", rule)
	}
	return "everything"
}

// state looks at the limit. An action of the future, which a clock that was put back leaves behind, or of no time at all is
// as good as just begun: the other way round a clock that jumps would lift the limit.
func (l Limit) state(now time.Time, name string, pr *incident.Proposal, rule string, actions []incident.Action) LimitState {
	s := LimitState{Name: name, Scope: l.scope(pr, rule), Count: l.Count, Within: l.Within, Cooldown: l.Cooldown}
	var begun []time.Time
	for i := range actions {
		a := &actions[i]
		if !counts(a) || !l.same(a, pr, rule) {
			continue
		}
		at := a.BegunAt
		if at.IsZero() || at.After(now) {
			at = now
		}
		if s.Last == nil || at.After(*s.Last) {
			s.Last = &at
		}
		if l.Count > 0 && now.Sub(at) < l.Within {
			s.Used++
			begun = append(begun, at)
		}
	}
	if l.Count > 0 && s.Used >= l.Count {
		free := nthNewest(begun, l.Count).Add(l.Within)
		s.Free = &free
		s.Why = fmt.Sprintf("%d of %d within %s were used for %s (%s); one more from %s on",
			s.Used, l.Count, span(l.Within), s.Scope, name, stamp(free))
	} else if s.Last != nil && now.Sub(*s.Last) < l.Cooldown {
		free := s.Last.Add(l.Cooldown)
		s.Free = &free
		s.Why = fmt.Sprintf("the last for %s was at %s, less than %s ago (cooldown of %s); the next from %s on",
			s.Scope, stamp(*s.Last), span(l.Cooldown), name, stamp(free))
	}
	return s
}

// nthNewest is the time that has to leave the window for one more to fit.
func nthNewest(ts []time.Time, n int) time.Time {
	slices.SortFunc(ts, func(a, b time.Time) int { return b.Compare(a) })
	return ts[n-1]
}

// span writes a duration as agent.yaml does.
func span(d time.Duration) string {
	switch {
	case d > 0 && d%(24*time.Hour) == 0:
		return fmt.Sprintf("%dd", d/(24*time.Hour))
	case d > 0 && d%time.Hour == 0:
		return fmt.Sprintf("%dh", d/time.Hour)
	case d > 0 && d%time.Minute == 0:
		return fmt.Sprintf("%dm", d/time.Minute)
	}
	return d.String()
}

// pullRequests says why no further pull request may be opened, in order; none where one may.
func (p *Policy) pullRequests(pr *incident.Proposal, actions []incident.Action) (open int, why []string) {
	if pr.Kind != incident.KindPullRequest {
		return 0, nil
	}
	mine := ""
	for i := range actions {
		if a := &actions[i]; a.OpenPullRequest() {
			open++
			if a.Cluster == pr.Cluster && mine == "" {
				mine = a.ID
			}
		}
	}
	if mine != "" {
		why = append(why, fmt.Sprintf("a pull request for cluster %s is open already (%s)", incident.PrintableLine(pr.Cluster), incident.PrintableLine(mine)))
	}
	if p.open == 0 {
		why = append(why, "no pull request may be opened (open_pull_requests is 0)")
	} else if open >= p.open {
		why = append(why, fmt.Sprintf("%d of %d pull requests are open (open_pull_requests)", open, p.open))
	}
	return open, why
}
