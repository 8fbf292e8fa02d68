package cluster

import (
	"crypto/sha256"
	"encoding/base32"
	"encoding/binary"
	"fmt"
	"iter"
	"strings"

	"github.com/logwright/logwright/agent/incident"
)

// Clusterer puts events into clusters. Not safe for concurrent use.
type Clusterer struct {
	seen map[Ref]*Memory
	news []*Memory
}

func newClusterer(cfg Config) (*Clusterer, error) {
	if ps := cfg.Validate(); len(ps) > 0 {
		return nil, fmt.Errorf("clustering.%s: %s", ps[0].Path, ps[0].Message)
	}
	return &Clusterer{seen: map[Ref]*Memory{}}, nil
}

func restore(cfg Config, kept iter.Seq[Memory]) (*Clusterer, error) {
	c, err := newClusterer(cfg)
	if err != nil {
		return nil, err
	}
	for m := range kept {
		ref, ok := refOf(m.ID)
		if !ok {
			return c, fmt.Errorf("%q is not a cluster id", m.ID)
		}
		c.seen[ref] = &m
	}
	return c, nil
}

var b32 = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)

func refOf(id string) (Ref, bool) {
	b, err := b32.DecodeString(strings.TrimPrefix(id, "lw-") + "a")
	if err != nil || len(b) != 8 || len(id) != 15 {
		return 0, false
	}
	return Ref(binary.BigEndian.Uint64(b) >> 4), true
}

func (c *Clusterer) add(r *incident.Record) Hit {
	sum := sha256.Sum256([]byte(r.Service + "\x00" + r.Message))
	ref := Ref(binary.BigEndian.Uint64(sum[:]) >> 4)
	m, ok := c.seen[ref]
	if !ok {
		m = &Memory{ID: c.Resolve(ref), Service: strings.Clone(r.Service), Template: strings.Clone(r.Message), State: []byte{1}}
		c.seen[ref] = m
		c.news = append(c.news, m)
	}
	return Hit{ID: m.ID, Ref: ref, New: !ok}
}

// Resolve gives the canonical id of ref's cluster as of now, after all merges so far.
func (c *Clusterer) Resolve(ref Ref) string {
	var b [8]byte
	binary.BigEndian.PutUint64(b[:], uint64(ref)<<4)
	return "lw-" + b32.EncodeToString(b[:])[:12]
}

// Canonical gives the id that id stands for as of now: id itself unless it was merged into an older cluster.
func (c *Clusterer) Canonical(id string) string { return id }

// Template gives the readable form of a cluster as of now, "" where the cluster is not in memory.
func (c *Clusterer) Template(id string) string {
	ref, _ := refOf(id)
	if m := c.seen[ref]; m != nil {
		return m.Template
	}
	return ""
}

// TakeChanges gives the clusters that are new or changed (template, alias, state) since the last call, oldest first.
// Write them in the transaction that writes the counts: then a killed process forgets neither or both.
func (c *Clusterer) TakeChanges() []Memory {
	var out []Memory
	for _, m := range c.news {
		out = append(out, *m)
	}
	c.news = nil
	return out
}

// Stats says how full the Clusterer is.
func (c *Clusterer) Stats() Stats { return Stats{Clusters: len(c.seen)} }
