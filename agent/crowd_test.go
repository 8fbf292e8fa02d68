package agent

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/logwright/logwright/agent/incident"
	"github.com/logwright/logwright/agent/store"
)

// unlike gives n errors of which no two are alike.
func unlike(n int, seed uint64) []string {
	r := rand.New(rand.NewPCG(seed, 1))
	out := make([]string, n)
	for i := range out {
		words := make([]string, 5)
		for k := range words {
			for range 7 {
				words[k] += string(rune('a' + r.IntN(26)))
			}
		}
		out[i] = time.Now().UTC().Format("2006-01-02 15:04:05") + " ERROR " + strings.Join(words, " ")
	}
	return out
}

func TestErrorsWithoutEndOpenNoIncidentsWithoutEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t, "notify: [{name: out, kind: stdout}]\nlimits: {store: 16MiB}\ntriggers: {resolve_after: 10m}\n")
		h.start()
		const most = 16 << 20 / bytesPerIncident
		for i := range 4 {
			h.write("app.log", unlike(3*most, uint64(i))...)
			advance(time.Minute)
		}
		open := func(service string) int {
			return len(h.incidents(store.Filter{Service: service, States: []incident.State{incident.StateOpen, incident.StateDiagnosed}}))
		}
		if n := open("app"); n != most/2 {
			t.Errorf("%d incidents of one service are open, want %d", n, most/2)
		}
		told := fmt.Sprintf("%d incidents are open of app", most/2)
		if n := strings.Count(h.out.String(), told); n != 1 {
			t.Errorf("told %d times that there are too many, want once", n)
		}
		// Another service is not the worse for it.
		h.write("quiet.log", errorLines(1)...)
		advance(time.Minute)
		if n := open("quiet"); n != 1 {
			t.Errorf("%d incidents of the other service", n)
		}
		// When they are over, others may open.
		advance(15 * time.Minute)
		h.write("app.log", unlike(5, 99)...)
		advance(time.Minute)
		if n := open("app"); n != 5 {
			t.Errorf("%d incidents are open when all others were resolved, want 5", n)
		}
	})
}

// TestLineSpamDoesNotStopCollecting writes far more unlike errors than the store has room for.
func TestLineSpamDoesNotStopCollecting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t, "limits: {store: 16MiB}\n")
		h.start()
		for i := range 2 {
			h.write("spam.log", unlike(3500, uint64(100+i))...)
			advance(time.Minute)
		}
		h.write("app.log", errorLines(7)...)
		advance(time.Minute)
		list := h.incidents(store.Filter{Service: "app"})
		if len(list) != 1 || list[0].Events != 7 {
			t.Errorf("behind the spam nothing is collected any more: %+v", list)
		}
		if size, err := h.d.st.Size(t.Context()); err != nil || size.Used > 16<<20 {
			t.Errorf("%+v, %v", size, err)
		}
	})
}
