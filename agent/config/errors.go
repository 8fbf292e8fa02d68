package config

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Error is one thing wrong with a configuration.
type Error struct {
	File string
	// Line and Column count from 1, columns in characters; a missing key stands where the section that lacks it begins.
	Line, Column int
	// Path is the key: `services[0].name`; "" is the file as a whole.
	Path    string
	Message string
	// Hint says what to do, "" where the message says it all.
	Hint string
}

// Error gives "file:line:column: path: message", and the hint on a line of its own.
func (e Error) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s:%d:%d: ", e.File, e.Line, e.Column)
	if e.Path != "" {
		b.WriteString(e.Path + ": ")
	}
	b.WriteString(e.Message)
	if e.Hint != "" {
		b.WriteString("\n    hint: " + e.Hint)
	}
	return b.String()
}

// Errors is everything that is wrong with one file, in the order of the file.
type Errors struct {
	List []Error
	// More counts errors beyond the first maxErrors; they are left out.
	More int
}

// maxErrors is how many are listed. Who has more has the wrong file.
const maxErrors = 200

// Error gives one Error a line, hints indented below.
func (e *Errors) Error() string {
	lines := make([]string, 0, len(e.List)+1)
	for _, err := range e.List {
		lines = append(lines, err.Error())
	}
	if e.More > 0 {
		lines = append(lines, fmt.Sprintf("and %d more errors", e.More))
	}
	return strings.Join(lines, "\n")
}

// sort puts the errors in the order of the file and drops doubles.
func (e *Errors) sort() {
	slices.SortStableFunc(e.List, byPlace)
	e.List = slices.Compact(e.List)
	if more := len(e.List) - maxErrors; more > 0 {
		e.List, e.More = e.List[:maxErrors], more
	}
}

func byPlace(a, b Error) int {
	return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column), cmp.Compare(a.Path, b.Path))
}

// failed gives everything found so far.
func (d *decoder) failed() error {
	e := &Errors{List: d.errs}
	e.sort()
	return e
}
