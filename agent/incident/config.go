package incident

import "fmt"

// Problem is one thing wrong with a configuration. Packages that own a Config report Problems from Validate, with the
// path of the key below their own section; agent/config turns the path into file:line:column.
type Problem struct {
	// Path is the key within the section, in the form `include[0]` or `budget.usd_per_day`. "" is the section itself.
	Path string
	// Message says what is wrong, without a full stop: `"**[" is not a glob: missing ]`.
	Message string
	// Hint says what to do about it, "" where the message says it all.
	Hint string
}

// Problemf makes a Problem without a hint.
func Problemf(path, format string, args ...any) Problem {
	return Problem{Path: path, Message: fmt.Sprintf(format, args...)}
}

// WithHint gives p with a hint.
func (p Problem) WithHint(format string, args ...any) Problem {
	p.Hint = fmt.Sprintf(format, args...)
	return p
}

// Under gives ps with their paths put below prefix.
func Under(prefix string, ps []Problem) []Problem {
	out := make([]Problem, len(ps))
	for i, p := range ps {
		switch {
		case p.Path == "":
			p.Path = prefix
		case p.Path[0] == '[':
			p.Path = prefix + p.Path
		default:
			p.Path = prefix + "." + p.Path
		}
		out[i] = p
	}
	return out
}
