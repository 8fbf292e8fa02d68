package github

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestValidate(t *testing.T) {
	const secret = "ghp_verysecret"
	good := Config{Kind: KindGitHub, Repository: "acme/api.v2", Auth: Auth{Token: secret}, Push: PushBranch}
	with := func(change func(*Config)) Config {
		c := good
		change(&c)
		return c
	}
	for name, c := range map[string]struct {
		config Config
		paths  string // of what is wrong
	}{
		"none":            {DefaultConfig(), ""},
		"local":           {Config{Kind: KindLocal}, ""},
		"local, all":      {Config{Kind: KindLocal, Repository: "/srv/x.git", Directory: "/srv/pulls", Push: PushBranch}, ""},
		"token":           {good, ""},
		"fork":            {with(func(c *Config) { c.Push = PushFork }), ""},
		"app":             {with(func(c *Config) { c.Auth = Auth{AppID: 1, InstallationID: 2, PrivateKey: "/k"} }), ""},
		"enterprise":      {with(func(c *Config) { c.BaseURL = "https://github.example.com/api/v3" }), ""},
		"loopback":        {with(func(c *Config) { c.BaseURL = "http://127.0.0.1:8080/" }), ""},
		"loopback 6":      {with(func(c *Config) { c.BaseURL = "http://[::1]:8080/" }), ""},
		"kind":            {Config{Kind: "gitlab"}, "kind"},
		"local, relative": {Config{Kind: KindLocal, Repository: "x.git", Directory: "pulls"}, "repository directory"},
		"local, GitHub's": {Config{Kind: KindLocal, BaseURL: "https://x", Auth: Auth{Token: secret}, Push: PushFork}, "base_url auth push"},
		"repository":      {with(func(c *Config) { c.Repository = "https://" + secret + "@github.com/acme/api" }), "repository"},
		"up":              {with(func(c *Config) { c.Repository = "acme/.." }), "repository"},
		"three parts":     {with(func(c *Config) { c.Repository = "a/b/c" }), "repository"},
		"directory":       {with(func(c *Config) { c.Directory = "/x" }), "directory"},
		"nobody":          {with(func(c *Config) { c.Auth = Auth{} }), "auth"},
		"both":            {with(func(c *Config) { c.Auth.AppID = 1 }), "auth"},
		"token's break":   {with(func(c *Config) { c.Auth.Token += "\n" }), "auth.token"},
		"half an app":     {with(func(c *Config) { c.Auth = Auth{PrivateKey: "key.pem"} }), "auth.app_id auth.installation_id auth.private_key"},
		"app and fork":    {with(func(c *Config) { c.Auth = Auth{AppID: 1, InstallationID: 2, PrivateKey: "/k"}; c.Push = PushFork }), "push"},
		"push":            {with(func(c *Config) { c.Push = "force" }), "push"},
		"http":            {with(func(c *Config) { c.BaseURL = "http://github.example.com" }), "base_url"},
		"a name":          {with(func(c *Config) { c.BaseURL = "http://localhost" }), "base_url"},
		"password":        {with(func(c *Config) { c.BaseURL = "https://x:" + secret + "@github.example.com" }), "base_url"},
		"query":           {with(func(c *Config) { c.BaseURL = "https://github.example.com?t=" + secret }), "base_url"},
		"no URL":          {with(func(c *Config) { c.BaseURL = ":" + secret }), "base_url"},
	} {
		t.Run(name, func(t *testing.T) {
			var paths []string
			for _, p := range c.config.Validate() {
				paths = append(paths, p.Path)
				if strings.Contains(fmt.Sprint(p), "verysecret") {
					t.Errorf("the secret is in %+v", p)
				}
				if p.Hint == "" {
					t.Errorf("%+v says not what to do", p)
				}
			}
			if got := strings.Join(paths, " "); got != c.paths {
				t.Errorf("problems at %q", got)
			}
			f, err := New(c.config, Options{Redact: redact, StateDir: t.TempDir()})
			switch {
			case c.paths != "" && (err == nil || strings.Contains(err.Error(), "verysecret")):
				t.Errorf("made: %v", err)
			case c.paths == "" && c.config.Kind != "" && c.config.Auth.PrivateKey == "" && (err != nil || f == nil):
				t.Error(err)
			}
		})
	}
}

func TestNewRefuses(t *testing.T) {
	key := filepath.Join(t.TempDir(), "key.pem")
	if err := os.WriteFile(key, []byte("not a key: verysecret"), 0o600); err != nil {
		t.Fatal(err)
	}
	app := func(key string) Config {
		return Config{Kind: KindGitHub, Repository: "a/b", Auth: Auth{AppID: 1, InstallationID: 2, PrivateKey: key}}
	}
	for name, c := range map[string]struct {
		config Config
		o      Options
	}{
		"no redaction": {Config{Kind: KindLocal}, Options{StateDir: "/x"}},
		"no state":     {Config{Kind: KindLocal}, Options{Redact: redact}},
		"no forge":     {Config{}, Options{Redact: redact}},
		"no key":       {app("/nonexistent/key.pem"), Options{Redact: redact}},
		"not a key":    {app(key), Options{Redact: redact}},
		"a directory":  {app(filepath.Dir(key)), Options{Redact: redact}},
	} {
		if _, err := New(c.config, c.o); err == nil || strings.Contains(err.Error(), "verysecret") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
