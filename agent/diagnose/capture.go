package diagnose

import (
	"regexp"
	"strings"
)

// What is captured is log text, written by strangers, and it ends up in commands that a tired person pastes into a root shell.
// Each kind is therefore a closed charset without spaces, quotes, or any character that a shell, a terminal or Markdown gives
// a meaning to, and nothing begins with a dash. (The tests also keep captures out of commands that change something.)
var captureKinds = map[string]*regexp.Regexp{
	"number":  regexp.MustCompile(`^[0-9]{1,15}$`),
	"port":    regexp.MustCompile(`^[1-9][0-9]{0,4}$`),
	"decimal": regexp.MustCompile(`^[0-9]{1,12}(\.[0-9]{1,6})?$`),
	// A name of a user, table, module, pod, key, ...
	"name": regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_.-]{0,79}$`),
	// A qualified type or function: java.sql.SQLException, Foo::Bar, main.(*T).Do is cut to what fits.
	"symbol": regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_.$]{0,119}$`),
	// A systemd unit. The @ of an instance is the one character beyond a name.
	"unit": regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}(@[A-Za-z0-9_.-]{0,63})?\.(service|socket|timer|mount|scope|slice|target|swap|path|automount)$`),
	// An absolute path of plain characters.
	"path": regexp.MustCompile(`^(/|(/[A-Za-z0-9_][A-Za-z0-9_.+-]{0,80}){1,12}/?)$`),
	// A host name or an IPv4 or IPv6 address.
	"host": regexp.MustCompile(`^([A-Za-z0-9_]([A-Za-z0-9._-]{0,100}[A-Za-z0-9])?|[0-9A-Fa-f:]{2,39})$`),
	// An image reference, as docker pull takes it.
	"image": regexp.MustCompile(`^[a-z0-9][a-z0-9._-]{0,60}(:[0-9]{1,5})?(/[a-z0-9][a-z0-9._-]{0,60}){0,5}(:[A-Za-z0-9_][A-Za-z0-9._-]{0,60})?(@sha256:[0-9a-f]{64})?$`),
	// A block device or network interface.
	"device": regexp.MustCompile(`^[a-z][a-z0-9]{1,14}(-[0-9]{1,3})?$`),
}

// capture gives the values that c finds in text, which must be redacted already.
func (s *Signature) capture(text string) map[string]string {
	c := s.compile()
	vals := map[string]string{}
	for key, re := range c.captures {
		if re == nil {
			continue
		}
		m := re.FindStringSubmatch(text)
		if len(m) < 2 {
			continue
		}
		// The first group that took part: a pattern may have one per spelling of the message.
		for _, v := range m[1:] {
			if v == "" {
				continue
			}
			if fits(s.Captures[key].Kind, v) {
				vals[key] = v
			}
			break
		}
	}
	return vals
}

func fits(kind, v string) bool {
	re := captureKinds[kind]
	return re != nil && re.MatchString(v) && !strings.Contains(v, "..")
}

// placeholder is {key} in a text of a signature. Braces of shell and Go templates in commands ({{.Names}}, '{print $1}') are
// no placeholders: those are double, or hold more than a name.
var placeholder = regexp.MustCompile(`\{([a-z][a-z_]*)\}`)

// optional is a part of a sentence that is only there when its captures are.
var optional = regexp.MustCompile(`\[\[([^\[\]]*)\]\]`)

// sentence is fill with the first letter made a capital: an optional part may have left the beginning to a word of the middle.
func (s *Signature) sentence(text string, vals map[string]string) string {
	text = strings.TrimSpace(s.fill(text, vals))
	for _, v := range vals {
		if v != "" && strings.HasPrefix(text, v) {
			return text // a name is written as it is
		}
	}
	if text != "" && 'a' <= text[0] && text[0] <= 'z' {
		text = string(text[0]-('a'-'A')) + text[1:]
	}
	return text
}

// fill puts values into a text of the signature. A {key} without a value becomes its default, and [[a part]] of which a value
// is missing is left out.
func (s *Signature) fill(text string, vals map[string]string) string {
	text = optional.ReplaceAllStringFunc(text, func(part string) string {
		inner := part[2 : len(part)-2]
		ms := placeholder.FindAllStringSubmatch(inner, -1)
		if len(ms) == 0 {
			return part // [[ ... ]] of a shell test
		}
		for _, m := range ms {
			if vals[m[1]] == "" {
				return ""
			}
		}
		return inner
	})
	return placeholder.ReplaceAllStringFunc(text, func(ph string) string {
		key := ph[1 : len(ph)-1]
		if v := vals[key]; v != "" {
			return v
		}
		c, known := s.Captures[key]
		switch {
		case !known && key != "service":
			return ph
		case c.Default != "":
			return c.Default
		}
		return strings.ToUpper(key)
	})
}
