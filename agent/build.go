package agent

import (
	"errors"
	"fmt"
	"slices"

	"github.com/logwright/logwright/agent/cluster"
	"github.com/logwright/logwright/agent/config"
	"github.com/logwright/logwright/agent/incident"
	"github.com/logwright/logwright/agent/policy"
	"github.com/logwright/logwright/collectors"
	"github.com/logwright/logwright/collectors/events"
	"github.com/logwright/logwright/collectors/file"
	"github.com/logwright/logwright/collectors/journal"
	"github.com/logwright/logwright/remediations"
)

// newCollector is the one place that knows the kinds of sources.
func newCollector(s config.Source, o Options) (collectors.Collector, error) {
	switch s.Kind {
	case config.KindFile:
		return file.New(*s.File, file.Options{Logger: o.Logger, Now: o.Now})
	case config.KindJournal:
		return journal.New(*s.Journal, journal.Options{Logger: o.Logger, Now: o.Now, Self: journal.FindSelf()})
	}
	return nil, fmt.Errorf("unknown kind %q", s.Kind)
}

// joinerConfig gives how the lines of a source are joined: the source's own settings, or for a file of a one-shot
// command everything found out.
func joinerConfig(cfg *config.Config, source string) events.Config {
	for _, s := range cfg.Sources {
		if s.Name == source {
			return s.Events
		}
	}
	return events.Config{MaxLine: int(cfg.Limits.Line), MaxEvent: int(cfg.Limits.Event)}
}

// clusterConfig gives the clusterer's settings with the limit on their number.
func clusterConfig(cfg *config.Config) cluster.Config {
	c := cfg.Clustering
	c.MaxClusters, c.MaxBytes = cfg.Limits.Clusters, cfg.Limits.Memory/clustersShare
	return c
}

// onceConfig gives a collector's settings for reading one file from beginning to end. The operator named the file, so a
// symbolic link is followed.
func onceConfig(cfg *config.Config, path string) file.Config {
	return file.Config{
		Name: path, Include: []string{path}, Start: file.StartBeginning, Symlinks: file.SymlinksFollow, Once: true,
		MaxLine: int(cfg.Limits.Line),
	}
}

// newPolicy compiles the rules of a configuration. That was tried when it was loaded, so what is wrong here came since.
func newPolicy(cfg *config.Config) (*policy.Policy, error) {
	p, ps := policy.New(cfg.Policy, cfg.PolicyOptions())
	return p, problems(cfg, "policy", ps)
}

// newCatalogue makes the catalogue of a configuration.
func newCatalogue(cfg *config.Config, redact func(string) string) (*remediations.Catalogue, error) {
	c, ps := remediations.New(cfg.Remediations, remediations.CatalogueOptions{Redact: redact})
	return c, problems(cfg, "remediations", ps)
}

func hasRepository(cfg *config.Config) bool {
	return slices.ContainsFunc(cfg.Services, func(s config.Service) bool { return s.Repository != nil })
}

func problems(cfg *config.Config, section string, ps []incident.Problem) error {
	errs := make([]error, len(ps))
	for i, p := range incident.Under(section, ps) {
		at := cfg.Locate(p)
		errs[i] = errors.New(at.Error())
	}
	return errors.Join(errs...)
}
