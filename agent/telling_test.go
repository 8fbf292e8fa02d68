package agent

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/logwright/logwright/agent/incident"
	"github.com/logwright/logwright/agent/notify"
	"github.com/logwright/logwright/agent/store"
)

// fakeNotifier keeps what it is told, or answers with an error, or never.
type fakeNotifier struct {
	told []incident.Event
	err  error
	hang chan struct{}
}

func (f *fakeNotifier) Notify(_ context.Context, e incident.Event) error {
	if f.hang != nil {
		<-f.hang
	}
	f.told = append(f.told, e)
	return f.err
}

// openTelling gives an outbox with notifiers.
func openTelling(t *testing.T, notifiers map[string]Notifier) *telling {
	t.Helper()
	st, err := store.Open(t.Context(), t.TempDir()+"/state", store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := st.Close(); err != nil {
			t.Error(err)
		}
	})
	if err := st.Lock(t.Context()); err != nil {
		t.Fatal(err)
	}
	return &telling{st: st, log: slog.New(slog.DiscardHandler), now: time.Now, notifiers: notifiers}
}

func enqueue(t *testing.T, tl *telling, kind incident.EventKind, n int, notifiers ...string) {
	t.Helper()
	err := tl.st.Update(t.Context(), func(tx *store.Tx) error {
		for i := range n {
			inc := &incident.Incident{ID: fmt.Sprintf("lw-%s%d.1", kind, i), Severity: incident.SeverityError}
			if err := tx.Enqueue(incident.Event{ID: newID(), Kind: kind, At: time.Now(), Incident: inc}, notifiers...); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func waiting(t *testing.T, tl *telling) []store.Delivery {
	t.Helper()
	ds, err := tl.st.Due(t.Context(), time.Now().Add(1000*time.Hour), 0)
	if err != nil {
		t.Fatal(err)
	}
	return ds
}

// TestEveryDeliveryIsInOneMessage has two storms and single events in one round: each delivery must be settled by the
// message that tells of it.
func TestEveryDeliveryIsInOneMessage(t *testing.T) {
	var ds []store.Delivery
	add := func(kind incident.EventKind, n int) {
		for i := range n {
			id := fmt.Sprintf("%s-%d", kind, i)
			e := incident.Event{ID: id, Kind: kind, Incident: &incident.Incident{ID: "lw-" + id + ".1"}}
			ds = append(ds, store.Delivery{EventID: id, Notifier: "out", Event: e})
		}
	}
	add(incident.EventResolved, stormAt+3)
	add(incident.EventGap, 2)
	add(incident.EventOpened, stormAt+1)
	add(incident.EventReturned, stormAt)
	in := map[string]int{}
	storms := 0
	for _, m := range messages(ds) {
		if len(m.of) == 0 {
			t.Errorf("a message of kind %s stands for no delivery and is never sent", m.event.Kind)
		}
		var about []string
		if m.event.Incident != nil {
			about = append(about, m.event.Incident.ID)
		}
		for _, g := range m.event.Grouped {
			about = append(about, g.ID)
		}
		if m.event.Kind == incident.EventStorm {
			storms++
		}
		for _, d := range m.of {
			in[d.EventID]++
			if !slices.Contains(about, d.Event.Incident.ID) {
				t.Errorf("%s is settled by a message that does not tell of it", d.EventID)
			}
		}
	}
	if storms != 2 {
		t.Errorf("%d storms, want 2", storms)
	}
	for _, d := range ds {
		if in[d.EventID] != 1 {
			t.Errorf("%s is in %d messages", d.EventID, in[d.EventID])
		}
	}
}

func TestTwoStormsInOneRoundAreBothTold(t *testing.T) {
	out := &fakeNotifier{}
	tl := openTelling(t, map[string]Notifier{"out": out})
	enqueue(t, tl, incident.EventOpened, 8, "out")
	enqueue(t, tl, incident.EventResolved, 7, "out")
	if _, err := tl.round(t.Context()); err != nil {
		t.Fatal(err)
	}
	told := 0
	for _, e := range out.told {
		told += 1 + len(e.Grouped)
	}
	if len(out.told) != 2 || told != 15 {
		t.Errorf("%d messages about %d incidents, want 2 about 15", len(out.told), told)
	}
}

// TestNotifierThatIsGone has deliveries of a notifier that is in the configuration no more.
func TestNotifierThatIsGone(t *testing.T) {
	out := &fakeNotifier{}
	tl := openTelling(t, map[string]Notifier{"out": out})
	enqueue(t, tl, incident.EventOpened, 1, "renamed", "out")
	if _, err := tl.round(t.Context()); err != nil {
		t.Fatalf("the outbox stands still: %v", err)
	}
	if left := waiting(t, tl); len(left) != 0 || len(out.told) != 1 {
		t.Errorf("%d left, %d told; want 0 and 1", len(left), len(out.told))
	}
}

// TestChannelThatAsksForPeace is left alone for as long as it says, whatever else waits for it; and holds up no other.
func TestChannelThatAsksForPeace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		busy := &fakeNotifier{err: &notify.Error{Status: 429, RetryAfter: 5 * time.Minute, Message: "fake: too many"}}
		out := &fakeNotifier{}
		tl := openTelling(t, map[string]Notifier{"busy": busy, "out": out})
		for _, k := range []incident.EventKind{incident.EventOpened, incident.EventResolved, incident.EventSpike} {
			enqueue(t, tl, k, 2, "busy", "out")
		}
		for range 40 {
			if _, err := tl.round(t.Context()); err != nil {
				t.Fatal(err)
			}
			<-time.After(5 * time.Second)
		}
		if len(busy.told) != 1 || len(out.told) != 6 {
			t.Errorf("%d attempts in 200 s at a channel that asked for 300, %d of 6 told elsewhere", len(busy.told), len(out.told))
		}
		busy.err = nil
		for range 60 {
			if _, err := tl.round(t.Context()); err != nil {
				t.Fatal(err)
			}
			<-time.After(5 * time.Second)
		}
		if len(busy.told) != 7 || len(waiting(t, tl)) != 0 {
			t.Errorf("%d attempts in all, want 7; %d left", len(busy.told), len(waiting(t, tl)))
		}
		for _, e := range busy.told {
			if e.Resend {
				t.Errorf("an event that was refused is marked as sent before")
			}
		}
	})
}

// TestAnswerThatNeverCame may have arrived: what is sent next says so.
func TestAnswerThatNeverCame(t *testing.T) {
	for _, tc := range []struct {
		name   string
		err    error
		resend bool
	}{
		{"cut off", context.DeadlineExceeded, true},
		{"nobody listened", &net.OpError{Op: "dial", Err: errors.New("connection refused")}, false},
		{"a proxy gave up", &notify.Error{Status: 504, Message: "fake"}, true},
		{"refused", &notify.Error{Status: 429, Message: "fake"}, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				out := &fakeNotifier{err: tc.err}
				tl := openTelling(t, map[string]Notifier{"out": out})
				enqueue(t, tl, incident.EventOpened, 1, "out")
				for range 2 {
					if _, err := tl.round(t.Context()); err != nil {
						t.Fatal(err)
					}
					<-time.After(time.Minute)
				}
				if len(out.told) != 2 || out.told[0].Resend || out.told[1].Resend != tc.resend {
					t.Errorf("told %+v, want twice and the second with resend %v", out.told, tc.resend)
				}
			})
		})
	}
}

// TestNotifierThatHangs must hold up neither the others nor the daemon's end.
func TestNotifierThatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		stuck, out := &fakeNotifier{hang: make(chan struct{})}, &fakeNotifier{}
		tl := openTelling(t, map[string]Notifier{"a-stuck": stuck, "out": out})
		enqueue(t, tl, incident.EventOpened, 1, "a-stuck", "out")
		for range 3 {
			if _, err := tl.round(t.Context()); err != nil {
				t.Fatal(err)
			}
			<-time.After(10 * time.Minute)
		}
		if len(out.told) != 1 {
			t.Errorf("the other notifier told %d times, want 1", len(out.told))
		}
		ctx, cancel := context.WithCancel(t.Context())
		enqueue(t, tl, incident.EventResolved, 1, "out")
		out.hang = make(chan struct{})
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			_, _ = tl.round(ctx)
		}()
		synctest.Wait()
		cancel()
		<-ended
		if left := waiting(t, tl); len(left) != 2 || !left[0].Event.Resend || !left[1].Event.Resend {
			t.Errorf("what was on its way is not kept as such: %+v", left)
		}
		close(stuck.hang)
		close(out.hang)
		synctest.Wait()
	})
}

func TestIgnoredByCommandIsToldByTheDaemon(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t, "notify: [{name: out, kind: stdout}]\n")
		h.start()
		h.write("app.log", errorLines(1)...)
		advance(20 * time.Second)
		inc := h.only()
		// Another process: a store of its own.
		other, err := store.Open(t.Context(), h.dir+"/state", store.Options{})
		if err != nil {
			t.Fatal(err)
		}
		defer other.Close()
		if _, err := ChangeState(t.Context(), other, inc.ID, incident.StateIgnored, "user:test", "", []string{"out"}); err != nil {
			t.Fatal(err)
		}
		advance(time.Minute)
		if n := strings.Count(h.out.String(), inc.ID); n != 2 {
			t.Errorf("the daemon told %d times of the incident, want 2 (opened, ignored):\n%s", n, h.out.String())
		}
		if _, err := ChangeState(t.Context(), other, inc.ID, incident.StateOpen, "user:test", "", []string{"out"}); err != nil {
			t.Fatal(err)
		}
		advance(time.Minute)
		if s := h.only().State; s != incident.StateDiagnosed {
			t.Errorf("reopened by a command it is %s, and was not looked at again", s)
		}
	})
}
