package diagnose

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/logwright/logwright/agent/incident"
)

// lines makes an incident of one sample. Its lines are authored.
func lines(service, file, raw string, before ...string) incident.Incident {
	first := int64(200)
	if file == "journal" {
		first = 0
	}
	at := time.Date(2026, 3, 4, 10, 11, 12, 0, time.UTC)
	n := int64(strings.Count(raw, "\n"))
	s := incident.Sample{Record: incident.Record{File: file, FirstLine: first, Raw: raw, Message: strings.SplitN(raw, "\n", 2)[0], Service: service, Time: at}}
	if first > 0 {
		s.Record.LastLine = first + n
	}
	for i, b := range before {
		c := incident.Context{File: file, Text: b}
		if first > 0 {
			c.Line = first - int64(len(before)-i)
		}
		s.Before = append(s.Before, c)
	}
	return incident.Incident{
		ID: "lw-2fa7k3q9xw5m.1", Service: service, Severity: incident.SeverityError, Trigger: incident.TriggerNew, Events: 3,
		FirstSeen: at, LastSeen: at, Samples: []incident.Sample{s},
	}
}

func goPanic() incident.Incident {
	inc := lines("shop", "/var/log/shop.log", "panic: cart of customer 42 is corrupt\n\ngoroutine 1 [running]:\nshop/internal/cart.(*Cart).Total(0xc0000)\n\t/srv/shop/internal/cart/cart.go:42 +0x1c\nmain.main()\n\t/srv/shop/main.go:9 +0x20")
	r := &inc.Samples[0].Record
	r.Frames = []incident.Frame{
		{File: "/srv/shop/internal/cart/cart.go", Line: 42, Function: "shop/internal/cart.(*Cart).Total", InApp: true},
		{File: "/srv/shop/main.go", Line: 9, Function: "main.main", InApp: true},
	}
	return inc
}

func strangeException() incident.Incident {
	inc := lines("billing", "/var/log/billing.log", "ERROR invoice 7 failed\ncom.shop.billing.InvoiceStateException: invoice 7 is neither open nor paid\n\tat com.shop.billing.Invoices.close(Invoices.java:88)\n\tat com.shop.billing.Job.run(Job.java:12)")
	r := &inc.Samples[0].Record
	r.Exception, r.ExceptionMessage = "com.shop.billing.InvoiceStateException", "invoice 7 is neither open nor paid"
	r.Frames = []incident.Frame{
		{File: "Invoices.java", Line: 88, Function: "com.shop.billing.Invoices.close", InApp: true},
		{File: "Job.java", Line: 12, Function: "com.shop.billing.Job.run", InApp: true},
	}
	return inc
}

// What a person reads. The golden files are the review of these texts: -update writes them.
func TestOfflineGolden(t *testing.T) {
	released := lines("api", "/var/log/api.log", "ERROR the flux capacitor is out of phase")
	released.Release = &incident.Release{Service: "api", Version: "1.2.3", At: released.FirstSeen.Add(-time.Minute)}
	for name, inc := range map[string]incident.Incident{
		"refused":            lines("api", "/var/log/api.log", "ERROR could not load orders: dial tcp 10.0.0.5:8080: connect: connection refused"),
		"port-taken":         lines("api.service", "journal", "listen tcp :8080: bind: address already in use"),
		"python":             pyIncident(),
		"oom":                lines("kernel", "/var/log/kern.log", "Mar  4 10:11:12 web1 kernel: Out of memory: Killed process 2211 (java) total-vm:8388608kB, anon-rss:6291456kB, file-rss:0kB, shmem-rss:0kB, UID:1000 pgtables:14000kB oom_score_adj:0"),
		"symptom-explained":  lines("api.service", "journal", "api.service: Main process exited, code=exited, status=1/FAILURE", "Starting api.service - The API...", "listen tcp :8080: bind: address already in use"),
		"symptom-alone":      lines("api.service", "journal", "api.service: Main process exited, code=exited, status=1/FAILURE", "Starting api.service - The API..."),
		"ssh-noise":          lines("sshd", "/var/log/auth.log", "Mar  4 10:11:12 web1 sshd[2211]: Failed password for invalid user admin from 203.0.113.9 port 51122 ssh2"),
		"go-panic":           goPanic(),
		"unknown-exception":  strangeException(),
		"unknown":            lines("api", "/var/log/api.log", "ERROR the flux capacitor is out of phase"),
		"unknown-in-journal": lines("api.service", "journal", "the flux capacitor is out of phase"),
		"unknown-released":   released,
		"nothing":            {Service: "api"},
	} {
		t.Run(name, func(t *testing.T) {
			got := human(newTest(t, nil, Config{}).Offline(inc))
			path := filepath.Join("testdata", name+".golden")
			if *update {
				if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			want, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if got != string(want) {
				t.Errorf("got\n%s\nwant\n%s", got, want)
			}
		})
	}
}

func human(r Result) string {
	var b strings.Builder
	dg := r.Diagnosis
	fmt.Fprintf(&b, "%s\n\n%s\n%s\n\n%s, %s, confidence %.2f, by %s %s\n", r.Title, dg.Summary, dg.RootCause, dg.Category, dg.FixKind, dg.Confidence, dg.Source, dg.Signature)
	if dg.Culprit != nil {
		fmt.Fprintf(&b, "culprit %s:%d %s\n", dg.Culprit.File, dg.Culprit.Line, dg.Culprit.Function)
	}
	for _, e := range dg.Evidence {
		fmt.Fprintf(&b, "%s %s:%d %s\n", e.ID, e.Source, e.Line, e.Quote)
	}
	for _, s := range dg.NextSteps {
		fmt.Fprintf(&b, "- %s\n", s)
	}
	return b.String()
}

// ordinary names what a title may hold.
var ordinaryTitle = regexp.MustCompile(`^[A-Za-z0-9_.@-]+: [A-Za-z0-9_ .,'/-]+$`)

func TestTitleHoldsNothingOfTheLog(t *testing.T) {
	hostile := "@everyone `Fixes #1` [skip ci] <b>\x1b[31m /approve\n"
	inc := lines(hostile, "app.log", hostile)
	for _, exception := range []string{"", hostile, "Evil<b>", "com.shop.Fine", strings.Repeat("A", 500)} {
		for _, function := range []string{"", hostile, "a.b", "main.(*Cart).Total", strings.Repeat("f", 500)} {
			r := &inc.Samples[0].Record
			r.Exception = exception
			r.Frames = []incident.Frame{{File: "a.go", Line: 1, Function: function, InApp: true}}
			if got := Title(inc, nil); !ordinaryTitle.MatchString(got) || len(got) > 200 || strings.HasPrefix(got, "@") {
				t.Errorf("title %q", got)
			}
		}
	}
	for _, s := range builtin(t) {
		if got := Title(inc, s); !ordinaryTitle.MatchString(got) {
			t.Errorf("title %q", got)
		}
	}
	for in, want := range map[string]string{
		"getty@tty1.service": "getty@tty1.service", "@here": "_here", "a b": "a_b", "": "unknown", "-rf": "_rf", "a/../b": "a____b", "x@@y": "x@_y",
	} {
		if got := plainService(in); got != want {
			t.Errorf("plainService(%q) = %q, want %q", in, got, want)
		}
	}
}

// What is captured ends up in commands: a hostile line must not get more into them than its kind allows.
func TestCapturesCannotInject(t *testing.T) {
	d := newTest(t, nil, Config{})
	for _, raw := range []string{
		"open /var/lib/$(reboot)/x: permission denied",
		"open /var/lib/`id`: permission denied",
		"open /tmp/a;rm -rf /: permission denied",
		"open /../../etc/shadow: permission denied",
		"dial tcp: lookup $(id) on 10.0.0.2:53: no such host",
		"dial tcp: lookup -oProxyCommand=id on 10.0.0.2:53: no such host",
		"x.service;reboot.service: Main process exited, code=exited, status=203/EXEC",
		"Error response from daemon: pull access denied for a;reboot, repository does not exist",
		"MountVolume.SetUp failed for volume \"$(reboot)\" : configmap \"`id`\" not found",
	} {
		res := d.Offline(lines("api", "/var/log/api.log", raw))
		if res.Diagnosis.Signature == "" {
			t.Errorf("nothing matched %q", raw)
		}
		for _, s := range res.Diagnosis.NextSteps {
			for _, bad := range []string{"$(reboot", "$(id)", "`id`", ";rm", ";reboot", "-oProxy", "../"} {
				if strings.Contains(s, bad) {
					t.Errorf("%q got into %q", bad, s)
				}
			}
		}
	}
}

func TestConfidence(t *testing.T) {
	d := newTest(t, nil, Config{})
	refused := "dial tcp 10.0.0.5:8080: connect: connection refused"
	inc := lines("api", "/var/log/api.log", refused)
	if got := d.Offline(inc).Diagnosis.Confidence; got != 0.7 {
		t.Errorf("one of one sample: %v", got)
	}
	other := lines("api", "/var/log/api.log", "the flux capacitor is out of phase").Samples[0]
	inc.Samples = append(inc.Samples, other)
	if got := d.Offline(inc).Diagnosis.Confidence; got != 0.6 { // 0.7 × (0.7 + 0.3/2), rounded
		t.Errorf("one of two samples: %v", got)
	}
}

// A line's number stays right where redaction takes lines away.
func TestRedactionKeepsLineNumbers(t *testing.T) {
	d, err := New(Config{}, nil, Options{Redact: func(s string) string {
		return regexp.MustCompile(`(?s)-----BEGIN.*END-----`).ReplaceAllString(s, "[KEY]")
	}})
	if err != nil {
		t.Fatal(err)
	}
	raw := "first\n-----BEGIN KEY-----\nAAAA\nBBBB\n-----END-----\nconnect: connection refused\nlast"
	res := d.Offline(lines("api", "a.log", raw))
	if len(res.Diagnosis.Evidence) != 1 || res.Diagnosis.Evidence[0].Line != 205 || res.Diagnosis.Evidence[0].Quote != "connect: connection refused" {
		t.Errorf("evidence %+v", res.Diagnosis.Evidence)
	}
}

// JSON lines are matched by what they say, escapes and all.
func TestDecodedMessageMatches(t *testing.T) {
	inc := lines("api", "api.log", `{"level":"error","msg":"AttributeError: \u0027NoneType\u0027 object has no attribute \u0027total\u0027"}`)
	inc.Samples[0].Record.Message = "AttributeError: 'NoneType' object has no attribute 'total'"
	res := newTest(t, nil, Config{}).Offline(inc)
	if res.Diagnosis.Signature != "python-none-attribute" || len(res.Diagnosis.Evidence) != 1 || res.Diagnosis.Evidence[0].Line != 200 {
		t.Errorf("got %+v", res.Diagnosis)
	}
}

// A match far out in a long line is what the quote shows.
func TestQuoteShowsTheMatch(t *testing.T) {
	long := strings.Repeat("ä", 3000) + " connect: connection refused " + strings.Repeat("ö", 3000)
	res := newTest(t, nil, Config{}).Offline(lines("api", "api.log", long))
	e := res.Diagnosis.Evidence
	if len(e) != 1 || !strings.Contains(e[0].Quote, "connection refused") || !strings.Contains(long, e[0].Quote) || len(e[0].Quote) > DefaultMaxLineBytes {
		t.Errorf("evidence %+v", e)
	}
	huge := strings.Repeat("x\n", 60_000) + "connect: connection refused"
	res = newTest(t, nil, Config{}).Offline(lines("api", "api.log", huge))
	if e := res.Diagnosis.Evidence; len(e) != 1 || e[0].Line != 60_200 || e[0].Quote != "connect: connection refused" {
		t.Errorf("evidence %+v", e)
	}
}

func TestNew(t *testing.T) {
	if _, err := New(Config{}, nil, Options{}); err == nil {
		t.Error("a diagnoser without a redactor was made")
	}
	if _, err := New(Config{MaxRounds: 99}, nil, Options{Redact: redactFake}); err == nil {
		t.Error("99 rounds were taken")
	}
	if ps := (Config{MaxRounds: -1, MaxEvidence: 1, MaxLineBytes: 1 << 30}).Validate(); len(ps) != 3 {
		t.Errorf("problems %v", ps)
	}
	var dg struct{ Diagnosis incident.Diagnosis }
	if b, err := json.Marshal(newTest(t, nil, Config{}).Offline(pyIncident())); err != nil || json.Unmarshal(b, &dg) != nil {
		t.Errorf("a result does not go through JSON: %v", err)
	}
}
