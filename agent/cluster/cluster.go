// Package cluster finds out which events are the same but for their variable parts, and when a cluster of them is worth
// somebody's attention: template mining, stack-trace fingerprints, per-cluster baselines, triggers and heartbeats.
//
// It is pure: it reads no clock, does no I/O and holds no global state. Times come in as values, so the same records in
// the same order give the same clusters, ids and triggers on any machine.
package cluster

// Design
//
// A message is read once by a hand-written scanner (scan.go, atoms.go) that masks what is variable by its shape. The
// result, the signature, is looked up in a table as it is, without allocating; nearly every event ends there. Only a
// signature never seen before is compared with others:
//   - For each of its words the table has the signature with that place left open, and when enough different words were
//     seen in one place, the place becomes variable and the clusters become one, under the id of the oldest (merge.go).
//     How many is enough depends on what the words look like and what stands around the place (names.go). A merged
//     signature then takes in what came before it, too (union.go).
//   - Two places that vary at once are found by comparing the latest signatures of one skeleton (pair.go).
//   - Lists of any length, and parts that may be missing, are found by what is left without the variable parts
//     (phrase.go).
//   - Text between quotes or brackets that varies, with any number of words in it, becomes one variable part (region.go).
//   - Names with values at the end, of which some come only at times (tail.go).
//   - A host that is a word, "redis:6379", is taken for a host once the same is said of an address (endpoint.go).
//
// An event with a stack is identified by its stack (stack.go); its message is handled in the same way within that stack.
//
// Masking decides accuracy, so it has to be the same everywhere; merging depends on what a host happened to see. That is
// why an id is a hash of the masked signature (or stack) that came first, and why merges only make aliases. A version of
// this package that masks differently gives other ids to what it reads differently. That happened with
// versions 2 and 3 of the state (memory.go): what older ones kept is learned anew, with the same id where the signature is
// the same. Where it is not, a problem that was known or ignored is a new one, once.
//
// A template (template.go) shows what a place has had so far, and "<*>" once it varied; what is numeric-like is "<*>" at
// once. The unit of a number and the name before one ("took <*> ms", "node-<*>") stay until they vary, too.
//
// Memory is bounded by count and by bytes. Room is made by a CLOCK hand that passes over what was hit since it last came
// by, the more often the more hits a cluster had. No event is ever dropped: without room it just evicts another.
//
// Known losses, named:
//   - Words that vary are first clusters of their own: 2 to 8 of them, until the place is known to vary, and 12 where a message
//     has one more word only ("logout anna"). Their ids become aliases, so an incident opened early keeps its id, but as many may
//     have been opened.
//   - Where fewer words than that ever come ("relay of mail", "relay of news"), the clusters stay apart.
//   - A word that begins a message of which only one other word says something is taken for what happened, not for a
//     name: "eth0x up" and "eth0y up" stay apart, unless the words are names with dots or stand in brackets.
//   - Three places that vary at once, with no two of their values ever coming back, are not found, and of two only if
//     enough come among the latest sixteen signatures with that skeleton.
//   - An optional word makes two clusters: "failed quickly", "failed very quickly".
//   - Words that tell how something went ("failed", "up") are never merged, so a place that had them all is a cluster each.
//   - What looks like a value is masked: "state=A" and "state=B", "exit code 1" and "exit code 2", two hosts under well-known
//     top-level domains are one cluster. Pins are for that.
//   - A message is looked at in its first 4 KiB, a signature ends after 1 KiB or 200 atoms, places after the 48th atom
//     never become variable by merging. Two messages that differ only behind these are one cluster.
//   - An evicted cluster that had taken in others and comes back through a signature never seen before gets that
//     signature's own id. Its aliases are remembered, up to twice MaxClusters of them.
//   - After an eviction a restart may merge earlier or later than the process would have that went on.
//   - One stack, two bugs: the same exception and the same in-app frames with a message that differs in one word are one
//     cluster once two such words were seen.

import (
	"errors"
	"fmt"
	"hash/maphash"
	"iter"
	"math/bits"

	"github.com/logwright/logwright/agent/incident"
)

// Ref is a handle for the cluster an event was put into. It is the number behind the cluster's id at that time, so it
// needs no memory here, stays valid for good (after an eviction and a restart, too), and takes eight bytes where an id
// takes fifteen. Resolve gives the id as of now.
type Ref uint64

// Hit says where Add put an event.
type Hit struct {
	// ID is the canonical id of the cluster as of this event. A later merge may make it an alias; see Resolve.
	ID string
	// Ref is ID as a handle.
	Ref Ref
	// New says that this event made the cluster: there was none in memory that it fits. That is also so for one that was
	// evicted and comes back; the store knows whether the id was seen before.
	New bool
}

// Memory is what the store keeps for one cluster, so that ids last over a restart.
type Memory struct {
	// ID is the cluster's id. AliasOf is the id it was merged into, "" where it stands for itself.
	ID, AliasOf string
	// Service is the service of its events, Template its readable form as of now.
	Service, Template string
	// State is opaque to the store; empty for an alias. It holds masked signatures, not raw messages, but words of the
	// log that look constant are in it: keep it as carefully as the log itself.
	State []byte
}

// Stats says how full a Clusterer is.
type Stats struct {
	// Clusters is how many clusters are live; Signatures how many masked signatures they are made of.
	Clusters, Signatures int
	// Bytes is an estimate of the memory held.
	Bytes int64
	// Merges counts clusters merged into older ones.
	Merges int64
	// Evicted counts clusters that were dropped from memory to make room. Their ids stay valid, and the same signature
	// gets the same id when it comes back.
	Evicted int64
	// Overflow counts events with a new signature that came while there was no room, so that another had to go.
	Overflow int64
	// Unsaved counts evicted clusters whose last change TakeChanges can't give any more, because it was not called for so
	// long that too many were waiting.
	Unsaved int64
}

// Clusterer puts events into clusters. It is not safe for concurrent use.
type Clusterer struct {
	sc    scanner
	rules rules

	maxNodes   int
	maxEntries int
	maxBytes   int64
	transient  bool

	seed    maphash.Seed
	exact   table // hash of a signature with its prefix → entry
	entries []entry
	free    []int32 // unused places of entries
	live    int
	nodes   []node
	freeN   []int32
	byRef   table       // live clusters
	alias   map[Ref]Ref // merged away → the cluster it was merged into, which may itself be merged away later

	slots  table              // signature with one place left open → first entry that has it
	gens   table              // signature with its variable places left open → merged entry
	shapes map[uint64][]shape // skeleton → which places are open in its merged entries
	phrase table              // the words of a signature in order → first entry that has them
	latest table              // skeleton → latest entry that has it
	frames table              // signature without its regions → first entry that has it
	tails  table              // signature before its names and values → first entry that has it

	aliasAge       []Ref    // the keys of alias, oldest first
	pendingAliases []Ref    // aliases not taken yet
	dirty          []Ref    // clusters with changes not taken yet, in the order they changed
	lost           []Memory // evicted clusters with changes not taken yet

	seq     uint64 // of the latest entry
	hand    int    // of the CLOCK
	epoch   uint32 // rounds of the hand
	bytes   int64  // estimate
	stats   Stats
	parsed  []value   // scratch
	phrases [2]phrase // scratch
	stack   []byte    // scratch
}

// entry is one signature.
type entry struct {
	sig     string // with prefix
	places  []place
	next    []int32 // per place: the next entry in the slot's list
	shape   uint64  // hash of prefix and skeleton
	sum     uint64  // shape plus the hash of each value at its place
	words   uint64  // hash of prefix and words
	frame   uint64  // hash of what is not in its regions
	stemKey uint64  // hash of what is before its names and values
	fates   uint64  // places with a word that tells how something went
	mask    uint64  // places that merging made variable; 0 for a signature as it was scanned
	solid   uint64  // variable places whose value is numeric-like or was seen to vary
	seq     uint64
	node    int32
	before  int32 // in the node's list
	after   int32
	same    int32 // next entry with the same words
	alike   int32 // next entry that is the same but for its regions
	trails  int32 // next entry that is the same before its names and values
	older   int32 // with the same skeleton
	newer   int32
	last    uint32
	prefix  uint16
	weak    bool // came through a merged entry: only a cache, kept nowhere else
	used    bool
	framed  bool // it is in a list of frames
	inTails bool // it is in a list of tails
}

// node is one live cluster.
type node struct {
	ref     Ref
	id      string
	service string
	note    string // what its template says of a stack
	shape   uint64 // skeleton of the signature the template was made from
	tmpl    string // see template.go
	lits    []literal
	nspans  int
	lens    []uint8 // of the template's atoms, in parts; nil until it is needed
	varies  uint64  // places in which the number of parts varied
	first   int32
	size    int
	seq     uint64
	hits    uint64
	last    uint32
	dirty   bool
	used    bool
}

const none = int32(-1)

// New gives an empty Clusterer. The error lists what Validate says is wrong.
func New(cfg Config) (*Clusterer, error) {
	if ps := cfg.Validate(); len(ps) > 0 {
		var errs []error
		for _, p := range incident.Under("clustering", ps) {
			errs = append(errs, fmt.Errorf("%s: %s", p.Path, p.Message))
		}
		return nil, errors.Join(errs...)
	}
	rules, err := newRules(cfg)
	if err != nil {
		return nil, err
	}
	limit := cfg.MaxClusters
	if limit == 0 {
		limit = DefaultMaxClusters
	}
	most := int64(limit) * bytesPerCluster
	if cfg.MaxBytes > 0 {
		most = min(most, cfg.MaxBytes)
	}
	return &Clusterer{
		rules:      rules,
		maxNodes:   limit,
		maxEntries: limit + limit/4,
		maxBytes:   most,
		transient:  cfg.Transient,
		seed:       maphash.MakeSeed(),
		exact:      newTable(),
		byRef:      newTable(),
		alias:      map[Ref]Ref{},
		slots:      newTable(),
		gens:       newTable(),
		shapes:     map[uint64][]shape{},
		phrase:     newTable(),
		latest:     newTable(),
		frames:     newTable(),
		tails:      newTable(),
	}, nil
}

// Restore gives a Clusterer that goes on where another one left: kept is the latest Memory of each cluster, the most
// important first; what is beyond MaxClusters is not taken up. Memories that can't be read are left out and named in the
// error, joined; the Clusterer is usable all the same unless it is nil, which means that cfg is wrong.
func Restore(cfg Config, kept iter.Seq[Memory]) (*Clusterer, error) {
	c, err := New(cfg)
	if err != nil {
		return nil, err
	}
	return c, c.load(kept)
}

// Add puts an event into its cluster, a new one if it fits none. It keeps nothing of r.
func (c *Clusterer) Add(r *incident.Record) Hit {
	msg := c.read(r)
	i, ok := c.find(c.sc.sig)
	made := false
	if ok {
		e := &c.entries[i]
		e.last = c.epoch
		n := &c.nodes[e.node]
		n.last = c.epoch
		n.hits++
		if (len(n.lits) != 0 || len(c.sc.spans) != n.nspans) && n.shape == e.shape {
			c.vary(e, n, msg)
		}
	} else {
		i, made = c.miss(r, msg)
	}
	n := &c.nodes[c.entries[i].node]
	return Hit{ID: n.id, Ref: n.ref, New: made}
}

// read scans r's message, of which it gives the part that is looked at.
func (c *Clusterer) read(r *incident.Record) string {
	stack := ""
	if len(r.Frames) > 0 {
		c.stack = fingerprint(c.stack[:0], r, nil)
		stack = string(c.stack) // small, and traces are rare
	}
	c.sc.begin(r.Service, stack)
	msg := clip(r.Message)
	if c.rules.empty() {
		c.sc.scan(msg, 0, len(msg))
	} else {
		c.rules.scan(&c.sc, msg)
	}
	c.sc.end()
	return msg
}

// find gives the entry of a signature.
func (c *Clusterer) find(sig []byte) (int32, bool) {
	// Two signatures with one hash are next to each other.
	for key := maphash.Bytes(c.seed, sig); ; key++ {
		if i, ok := c.exact.get(key); !ok || c.entries[i].sig == string(sig) {
			return i, ok
		}
	}
}

// Resolve gives the canonical id of ref's cluster as of now, after all merges so far.
func (c *Clusterer) Resolve(ref Ref) string {
	ref = c.root(ref)
	if i, ok := c.byRef.get(uint64(ref)); ok {
		return c.nodes[i].id
	}
	return ref.String()
}

// root follows aliases. Their chains are short, and shortened on the way.
func (c *Clusterer) root(ref Ref) Ref {
	to, ok := c.alias[ref]
	if !ok {
		return ref
	}
	for range 64 { // a cycle can't come about; a bound costs nothing
		next, more := c.alias[to]
		if !more {
			return to
		}
		c.alias[ref] = next
		ref, to = to, next
	}
	return to
}

// Template gives the readable form of a cluster as of now, "" where the cluster is not in memory.
func (c *Clusterer) Template(id string) string {
	ref, ok := ParseID(id)
	if !ok {
		return ""
	}
	i, ok := c.byRef.get(uint64(c.root(ref)))
	if !ok {
		return ""
	}
	return c.nodes[i].template()
}

// Stats says how full the Clusterer is.
func (c *Clusterer) Stats() Stats {
	s := c.stats
	s.Clusters, s.Signatures, s.Bytes = c.byRef.len(), c.live, c.bytes
	return s
}

// weight says how many rounds of the hand a cluster stays without a hit: one more for each doubling of its hits.
func (n *node) weight() uint32 { return uint32(min(bits.Len64(n.hits|1)-1, 7)) }
