package events

import (
	"fmt"
	"testing"
)

// TestNumbersOfMessages: a word and two numbers that messages begin with are no module, process and thread, though there are few of
// each.
func TestNumbersOfMessages(t *testing.T) {
	of := func(i int, values ...string) string { return values[i*7%len(values)] }
	for name, line := range map[string]func(i int) string{
		"a status and a time": func(i int) string {
			return fmt.Sprintf("%s %s %d %s cart %d", of(i, "orders", "carts"), of(i/3, "200", "201", "404", "500"), 100+i%5*50, of(i/2, "served", "failed", "cached"), i%9)
		},
		"a place and a size": func(i int) string {
			return fmt.Sprintf("shelf %d %d %s box %d", i%4, 1000+i%3*500, of(i/2, "lost", "found", "moved"), i%9)
		},
		"two ports": func(i int) string {
			return fmt.Sprintf("port %s %s %s peer %d", of(i, "443", "80"), of(i/2, "500", "502"), of(i/3, "reset", "kept"), i%9)
		},
	} {
		t.Run(name, func(t *testing.T) {
			var lines []string
			for i := range 300 {
				lines = append(lines, fmt.Sprintf("2024-02-03 04:%02d:%02d INFO %s", i/60, i%60, line(i)))
			}
			got := added(t, Config{}, lines)
			for i := range got {
				if want := line(i); got[i].Message != want || got[i].PID != "" {
					t.Fatalf("%q: message %q, pid %q", lines[i], got[i].Message, got[i].PID)
				}
			}
			if len(got) != len(lines) {
				t.Fatalf("%d events", len(got))
			}
		})
	}
}
