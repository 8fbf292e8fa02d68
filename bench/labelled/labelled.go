// Package labelled writes logs of which everything is known: for each line its event, template, message and time. They
// look like the logs of well-known software, but are made up from a seed, so that who clusters or reads headers can be
// measured on lines it was not built for.
//
// Each kind of software is a file under kinds: the forms of its header and its templates, most frequent first. A kind's
// templates follow that software's own format strings; what varies in those is a parameter, everything else is literal.
// The package knows nothing of the product it measures.
//
// # Files of kinds
//
// Lines that begin with @ are directives: `@about` says what the kind is, `@columns` names the columns each template
// has, `@step` the mean time between two events, `@zone` the minutes east of UTC, and `@form` is a form of the header,
// from the given share of the log on:
//
//	@form 0 {t:Jan _2 15:04:05} {host} {tag}: {message}
//
// Every other line is a template: its columns (~ stands for a blank within one), `::`, its text, and possibly `;;` and the fields that follow (only forms
// that use {fields} show them; they are no part of the message). A leading `!` makes it one that is seen only once. A
// line that begins with `>` is one more line of the same event. `#` begins a comment.
package labelled

import (
	"embed"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"math"
	"math/rand/v2"
	"path"
	"strconv"
	"strings"
	"time"
)

//go:embed kinds/*.txt
var kindFiles embed.FS

// Kind is one kind of software and how it logs.
type Kind struct {
	Name  string
	About string

	columns   []string
	forms     []form
	templates []template
	step      time.Duration
	zone      *time.Location
}

type form struct {
	from          float64 // share of the log from which on this form is used
	before, after pattern // around the message
	quoted        bool    // the message stands in a JSON string
}

type template struct {
	columns []pattern
	text    pattern // the first line, and with newlines those that follow
	fields  pattern
	once    bool
	group   int // the first template of the same text
}

// Time is one time that a header shows. Without a year, only what is below the year counts.
type Time struct {
	At     time.Time
	NoYear bool
}

// Event is one event of a log, with what is true about it.
type Event struct {
	First, Last  int    // lines, counted from 1
	Template     int    // its number within the kind; equal for equal texts
	Variant      string // what was chosen where the template lets one of a few phrases stand, or something be left out
	TemplateText string // the first line of the message with <*> for what varies
	Message      string // without header; all lines of the event
	Times        []Time // as the header shows them, each as exact as it does; empty if it shows none
}

// Log is a log with its truth. Events stand in the order of their lines and leave no line out.
type Log struct {
	Kind   string
	Lines  []string
	Events []Event
}

// Kinds reads all kinds, sorted by name.
func Kinds() ([]Kind, error) {
	entries, err := kindFiles.ReadDir("kinds")
	if err != nil {
		return nil, err
	}
	kinds := make([]Kind, 0, len(entries))
	for _, e := range entries {
		data, err := kindFiles.ReadFile(path.Join("kinds", e.Name()))
		if err != nil {
			return nil, err
		}
		k, err := parseKind(strings.TrimSuffix(e.Name(), ".txt"), string(data))
		if err != nil {
			return nil, fmt.Errorf("kinds/%s: %w", e.Name(), err)
		}
		kinds = append(kinds, k)
	}
	return kinds, nil
}

// zipf is the exponent of the templates' frequencies: the second is seen a bit less than half as often as the first.
const zipf = 1.25

// Generate writes a log of about n lines (the last event may go beyond). The same seed gives the same log.
func (k *Kind) Generate(n int, seed uint64) *Log {
	h := fnv.New64a()
	_, _ = h.Write([]byte(k.Name)) // a hash never fails
	rng := rand.New(rand.NewPCG(seed, h.Sum64()))
	v := newValues(rng)
	log := &Log{Kind: k.Name, Lines: make([]string, 0, n)}
	now := time.Date(2024, 5, 13, 22, 14, 3, 0, k.zone).Add(time.Duration(rng.IntN(1e9)))
	for _, t := range k.order(n, rng) {
		if len(log.Lines) >= n {
			break
		}
		now = now.Add(time.Duration(rng.ExpFloat64() * float64(k.step)))
		log.add(k, t, now, float64(len(log.Lines))/float64(n), v)
	}
	return log
}

// order gives the templates of a log in the order in which they are seen: in short bursts, as real software writes, and
// each at least once.
func (k *Kind) order(n int, rng *rand.Rand) []int {
	sum := 0.0
	for i := range k.templates {
		if !k.templates[i].once {
			sum += math.Pow(float64(i+1), -zipf)
		}
	}
	var bursts [][2]int
	for i := range k.templates {
		count := 1
		if !k.templates[i].once {
			count = max(1, int(math.Round(float64(n)*math.Pow(float64(i+1), -zipf)/sum)))
		}
		for count > 0 {
			burst := 1
			for burst < count && rng.IntN(3) == 0 {
				burst++
			}
			bursts = append(bursts, [2]int{i, burst})
			count -= burst
		}
	}
	rng.Shuffle(len(bursts), func(a, b int) { bursts[a], bursts[b] = bursts[b], bursts[a] })
	out := make([]int, 0, n)
	for _, b := range bursts {
		for range b[1] {
			out = append(out, b[0])
		}
	}
	return out
}

func (l *Log) add(k *Kind, number int, now time.Time, share float64, v *values) {
	t, f := &k.templates[number], &k.forms[0]
	for i := range k.forms {
		if share >= k.forms[i].from {
			f = &k.forms[i]
		}
	}
	e := Event{First: len(l.Lines) + 1, Template: t.group}
	v.choices.Reset()
	e.Message = t.text.expand(v, nil)
	e.Variant = v.choices.String()
	e.TemplateText, _, _ = strings.Cut(t.text.template(), "\n")
	env := &header{now: now, columns: make(map[string]string, len(k.columns)+1)}
	for i, name := range k.columns {
		env.columns[name] = t.columns[i].expand(v, nil)
	}
	env.columns["fields"] = t.fields.expand(v, nil)
	shown := e.Message
	if f.quoted {
		shown = quote(shown)
	}
	text := f.before.expand(v, env) + shown + f.after.expand(v, env)
	e.Times = env.times
	l.Lines = append(l.Lines, strings.Split(text, "\n")...)
	e.Last = len(l.Lines)
	l.Events = append(l.Events, e)
}

// quote gives s as the inside of a JSON string.
func quote(s string) string {
	var b strings.Builder
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(s); err != nil {
		return "" // a string is always encoded
	}
	return strings.TrimSuffix(strings.TrimPrefix(strings.TrimSuffix(b.String(), "\n"), `"`), `"`)
}

func parseKind(name, data string) (Kind, error) {
	k := Kind{Name: name, step: time.Second, zone: time.UTC}
	for i, line := range strings.Split(data, "\n") {
		if err := k.parseLine(line); err != nil {
			return k, fmt.Errorf("line %d: %w", i+1, err)
		}
	}
	if len(k.forms) == 0 || len(k.templates) == 0 {
		return k, fmt.Errorf("no form or no template")
	}
	groups := make(map[string]int)
	for i := range k.templates {
		text := k.templates[i].text.template()
		if _, ok := groups[text]; !ok {
			groups[text] = i
		}
		k.templates[i].group = groups[text]
	}
	return k, nil
}

func (k *Kind) parseLine(line string) error {
	switch {
	case line == "" || line[0] == '#':
		return nil
	case line[0] == '@':
		return k.parseDirective(line)
	case line[0] == '>':
		if len(k.templates) == 0 {
			return fmt.Errorf("a further line of no template")
		}
		p, err := parsePattern("\n" + line[1:])
		if err != nil {
			return err
		}
		t := &k.templates[len(k.templates)-1]
		t.text = append(t.text, p...)
		return nil
	}
	var t template
	line, t.once = strings.CutPrefix(line, "!")
	before, text, ok := strings.Cut(line, "::")
	if !ok {
		return fmt.Errorf("no :: in %q", line)
	}
	columns := strings.Fields(before)
	if len(columns) != len(k.columns) {
		return fmt.Errorf("%d columns, not %d, in %q", len(columns), len(k.columns), line)
	}
	for _, c := range columns {
		p, err := parsePattern(strings.ReplaceAll(c, "~", " "))
		if err != nil {
			return err
		}
		t.columns = append(t.columns, p)
	}
	text, fields, _ := strings.Cut(text, ";;")
	var err error
	if t.text, err = parsePattern(strings.TrimSpace(text)); err != nil {
		return err
	}
	if t.fields, err = parsePattern(strings.TrimSpace(fields)); err != nil {
		return err
	}
	k.templates = append(k.templates, t)
	return nil
}

func (k *Kind) parseDirective(line string) error {
	word, rest, _ := strings.Cut(line, " ")
	switch word {
	case "@about":
		k.About = rest
	case "@columns":
		k.columns = strings.Fields(rest)
	case "@step":
		d, err := time.ParseDuration(rest)
		k.step = d
		return err
	case "@zone":
		minutes, err := strconv.Atoi(rest)
		k.zone = time.FixedZone("", minutes*60)
		return err
	case "@form":
		from, text, _ := strings.Cut(rest, " ")
		share, err := strconv.ParseFloat(from, 64)
		if err != nil {
			return err
		}
		f := form{from: share}
		before, after, ok := strings.Cut(text, "{message}")
		if !ok {
			if before, after, f.quoted = strings.Cut(text, "{quoted}"); !f.quoted {
				return fmt.Errorf("a form without {message}")
			}
		}
		if f.before, err = parsePattern(before); err != nil {
			return err
		}
		if f.after, err = parsePattern(after); err != nil {
			return err
		}
		k.forms = append(k.forms, f)
	default:
		return fmt.Errorf("unknown directive %s", word)
	}
	return nil
}
