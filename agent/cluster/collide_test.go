package cluster

import (
	"slices"
	"testing"
)

// Whoever writes to a log can look for messages whose hashes collide. What the tables find by a hash is compared before
// it is believed, so that a collision never puts a message into a cluster that it does not fit.
func TestCollisionsAreNotBelieved(t *testing.T) {
	const victim, stranger = "wholly other text here", "user 17 logged in"
	scout := mustNew(t, Config{})
	want := add(scout, victim).ID
	i, _ := scout.find([]byte("api\x00\x00" + victim))
	e := &scout.entries[i]

	t.Run("merged entry", func(t *testing.T) {
		c := mustNew(t, Config{})
		add(c, stranger)
		add(c, "user bob logged in")
		g := none
		for _, i := range c.gens.all() {
			g = i
		}
		mask := c.entries[g].mask
		c.shapes[e.shape] = []shape{{mask, 1}}
		c.gens.set(slotKey(e, 1)^1^mask, g) // the key that the message has with its second place open
		if mask != 1<<1 {
			t.Fatalf("mask %b", mask)
		}
		if h := add(c, victim); h.ID != want || !h.New {
			t.Errorf("%+v, want %s", h, want)
		}
	})
	t.Run("slot", func(t *testing.T) {
		c := mustNew(t, Config{})
		h := add(c, stranger)
		c.slots.set(slotKey(e, 1), c.nodes[nodeOf(c, h.Ref)].first)
		if h := add(c, victim); h.ID != want || !h.New {
			t.Errorf("%+v, want %s", h, want)
		}
	})
	t.Run("words", func(t *testing.T) {
		c := mustNew(t, Config{})
		h := add(c, stranger)
		c.phrase.set(e.words, c.nodes[nodeOf(c, h.Ref)].first)
		if h := add(c, victim); h.ID != want || !h.New {
			t.Errorf("%+v, want %s", h, want)
		}
	})
}

// A service's name is text of strangers where it comes from a file's name; it can't reach into another's key.
func TestServicesAreApart(t *testing.T) {
	c := mustNew(t, Config{})
	names := []string{"a", "a\x00", "a\x00b", "", "\x00", string(slices.Repeat([]byte("x"), 500)), string(slices.Repeat([]byte("x"), 501))}
	ids := map[string]string{}
	for _, s := range names {
		r := trace("", "b went wrong")
		r.Service = s
		h := c.Add(r)
		if other, taken := ids[h.ID]; taken {
			t.Errorf("%q and %q share %s", s, other, h.ID)
		}
		ids[h.ID] = s
	}
	kept := c.TakeChanges()
	d, err := Restore(Config{}, slices.Values(kept))
	if err != nil {
		t.Fatal(err)
	}
	for id, s := range ids {
		r := trace("", "b went wrong")
		r.Service = s
		if h := d.Add(r); h.New || h.ID != id {
			t.Errorf("%q: %+v, want %s", s, h, id)
		}
	}
}

func nodeOf(c *Clusterer, ref Ref) int32 {
	i, _ := c.byRef.get(uint64(ref))
	return i
}
