package diagnose

import (
	"strings"
	"testing"

	"github.com/logwright/logwright/agent/incident"
)

// What a run of the CLI pays before it can diagnose anything.
func BenchmarkNew(b *testing.B) {
	for b.Loop() {
		if _, err := New(Config{}, nil, Options{Redact: func(s string) string { return s }}); err != nil {
			b.Fatal(err)
		}
	}
}

// An event that nothing matches, against one pass over its bytes: what the prefilter costs beyond reading.
func BenchmarkMatch(b *testing.B) {
	text := strings.Repeat("2026-03-04T10:11:12Z INFO worker 42 finished job 1234 in 12ms, queue is empty\n", 50)
	sigs, err := loadBuiltin()
	if err != nil {
		b.Fatal(err)
	}
	b.Run("signatures", func(b *testing.B) {
		b.SetBytes(int64(len(text)))
		for b.Loop() {
			if hits := sigs.match(eventOf(text)); len(hits) > 0 {
				b.Fatal(ids(hits))
			}
		}
	})
	b.Run("limit-one-pass", func(b *testing.B) {
		b.SetBytes(int64(len(text)))
		for b.Loop() {
			if strings.Count(text, "\x00") != 0 {
				b.Fatal()
			}
		}
	})
}

func BenchmarkOffline(b *testing.B) {
	d, err := New(Config{}, nil, Options{Redact: func(s string) string { return s }})
	if err != nil {
		b.Fatal(err)
	}
	raw := "ERROR could not serve: dial tcp 10.0.0.5:5432: connect: connection refused"
	inc := incident.Incident{Service: "api", Samples: []incident.Sample{{Record: incident.Record{Raw: raw, Message: raw, File: "app.log", FirstLine: 1}}}}
	for b.Loop() {
		d.Offline(inc)
	}
}

func BenchmarkFlag(b *testing.B) {
	text := strings.Repeat("2026-03-04T10:11:12Z INFO the agent must be restarted, please see the instructions of the system\n", 100)
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		Flag(text)
	}
}
