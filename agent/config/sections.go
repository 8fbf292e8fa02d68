package config

import "time"

// The sections below stand in for the Config structs of the packages that own them; they become aliases of those.

// File is collectors/file.Config.
type File struct{}

// Journal is collectors/journal.Config.
type Journal struct{}

// Clustering is agent/cluster.Config.
type Clustering struct{}

// Model is agent/model.Config.
type Model struct {
	Provider string        `yaml:"provider"`
	Timeout  time.Duration `yaml:"timeout"`
}

// Redact is agent/redact.Config.
type Redact struct {
	PII bool `yaml:"pii"`
}
