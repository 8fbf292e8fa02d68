package cluster

import "time"

// Baselines keeps how often each cluster came, by the minute, and says when one comes far more often than it used to.
type Baselines struct{ max int }

// Spike is a cluster that comes far more often than its own past says.
type Spike struct {
	Cluster string
	// At is the time of the event that crossed the threshold.
	At time.Time
	// Count is how many events there were in Window up to At.
	Count int
	// Baseline is the usual count in Window, Threshold the count that was exceeded.
	Baseline, Threshold float64
	Window              time.Duration
}

// NewBaselines gives empty Baselines for at most max clusters (0 means 4096); beyond it the one not seen for the longest
// time is forgotten.
func NewBaselines(max int) *Baselines { return &Baselines{max: max} }

// Load tells of n events of a cluster in a minute of the past (Unix time / 60), at start, from the store.
func (b *Baselines) Load(cluster string, minute int64, n int) {}

// Observe counts n events of a cluster that say they happened at the time at, read at the time now by the wall clock, and
// says whether they make a spike. A zero at is counted as now and never judged.
func (b *Baselines) Observe(cluster string, at, now time.Time, n int) (Spike, bool) {
	return Spike{}, false
}

// Expected is how many events of the cluster its own past lets expect in a window that begins at now. It errs on the low
// side: 0 where too little is known.
func (b *Baselines) Expected(cluster string, window time.Duration, now time.Time) float64 { return 0 }
