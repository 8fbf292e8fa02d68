package prompts

import (
	"strconv"
	"strings"

	"github.com/logwright/logwright/agent/incident"
)

// PatchInput is what is known when a patch is asked for. Texts are redacted before they come here; the caller bounds them.
type PatchInput struct {
	Service string
	// Summary and RootCause are the diagnosis', and Quotes what it cites, "" and nil where there is none.
	Summary, RootCause string
	Quotes             []string
	// Template is what the events have in common, Exception and ExceptionMessage those of the innermost exception.
	Template                    string
	Exception, ExceptionMessage string
	// Frames is the stack, most recent call first.
	Frames []PatchFrame
	// Log is one event of the incident, a line each.
	Log []string
	// Files are excerpts of the repository, the most important first. Listing are further paths of it.
	Files   []PatchFile
	Listing []string
	// Allow are globs of the files that may be touched, nil for all; Deny of those that may not, beside what is built in.
	Allow, Deny []string
	// Verify are the commands that have to pass.
	Verify [][]string
	// MaxFiles and MaxLines bound the change.
	MaxFiles, MaxLines int
}

// PatchFrame is a frame, and the file of the repository that it is in, "" where it is in none.
type PatchFrame struct {
	Frame incident.Frame
	Path  string
}

// PatchFile is a file of the repository.
type PatchFile struct {
	Path string
	// Why says in Logwright's own words why it is shown: "line 12 is in the stack".
	Why string
	// Lines is how many it has.
	Lines int
	Parts []PatchPart
}

// PatchPart is some lines of a file, First and Last included, counted from 1.
type PatchPart struct {
	First, Last int
	Text        string
}

// PatchAgainInput is what came of an answer.
type PatchAgainInput struct {
	// Problems are in Logwright's own words, each one line.
	Problems []string
	// Notes are what goes with them.
	Notes []PatchNote
}

// PatchNote is a text of a stranger, and what it is: "the end of the output of go test ./...".
type PatchNote struct{ What, Text string }

// Patch asks for a patch as SEARCH/REPLACE blocks, in plain text: code within JSON comes out worse.
func Patch(in PatchInput) Prompt {
	texts := append([]string{in.Summary, in.RootCause, in.Template, in.Exception, in.ExceptionMessage}, in.Quotes...)
	texts = append(append(texts, in.Log...), in.Listing...)
	for _, f := range in.Frames {
		texts = append(texts, f.Frame.File, f.Frame.Function, f.Path)
	}
	for _, f := range in.Files {
		for _, p := range f.Parts {
			texts = append(texts, p.Text)
		}
	}
	for _, argv := range in.Verify {
		texts = append(texts, argv...)
	}
	texts = append(append(texts, in.Allow...), in.Deny...)
	return Prompt{
		System: render("patch_system.tmpl", nil),
		User: render("patch_user.tmpl", struct {
			PatchInput
			Fence string
		}{in, fence(texts)}),
	}
}

// PatchAgain says what came of the answer before, and asks for a whole new one. System is that of the prompt that it belongs
// to; here it is empty.
func PatchAgain(in PatchAgainInput) Prompt {
	var texts []string
	for _, n := range in.Notes {
		texts = append(texts, n.Text)
	}
	more := max(0, len(in.Problems)-maxProblems)
	in.Problems = in.Problems[:len(in.Problems)-more]
	return Prompt{User: render("patch_again.tmpl", struct {
		PatchAgainInput
		Fence string
		More  int
	}{in, fence(texts), more})}
}

// ShownSource gives source text as a prompt shows it: its lines, with what is invisible written out. It is idempotent.
func ShownSource(text string) string {
	return strings.TrimRight(incident.Printable(strings.ReplaceAll(text, "\r\n", "\n")), "\n")
}

// command gives an argument vector as a person would write it.
func command(argv []string) string {
	parts := make([]string, len(argv))
	for i, a := range argv {
		parts[i] = a
		if a == "" || strings.ContainsAny(a, " \t\n\"'\\$`|&;<>()*?") {
			parts[i] = strconv.Quote(a)
		}
	}
	return Shown(strings.Join(parts, " "))
}

// quotedPath quotes a path of the repository whole: it has to be given back as it is.
func quotedPath(p string) string { return strconv.Quote(Shown(p)) }
