package labelled

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// A pattern is text with parameters in braces; a backslash before a brace takes it literally.
//
//	{user}          a value of that name (values.go)
//	{n:1-20}        a value with an argument
//	{a|b c|}        one of several
//	{?, text {x}}   there or not
//	{,ip} {;ip} {_ip}  a list of one to six values, with ", ", "," and " " between them
//	{t:layout}      the time of the event, in forms of headers only
type pattern []part

type part struct {
	literal string
	name    string   // the value's name, "" for a literal
	arg     string   // after the colon
	choices []string // for one of several
	inner   pattern  // for what is optional
	list    string   // the separator of a list
}

// header is what a form of a header can show beside values.
type header struct {
	now     time.Time
	columns map[string]string
	times   []Time
}

func parsePattern(s string) (pattern, error) {
	p, rest, err := parseUntil(s, false)
	if err == nil && rest != "" {
		err = fmt.Errorf("a brace too much before %q", rest)
	}
	return p, err
}

// parseUntil reads to the end of s, or within braces to the one that closes.
func parseUntil(s string, within bool) (p pattern, rest string, err error) {
	var lit strings.Builder
	for s != "" {
		switch {
		case s[0] == '\\' && len(s) > 1 && (s[1] == '{' || s[1] == '}'):
			lit.WriteByte(s[1])
			s = s[2:]
		case s[0] == '}':
			if !within {
				return nil, s, fmt.Errorf("a brace closes that nothing opened, before %q", s)
			}
			return append(p, part{literal: lit.String()}), s[1:], nil
		case s[0] == '{':
			p = append(p, part{literal: lit.String()})
			lit.Reset()
			var one part
			if one, s, err = parseParameter(s[1:]); err != nil {
				return nil, s, err
			}
			p = append(p, one)
		default:
			lit.WriteByte(s[0])
			s = s[1:]
		}
	}
	if within {
		return nil, "", fmt.Errorf("a brace is not closed")
	}
	return append(p, part{literal: lit.String()}), "", nil
}

var separators = map[byte]string{',': ", ", ';': ",", '_': " "}

func parseParameter(s string) (p part, rest string, err error) {
	if s != "" && s[0] == '?' {
		p.name = "?"
		p.inner, rest, err = parseUntil(s[1:], true)
		return p, rest, err
	}
	body, rest, ok := strings.Cut(s, "}")
	if !ok || body == "" {
		return p, "", fmt.Errorf("a parameter is empty or not closed at %q", s)
	}
	if strings.Contains(body, "|") {
		return part{name: "|", choices: strings.Split(body, "|")}, rest, nil
	}
	if sep, isList := separators[body[0]]; isList {
		p.list, body = sep, body[1:]
	}
	p.name, p.arg, _ = strings.Cut(body, ":")
	return p, rest, nil
}

// template gives the pattern with <*> for whatever varies.
func (p pattern) template() string {
	var b strings.Builder
	for i := range p {
		if p[i].name == "" {
			b.WriteString(p[i].literal)
		} else {
			b.WriteString("<*>")
		}
	}
	return b.String()
}

// expand gives the text with values for the parameters. Within a header, columns and times come from h.
func (p pattern) expand(v *values, h *header) string {
	var b strings.Builder
	for i := range p {
		switch q := &p[i]; q.name {
		case "":
			b.WriteString(q.literal)
		case "?":
			if v.rng.IntN(2) == 0 {
				v.choices.WriteString("?" + strconv.Itoa(i))
				b.WriteString(q.inner.expand(v, h))
			}
		case "|":
			choice := q.choices[v.skewed(len(q.choices))]
			v.choices.WriteString("|" + choice)
			b.WriteString(choice)
		case "t":
			if h != nil {
				b.WriteString(h.show(q.arg))
			}
		default:
			if h != nil {
				if s, ok := h.columns[q.name]; ok {
					b.WriteString(s)
					continue
				}
				if q.name == "cnode" { // one node for all places of a header
					h.columns[q.name] = v.pick("host")
					b.WriteString(h.columns[q.name])
					continue
				}
			}
			value := v.value(q.name, q.arg)
			if q.name == "err" || q.name == "goerr" { // a few phrases, as if they were listed
				v.choices.WriteString("|" + value)
			}
			b.WriteString(value)
			for q.list != "" && v.rng.IntN(3) > 0 {
				b.WriteString(q.list + v.value(q.name, q.arg))
			}
		}
	}
	return b.String()
}

// show writes the time in the layout and remembers what a reader can know of it.
func (h *header) show(layout string) string {
	switch layout {
	case "unix":
		h.times = append(h.times, Time{At: h.now.Truncate(time.Second)})
		return strconv.FormatInt(h.now.Unix(), 10)
	case "unixms":
		h.times = append(h.times, Time{At: h.now.Truncate(time.Millisecond)})
		return strconv.FormatInt(h.now.UnixMilli(), 10)
	case "unixfrac":
		h.times = append(h.times, Time{At: h.now.Truncate(time.Millisecond)})
		return fmt.Sprintf("%d.%03d", h.now.Unix(), h.now.Nanosecond()/1e6)
	}
	s := h.now.Format(layout)
	at, err := time.Parse(layout, s) // without a zone it is read as UTC
	if err != nil {
		return s // no time of its own, such as a date only
	}
	if strings.Contains(layout, "04") { // a day alone is no time
		h.times = append(h.times, Time{At: at, NoYear: at.Year() == 0})
	}
	return s
}
