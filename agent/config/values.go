package config

import (
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// What to write, as hints say it.
const (
	durationExample = "a duration looks like 30s, 10m, 24h or 90d"
	sizeExample     = "a size looks like 64MiB"
)

const day = 24 * time.Hour

var durationPart = regexp.MustCompile(`^([0-9]+(?:\.[0-9]+)?)(ns|us|µs|ms|s|m|h|d|w)`)

var durationUnits = map[string]time.Duration{
	"ns": time.Nanosecond, "us": time.Microsecond, "µs": time.Microsecond, "ms": time.Millisecond,
	"s": time.Second, "m": time.Minute, "h": time.Hour, "d": day, "w": 7 * day,
}

// parseDuration reads "60s", "1h30m", "90d". It is stricter than time.ParseDuration (no sign) and knows days and weeks.
func parseDuration(text string) (time.Duration, error) {
	const not = "%q is not a duration"
	if text == "0" {
		return 0, nil
	}
	var sum float64
	rest := text
	for rest != "" {
		m := durationPart.FindStringSubmatch(rest)
		if m == nil {
			return 0, fmt.Errorf(not, text)
		}
		n, err := strconv.ParseFloat(m[1], 64)
		if err != nil {
			return 0, fmt.Errorf(not, text)
		}
		sum += n * float64(durationUnits[m[2]])
		rest = rest[len(m[0]):]
	}
	if text == "" {
		return 0, fmt.Errorf(not, text)
	}
	if sum >= math.MaxInt64 {
		return 0, fmt.Errorf("%q is too long", text)
	}
	return time.Duration(math.Round(sum)), nil
}

// formatDuration is the reverse, in the largest unit that fits.
func formatDuration(d time.Duration) string {
	for _, u := range []struct {
		name string
		unit time.Duration
	}{{"d", day}, {"h", time.Hour}, {"m", time.Minute}, {"s", time.Second}} {
		// Up to two days are told in hours, as people do.
		if d >= u.unit && d%u.unit == 0 && (u.unit != day || d > 2*day) {
			return strconv.FormatInt(int64(d/u.unit), 10) + u.name
		}
	}
	if d == 0 {
		return "0s"
	}
	return d.String()
}

var sizeText = regexp.MustCompile(`^([0-9]+(?:\.[0-9]+)?) ?([A-Za-z]*)$`)

var sizeUnits = []string{"B", "KiB", "MiB", "GiB", "TiB"}

// parseSize reads "64MiB" or a plain number of bytes. Decimal units are refused: some tools mean 1000 by MB and some 1024.
func parseSize(text string) (n int64, hint string, err error) {
	m := sizeText.FindStringSubmatch(text)
	if m == nil {
		return 0, sizeExample, fmt.Errorf("%q is not a size", text)
	}
	f, err := strconv.ParseFloat(m[1], 64)
	if err != nil {
		return 0, sizeExample, fmt.Errorf("%q is not a size", text)
	}
	unit := 1.0
	if m[2] != "" {
		found := false
		for _, u := range sizeUnits {
			if u == m[2] {
				found = true
				break
			}
			unit *= 1024
		}
		if !found {
			return 0, sizeHint(m[1], m[2]), fmt.Errorf("%q is not a size: %s is no unit (%s)", text, m[2], strings.Join(sizeUnits, ", "))
		}
	}
	if f*unit >= math.MaxInt64 {
		return 0, sizeExample, fmt.Errorf("%q is too large", text)
	}
	return int64(math.Round(f * unit)), "", nil
}

func sizeHint(number, unit string) string {
	for _, u := range sizeUnits[1:] {
		if strings.EqualFold(unit[:1], u[:1]) {
			return fmt.Sprintf("write %s%s; units count by 1024", number, u)
		}
	}
	return sizeExample
}

// formatSize is the reverse, in the largest unit that fits.
func formatSize(n int64) string {
	i := 0
	for i < len(sizeUnits)-1 && n != 0 && n%1024 == 0 {
		n, i = n/1024, i+1
	}
	return strconv.FormatInt(n, 10) + sizeUnits[i]
}

var (
	variable        = regexp.MustCompile(`^\$\{([A-Za-z_][A-Za-z0-9_]*)\}$`)
	variableInside  = regexp.MustCompile(`\$\{[A-Za-z_][A-Za-z0-9_]*\}`)
	variableBare    = regexp.MustCompile(`^\$[A-Z_][A-Z0-9_]*$`)
	variableDefault = regexp.MustCompile(`^\$\{([A-Za-z_][A-Za-z0-9_]*)[^A-Za-z0-9_}].*\}$`)
)
