package main

import (
	"os"
	"regexp"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// beLogwright makes the test binary be the real command, for tests that start and kill it.
const beLogwright = "LOGWRIGHT_TEST_BE_LOGWRIGHT"

func TestMain(m *testing.M) {
	if at := os.Getenv(dieAt); at != "" {
		os.Exit(mortal(at))
	}
	if os.Getenv(beLogwright) == "1" {
		os.Exit(logwright())
	}
	testscript.Main(m, map[string]func(){"logwright": func() { os.Exit(logwright()) }})
}

// TestScripts runs the stories of the command line, each a file of testdata/script.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		Cmds:                map[string]func(*testscript.TestScript, bool, []string){"await": await},
		UpdateScripts:       os.Getenv("UPDATE_SCRIPTS") == "1",
	})
}

// await runs a command again and again until its standard output matches a pattern: await PATTERN COMMAND ARG...
func await(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: await PATTERN COMMAND ARG...")
	}
	want := regexp.MustCompile("(?m)" + args[0])
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	deadline := time.NewTimer(time.Minute)
	defer deadline.Stop()
	for {
		err := ts.Exec(args[1], args[2:]...)
		if err == nil && want.MatchString(ts.ReadFile("stdout")) {
			return
		}
		select {
		case <-tick.C:
		case <-deadline.C:
			ts.Fatalf("no match for %q; the last output was\n%s%s", args[0], ts.ReadFile("stdout"), ts.ReadFile("stderr"))
		}
	}
}
