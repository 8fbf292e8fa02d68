package incident

import "testing"

func TestPrintable(t *testing.T) {
	for _, tc := range []struct{ name, in, want string }{
		{"plain", "a b\tc\nd", "a b\tc\nd"},
		{"umlaut and emoji stay", "Zürich ☃", "Zürich ☃"},
		{"escape sequence", "\x1b[31mred\x1b[0m", `\x1b[31mred\x1b[0m`},
		{"carriage return forges a line", "ok\rroot# ", `ok\x0droot# `},
		{"C1 control", "a\u009bb", `a\x9bb`},
		{"right-to-left override", "a\u202eb", `a\u202eb`},
		{"zero width", "a\u200bb", `a\u200bb`},
		{"tag characters", "a\U000e0041b", `a\U000e0041b`},
		{"line separator", "a\u2028b", `a\u2028b`},
		{"invalid UTF-8", "a\xff\xfeb", `a\xff\xfeb`},
		{"delete", "a\x7f", `a\x7f`},
		{"real replacement character stays", "a\ufffdb", "a\ufffdb"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := Printable(tc.in); got != tc.want {
				t.Errorf("Printable(%q) = %q, want %q", tc.in, got, tc.want)
			}
		})
	}
}

func FuzzPrintable(f *testing.F) {
	f.Add("a\x1b[0m\u202e\xff")
	f.Fuzz(func(t *testing.T, s string) {
		out := Printable(s)
		for _, r := range out {
			if !safeRune(r) {
				t.Fatalf("Printable(%q) lets %U through", s, r)
			}
		}
		if again := Printable(out); again != out {
			t.Fatalf("not idempotent: %q then %q", out, again)
		}
	})
}

func TestStates(t *testing.T) {
	for _, tc := range []struct {
		from, to State
		want     bool
	}{
		{StateOpen, StateDiagnosed, true},
		{StateDiagnosed, StateResolved, true},
		{StateResolved, StateDiagnosed, false},
		{StateIgnored, StateOpen, true},
		{StateIgnored, StateResolved, false},
		{State("nonsense"), StateOpen, false},
	} {
		if got := tc.from.CanBecome(tc.to); got != tc.want {
			t.Errorf("%s to %s: %v, want %v", tc.from, tc.to, got, tc.want)
		}
	}
}

func TestIDs(t *testing.T) {
	c, n, err := SplitID(MakeID("lw-2fa7k3q9xw5m", 3))
	if err != nil || c != "lw-2fa7k3q9xw5m" || n != 3 {
		t.Errorf("got %q %d %v", c, n, err)
	}
	for _, bad := range []string{"", "lw-x", "lw-x.0", "lw-x.y", "x.1", ".1"} {
		if _, _, err := SplitID(bad); err == nil {
			t.Errorf("SplitID(%q) took it", bad)
		}
	}
}

func TestSeverity(t *testing.T) {
	for s := SeverityTrace; s <= SeverityFatal; s++ {
		got, err := ParseSeverity(s.String())
		if err != nil || got != s {
			t.Errorf("%v: got %v, %v", s, got, err)
		}
	}
	if _, err := ParseSeverity("ERROR"); err == nil {
		t.Error("ParseSeverity is to be strict")
	}
}

func TestClone(t *testing.T) {
	r := Record{Message: "m", Frames: []Frame{{File: "a.go"}}, Trusted: map[string]string{"_PID": "1"}}
	c := r.Clone()
	c.Frames[0].File, c.Trusted["_PID"] = "b.go", "2"
	if r.Frames[0].File != "a.go" || r.Trusted["_PID"] != "1" {
		t.Errorf("the clone shares memory: %+v", r)
	}
}

func TestEditDistance(t *testing.T) {
	for _, tc := range []struct {
		a, b string
		want int
	}{{"", "", 0}, {"mode", "mode", 0}, {"mod", "mode", 1}, {"opnai", "openai", 1}, {"abcd", "abdc", 1}, {"ü", "u", 1}, {"abc", "", 3}} {
		if got := EditDistance(tc.a, tc.b); got != tc.want {
			t.Errorf("%q to %q: %d, want %d", tc.a, tc.b, got, tc.want)
		}
	}
}

func TestNearest(t *testing.T) {
	known := []string{"kill_switch", "state", "sources", "services", "include", "exclude"}
	for in, want := range map[string]string{
		"kill-switch": "kill_switch", "killSwitch": "kill_switch", "sate": "state", "stats": "state", "source": "sources", "service": "services",
		"inlcude": "include", "logs": "", "x": "", "": "",
	} {
		if got := Nearest(in, known); got != want {
			t.Errorf("Nearest(%q) = %q, want %q", in, got, want)
		}
	}
}
