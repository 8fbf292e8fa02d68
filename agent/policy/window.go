package policy

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/logwright/logwright/agent/incident"
)

// window is a time of the week, by the clock on the wall of its zone: where clocks are put back it is open for as long as they
// show its times, twice if need be.
type window struct {
	text       string
	days       [7]bool // on which it begins, by time.Weekday
	start, end int     // minutes of the day; end may be 24:00, or be before start: then it ends on the next day
	zone       *time.Location
}

const day = 24 * 60

var (
	windowForm = regexp.MustCompile(`^(?:(\S+) )?(\d\d:\d\d)-(\d\d:\d\d)(?: (\S+))?$`)
	weekdays   = []string{"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"}
)

const windowHint = `it looks like "Mon-Fri 09:00-17:00 Europe/Berlin", "Sat,Sun 22:00-06:00" or "00:00-06:00 UTC"`

// parseWindow reads "[DAYS] HH:MM-HH:MM [ZONE]". With a nil zone only the form of the zone's name is checked.
func parseWindow(text string, zone func(string) (*time.Location, error)) (window, error) {
	w := window{text: text, zone: time.UTC}
	m := windowForm.FindStringSubmatch(text)
	if m == nil {
		return w, fmt.Errorf("%q is not a window of time", text)
	}
	var err error
	if w.days, err = parseDays(m[1]); err != nil {
		return w, err
	}
	if w.start, err = parseTime(m[2]); err != nil {
		return w, err
	}
	if w.end, err = parseTime(m[3]); err != nil {
		return w, err
	}
	switch w.start {
	case day:
		return w, fmt.Errorf("%s can't be a beginning; that is 00:00 of the next day", m[2])
	case w.end:
		return w, fmt.Errorf("%s-%s is no time at all; the whole day is 00:00-24:00", m[2], m[3])
	}
	if name := m[4]; name != "" && name != "UTC" {
		if name == "Local" || strings.HasPrefix(name, "/") || strings.Contains(name, "..") {
			return w, fmt.Errorf("%q is no time zone; one looks like Europe/Berlin", name)
		}
		if zone == nil {
			return w, nil
		}
		if w.zone, err = zone(name); err != nil || w.zone == nil {
			return w, fmt.Errorf("%q is no time zone that is known; one looks like Europe/Berlin", name)
		}
	}
	return w, nil
}

func parseDays(s string) (days [7]bool, err error) {
	if s == "" {
		return [7]bool{true, true, true, true, true, true, true}, nil
	}
	for part := range strings.SplitSeq(s, ",") {
		from, to, span := strings.Cut(part, "-")
		a, err := parseDay(from)
		if err != nil {
			return days, err
		}
		b := a
		if span {
			if b, err = parseDay(to); err != nil {
				return days, err
			}
		}
		for d := a; ; d = (d + 1) % 7 {
			days[d] = true
			if d == b {
				break
			}
		}
	}
	return days, nil
}

func parseDay(s string) (int, error) {
	for i, name := range weekdays {
		if strings.EqualFold(s, name) {
			return i, nil
		}
	}
	if near := incident.Nearest(s[:min(len(s), 3)], weekdays); near != "" {
		return 0, fmt.Errorf("%q is not a day: did you mean %s?", s, near)
	}
	return 0, fmt.Errorf("%q is not a day (one of Mon, Tue, Wed, Thu, Fri, Sat, Sun)", s)
}

func parseTime(s string) (int, error) {
	h, _ := strconv.Atoi(s[:2]) // the form let only digits through
	m, _ := strconv.Atoi(s[3:])
	if h > 24 || m > 59 || h == 24 && m > 0 {
		return 0, fmt.Errorf("%q is not a time of the day", s)
	}
	return h*60 + m, nil
}

// open says whether t is in the window.
func (w window) open(t time.Time) bool {
	t = t.In(w.zone)
	m, today := t.Hour()*60+t.Minute(), t.Weekday()
	if w.start < w.end {
		return w.days[today] && w.start <= m && m < w.end
	}
	return w.days[today] && m >= w.start || w.days[(today+6)%7] && m < w.end
}

// next is the first minute after t in which the window is open, for a t at which it is not. False says that there is none
// within nine days.
func (w window) next(t time.Time) (time.Time, bool) {
	const shift = 3 * 60 // no zone puts its clocks on or back by more
	t = t.Truncate(time.Minute)
	for end := t.AddDate(0, 0, 9); t.Before(end); {
		local := t.In(w.zone)
		now := local.Hour()*60 + local.Minute()
		wait := 9 * day
		for d := range 8 {
			if at := d*day + w.start - now; at > 0 && w.days[(int(local.Weekday())+d)%7] {
				wait = min(wait, at)
			}
		}
		t = t.Add(time.Duration(max(1, wait-shift)) * time.Minute)
		if w.open(t) {
			return t, true
		}
	}
	return t, false
}

// opens says when the first of the windows opens next, "never" where none does.
func opens(ws []window, now time.Time) string {
	var first time.Time
	for _, w := range ws {
		if t, ok := w.next(now); ok && (first.IsZero() || t.Before(first)) {
			first = t
		}
	}
	if first.IsZero() {
		return "never"
	}
	return stamp(first)
}
