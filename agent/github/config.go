package github

import (
	"net/netip"
	"net/url"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/logwright/logwright/agent/incident"
)

// The kinds of forges.
const (
	KindLocal  = "local"
	KindGitHub = "github"
)

// Kinds lists the values Config.Kind may have beside "".
func Kinds() []string { return []string{KindLocal, KindGitHub} }

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

// DefaultConfig is no forge: no pull request is proposed before the operator says where to.
func DefaultConfig() Config { return Config{Push: PushBranch} }

// githubAPI is where Config.BaseURL points when it is left out.
const githubAPI = "https://api.github.com/"

// A name of GitHub's: an owner has letters, digits and single hyphens, a repository dots and underscores too.
var repositoryName = regexp.MustCompile(`^[A-Za-z0-9](?:-?[A-Za-z0-9]){0,38}/[A-Za-z0-9._-]{1,100}$`)

// Validate gives everything that is wrong with c. It never puts a token, or a URL that may hold one, in a message.
func (c Config) Validate() []incident.Problem {
	switch c.Kind {
	case "":
		return nil
	case KindLocal:
		return c.validateLocal()
	case KindGitHub:
		return c.validateGitHub()
	}
	return []incident.Problem{incident.Problemf("kind", "unknown kind %q", c.Kind).WithHint("one of %s", strings.Join(Kinds(), ", "))}
}

func (c Config) validateLocal() []incident.Problem {
	var ps []incident.Problem
	if c.Repository != "" && !filepath.IsAbs(c.Repository) {
		ps = append(ps, incident.Problemf("repository", "the local forge needs the absolute path of a bare repository").
			WithHint("/srv/api.git, or leave it out for the service's own repository"))
	}
	if c.Directory != "" && !filepath.IsAbs(c.Directory) {
		ps = append(ps, incident.Problemf("directory", "the directory of the descriptions needs an absolute path").
			WithHint("leave it out for pulls below the state directory"))
	}
	const other = "remove the key, or say kind: github"
	if c.BaseURL != "" {
		ps = append(ps, incident.Problemf("base_url", "the local forge takes no base_url").WithHint(other))
	}
	if c.Auth != (Auth{}) {
		ps = append(ps, incident.Problemf("auth", "the local forge takes no auth").WithHint(other))
	}
	if c.Push != "" && c.Push != PushBranch {
		ps = append(ps, incident.Problemf("push", "the local forge pushes branches only").WithHint("push: branch"))
	}
	return ps
}

func (c Config) validateGitHub() []incident.Problem {
	var ps []incident.Problem
	_, name, _ := strings.Cut(c.Repository, "/")
	if !repositoryName.MatchString(c.Repository) || name == "." || name == ".." {
		// It is not quoted: somebody may have put a URL with a token in it here.
		ps = append(ps, incident.Problemf("repository", "GitHub needs the repository as owner/name").WithHint("acme/api, not a URL"))
	}
	if c.Directory != "" {
		ps = append(ps, incident.Problemf("directory", "only the local forge writes descriptions to a directory").
			WithHint("remove the key, or say kind: local"))
	}
	if p, ok := checkBaseURL(c.BaseURL); !ok {
		ps = append(ps, p)
	}
	ps = append(ps, incident.Under("auth", c.Auth.validate())...)
	switch c.Push {
	case "", PushBranch:
	case PushFork:
		if c.Auth.app() {
			ps = append(ps, incident.Problemf("push", "an app's installation has no account to keep a fork in").
				WithHint("push: branch, or a token of a machine user instead of the app"))
		}
	default:
		ps = append(ps, incident.Problemf("push", "unknown way to push %q", c.Push).WithHint("one of %s, %s", PushBranch, PushFork))
	}
	return ps
}

func (a Auth) app() bool { return a.AppID != 0 || a.InstallationID != 0 || a.PrivateKey != "" }

func (a Auth) validate() []incident.Problem {
	const which = "either token, or app_id, installation_id and private_key"
	switch {
	case a.Token == "" && !a.app():
		return []incident.Problem{incident.Problemf("", "GitHub needs to know who asks").
			WithHint("%s; write ${GITHUB_TOKEN} to take the token from the environment", which)}
	case a.Token != "" && a.app():
		return []incident.Problem{incident.Problemf("", "there are a token and an app; one of them decides what may be done").WithHint(which)}
	case a.Token != "":
		if strings.ContainsFunc(a.Token, func(r rune) bool { return r <= ' ' || r > '~' }) {
			return []incident.Problem{incident.Problemf("token", "a token has no white space and no letters beyond ASCII").
				WithHint("look for a line break at its end")}
		}
		return nil
	}
	var ps []incident.Problem
	if a.AppID <= 0 {
		ps = append(ps, incident.Problemf("app_id", "the app's number is missing").WithHint("it is on the app's settings page"))
	}
	if a.InstallationID <= 0 {
		ps = append(ps, incident.Problemf("installation_id", "the number of the app's installation is missing").
			WithHint("it ends the URL of the installation's settings page"))
	}
	if !filepath.IsAbs(a.PrivateKey) {
		ps = append(ps, incident.Problemf("private_key", "the app needs the absolute path of its private key's PEM file").
			WithHint("the path, not the key itself"))
	}
	return ps
}

// checkBaseURL takes https, and http for loopback addresses only: the token would travel in the clear.
func checkBaseURL(raw string) (incident.Problem, bool) {
	const where = "https://github.example.com/api/v3/, or leave it out for github.com"
	if raw == "" {
		return incident.Problem{}, true
	}
	u, err := url.Parse(raw)
	switch {
	case err != nil || u.Host == "" || u.Opaque != "":
		return incident.Problemf("base_url", "this is not a URL").WithHint(where), false
	case u.User != nil || u.RawQuery != "" || u.Fragment != "":
		return incident.Problemf("base_url", "the API's URL takes no user, password, query or fragment").WithHint(where), false
	case u.Scheme == "https" || u.Scheme == "http" && loopback(u.Hostname()):
		return incident.Problem{}, true
	}
	return incident.Problemf("base_url", "the URL is not https, so the token would travel in the clear").WithHint(where), false
}

func loopback(host string) bool {
	a, err := netip.ParseAddr(host)
	return err == nil && a.IsLoopback()
}
