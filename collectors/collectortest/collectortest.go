// Package collectortest is the conformance suite that every collector passes: what collectors.Collector promises, as tests.
package collectortest

import (
	"testing"

	"github.com/logwright/logwright/collectors"
)

// Source is something to collect from, made for one test.
type Source struct {
	// New gives a collector of the source, as a process that was just started would make it. It reads from the
	// beginning where the cursor says nothing.
	New func(t *testing.T) collectors.Collector
	// Append writes lines to the source, as the service would. They are safe to be read when it returns.
	Append func(t *testing.T, lines []string)
	// Wake makes the running collector look, nil where it finds out by itself.
	Wake func()
	// Ends says that Collect returns at the end of the source by itself. Else it goes on until its context ends.
	Ends bool
	// Resumable says that a collector goes on where a committed cursor says. Standard input can't.
	Resumable bool
}

// Run tests the sources that newSource makes; each is used for one subtest.
func Run(t *testing.T, newSource func(t *testing.T) Source) {
	t.Fatal("collectortest: not built yet")
}
