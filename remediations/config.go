package remediations

import "time"

// The values of Config.Risk.
const (
	RiskLow    = "low"
	RiskMedium = "medium"
	RiskHigh   = "high"
)

// Risks lists the values of Config.Risk, the least first.
func Risks() []string { return []string{RiskLow, RiskMedium, RiskHigh} }

// Bounds of Config.Timeout and Verify.Silence.
const (
	MinTimeout = time.Second
	MaxTimeout = time.Hour
	MinSilence = time.Second
	MaxSilence = 24 * time.Hour
)

// DefaultConfig is what an entry says where it says nothing: a minute for each command, ten of silence afterwards.
func DefaultConfig() Config {
	return Config{Timeout: time.Minute, Verify: Verify{Silence: 10 * time.Minute}}
}

// Config is one entry of `remediations` of agent.yaml: something that the operator allows to be run.
type Config struct {
	Name string `yaml:"name"`
	// Description says when it helps. It is shown to people, and to a model that chooses.
	Description string `yaml:"description"`
	// Risk is low, medium or high. Reversible says that Undo takes it back.
	Risk       string `yaml:"risk"`
	Reversible bool   `yaml:"reversible"`
	// Mends says for which diagnoses the built-in choice proposes it; none is that only a model or a person does.
	Mends  Mends            `yaml:"mends"`
	Params map[string]Param `yaml:"params"`
	// Check, Run and Undo are argument vectors in which "{name}" stands for a parameter's value, and "{{" and "}}" for braces.
	// No shell is in between. Check has to end with status 0 before Run is run; it only looks.
	Check []string `yaml:"check"`
	Run   []string `yaml:"run"`
	Undo  []string `yaml:"undo"`
	// Timeout bounds each command.
	Timeout time.Duration `yaml:"timeout"`
	Verify  Verify        `yaml:"verify"`
}

// Mends chooses diagnoses: where a list is given, the diagnosis has to be in it. Services alone choose none: they bound whom
// the remediation is for, whoever chooses it, and have to be given where no parameter of Run aims at anything.
type Mends struct {
	Services   []string `yaml:"services"`
	Categories []string `yaml:"categories"`
	FixKinds   []string `yaml:"fix_kinds"`
	Signatures []string `yaml:"signatures"`
}

// Param says what may be given for one parameter. Exactly one of Enum, Pattern and Min with Max is set.
type Param struct {
	Enum []string `yaml:"enum"`
	// Pattern is RE2 and has to match the whole value.
	Pattern string `yaml:"pattern"`
	// Min and Max bound an integer.
	Min *int `yaml:"min"`
	Max *int `yaml:"max"`
	// Target is the kind of trusted fact (incident.TiedKinds) that the value has to be one of: a remediation is aimed only at
	// what trusted metadata ties to the incident. "" is found out: unit where the values are unit names, else service.
	// TargetNone says that the value is no target; it is refused for a Pattern.
	Target string `yaml:"target"`
}

// TargetNone is a Param.Target that says that the parameter aims at nothing.
const TargetNone = "none"

// Verify says how success is seen.
type Verify struct {
	// Silence is how long the cluster has to be silent afterwards.
	Silence time.Duration `yaml:"silence"`
	// Probe is an argument vector that ends with status 0 where the service is alive.
	Probe []string `yaml:"probe"`
}
