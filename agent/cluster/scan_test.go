package cluster

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/logwright/logwright/agent/incident"
)

// sig gives the signature of a message with "*" for a variable part and marks of pins left out.
func sig(t testing.TB, cfg Config, msg string) string {
	t.Helper()
	r, err := newRules(cfg)
	if err != nil {
		t.Fatal(err)
	}
	var sc scanner
	sc.begin("", "")
	m := clip(msg)
	r.scan(&sc, m)
	sc.end()
	return strings.NewReplacer("\x01", "*", "\x02", "").Replace(string(sc.sig[sc.prefix:]))
}

func TestMasking(t *testing.T) {
	for _, tc := range []struct{ name, in, want string }{
		{"words stay", "Connection refused by peer", "Connection refused by peer"},
		{"number", "retry 3 of 10", "retry * of *"},
		{"negative and decimal", "offset -17 drift 0.25", "offset * drift *"},
		{"end of a sentence", "lost 3 of 4.", "lost * of *."},
		{"white space is one", "  a \t  b\r\n", "a b"},
		{"hexadecimal", "at 0x7ffee3 crc deadbeef id 4f3a9c1b", "at * crc * id *"},
		{"words of hexadecimal letters", "dead beef decade", "dead beef decade"},
		{"UUID", "request 6f1c2e0a-9b7d-4c55-8f6e-2f3a4b5c6d7e done", "request * done"},
		{"address with port", "dial tcp 192.168.7.21:5432: refused", "dial tcp *: refused"},
		{"name with port", "connect to db.internal.example:5432 failed", "connect to * failed"},
		{"IPv6", "peer fe80::1c2a:ff:fe00:12 and ::1 gone", "peer * and * gone"},
		{"IPv6 in brackets", "listen [::1]:8080", "listen [*]:*"},
		{"MAC", "link aa:bb:cc:dd:ee:ff up", "link * up"},
		{"C++ name is no address", "std::bad_alloc in ab::cd", "std::bad_alloc in ab::cd"},
		{"URL", "GET https://shop.example/cart?id=7&x=1, ok", "GET *, ok"},
		{"paths", "open /etc/app.conf: no such file", "open *: no such file"},
		{"relative path", "read conf/site/a.yaml", "read *"},
		{"slash between words", "Input/output error", "Input/output error"},
		{"drive", `cannot load C:\Windows\System32\a.dll now`, "cannot load * now"},
		{"mail", "mail to jo@shop.example bounced", "mail to * bounced"},
		{"mail with a tag", "mail to jo+orders@shop.example, bo+7@shop.example, bounced", "mail to *, bounced"},
		{"mail to a host without dots", "from=<jo@mailhub>, to <jo+x@mailhub> now", "from=<*>, to <*> now"},
		{"a plus is none", "jo+orders and jo@Mailhub, 1+x@Y", "jo+orders and jo@Mailhub, *+x@Y"},
		{"path with a query", "GET /cart/items?page=1&q=red+shoes for cart", "GET * for cart"},
		{"quoted path with a query", "'GET /cart?q=shoes' took", "'GET *' took"},
		{"relative path with a query", "see docs/cart/list?sort=up.", "see *."},
		{"a question about a path", "who took /var/lib/x? and cart?id=alpha", "who took *? and cart?id=*"},
		{"object identity", "leaked com.shop.Cart@4f3a", "leaked com.shop.Cart@*"},
		{"value after =", "login user=alice from=web", "login user=* from=*"},
		{"value after = with spaces", "size = big, mode = fast", "size = *, mode = *"},
		{"quoted value", `tag="a b c" x`, `tag="*" x`},
		{"missing value", "ruser= rhost=h1", "ruser=* rhost=*"},
		{"missing value at the end", "name=", "name=*"},
		{"comparison is no value", "a == b != c", "a == b != c"},
		{"structure", "token=Token{1f2e open}", "token=Token{* open}"},
		{"structure without spaces", "ws=Source{10113}, uid=1", "ws=*, uid=*"},
		{"true and null", "enabled: true owner: null", "enabled: * owner: *"},
		{"lists are one", "ids 1, 2, 3", "ids *"},
		{"time", "at 12:30:01.5", "at *"},
		{"date with names", "built on Thu Oct 29 12:30:01 2026 by make", "built on * by make"},
		{"month after a number", "since 29 Oct 2026", "since *"},
		{"May without a number", "May fail", "May fail"},
		{"unit", "took 5 ms and 3 MB", "took * and *"},
		{"unit in words", "took 5 seconds, read 17 bytes now", "took *, read * now"},
		{"time of day and zone", "at 12:30:01 PDT by make", "at * by make"},
		{"no zone", "at 12:30:01 GET failed", "at * GET failed"},
		{"key that is no host", "state.clipTop:180, i:0", "state.clipTop:*, i:*"},
		{"address behind a slash", "from /10.0.0.1:50010: closed", "from *: closed"},
		{"name with a slash and dots", "start org.example.shop/.Cart now", "start * now"},
		{"InfiniBand address", "guid fe:f2:9f:16:e2:23:00:0d:60:e9:1d:dc up", "guid * up"},
		{"human size after bytes", "sent 1024 (1.0 KB) now", "sent * now"},
		{"less than", "lifetime <1 sec", "lifetime *"},
		{"empty brackets", "call() ok []", "call(*) ok [*]"},
		{"dots before a number", "depth.......12", "depth.......*"},
		{"ellipsis", "waiting...", "waiting..."},
		{"percent", "disk 93% full", "disk *% full"},
		{"control characters", "a\x00b\x1b[31mc", "a b [*"},
		{"high bytes are words", "größe überschritten", "größe überschritten"},
		{"invalid UTF-8", "x \xff\xfe y", "x \xff\xfe y"},
		{"blob", "key " + strings.Repeat("q", 200), "key *"},
		{"only punctuation", "--- *** ---", "--- *** ---"},
		{"empty", "", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := sig(t, Config{}, tc.in); got != tc.want {
				t.Errorf("%q\n got %q\nwant %q", tc.in, got, tc.want)
			}
		})
	}
}

func TestMasksAndPins(t *testing.T) {
	cfg := Config{
		Masks: []Mask{{Name: "tenant", Pattern: `tenant-[a-z]+`}, {Pattern: `zone [a-z]+`}},
		Pins:  []string{"E42", "exit code 1", "tenant-root"},
	}
	for _, tc := range []struct{ in, want string }{
		{"load tenant-alpha now", "load <tenant> now"},
		{"in zone west now", "in * now"},
		{"failed with E42 after 5 tries", "failed with E42 after * tries"},
		{"exit code 1 and exit code 2", "exit code 1 and exit code *"},
		{"load tenant-root now", "load tenant-root now"}, // a pin wins over a mask
		{"no such thing", "no such thing"},
	} {
		if got := sig(t, cfg, tc.in); got != tc.want {
			t.Errorf("%q: got %q, want %q", tc.in, got, tc.want)
		}
	}

	c := mustNew(t, Config{Pins: []string{"alpha", "beta", "gamma", "delta"}})
	ids := map[string]bool{}
	for _, w := range []string{"alpha", "beta", "gamma", "delta"} {
		for range 3 {
			ids[add(c, "job of "+w+" failed hard").ID] = true
		}
	}
	if len(ids) != 4 {
		t.Errorf("pins were merged: %v", ids)
	}
	c = mustNew(t, Config{Masks: []Mask{{Name: "tenant", Pattern: `tenant-[a-z]+`}}})
	h := add(c, "load tenant-alpha slow")
	if tm := c.Template(h.ID); tm != "load <tenant> slow" {
		t.Errorf("template %q", tm)
	}
}

func TestValidate(t *testing.T) {
	if ps := (Config{Masks: []Mask{{Name: "a", Pattern: `a\d+`}, {Pattern: "b+"}}, Pins: []string{"x"}}).Validate(); len(ps) != 0 {
		t.Errorf("%+v", ps)
	}
	ps := Config{
		Masks:       []Mask{{Name: "1x", Pattern: "a"}, {Name: "a", Pattern: "("}, {Name: "a", Pattern: "x*"}, {}},
		Pins:        []string{"", "p", "p", "a\nb", strings.Repeat("x", 1000)},
		MaxClusters: 3,
	}.Validate()
	got := map[string]bool{}
	for _, p := range ps {
		got[p.Path] = true
	}
	for _, want := range []string{
		"masks[0].name", "masks[1].pattern", "masks[2].name", "masks[2].pattern", "masks[3].pattern",
		"pins[0]", "pins[2]", "pins[3]", "pins[4]", "max_clusters",
	} {
		if !got[want] {
			t.Errorf("no problem at %s; got %+v", want, ps)
		}
	}
	if c, err := New(Config{MaxClusters: 3}); err == nil || c != nil {
		t.Error("New took a wrong configuration")
	}
}

func FuzzScan(f *testing.F) {
	for _, s := range []string{
		"", "a b", "user=alice from 10.0.0.1:22", "x (1) [2] {3}", "5 (6) (7)", "aa:bb:cc:dd:ee:ff", "::", "a::", "::1", "C:\\x", "a@b.c",
		"http://", "= = ==", "a=\"", "Mon Tue 5 Wed", "5 KB KB", "..5..", "-", "--5", "<1", "a=(b", "a=b{c}", "\x00\x01\x02\x03", "é=é", "0x",
	} {
		f.Add(s, "tenant")
	}
	plain, _ := New(Config{MaxClusters: minClusters})
	f.Fuzz(func(t *testing.T, msg, pin string) {
		cfg := Config{MaxClusters: minClusters, Pins: []string{pin}, Masks: []Mask{{Name: "m", Pattern: `[k-m]+\d`}, {Pattern: "zz"}}}
		cs := []*Clusterer{plain}
		if len(cfg.Validate()) == 0 {
			c, err := New(cfg)
			if err != nil {
				t.Fatal(err)
			}
			cs = append(cs, c)
		}
		for _, c := range cs {
			r := incident.Record{Service: pin, Message: msg}
			h := c.Add(&r)
			c.sc.places = true
			c.read(&r)
			c.sc.places = false
			if again := c.Add(&r); again.New || again.Ref != h.Ref {
				t.Fatalf("%q: %+v, then %+v", msg, h, again)
			}
			tm := c.Template(h.ID)
			if strings.ContainsFunc(tm, func(r rune) bool { return r < ' ' }) {
				t.Fatalf("%q: template with control characters: %q", msg, tm)
			}
			if utf8.ValidString(msg) && !utf8.ValidString(tm) && len(tm) < templateLimit {
				t.Fatalf("%q: template %q breaks characters", msg, tm)
			}
			// The atoms lie in the signature, in order, and the signature has no byte that is not accounted for.
			last := 0
			for _, p := range c.sc.atoms {
				if int(p.from) < last || p.to < p.from || int(p.to) > len(c.sc.sig)-c.sc.prefix {
					t.Fatalf("%q: atoms %v in %q", msg, c.sc.atoms, c.sc.sig)
				}
				last = int(p.to)
			}
			at := 0
			for _, sp := range c.sc.spans {
				if sp.from() < at || sp.to() < sp.from() || sp.to() > len(msg) || sp.pos() >= len(c.sc.atoms) {
					t.Fatalf("%q: spans %+v", msg, c.sc.spans)
				}
				at = sp.to()
			}
		}
	})
}
