package repair

import (
	"context"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/logwright/logwright/agent/incident"
	"github.com/logwright/logwright/prompts"
)

// place is a line of the repository that the incident names.
type place struct {
	path string
	line int // 0 where unknown
	why  string
}

// Bounds of what is looked at.
const (
	maxSamples = 3
	maxPlaces  = 24
	maxStack   = 30
)

// libraries are parts of paths that are never the service's own code, whatever their ends look like.
var libraries = []string{
	"/site-packages/", "/dist-packages/", "/node_modules/", "/go/pkg/mod/", "/usr/local/go/", "/go/src/runtime/", "/.cargo/registry/", "/rustc/",
	"/usr/lib/", "/lib/python", "/gems/", "/vendor/", "/jdk", "node:internal", "internal/process", "<frozen ", "java.base/",
}

// locate maps the frames of the incident and the diagnosis' culprit to lines of the repository, the most telling first, and
// gives the stack as it is shown.
func (w *workbench) locate(inc incident.Incident) ([]place, []prompts.PatchFrame) {
	var places []place
	seen := make(map[string]bool)
	add := func(file string, line int, function, why string) string {
		p := w.mapFrame(file, function)
		if p == "" {
			return ""
		}
		key := fmt.Sprintf("%s:%d", p, line)
		if !seen[key] && len(places) < maxPlaces {
			seen[key] = true
			if line > 0 {
				why = fmt.Sprintf("line %d %s", line, why)
			}
			places = append(places, place{path: p, line: line, why: why})
		}
		return p
	}
	// The place where it broke is often not the one that is wrong, so what the diagnosis names comes first.
	if d := inc.Diagnosis; d != nil && d.Culprit != nil {
		add(d.Culprit.File, d.Culprit.Line, d.Culprit.Function, "is what the diagnosis names")
	}
	var shown []prompts.PatchFrame
	samples := inc.Samples[:min(len(inc.Samples), maxSamples)]
	inApp := slices.ContainsFunc(samples, func(s incident.Sample) bool {
		return slices.ContainsFunc(s.Record.Frames, func(f incident.Frame) bool { return f.InApp })
	})
	for _, s := range samples {
		frames := s.Record.Frames
		for _, f := range frames[:min(len(frames), maxStack)] {
			p := ""
			if f.InApp || !inApp {
				p = add(f.File, f.Line, f.Function, "is in the stack")
			}
			if len(shown) < maxStack && len(frames) > 0 && &frames[0] == &firstFrames(samples)[0] {
				f.File, f.Function = w.cut(f.File), w.cut(f.Function)
				shown = append(shown, prompts.PatchFrame{Frame: f, Path: p})
			}
		}
	}
	return places, shown
}

// firstFrames is the stack that is shown: of the first sample that has one.
func firstFrames(samples []incident.Sample) []incident.Frame {
	for _, s := range samples {
		if len(s.Record.Frames) > 0 {
			return s.Record.Frames
		}
	}
	return nil
}

// maxWord bounds a file's or function's name in the stack as it is shown.
const maxWord = 200

func (w *workbench) cut(s string) string { return incident.CutText(w.redact(s), maxWord) }

// mapFrame gives the file of the repository that a frame is in, "" where it is in none.
func (w *workbench) mapFrame(file, function string) string {
	file = strings.ReplaceAll(file, `\`, "/")
	for _, scheme := range []string{"file://", "webpack-internal:///", "webpack:///", "app:///"} {
		file = strings.TrimPrefix(file, scheme)
	}
	file, _, _ = strings.Cut(file, "?")
	if file == "" || len(file) > 4096 {
		return ""
	}
	clean := path.Clean(file)
	// The operator's word goes first.
	best := ""
	for from := range w.repo.PathMap {
		if under(clean, path.Clean(from)) && len(path.Clean(from)) > len(best) {
			best = path.Clean(from)
		}
	}
	if best != "" {
		for from, to := range w.repo.PathMap {
			if path.Clean(from) == best {
				if p := path.Join(to, strings.TrimPrefix(clean, best)); w.has(p) {
					return p
				}
			}
		}
	}
	for _, l := range libraries {
		if strings.Contains(file, l) {
			return ""
		}
	}
	if w.has(clean) {
		return clean
	}
	if !strings.Contains(clean, "/") {
		// A JVM's frame names the file alone; the function's name holds its package.
		parts := strings.FieldsFunc(function, func(r rune) bool { return r == '.' || r == '$' })
		for n := len(parts) - 2; n > 0; n-- {
			if p, many := suffixMatch(path.Join(path.Join(parts[:n]...), clean), w.paths, n+1); p != "" && !many {
				return p
			}
		}
	}
	p, _ := suffixMatch(clean, w.paths, 1)
	return p
}

// under says that p is dir or lies below it.
func under(p, dir string) bool {
	return p == dir || dir == "/" && strings.HasPrefix(p, "/") || strings.HasPrefix(p, dir+"/")
}

func (w *workbench) has(p string) bool {
	e, ok := w.byPath[p]
	return ok && e.Regular()
}

// suffixMatch gives the one path that shares more of its end with file than any other, at least least parts; "" and many where
// several share the most.
func suffixMatch(file string, paths []string, least int) (match string, many bool) {
	parts := strings.Split(strings.Trim(file, "/"), "/")
	longest := 0
	for _, p := range paths {
		n := sharedEnd(parts, strings.Split(p, "/"))
		switch {
		case n < least || n < longest || n == 0:
		case n > longest:
			longest, match, many = n, p, false
		default:
			many = true
		}
	}
	if many {
		return "", true
	}
	return match, false
}

func sharedEnd(a, b []string) int {
	n := 0
	for n < len(a) && n < len(b) && a[len(a)-1-n] == b[len(b)-1-n] {
		n++
	}
	return n
}

// question is what is asked about one incident.
type question struct {
	places []place
	input  prompts.PatchInput
	// hidden are the shown files that hold lines which were redacted beyond recognition: they can hardly be edited there.
	hidden []string
}

// ask gathers what a prompt shows. No place in the repository is no question.
func (w *workbench) ask(ctx context.Context, inc incident.Incident, cfg Config) (*question, error) {
	places, frames := w.locate(inc)
	if len(places) == 0 {
		return nil, nil
	}
	q := &question{places: places}
	files, err := w.excerpts(ctx, places, cfg, q)
	if err != nil {
		return nil, err
	}
	in := prompts.PatchInput{
		Service: w.redact(inc.Service), Template: w.long(inc.Template), Frames: frames, Files: files, Verify: w.repo.Verify,
		Allow: w.repo.Allow, Deny: w.repo.Deny, MaxFiles: cfg.MaxFiles, MaxLines: cfg.MaxLines,
	}
	if d := inc.Diagnosis; d != nil {
		in.Summary, in.RootCause = w.long(d.Summary), w.long(d.RootCause)
		for _, e := range d.Evidence[:min(len(d.Evidence), 8)] {
			in.Quotes = append(in.Quotes, incident.CutText(w.redact(e.Quote), maxLogLine))
		}
	}
	for _, s := range inc.Samples[:min(len(inc.Samples), maxSamples)] {
		if r := s.Record; len(in.Log) == 0 || len(r.Frames) > 0 && in.Exception == "" {
			in.Exception, in.ExceptionMessage = w.cut(r.Exception), w.long(r.ExceptionMessage)
			in.Log = logLines(w.redact(r.Raw))
		}
	}
	in.Listing = w.listing(places, files)
	q.input = in
	return q, nil
}

// Bounds of texts of the log.
const (
	maxText     = 2000
	maxLogLine  = 400
	maxLogLines = 40
)

func (w *workbench) long(s string) string { return incident.CutText(w.redact(s), maxText) }

// logLines gives the beginning and the end of an event.
func logLines(raw string) []string {
	lines := strings.Split(strings.TrimRight(raw, "\n"), "\n")
	if n := len(lines); n > maxLogLines {
		lines = append(append(slices.Clone(lines[:maxLogLines/2]), "..."), lines[n-maxLogLines/2:]...)
	}
	for i, l := range lines {
		lines[i] = incident.CutText(l, maxLogLine)
	}
	return lines
}

// maxListing is how many further paths are shown.
const maxListing = 80

// listing gives paths near the places, and where tests live.
func (w *workbench) listing(places []place, files []prompts.PatchFile) []string {
	shown := make(map[string]bool)
	for _, f := range files {
		shown[f.Path] = true
	}
	type near struct {
		path  string
		score int
	}
	var all []near
	for _, p := range w.paths {
		if shown[p] || !isSource(p) || len(p) > maxWord {
			continue
		}
		score := 0
		for _, pl := range places {
			n := 2 * sharedStart(strings.Split(path.Dir(p), "/"), strings.Split(path.Dir(pl.path), "/"))
			if sameLanguage(p, pl.path) {
				n += 3
			}
			if isTest(p) {
				n++
			}
			score = max(score, n)
		}
		all = append(all, near{p, score})
	}
	slices.SortStableFunc(all, func(a, b near) int { return b.score - a.score })
	var out []string
	for _, n := range all[:min(len(all), maxListing)] {
		out = append(out, n.path)
	}
	slices.Sort(out)
	return out
}

func sharedStart(a, b []string) int {
	n := 0
	for n < len(a) && n < len(b) && a[n] == b[n] && a[n] != "." {
		n++
	}
	return n
}
