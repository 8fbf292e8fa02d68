# Everything a maintainer runs. `make help` lists the targets.

GO      ?= go
TOOLS   := $(CURDIR)/.tools

# Pinned, so that a new release of a tool is a commit and not a surprise.
GOLANGCI_LINT_VERSION := v2.15.0
GOVULNCHECK_VERSION   := v1.9.0

# Time each fuzz target runs in `make fuzz`.
FUZZTIME ?= 30s

# Time that `make fuzz-nightly` takes in all.
FUZZNIGHT ?= 60m

.DEFAULT_GOAL := help
.PHONY: help build test test-deps test-crash lint vuln bench bench-diagnose bench-peers pgo score real-logs fuzz fuzz-nightly clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

build: ## bin/logwright, one static binary
	CGO_ENABLED=0 $(GO) build -trimpath -o bin/logwright ./cmd/logwright

# Without the profile, as with it all packages would be compiled twice.
test: test-deps ## install what the tests need, then run them all with the race detector
	$(GO) test -race -pgo=off -timeout 30m ./...

test-deps: ## install what the tests need (as root or by sudo; only what is missing)
	@scripts/test-deps

test-crash: test-deps ## kill -9 50 times under rotation at 50,000 lines/s, by rename and by copytruncate; the backlog of 1 GB
	LOGWRIGHT_TEST_FULL=1 $(GO) test -count=1 -timeout 30m -v -run 'TestKilledWhileRotated' ./cmd/logwright
	LOGWRIGHT_TEST_FULL=1 $(GO) test -count=1 -timeout 30m -v -run 'TestBacklogDelays' ./collectors/file

lint: $(TOOLS)/golangci-lint-$(GOLANGCI_LINT_VERSION) ## golangci-lint with .golangci.yml
	$< run ./...
	cd bench && $< run ./...

# Built with a fresh module list of its own: the linter's dependencies are none of ours.
$(TOOLS)/golangci-lint-$(GOLANGCI_LINT_VERSION):
	@mkdir -p $(TOOLS)
	@echo "building golangci-lint $(GOLANGCI_LINT_VERSION) once, into .tools/ (some minutes)"
	GOBIN=$(TOOLS) GOFLAGS= $(GO) install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(GOLANGCI_LINT_VERSION)
	@mv $(TOOLS)/golangci-lint $@

vuln: ## known vulnerabilities in what the binary really calls
	$(GO) run golang.org/x/vuln/cmd/govulncheck@$(GOVULNCHECK_VERSION) ./...

bench: ## every benchmark once, a second each
	$(GO) test -run '^$$' -bench . -benchmem ./...

# Flags: make bench-diagnose BENCHFLAGS='-size 200 -runs 1 -kinds mix'
bench-diagnose: build ## time and peak memory of `diagnose` on 1 GB and on hostile logs, beside a loop that counts lines
	cd bench && $(GO) run ./diagnose -binary $(CURDIR)/bin/logwright $(BENCHFLAGS)

# Flags: make bench-peers BENCHFLAGS=-quick. LOGWRIGHT_SHARED=DIR measures the samples in DIR/loghub, too.
bench-peers: ## tailing and clustering beside other libraries, in one run; writes docs/peers.md and docs/peers.svg
	cd bench && $(GO) test ./logs ./peers && $(GO) run -pgo=$(CURDIR)/cmd/logwright/default.pgo ./peers -out $(CURDIR)/docs $(BENCHFLAGS)

pgo: ## what the compiler is told to optimise for, cmd/logwright/default.pgo, from made-up logs of many kinds; a minute
	cd bench && $(GO) test ./pgo && $(GO) run ./pgo

# Flags: make score SCOREFLAGS='-lines 40000 -mistakes 3 -kinds kafka,redis'
score: build ## how well headers are found and lines clustered, on made-up logs whose truth is known
	cd bench && $(GO) run ./score -binary $(CURDIR)/bin/logwright $(SCOREFLAGS)

# Names: make real-logs REAL='postgres nginx'
real-logs: ## as root: run real software, provoke problems in it, and look whether all are found in its logs
	@dir=$$(mktemp -d) && trap 'rm -rf "$$dir"' EXIT && scripts/real-logs --dir "$$dir" $(REAL) && \
		LOGWRIGHT_REAL_LOGS="$$dir" $(GO) test -count 1 -run '^TestRealLogs$$' ./agent

fuzz: ## every fuzz target for FUZZTIME (30s)
	@scripts/fuzz $(FUZZTIME)

fuzz-nightly: ## an hour over all that reads strangers' bytes; what is found is kept in testdata/fuzz
	@scripts/fuzz --nightly $(FUZZNIGHT)

clean: ## remove what was built here
	rm -rf bin .tools
