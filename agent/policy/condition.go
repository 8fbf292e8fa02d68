package policy

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/builtin"
	"github.com/expr-lang/expr/conf"
	"github.com/expr-lang/expr/file"
	"github.com/expr-lang/expr/parser"
	"github.com/expr-lang/expr/vm"

	"github.com/logwright/logwright/agent/incident"
)

// A condition is an expr expression of a small part of the language. What may be used is listed, not what may not: a later
// version of the library can bring functions that read a clock, or a construct whose cost nobody bounded, and they have to
// stay out by themselves. What is left out on purpose: now() and dates (a decision has to come out the same when it is
// computed again), ranges and functions within functions (time without end), let and sequences (memory that doubles with
// each line), patterns that are no constants, and < or > between strings ("warning" > "error").
const (
	maxCondition = 4096 // bytes; also bounds how deep the parser nests
	maxNodes     = 500
	memoryBudget = 100_000 // what expr counts: elements
	maxMessage   = 300     // runes of an error that go into a reason
)

// functions are what a condition may call: expr's builtins that are pure and linear, and our own at_least.
var functions = []string{"len", "all", "any", "none", "one", "count", "lower", "upper", "hasPrefix", "hasSuffix", atLeast}

const atLeast = "at_least"

// operators are what a condition may use.
var operators = []string{
	"==", "!=", "<", ">", "<=", ">=", "and", "&&", "or", "||", "not", "!", "in", "contains", "startsWith", "endsWith", "matches",
	"+", "-", "*", "/", "%",
}

// condition is a compiled `when`. Safe for concurrent use.
type condition struct {
	program *vm.Program
	// always says that it holds whatever is proposed; text is its normal form, equal for conditions that are the same.
	always bool
	text   string
}

// environment is what conditions are computed over: the variables, and at_least.
func environment(variables map[string]any) map[string]any {
	env := make(map[string]any, len(variables)+1)
	for k, v := range variables {
		env[k] = v
	}
	all := severities()
	severity, _ := variables["severity"].(string)
	env[atLeast] = func(least string) bool { return slices.Index(all, severity) >= slices.Index(all, least) }
	return env
}

// holds computes the condition. Whatever goes wrong comes back as an error.
func (c *condition) holds(env map[string]any) (_ bool, err error) {
	defer func() { // the library recovers by itself; a mistake of it must not take the daemon along
		if r := recover(); r != nil {
			err = fmt.Errorf("%v", r)
		}
	}()
	machine := vm.VM{MemoryBudget: memoryBudget}
	out, err := machine.Run(c.program, env)
	if err != nil {
		return false, errors.New(clean(err))
	}
	yes, ok := out.(bool)
	if !ok {
		return false, fmt.Errorf("it gave %T, not true or false", out)
	}
	return yes, nil
}

// compile reads a condition. Every problem has the path `when`; closed are the values that variables are limited to.
func compile(text string, closed map[string][]string) (_ *condition, ps []incident.Problem) {
	defer func() {
		if r := recover(); r != nil {
			ps = []incident.Problem{incident.Problemf("when", "this condition can't be read: %s", short(fmt.Sprint(r)))}
		}
	}()
	switch {
	case strings.TrimSpace(text) == "":
		return nil, []incident.Problem{incident.Problemf("when", "a rule needs a condition").
			WithHint(`such as 'kind == "pull-request" && verified', or "true" for everything`)}
	case len(text) > maxCondition:
		return nil, []incident.Problem{incident.Problemf("when", "a condition of %d bytes is too long (at most %d)", len(text), maxCondition)}
	case !utf8.ValidString(text):
		return nil, []incident.Problem{incident.Problemf("when", "the condition is not UTF-8")}
	}
	config := conf.CreateNew()
	options(config)
	tree, err := parser.ParseWithConfig(text, config)
	if err != nil {
		return nil, []incident.Problem{problem(text, err)}
	}
	r := &reader{text: text, closed: closed}
	r.read(tree.Node, false)
	if len(r.ps) > 0 {
		return nil, r.ps
	}
	c := &condition{text: tree.Node.String()}
	if b, ok := tree.Node.(*ast.BoolNode); ok {
		c.always = b.Value
	}
	if c.program, err = expr.Compile(text, options); err != nil {
		return nil, []incident.Problem{problem(text, err)}
	}
	return c, nil
}

// options is what both the parser and the compiler are told. The optimizer stays off: a condition is short, and what is not
// rewritten can't be rewritten wrongly.
func options(c *conf.Config) {
	env := environment(values(&incident.Proposal{}))
	for _, o := range []expr.Option{expr.Env(env), expr.AsBool(), expr.WarnOnAny(), expr.MaxNodes(maxNodes), expr.Optimize(false)} {
		o(c)
	}
	for name := range builtin.Index {
		if !slices.Contains(functions, name) {
			c.Disabled[name] = true
		}
	}
}

// problem makes a Problem of an error of the library: its own rendering has several lines.
func problem(text string, err error) incident.Problem {
	var e *file.Error
	if !errors.As(err, &e) {
		m := err.Error()
		if rest, ok := strings.CutPrefix(m, "expected bool, but got "); ok {
			m = "a condition has to be true or false, and this is " + article(rest)
		}
		return incident.Problemf("when", "%s", short(m))
	}
	p := incident.Problemf("when", "%s at %s", strings.TrimSuffix(short(e.Message), "."), place(text, e.From))
	switch e.Message { // in the library's words they help nobody
	case "unexpected token EOF":
		p.Message = "the condition ends too early"
	case `unexpected token Operator("=")`:
		p.Hint = "two values are compared with =="
	}
	return p
}

func article(typ string) string {
	switch typ {
	case "nil", "unknown", "any":
		return typ
	case "int":
		return "an int"
	}
	return "a " + typ
}

// place says where the nth rune of text is: "column 7", or with the line where there are several.
func place(text string, n int) string {
	line, col := 1, 1
	for _, r := range text {
		if n--; n < 0 {
			break
		}
		if col++; r == '\n' {
			line, col = line+1, 1
		}
	}
	if strings.ContainsRune(strings.TrimSpace(text), '\n') {
		return fmt.Sprintf("line %d, column %d", line, col)
	}
	return fmt.Sprintf("column %d", col)
}

// clean makes one safe line of an error of the library.
func clean(err error) string {
	var e *file.Error
	if errors.As(err, &e) {
		return short(e.Message)
	}
	return short(err.Error())
}

func short(s string) string {
	s, _, _ = strings.Cut(incident.PrintableLine(s), `\n | `) // the library draws where it was
	if r := []rune(s); len(r) > maxMessage {
		return string(r[:maxMessage]) + "…"
	}
	return s
}
