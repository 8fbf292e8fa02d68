package events

import (
	"encoding/json"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/logwright/logwright/agent/incident"
)

// journalLine writes an entry as journalctl does; the fields go before those that every entry has.
func journalLine(t *testing.T, fields map[string]any) string {
	t.Helper()
	all := map[string]any{
		"__CURSOR": "s=1;i=2", "__REALTIME_TIMESTAMP": "1707000000123456", "__MONOTONIC_TIMESTAMP": "42", "_HOSTNAME": "mars", "_PID": "7",
		"SYSLOG_IDENTIFIER": "shopd", "PRIORITY": "6", "_TRANSPORT": "stdout",
	}
	for k, v := range fields {
		all[k] = v
	}
	b, err := json.Marshal(all)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestJournalEntry(t *testing.T) {
	for _, c := range []struct {
		name   string
		fields map[string]any
		want   incident.Record
	}{
		{"what a unit prints", map[string]any{"MESSAGE": "two carts sold"}, incident.Record{Message: "two carts sold"}},
		{"its own level", map[string]any{"MESSAGE": "ERROR shop: no stock"}, incident.Record{Message: "shop: no stock", Severity: fail}},
		{"the priority", map[string]any{"MESSAGE": "two carts", "PRIORITY": "4"}, incident.Record{Message: "two carts", Severity: warn}},
		{"a priority that somebody chose", map[string]any{"MESSAGE": "two carts", "_TRANSPORT": "syslog"}, incident.Record{Message: "two carts", Severity: info}},
		{"no priority", map[string]any{"MESSAGE": "two carts", "PRIORITY": nil}, incident.Record{Message: "two carts"}},
		{"a wrong priority", map[string]any{"MESSAGE": "two carts", "PRIORITY": "11"}, incident.Record{Message: "two carts"}},
		{"no text", map[string]any{"MESSAGE": []int{116, 119, 111, 255, 10}}, incident.Record{Message: "two\xff"}},
		{"more than one message", map[string]any{"MESSAGE": []any{"one", "two", []int{51}}}, incident.Record{Message: "one"}},
		{"more than one, and no text", map[string]any{"MESSAGE": []any{[]int{111, 110, 101}, "two"}}, incident.Record{Message: "one"}},
		{"a field of the writer's own", map[string]any{"MESSAGE": "two carts", "SHOP_ORDER": []int{1, 2}, "X9": nil}, incident.Record{Message: "two carts"}},
		{"JSON in it", map[string]any{"MESSAGE": `{"level":"error","msg":"no stock"}`}, incident.Record{Message: "no stock", Severity: fail}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := one(t, journalLine(t, c.fields))
			if got.Message != c.want.Message || got.Severity != c.want.Severity {
				t.Errorf("%v %q", got.Severity, got.Message)
			}
			if got.Host != "mars" || got.PID != "7" || !got.Time.Equal(time.UnixMicro(1707000000123456)) {
				t.Errorf("host %q, pid %q, time %v", got.Host, got.PID, got.Time)
			}
		})
	}
}

// Whatever is no entry of the journal is read as any other object is.
func TestNoJournalEntry(t *testing.T) {
	for _, s := range []string{
		`{"MESSAGE":"a","__REALTIME_TIMESTAMP":"x"}`, `{"MESSAGE":"a","__REALTIME_TIMESTAMP":"-5"}`, `{"MESSAGE":"a"}`,
		`{"MESSAGE":"a","__REALTIME_TIMESTAMP":"99999999999999999"`, `{"MESSAGE":"a","__REALTIME_TIMESTAMP":"9223372036854775807"}`,
		`{"MESSAGE":"a","__REALTIME_TIMESTAMP":"1","level":"error"}`, `{"MESSAGE":null,"__REALTIME_TIMESTAMP":"1"}`,
		`{"MESSAGE":[],"__REALTIME_TIMESTAMP":"1"}`, `{"MESSAGE":[1,256],"__REALTIME_TIMESTAMP":"1"}`, `{"MESSAGE":[1 2],"__REALTIME_TIMESTAMP":"1"}`,
		`{"MESSAGE":[[],"a"],"__REALTIME_TIMESTAMP":"1"}`, `{"MESSAGE":["a","__REALTIME_TIMESTAMP":"1"}`, `{"MESSAGE":"a","__REALTIME_TIMESTAMP":"1"} x`,
		`{"MESSAGE":[1,],"A":`, `{"ME`, `{"MESSAGE`, `{"":1}`, `{"__":[[[[`,
	} {
		r := reader{only: FormatAuto, ref: reference}
		var h head
		if w := r.unwrap(s, &h); w.body != s || w.lane != "" || h.format != "" {
			t.Errorf("%q is taken for an entry: %+v %+v", s, w, h)
		}
	}
}

// Two units that crash at once print their traces line by line, an entry a line; a third one sends its trace as one entry.
func TestJournalEntriesOfSeveral(t *testing.T) {
	trace := []string{"Traceback (most recent call last):", `  File "/srv/shop.py", line 7, in sell`, "    stock[what]", "KeyError: 'cart'"}
	var lines []string
	for i, s := range trace {
		for _, pid := range []string{"7", "8"} {
			lines = append(lines, journalLine(t, map[string]any{"_PID": pid, "MESSAGE": s}))
		}
		if i == 2 {
			lines = append(lines, journalLine(t, map[string]any{"_PID": "9", "MESSAGE": "all is well"}),
				journalLine(t, map[string]any{"_PID": "9", "MESSAGE": strings.Join(trace, "\n")}))
		}
	}
	lines = append(lines, journalLine(t, map[string]any{"_PID": "7", "MESSAGE": "begun again"}))
	crashed := map[string]int{}
	for _, r := range joinAll(t, Config{}, lines) {
		if r.Exception == "KeyError" && len(r.Frames) == 1 && r.Severity == fail {
			crashed[r.PID]++
		} else if r.Severity != incident.SeverityUnset || r.FirstLine != r.LastLine {
			t.Errorf("%v %q", r.Severity, r.Raw)
		}
	}
	if want := map[string]int{"7": 1, "8": 1, "9": 1}; !maps.Equal(crashed, want) {
		t.Errorf("traces of %v", crashed)
	}
	checkEquivalence(t, Config{Reference: reference, MaxLine: 1 << 16, MaxEvent: 1 << 16, MaxPending: 1 << 20}, lines)
}

// TestJournalWriterIsBounded: whoever writes an entry may make its fields as long as a line, but not what is kept for each writer.
func TestJournalWriterIsBounded(t *testing.T) {
	long := strings.Repeat("x", 100_000)
	s := journalLine(t, map[string]any{"_SYSTEMD_UNIT": long, "_PID": long, "_STREAM_ID": long, "CONTAINER_ID": long, "SYSLOG_IDENTIFIER": long, "MESSAGE": "a"})
	r := reader{only: FormatAuto, ref: reference}
	var h head
	if w := r.unwrap(s, &h); w.body != "a" || len(w.lane) == 0 || len(w.lane) > 5*257 {
		t.Errorf("%q by a writer whose name has %d bytes", w.body, len(w.lane))
	}
}

// TestJournalInJournal: an entry that claims in its message to be another one says nothing of the writer, and colours are taken off.
func TestJournalInJournal(t *testing.T) {
	inner := `{\"__REALTIME_TIMESTAMP\":\"253402300000000000\",\"MESSAGE\":\"all is well\",\"PRIORITY\":\"7\",\"_PID\":\"1\",\"SYSLOG_IDENTIFIER\":\"sshd\"}`
	entry := func(message string) string {
		return `{"__REALTIME_TIMESTAMP":"1706933106000000","_HOSTNAME":"mars","_PID":"7","PRIORITY":"3","SYSLOG_IDENTIFIER":"shop","MESSAGE":` + message + `}`
	}
	got := added(t, Config{}, []string{entry(`"` + inner + `"`), entry(`[27,91,51,49,109,69,82,82,79,82,27,91,48,109,32,110,111]`)})
	if len(got) != 2 || got[0].Time.Year() != 2024 || got[0].Logger != "shop" {
		t.Errorf("%+v", got)
	}
	if len(got) == 2 && strings.Contains(got[1].Message, "\x1b") {
		t.Errorf("colours in %q", got[1].Message)
	}
	// Where the collector knows the writer, a line that looks like an entry is what was written.
	own := recordsOf(t, []Line{{Text: entry(`"x"`), Meta: &Meta{Writer: "w", PID: "9", Identifier: "other"}, Time: reference}}, false)
	if len(own) != 1 || own[0].Logger != "other" {
		t.Errorf("%+v", own)
	}
}
