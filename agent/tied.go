package agent

import (
	"fmt"
	"slices"
	"strings"

	"github.com/logwright/logwright/agent/config"
	"github.com/logwright/logwright/agent/incident"
)

// tied gives what an incident's trusted metadata, and what the operator wrote about its service, say of whom it is about: the
// only things that a remediation may be aimed at. A line's text has no part in it, nor has anything else that a writer of
// lines chooses: not the names of user units (any user may call one api.service), not the stem of a file's name (any user
// may have a file called api.log where they may write), not the journal of another host.
func tied(cfg *config.Config, inc *incident.Incident) incident.Tied {
	out := incident.Tied{}
	add := func(kind, value, from string) {
		if value == "" || slices.ContainsFunc(out[kind], func(v incident.TiedValue) bool { return v.Value == value }) {
			return
		}
		out[kind] = append(out[kind], incident.TiedValue{Value: value, From: from})
	}
	addUnits := func(n int) {
		for _, u := range cfg.Services[n].Match.Units {
			if !strings.ContainsAny(u, "*?[\\") {
				if !strings.Contains(u, ".") {
					u += ".service"
				}
				add(incident.TiedUnit, u, fmt.Sprintf("services[%d].match.units", n))
			}
		}
	}
	for i := range inc.Samples {
		r := &inc.Samples[i].Record
		unit := ""
		if thisHost(cfg, r.Source) {
			unit = r.Trusted["_SYSTEMD_UNIT"]
			add(incident.TiedUnit, unit, "_SYSTEMD_UNIT")
			add(incident.TiedHost, r.Trusted["_HOSTNAME"], "_HOSTNAME")
		}
		n, ok := cfg.Matched(r.File, unit)
		if !ok || cfg.Services[n].Name != inc.Service {
			continue
		}
		s := &cfg.Services[n]
		add(incident.TiedService, s.Name, fmt.Sprintf("services[%d].match", n))
		addUnits(n)
		for _, c := range s.Match.Containers {
			add(incident.TiedContainer, c, fmt.Sprintf("services[%d].match.containers", n))
		}
	}
	// The silence of a service has no line; that it is silent is known by its name in agent.yaml alone.
	if inc.Trigger == incident.TriggerSilence && inc.Clusters[0] == heartbeatCluster(inc.Service) {
		for n := range cfg.Services {
			if s := &cfg.Services[n]; s.Name == inc.Service && s.Heartbeat > 0 {
				add(incident.TiedService, s.Name, fmt.Sprintf("services[%d].heartbeat", n))
				addUnits(n)
			}
		}
	}
	return out
}

// thisHost says whether a source is this host's own journal: what another host's says of its units is not about ours.
func thisHost(cfg *config.Config, source string) bool {
	for i := range cfg.Sources {
		if s := &cfg.Sources[i]; s.Name == source {
			return s.Journal != nil && s.Journal.Directory == ""
		}
	}
	return false
}
