package diagnose

import (
	"regexp"
	"strings"

	"github.com/logwright/logwright/agent/incident"
)

const (
	maxTitleService = 64
	maxTitleSymbol  = 60
)

// identifier is what of a stack may stand in a title: a plain, perhaps qualified, name.
var identifier = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*([.$][A-Za-z_][A-Za-z0-9_]*)*$`)

// Title makes an incident's title of the service's name, a signature's own words and, without a signature, the exception's
// type and the culprit's function where these are plain identifiers. Nothing else of the log gets in, so that a title can
// be a commit subject, a branch's description or a chat message's first line. sig is nil where none matched.
func Title(inc incident.Incident, sig *Signature) string {
	return plainService(inc.Service) + ": " + titleWords(inc, sig)
}

// title is Title with secrets taken out of the service's name (a file can be called anything) before it is cut.
func (d *Diagnoser) title(inc incident.Incident, sig *Signature) string {
	inc.Service = d.redact(inc.Service)
	return Title(inc, sig)
}

func titleWords(inc incident.Incident, sig *Signature) string {
	if sig != nil {
		return sig.Title
	}
	for i := range inc.Samples {
		r := &inc.Samples[i].Record
		if r.Exception == "" && len(r.Frames) == 0 {
			continue
		}
		what := shortType(r.Exception)
		if !identifier.MatchString(what) || len(what) > maxTitleSymbol {
			what = "exception"
		}
		if f, ok := topFrame(r); ok {
			if fn := shortFunction(f.Function); identifier.MatchString(fn) && len(fn) <= maxTitleSymbol {
				return what + " in " + fn
			}
		}
		return what + " with a stack trace"
	}
	switch inc.Trigger {
	case incident.TriggerSpike:
		return "far more of one " + level(inc) + " than usual"
	case incident.TriggerReturned:
		return "an " + level(inc) + " is back after it was resolved"
	case incident.TriggerSilence:
		return "no sign of life"
	case incident.TriggerMix:
		return "far more warnings and errors than usual"
	case incident.TriggerRequests:
		return "too many requests answered with 5xx"
	}
	return "an " + level(inc) + " of unknown cause"
}

func level(inc incident.Incident) string {
	if inc.Severity == incident.SeverityFatal {
		return "fatal error"
	}
	return "error"
}

// plainService gives the service's name with everything but plain characters replaced: a file's stem is anybody's text. An @
// is kept inside (getty@tty1.service) but not where it could begin a mention.
func plainService(name string) string {
	var b strings.Builder
	for i, r := range name {
		switch {
		case b.Len() >= maxTitleService:
			return b.String()
		case 'a' <= r && r <= 'z', 'A' <= r && r <= 'Z', '0' <= r && r <= '9', r == '_':
			b.WriteRune(r)
		case (r == '.' || r == '-' || r == '@') && i > 0 && isWord(name[i-1]):
			b.WriteRune(r)
		default:
			b.WriteByte('_')
		}
	}
	if b.Len() == 0 {
		return "unknown"
	}
	return b.String()
}

func isWord(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '_'
}

// shortType gives the last part of a qualified type name.
func shortType(name string) string {
	if i := strings.LastIndexAny(name, ".:/\\"); i >= 0 {
		name = name[i+1:]
	}
	return name
}

// shortFunction gives a function without its package path, receiver's punctuation and arguments: "main.(*Cart).Total(0xc0..)"
// becomes "Cart.Total", "com.shop.CartService.total" "CartService.total".
func shortFunction(name string) string {
	if i := strings.LastIndexByte(name, '/'); i >= 0 {
		name = name[i+1:]
	}
	name = strings.NewReplacer("(*", "", "::", ".").Replace(name)
	name = strings.ReplaceAll(name, ").", ".")
	if i := strings.IndexByte(name, '('); i >= 0 {
		name = name[:i]
	}
	parts := strings.Split(name, ".")
	if len(parts) > 2 {
		parts = parts[len(parts)-2:]
	}
	return strings.TrimSpace(strings.Join(parts, "."))
}
