package cluster

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/logwright/logwright/agent/incident"
)

var noon = time.Date(2026, 3, 14, 12, 0, 0, 0, time.UTC)

func TestDecide(t *testing.T) {
	const e, w, i = incident.SeverityError, incident.SeverityWarning, incident.SeverityInfo
	for _, tc := range []struct {
		name string
		s    Situation
		want incident.Trigger
	}{
		{"new error", Situation{Severity: e, Threshold: e}, incident.TriggerNew},
		{"known below the threshold, now an error", Situation{Severity: e, Threshold: e}, incident.TriggerNew},
		{"new warning", Situation{Severity: w, Threshold: e}, ""},
		{"spike of warnings", Situation{Severity: w, Threshold: e, Spike: true}, incident.TriggerSpike},
		{"spike of infos is traffic", Situation{Severity: i, Threshold: e, Spike: true}, ""},
		{"spike of what says no severity", Situation{Threshold: e, Spike: true}, ""},
		{"open", Situation{Episode: incident.StateOpen, Severity: e, Threshold: e}, ""},
		{"open and spiking", Situation{Episode: incident.StateOpen, Severity: e, Threshold: e, Spike: true}, incident.TriggerSpike},
		{"diagnosed and spiking", Situation{Episode: incident.StateDiagnosed, Severity: e, Threshold: e, Spike: true}, incident.TriggerSpike},
		{"back", Situation{Episode: incident.StateResolved, ResolvedAt: noon, At: noon.Add(time.Minute), Severity: e, Threshold: e}, incident.TriggerReturned},
		{"back, without times", Situation{Episode: incident.StateResolved, Severity: e, Threshold: e}, incident.TriggerReturned},
		{"late line of the resolved episode", Situation{Episode: incident.StateResolved, ResolvedAt: noon, At: noon, Severity: e, Threshold: e}, ""},
		{"back below the threshold", Situation{Episode: incident.StateResolved, Severity: w, Threshold: e}, ""},
		{"ignored", Situation{Episode: incident.StateIgnored, Severity: incident.SeverityFatal, Threshold: e, Spike: true}, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := Decide(tc.s); got != tc.want {
				t.Errorf("got %q, want %q", got, tc.want)
			}
		})
	}
}

// feed gives one event after another, rate(minute) of them in each minute, and counts the spikes.
func feed(b *Baselines, from time.Time, minutes int, lag time.Duration, rate func(minute int) int) (spikes []Spike) {
	for m := range minutes {
		n := rate(m)
		for k := range n {
			at := from.Add(time.Duration(m)*time.Minute + time.Duration(k)*time.Minute/time.Duration(n))
			if s, ok := b.Observe(Observation{Cluster: "lw-a", At: at, Now: at.Add(lag), N: 1}); ok {
				spikes = append(spikes, s)
			}
		}
	}
	return spikes
}

func TestSpike(t *testing.T) {
	day := 24 * 60
	for _, tc := range []struct {
		name    string
		minutes int
		rate    func(int) int
		want    int
	}{
		{"steady", day, func(int) int { return 10 }, 0},
		{"storm after a day", day + 20, func(m int) int { return pick(m >= day, 100, 10) }, 1},
		{"rare, then a storm", day + 5, func(m int) int { return pick(m >= day, 30, pick(m%240 == 0, 1, 0)) }, 1},
		{"one storm of hours fires once", day + 180, func(m int) int { return pick(m >= day, 60, 1) }, 1},
		{"a storm that flickers fires once", day + 120, func(m int) int { return pick(m >= day && m%10 < 5, 60, 1) }, 1},
		{"two storms with quiet between, the second bigger", day + 200, func(m int) int {
			return pick(m >= day && m < day+5, 60, pick(m >= day+120 && m < day+125, 200, 1))
		}, 2},
		{"a storm from the first minute has no past", 50, func(int) int { return 500 }, 0},
		{"hourly job", 3 * day, func(m int) int { return pick(m%60 == 0, 80, 1) }, 0},
		{"few are no storm", day + 5, func(m int) int { return pick(m >= day, 3, 0) + pick(m == 0, 1, 0) }, 0},
		{"slow growth", 3 * day, func(m int) int { return 5 + m/400 }, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := feed(NewBaselines(0), noon, tc.minutes, time.Second, tc.rate)
			if len(got) != tc.want {
				t.Errorf("%d spikes, want %d: %+v", len(got), tc.want, got)
			}
			for _, s := range got {
				if float64(s.Count) <= s.Threshold || s.Window != spikeWindow || s.Cluster != "lw-a" || s.From.IsZero() {
					t.Errorf("%+v", s)
				}
			}
		})
	}
}

func pick(when bool, a, b int) int {
	if when {
		return a
	}
	return b
}

// Poisson noise around any mean must not fire in a day, with some margin.
func TestNoSpikeFromNoise(t *testing.T) {
	rnd := rand.New(rand.NewPCG(5, 6))
	poisson := func(mean float64) int {
		limit, k, p := math.Exp(-mean), 0, 1.0
		for p *= rnd.Float64(); p > limit; p *= rnd.Float64() {
			k++
		}
		return k
	}
	fired := 0
	for run := range 40 {
		mean := []float64{0.05, 0.5, 3, 20}[run%4]
		fired += len(feed(NewBaselines(0), noon, 24*60, 0, func(int) int { return poisson(mean) }))
	}
	if fired > 1 {
		t.Errorf("%d alarms in 40 days of noise", fired)
	}
}

func TestNoSpikeFromThePast(t *testing.T) {
	storm := func(m int) int { return pick(m >= 24*60, 200, 2) }
	t.Run("replayed file", func(t *testing.T) {
		if got := feed(NewBaselines(0), noon, 25*60, 48*time.Hour, storm); len(got) > 0 {
			t.Errorf("%+v", got)
		}
	})
	t.Run("the same again, hours later", func(t *testing.T) {
		b := NewBaselines(0)
		if got := feed(b, noon, 25*60, 0, storm); len(got) != 1 {
			t.Fatalf("%d spikes, want 1", len(got))
		}
		for _, later := range []time.Duration{0, time.Minute, 2 * time.Hour, 23 * time.Hour, 100 * time.Hour} {
			now := noon.Add(25*time.Hour + later)
			for m := range 25 * 60 {
				at := noon.Add(time.Duration(m) * time.Minute)
				if s, ok := b.Observe(Observation{Cluster: "lw-a", At: at, Now: now, N: storm(m)}); ok {
					t.Errorf("read again after %s: %+v", later, s)
				}
			}
		}
	})
	t.Run("restart without history", func(t *testing.T) {
		if got := feed(NewBaselines(0), noon, 30, 0, func(int) int { return 300 }); len(got) > 0 {
			t.Errorf("%+v", got)
		}
	})
	t.Run("backlog after downtime, all at once", func(t *testing.T) {
		b := NewBaselines(0)
		feed(b, noon, 24*60, 0, func(int) int { return 2 })
		now := noon.Add(30 * time.Hour)
		for m := range 6 * 60 {
			at := noon.Add(24*time.Hour + time.Duration(m)*time.Minute)
			if s, ok := b.Observe(Observation{Cluster: "lw-a", At: at, Now: now, N: 2}); ok {
				t.Fatalf("%+v", s)
			}
		}
	})
	t.Run("a storm within the backlog", func(t *testing.T) {
		b := NewBaselines(0)
		feed(b, noon, 24*60, 0, func(int) int { return 2 })
		now, told := noon.Add(30*time.Hour), []Spike(nil)
		for m := range 6 * 60 {
			at := noon.Add(24*time.Hour + time.Duration(m)*time.Minute)
			if s, ok := b.Observe(Observation{Cluster: "lw-a", At: at, Now: now, N: pick(m >= 200 && m < 230, 100, 2)}); ok {
				told = append(told, s)
			}
		}
		if len(told) != 1 || !told[0].From.Equal(noon.Add(24*time.Hour+200*time.Minute)) {
			t.Errorf("told %+v, want once, in the span in which it happened", told)
		}
	})
	t.Run("a source that is always late, or whose clock is ahead", func(t *testing.T) {
		for _, lag := range []time.Duration{10 * time.Minute, 5 * time.Hour, -time.Hour} {
			if got := feed(NewBaselines(0), noon, 25*60, lag, storm); len(got) != 1 {
				t.Errorf("late by %s: %d spikes, want the one there is", lag, len(got))
			}
		}
	})
	t.Run("loaded history counts", func(t *testing.T) {
		b := NewBaselines(0)
		for m := range int64(24 * 60) {
			b.Load("lw-a", noon.Unix()/60+m, 2)
		}
		if got := feed(b, noon.Add(24*time.Hour), 5, 0, func(int) int { return 100 }); len(got) != 1 {
			t.Errorf("%d spikes, want 1", len(got))
		}
	})
}

func TestExpected(t *testing.T) {
	end := noon.Add(24 * time.Hour)
	for _, tc := range []struct {
		name     string
		minutes  int
		rate     func(int) int
		window   time.Duration
		now      time.Time
		min, max float64
	}{
		{"steady", 24 * 60, func(int) int { return 2 }, 10 * time.Minute, end, 18, 20},
		{"steady, asked an hour later", 24 * 60, func(int) int { return 2 }, 10 * time.Minute, end.Add(time.Hour), 18, 20},
		{"one burst a day ago", 24 * 60, func(m int) int { return pick(m == 5, 5000, 0) }, time.Hour, end, 0, 0},
		{"one burst just now", 24 * 60, func(m int) int { return pick(m > 1435, 500, pick(m == 0, 1, 0)) }, time.Hour, end, 0, 0},
		{"once an hour", 24 * 60, func(m int) int { return pick(m%60 == 0, 1, 0) }, 10 * time.Minute, end, 0.1, 0.2},
		{"twenty minutes old", 20, func(int) int { return 6 }, 10 * time.Minute, noon.Add(20 * time.Minute), 50, 60},
		{"three minutes old", 3, func(int) int { return 100 }, 10 * time.Minute, noon.Add(3 * time.Minute), 0, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			b := NewBaselines(0)
			feed(b, noon, tc.minutes, 0, tc.rate)
			if got := b.Expected("lw-a", tc.window, tc.now); got < tc.min || got > tc.max {
				t.Errorf("%v, want %v to %v", got, tc.min, tc.max)
			}
		})
	}
	if got := NewBaselines(0).Expected("lw-none", time.Hour, noon); got != 0 {
		t.Errorf("an unknown cluster expects %v", got)
	}
}

func TestMergedBaselines(t *testing.T) {
	for _, merged := range []bool{true, false} {
		b := NewBaselines(0)
		for m := range 24 * 60 {
			at := noon.Add(time.Duration(m) * time.Minute)
			b.Observe(Observation{Cluster: "lw-old", At: at, Now: at, N: 1})
			b.Observe(Observation{Cluster: "lw-young", At: at, Now: at, N: 30})
		}
		if merged {
			b.Merge("lw-young", "lw-old")
			b.Merge("lw-young", "lw-old")
			b.Merge("lw-old", "lw-old")
			b.Merge("lw-none", "lw-old")
			if b.Len() != 1 {
				t.Errorf("%d series", b.Len())
			}
		}
		alarms := 0
		for m := 24 * 60; m < 25*60; m++ {
			at := noon.Add(time.Duration(m) * time.Minute)
			if _, ok := b.Observe(Observation{Cluster: "lw-old", At: at, Now: at, N: 31}); ok {
				alarms++
			}
		}
		if merged && alarms > 0 || !merged && alarms == 0 {
			t.Errorf("merged %v: %d alarms", merged, alarms)
		}
	}
}

func TestBaselinesAreBounded(t *testing.T) {
	b := NewBaselines(100)
	for i := range 10_000 {
		b.Observe(Observation{Cluster: fmt.Sprint("lw-", i), At: noon, Now: noon, N: 1})
		b.Observe(Observation{Cluster: "lw-kept", At: noon, Now: noon, N: 1})
		if b.Len() > 100 {
			t.Fatalf("%d series", b.Len())
		}
	}
	if b.series["lw-kept"] == nil {
		t.Error("the one in use was forgotten")
	}
	for _, at := range []time.Time{{}, time.Unix(-1e15, 0), time.Unix(1e15, 0), time.Unix(0, 0)} { // times are strangers' text
		b.Observe(Observation{Cluster: "lw-odd", At: at, Now: noon, N: math.MaxInt32})
		b.Observe(Observation{Cluster: "lw-odd", At: at, Now: at, N: 1})
		b.Expected("lw-odd", time.Hour, at)
	}
	b.Load("lw-odd", math.MaxInt64, 1)
	b.Load("lw-odd", math.MinInt64, 1)
}

func TestHeartbeats(t *testing.T) {
	const allowed = 5 * time.Minute
	at := func(m int) time.Time { return noon.Add(time.Duration(m) * time.Minute) }
	names := func(ss []Silence) (out []string) {
		for _, s := range ss {
			out = append(out, s.Service)
		}
		return out
	}
	t.Run("once for each silence", func(t *testing.T) {
		h := NewHeartbeats(map[string]time.Duration{"a": allowed, "b": allowed, "off": 0}, noon)
		told := map[string]int{}
		for m := 1; m < 60; m++ {
			h.Seen("b", at(m))
			h.Seen("stranger", at(m))
			if m == 30 {
				h.Seen("a", at(m))
			}
			for _, s := range h.Overdue(at(m)) {
				told[s.Service]++
				if m == 6 && !s.Last.IsZero() || m == 36 && !s.Last.Equal(at(30)) || s.Allowed != allowed {
					t.Errorf("minute %d: %+v", m, s)
				}
				if m != 6 && m != 36 {
					t.Errorf("told in minute %d: %+v", m, s)
				}
			}
		}
		if told["a"] != 2 || len(told) != 1 {
			t.Errorf("%v", told)
		}
	})
	t.Run("no alarm after a pause of our own", func(t *testing.T) {
		h := NewHeartbeats(map[string]time.Duration{"a": allowed}, noon)
		h.Seen("a", at(0))
		h.Overdue(at(1))
		if got := h.Overdue(at(600)); len(got) != 0 { // the host slept
			t.Errorf("%v", names(got))
		}
		for m := 601; m < 606; m++ {
			if got := h.Overdue(at(m)); len(got) != 0 {
				t.Errorf("minute %d: %v", m, names(got))
			}
		}
		if got := h.Overdue(at(606)); len(got) != 1 {
			t.Errorf("then silence is silence: %v", names(got))
		}
	})
	t.Run("old lines are no sign of life now", func(t *testing.T) {
		h := NewHeartbeats(map[string]time.Duration{"a": allowed}, noon)
		for m := 1; m < 6; m++ {
			h.Seen("a", at(-1000))
			h.Overdue(at(m))
		}
		if got := h.Overdue(at(6)); len(got) != 1 {
			t.Errorf("%v", names(got))
		}
	})
}
