package config

import (
	"encoding"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/logwright/logwright/agent/github"
	"github.com/logwright/logwright/agent/incident"
	"github.com/logwright/logwright/agent/notify"
	"github.com/logwright/logwright/collectors/file"
	"github.com/logwright/logwright/collectors/journal"
	"github.com/logwright/logwright/remediations"
)

// elementDefault gives the defaults of a list's entries.
func elementDefault(t reflect.Type) (reflect.Value, bool) {
	switch t {
	case reflect.TypeFor[notify.Config]():
		return reflect.ValueOf(notify.Config{Severity: incident.SeverityError.String()}), true
	case reflect.TypeFor[remediations.Config]():
		return reflect.ValueOf(remediations.DefaultConfig()), true
	case reflect.TypeFor[Source]():
		return reflect.ValueOf(Source{}), true
	}
	return reflect.Value{}, false
}

func fileDefault() *file.Config {
	c := file.Config{}.WithDefaults()
	c.Name = ""
	return &c
}

func journalDefault() *journal.Config {
	return &journal.Config{Priority: "info", Boot: "all", Start: "end"}
}

func (d *decoder) decode(root *node, c *Config) {
	d.at[""] = place{1, 1}
	d.off = func(path string) bool {
		switch {
		case strings.HasPrefix(path, "model."):
			return c.Model.Offline() && path != "model.provider"
		case strings.HasPrefix(path, "forge."):
			return c.Forge.Kind != github.KindGitHub && path != "forge.kind"
		}
		return false
	}
	// These decide whether the variables of their sections are needed, wherever they stand in there.
	d.ahead(root.get("model").get("provider"), &c.Model.Provider)
	d.ahead(root.get("forge").get("kind"), &c.Forge.Kind)
	d.structs(root, "", reflect.ValueOf(c).Elem())
}

// ahead reads one text before the others. What is wrong with it is said when its turn comes.
func (d *decoder) ahead(n *node, v *string) {
	if n == nil || n.kind != kindString {
		return
	}
	*v = n.text
	if m := variable.FindStringSubmatch(n.text); m != nil {
		*v, _ = d.env(m[1])
	}
}

// source decodes one entry of sources, whose keys depend on its kind.
func (d *decoder) source(n *node, path string, s *Source) {
	if !d.want(n, path, kindMapping, "") {
		return
	}
	s.File, s.Journal = fileDefault(), journalDefault()
	kind := ""
	if k := d.pairsQuiet(n)["kind"]; k != nil && k.value.kind == kindString {
		kind = k.value.text
	}
	self := reflect.ValueOf(s).Elem()
	files := []reflect.Value{self, reflect.ValueOf(s.File).Elem(), reflect.ValueOf(&s.Events).Elem()}
	journals := []reflect.Value{self, reflect.ValueOf(s.Journal).Elem()}
	switch kind {
	case KindFile:
		s.Journal = nil
		d.structs(n, path, files...)
	case KindJournal:
		s.File = nil
		d.structs(n, path, journals...)
	default:
		// The keys of both kinds are known, so that the one error about the kind is not drowned.
		d.structs(n, path, append(files, journals[1])...)
	}
}

// pairsQuiet is pairs without reports: they come when the mapping is decoded.
func (d *decoder) pairsQuiet(n *node) map[string]*entry {
	quiet := newDecoder(d.file, d.env)
	return quiet.pairs(n, "")
}

// unknownHint says what was probably meant: a key nearby in the alphabet, or one that belongs elsewhere.
func (d *decoder) unknownHint(path, key string, known []string) string {
	if near := incident.Nearest(key, known); near != "" {
		return fmt.Sprintf("did you mean %s?", near)
	}
	var elsewhere []string
	for _, k := range knownKeys() {
		parent, last := "", k.path
		if i := strings.LastIndexByte(k.path, '.'); i >= 0 {
			parent, last = k.path[:i], k.path[i+1:]
		}
		if strings.TrimSuffix(last, "[]") == key && !slices.Contains(elsewhere, parent) {
			elsewhere = append(elsewhere, parent)
		}
	}
	if slices.Contains(elsewhere, "") {
		return key + " stands at the top of the file; check the indentation"
	}
	if strings.HasPrefix(path, "sources[") && slices.Contains(elsewhere, "sources[]") {
		return key + " belongs to a source of the other kind"
	}
	if len(elsewhere) > 0 && len(elsewhere) <= 3 {
		for i, e := range elsewhere {
			elsewhere[i] = strings.ReplaceAll(e, "[]", "")
		}
		return fmt.Sprintf("%s belongs below %s; check the indentation", key, strings.Join(elsewhere, " or "))
	}
	return "known here: " + strings.Join(known, ", ")
}

// schemaKey is one key of the file.
type schemaKey struct {
	path string // "sources[].include"
	kind string // as docs/configuration.md says it: "duration"
}

// knownKeys gives every key of the file. What the operator names is <name>: remediations[].params.<name>.enum.
func knownKeys() []schemaKey {
	var keys []schemaKey
	seen := map[string]bool{}
	var walk func(path string, t reflect.Type, depth int)
	add := func(path string, f reflect.StructField, depth int) {
		if !seen[path] {
			seen[path] = true
			keys = append(keys, schemaKey{path, typeName(f.Type, f.Tag.Get("unit"))})
		}
		t := f.Type
		switch t.Kind() {
		case reflect.Slice:
			path, t = path+"[]", t.Elem()
		case reflect.Map:
			path, t = path+".<name>", t.Elem()
		case reflect.Pointer:
			t = t.Elem()
		}
		walk(path, t, depth+1)
	}
	walk = func(path string, t reflect.Type, depth int) {
		if t.Kind() != reflect.Struct || depth > 6 || reflect.PointerTo(t).Implements(reflect.TypeFor[encoding.TextUnmarshaler]()) {
			return
		}
		types := []reflect.Type{t}
		if t == reflect.TypeFor[Source]() {
			s := Source{File: fileDefault(), Journal: journalDefault()}
			types = append(types, reflect.TypeOf(*s.File), reflect.TypeOf(s.Events), reflect.TypeOf(*s.Journal))
		}
		for _, t := range types {
			for f := range t.Fields() {
				if k := fieldKey(f); k != "" {
					add(join(path, k), f, depth)
				}
			}
		}
	}
	walk("", reflect.TypeFor[Config](), 0)
	return keys
}

func typeName(t reflect.Type, unit string) string {
	switch {
	case t == reflect.TypeFor[time.Duration]():
		return "duration"
	case unit == "bytes":
		return "size"
	case t == reflect.TypeFor[incident.Severity]():
		return "severity"
	}
	switch t.Kind() {
	case reflect.Pointer:
		return typeName(t.Elem(), unit)
	case reflect.Bool:
		return "boolean"
	case reflect.Int, reflect.Int64, reflect.Float64:
		return "number"
	case reflect.Slice:
		switch t.Elem().Kind() {
		case reflect.Struct:
			return "list of sections"
		case reflect.Slice:
			return "list of commands"
		}
		return "list of strings"
	case reflect.Map:
		if t.Elem().Kind() == reflect.Struct {
			return "mapping of sections"
		}
		return "mapping"
	case reflect.Struct:
		return "section"
	}
	return "string"
}

// nearestSeverity gives the hint for a severity that is none.
func nearestSeverity(v reflect.Value, text string) string {
	if v.Type() != reflect.TypeFor[incident.Severity]() {
		return ""
	}
	return severityHint(text)
}

func severityHint(text string) string {
	other := map[string]string{
		"warn": "warning", "err": "error", "crit": "fatal", "critical": "fatal", "alert": "fatal", "emerg": "fatal", "panic": "fatal",
		"notice": "info", "information": "info",
	}
	text = strings.ToLower(text)
	if s, ok := other[text]; ok {
		return "write " + s
	}
	var names []string
	for s := incident.SeverityTrace; s <= incident.SeverityFatal; s++ {
		names = append(names, s.String())
	}
	if near := incident.Nearest(text, names); near != "" {
		return "write " + near
	}
	return ""
}
