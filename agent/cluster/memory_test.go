package cluster

import (
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// Cut anywhere: what is restored from all changes taken so far goes on as if nothing had happened.
func TestRestoreIsTheSame(t *testing.T) {
	for seed := range uint64(6) {
		msgs := talk(seed, 1200)
		whole := mustNew(t, Config{})
		part := mustNew(t, Config{})
		kept := map[string]Memory{}
		rnd := rand.New(rand.NewPCG(seed, 2))
		take := func() {
			for _, m := range part.TakeChanges() {
				kept[m.ID] = m
			}
		}
		var refs []Ref
		for i, m := range msgs {
			x, y := add(whole, m), add(part, m)
			if x != y {
				t.Fatalf("seed %d, message %d %q: %+v, restored %+v", seed, i, m, x, y)
			}
			refs = append(refs, x.Ref)
			if rnd.IntN(8) == 0 {
				take()
			}
			if rnd.IntN(60) == 0 {
				take()
				var err error
				// Any order: a store may give them as it likes.
				if part, err = Restore(Config{}, maps.Values(kept)); err != nil {
					t.Fatal(err)
				}
				check(t, part)
			}
		}
		for _, ref := range refs {
			if a, b := whole.Resolve(ref), part.Resolve(ref); a != b || whole.Template(a) != part.Template(b) {
				t.Fatalf("seed %d: %s %q, restored %s %q", seed, a, whole.Template(a), b, part.Template(b))
			}
		}
		if whole.Stats().Merges == 0 {
			t.Error("nothing was merged; the test tests nothing")
		}
		if !slices.ContainsFunc(whole.nodes, func(n node) bool { return strings.HasPrefix(n.template(), "mail '<*>' to mode=<*>") }) {
			t.Error("no region was opened")
		}
		take()
		for ref := range whole.alias {
			if m := kept[ref.String()]; canonical(whole, m.AliasOf) != whole.Resolve(ref) {
				t.Errorf("%v is kept as %+v", ref, m)
			}
		}
	}
}

func TestEvictedComesBack(t *testing.T) {
	c := mustNew(t, Config{MaxClusters: minClusters})
	h := add(c, "the one and only message")
	rnd := rand.New(rand.NewPCG(1, 1))
	kept := map[string]Memory{}
	for range 5000 {
		add(c, garbage(rnd))
		for _, m := range c.TakeChanges() {
			kept[m.ID] = m
		}
	}
	if _, live := c.byRef.get(uint64(h.Ref)); live {
		t.Fatal("it was not evicted")
	}
	if c.Resolve(h.Ref) != h.ID {
		t.Errorf("its handle means %s now", c.Resolve(h.Ref))
	}
	if kept[h.ID].Template != "the one and only message" {
		t.Errorf("the store has %+v", kept[h.ID])
	}
	if g := add(c, "the one and only message"); g.ID != h.ID || !g.New {
		t.Errorf("%+v came back as %+v", h, g)
	}
	check(t, c)
	for range 2000 { // nobody takes the changes
		add(c, garbage(rnd))
		add(c, talk(uint64(rnd.IntN(1e6)), 1)[0])
		if len(c.dirty) > 4*minClusters || len(c.pendingAliases) > 4*minClusters || len(c.lost) > minClusters/4 {
			t.Fatalf("%d changes, %d aliases and %d evicted clusters wait", len(c.dirty), len(c.pendingAliases), len(c.lost))
		}
	}
	check(t, c)
	// Changes of what is evicted before anybody took them are not lost, up to a bound that is counted.
	c = mustNew(t, Config{MaxClusters: 1024})
	want := map[string]bool{}
	for range 1100 {
		want[add(c, garbage(rnd)).ID] = true
	}
	for _, m := range c.TakeChanges() {
		delete(want, m.ID)
	}
	if len(want) != 0 {
		t.Errorf("%d of the changes were not given", len(want))
	}
	for range 5000 {
		add(c, garbage(rnd))
	}
	if c.Stats().Unsaved == 0 {
		t.Error("changes were lost and not counted")
	}
}

func TestRestoreOfGarbage(t *testing.T) {
	c := mustNew(t, Config{})
	h := add(c, "mode=fast user bob 17 logged in")
	good := c.TakeChanges()[0]
	with := func(f func(*Memory)) Memory {
		m := good
		m.State = slices.Clone(m.State)
		f(&m)
		return m
	}
	other := mustNew(t, Config{})
	add(other, "another thing")
	for _, tc := range []struct {
		name string
		m    Memory
	}{
		{"no state", with(func(m *Memory) { m.State = nil })},
		{"cut", with(func(m *Memory) { m.State = m.State[:len(m.State)-1] })},
		{"version", with(func(m *Memory) { m.State[0] = 99 })},
		{"a flipped bit", with(func(m *Memory) { m.State[len(m.State)/2] ^= 4 })},
		{"id", with(func(m *Memory) { m.ID = "lw-?" })},
		{"alias of itself", Memory{ID: good.ID, AliasOf: good.ID}},
		{"alias of nonsense", Memory{ID: good.ID, AliasOf: "x"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			fine := other.memory(&other.nodes[0])
			c, err := Restore(Config{}, slices.Values([]Memory{tc.m, fine}))
			if err == nil || c == nil {
				t.Fatalf("%v, %v", c, err)
			}
			if g := add(c, "another thing"); g.New {
				t.Error("the good one was lost, too")
			}
			if g := add(c, "mode=fast user bob 17 logged in"); g.ID != h.ID {
				t.Errorf("%+v", g)
			}
			check(t, c)
		})
	}
	if c, err := Restore(Config{}, slices.Values([]Memory{good, good})); err == nil || c.Stats().Clusters != 1 {
		t.Error("a cluster that is there twice")
	}
	a, b := good, Memory{ID: "lw-aaaaaaaaaaaa", AliasOf: "lw-bbbbbbbbbbbb"}
	if c, err := Restore(Config{}, slices.Values([]Memory{a, b, {ID: "lw-bbbbbbbbbbbb", AliasOf: "lw-aaaaaaaaaaaa"}})); err == nil || canonical(c, "lw-aaaaaaaaaaaa") == "" {
		t.Error("a ring of aliases")
	}
}

func TestRestoreIsBounded(t *testing.T) {
	c := mustNew(t, Config{})
	rnd := rand.New(rand.NewPCG(1, 1))
	for range 1000 {
		add(c, garbage(rnd))
	}
	for i := range c.nodes {
		c.nodes[i].hits = 0 // nothing of the kind is ever written; it must not make a cluster stay for ever
	}
	d, err := Restore(Config{MaxClusters: 100}, slices.Values(c.TakeChanges()))
	if err != nil {
		t.Fatal(err)
	}
	if s := d.Stats(); s.Clusters != 100 || s.Evicted != 900 {
		t.Errorf("%+v", s)
	}
	for range 500 {
		add(d, garbage(rnd))
	}
	check(t, d)
}

func FuzzRestore(f *testing.F) {
	c, _ := New(Config{})
	for _, m := range talk(3, 300) {
		add(c, m)
	}
	for i, m := range c.TakeChanges() {
		if i%7 == 0 {
			f.Add(m.Service, m.AliasOf, m.State)
		}
	}
	f.Fuzz(func(t *testing.T, service, alias string, state []byte) {
		m := Memory{ID: "lw-aaaaaaaaaaaa", AliasOf: alias, Service: service, State: state}
		c, _ := Restore(Config{MaxClusters: minClusters}, slices.Values([]Memory{m, seal(m)}))
		for _, m := range talk(3, 100) {
			add(c, m)
		}
		c.TakeChanges()
		check(t, c)
	})
}

// seal gives m with a right checksum, so that fuzzing gets behind it.
func seal(m Memory) Memory {
	m.ID = "lw-bbbbbbbbbbbb"
	if n := len(m.State); n > 5 {
		m.State = checksummed(append([]byte{stateVersion}, m.State[1:n-4]...))
	}
	return m
}
