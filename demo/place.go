package demo

import (
	"bytes"
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"text/template"

	"github.com/logwright/logwright/agent/config"
	"github.com/logwright/logwright/agent/model"
)

// The service's sources end in .txt so that they are no package of ours.
//
//go:embed all:shop
var shopFiles embed.FS

//go:embed agent.yaml.tmpl
var agentYAML string

// place is where everything of a demo lies.
type place struct {
	dir string
}

func (p place) repository() string { return filepath.Join(p.dir, "repo.git") }
func (p place) service() string    { return filepath.Join(p.dir, "service") }
func (p place) program() string    { return filepath.Join(p.dir, "service", "shop") }
func (p place) run() string        { return filepath.Join(p.dir, "service", "run") }
func (p place) logs() string       { return filepath.Join(p.dir, "logs") }
func (p place) state() string      { return filepath.Join(p.dir, "state") }
func (p place) pulls() string      { return filepath.Join(p.dir, "pulls") }
func (p place) config() string     { return filepath.Join(p.dir, "agent.yaml") }
func (p place) daemonLog() string  { return filepath.Join(p.dir, "daemon.log") }
func (p place) told() string       { return filepath.Join(p.dir, "told.txt") }

// stolen is what the stranger's line of the demo wants to be made.
func (p place) stolen() string { return filepath.Join(p.dir, "stolen") }

// newPlace takes a directory that is not there or is empty, or makes one.
func newPlace(dir string) (p place, temporary bool, err error) {
	if dir == "" {
		dir, err = os.MkdirTemp("", "logwright-demo-")
		if err == nil {
			dir, err = filepath.EvalSymlinks(dir)
		}
		return place{dir}, true, err
	}
	if dir, err = filepath.Abs(dir); err != nil {
		return place{}, false, err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return place{}, false, err
	}
	// A stack trace has the real path of a source file.
	if dir, err = filepath.EvalSymlinks(dir); err != nil {
		return place{}, false, err
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return place{}, false, err
	}
	if len(entries) > 0 {
		return place{}, false, fmt.Errorf("%s is not empty: it holds %s", dir, entries[0].Name())
	}
	return place{dir}, false, nil
}

// makeRepository makes the service's repository and a work tree of it.
func (p place) makeRepository(ctx context.Context) error {
	if err := gitRun(ctx, p.dir, "init", "--quiet", "--bare", "--initial-branch=main", p.repository()); err != nil {
		return err
	}
	if err := gitRun(ctx, p.dir, "clone", "--quiet", p.repository(), p.service()); err != nil {
		return err
	}
	err := fs.WalkDir(shopFiles, "shop", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := shopFiles.ReadFile(name)
		if err != nil {
			return err
		}
		to := strings.TrimSuffix(strings.TrimPrefix(name, "shop/"), ".txt")
		if to == "gitignore" {
			to = ".gitignore"
		}
		to = filepath.Join(p.service(), filepath.FromSlash(to))
		if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
			return err
		}
		return os.WriteFile(to, b, 0o644)
	})
	if err != nil {
		return err
	}
	for _, args := range [][]string{
		{"checkout", "--quiet", "-B", "main"}, {"add", "."}, {"commit", "--quiet", "-m", "A small shop, with two faults"},
		{"push", "--quiet", "origin", "main"},
	} {
		if err := gitRun(ctx, p.service(), args...); err != nil {
			return err
		}
	}
	return nil
}

// gitRun runs git as nobody's configuration says.
func gitRun(ctx context.Context, dir string, args ...string) error {
	_, err := gitOutput(ctx, dir, args...)
	return err
}

func gitOutput(ctx context.Context, dir string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, "git", args...) //nolint:gosec // the demo's own arguments
	cmd.Dir = dir
	cmd.Env = []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + dir, "LC_ALL=C", "GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=/dev/null", "GIT_TERMINAL_PROMPT=0",
		"GIT_AUTHOR_NAME=Shop", "GIT_AUTHOR_EMAIL=shop@example.com", "GIT_COMMITTER_NAME=Shop", "GIT_COMMITTER_EMAIL=shop@example.com",
	}
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("git %s: %w: %s", args[0], err, bytes.TrimSpace(errs.Bytes()))
	}
	return out.String(), nil
}

// build compiles the service. It needs the standard library only, so nothing is fetched.
func (p place) build(ctx context.Context) error {
	cmd := exec.CommandContext(ctx, "go", "build", "-o", p.program(), ".") //nolint:gosec // the demo's own path
	cmd.Dir = p.service()
	cmd.Env = append(os.Environ(), "GOFLAGS=", "GOWORK=off", "GOPROXY=off", "GOTOOLCHAIN=local", "GO111MODULE=on", "GOOS=", "GOARCH=")
	out, err := cmd.CombinedOutput()
	if err != nil {
		return fmt.Errorf("go build: %w: %s", err, bytes.TrimSpace(out))
	}
	return nil
}

// configure writes agent.yaml and reads it as `run` does.
func (p place) configure(o Options) (*config.Config, error) {
	m, key := o.Model, ""
	if authored := m.Name == ""; authored {
		m = model.Endpoint{Provider: model.ProviderOpenAI, Name: authoredName, BaseURL: authoredURL}
	}
	if m.APIKey != "" {
		key = keyVariable
	}
	restart := []string{p.program(), "ctl", "restart", "{worker}"}
	if o.breakage.restart != nil {
		restart = o.breakage.restart
	}
	mode := config.ModeEnforce
	if o.breakage.observe {
		mode = config.ModeObserve
	}
	t, err := template.New("agent.yaml").Funcs(template.FuncMap{"quote": strconv.Quote}).Parse(agentYAML)
	if err != nil {
		return nil, err
	}
	var text bytes.Buffer
	err = t.Execute(&text, map[string]any{
		"Authored": o.Model.Name == "", "Mode": mode, "State": p.state(), "KillSwitch": filepath.Join(p.dir, "stop"), "Logs": p.logs(),
		"Repository": p.repository(), "Service": p.service(), "Program": p.program(), "Pulls": p.pulls(), "Model": m, "Key": key,
		"Restart": restart, "Silence": silence,
	})
	if err != nil {
		return nil, err
	}
	if err := os.WriteFile(p.config(), text.Bytes(), 0o600); err != nil {
		return nil, err
	}
	for _, dir := range []string{p.logs(), p.pulls()} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return nil, err
		}
	}
	env := func(name string) (string, bool) {
		if name == keyVariable {
			return m.APIKey, m.APIKey != ""
		}
		return os.LookupEnv(name)
	}
	return config.Load(p.config(), config.Options{Daemon: true, Env: env})
}

// remove takes a temporary place away.
func (p place) remove() error {
	// Go's module cache has directories that can't be written.
	err := filepath.WalkDir(p.dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() {
			return os.Chmod(path, 0o700) //nolint:gosec // it is about to go
		}
		return err
	})
	return errors.Join(err, os.RemoveAll(p.dir))
}
