package config

import (
	"fmt"
	"time"
	_ "time/tzdata" // hosts without zone files decide as others do

	"github.com/logwright/logwright/agent/policy"
	"github.com/logwright/logwright/agent/repair"
)

// Enforce says that what the policy allows is done. Otherwise everything is decided and recorded as "would have".
func (c *Config) Enforce() bool { return c.Mode == ModeEnforce }

// ServiceConfigured gives the entry of `services` that has this name, and its place in the list. A service that has no entry is
// not configured, though logs may well be of it.
func (c *Config) ServiceConfigured(name string) (int, *Service, bool) {
	for i := range c.Services {
		if c.Services[i].Name == name {
			return i, &c.Services[i], true
		}
	}
	return -1, nil, false
}

// Repository gives where the code of a service is; nil where the configuration does not say.
func (c *Config) Repository(service string) *repair.Repository {
	_, s, ok := c.ServiceConfigured(service)
	if !ok {
		return nil
	}
	return s.Repository
}

// PolicyOptions is what the gate is to be made with, so that it is made the same way wherever it is.
func (c *Config) PolicyOptions() policy.Options {
	names := make([]string, 0, len(c.Remediations)) // not nil: where there are none, a rule that names one is wrong
	for _, r := range c.Remediations {
		names = append(names, r.Name)
	}
	return policy.Options{Mode: c.Mode, Remediations: names, Zone: c.Zone}
}

// Zone gives the time zone of a name such as Europe/Berlin, for the windows of the policy. The zones come with Logwright, so that
// a host without zone files knows them too. The host's own zone has no name here: a rule is to mean the same on every host.
func (c *Config) Zone(name string) (*time.Location, error) {
	if name == "" || name == "Local" {
		return nil, fmt.Errorf("%q is not a time zone", name)
	}
	l, err := time.LoadLocation(name)
	if err != nil {
		return nil, fmt.Errorf("%q is not a time zone", name)
	}
	return l, nil
}
