package cluster

import (
	"fmt"
	"math/rand/v2"
	"regexp"
	"strings"
	"testing"

	"github.com/logwright/logwright/agent/incident"
)

func mustNew(t testing.TB, cfg Config) *Clusterer {
	t.Helper()
	c, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// canonical gives the id that id stands for as of now.
func canonical(c *Clusterer, id string) string {
	ref, _ := ParseID(id)
	return c.Resolve(ref)
}

func add(c *Clusterer, msg string) Hit { return c.Add(&incident.Record{Service: "api", Message: msg}) }

func TestIDs(t *testing.T) {
	c := mustNew(t, Config{})
	h := add(c, "Connection to 10.0.0.7:5432 lost after 30 ms")
	if !regexp.MustCompile(`^lw-[a-z2-7]{12}$`).MatchString(h.ID) || !h.New {
		t.Errorf("%+v", h)
	}
	// Fixed for good: ids are kept in stores and compared between hosts. If this fails, ids of all installations change.
	if h.ID != "lw-csirc2khshbd" {
		t.Errorf("the id of a known message changed: %s", h.ID)
	}
	if g := add(c, "Connection to 10.9.9.9:1 lost after 1 ms"); g.New || g.ID != h.ID || g.Ref != h.Ref {
		t.Errorf("%+v after %+v", g, h)
	}
	if g := c.Add(&incident.Record{Service: "web", Message: "Connection to 10.0.0.7:5432 lost after 30 ms"}); g.ID == h.ID {
		t.Error("another service has the same id")
	}
	if g := c.Add(&incident.Record{Service: "api", Message: "Connection to 10.0.0.7:5432 lost after 30 ms", Severity: incident.SeverityFatal, Host: "h", PID: "1"}); g.ID != h.ID {
		t.Error("severity or a header attribute is part of the key")
	}
	if ref, ok := ParseID(h.ID); !ok || ref != h.Ref || ref.String() != h.ID || c.Resolve(ref) != h.ID {
		t.Errorf("%v and %v don't stand for each other", h.ID, h.Ref)
	}
	for _, bad := range []string{"", "lw-", "lw-csirc2khshb", "lw-csirc2khshbdd", "lw-CSIRC2KHSHBD", "lw-csirc2khshb1", "xx-csirc2khshbd"} {
		if _, ok := ParseID(bad); ok {
			t.Errorf("ParseID took %q", bad)
		}
		if c.Template(bad) != "" {
			t.Errorf("%q is something", bad)
		}
	}
	// Another host sees the same among other things, in another order.
	d := mustNew(t, Config{})
	add(d, "something else entirely")
	if g := add(d, "Connection to 172.16.0.1:99 lost after 7 ms"); g.ID != h.ID {
		t.Errorf("another host: %s, not %s", g.ID, h.ID)
	}
}

func TestMerging(t *testing.T) {
	for _, tc := range []struct {
		name  string
		in    []string
		want  int    // clusters at the end
		templ string // of the first, at the end
	}{
		{"two words are two clusters", []string{"unit alpha entered state", "unit beta entered state"}, 2, "unit alpha entered state"},
		{"a word where a number was", []string{"user 17 logged in", "user 18 logged in", "user bob logged in"}, 1, "user <*> logged in"},
		{"a number where a word was", []string{"user bob logged in", "user 17 logged in"}, 1, "user <*> logged in"},
		{"three identifiers", []string{"load plugin a_b failed", "load plugin a_c failed", "load plugin a_d failed"}, 1, "load plugin <*> failed"},
		{"six words", []string{
			"login of ann denied", "login of bob denied", "login of cid denied", "login of dan denied", "login of eve denied", "login of fay denied",
		}, 1, "login of <*> denied"},
		{"and all that follow", []string{
			"login of ann denied", "login of bob denied", "login of cid denied", "login of dan denied", "login of eve denied", "login of fay denied",
			"login of gil denied", "login of hal denied",
		}, 1, "login of <*> denied"},
		{"grammar alone holds nothing together", []string{"a_x set to 1", "b_x set to 2", "c_x set to 3", "d_x set to 4"}, 4, "a_x set to <*>"},
		{"too few words stay", []string{"ann denied", "bob denied", "cid denied", "dan denied", "eve denied", "fay denied", "gil denied"}, 7, "ann denied"},
		{"a part that may be missing", []string{"request failed quickly 3", "request failed quickly"}, 1, "request failed quickly <*>"},
		{"other words are another thing", []string{"request failed quickly", "request failed very quickly"}, 2, "request failed quickly"},
		{"a value is shown until it varies", []string{"mode=fast started", "mode=fast started"}, 1, "mode=fast started"},
		{"and then it is not", []string{"mode=fast started", "mode=slow started"}, 1, "mode=<*> started"},
		{"missing values", []string{"check a= b=  c=7 d=", "check a= b=  c=8 d="}, 1, "check a= b= c=<*> d="},
		{"numbers are never shown", []string{"took 5 ms"}, 1, "took <*> ms"},
		{"what ends with a colon goes on", []string{"closed link 7 (by peer 8)", "closed link 7 (by peer 8):"}, 2, "closed link <*> (by peer <*>)"},
		{"lists of any length", []string{"ids are 1, 2", "ids are 1, 2, 3"}, 1, "ids are <*>"},
		{"a name before a number", []string{"lost node-17 of rack", "lost node-18 of rack"}, 1, "lost node-<*> of rack"},
		{"another name before a number", []string{"lost node-17 of rack", "lost host-18 of rack"}, 1, "lost <*> of rack"},
		{"units that vary", []string{"took 5 ms in all", "took 5 s in all"}, 1, "took <*> in all"},
		{"a list inside, a unit after", []string{"ids 1, 2 took 5 ms", "ids 1, 2, 3 took 5 ms"}, 1, "ids <*> took <*> ms"},
		{"a list with words", []string{"sets a_1 ok, a_2 ok", "sets a_1 ok, a_2 ok, a_3 ok, a_4 ok"}, 1, "sets <*> ok, <*> ok"},
		{"a host that is a word", []string{"dial to 10.0.0.1:80 failed hard", "dial to redis:80 failed hard"}, 1, "dial to <*> failed hard"},
		{"a word that is a host", []string{"dial to redis:80 failed hard", "dial to db.example.org:81 failed hard"}, 1, "dial to redis:<*> failed hard"},
		{"keys are no hosts", []string{"got status:80 in answer", "got length:80 in answer"}, 2, "got status:<*> in answer"},
		{"for user X", []string{"session opened for user ann", "session opened for user bob"}, 1, "session opened for user <*>"},
		{"type X", []string{"asked 7 type A from 8", "asked 7 type MX from 8", "asked 7 type TXT from 8"}, 1, "asked <*> type <*> from <*>"},
		{"four methods", []string{"did GET of /a now", "did PUT of /a now", "did POST of /a now", "did HEAD of /a now"}, 1, "did <*> of /a now"},
		{"three methods", []string{"did GET of /a now", "did PUT of /a now", "did POST of /a now"}, 3, "did GET of /a now"},
		{"user and a verb", []string{"the user added by hand", "the user deleted by hand"}, 2, "the user added by hand"},
		{"two places at once", []string{
			"mount of ann on alpha failed", "mount of bob on beta failed", "mount of cid on gamma failed", "mount of dan on delta failed",
			"mount of eve on eta failed", "mount of fay on theta failed", "mount of gil on iota failed", "mount of hal on kappa failed",
		}, 1, "mount of <*> on <*> failed"},
		{"one word says what it is", []string{
			"connect from ann[1]", "connect from bob[1]", "connect from cid[1]", "connect from dan[1]", "connect from eve[1]",
			"connect from fay[1]", "connect from gil[1]", "connect from hal[1]",
		}, 1, "connect from <*>[<*>]"},
		{"the first word is what happened", []string{
			"boot (command 1)", "halt (command 1)", "wait (command 1)", "join (command 1)", "leave (command 1)", "reset (command 1)",
			"probe (command 1)", "flush (command 1)", "close (command 1)",
		}, 9, "boot (command <*>)"},
		{"names with dots", []string{
			"cron.service: Succeeded.", "ssh.service: Succeeded.", "web.service: Succeeded.", "db.timer: Succeeded.", "fs.mount: Succeeded.",
		}, 1, "<*>: Succeeded."},
		{"exceptions are no names", []string{
			"java.io.EOFException: closed", "java.io.IOException: closed", "java.net.SocketException: closed", "java.lang.ClassCastException: closed",
			"java.lang.NullPointerException: closed", "java.net.BindException: closed",
		}, 6, "java.io.EOFException: closed"},
		{"lists of one length", []string{"point at 1, 2", "point at 3, 4"}, 1, "point at <*>, <*>"},
		{"two places", []string{
			"copy of a_1x to b_1x done", "move x_a over y_a now", "move x_a over y_b now", "move x_a over y_c now",
			"move x_b over y_a now", "move x_b over y_b now", "move x_b over y_c now",
			"move x_c over y_a now", "move x_c over y_b now", "move x_c over y_c now",
		}, 2, "copy of a_1x to b_1x done"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := mustNew(t, Config{})
			var refs []Ref
			for _, m := range tc.in {
				refs = append(refs, add(c, m).Ref)
			}
			ids := map[string]bool{}
			for _, ref := range refs {
				ids[c.Resolve(ref)] = true
			}
			if len(ids) != tc.want || c.Stats().Clusters != tc.want {
				t.Errorf("%d clusters (%d live), want %d", len(ids), c.Stats().Clusters, tc.want)
			}
			first := refs[0].String()
			if tc.want == 1 && !ids[first] {
				t.Errorf("the oldest id %s did not stay: %v", first, ids)
			}
			if got := c.Template(first); got != tc.templ {
				t.Errorf("template %q, want %q", got, tc.templ)
			}
			check(t, c)
		})
	}
}

// A skeleton with more sets of open places than are kept: words that vary everywhere at once. Nothing gets slow or lost.
func TestCrowdedSkeleton(t *testing.T) {
	c := mustNew(t, Config{MaxClusters: 2048})
	rnd := rand.New(rand.NewPCG(9, 9))
	for range 20_000 {
		w := strings.Fields("one two three four five six seven eight nine ten")
		for range 1 + rnd.IntN(3) {
			w[rnd.IntN(len(w))] = fmt.Sprintf("n_%c%c", 'a'+rnd.IntN(26), 'a'+rnd.IntN(26))
		}
		add(c, strings.Join(w, " "))
	}
	check(t, c)
	for key, first := range c.slots.all() {
		for p := range c.entries[first].next {
			if slotKey(&c.entries[first], p) != key {
				continue
			}
			n := 0
			for j := first; j != none; j = c.entries[j].next[p] {
				n++
			}
			if n > listLimit {
				t.Fatalf("a slot lists %d", n)
			}
		}
	}
	if s := c.Stats(); s.Merges == 0 || s.Clusters > 2048 {
		t.Errorf("%+v", s)
	}
}

// check looks for anything in the tables that does not fit together.
func check(t testing.TB, c *Clusterer) {
	t.Helper()
	if c.exact.len() != c.live || len(c.entries)-len(c.free) != c.live {
		t.Fatalf("%d signatures, %d live, %d of %d places free", c.exact.len(), c.live, len(c.free), len(c.entries))
	}
	for _, i := range c.exact.all() {
		e := &c.entries[i]
		if k, ok := c.find([]byte(e.sig)); !ok || k != i || !e.used || !c.nodes[e.node].used {
			t.Fatalf("%q leads to %+v", e.sig, e)
		}
	}
	members := 0
	for key, k := range c.byRef.all() {
		ref := Ref(key)
		n := &c.nodes[k]
		if n.ref != ref || !n.used || n.id != ref.String() || n.size == 0 {
			t.Fatalf("%v leads to %+v", ref, n)
		}
		if root := c.root(ref); root != ref {
			t.Fatalf("a live cluster %v is an alias of %v", ref, root)
		}
		before, size := none, 0
		for i := n.first; i != none; i = c.entries[i].after {
			if e := &c.entries[i]; e.node != k || e.before != before || !e.used {
				t.Fatalf("list of %v: %+v", ref, e)
			}
			before = i
			size++
		}
		if size != n.size {
			t.Fatalf("%v has %d entries and says %d", ref, size, n.size)
		}
		members += size
	}
	if members != c.live {
		t.Fatalf("%d entries in clusters, %d live", members, c.live)
	}
	for _, i := range c.slots.all() {
		if !c.entries[i].used {
			t.Fatal("a slot leads nowhere")
		}
	}
	for _, i := range c.gens.all() {
		if !c.entries[i].used || c.entries[i].mask == 0 {
			t.Fatal("a merged entry leads nowhere")
		}
	}
	for _, i := range c.phrase.all() {
		if !c.entries[i].used {
			t.Fatal("a phrase leads nowhere")
		}
	}
	for key, i := range c.frames.all() {
		n := 0
		for j := i; j != none; j = c.entries[j].alike {
			if e := &c.entries[j]; !e.used || !e.framed || e.frame != key {
				t.Fatalf("a list of frames holds %+v", e)
			}
			n++
		}
		if n > frameLimit+1 {
			t.Fatalf("a list of frames has %d", n)
		}
	}
	for key, i := range c.tails.all() {
		n := 0
		for j := i; j != none; j = c.entries[j].trails {
			if e := &c.entries[j]; !e.used || !e.inTails || e.stemKey != key {
				t.Fatalf("a list of tails holds %+v", e)
			}
			n++
		}
		if n > tailLimit+1 {
			t.Fatalf("a list of tails has %d", n)
		}
	}
	var bytes int64
	for i := range c.entries {
		if c.entries[i].used {
			bytes += c.entries[i].cost()
		}
	}
	if bytes > c.bytes {
		t.Fatalf("entries weigh %d, all is said to be %d", bytes, c.bytes)
	}
}

// talk makes n messages whose words vary enough to make merges of every kind.
func talk(seed uint64, n int) []string {
	rnd := rand.New(rand.NewPCG(seed, 1))
	names := strings.Fields("ann bob cid dan eve fay gil hal ida jon kim lea max nia a_b c_d e_f x.y z.w camelCase 17 18 19 0x1f 10.0.0.1")
	verbs := strings.Fields("opened closed denied reset")
	out := make([]string, n)
	for i := range out {
		w := func() string { return names[rnd.IntN(len(names))] }
		v := verbs[rnd.IntN(len(verbs))]
		switch rnd.IntN(16) {
		case 0:
			out[i] = fmt.Sprintf("session of %s %s by gateway", w(), v)
		case 1:
			out[i] = fmt.Sprintf("copy from %s to %s %s", w(), w(), v)
		case 2:
			out[i] = fmt.Sprintf("key=%s mode=%s took %d ms %s", w(), w(), rnd.IntN(9), v)
		case 3:
			out[i] = fmt.Sprintf("ids %s for worker %s", strings.Repeat("7, ", rnd.IntN(4)), w())
		case 4:
			out[i] = fmt.Sprintf("worker %s: %s in %s because %s is %s", w(), v, w(), w(), w())
		case 6:
			out[i] = fmt.Sprintf("mount of n%c%c on m%c%c failed", 'a'+rnd.IntN(26), 'a'+rnd.IntN(26), 'a'+rnd.IntN(26), 'a'+rnd.IntN(26))
		case 7:
			out[i] = fmt.Sprintf("dial to %s:%d failed hard", w(), rnd.IntN(9999))
		case 8:
			out[i] = fmt.Sprintf("sets %s in %s", strings.Repeat("n-7 ok, ", 1+rnd.IntN(4)), w())
		case 9:
			out[i] = fmt.Sprintf("read %d %s of %s-%d at 12:30:01 %s", rnd.IntN(9), []string{"ms", "s", "bytes"}[rnd.IntN(3)], v, rnd.IntN(9), []string{"PDT", "CEST"}[rnd.IntN(2)])
		case 10:
			out[i] = fmt.Sprintf("connect from %s[%d]", w(), rnd.IntN(9))
		case 11:
			out[i] = fmt.Sprintf("mail '%s' to mode=%s %s, tags [%s]", strings.Join(names[rnd.IntN(9):][:1+rnd.IntN(4)], " "), w(), v, strings.Join(names[:rnd.IntN(4)], ", "))
		case 12:
			out[i] = fmt.Sprintf("rule %q of %s changed (%s)", strings.Join(names[rnd.IntN(3):][:1+rnd.IntN(3)], " "), w(), strings.Join(verbs[:1+rnd.IntN(3)], " "))
		case 13:
			out[i] = fmt.Sprintf("parting from %s", w())
			for _, k := range []string{", client: ", ", server: ", ", host: ", ", user: "} {
				if rnd.IntN(3) > 0 {
					out[i] += k + []string{"", w()}[rnd.IntN(2)]
				}
			}
		case 14:
			out[i] = fmt.Sprintf("query method %s as %s of /a/b?x=%s", []string{"GET", "POST", "PUT", "HEAD", "PATCH"}[rnd.IntN(5)], v, w())
		case 5:
			out[i] = strings.TrimSpace(fmt.Sprintf("flush pending %s", []string{"", "5", "(6)", "now"}[rnd.IntN(4)]))
		default:
			out[i] = fmt.Sprintf("%s %s", w(), v)
		}
	}
	return out
}

func TestDeterministic(t *testing.T) {
	msgs := talk(1, 3000)
	a, b := mustNew(t, Config{MaxClusters: 100}), mustNew(t, Config{MaxClusters: 100})
	for i, m := range msgs {
		if x, y := add(a, m), add(b, m); x != y {
			t.Fatalf("message %d: %+v and %+v", i, x, y)
		}
	}
	if a.Stats() != b.Stats() {
		t.Errorf("%+v and %+v", a.Stats(), b.Stats())
	}
	check(t, a)
}
