package github

// The kinds of forges.
const (
	KindLocal  = "local"
	KindGitHub = "github"
)

// Values of Config.Push.
const (
	PushBranch = "branch"
	PushFork   = "fork"
)

// Config is `forge` of agent.yaml.
type Config struct {
	// Kind is KindLocal or KindGitHub; "" is none: no pull request is ever proposed.
	Kind string `yaml:"kind"`
	// Repository is "owner/name" on GitHub; for the local forge the path of a bare repository, where "" is the service's own
	// repository.
	Repository string `yaml:"repository"`
	// Directory is where the local forge writes its descriptions; "" is pulls below the state directory.
	Directory string `yaml:"directory"`
	// BaseURL is the API of a GitHub Enterprise server; "" is github.com's.
	BaseURL string `yaml:"base_url"`
	Auth    Auth   `yaml:"auth"`
	// Push is PushBranch or PushFork.
	Push string `yaml:"push"`
}

// Auth is how GitHub knows us: a token, or an app's installation.
type Auth struct {
	Token string `yaml:"token"`
	// AppID, InstallationID and PrivateKey (the path of its PEM file) are those of a GitHub App.
	AppID          int64  `yaml:"app_id"`
	InstallationID int64  `yaml:"installation_id"`
	PrivateKey     string `yaml:"private_key"`
}
