package incident

// Step is what one stage made of an event, for people who ask why an event was read as it was.
type Step struct {
	// Stage names the stage: one of the Stage constants.
	Stage string
	// Result is how it went.
	Result StepResult
	// Problem names what was guessed or failed, in a few words and the same for all events: "no time". "" where nothing was.
	Problem string
	// Detail is what came of it, Because why, Change what would change it: a key of agent.yaml with an example. Each may be
	// empty. They quote the log: escape them before they are shown.
	Detail, Because, Change string
}

// The stages, in their order. A stage may have several steps.
const (
	StageTransport = "transport" // what container engines and syslog put around the line
	StageFormat    = "format"
	StageHeader    = "header"
	StageJoining   = "joining"
	StageSeverity  = "severity"
	StageStack     = "stack"
	StageMessage   = "message" // what is variable in it
	StageCluster   = "cluster"
	StageService   = "service"
	StageTrigger   = "trigger"
)

// StepResult says how a step went.
type StepResult string

// The results.
const (
	StepDone    StepResult = "done"    // found, or read, by what was there
	StepNone    StepResult = "none"    // there was nothing to do
	StepGuessed StepResult = "guessed" // done, but by no better sign than words or habit
	StepFailed  StepResult = "failed"
)
