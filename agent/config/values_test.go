package config

import (
	"testing"
	"time"
)

func TestDurations(t *testing.T) {
	for in, want := range map[string]time.Duration{
		"0": 0, "0s": 0, "60s": time.Minute, "90d": 90 * day, "1w2d": 9 * day, "1.5h": 90 * time.Minute, "250ms": 250 * time.Millisecond,
		"1h30m": 90 * time.Minute,
	} {
		if got, err := parseDuration(in); err != nil || got != want {
			t.Errorf("%q: %v, %v", in, got, err)
		}
	}
	for _, in := range []string{"", "60", "-1s", "+1s", "1 h", "h", "1y", "1s ", "9999999999d", "1e3s", "1M"} {
		if got, err := parseDuration(in); err == nil {
			t.Errorf("%q was taken for %v", in, got)
		}
	}
	for in, want := range map[time.Duration]string{0: "0s", 90 * day: "90d", 24 * time.Hour: "24h", time.Minute: "1m", 1500 * time.Millisecond: "1.5s", 36 * time.Hour: "36h"} {
		if got := formatDuration(in); got != want {
			t.Errorf("%v: %s, want %s", in, got, want)
		}
	}
}

func TestSizes(t *testing.T) {
	for in, want := range map[string]int64{
		"0": 0, "17": 17, "17B": 17, "1KiB": 1024, "64 MiB": 64 << 20, "1.5GiB": 3 << 29, "2TiB": 2 << 40,
	} {
		if got, _, err := parseSize(in); err != nil || got != want {
			t.Errorf("%q: %v, %v", in, got, err)
		}
		if want > 0 {
			if got, _, err := parseSize(formatSize(want)); err != nil || got != want {
				t.Errorf("%d is written %s and read %d, %v", want, formatSize(want), got, err)
			}
		}
	}
	for in, hint := range map[string]string{
		"64MB": "write 64MiB; units count by 1024", "1g": "write 1GiB; units count by 1024", "5k": "write 5KiB; units count by 1024",
		"3pints": sizeExample, "-1": sizeExample, "": sizeExample, "99999999TiB": sizeExample,
	} {
		if got, h, err := parseSize(in); err == nil || h != hint {
			t.Errorf("%q: %d, hint %q, %v", in, got, h, err)
		}
	}
}
