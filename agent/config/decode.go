package config

import (
	"encoding"
	"fmt"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/logwright/logwright/agent/incident"
)

// decoder fills Go values from the tree and goes on after an error, so that all are reported at once.
type decoder struct {
	file  string
	env   func(string) (string, bool)
	errs  []Error
	at    map[string]place // where the value of each key of the file stands
	wrong map[string]bool  // keys that already have an error: what Validate says of their value is no news
	// fromEnv holds the keys whose value came from the environment; such values stay out of messages.
	fromEnv map[string]envValue
	// off says of a key that its feature is off, so that a missing variable is none of its business.
	off   func(path string) bool
	steps int
}

// envValue is a variable's name and what it stood for.
type envValue struct{ name, value string }

func newDecoder(file string, env func(string) (string, bool)) *decoder {
	return &decoder{
		file: file, env: env,
		at: map[string]place{}, wrong: map[string]bool{}, fromEnv: map[string]envValue{},
		off: func(string) bool { return false },
	}
}

// bad reports an error of a key, and that its value is not to be judged any further.
func (d *decoder) bad(at place, path, message, hint string) {
	d.wrong[path] = true
	d.add(at, path, message, hint)
}

// add takes an error in. Keys and values of the file may hold anything, and the message goes to a terminal.
func (d *decoder) add(at place, path, message, hint string) {
	d.errs = append(d.errs, Error{
		File: d.file, Line: at.line, Column: at.column,
		Path: shorten(path), Message: shorten(d.hide(path, message)), Hint: shorten(d.hide(path, hint)),
	})
}

// shorten makes a text one printable line of bearable length.
func shorten(text string) string {
	const most = 400
	r := []rune(incident.PrintableLine(text))
	if len(r) > most {
		return string(r[:most]) + "…"
	}
	return string(r)
}

// step counts the nodes visited. It is false when there were too many, which only nested aliases can bring about.
func (d *decoder) step(path string) bool {
	d.steps++
	if d.steps == maxSteps || strings.Count(path, ".")+strings.Count(path, "[") > maxDepth {
		d.bad(nearestPlace(d.at, path), path, "aliases make the file too large when written out", "write the values out, or fewer of them")
		d.steps = max(d.steps, maxSteps)
	}
	return d.steps < maxSteps
}

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}

// named is the path of an entry that the operator named: params.unit, path_map["/app"].
func named(path, key string) string {
	if plainKey.MatchString(key) {
		return join(path, key)
	}
	return path + "[" + strconv.Quote(key) + "]"
}

var plainKey = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_-]*$`)

func index(path string, i int) string { return path + "[" + strconv.Itoa(i) + "]" }

// value decodes n into v. A null leaves v as it is: the default.
func (d *decoder) value(n *node, path string, v reflect.Value, tag reflect.StructTag) {
	if !d.step(path) {
		return
	}
	d.at[path] = n.at
	if n.kind == kindNull {
		return
	}
	if n.kind == kindString {
		expanded, ok := d.expand(n, path)
		if !ok {
			return
		}
		n = expanded
	}
	if v.CanAddr() {
		switch p := v.Addr().Interface().(type) {
		case *Source:
			d.source(n, path, p)
			return
		case *time.Duration:
			d.duration(n, path, p)
			return
		case encoding.TextUnmarshaler:
			if d.want(n, path, kindString, "") {
				if err := p.UnmarshalText([]byte(n.text)); err != nil {
					d.bad(n.at, path, err.Error(), nearestSeverity(v, n.text))
				}
			}
			return
		}
	}
	switch v.Kind() {
	case reflect.String:
		if d.want(n, path, kindString, "put it in quotes") {
			v.SetString(n.text)
		}
	case reflect.Bool:
		d.boolean(n, path, v)
	case reflect.Int, reflect.Int64:
		d.integer(n, path, v, tag)
	case reflect.Float64:
		d.float(n, path, v)
	case reflect.Slice:
		d.list(n, path, v)
	case reflect.Map:
		d.mapping(n, path, v)
	case reflect.Struct:
		d.structs(n, path, v)
	case reflect.Pointer:
		p := reflect.New(v.Type().Elem())
		d.value(n, path, p.Elem(), tag)
		v.Set(p)
	default:
		// A test decodes every key of the schema, so a field of another type never ships.
		panic(fmt.Sprintf("config: %s has a type that can't be read: %s", path, v.Type()))
	}
}

// want reports n unless it is of the kind k.
func (d *decoder) want(n *node, path string, k kind, hint string) bool {
	if n.kind == k {
		return true
	}
	if k == kindList {
		hint = `write [a, b], or each entry on a line of its own that begins with "- "`
		if n.kind == kindMapping {
			hint = `begin each entry with "- "`
		}
	}
	if k == kindMapping && hint == "" {
		hint = "write the keys of the section below it, indented, each as key: value"
	}
	switch {
	case k != kindString:
	case n.kind == kindMapping && len(n.pairs) == 1 && n.pairs[0].value.kind == kindNull:
		// What a remediation's parameter looks like to YAML where it stands without quotes.
		hint = fmt.Sprintf(`write "{%s}", in quotes, where a parameter's value is to stand`, n.pairs[0].key)
	case n.kind == kindList || n.kind == kindMapping:
		hint = "write one value"
	}
	d.bad(n.at, path, fmt.Sprintf("this is %s, not %s", n.kind, k), hint)
	return false
}

// hide puts the variable's name where its value stands in a message.
func (d *decoder) hide(path, message string) string {
	e, ok := d.fromEnv[path]
	if !ok || message == "" {
		return message
	}
	quoted := strconv.Quote(e.value)
	for _, v := range []string{e.value, quoted[1 : len(quoted)-1]} {
		message = strings.ReplaceAll(message, v, "${"+e.name+"}")
	}
	return message
}

// expand replaces "${NAME}" by the variable's value. Only whole scalars are replaced, and only after parsing: a value can
// never bring YAML along.
func (d *decoder) expand(n *node, path string) (*node, bool) {
	m := variable.FindStringSubmatch(n.text)
	if m == nil {
		switch {
		case variableDefault.MatchString(n.text):
			d.bad(n.at, path, "variables take no default or other expression", "write ${NAME}, and leave the key out where the default is meant")
		case variableInside.MatchString(n.text):
			d.bad(n.at, path, "a variable is replaced only where it is the whole value",
				"put the whole value into one variable and write ${NAME}")
		case variableBare.MatchString(n.text):
			d.bad(n.at, path, n.text+" is not replaced: variables are written with braces", "write ${"+n.text[1:]+"}")
		default:
			return n, true
		}
		return nil, false
	}
	value, set := d.env(m[1])
	switch {
	case set && value != "":
		d.fromEnv[path] = envValue{m[1], value}
		return &node{kind: kindString, at: n.at, text: value}, true
	case d.off(path):
		return nil, false // as if the key were not there
	case set:
		d.bad(n.at, path, fmt.Sprintf("environment variable %s is empty", m[1]), "give it a value, or remove the key")
	default:
		d.bad(n.at, path, fmt.Sprintf("environment variable %s is not set", m[1]),
			"set it for the service (Environment= or EnvironmentFile= in the unit), or remove the key")
	}
	return nil, false
}

// isEnv says that a scalar came from the environment, where a number or a truth is a string too.
func (d *decoder) isEnv(path string) bool {
	_, ok := d.fromEnv[path]
	return ok
}

func (d *decoder) boolean(n *node, path string, v reflect.Value) {
	switch {
	case n.kind == kindBool || d.isEnv(path):
		b, err := strconv.ParseBool(strings.ToLower(n.text))
		if err != nil {
			d.bad(n.at, path, "not true or false", "write true or false")
			return
		}
		v.SetBool(b)
	default:
		d.want(n, path, kindBool, "write true or false")
	}
}

func (d *decoder) integer(n *node, path string, v reflect.Value, tag reflect.StructTag) {
	if tag.Get("unit") == "bytes" {
		if n.kind != kindNumber && n.kind != kindString {
			d.bad(n.at, path, fmt.Sprintf("this is %s, not a size", n.kind), sizeExample)
			return
		}
		size, hint, err := parseSize(n.text)
		if err != nil {
			d.bad(n.at, path, err.Error(), hint)
			return
		}
		v.SetInt(size)
		return
	}
	if n.kind != kindNumber && !d.isEnv(path) {
		d.want(n, path, kindNumber, "write a number, without quotes")
		return
	}
	i, err := strconv.ParseInt(strings.ReplaceAll(n.text, "_", ""), 10, v.Type().Bits())
	if err != nil {
		d.bad(n.at, path, n.text+" is not a whole number that fits", "write digits only, such as 4096")
		return
	}
	if i < 0 {
		d.bad(n.at, path, n.text+" is negative", "write a number of 0 or more")
		return
	}
	v.SetInt(i)
}

func (d *decoder) float(n *node, path string, v reflect.Value) {
	if n.kind != kindNumber && !d.isEnv(path) {
		d.want(n, path, kindNumber, "write a number, without quotes")
		return
	}
	f, err := strconv.ParseFloat(strings.ReplaceAll(n.text, "_", ""), 64)
	switch {
	case err != nil || f != f || f-f != 0: // not a number, or infinite
		d.bad(n.at, path, n.text+" is not a number", "write a number such as 5 or 0.5")
	case f < 0:
		d.bad(n.at, path, n.text+" is negative", "write a number of 0 or more")
	default:
		v.SetFloat(f)
	}
}

func (d *decoder) duration(n *node, path string, v *time.Duration) {
	switch n.kind {
	case kindNumber:
		if n.text != "0" {
			d.bad(n.at, path, "a duration needs a unit", "write "+n.text+"s for seconds, or m, h, d")
		} else {
			*v = 0
		}
		return
	case kindString:
	default:
		d.bad(n.at, path, fmt.Sprintf("this is %s, not a duration", n.kind), durationExample)
		return
	}
	if n.text == "" {
		*v = 0
		return
	}
	t, err := parseDuration(n.text)
	if err != nil {
		d.bad(n.at, path, err.Error(), durationExample)
		return
	}
	*v = t
}

func (d *decoder) list(n *node, path string, v reflect.Value) {
	if !d.want(n, path, kindList, "") {
		return
	}
	if v.Type() == reflect.TypeFor[[][]string]() && len(n.items) > 0 && n.items[0].kind == kindString {
		d.bad(n.items[0].at, path, "this is one command, not a list of commands", "put brackets around it: [[go, test, ./...]]")
		return
	}
	out := reflect.MakeSlice(v.Type(), 0, len(n.items))
	for i, item := range n.items {
		p := index(path, i)
		e := reflect.New(v.Type().Elem()).Elem()
		if def, ok := elementDefault(e.Type()); ok {
			e.Set(def)
		}
		if item.kind == kindNull {
			d.at[p] = item.at
			d.bad(item.at, p, "an entry with nothing in it", "remove the \"-\", or fill the entry in")
			continue
		}
		d.value(item, p, e, "")
		if d.steps >= maxSteps {
			return
		}
		out = reflect.Append(out, e)
	}
	v.Set(out)
}

func (d *decoder) mapping(n *node, path string, v reflect.Value) {
	if !d.want(n, path, kindMapping, "") {
		return
	}
	out := reflect.MakeMap(v.Type())
	pairs := d.pairs(n, path)
	for _, key := range slices.Sorted(maps.Keys(pairs)) {
		e := reflect.New(v.Type().Elem()).Elem()
		p := named(path, key)
		if pairs[key].value.kind == kindNull {
			d.bad(pairs[key].at, p, "an entry with nothing in it", "give it a value, or remove it")
			continue
		}
		d.value(pairs[key].value, p, e, "")
		out.SetMapIndex(reflect.ValueOf(key).Convert(v.Type().Key()), e)
	}
	v.Set(out)
}

// structs decodes a mapping into one or more structs: a key goes to each that has a field for it.
func (d *decoder) structs(n *node, path string, targets ...reflect.Value) {
	if !d.want(n, path, kindMapping, "") {
		return
	}
	var known []string
	for _, t := range targets {
		known = append(known, fieldKeys(t.Type())...)
	}
	slices.Sort(known)
	known = slices.Compact(known)

	pairs := d.pairs(n, path)
	for _, key := range order(pairs) {
		e, p := pairs[key], join(path, key)
		found := false
		for _, t := range targets {
			if f, tag, ok := fieldOf(t, key); ok {
				if !found || !d.wrong[p] {
					d.value(e.value, p, f, tag)
				}
				found = true
			}
		}
		if !found {
			d.bad(e.at, p, "unknown key", d.unknownHint(path, key, known))
		}
	}
}

// pairs gives the entries of a mapping by key, with merged ones ("<<: *base") beneath its own. A key that stands twice is
// reported.
func (d *decoder) pairs(n *node, path string) map[string]*entry {
	own := map[string]*entry{}
	for _, e := range n.pairs {
		if e.merge {
			continue
		}
		if first, ok := own[e.key]; ok {
			d.bad(e.at, join(path, e.key), "this key stands here a second time",
				fmt.Sprintf("the first is in line %d: keep one of them", first.at.line))
			continue
		}
		own[e.key] = e
	}
	for _, e := range n.pairs {
		if !e.merge {
			continue
		}
		from := []*node{e.value}
		if e.value.kind == kindList {
			from = e.value.items
		}
		for _, m := range from {
			if m.kind != kindMapping {
				d.bad(e.at, join(path, "<<"), "only a mapping can be merged", "write <<: *anchor, the anchor standing at a mapping")
				continue
			}
			if !d.step(path) {
				return own
			}
			for key, inner := range d.pairs(m, path) {
				if _, ok := own[key]; !ok {
					own[key] = inner
				}
			}
		}
	}
	return own
}

// order gives the keys in the order of the file, so that a report is the same each time.
func order(pairs map[string]*entry) []string {
	keys := slices.Sorted(maps.Keys(pairs))
	slices.SortStableFunc(keys, func(a, b string) int {
		if pairs[a].at.before(pairs[b].at) {
			return -1
		}
		if pairs[b].at.before(pairs[a].at) {
			return 1
		}
		return 0
	})
	return keys
}

// fieldKey is the key of a field, "" where the file does not reach it.
func fieldKey(f reflect.StructField) string {
	name, _, _ := strings.Cut(f.Tag.Get("yaml"), ",")
	if !f.IsExported() || name == "-" {
		return ""
	}
	return name
}

func fieldKeys(t reflect.Type) []string {
	var keys []string
	for f := range t.Fields() {
		if k := fieldKey(f); k != "" {
			keys = append(keys, k)
		}
	}
	return keys
}

func fieldOf(v reflect.Value, key string) (reflect.Value, reflect.StructTag, bool) {
	for f := range v.Type().Fields() {
		if fieldKey(f) == key && key != "" {
			return v.FieldByIndex(f.Index), f.Tag, true
		}
	}
	return reflect.Value{}, "", false
}
