package events

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestPrinted reads what programs and their loggers print in ways of their own: want lists "first-last severity message", and
// behind it the exception in brackets where there is one.
func TestPrinted(t *testing.T) {
	for _, c := range []struct {
		name, in string
		want     []string
	}{
		{"rsyslog 5424: events behind a trace", `
<13>1 2024-01-02T15:04:05.100000+00:00 web1 depot 77 - -  pallet 7 begun
<13>1 2024-01-02T15:04:05.200000+00:00 web1 depot 77 - -  Traceback (most recent call last):
<13>1 2024-01-02T15:04:05.200100+00:00 web1 depot 77 - -    File "/srv/depot/load.py", line 9, in lift
<13>1 2024-01-02T15:04:05.200200+00:00 web1 depot 77 - -      fork(ref)
<13>1 2024-01-02T15:04:05.200300+00:00 web1 depot 77 - -  KeyError: 'fork'
<13>1 2024-01-02T15:04:05.300000+00:00 web1 depot 77 - -  pallet 8 begun
<13>1 2024-01-02T15:04:05.400000+00:00 web1 depot 77 - -  pallet 8 done
`, []string{"1-1 info pallet 7 begun", "2-5 error KeyError: 'fork' [KeyError: 'fork']", "6-6 info pallet 8 begun", "7-7 info pallet 8 done"}},
		{"5424 without that blank", `
<13>1 2024-01-02T15:04:05.100000+00:00 web1 depot 77 - - limits:
<13>1 2024-01-02T15:04:05.100100+00:00 web1 depot 77 - -   weight 700
<13>1 2024-01-02T15:04:05.300000+00:00 web1 depot 77 - - pallet 8 begun
`, []string{"1-2 info limits:", "3-3 info pallet 8 begun"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var got []string
			for _, r := range joinAll(t, Config{}, splitLines(c.in)) {
				s := fmt.Sprintf("%d-%d %v %s", r.FirstLine, r.LastLine, r.Severity, r.Message)
				if r.Exception != "" || r.ExceptionMessage != "" {
					s += " [" + r.Exception + ": " + r.ExceptionMessage + "]"
				}
				got = append(got, s)
			}
			if d := cmp.Diff(c.want, got); d != "" {
				t.Errorf("(-want +got):\n%s", d)
			}
		})
	}
}
