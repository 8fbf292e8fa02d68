package remediations

import (
	"errors"
	"fmt"
	"strings"
)

// template is one element of an argument vector: literal text and parameters in turn. However it is filled, it stays one
// element.
type template []piece

// piece is literal text, or the name of a parameter.
type piece struct {
	text  string
	param bool
}

// parseTemplate reads "{name}" as a parameter, and "{{" and "}}" as braces.
func parseTemplate(s string) (template, error) {
	var t template
	var text strings.Builder
	flush := func() {
		if text.Len() > 0 {
			t = append(t, piece{text: text.String()})
			text.Reset()
		}
	}
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c != '{' && c != '}':
			text.WriteByte(c)
		case i+1 < len(s) && s[i+1] == c:
			text.WriteByte(c)
			i++
		case c == '}':
			return nil, errors.New(`a "}" that ends nothing`)
		default:
			n := strings.IndexByte(s[i:], '}')
			if n < 0 {
				return nil, errors.New(`a "{" that nothing ends`)
			}
			name := s[i+1 : i+n]
			if !paramName.MatchString(name) {
				return nil, fmt.Errorf("{%s} does not name a parameter", name)
			}
			flush()
			t = append(t, piece{text: name, param: true})
			i += n
		}
	}
	flush()
	return t, nil
}

// params gives the names in t.
func (t template) params() []string {
	var out []string
	for _, p := range t {
		if p.param {
			out = append(out, p.text)
		}
	}
	return out
}

// render puts the values in. Values are text: braces in them mean nothing.
func (t template) render(args map[string]string) string {
	var b strings.Builder
	for _, p := range t {
		if p.param {
			b.WriteString(args[p.text])
		} else {
			b.WriteString(p.text)
		}
	}
	return b.String()
}

// renderAll gives the argument vector, nil for none: one element for each element of the template.
func renderAll(ts []template, args map[string]string) []string {
	if len(ts) == 0 {
		return nil
	}
	out := make([]string, len(ts))
	for i, t := range ts {
		out[i] = t.render(args)
	}
	return out
}
