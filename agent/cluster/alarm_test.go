package cluster

import (
	"flag"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// The figures of docs/triggers.md: go test ./agent/cluster -run 'TestFalseAlarms|TestDelay' -v -alarm-runs 100
var alarmRuns = flag.Int("alarm-runs", 2, "how many runs of each series TestFalseAlarms and TestDelay make")

// noise makes counts.
type noise struct{ *rand.Rand }

func newNoise(seed int) noise { return noise{rand.New(rand.NewPCG(uint64(seed), 77))} }

// poisson gives a count with a mean.
func (r noise) poisson(mean float64) int {
	if mean > 60 {
		return max(0, int(math.Round(mean+math.Sqrt(mean)*r.NormFloat64())))
	}
	limit, k, p := math.Exp(-mean), 0, 1.0
	for p *= r.Float64(); p > limit; p *= r.Float64() {
		k++
	}
	return k
}

const day = 24 * 60

// observe counts events that were read at now.
func observe(b *Baselines, at, now time.Time, n int) (Spike, bool) {
	return b.Observe(Observation{Cluster: "lw-a", At: at, Now: now, N: n})
}

// daily is the rate of a service that people use: nothing much at night, most in the afternoon.
func daily(m int) float64 {
	return max(0, math.Sin(2*math.Pi*(float64(m%day)/day-0.25)))
}

// quietSeries are series without a storm: each gives the count of a minute, m being minutes since midnight of a Monday.
var quietSeries = []struct {
	name string
	// most is how many alarms a day there may be after the first two days, as measured and rounded up.
	most float64
	rate func(noise) func(m int) int
}{
	{"constant, 10 a minute", 0, func(noise) func(int) int { return func(int) int { return 10 } }},
	{"Poisson, 0.05 a minute", 0.01, func(r noise) func(int) int { return func(int) int { return r.poisson(0.05) } }},
	{"Poisson, 1 a minute", 0.01, func(r noise) func(int) int { return func(int) int { return r.poisson(1) } }},
	{"Poisson, 10 a minute", 0.01, func(r noise) func(int) int { return func(int) int { return r.poisson(10) } }},
	{"Poisson, 300 a minute", 0.01, func(r noise) func(int) int { return func(int) int { return r.poisson(300) } }},
	{"daily, up to 20 a minute", 0.01, func(r noise) func(int) int { return func(m int) int { return r.poisson(20 * daily(m)) } }},
	{"daily, silent at weekends", 0.02, func(r noise) func(int) int {
		return func(m int) int {
			if m/day%7 >= 5 {
				return 0
			}
			return r.poisson(20 * daily(m))
		}
	}},
	{"silent at night, all at once in the morning", 0.01, func(r noise) func(int) int {
		return func(m int) int {
			if h := m % day / 60; h < 8 || h > 18 {
				return 0
			}
			return r.poisson(30)
		}
	}},
	{"bursts of 1 to 3 minutes, lognormal, 20 a day", 0.5, func(r noise) func(int) int {
		left, rate := 0, 0.0
		return func(int) int {
			if left == 0 && r.Float64() < 20.0/day {
				left, rate = 1+r.IntN(3), 15*math.Exp(r.NormFloat64())
			}
			if left == 0 {
				return r.poisson(0.1)
			}
			left--
			return r.poisson(rate)
		}
	}},
	{"a batch job each hour at :04 for 2 minutes", 0.01, func(r noise) func(int) int {
		return func(m int) int {
			if m%60 == 4 || m%60 == 5 {
				return r.poisson(40)
			}
			return r.poisson(0.2)
		}
	}},
	{"a batch job each hour, starting some minutes sooner or later", 0.05, func(r noise) func(int) int {
		at := 0
		return func(m int) int {
			if m%60 == 0 {
				at = 10 + r.IntN(6)
			}
			if d := m%60 - at; d >= 0 && d < 3 {
				return r.poisson(40)
			}
			return r.poisson(0.2)
		}
	}},
	{"a job each night at 02:00 for 3 minutes", 0.02, func(r noise) func(int) int {
		return func(m int) int {
			if d := m%day - 120; d >= 0 && d < 3 {
				return r.poisson(100)
			}
			return r.poisson(0.2)
		}
	}},
	{"a job each night between 02:00 and 02:30 for 3 minutes", 0.06, func(r noise) func(int) int {
		at := 0
		return func(m int) int {
			if m%day == 0 {
				at = 120 + r.IntN(30)
			}
			if d := m%day - at; d >= 0 && d < 3 {
				return r.poisson(100)
			}
			return r.poisson(0.2)
		}
	}},
	{"growing by a tenth a day", 0.01, func(r noise) func(int) int {
		return func(m int) int { return r.poisson(5 * math.Pow(1.1, float64(m)/day)) }
	}},
	{"doubled for good on day 5", 0.2, func(r noise) func(int) int {
		return func(m int) int {
			if m > 5*day+600 {
				return r.poisson(20)
			}
			return r.poisson(10)
		}
	}},
}

// TestFalseAlarms counts the alarms of fourteen days in which nothing is wrong, the first two left out.
func TestFalseAlarms(t *testing.T) {
	const days, learnt = 14, 2
	monday := time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)
	for _, s := range quietSeries {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			early, late := 0, 0
			for run := range *alarmRuns {
				rate, b := s.rate(newNoise(run)), NewBaselines(1)
				for m := range days * day {
					at := monday.Add(time.Duration(m) * time.Minute)
					if n := rate(m); n > 0 {
						if _, ok := observe(b, at, at.Add(59*time.Second), n); ok && m < learnt*day {
							early++
						} else if ok {
							late++
						}
					}
				}
			}
			perDay := float64(late) / float64(*alarmRuns*(days-learnt))
			t.Logf("%-62s %6.4f alarms a day, %5.2f in the first two days of each", s.name, perDay, float64(early)/float64(*alarmRuns))
			if perDay > s.most {
				t.Errorf("%.4f false alarms a day, want at most %.4f", perDay, s.most)
			}
		})
	}
}

// TestDelay measures after what time a rise is told of, over runs that begin anywhere in an hour.
func TestDelay(t *testing.T) {
	const warm, watched = 2 * day, 60
	for _, tc := range []struct {
		perMinute, times float64
		// told is how many of a hundred have to be told within the hour, and most the median's delay.
		told int
		most time.Duration
	}{
		{0.2, 20, 40, 20 * time.Minute}, {1, 2, 0, time.Hour}, {1, 5, 60, 20 * time.Minute}, {1, 20, 100, 3 * time.Minute},
		{10, 2, 60, 20 * time.Minute}, {10, 5, 100, 3 * time.Minute}, {10, 20, 100, time.Minute},
		{100, 2, 100, 8 * time.Minute}, {100, 5, 100, 3 * time.Minute}, {100, 20, 100, time.Minute},
	} {
		var delays []time.Duration
		for run := range 5 * *alarmRuns {
			r, b := newNoise(1000+run), NewBaselines(1)
			begin := noon.Add(warm*time.Minute + time.Duration(r.IntN(3600))*time.Second)
			for m := range warm {
				at := noon.Add(time.Duration(m) * time.Minute)
				observe(b, at, at.Add(59*time.Second), r.poisson(tc.perMinute))
			}
			for s := range watched * 60 {
				at := begin.Add(time.Duration(s) * time.Second)
				if _, ok := observe(b, at, at, r.poisson(tc.perMinute*tc.times/60)); ok {
					delays = append(delays, at.Sub(begin))
					break
				}
			}
		}
		told, middle, worst := 100*len(delays)/(5**alarmRuns), time.Duration(0), time.Duration(0)
		if len(delays) > 0 {
			slices.Sort(delays)
			middle, worst = delays[len(delays)/2], delays[len(delays)*95/100]
		}
		t.Logf("%5.1f a minute, %2.0f times as many: told %3d %% within an hour, median delay %6s, 95th percentile %6s", tc.perMinute, tc.times, told, middle, worst)
		if told < tc.told || middle > tc.most {
			t.Errorf("%v a minute times %v: told %d %% after %s, want %d %% after at most %s", tc.perMinute, tc.times, told, middle, tc.told, tc.most)
		}
	}
}
