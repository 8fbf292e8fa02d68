package repair

// Repository is `services[].repository` of agent.yaml: where a service's code is, and how a patch of it is proven.
type Repository struct {
	// Path is a git repository on this host, bare or with a work tree. It is only read.
	Path string `yaml:"path"`
	// Base is the branch that patches are for.
	Base string `yaml:"base"`
	// PathMap maps beginnings of the paths in stack traces to directories of the repository: {/app: .}.
	PathMap map[string]string `yaml:"path_map"`
	// Allow are globs of the files that a patch may touch; none is all. Deny are globs of those it may not, beside the
	// built-in ones (what is executed at build or collection, and what CI runs).
	Allow []string `yaml:"allow"`
	Deny  []string `yaml:"deny"`
	// Prepare are the commands that fetch dependencies: on the base commit only, with network, in the sandbox. Verify are the
	// commands that have to pass, without network. Each is an argument vector; no shell is in between.
	Prepare [][]string `yaml:"prepare"`
	Verify  [][]string `yaml:"verify"`
}
