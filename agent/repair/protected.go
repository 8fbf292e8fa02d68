package repair

import (
	"path"
	"strings"
	"unicode"

	"github.com/bmatcuk/doublestar/v4"
)

// A branch that is pushed runs the repository's CI, with its secrets, before anybody has looked at it. What decides what runs
// there, and what runs just because a project is built or its tests are collected, is not for a model to change, whatever
// the operator allows. Names are compared in small letters.

// protectedDirs are directories of such files, at any depth.
var protectedDirs = set(
	".github", ".gitlab", ".gitea", ".forgejo", ".circleci", ".buildkite", ".woodpecker", ".teamcity", ".semaphore", ".tekton",
	".azure-pipelines", ".azuredevops", ".jenkins", ".ci", ".drone", ".harness", ".husky", ".githooks", ".hooks", ".vscode", ".idea",
	".devcontainer", ".cargo", ".mvn", ".yarn", ".bundle", ".config", ".changeset", ".pre-commit", ".direnv", ".storybook", ".meteor",
	"meta-inf", "buildsrc", "node_modules", "vendor", "third_party", "site-packages", "gradle", "__pycache__",
)

// protectedFiles are patterns for the last part of a path, at any depth.
var protectedFiles = []string{
	// CI and git
	"jenkinsfile*", ".gitlab-ci*", ".travis.yml", "appveyor.y*ml", ".appveyor.y*ml", "azure-pipelines*", "bitbucket-pipelines*", ".drone.*",
	".cirrus.*", ".woodpecker.*", "cloudbuild.*", "buildspec*.y*ml", "wercker.yml", "codefresh.yml", "codemagic.yaml", "screwdriver.yaml",
	"netlify.toml", "vercel.json", "fly.toml", "render.yaml", "heroku.yml", "app.json", "procfile*", "renovate.json*", ".renovaterc*",
	"*.jenkinsfile", "codecov.yml", "sonar-project.properties", "codeowners", "lefthook*", ".lefthook*", ".pre-commit*", ".git*", ".mailmap", ".envrc", ".env*",
	".editorconfig", ".lintstagedrc*", "lint-staged*", ".releaserc*", ".goreleaser*", "action.y*ml", "sweep.yaml", ".tool-versions",
	"mise.toml", ".mise.toml", "devbox.json", "flake.nix", "*.nix", ".nvmrc", ".node-version", ".python-version", ".ruby-version",
	// building in any language
	"makefile*", "gnumakefile*", "bsdmakefile*", "*.mk", "*.mak", "*.make", "*.syso", "makefile.*", "justfile", ".justfile", "*.just", "taskfile*.y*ml",
	"magefile*", "earthfile*", "tiltfile*", "vagrantfile*", "dockerfile*", "*.dockerfile", "containerfile*", ".dockerignore",
	"docker-compose*", "compose*.y*ml", "docker-bake*", "skaffold.y*ml", "*.tf", "*.tfvars", "*.hcl", "chart.yaml",
	"build", "build.bazel", "workspace", "workspace.bazel", "module.bazel", "*.bzl", "*.star", ".bazelrc", ".bazelversion", "buck", ".buckconfig",
	"pants.toml", "cmakelists.txt", "cmakepresets.json", "*.cmake", "meson.build", "meson_options.txt", "configure", "configure.*",
	"autogen*", "bootstrap", "*.am", "*.ac", "*.m4", "sconstruct", "sconscript", "wscript", "waf", "build.ninja", "premake*.lua", "xmake.lua",
	"*.sh", "*.bash", "*.zsh", "*.fish", "*.ps1", "*.psm1", "*.psd1", "*.bat", "*.cmd",
	"*.lock", "*.lockb", "*-lock.json", "*-lock.yaml", "*lock.yml", "*.sum", "npm-shrinkwrap.json",
	// Go
	"go.mod", "go.work", ".golangci.*",
	// Python
	"conftest.py", "setup.py", "setup.cfg", "pyproject.toml", "tox.ini", "noxfile.py", "pytest.ini", ".pytest.ini", "pytest.toml",
	"requirements*", "constraints*.txt", "pipfile*", "environment*.y*ml", "sitecustomize.py", "usercustomize.py", "*.pth", "manifest.in",
	"entry_points.txt", "fabfile.py", "dodo.py", "hatch*.toml", "pdm.toml", ".coveragerc", "mypy.ini", ".pylintrc", "pylintrc", ".flake8",
	"ruff.toml", ".ruff.toml", "pip.conf", "manage.py", "pdm_build.py", "hatch_build.py",
	// JavaScript
	"package.json", "pnpm-*", ".pnpm*", ".pnp.*", ".npmrc", ".yarnrc*", "bunfig.toml", "deno.json*", "lerna.json", "nx.json", "project.json",
	"turbo.json", "rush.json", "tsconfig*.json", "jsconfig*.json", "*.config.js", "*.config.ts", "*.config.mjs", "*.config.cjs", "*.config.mts",
	"*.config.cts", "*.config.json", "*.workspace.ts", "*.workspace.js", "gulpfile*", "gruntfile*", "jakefile*", "*.conf.js", "*.conf.ts",
	".babelrc*", ".eslintrc*", ".prettierrc*", ".mocharc*", ".nycrc*", ".c8rc*", ".swcrc", ".stylelintrc*", ".postcssrc*", ".jestrc*", ".ncurc*",
	".taprc", "mocha.opts", "jest.setup.*", "jest-setup.*", "jest.global*", "setuptests.*", "setup-tests.*", "vitest.setup.*", "test-setup.*", "test.setup.*",
	"globalsetup.*", "global-setup.*", "globalteardown.*", "binding.gyp", "*.gyp", "*.gypi", "browserslist", ".browserslistrc", "metro.config*",
	// Rust
	"build.rs", "cargo.toml", "rust-toolchain*", "rustfmt.toml", "clippy.toml", "nextest.toml", "deny.toml",
	// JVM
	"*.gradle", "*.gradle.kts", "gradle.properties", "gradlew*", "mvnw*", "pom.xml", "build.xml", "ivy.xml", "ivysettings.xml", "*.sbt", "build.sc",
	"build.properties", "maven*.xml", "settings.xml", "testng.xml", "deps.edn", "project.clj", "shadow-cljs.edn", "junit-platform.properties",
	// Ruby, PHP, .NET, and others
	"gemfile*", "gems.rb", "gems.locked", "*.gemspec", "rakefile*", "*.rake", ".rspec*", ".irbrc", "guardfile", "capfile", "spec_helper.rb",
	"rails_helper.rb", "test_helper.rb", "appraisals", "config.ru", "dangerfile*", "fastfile", "podfile*", "*.podspec",
	"composer.json", "phpunit.xml*", "phpunit.dist.xml", "phpstan.neon*", "bootstrap.php", ".php-cs-fixer*", "psalm.xml", "pest.php",
	"*.csproj", "*.fsproj", "*.vbproj", "*.vcxproj", "*.sln", "*.slnx", "*.props", "*.targets", "nuget.config", "global.json", "packages.config",
	"*.rsp", "*.runsettings", "*.cake", "mix.exs", "rebar.config*", "*.app.src", "test_helper.exs", "pubspec.yaml", "build.yaml", "package.swift",
	"package.resolved", "*.xcodeproj", "*.pbxproj", "*.cabal", "stack.yaml", "cabal.project*", "setup.hs", "setup.lhs", "dune", "dune-project",
	"*.opam", "shard.yml", "build.zig", "build.zig.zon", "*.nimble", "*.rockspec", ".busted", ".luacheckrc", "cpanfile", ".proverc", "makefile.pl", "build.pl",
	"dist.ini", "description", "namespace", ".rprofile", ".renviron", "project.toml", "manifest.toml", "foundry.toml", "hardhat.config*",
}

func set(words ...string) map[string]bool {
	m := make(map[string]bool, len(words))
	for _, w := range words {
		m[w] = true
	}
	return m
}

// folded gives the small letter that a file system without cases may take a letter for: the long s is an s there.
func folded(r rune) rune {
	least := r
	for f := unicode.SimpleFold(r); f != r; f = unicode.SimpleFold(f) {
		least = min(least, f)
	}
	return unicode.ToLower(least)
}

// protected says whether a path may never be touched by a patch.
func protected(p string) bool {
	p = strings.Map(folded, p)
	dir, file := path.Split(p)
	for part := range strings.SplitSeq(strings.Trim(dir, "/"), "/") {
		if protectedDirs[part] {
			return true
		}
	}
	for _, pattern := range protectedFiles {
		if ok, err := path.Match(pattern, file); ok && err == nil {
			return true
		}
	}
	return strings.HasPrefix(p, "debian/") || strings.HasPrefix(p, "project/") && strings.HasSuffix(p, ".scala") ||
		strings.HasPrefix(p, "scripts/") || strings.HasPrefix(p, "ci/") || strings.HasPrefix(p, "bin/ci/") || strings.HasPrefix(p, "tools/ci/") ||
		strings.HasPrefix(p, "build/") || p == "docs/conf.py" || p == "doc/conf.py" ||
		strings.HasPrefix(p, "config/") && strings.HasSuffix(p, ".exs") || strings.Contains("/"+p, "/minitest/") && strings.HasSuffix(p, "_plugin.rb")
}

// permitted says why a path may not be touched, "" where it may.
func (r Repository) permitted(p string) string {
	if protected(p) {
		return "it is run or read when the project is built, when its tests are collected, or in CI"
	}
	for _, g := range r.Deny {
		if doublestar.MatchUnvalidated(g, p) {
			return "the operator denies it (repository.deny: " + g + ")"
		}
	}
	if len(r.Allow) == 0 {
		return ""
	}
	for _, g := range r.Allow {
		if doublestar.MatchUnvalidated(g, p) {
			return ""
		}
	}
	return "it is in none of repository.allow"
}

// lockFile says that a file decides which dependencies a project has.
func lockFile(p string) bool {
	file := strings.ToLower(path.Base(p))
	for _, pattern := range []string{
		"*.lock", "*.lockb", "*-lock.json", "*-lock.yaml", "npm-shrinkwrap.json", "go.mod", "go.sum", "go.work*", "package.json", "requirements*",
		"constraints*.txt", "pyproject.toml", "setup.py", "setup.cfg", "pipfile*", "environment*.y*ml", "cargo.toml", "pom.xml", "*.gradle*",
		"gradle.properties", "libs.versions.toml", "gemfile*", "*.gemspec", "composer.json", "mix.exs", "*.csproj", "*.props", "packages.config",
		"rebar.config*", "pubspec.yaml", "package.swift", "*.cabal", "stack.yaml", "*.sbt", "deps.edn", ".npmrc", ".nvmrc", ".tool-versions",
	} {
		if ok, err := path.Match(pattern, file); ok && err == nil {
			return true
		}
	}
	return false
}
