package notify

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"strings"
	"sync"

	"github.com/logwright/logwright/agent/incident"
)

// stdout writes one block of plain text for each event: a line that begins with the time and the kind, and what belongs to
// it indented below. Scripts may rely on the first line's words: time, kind, severity and incident's id, which are "-" where
// there is none. The text after them is for people.
type stdout struct {
	mu sync.Mutex
	w  io.Writer
	viewer
}

// Notify writes e in one Write, so that blocks never interleave.
func (s *stdout) Notify(ctx context.Context, e incident.Event) error {
	if err := ctx.Err(); err != nil {
		return &Error{Message: "standard output: " + err.Error(), cause: err}
	}
	block := plain(e, s.viewer)
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, err := io.WriteString(s.w, block); err != nil {
		return &Error{Message: "standard output: " + err.Error(), cause: err}
	}
	return nil
}

// word keeps the count of words in a line.
func word(s string) string { return cmp.Or(strings.ReplaceAll(s, " ", "_"), "-") }

// plain gives the block.
func plain(e incident.Event, v viewer) string {
	w := v.view(e)
	var b strings.Builder
	at := "-"
	if !e.At.IsZero() {
		at = stamp(e.At)
	}
	title := w.title
	if title == "" {
		title, w.says = w.says, ""
	}
	fmt.Fprintf(&b, "%s %s %s %s %s\n", at, word(v.name(string(e.Kind))), word(w.severity), word(w.id), cmp.Or(title, w.headline))
	row := func(label, text string) {
		if text != "" {
			fmt.Fprintf(&b, "    %-9s %s\n", label, text)
		}
	}
	for _, m := range w.marks {
		label, text, _ := strings.Cut(m, ": ")
		row(label, text)
	}
	for _, f := range w.facts {
		row(f.label, f.text)
	}
	row("says", w.says)
	for _, f := range w.why {
		row(f.label, f.text)
	}
	for _, l := range w.log {
		row("log", l)
	}
	for _, f := range w.plan {
		row(f.label, f.text)
	}
	for _, f := range w.fate {
		row(f.label, f.text)
	}
	for _, l := range w.output {
		row("output", l)
	}
	for _, n := range w.next {
		row("next", n)
	}
	for _, a := range w.answer {
		row("answer", a)
	}
	for _, i := range w.list {
		row(i.severity, i.id+" "+i.title)
	}
	if w.more > 0 {
		row("more", fmt.Sprintf("%d; see logwright incidents list", w.more))
	}
	return b.String()
}
