package events

import (
	"strings"
	"time"
)

// While the profile of a source is not known, the Joiner holds its lines back, so that the first ones are read as the later
// ones will be: a source whose first hundred lines have another template than the rest would have each cluster twice. What
// is held back is bounded in lines, bytes and time, is a part of the Joiner's state, and is read when enough is known, or when
// Flush says that nothing more will come for now. Lines of structured formats, of syslog and of the journal need no
// profile, and a stream that has only those holds nothing back.
//
// A profile that many lines in a row do not agree with is learned anew. Until the new one is there, the old one reads the
// lines that fit it, and the fixed scanner all others.

const (
	maxHeldLines = 512
	maxHeldBytes = 64 << 10
	maxHeldTime  = 5 * time.Second
	enough       = 48 // samples that do where lines are not held back
	maxMisses    = 96 // 24 lines in a row that do not fit, or more where one in four does not
	missCost     = 4
	maxOthers    = 256    // lines that no profile is learned from, after which none is looked for
	firstRetry   = 1 << 8 // lines before learning is tried again, which brought nothing; four times as many each time
	firstReview  = 1 << 10
	lastReview   = 1 << 20
)

// learner learns the profile of one stream.
type learner struct {
	profs      []*profile    // what is known of the source, the most exact first
	memos      []*headerMemo // theirs
	born       uint32        // profiles learned
	learns     bool          // the Config's format leaves something to learn
	open       bool          // samples are wanted
	hold       bool          // lines may be held back meanwhile
	suspicious bool          // only lines that fit no profile are samples
	calm       bool          // no suspicion now: lines that were held back are read
	samples    []string
	others     int     // lines that were no samples
	fitting    int     // lines that fit a profile, while others are looked for
	streak     int     // odd lines in a row
	rare       opening // what was odd before
	misses     int
	age        int // lines since the profile was learned, or given up, that say nothing against it
	review     int // the age at which it is learned anew, 0 for never; without a profile, the age before which it is not tried again

	held  []heldLine
	bytes int
	since time.Time // when the first line was held back, by the reference time; zero where that is not known
}

// heldLine is a line that waits to be read.
type heldLine struct {
	l   Line
	ref time.Time
}

func newLearner(format string) learner {
	switch format {
	case FormatAuto, FormatText, FormatDocker, FormatCRI:
		return learner{learns: true, open: true, hold: true}
	}
	return learner{}
}

// study takes a sample of the line where it is one, and says whether the line was held back.
func (j *Joiner) study(l *Line, ref time.Time, out output) bool {
	lr := &j.lr
	if len(lr.held) > 0 && lr.late(j.cfg.Reference) {
		j.decide(out)
		if !lr.open {
			return false
		}
	}
	s, ok := j.sample(l, ref)
	if ok && lr.suspicious && !j.strange(s, ref) {
		ok = false
		if lr.fitting++; lr.unfounded() {
			j.readHeld(out)
			return false
		}
	}
	if ok {
		lr.samples = append(lr.samples, s)
	} else if lr.others++; lr.others >= maxOthers && len(lr.held) == 0 && len(lr.samples)*4 < lr.others {
		lr.giveUp() // structured, or syslog: the fixed readers know it all
		return false
	}
	if len(lr.held) == 0 && (!ok || !lr.hold) {
		if !lr.hold && len(lr.samples) >= enough {
			j.decide(out)
		}
		return false
	}
	j.holdBack(l, ref)
	switch {
	case len(lr.samples) >= maxSamples:
		j.decide(out)
	case len(lr.held) >= maxHeldLines || lr.bytes >= min(maxHeldBytes, j.cfg.MaxPending/4):
		lr.hold = false
		j.decide(out)
	}
	return true
}

// late says whether the first line was held back for long enough.
func (lr *learner) late(now time.Time) bool {
	return !now.IsZero() && !lr.since.IsZero() && now.Sub(lr.since) >= maxHeldTime
}

// sample gives the beginning of the line's application part, if a profile could be learned from it.
func (j *Joiner) sample(l *Line, ref time.Time) (string, bool) {
	if l.Continues || l.Meta != nil && l.Meta.Writer != "" || l.Text == "" {
		return "", false
	}
	rd, h := &j.probe, &j.probed
	rd.ref, *h = ref, head{}
	text, _, _ := strings.Cut(l.Text, "\n")
	w := rd.unwrap(text, h)
	b := w.body
	if w.partial || h.format == FormatSyslog || !sampled(b) {
		return "", false
	}
	if frameFamily(trimIndent(b)) != langNone {
		return "", false
	}
	rd.read(b, h)
	switch h.format {
	case "", FormatText, FormatPostgres, FormatDocker, FormatCRI:
	default:
		return "", false
	}
	if h.whole {
		return "", false
	}
	return strings.Clone(b[:min(len(b), maxSample)]), true
}

// decide makes a profile of the samples, if they are enough, and reads the lines that were held back.
func (j *Joiner) decide(out output) {
	lr := &j.lr
	switch p := learn(lr.samples, &j.rd); {
	case p != nil && lr.suspicious && !p.headed():
		lr.closed()
	case p != nil:
		form := learnForm(lr.samples, &j.rd, p)
		if lr.learned(p); form != nil {
			lr.take(form)
		}
	case len(lr.samples) >= maxSamples || !lr.hold && len(lr.samples) >= enough:
		lr.giveUp()
	case lr.suspicious:
		lr.hold = false // there are few lines
	}
	j.readHeld(out)
}

// readHeld reads the lines that were held back.
func (j *Joiner) readHeld(out output) {
	held := j.lr.held
	j.lr.held, j.lr.bytes, j.lr.since, j.lr.calm = nil, 0, time.Time{}, true
	for i := range held {
		j.add(&held[i].l, held[i].ref, out)
	}
	j.lr.calm = false
}

// holdBack keeps a line for later.
func (j *Joiner) holdBack(l *Line, ref time.Time) {
	lr := &j.lr
	if len(lr.held) == 0 {
		lr.since = j.cfg.Reference
	}
	l.Text = j.arena.copy(l.Text)
	lr.held = append(lr.held, heldLine{l: *l, ref: ref})
	lr.bytes += len(l.Text) + pieceCost
}

// giveUp ends learning without a profile. It is tried again, after ever more lines, as each try is work for nothing.
func (lr *learner) giveUp() {
	lr.closed()
	if len(lr.profs) == 0 {
		lr.review = min(max(lr.review*4, firstRetry), lastReview)
	}
}

// learned takes p for the source's profile.
func (lr *learner) learned(p *profile) {
	few := len(lr.samples) < maxSamples/2
	lr.take(p)
	lr.closed()
	switch {
	case few && lr.review == 0:
		lr.review = maxSamples
	case p.kind == profileMixed || few:
		lr.review = min(max(lr.review*4, firstReview), lastReview)
	default:
		lr.review = 0
	}
}

// count notes how a line agreed with its profile; headed says that it has a header nevertheless. Where there is no profile, lines
// of structured formats and of syslog agree with that.
func (lr *learner) count(f fitness, headed bool) {
	if !lr.learns || lr.open || f == fitNone {
		return
	}
	learned := len(lr.profs) > 0
	if !learned {
		lr.age = min(lr.age+1, lastReview)
	}
	if f == fitNo {
		if lr.misses = min(lr.misses+missCost, maxMisses); lr.misses >= maxMisses && (learned || lr.age >= lr.review) {
			lr.anew(true)
			lr.suspicious = headed
		}
		return
	}
	lr.streak = 0
	lr.misses = max(lr.misses-1, 0)
	if learned && lr.review > 0 {
		if lr.age++; lr.age >= lr.review {
			lr.anew(false)
		}
	}
}

// anew begins to learn again.
func (lr *learner) anew(hold bool) {
	lr.closed()
	lr.open, lr.hold = true, hold
}

// unlearned says how a line agrees with there being nothing to learn.
func unlearned(h *head) fitness {
	switch h.format {
	case "", FormatText, FormatPostgres, FormatDocker, FormatCRI:
		return fitNo
	}
	return fitYes
}

// sampled says whether a line may be a sample, by its first bytes: what is indented goes on with something, and braces are those
// of an object.
func sampled(b string) bool {
	if len(b) < 4 {
		return false
	}
	switch b[0] {
	case '\t', '{', '}':
		return false
	case ' ':
		return b[1] != ' ' && b[1] != '\t'
	}
	return true
}
