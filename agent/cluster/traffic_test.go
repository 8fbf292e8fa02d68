package cluster

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"testing"
	"time"
)

var putUpWith = Requests{Failures: 5, Share: 0.01}

// write feeds minutes of a service, each minute's flow at once, and gives the spans in which the mix of levels and the requests
// were over their limits.
func (tr *traffics) write(minutes int, flow func(m int) Flow) (mix, failing []Share) {
	for range minutes {
		at := tr.at
		tr.at = at.Add(time.Minute)
		f := flow(tr.minute)
		tr.minute++
		span, _, judged := tr.Add("web", at, at.Add(59*time.Second), f)
		if !judged {
			continue
		}
		if s, ok := tr.Mix("web", span); ok {
			mix = append(mix, s)
		}
		if s, fresh, _ := tr.Failing("web", span); fresh {
			failing = append(failing, s)
		}
	}
	return mix, failing
}

type traffics struct {
	*Traffic
	at     time.Time
	minute int
}

func newTraffics() *traffics { return &traffics{Traffic: NewTraffic(0, putUpWith), at: noon} }

func TestMixOfLevels(t *testing.T) {
	r := newNoise(1)
	lines := func(n int, share float64) Flow {
		lines := r.poisson(float64(n))
		return Flow{Lines: int64(lines), Raised: int64(min(r.poisson(float64(n)*share), lines))}
	}
	for _, tc := range []struct {
		name string
		flow func(m int) Flow // from minute day on
		told bool
	}{
		{"as ever", func(int) Flow { return lines(100, 0.02) }, false},
		{"ten times as many lines of the same mix", func(int) Flow { return lines(1000, 0.02) }, false},
		{"a tenth of the lines of the same mix", func(int) Flow { return lines(10, 0.02) }, false},
		{"an eighth is raised", func(int) Flow { return lines(100, 0.125) }, true},
		{"nearly all", func(int) Flow { return lines(100, 0.9) }, true},
		{"twice the share, but few points", func(int) Flow { return lines(100, 0.045) }, false},
		{"too few to say", func(int) Flow { return Flow{Lines: 3, Raised: 3} }, false},
		{"the noise of a start", func(m int) Flow {
			if m < 4 {
				return lines(300, 0.5)
			}
			return lines(100, 0.02)
		}, false},
		{"nothing at all", func(int) Flow { return Flow{} }, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			tr := newTraffics()
			if mix, _ := tr.write(day, func(int) Flow { return lines(100, 0.02) }); len(mix) > 0 {
				t.Fatalf("told of a day on which nothing changed: %+v", mix[0])
			}
			mix, _ := tr.write(60, func(m int) Flow { return tc.flow(m - day) })
			if told := len(mix) > 0; told != tc.told {
				t.Fatalf("told %v: %+v", told, mix)
			}
			if tc.told {
				s := mix[0]
				if s.Value() <= s.Threshold || !s.Known || math.Abs(s.Baseline-0.02) > 0.01 || s.From.After(noon.Add(24*time.Hour+20*time.Minute)) {
					t.Errorf("%+v", s)
				}
			}
		})
	}
}

func TestFailingRequests(t *testing.T) {
	r := newNoise(2)
	requests := func(n int, share float64) Flow {
		return Flow{Requests: int64(r.poisson(float64(n))) + 1, Failed: int64(r.poisson(float64(n) * share))}
	}
	usual := func(share float64) func(int) Flow { return func(int) Flow { return requests(200, share) } }
	once := func(f Flow) func(int) Flow {
		return func(m int) Flow {
			if m == day {
				return f
			}
			return Flow{Requests: 200}
		}
	}
	for _, tc := range []struct {
		name        string
		before, now func(int) Flow
		told        bool
	}{
		{"a single one", usual(0), once(Flow{Requests: 200, Failed: 1}), false},
		{"four of four", func(int) Flow { return Flow{} }, func(m int) Flow {
			if m == day {
				return Flow{Requests: 4, Failed: 4}
			}
			return Flow{}
		}, false},
		{"five of six in a service that nobody uses", func(int) Flow { return Flow{} }, func(m int) Flow {
			if m == day {
				return Flow{Requests: 6, Failed: 5}
			}
			return Flow{}
		}, true},
		{"one of a thousand, as ever", usual(0.001), usual(0.001), false},
		{"five of a hundred", usual(0.001), usual(0.05), true},
		{"three of a hundred, as ever", usual(0.03), usual(0.03), false},
		{"three of a hundred become ten", usual(0.03), usual(0.1), true},
		{"ten times as many requests", usual(0.003), func(int) Flow { return requests(2000, 0.003) }, false},
		{"one of two hundred where there were none of a million", func(int) Flow { return Flow{Requests: 20000} },
			func(int) Flow { return Flow{Requests: 20000, Failed: 100} }, true},
		{"thirty of a hundred thousand where there were none", func(int) Flow { return Flow{Requests: 20000} },
			func(int) Flow { return Flow{Requests: 20000, Failed: 6} }, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			tr := newTraffics()
			_, early := tr.write(day, tc.before)
			for _, s := range early {
				if s.Known {
					t.Errorf("told of what is usual: %+v", s)
				}
			}
			_, failing := tr.write(30, tc.now)
			if told := len(failing) > 0; told != tc.told {
				t.Errorf("told %v: %+v", told, failing)
			}
		})
	}
	t.Run("a bad service is told of when it begins", func(t *testing.T) {
		if _, failing := newTraffics().write(10, usual(0.03)); len(failing) == 0 || failing[0].Known {
			t.Errorf("%+v", failing)
		}
	})
	t.Run("off", func(t *testing.T) {
		tr := &traffics{Traffic: NewTraffic(0, Requests{}), at: noon}
		if _, failing := tr.write(60, usual(0.9)); len(failing) > 0 {
			t.Errorf("%+v", failing)
		}
	})
}

// TestShareFalseAlarms counts the alarms of days on which the mix of levels and the share of failures are what they are, with
// traffic that comes and goes.
func TestShareFalseAlarms(t *testing.T) {
	const days = 7
	mixes, fails, early := 0, 0, 0
	for run := range *alarmRuns {
		r, tr := newNoise(run), newTraffics()
		mix, failing := tr.write(days*day, func(m int) Flow {
			n := 5 + 300*daily(m)
			lines := r.poisson(n)
			return Flow{
				Lines: int64(lines), Raised: int64(min(r.poisson(n*0.05), lines)),
				Requests: int64(r.poisson(n)) + 1, Failed: int64(r.poisson(n * 0.004)),
			}
		})
		mixes += len(mix)
		told := map[time.Time]bool{} // an incident is opened once
		for _, s := range failing {
			switch {
			case told[s.From]:
			case s.Known:
				fails++
			default:
				early++
			}
			told[s.From] = true
		}
	}
	aDay := func(n int) float64 { return float64(n) / float64(days**alarmRuns) }
	t.Logf("mix of levels %.4f a day, requests %.4f a day; requests in the first two hours, by the floor alone: %.2f",
		aDay(mixes), aDay(fails), float64(early)/float64(*alarmRuns))
	if mixes > 0 || aDay(fails) > 0.02 || early > *alarmRuns {
		t.Errorf("%d and %d false alarms in %d days, %d before anything was known", mixes, fails, *alarmRuns*days, early)
	}
}

func TestTrafficOfThePast(t *testing.T) {
	tr := newTraffics()
	bad := Flow{Requests: 100, Failed: 50}
	tr.write(day, func(int) Flow { return Flow{Requests: 100} })
	now := noon.Add(24 * time.Hour)
	for _, tc := range []struct {
		name            string
		ago             time.Duration
		counted, judged bool
	}{
		{"now", 0, true, true}, {"ten minutes ago, which was seen", 10 * time.Minute, true, false},
		{"ahead of the clock", -time.Hour, true, true}, {"two days ago", 48 * time.Hour, false, false},
	} {
		if _, counted, judged := tr.Add("web", now.Add(-tc.ago), now, bad); counted != tc.counted || judged != tc.judged {
			t.Errorf("%s: counted %v, judged %v", tc.name, counted, judged)
		}
	}
	// A backlog is later than all that was seen: it is judged as it was written.
	later, told := now.Add(6*time.Hour), 0
	for m := 6; m < 300; m++ {
		f := Flow{Requests: 100}
		if m >= 100 && m < 110 {
			f = bad
		}
		span, _, judged := tr.Add("web", now.Add(time.Duration(m)*time.Minute), later, f)
		if s, fresh, _ := tr.Failing("web", span); judged && fresh {
			told++
			if s.From.Before(now.Add(95*time.Minute)) || s.From.After(now.Add(110*time.Minute)) {
				t.Errorf("%+v", s)
			}
		}
	}
	if told == 0 {
		t.Error("a bad quarter of an hour within the backlog was not told")
	}
}

func TestGrowth(t *testing.T) {
	tr := newTraffics()
	tr.write(day, func(int) Flow { return Flow{Lines: 60, Raised: 10, Requests: 51, Failed: 1} })
	span := tr.at.Unix() / 300
	if g := tr.Growth("web", span); g != 1 {
		t.Errorf("nothing was written yet: %v", g)
	}
	tr.write(5, func(int) Flow { return Flow{Lines: 170, Raised: 70, Requests: 200} })
	if g := tr.Growth("web", span); math.Abs(g-3) > 0.01 {
		t.Errorf("three times the traffic is %v", g)
	}
	if g := tr.Growth("nobody", span); g != 1 {
		t.Errorf("of who is not known: %v", g)
	}
}

// Twice the requests make twice the warnings.
func TestASpikeOfTheTrafficIsNone(t *testing.T) {
	for _, known := range []bool{true, false} {
		tr, b, told := newTraffics(), NewBaselines(0), 0
		for m := range day + 60 {
			n := pick(m >= day, 3, 1)
			at := tr.at
			tr.write(1, func(int) Flow { return Flow{Lines: int64(220 * n), Raised: int64(20 * n)} })
			o := Observation{Cluster: "lw-a", At: at, Now: at, N: 20 * n}
			if known {
				o.Growth = func(span int64) float64 { return tr.Growth("web", span) }
			}
			if _, ok := b.Observe(o); ok {
				told++
			}
		}
		if told != pick(known, 0, 1) {
			t.Errorf("growth known %v: told %d times", known, told)
		}
	}
}

// A spike of warnings has to last, the noise of a start does not.
func TestLastingSpike(t *testing.T) {
	for _, tc := range []struct{ minutes, told int }{{3, 0}, {20, 1}} {
		b, told := NewBaselines(0), 0
		for m := range day + 60 {
			at := noon.Add(time.Duration(m) * time.Minute)
			o := Observation{Cluster: "lw-a", At: at, Now: at, N: pick(m >= day && m < day+tc.minutes, 300, 1), Lasting: true}
			if _, ok := b.Observe(o); ok {
				told++
			}
		}
		if told != tc.told {
			t.Errorf("%d minutes: told %d times", tc.minutes, told)
		}
	}
}

// TestTrafficIsBounded has services and times that are strangers' text.
func TestTrafficIsBounded(t *testing.T) {
	tr := NewTraffic(64, putUpWith)
	for i := range 5000 {
		tr.Add(fmt.Sprint("unit-", i), noon, noon, Flow{Lines: 1})
		if tr.Len() > 64 {
			t.Fatalf("%d services", tr.Len())
		}
	}
	for _, at := range []time.Time{{}, time.Unix(-1e15, 0), time.Unix(1e15, 0), time.Unix(0, 0)} {
		for _, now := range []time.Time{noon, at} {
			span, _, _ := tr.Add("odd", at, now, Flow{Lines: math.MaxInt32, Raised: math.MaxInt32, Requests: math.MaxInt32, Failed: math.MaxInt32})
			tr.Mix("odd", span)
			tr.Failing("odd", span)
			tr.Growth("odd", span)
		}
	}
	tr.Load("odd", math.MaxInt64, Flow{Lines: 1})
	tr.Load("odd", -1, Flow{Lines: 1})
}

// TestARestartChangesNoDecision loads at random moments what was observed into new Baselines and a new Traffic, and has both go on.
func TestARestartChangesNoDecision(t *testing.T) {
	for run := range 6 {
		r := newNoise(run)
		type kept struct {
			minute int64
			n      int
		}
		var minutes []kept
		var storms []Storm
		spans := map[int64]Flow{}
		whole, broken := NewBaselines(0), NewBaselines(0)
		traffic, half := NewTraffic(0, putUpWith), NewTraffic(0, putUpWith)
		told := 0
		for m := range 4 * day {
			if r.Float64() < 0.002 {
				broken, half = NewBaselines(0), NewTraffic(0, putUpWith)
				sorted := slices.Clone(minutes)
				slices.SortStableFunc(sorted, func(a, b kept) int { return cmp.Compare(a.minute, b.minute) })
				for _, k := range sorted {
					broken.Load("lw-a", k.minute, k.n)
				}
				for _, s := range storms {
					broken.LoadStorm(s)
				}
				now := noon.Unix()/300 + int64(m/5)
				for k := now - spansKept + 1; k <= now; k++ {
					if f, ok := spans[k]; ok {
						half.Load("web", k, f)
					}
				}
			}
			now := noon.Add(time.Duration(m) * time.Minute)
			at, n := now, r.poisson(3)
			if r.Float64() < 0.003 {
				n = 20 + r.IntN(400)
			}
			if r.Float64() < 0.05 {
				at = at.Add(-time.Duration(r.IntN(1380)) * time.Minute) // late
			}
			if n == 0 {
				continue
			}
			minutes = append(minutes, kept{at.Unix() / 60, n})
			a, was := whole.Observe(Observation{Cluster: "lw-a", At: at, Now: now, N: n})
			b, is := broken.Observe(Observation{Cluster: "lw-a", At: at, Now: now, N: n})
			if was != is || a != b {
				t.Fatalf("run %d, minute %d: %v %+v without a restart, %v %+v with", run, m, was, a, is, b)
			}
			storms = append(storms, whole.TakeStorms()...)
			if was {
				told++
			}
			f := Flow{Lines: int64(20 * n), Raised: int64(n), Requests: 50, Failed: int64(n / 10)}
			span, counted, x := traffic.Add("web", at, now, f)
			_, _, y := half.Add("web", at, now, f)
			if counted {
				s := spans[span]
				spans[span] = Flow{s.Lines + f.Lines, s.Raised + f.Raised, s.Requests + f.Requests, s.Failed + f.Failed}
			}
			s1, f1, h1 := traffic.Failing("web", span)
			s2, f2, h2 := half.Failing("web", span)
			m1, o1 := traffic.Mix("web", span)
			m2, o2 := half.Mix("web", span)
			if x != y || s1 != s2 || f1 != f2 || h1 != h2 || m1 != m2 || o1 != o2 {
				t.Fatalf("run %d, minute %d: the traffic differs after a restart: %v %+v, %v %+v", run, m, x, s1, y, s2)
			}
		}
		if told == 0 {
			t.Error("nothing was ever told: this shows nothing")
		}
	}
}

// TestClockSetBack: what was counted by a clock that was ahead for a while must not make anybody deaf once it is right again.
func TestClockSetBack(t *testing.T) {
	b, tr := NewBaselines(0), newTraffics()
	at := noon
	burst := func() (spikes, failing int) { // twelve quiet hours, and a burst at their end
		for m := range 12 * 60 {
			n, f := 1, Flow{Requests: 100}
			if m >= 12*60-5 {
				n, f.Failed = 500, 50
			}
			if _, ok := b.Observe(Observation{Cluster: "c", At: at, Now: at, N: n}); ok {
				spikes++
			}
			if span, _, judged := tr.Add("web", at, at, f); judged {
				if _, fresh, _ := tr.Failing("web", span); fresh {
					failing++
				}
			}
			at = at.Add(time.Minute)
		}
		return spikes, failing
	}
	if s, f := burst(); s == 0 || f == 0 {
		t.Fatalf("before: %d spikes, %d times failing", s, f)
	}
	right := at
	at = at.AddDate(10, 0, 0)
	b.Observe(Observation{Cluster: "c", At: at, Now: at, N: 1})
	tr.Add("web", at, at, Flow{Requests: 1})
	at = right.Add(time.Hour)
	if s, f := burst(); s == 0 || f == 0 {
		t.Errorf("after the clock was set back: %d spikes, %d times failing", s, f)
	}
}
