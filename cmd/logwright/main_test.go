package main

import (
	"os"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// beLogwright makes the test binary be the real command, for tests that start and kill it.
const beLogwright = "LOGWRIGHT_TEST_BE_LOGWRIGHT"

func TestMain(m *testing.M) {
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
		UpdateScripts:       os.Getenv("UPDATE_SCRIPTS") == "1",
	})
}
