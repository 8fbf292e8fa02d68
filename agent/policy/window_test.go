package policy

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"
)

func TestWindowOpen(t *testing.T) {
	for _, c := range []struct {
		window string
		at     string
		open   bool
	}{
		{"09:00-17:00", "2026-03-04T08:59:59Z", false},
		{"09:00-17:00", "2026-03-04T09:00:00Z", true},
		{"09:00-17:00", "2026-03-04T16:59:59Z", true},
		{"09:00-17:00", "2026-03-04T17:00:00Z", false},
		{"00:00-24:00", "2026-03-04T23:59:59Z", true},
		{"Mon-Fri 09:00-17:00", "2026-03-06T12:00:00Z", true},  // Friday
		{"Mon-Fri 09:00-17:00", "2026-03-07T12:00:00Z", false}, // Saturday
		{"Fri-Mon 09:00-17:00", "2026-03-08T12:00:00Z", true},
		{"Fri-Mon 09:00-17:00", "2026-03-10T12:00:00Z", false},
		{"sat,SUN 09:00-17:00", "2026-03-08T12:00:00Z", true},
		{"Fri 22:00-06:00", "2026-03-06T21:59:00Z", false},
		{"Fri 22:00-06:00", "2026-03-06T22:00:00Z", true},
		{"Fri 22:00-06:00", "2026-03-07T05:59:00Z", true}, // begun on Friday
		{"Fri 22:00-06:00", "2026-03-07T06:00:00Z", false},
		{"Fri 22:00-06:00", "2026-03-06T05:00:00Z", false}, // that would be Thursday's
		{"Sat 22:00-06:00", "2026-03-08T05:00:00Z", true},  // into Sunday
		{"09:00-17:00 UTC", "2026-03-04T12:00:00Z", true},
		{"09:00-17:00 Europe/Berlin", "2026-03-04T08:00:00Z", true},  // winter
		{"09:00-17:00 Europe/Berlin", "2026-07-01T07:00:00Z", true},  // summer
		{"09:00-17:00 Europe/Berlin", "2026-07-01T15:00:00Z", false}, // summer
		{"Thu 00:00-24:00 Asia/Tokyo", "2026-03-04T16:00:00Z", true}, // Thursday there
		{"09:00-10:00 Asia/Kolkata", "2026-03-04T03:30:00Z", true},
	} {
		w, err := parseWindow(c.window, time.LoadLocation)
		if err != nil {
			t.Fatal(err)
		}
		at, err := time.Parse(time.RFC3339, c.at)
		if err != nil {
			t.Fatal(err)
		}
		if w.open(at) != c.open {
			t.Errorf("%s at %s: open %v", c.window, c.at, !c.open)
		}
	}
}

// next against what a search minute by minute finds, also where clocks are put on and back.
func TestWindowNext(t *testing.T) {
	zones := []string{"UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata", "Antarctica/Troll", "America/St_Johns"}
	starts := []time.Time{
		noon, time.Date(2026, 3, 28, 20, 0, 0, 0, time.UTC), time.Date(2026, 10, 24, 20, 0, 0, 0, time.UTC),
		time.Date(2026, 3, 7, 20, 0, 0, 0, time.UTC), time.Date(2026, 10, 31, 20, 0, 0, 0, time.UTC), time.Date(2026, 4, 4, 8, 0, 0, 0, time.UTC),
	}
	const seed = 7
	random := rand.New(rand.NewPCG(seed, seed))
	checked := 0
	for n := range 400 {
		begin := random.IntN(day)
		if n%2 == 0 {
			begin = random.IntN(4 * 60) // clocks are changed at night
		}
		end := (begin + 1 + random.IntN(5*60)) % day
		text := fmt.Sprintf("%02d:%02d-%02d:%02d %s", begin/60, begin%60, end/60, end%60, zones[random.IntN(len(zones))])
		if random.IntN(2) == 0 {
			text = weekdays[random.IntN(7)] + "," + weekdays[random.IntN(7)] + " " + text
		}
		w, err := parseWindow(text, time.LoadLocation)
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		now := starts[random.IntN(len(starts))].Add(time.Duration(random.IntN(12*3600)) * time.Second)
		if w.open(now) {
			continue
		}
		want := now.Truncate(time.Minute).Add(time.Minute)
		for want.Before(now.AddDate(0, 0, 9)) && !w.open(want) {
			want = want.Add(time.Minute)
		}
		got, ok := w.next(now)
		checked++
		if !ok || !got.Equal(want) {
			t.Errorf("seed %d: %s after %s opens at %s, not at %s (%v)", seed, text, stamp(now), stamp(want), stamp(got), ok)
		}
	}
	if checked < 100 {
		t.Errorf("only %d were checked", checked)
	}
}

func TestWindowProblems(t *testing.T) {
	var b strings.Builder
	for _, text := range []string{
		"", "always", "9:00-17:00", "09:00", "09:00-17:00-18:00", "09:00 - 17:00", "Mon-Fri", "Mon..Fri 09:00-17:00", "Mo-Fr 09:00-17:00",
		"Monday 09:00-17:00", "Mon,,Tue 09:00-17:00", "Mon-Fri-Sat 09:00-17:00", "25:00-26:00", "09:60-10:00", "24:00-06:00", "24:01-06:00", "09:00-09:00",
		"09:00-17:00 Berlin", "09:00-17:00 Local", "09:00-17:00 ../../etc/passwd", "09:00-17:00 /etc/localtime",
		"09:00-17:00 Europe/Berlin now", "\x1b[31m", "x 09:00-17:00",
	} {
		_, err := parseWindow(text, time.LoadLocation)
		fmt.Fprintf(&b, "%q: %v\n", text, err)
		if err == nil {
			t.Errorf("%q was taken", text)
		}
	}
	golden(t, "windows.golden", b.String())
	if _, ps := New(config(Rule{Name: "r", When: "true", Then: "allow", Windows: []string{"09:00-17:00 Europe/Berlin"}}), Options{Mode: ModeObserve}); len(ps) != 1 {
		t.Errorf("without zones only UTC is known: %+v", ps)
	}
}
