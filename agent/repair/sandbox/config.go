package sandbox

import "time"

// Config is `sandbox` of agent.yaml.
type Config struct {
	// Engine is bubblewrap.
	Engine string `yaml:"engine"`
	// User is whom commands run as where the daemon runs as root. Where it does not, they run as the daemon's user in a user
	// namespace of their own.
	User string `yaml:"user"`
	// Memory and Disk bound one run in all, in bytes; Processes how many it may have at once; Timeout how long one command
	// may take.
	Memory    int64         `yaml:"memory" unit:"bytes"`
	Disk      int64         `yaml:"disk" unit:"bytes"`
	Processes int           `yaml:"processes"`
	Timeout   time.Duration `yaml:"timeout"`
}

// DefaultConfig is what agent.yaml says where it says nothing.
func DefaultConfig() Config {
	return Config{
		Engine: "bubblewrap", User: "logwright-sandbox", Memory: 1 << 30, Disk: 1 << 30, Processes: 256, Timeout: 10 * time.Minute,
	}
}
