package sandbox

import (
	"time"

	"github.com/logwright/logwright/agent/incident"
)

// EngineBubblewrap is the one engine there is.
const EngineBubblewrap = "bubblewrap"

// Config is `sandbox` of agent.yaml.
type Config struct {
	// Engine is bubblewrap.
	Engine string `yaml:"engine"`
	// User is whom commands run as where the daemon runs as root. Where there is no such user it is a fixed number that no
	// distribution gives to anybody. Where the daemon is not root, they run as the daemon's user in a user namespace of
	// their own.
	User string `yaml:"user"`
	// Memory bounds what the processes of one run have in all, and Disk what its files have in all, both in bytes. The files
	// are in memory too, so a run takes no more than the two together. Processes is how many (threads included) it may have
	// at once; Timeout how long one command may take.
	Memory    int64         `yaml:"memory" unit:"bytes"`
	Disk      int64         `yaml:"disk" unit:"bytes"`
	Processes int           `yaml:"processes"`
	Timeout   time.Duration `yaml:"timeout"`
}

// DefaultConfig is what agent.yaml says where it says nothing.
func DefaultConfig() Config {
	return Config{
		Engine: EngineBubblewrap, User: "logwright-sandbox", Memory: 1 << 30, Disk: 1 << 30, Processes: 256, Timeout: 10 * time.Minute,
	}
}

// What is less than this runs nothing.
const (
	minMemory    = 16 << 20
	minDisk      = 1 << 20
	minProcesses = 8
	maxProcesses = 1 << 20
	minTimeout   = time.Second
	maxTimeout   = 24 * time.Hour
)

// Validate gives everything that is wrong with c, with paths below `sandbox`.
func (c Config) Validate() []incident.Problem {
	var ps []incident.Problem
	bad := func(path, hint, format string, args ...any) {
		ps = append(ps, incident.Problemf(path, format, args...).WithHint("%s", hint))
	}
	if c.Engine != EngineBubblewrap {
		bad("engine", "write "+EngineBubblewrap, "unknown engine %q", c.Engine)
	}
	switch c.User {
	case "":
		bad("user", "logwright-sandbox will do: it need not exist", "a sandbox needs a user to run commands as")
	case "root", "0":
		bad("user", "limits don't bind root; name a user that owns nothing", "commands that nobody trusts are not run as root")
	}
	if c.Memory < minMemory {
		bad("memory", "1GiB is the default", "%d bytes of memory run nothing; at least 16MiB", c.Memory)
	}
	if c.Disk < minDisk {
		bad("disk", "1GiB is the default", "%d bytes of disk hold nothing; at least 1MiB", c.Disk)
	}
	if c.Processes < minProcesses || c.Processes > maxProcesses {
		bad("processes", "256 is the default", "%d processes; between %d and %d", c.Processes, minProcesses, maxProcesses)
	}
	if c.Timeout < minTimeout || c.Timeout > maxTimeout {
		bad("timeout", "10m is the default", "a timeout of %v; between %v and %v", c.Timeout, minTimeout, maxTimeout)
	}
	return ps
}
