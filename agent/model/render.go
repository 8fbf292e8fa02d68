package model

import (
	"fmt"
	"strings"
)

// Render gives the text of r as a human reads it: what leaves the host, in order. Where a server takes no schemas, the door
// puts it into the system text, and the Prompt that the ledger keeps shows that.
func Render(r Request) string {
	var b strings.Builder
	part := func(title, text string) {
		if b.Len() > 0 {
			b.WriteString("\n")
		}
		fmt.Fprintf(&b, "=== %s\n%s\n", title, strings.TrimRight(text, "\n"))
	}
	if r.System != "" {
		part("system", r.System)
	}
	for _, m := range r.Messages {
		part(string(m.Role), m.Text)
	}
	if r.Schema != nil {
		part("answer schema: "+r.Schema.Name, string(r.Schema.JSON))
	}
	return b.String()
}

// Redacted gives r with redact applied to every text that leaves. r is not changed.
func Redacted(r Request, redact func(string) string) Request {
	r.System = redact(r.System)
	ms := make([]Message, len(r.Messages))
	for i, m := range r.Messages {
		ms[i] = Message{Role: m.Role, Text: redact(m.Text)}
	}
	r.Messages = ms
	return r
}
