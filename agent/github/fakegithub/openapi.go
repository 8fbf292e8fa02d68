package fakegithub

import (
	"bytes"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"encoding/json"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// SharedEnv names a folder that has GitHub's published OpenAPI description as api/github-openapi-trimmed.json. It is not part
// of this repository.
const SharedEnv = "LOGWRIGHT_SHARED"

// description is GitHub's published OpenAPI description.
type description struct {
	doc      object
	compiler *jsonschema.Compiler
	compiled map[string]*jsonschema.Schema
}

const docURL = "fake:///openapi.json"

// loadDescription gives nil where no description is said to be there.
func loadDescription(t testing.TB) *description {
	t.Helper()
	dir := os.Getenv(SharedEnv)
	if dir == "" {
		return nil
	}
	b, err := os.ReadFile(filepath.Join(dir, "api", "github-openapi-trimmed.json"))
	if err != nil {
		t.Fatalf("%s is set, but the published description is not there: %v", SharedEnv, err)
	}
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	doc, ok := asSchema(v).(object)
	if !ok {
		t.Fatal("the published description is not an object")
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource(docURL, doc); err != nil {
		t.Fatal(err)
	}
	return &description{doc: doc, compiler: c, compiled: make(map[string]*jsonschema.Schema)}
}

// asSchema makes JSON Schema of OpenAPI 3.0's own dialect: nullable becomes one more type.
func asSchema(v any) any {
	switch v := v.(type) {
	case []any:
		for i := range v {
			v[i] = asSchema(v[i])
		}
	case object:
		for k := range v {
			v[k] = asSchema(v[k])
		}
		if v["nullable"] != true {
			break
		}
		delete(v, "nullable")
		switch typ := v["type"].(type) {
		case string:
			v["type"] = []any{typ, "null"}
			if e, ok := v["enum"].([]any); ok {
				v["enum"] = append(e, nil)
			}
		case nil:
			return object{"anyOf": []any{v, object{"type": "null"}}}
		}
	}
	return v
}

// check gives the endpoint of a request, as "METHOD /path/{of}/it", and what is wrong with the request.
func (d *description) check(r *http.Request, body []byte) (string, []string) {
	template := d.template(r.URL.Path)
	if template == "" {
		return "", []string{"the published description has no such path"}
	}
	paths, _ := d.doc["paths"].(object)
	item, _ := paths[template].(object)
	op, ok := item[strings.ToLower(r.Method)].(object)
	if !ok {
		return "", []string{"the published description has no such method for " + template}
	}
	ps := d.query(r, op)
	at := "#/paths/" + escape(template) + "/" + strings.ToLower(r.Method)
	ps = append(ps, d.body(op, at, body)...)
	return r.Method + " " + template, ps
}

// template finds the path of the description with the most words of its own.
func (d *description) template(path string) string {
	parts := strings.Split(strings.Trim(path, "/"), "/")
	best, most := "", -1
	paths, _ := d.doc["paths"].(object)
	for t := range paths {
		want := strings.Split(strings.Trim(t, "/"), "/")
		words, ok := 0, len(want) <= len(parts)
		for i, w := range want {
			switch {
			case !ok:
			case w == "{ref}" && i == len(want)-1: // it may have slashes
			case strings.HasPrefix(w, "{"):
				ok = parts[i] != ""
			default:
				ok = w == parts[i]
				words++
			}
		}
		if ok && (len(want) == len(parts) || want[len(want)-1] == "{ref}") && words > most {
			best, most = t, words
		}
	}
	return best
}

func (d *description) query(r *http.Request, op object) []string {
	known := make(map[string]object)
	list, _ := op["parameters"].([]any)
	for _, p := range list {
		o, _ := p.(object)
		if ref, ok := o["$ref"].(string); ok {
			o = d.at(ref)
		}
		if o["in"] == "query" {
			name, _ := o["name"].(string)
			known[name] = o
		}
	}
	var ps []string
	for k, vs := range r.URL.Query() {
		p, ok := known[k]
		if !ok {
			ps = append(ps, fmt.Sprintf("the query has %s, which the description does not know", k))
			continue
		}
		schema, _ := p["schema"].(object)
		var v any = vs[0]
		if schema["type"] == "integer" {
			v = json.Number(vs[0])
		}
		s, err := d.inline("query-"+k, schema)
		if err == nil {
			err = s.Validate(v)
		}
		if err != nil {
			ps = append(ps, fmt.Sprintf("the query's %s: %v", k, err))
		}
	}
	return ps
}

func (d *description) inline(name string, schema object) (*jsonschema.Schema, error) {
	b, err := json.Marshal(schema)
	if err != nil {
		return nil, err
	}
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(b))
	if err != nil {
		return nil, err
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("fake:///"+name, v); err != nil {
		return nil, err
	}
	return c.Compile("fake:///" + name)
}

func (d *description) body(op object, at string, body []byte) []string {
	content, ok := op["requestBody"].(object)
	if !ok {
		if len(body) > 0 {
			return []string{"the description has no body for this request"}
		}
		return nil
	}
	if len(body) == 0 {
		if content["required"] == true {
			return []string{"the body is missing"}
		}
		return nil
	}
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(body))
	if err != nil {
		return []string{"the body is not JSON: " + err.Error()}
	}
	at += "/requestBody/content/application~1json/schema"
	s := d.compiled[at]
	if s == nil {
		if s, err = d.compiler.Compile(docURL + at); err != nil {
			return []string{"the description: " + err.Error()}
		}
		d.compiled[at] = s
	}
	var ps []string
	if err := s.Validate(v); err != nil {
		ps = append(ps, err.Error())
	}
	// A key that the description does not know would be passed over in silence.
	keys := d.keys(d.at(at), nil)
	if o, ok := v.(object); ok && len(keys) > 0 {
		for k := range o {
			if !slices.Contains(keys, k) {
				ps = append(ps, fmt.Sprintf("the body has %s, which the description does not know", k))
			}
		}
	}
	return ps
}

func (d *description) keys(schema object, out []string) []string {
	props, _ := schema["properties"].(object)
	for k := range props {
		out = append(out, k)
	}
	for _, by := range []string{"oneOf", "anyOf", "allOf"} {
		list, _ := schema[by].([]any)
		for _, s := range list {
			if o, ok := s.(object); ok {
				out = d.keys(o, out)
			}
		}
	}
	return out
}

// at follows a JSON pointer, as "#/a/b".
func (d *description) at(pointer string) object {
	var v any = d.doc
	for part := range strings.SplitSeq(strings.TrimPrefix(pointer, "#/"), "/") {
		o, _ := v.(object)
		v = o[strings.NewReplacer("~1", "/", "~0", "~").Replace(part)]
	}
	o, _ := v.(object)
	return o
}

// escape writes a path as one step of a JSON pointer in a URL.
func escape(path string) string {
	return strings.NewReplacer("~", "~0", "/", "~1").Replace(path)
}
