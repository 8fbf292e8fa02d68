package main

import (
	"runtime"

	"github.com/coroot/logparser"
	"github.com/faceair/drain"

	"github.com/logwright/logwright/agent/cluster"
	"github.com/logwright/logwright/agent/incident"
	"github.com/logwright/logwright/collectors/events"
)

// clusterOurs clusters lines as messages, with the defaults. Add keeps nothing of a record, so the lines need not be copied.
func clusterOurs(path string, n int64) (spent, error) {
	c, err := cluster.New(cluster.Config{})
	if err != nil {
		return spent{}, err
	}
	r := incident.Record{Service: "bench", Severity: incident.SeverityInfo}
	s, err := eachLine(path, n, lent, func(line string) {
		r.Message = line
		c.Add(&r)
	})
	s.Clusters = c.Stats().Clusters
	return s, err
}

// clusterEvents does what the product does with raw lines: it joins them to events, reads their headers, severities and stacks, and
// clusters what is left. No peer does that.
func clusterEvents(path string, n int64) (spent, error) {
	c, err := cluster.New(cluster.Config{})
	if err != nil {
		return spent{}, err
	}
	j, err := events.NewJoiner(events.Config{})
	if err != nil {
		return spent{}, err
	}
	emit := func(r *incident.Record) {
		r.Service = "bench"
		c.Add(r)
	}
	l := events.Line{}
	s, err := eachLine(path, n, copied, func(line string) {
		l.Text = line
		l.Number++
		j.Add(l, emit)
	})
	j.Flush(emit)
	s.Clusters = c.Stats().Clusters
	return s, err
}

// clusterCoroot uses the parser as coroot's own command does: lines go in by a channel, and the time ends with the last one. The
// channel is buffered, which spares it a change of goroutines for each line. It only counts what has no level or is below
// a warning; what it clusters are the rest.
func clusterCoroot(path string, n int64) (spent, error) {
	in := make(chan logparser.LogEntry, 1024)
	p := logparser.NewParser(in, nil)
	s, err := eachLine(path, n, copied, func(line string) { in <- logparser.LogEntry{Content: line, Level: logparser.LevelUnknown} })
	for len(in) > 0 {
		runtime.Gosched()
	}
	s.Clusters = len(p.GetCounters())
	return s, err // without Stop, which closes a channel that the parser may still be sending to
}

// clusterFaceair trains with its default configuration, as its README does. It has no faster one: a deeper tree takes more clusters
// apart and is slower in the end.
func clusterFaceair(path string, n int64) (spent, error) {
	d := drain.New(drain.DefaultConfig())
	s, err := eachLine(path, n, copied, func(line string) { d.Train(line) })
	s.Clusters = len(d.Clusters())
	return s, err
}
