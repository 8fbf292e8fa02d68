package agent

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/logwright/logwright/agent/store"
)

// TestDamagedPendingLinesKeepThePosition has a joiner's state that can't be read (damage, or another version's): what was
// pending is lost and said to be; what was counted is not counted again.
func TestDamagedPendingLinesKeepThePosition(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t, "")
		h.start()
		h.write("app.log", errorLines(10)...)
		advance(20 * time.Second)
		h.stop()
		st, err := store.Open(t.Context(), h.dir+"/state", store.Options{})
		if err != nil {
			t.Fatal(err)
		}
		streams, err := st.Streams(t.Context(), "files")
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range streams {
			if !strings.HasSuffix(s.File, "/app.log") {
				continue
			}
			s.Pending = []byte("not a joiner's")
			if err := st.Update(t.Context(), func(tx *store.Tx) error { return tx.SaveStream(s) }); err != nil {
				t.Fatal(err)
			}
		}
		if err := st.Close(); err != nil {
			t.Fatal(err)
		}
		for range 2 {
			h.start()
			h.write("app.log", errorLines(1)...)
			advance(20 * time.Second)
			h.stop()
		}
		h.start()
		if n := h.only().Events; n != 12 {
			t.Errorf("%d events, want 12", n)
		}
		gaps, err := h.d.st.Gaps(t.Context(), time.Time{}, 0)
		if err != nil || len(gaps) != 1 {
			t.Errorf("%d gaps, want 1: %v", len(gaps), err)
		}
		advance(time.Second)
	})
}

// TestMinutesAreOfThisWeek: a minute that a line claims is a row in the store, and a line can claim any.
func TestMinutesAreOfThisWeek(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t, "")
		h.start()
		var lines []string
		for i := range 200 {
			far := time.Duration(i) * time.Hour
			lines = append(lines, at(time.Date(2099, 1, 1, 0, 0, 0, 0, time.UTC).Add(far)), at(time.Unix(600, 0).Add(far)))
		}
		h.write("app.log", lines...)
		advance(20 * time.Second)
		n := 0
		for b, err := range h.d.st.Buckets(t.Context(), 0) {
			if err != nil {
				t.Fatal(err)
			}
			if m := time.Unix(b.Minute.Minute*60, 0); m.After(time.Now().Add(time.Hour)) || m.Before(time.Now().AddDate(0, 0, -8)) {
				n++
			}
		}
		if n > 0 {
			t.Errorf("%d minutes of other centuries are kept", n)
		}
		if n := h.only().Events; n != 400 {
			t.Errorf("%d events, want 400", n)
		}
	})
}

// TestServicesOfAStreamAreBounded: a journal names a unit for each session and each timer's run.
func TestServicesOfAStreamAreBounded(t *testing.T) {
	asked := 0
	p := newPipeline(pipelineConfig{serviceOf: func(_, unit string) string { asked++; return strings.ToUpper(unit) }}, nil)
	s := &stream{units: map[string]string{}}
	for i := range 3 * maxUnits {
		if got, want := s.serviceFor(p, fmt.Sprintf("run-%d.service", i)), fmt.Sprintf("RUN-%d.SERVICE", i); got != want {
			t.Fatalf("%s, want %s", got, want)
		}
		s.serviceFor(p, "busy.service")
	}
	if len(s.units) > maxUnits {
		t.Errorf("%d names are kept", len(s.units))
	}
	if asked > 4*maxUnits {
		t.Errorf("a name that recurs was asked for %d times", asked-3*maxUnits)
	}
}

// TestReloadChangesTheStoresLimit: every limit of agent.yaml follows a reload.
func TestReloadChangesTheStoresLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t, "limits: {store: 64MiB}\n")
		h.start()
		advance(time.Second)
		h.yaml = strings.Replace(h.yaml, "store: 64MiB", "store: 32MiB", 1)
		if err := h.d.Reload(t.Context()); err != nil {
			t.Fatal(err)
		}
		advance(time.Second)
		if size, err := h.d.st.Size(t.Context()); err != nil || size.Limit != 32<<20 {
			t.Errorf("after the reload limits.store is %d, want %d (%v)", size.Limit, 32<<20, err)
		}
	})
}
