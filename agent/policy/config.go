package policy

import "time"

// Config is `policy` of agent.yaml.
type Config struct {
	// Rules are asked in order; the first whose condition holds decides. Where none holds the answer is no.
	Rules []Rule `yaml:"rules"`
	// Limits hold beside those of the rules, for whatever rule allows an action.
	Limits []Limit `yaml:"limits"`
	// OpenPullRequests is how many pull requests of ours may be open at once, over all services.
	OpenPullRequests int `yaml:"open_pull_requests"`
	// ApprovalFor is how long a person's approval holds that could not be used at once.
	ApprovalFor time.Duration `yaml:"approval_for"`
	// AskFor is how long a proposal waits for a person before it expires.
	AskFor time.Duration `yaml:"ask_for"`
}

// Rule is one entry of `policy.rules`.
type Rule struct {
	Name string `yaml:"name"`
	// When is an expr condition over Variables. It is compiled, with its types checked, when the configuration is loaded.
	When string `yaml:"when"`
	// Then is allow, ask or deny.
	Then string `yaml:"then"`
	// Mode is observe, enforce, or "" for the configuration's mode. A rule can only be more careful than the configuration:
	// in mode observe nothing is done whatever a rule says.
	Mode string `yaml:"mode"`
	// Windows are times in which the rule may allow or ask, such as "Mon-Fri 09:00-17:00 Europe/Berlin". None is always.
	Windows []string `yaml:"windows"`
	Limit   Limit    `yaml:"limit"`
}

// Limit bounds how often actions are begun. The zero Limit is none.
type Limit struct {
	// Per is what is counted together: service, cluster, action, rule, or all.
	Per string `yaml:"per"`
	// Count is how many may be begun Within.
	Count  int           `yaml:"count"`
	Within time.Duration `yaml:"within"`
	// Cooldown is how long it has to be since the last one.
	Cooldown time.Duration `yaml:"cooldown"`
}

// DefaultConfig has no rules, so it denies everything, and limits that hold for rules that an operator adds.
func DefaultConfig() Config {
	return Config{
		Limits: []Limit{
			{Per: PerService, Count: 3, Within: time.Hour},
			{Per: PerAll, Count: 20, Within: 24 * time.Hour},
		},
		OpenPullRequests: 5,
		ApprovalFor:      time.Hour,
		AskFor:           24 * time.Hour,
	}
}

// Values of Limit.Per.
const (
	PerService = "service"
	PerCluster = "cluster"
	PerAction  = "action"
	PerRule    = "rule"
	PerAll     = "all"
)
