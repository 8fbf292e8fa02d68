package main

import (
	"bufio"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/logwright/logwright/bench/labelled"
	"github.com/logwright/logwright/bench/logs"
)

// What is done with an input.
const (
	tailed  = "tailed"
	content = "content" // clustered, messages without their headers
	raw     = "raw"     // clustered, lines as they stand
)

// input is one log.
type input struct {
	key, name, kind string
	size            int64 // lines, or MB of what is tailed
}

// streams are the kinds of software whose messages are clustered by themselves.
var streams = []string{"kafka", "postgresql"}

// inputs are what is measured. The made-up logs are the same on every machine. Where LOGWRIGHT_SHARED names a directory with the
// samples of Loghub in it, those are measured, too.
func inputs(o *options) []input {
	all := []input{
		{"mix", "tailing: a file to a callback", tailed, o.mb},
		{"all-content", "clustering: mixed messages of many kinds of software", content, o.lines},
		{"all-raw", "clustering: the same as raw lines", raw, o.lines},
	}
	for _, s := range streams {
		all = append(all, input{s + "-content", "clustering: one stream of messages, " + s, content, o.lines})
	}
	if o.shared == "" {
		return all
	}
	return append(all,
		input{"loghub-content", "clustering: Loghub, mixed messages", content, o.lines},
		input{"loghub-raw", "clustering: Loghub, the same as raw lines", raw, o.lines},
		input{"loghub-HDFS-content", "clustering: Loghub, one stream of messages, HDFS", content, o.lines},
		input{"loghub-OpenSSH-content", "clustering: Loghub, one stream of messages, OpenSSH", content, o.lines},
	)
}

// write writes the log of an input.
func write(key, size, path string) error {
	n, err := strconv.ParseInt(size, 10, 64)
	if err != nil {
		return err
	}
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	w := bufio.NewWriterSize(f, 1<<20)
	return errors.Join(writeLog(w, key, n), w.Flush(), f.Close())
}

func writeLog(w io.Writer, key string, n int64) error {
	if key == logs.Mix.Name {
		return logs.Mix.Write(w, n*1e6)
	}
	name, kind := key[:strings.LastIndexByte(key, '-')], key[strings.LastIndexByte(key, '-')+1:]
	if set, ok := strings.CutPrefix(name+"/", "loghub"); ok {
		return writeLoghub(w, os.Getenv("LOGWRIGHT_SHARED"), strings.Trim(set, "-/"), kind, n)
	}
	return writeMade(w, name, kind, n)
}

// writeMade writes n first lines of events of one kind of software, or of all, each as often.
func writeMade(w io.Writer, name, kind string, n int64) error {
	kinds, err := labelled.Kinds()
	if err != nil {
		return err
	}
	if name != "all" {
		i := slices.IndexFunc(kinds, func(k labelled.Kind) bool { return k.Name == name })
		if i < 0 {
			return fmt.Errorf("no kind of software is called %q", name)
		}
		kinds = kinds[i : i+1]
	}
	// In parts, so that the truth about all lines need not be in memory at once; each part is another seed's.
	const part = 100_000
	rng := rand.New(rand.NewPCG(11, 5))
	for seed := uint64(1); n > 0; seed++ {
		var turns []int
		parts := make([]*labelled.Log, len(kinds))
		for i := range kinds {
			parts[i] = kinds[i].Generate(part/len(kinds), seed)
			for range parts[i].Events {
				turns = append(turns, i)
			}
		}
		rng.Shuffle(len(turns), func(a, b int) { turns[a], turns[b] = turns[b], turns[a] })
		next := make([]int, len(kinds))
		for _, i := range turns[:min(n, int64(len(turns)))] {
			e := &parts[i].Events[next[i]]
			next[i]++
			line := parts[i].Lines[e.First-1]
			if kind == content {
				line, _, _ = strings.Cut(e.Message, "\n")
			}
			if _, err := io.WriteString(w, line+"\n"); err != nil {
				return err
			}
			n--
		}
	}
	return nil
}

// writeLoghub repeats Loghub's samples up to n lines, those of one set or of all in turns. Each digit is another one each time, so
// that a repeated line is not the same line again.
func writeLoghub(w io.Writer, shared, set, kind string, n int64) error {
	pattern := filepath.Join(shared, "loghub", "*", "*_2k.log")
	if set != "" {
		pattern = filepath.Join(shared, "loghub", set, "*_2k.log")
	}
	paths, err := filepath.Glob(pattern)
	if err != nil {
		return err
	}
	if len(paths) == 0 {
		return fmt.Errorf("there is no %s", pattern)
	}
	var lines []string
	for _, p := range paths {
		some, err := loghubLines(p, kind)
		if err != nil {
			return err
		}
		lines = append(lines, some...)
	}
	rng := rand.New(rand.NewPCG(11, 5))
	var b []byte
	for {
		for _, i := range rng.Perm(len(lines)) {
			if n--; n < 0 {
				return nil
			}
			b = append(b[:0], lines[i]...)
			for k, c := range b {
				if '1' <= c && c <= '9' {
					b[k] = byte('1' + rng.IntN(9))
				}
			}
			if _, err := w.Write(append(b, '\n')); err != nil {
				return err
			}
		}
	}
}

// loghubLines gives the lines of one sample, or their messages, which stand in the column Content of the table beside it.
func loghubLines(path, kind string) ([]string, error) {
	if kind == raw {
		text, err := os.ReadFile(path)
		return strings.Split(strings.TrimRight(string(text), "\r\n"), "\n"), err
	}
	f, err := os.Open(path + "_structured.csv")
	if err != nil {
		return nil, err
	}
	defer f.Close()
	rows, err := csv.NewReader(f).ReadAll()
	if err != nil {
		return nil, err
	}
	at := slices.Index(rows[0], "Content")
	if at < 0 {
		return nil, fmt.Errorf("%s has no column Content", f.Name())
	}
	var out []string
	for _, r := range rows[1:] {
		out = append(out, r[at])
	}
	return out, nil
}
