package cluster

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/logwright/logwright/agent/incident"
)

// Reason says why s is a spike.
func (s Spike) Reason() *incident.Reason {
	return &incident.Reason{
		Text: fmt.Sprintf("%s in the %s from %s; %s usual, more than %s is a spike",
			events(int64(s.Count)), lasting(s.Window), moment(s.From), are(s.Baseline), round(s.Threshold)),
		Statistic: spikeStatistic, Observed: float64(s.Count), Expected: s.Baseline, Threshold: s.Threshold,
		From: s.From, Window: s.Window.Seconds(),
	}
}

// MixReason says why s, of Traffic.Mix, is a changed mix of levels.
func (s Share) MixReason() *incident.Reason {
	return s.reason(mixStatistic, "lines were warnings or worse", "is a change")
}

// RequestReason says why s, of Traffic.Failing, is too much.
func (s Share) RequestReason() *incident.Reason {
	return s.reason(requestStatistic, "requests were answered with 5xx", "is too much")
}

func (s Share) reason(statistic, were, what string) *incident.Reason {
	usual := "nothing is known of what is usual yet,"
	if s.Known {
		usual = percent(s.Baseline) + " is usual,"
	}
	return &incident.Reason{
		Text: fmt.Sprintf("%s of %s %s (%s) in the %s from %s; %s more than %s %s",
			thousands(s.Count), thousands(s.Of), were, percent(s.Value()), lasting(s.Window), moment(s.From), usual, percent(s.Threshold), what),
		Statistic: statistic, Observed: s.Value(), Expected: s.Baseline, Threshold: s.Threshold,
		From: s.From, Window: s.Window.Seconds(),
	}
}

// Reason says why s is a silence. until is when it was noticed.
func (s Silence) Reason(until time.Time) *incident.Reason {
	text := fmt.Sprintf("no line since %s, for %s; %s without one are allowed", moment(s.Last), lasting(until.Sub(s.Last)), lasting(s.Allowed))
	if s.Last.IsZero() {
		text = fmt.Sprintf("no line since it is watched, from %s on, for %s; %s without one are allowed",
			moment(s.Since), lasting(until.Sub(s.Since)), lasting(s.Allowed))
	}
	silent := until.Sub(s.Since).Seconds()
	return &incident.Reason{Text: text, Observed: silent, Threshold: s.Allowed.Seconds(), From: s.Since, Window: silent}
}

// NewReason says why what was never seen before is looked at.
func NewReason(first time.Time, sev, threshold incident.Severity) *incident.Reason {
	return &incident.Reason{
		Text: fmt.Sprintf("never seen before; first at %s, with severity %s (problems are %s and worse)", moment(first), sev, threshold), From: first,
	}
}

// ReturnedReason says why what was resolved is looked at again.
func ReturnedReason(seen, resolved time.Time) *incident.Reason {
	text := fmt.Sprintf("seen again at %s; it was resolved at %s", moment(seen), moment(resolved))
	if d := seen.Sub(resolved); d > 0 && !seen.IsZero() && !resolved.IsZero() {
		text += ", " + lasting(d) + " before"
	}
	return &incident.Reason{Text: text, From: seen}
}

func events(n int64) string {
	if n == 1 {
		return "1 event"
	}
	return thousands(n) + " events"
}

func are(usual float64) string {
	if s := round(usual); s != "1" {
		return s + " are"
	}
	return "1 is"
}

// round gives a count with as much precision as a reader has use for.
func round(f float64) string {
	if f >= 10 || f == float64(int64(f)) {
		return thousands(int64(f))
	}
	return strconv.FormatFloat(f, 'f', 1, 64)
}

func percent(share float64) string {
	p := 100 * share
	if p != 0 && p < 0.01 {
		return "less than 0.01 %"
	}
	digits := 0
	switch {
	case p == 0 || p == 100:
	case p < 1:
		digits = 2
	case p < 10 || p > 99:
		digits = 1
	}
	return strconv.FormatFloat(p, 'f', digits, 64) + " %"
}

func thousands(n int64) string {
	s := strconv.FormatInt(n, 10)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// lasting gives a duration: "5 minutes", "1h3m".
func lasting(d time.Duration) string {
	if d >= 2*time.Minute && d < time.Hour && d%time.Minute == 0 {
		return fmt.Sprintf("%d minutes", d/time.Minute)
	}
	if d >= time.Minute {
		d = d.Round(time.Second)
	} else {
		d = d.Round(time.Millisecond)
	}
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

func moment(t time.Time) string {
	if t.IsZero() {
		return "a time that is not known"
	}
	return t.UTC().Format(time.RFC3339)
}
