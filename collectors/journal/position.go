package journal

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
)

// position is what a Cursor holds of the journal.
type position struct {
	Version int `json:"v"`
	// Cursor is the entry that was read last. "" is the beginning of the journal.
	Cursor string `json:"cursor"`
	// Next says that Cursor is the entry to read next instead: where reading goes on after a hole.
	Next bool `json:"next,omitempty"`
}

func (p position) encode() []byte {
	p.Version = 1
	b, err := json.Marshal(p)
	if err != nil {
		panic(err) // a number and a string
	}
	return b
}

func decodePosition(b []byte) (position, error) {
	var p position
	if err := json.Unmarshal(b, &p); err != nil {
		return p, fmt.Errorf("the stored position of the journal is damaged: %w", err)
	}
	if p.Version != 1 {
		return p, fmt.Errorf("the stored position of the journal has version %d, this Logwright reads 1: it was written by a newer one", p.Version)
	}
	return p, nil
}

// sequence is what a cursor says about its place: journald numbers the entries of one sequence without holes.
type sequence struct {
	id     string
	number uint64
}

// sequenceOf reads the "s=" and "i=" parts of a cursor.
func sequenceOf(cursor string) (sequence, bool) {
	var s sequence
	found := 0
	for part := range strings.SplitSeq(cursor, ";") {
		switch k, v, _ := strings.Cut(part, "="); k {
		case "s":
			s.id = v
			found |= 1
		case "i":
			n, err := strconv.ParseUint(v, 16, 64)
			if err != nil {
				return sequence{}, false
			}
			s.number = n
			found |= 2
		}
	}
	return s, found == 3
}

// sequences follows the numbers of the entries as they come, to see the ones that did not.
type sequences struct {
	last map[string]uint64
}

// seed says where reading goes on.
func (s *sequences) seed(p position) {
	s.last = make(map[string]uint64)
	if at, ok := sequenceOf(p.Cursor); ok {
		if p.Next {
			at.number--
		}
		s.last[at.id] = at.number
	}
}

// missing takes the next entry's place and says how many entries of its sequence were passed over. Only a jump forward
// counts: journals of several boots and machines may interleave.
func (s *sequences) missing(at sequence) uint64 {
	last, seen := s.last[at.id]
	if s.last == nil || len(s.last) >= 64 && !seen {
		s.last = make(map[string]uint64)
	}
	if seen && at.number <= last {
		return 0
	}
	s.last[at.id] = at.number
	if !seen {
		return 0
	}
	return at.number - last - 1
}
