// Package cluster finds out which events are the same but for their variable parts, and when a cluster of them is worth
// somebody's attention: template mining, stack-trace fingerprints, per-cluster baselines, triggers and heartbeats.
//
// It is pure: it reads no clock, does no I/O and holds no global state. Times come in as values, so the same records in
// the same order give the same clusters, ids and triggers on any machine.
package cluster

import (
	"iter"

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
	// New says that this event made the cluster: the Clusterer knew none that it fits.
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
	// Overflow counts events that made a cluster while there was no room, so that another was evicted for it.
	Overflow int64
	// Unsaved counts evicted clusters whose last change TakeChanges could not give any more.
	Unsaved int64
}

// New gives an empty Clusterer. The error lists what Validate says is wrong.
func New(cfg Config) (*Clusterer, error) { return newClusterer(cfg) }

// Restore gives a Clusterer that goes on where another one left: kept is the latest Memory of each cluster, the most
// important first; what is beyond MaxClusters is not taken up. Memories that can't be read are left out and named in the
// error, joined; the Clusterer is usable all the same unless it is nil, which means that cfg is wrong.
func Restore(cfg Config, kept iter.Seq[Memory]) (*Clusterer, error) { return restore(cfg, kept) }

// Add puts an event into its cluster, a new one if it fits none. It keeps nothing of r.
func (c *Clusterer) Add(r *incident.Record) Hit { return c.add(r) }
