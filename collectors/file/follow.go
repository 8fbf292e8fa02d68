package file

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/logwright/logwright/collectors"
)

// stream is one run of content that is followed.
type stream struct {
	progress
	id string
	// f or z is where it is read from; both nil while closed.
	f      *os.File
	z      *inflated
	packed bool // the file at path is compressed
	// size is the file's at the last look, dirty whether it may have changed since it was last read to its end.
	size  int64
	dirty bool
	// rotated says that the file isn't the current one of its log any more, lost that no file is known that holds the
	// content, quiet since when nothing was added to a rotated file.
	rotated, lost bool
	quiet         time.Time
	// behind says that more is known to wait in the file than one batch, began that a line without its end does.
	behind, began bool
	// via are the directories of the symbolic links that lead to it.
	via []string
	// seen is the scan that last found it by the patterns, used the last time of reading, tried the directory's state when
	// the content was last searched for in vain, failed the error told last.
	seen, used    uint64
	tried, failed string
}

func (s *stream) file() fileID { return fileID{s.dev, s.ino} }

// run is one call of Collect that follows.
type run struct {
	*Collector
	ctx  context.Context // a run is a call
	emit func(collectors.Batch) error
	ch   chunker
	w    *watcher

	streams map[string]*stream
	order   []*stream // fair: each gets a batch in turn
	byFile  map[fileID]*stream
	byPath  map[string][]*stream
	byLog   map[string][]*stream // by base and real
	passed  map[fileID]passed    // files that are not read, and why
	told    map[string]string    // what was said of a path
	opened  int
	// displaced are the streams that were current files until now, by id.
	displaced map[string]displaced
	// matchable are the directories in which a new file could match, and those of the links that lead there.
	matchable []string
	// refused says that there was no room for a file in this scan, crowded that it was told.
	refused, crowded bool
	// unsure says that the scan that runs is not to judge what is new, unsures how many before it were so.
	unsure  bool
	unsures int
	// unready are compressed files that can't be read, perhaps not yet.
	unready map[fileID]unready

	knew   *patterns // of the run that left the cursor
	first  bool
	rescan bool // scan at once
	later  bool // scan when scanGap has passed
	scans  uint64
	uses   uint64
	made   uint64

	lastScan time.Time
	scanTook time.Duration
	ticks    int
}

func (c *Collector) follow(ctx context.Context, from collectors.Cursor, emit func(collectors.Batch) error) error {
	r := &run{
		Collector: c, ctx: ctx, emit: emit, ch: chunker{maxLine: c.cfg.MaxLine}, first: true,
		streams: map[string]*stream{}, byFile: map[fileID]*stream{}, byPath: map[string][]*stream{}, byLog: map[string][]*stream{},
		passed: map[fileID]passed{}, displaced: map[string]displaced{}, told: map[string]string{},
		unready: map[fileID]unready{}, w: newWatcher(c.cfg.Watch, c.log),
	}
	defer r.close()
	if err := r.restore(from); err != nil {
		return err
	}
	full := true
	for ctx.Err() == nil {
		if full {
			if err := r.scan(); err != nil {
				return err
			}
		}
		progress, err := r.round()
		if err != nil {
			return err
		}
		if !progress && !r.rescan && c.opt.Idle != nil {
			c.opt.Idle()
		}
		full = r.wait(progress)
	}
	return nil
}

func (r *run) close() {
	r.w.close()
	for _, s := range r.streams {
		r.shut(s)
	}
}

// wait waits until there is something to do, not at all while busy, and says whether to scan.
func (r *run) wait(busy bool) (full bool) {
	if r.rescan {
		r.rescan = false
		return true
	}
	left := r.cfg.PollInterval
	if r.opt.Wake == nil {
		// Busy or not, new files are looked for in time. A clock that was set back must not have us wait for the time it was.
		gap := r.cfg.PollInterval
		if r.later {
			gap = r.scanGap()
		}
		if left = min(r.lastScan.Add(gap).Sub(r.now()), gap); left <= 0 {
			return r.ticked()
		}
	}
	if busy {
		// What is to be done comes before the next batch of a backlog, but nothing is waited for.
		select {
		case <-r.ctx.Done():
			return false
		case <-r.opt.Wake:
			return true
		case <-r.w.wake:
			return r.changes()
		default:
			return false
		}
	}
	var timer <-chan time.Time
	if r.opt.Wake == nil {
		t := time.NewTimer(left)
		defer t.Stop()
		timer = t.C
	}
	select {
	case <-r.ctx.Done():
		return false
	case <-r.opt.Wake:
		return true
	case <-timer:
		return r.ticked()
	case <-r.w.wake:
		return r.changes()
	}
}

// ticked says, when the time for it has come, whether to scan.
func (r *run) ticked() (full bool) {
	r.ticks++
	if r.later || r.ticks%15 == 0 || r.w.polled() || r.unfinished() {
		return true
	}
	r.lastScan = r.now()
	return false
}

// changes marks what inotify told of, and says whether to scan.
func (r *run) changes() bool {
	changed, rescan := r.w.take()
	for name := range changed {
		for _, s := range r.byPath[name] {
			s.dirty = true
		}
	}
	if !rescan {
		return false
	}
	if r.opt.Wake != nil {
		return true
	}
	if r.now().Sub(r.lastScan) < r.scanGap() {
		r.later = true
		return false
	}
	return true
}

// scanGap is the least time between two scans: a directory in which files come and go all the time must not keep us
// scanning for more than a tenth of the time.
func (r *run) scanGap() time.Duration { return max(100*time.Millisecond, 10*r.scanTook) }

// unfinished says whether a stream waits for time to pass.
func (r *run) unfinished() bool {
	for _, s := range r.order {
		if (s.rotated || s.lost) && !s.ended {
			return true
		}
	}
	return false
}

// round gives every stream that keeps up with its writer the chance to send one batch, and then one stream with a backlog,
// each in its turn. So a line that is written now waits for one batch of a backlog at most, however many files have one, and
// only one compressed file is read at a time.
func (r *run) round() (progress bool, err error) {
	var next *stream
	for _, s := range slices.Clone(r.order) {
		if !s.dirty || s.lost {
			continue
		}
		if s.behind || s.packed || s.size-s.offset > chunkLen {
			if next == nil || r.turn(s, next) {
				next = s
			}
			continue
		}
		if r.ctx.Err() != nil {
			return false, nil //nolint:nilerr // the end was asked for
		}
		moved, err := r.step(s, false)
		if err != nil {
			return false, err
		}
		progress = progress || moved || s.dirty
	}
	if next == nil || r.ctx.Err() != nil {
		return progress, nil //nolint:nilerr // the end was asked for
	}
	if _, err := r.step(next, false); err != nil {
		return false, err
	}
	return true, nil
}

// turn says whether of two streams with a backlog a comes before b: who waited longest, but a compressed file that was
// begun before any other compressed one, since it would have to be decompressed from its beginning again.
func (r *run) turn(a, b *stream) bool {
	if a.packed && b.packed && (a.z == nil) != (b.z == nil) {
		return a.z != nil
	}
	return a.used < b.used
}

// step reads and sends one batch of s. With final, an unfinished last line is taken too.
func (r *run) step(s *stream, final bool) (moved bool, err error) {
	src, err := r.source(s)
	if err != nil {
		s.dirty = false
		if !errors.Is(err, errMoved) {
			r.fail(s, err)
		}
		return false, nil
	}
	wrote := s.mtime
	if s.f != nil {
		if fi, err := s.f.Stat(); err == nil {
			if fi.Size() != s.size {
				s.quiet = r.now()
			}
			s.size, s.mtime = fi.Size(), fi.ModTime().UnixNano()
		}
	}
	at, line := s.offset, s.line
	out, err := r.ch.read(src, &s.progress, final)
	if err != nil {
		return false, r.broken(s, err)
	}
	s.failed = ""
	switch out {
	case replaced:
		if s.packed {
			return false, r.broken(s, errors.New("the decompressed content is not what was read before"))
		}
		s.mtime = wrote // of the content that is no more
		return true, r.truncated(s)
	case atEnd:
		s.dirty, s.behind = false, false
		if s.packed {
			r.shut(s) // a decompressor is large
		}
	case more:
		s.dirty, s.behind = true, true
	}
	began := s.searched > 0 && !s.skip && out == atEnd // a line whose end is not written yet
	if s.offset == at && s.line == line {
		if began && !s.began {
			// Nothing to take, but whoever waits with an event for its next line is to know that one is being written.
			s.began = true
			b := r.batch(s)
			b.More = true
			return false, r.emit(b)
		}
		return false, nil
	}
	s.began = began
	s.quiet, s.ended = r.now(), false
	if len(r.ch.lines) == 0 && out == more {
		return true, nil // within a cut line or a hole: the position goes with what follows
	}
	b := r.batch(s)
	b.Lines, b.More = r.ch.lines, out == more || began
	return true, r.emit(b)
}

// batch makes a batch of s without lines.
func (r *run) batch(s *stream) collectors.Batch {
	return collectors.Batch{Stream: s.id, File: s.path, Service: Stem(s.base), Position: s.encode(), ReadAt: r.now()}
}

// fail tells the operator, once for each error, that s can't be read now.
func (r *run) fail(s *stream, err error) {
	if s.failed == err.Error() {
		return
	}
	s.failed = err.Error()
	r.log.Warn("a log file can't be read, it is tried again", "file", s.path, "error", err)
}

// broken handles an error of reading. A compressed file may still be being written: it is tried again until it has not
// changed for RotatedWait; then what is missing is a gap.
func (r *run) broken(s *stream, err error) error {
	s.dirty = false
	r.shut(s)
	if !s.packed {
		r.fail(s, err)
		return nil
	}
	if r.now().Sub(s.quiet) < r.cfg.RotatedWait {
		return nil
	}
	r.fail(s, err)
	return r.end(s, gapDamaged)
}

// truncated ends s, whose file has other content now, and begins what it has.
func (r *run) truncated(s *stream) error {
	now := r.now()
	reused := bornAfter(s.path, s.mtime)
	if s.rotated {
		// Its name says that it is an older file: an inode that was used again, or what was truncated before it was
		// renamed. It is to be judged as a file that was never seen.
		r.shut(s)
		delete(r.byFile, s.file())
		s.lost, s.dirty, s.quiet = true, false, now
		s.rewind()
		r.displace(s)
		r.rescan = true
		return nil
	}
	n := r.begin(s.path, s.base, s.real)
	if !sameLog(s.path, s.real) && s.path != s.base {
		r.unnote(n)
		n.base, n.real = s.path, s.path // an inode that was used again for another log
		r.note(n)
	}
	n.dev, n.ino, n.mtime, n.size, n.seen, n.dirty = s.dev, s.ino, s.mtime, s.size, s.seen, true
	n.f, n.rotated, n.quiet = s.f, s.rotated, now
	if n.f != nil {
		head := make([]byte, blockLen)
		k, _ := n.f.ReadAt(head, 0) // what can't be read now is when it is read
		n.head = fingerprintOf(head[:k])
	}
	s.f = nil
	r.byFile[n.file()] = n
	r.byPath[n.path] = append(r.byPath[n.path], n)
	s.rotated, s.lost, s.dirty, s.away, s.quiet = true, true, false, now.Unix(), now
	s.rewind()
	r.displace(s)
	// The new stream is committed first: should we be killed between the two, the old one is found missing again.
	if err := r.emit(r.batch(n)); err != nil {
		return err
	}
	r.rescan = true // the copy, if there is one, is searched with the next scan
	if s.ended || s.head == "" || reused {
		return nil
	}
	return r.gap(s, gapTruncated)
}

// gapTruncated is the reason of the gap at every truncation, with or without copy.
const gapTruncated = "truncated: lines written between copy and truncation, or not yet read, may be missing"

// gapDamaged is the reason of the gap at a compressed file that can't be read to its end.
const gapDamaged = "compressed file is damaged"

// gap records that lines of s may be missing at its end.
func (r *run) gap(s *stream, reason string) error {
	if s.told {
		return nil
	}
	s.told = true
	b := r.batch(s)
	b.Gaps = r.gaps(s, reason)
	return r.emit(b)
}

// end tells that s is over, with a gap where reason is not empty. Its position stays, so that the file isn't taken for
// another one.
func (r *run) end(s *stream, reason string) error {
	s.ended, s.dirty = true, false
	if s.away == 0 {
		s.away = r.now().Unix()
	}
	r.shut(s)
	b := r.batch(s)
	b.Ended = true
	if reason != "" && !s.told {
		s.told = true
		b.Position = s.encode()
		b.Gaps = r.gaps(s, reason)
	}
	return r.emit(b)
}

// drop forgets s.
func (r *run) drop(s *stream) error {
	r.shut(s)
	if r.byFile[s.file()] == s {
		delete(r.byFile, s.file())
	}
	delete(r.streams, s.id)
	r.unnote(s)
	r.order = slices.DeleteFunc(r.order, func(o *stream) bool { return o == s })
	b := r.batch(s)
	b.Ended, b.Position = true, nil
	return r.emit(b)
}

// begin makes a stream of what is at path.
func (r *run) begin(path, base, target string) *stream {
	s := &stream{quiet: r.now()}
	for s.id == "" || r.streams[s.id] != nil {
		r.made++
		h := sha256.Sum256(fmt.Appendf(nil, "%s\x00%s\x00%d\x00%d", r.cfg.Name, path, r.now().UnixNano(), r.made))
		s.id = "f-" + hex.EncodeToString(h[:8])
	}
	s.path, s.base, s.real = path, base, target
	s.block = blockOf(nil)
	r.add(s)
	return s
}

func (r *run) add(s *stream) {
	r.streams[s.id] = s
	r.order = append(r.order, s)
	r.note(s)
}

// sameLog says whether path is the current or an older file of the log at base.
func sameLog(path, base string) bool {
	name, of := filepath.Base(path), filepath.Base(base)
	return name == of || isRotationOf(name, of)
}
