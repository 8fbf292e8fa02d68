package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"
	"unsafe"
)

// peer is somebody who reads logs. Each is used as its own documentation says, in the fastest configuration that is reasonable;
// what was chosen stands beside it.
type peer struct {
	key, name string
	ours      bool
	limit     bool // not a peer but a loop that shows what the machine can do
	reads     []string
	// most is how many lines it gets, where all of them would take minutes; 0 is all. Its rate would not rise with more.
	most int64
	job  func(path string, n int64) (spent, error)
}

func peers() []peer {
	return []peer{
		{key: "count", name: "Go `bufio.Scanner`, counting", limit: true, reads: []string{tailed, content, raw}, job: count},
		{key: "split", name: "Go, split at spaces", limit: true, reads: []string{content, raw}, job: split},
		{key: "logwright", name: "**Logwright**, `collectors/file`", ours: true, reads: []string{tailed}, job: tailOurs},
		{key: "stanza", name: "stanza `fileconsumer`", reads: []string{tailed}, job: tailStanza},
		{key: "nxadm", name: "nxadm/tail", reads: []string{tailed}, most: 1_000_000, job: tailNxadm},
		{key: "cluster", name: "**Logwright**, `agent/cluster`", ours: true, reads: []string{content, raw}, job: clusterOurs},
		{key: "events", name: "Logwright, joined, headers read, clustered", ours: true, reads: []string{raw}, job: clusterEvents},
		{key: "coroot", name: "coroot/logparser 1.0.4", reads: []string{content, raw}, most: 200_000, job: clusterCoroot},
		{key: "faceair", name: "faceair/drain", reads: []string{content, raw}, most: 100_000, job: clusterFaceair},
	}
}

// measured does the job on the first n lines of a file and adds what it took.
func (p *peer) measured(path string, n int64) (spent, error) {
	cpu, start := processorTime(), time.Now()
	s, err := p.job(path, n)
	s.Wall, s.CPU = time.Since(start), processorTime()-cpu
	return s, err
}

// count is the least that a Go program that looks at every line can do. n is 0 for all lines.
func count(path string, n int64) (spent, error) {
	return scan(path, n, func([]byte) {})
}

// split looks at every word besides, without keeping or allocating anything.
func split(path string, n int64) (spent, error) {
	words := 0
	s, err := scan(path, n, func(line []byte) {
		in := false
		for _, c := range line {
			if c == ' ' {
				in = false
			} else if !in {
				in = true
				words++
			}
		}
	})
	if words == 0 && s.Lines > 0 {
		return s, errors.New("no words")
	}
	return s, err
}

func scan(path string, n int64, each func([]byte)) (spent, error) {
	var s spent
	f, err := os.Open(path)
	if err != nil {
		return s, err
	}
	defer f.Close()
	sc := bufio.NewScanner(f)
	sc.Buffer(make([]byte, 256<<10), 64<<20)
	for (n == 0 || s.Lines < n) && sc.Scan() {
		s.Lines++
		s.Bytes += int64(len(sc.Bytes())) + 1
		each(sc.Bytes())
	}
	return s, sc.Err()
}

// lender gives the text that is in a buffer. Who keeps parts of it gets a copy; who does not can have the lines where they lie, as
// loops that count and split have them.
type lender func(buf []byte) string

func copied(buf []byte) string { return string(buf) }

func lent(buf []byte) string { return unsafe.String(unsafe.SliceData(buf), len(buf)) } //nolint:gosec // G103: until the next read

// eachLine gives the first n lines of a file as strings. They are parts of the chunks that are read, so that nobody pays for a
// copy of each line; all who cluster are fed by it.
func eachLine(path string, n int64, of lender, each func(line string)) (spent, error) {
	var s spent
	f, err := os.Open(path)
	if err != nil {
		return s, err
	}
	defer f.Close()
	buf := make([]byte, 256<<10)
	held := 0 // bytes of an unfinished line at the start of buf
	for s.Lines < n {
		k, err := f.Read(buf[held:])
		if errors.Is(err, io.EOF) {
			return s, fmt.Errorf("only %d lines", s.Lines)
		}
		if err != nil {
			return s, err
		}
		text := of(buf[:held+k])
		for s.Lines < n {
			i := strings.IndexByte(text, '\n')
			if i < 0 {
				break
			}
			s.Lines++
			s.Bytes += int64(i) + 1
			each(text[:i])
			text = text[i+1:]
		}
		if held = copy(buf, buf[held+k-len(text):held+k]); held == len(buf) {
			return s, errors.New("a line of more than 256 KiB")
		}
	}
	return s, nil
}
