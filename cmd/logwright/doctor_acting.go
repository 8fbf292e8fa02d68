package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/logwright/logwright/agent/config"
	"github.com/logwright/logwright/agent/git"
	"github.com/logwright/logwright/agent/github"
	"github.com/logwright/logwright/agent/policy"
	"github.com/logwright/logwright/agent/redact"
	"github.com/logwright/logwright/agent/repair/sandbox"
	"github.com/logwright/logwright/agent/store"
	"github.com/logwright/logwright/remediations"
)

// acting looks at what actions need: the policy, the kill switch, repositories, the sandbox, the forge and the remediations. Of a
// configuration that asks for none of them it says nothing.
func acting(ctx context.Context, cfg *config.Config) []finding {
	var out []finding
	repositories := 0
	for i := range cfg.Services {
		s := &cfg.Services[i]
		if s.Repository == nil {
			continue
		}
		repositories++
		out = append(out, repositoryFinding("repository "+s.Name, s.Repository.Path, s.Repository.Base))
	}
	if repositories > 0 || cfg.Forge.Kind != "" {
		out = append(out, gitFinding())
	}
	if repositories > 0 {
		out = append(out, sandboxFinding(cfg))
	}
	if cfg.Forge.Kind != "" {
		out = append(out, forgeFinding(cfg))
	}
	for i := range cfg.Remediations {
		out = append(out, remediationFinding(&cfg.Remediations[i]))
	}
	stopped := killSwitchFinding(ctx, cfg)
	asked := cfg.Enforce() || len(cfg.Policy.Rules) > 0 || len(out) > 0
	if asked {
		out = append(out, policyFinding(cfg))
	}
	if asked || stopped.Status != statusOK {
		out = append(out, stopped)
	}
	if cfg.Enforce() && os.Geteuid() == 0 {
		out = append(out, finding{
			"user", statusWarning, "this is root: the daemon needs no root, and as root each remediation is root's",
			"run the daemon as a user of its own, and doctor as that user: sudo -u logwright logwright doctor",
		})
	}
	return out
}

func policyFinding(cfg *config.Config) finding {
	if _, ps := policy.New(cfg.Policy, cfg.PolicyOptions()); len(ps) > 0 {
		return finding{"policy", statusFailed, ps[0].Path + ": " + ps[0].Message, ps[0].Hint}
	}
	rules := count(len(cfg.Policy.Rules), "rule", "rules")
	switch {
	case len(cfg.Policy.Rules) == 0 && cfg.Enforce():
		return finding{"policy", statusWarning, "enforce, without rules: everything is denied", "add a rule to policy.rules; docs/policy.md has examples"}
	case len(cfg.Policy.Rules) == 0:
		return finding{"policy", statusOK, "observe, without rules: nothing is done, and everything would be denied", ""}
	case !cfg.Enforce():
		return finding{"policy", statusOK, "observe, " + rules + ": decisions are recorded, and nothing is done", ""}
	}
	acts := 0
	for _, r := range cfg.Policy.Rules {
		if r.Then != "deny" && r.Mode != config.ModeObserve {
			acts++
		}
	}
	if acts == 0 {
		return finding{"policy", statusWarning, "enforce, " + rules + ", and each denies or only observes: nothing is ever done", "give a rule then: ask, or take its mode: observe away"}
	}
	return finding{"policy", statusOK, "enforce, " + rules, ""}
}

// killSwitchFinding looks at the file and at what the state has of `logwright stop-all`.
func killSwitchFinding(ctx context.Context, cfg *config.Config) finding {
	const name, fix = "kill switch", "logwright resume, when actions may go on"
	switch _, err := os.Lstat(cfg.KillSwitch); {
	case err == nil:
		return finding{name, statusWarning, "on: " + cfg.KillSwitch + " exists, and nothing is done", fix}
	case !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, syscall.ENOTDIR):
		return finding{name, statusFailed, fmt.Sprintf("can't be looked at, so it counts as on: %v", err), "let the user the daemon runs as enter " + filepath.Dir(cfg.KillSwitch)}
	}
	st, err := store.Open(ctx, cfg.State, store.Options{ReadOnly: true})
	if err == nil {
		defer st.Close()
		stop, err := st.Stopped(ctx)
		switch {
		case err != nil:
			return finding{name, statusFailed, err.Error(), ""}
		case stop.On:
			return finding{name, statusWarning, fmt.Sprintf("on since %s, by %s: nothing is done", stop.At.UTC().Format("2006-01-02 15:04:05"), stop.Who), fix}
		}
	}
	return finding{name, statusOK, "off; " + cfg.KillSwitch + " turns it on", ""}
}

// programPath finds a program as a command is started: by its full path or on the PATH, and never below the working directory.
func programPath(name string) (string, error) {
	path, err := exec.LookPath(name)
	if err != nil {
		return "", err
	}
	if !filepath.IsAbs(path) {
		return "", fmt.Errorf("%s is below the working directory: a daemon has none", path)
	}
	return path, nil
}

func gitFinding() finding {
	path, err := programPath("git")
	if err != nil {
		return finding{"git", statusFailed, "git is not installed", "apt-get install git"}
	}
	return finding{"git", statusOK, path, ""}
}

func repositoryFinding(name, path, base string) finding {
	const fix = "name a git repository that the user the daemon runs as may read"
	commit, err := git.Ref(path, base)
	switch {
	case err != nil:
		return finding{name, statusFailed, err.Error(), fix}
	case commit == "":
		return finding{name, statusFailed, fmt.Sprintf("%s has no branch %s", path, base), "write the branch that patches are for at services[].repository.base"}
	}
	for _, dir := range []string{filepath.Join(path, ".git", "objects"), filepath.Join(path, "objects")} {
		if _, err := os.ReadDir(dir); err != nil && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, syscall.ENOTDIR) {
			return finding{name, statusFailed, err.Error(), fix}
		}
	}
	return finding{name, statusOK, fmt.Sprintf("%s, %s stands at %.12s", path, base, commit), ""}
}

// sandboxFinding makes a sandbox as the daemon does, and has it run a command that does nothing.
func sandboxFinding(cfg *config.Config) finding {
	const name = "sandbox"
	r, err := redact.New(cfg.Redact)
	if err != nil {
		return finding{name, statusFailed, err.Error(), ""}
	}
	sb, err := sandbox.New(cfg.Sandbox, sandbox.Options{Redact: r.Text})
	if none, ok := errors.AsType[*sandbox.UnavailableError](err); ok {
		return finding{name, statusFailed, none.Why + ": patches can't be proven, and are given as advice only", none.Fix}
	}
	if err != nil {
		return finding{name, statusFailed, err.Error(), ""}
	}
	return finding{name, statusOK, strings.Join(append([]string{cfg.Sandbox.Engine + ": a command that does nothing ran"}, sb.Bounds()...), "; "), ""}
}

// forgeFinding looks at what is on this host. It makes no request.
func forgeFinding(cfg *config.Config) finding {
	f, name := cfg.Forge, "forge"
	if f.Kind == github.KindGitHub {
		if f.Auth.PrivateKey != "" {
			fi, err := os.Stat(f.Auth.PrivateKey)
			if err == nil {
				var file *os.File
				if file, err = os.Open(f.Auth.PrivateKey); err == nil {
					_ = file.Close()
				}
			}
			switch {
			case err != nil:
				return finding{name, statusFailed, "the app's private key: " + err.Error(), "make the file readable for the user the daemon runs as, and for nobody else"}
			case fi.Mode().Perm()&0o007 != 0:
				return finding{name, statusWarning, fmt.Sprintf("the app's private key %s is open to every user of the host (mode %04o)", f.Auth.PrivateKey, fi.Mode().Perm()),
					"chmod o= " + f.Auth.PrivateKey}
			}
		}
		return finding{name, statusOK, "github " + f.Repository + ", not tried: doctor sends nothing", ""}
	}
	bare := []string{f.Repository}
	if f.Repository == "" {
		bare = bare[:0]
		for _, s := range cfg.Services {
			if s.Repository != nil {
				bare = append(bare, s.Repository.Path)
			}
		}
	}
	for _, dir := range bare {
		for _, d := range []string{"objects", "refs"} {
			if err := accessWrite(filepath.Join(dir, d)); err != nil {
				return finding{name, statusFailed, fmt.Sprintf("branches can't be written to %s: %s: %v", dir, d, err),
					"name a bare repository (git init --bare) at forge.repository that the daemon may write to; its systemd unit needs ReadWritePaths= for it, unless it is below the state directory"}
			}
		}
	}
	pulls := f.Directory
	if pulls != "" {
		if err := writable(filepath.Dir(pulls), pulls); err != nil {
			return finding{name, statusFailed, "descriptions can't be written: " + err.Error(), "create " + pulls + ", owned by the user the daemon runs as; its systemd unit needs ReadWritePaths= for it, unless it is below the state directory"}
		}
	} else {
		pulls = filepath.Join(cfg.State, "pulls")
	}
	return finding{name, statusOK, "local, descriptions in " + pulls, ""}
}

func remediationFinding(c *remediations.Config) finding {
	name := "remediation " + c.Name
	var program string
	for _, argv := range [][]string{c.Verify.Probe, c.Undo, c.Check, c.Run} {
		if len(argv) == 0 {
			continue
		}
		path, err := programPath(argv[0])
		if err != nil {
			return finding{name, statusFailed, err.Error(), "install the program, or write its full path"}
		}
		fi, err := os.Stat(path)
		if err != nil {
			return finding{name, statusFailed, err.Error(), ""}
		}
		if fi.Mode().Perm()&0o002 != 0 {
			return finding{name, statusWarning, fmt.Sprintf("every user of the host can change %s (mode %04o)", path, fi.Mode().Perm()), "chmod o-w " + path}
		}
		program = path
	}
	return finding{name, statusOK, program, ""}
}
