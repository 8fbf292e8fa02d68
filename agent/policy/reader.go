package policy

import (
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/expr-lang/expr/ast"

	"github.com/logwright/logwright/agent/incident"
)

// reader goes through a parsed condition and says what in it may not be used, or can't be meant. Types are checked by the
// library afterwards.
type reader struct {
	text   string
	closed map[string][]string
	ps     []incident.Problem
}

func (r *reader) at(n ast.Node, format string, args ...any) *incident.Problem {
	p := incident.Problemf("when", format, args...)
	p.Message += " at " + place(r.text, n.Location().From)
	r.ps = append(r.ps, p)
	return &r.ps[len(r.ps)-1]
}

// read checks n and what is in it; inside says that it stands within a function over a list.
func (r *reader) read(n ast.Node, inside bool) {
	switch n := n.(type) {
	case *ast.BoolNode, *ast.IntegerNode, *ast.FloatNode, *ast.StringNode:
	case *ast.PointerNode:
		if n.Name != "" {
			r.at(n, "#%s is not known", n.Name).Hint = "# is the element that is looked at"
		}
	case *ast.IdentifierNode:
		r.name(n)
	case *ast.UnaryNode:
		r.operator(n, n.Operator)
		r.read(n.Node, inside)
	case *ast.BinaryNode:
		r.operator(n, n.Operator)
		r.compare(n)
		r.read(n.Left, inside)
		r.read(n.Right, inside)
	case *ast.MemberNode:
		// In expr a.b is a["b"]: a member of what is no map is the type check's to find.
		r.read(n.Node, inside)
		r.read(n.Property, inside)
	case *ast.ConditionalNode:
		r.read(n.Cond, inside)
		r.read(n.Exp1, inside)
		r.read(n.Exp2, inside)
	case *ast.ArrayNode:
		for _, e := range n.Nodes {
			r.read(e, inside)
		}
		r.alike(n)
	case *ast.CallNode:
		r.call(n)
	case *ast.BuiltinNode:
		if !slices.Contains(functions, n.Name) {
			r.unknownFunction(n, n.Name)
		}
		for _, a := range n.Arguments {
			if p, ok := a.(*ast.PredicateNode); ok {
				if inside {
					r.at(n, "%s can't stand within another function over a list", n.Name).
						Hint = "its cost would be without bound; write two conditions with &&"
				}
				r.read(p.Node, true)
				continue
			}
			r.read(a, inside)
		}
	default:
		what := "this"
		switch n.(type) {
		case *ast.NilNode:
			what = "nil"
		case *ast.VariableDeclaratorNode:
			what = "let"
		case *ast.SequenceNode:
			what = `";"`
		case *ast.MapNode:
			what = "a map"
		case *ast.SliceNode:
			what = "a slice"
		case *ast.BytesNode:
			what = "a text of bytes"
		case *ast.ChainNode:
			what = `"?."`
		}
		r.at(n, "%s can't be used in a condition", what)
	}
}

func (r *reader) name(n *ast.IdentifierNode) {
	var names []string
	for _, v := range Variables() {
		names = append(names, v.Name)
	}
	if slices.Contains(names, n.Value) {
		return
	}
	p := r.at(n, "unknown name %q", n.Value)
	switch near := incident.Nearest(n.Value, names); {
	case near != "":
		p.Hint = "did you mean " + near + "?"
	case slices.Contains(functions, n.Value):
		p.Hint = n.Value + " is a function: " + n.Value + "(…)"
	default:
		p.Hint = "the names are " + strings.Join(names, ", ") + "; put quotes around what is a text"
	}
}

func (r *reader) operator(n ast.Node, op string) {
	if slices.Contains(operators, op) {
		return
	}
	r.at(n, "%q can't be used in a condition", op).Hint = "what can is " + strings.Join(operators, " ")
}

func (r *reader) unknownFunction(n ast.Node, name string) {
	p := r.at(n, "unknown function %q", name)
	if near := incident.Nearest(name, functions); near != "" {
		p.Hint = "did you mean " + near + "?"
		return
	}
	p.Hint = "the functions are " + strings.Join(functions, ", ") + "; times are what a rule's windows are for"
}

// call lets at_least through, with one constant severity; everything else that is called is unknown.
func (r *reader) call(n *ast.CallNode) {
	id, ok := n.Callee.(*ast.IdentifierNode)
	switch {
	case !ok:
		r.at(n, "a method can't be used in a condition")
	case id.Value != atLeast:
		r.unknownFunction(n, id.Value)
	case len(n.Arguments) != 1:
		r.at(n, "at_least needs one severity").Hint = `such as at_least("error")`
	default:
		s, ok := n.Arguments[0].(*ast.StringNode)
		if !ok {
			r.at(n.Arguments[0], "at_least needs the name of a severity").Hint = "one of " + strings.Join(severities(), ", ")
			return
		}
		r.value(s, "severity", severities())
	}
}

// compare finds comparisons that can't be meant.
func (r *reader) compare(n *ast.BinaryNode) {
	switch n.Operator {
	case "==", "!=":
		for _, side := range [][2]ast.Node{{n.Left, n.Right}, {n.Right, n.Left}} {
			r.oneOf(side[0], side[1])
			r.confidence(side[0], side[1])
		}
	case "in":
		if list, ok := n.Right.(*ast.ArrayNode); ok {
			for _, e := range list.Nodes {
				r.oneOf(n.Left, e)
			}
		}
	case "<", ">", "<=", ">=":
		for _, side := range [][2]ast.Node{{n.Left, n.Right}, {n.Right, n.Left}} {
			r.confidence(side[0], side[1])
		}
		if r.isText(n.Left) || r.isText(n.Right) {
			p := r.at(n, "%q compares texts by their letters here, which says nothing", n.Operator)
			p.Hint = `for severities there is at_least("error")`
		}
	case "matches":
		s, ok := n.Right.(*ast.StringNode)
		if !ok {
			r.at(n.Right, "the pattern after matches has to be a text as it stands")
			return
		}
		if _, err := regexp.Compile(s.Value); err != nil {
			r.at(s, "%s", short(err.Error()))
		}
	}
}

// isText says that n is a text for sure.
func (r *reader) isText(n ast.Node) bool {
	switch n := n.(type) {
	case *ast.StringNode:
		return true
	case *ast.IdentifierNode:
		return typeOf(n.Value) == typeString
	case *ast.MemberNode, *ast.PointerNode: // of args, files or targets: there are no others
		return true
	case *ast.BuiltinNode:
		return n.Name == "lower" || n.Name == "upper"
	case *ast.ConditionalNode:
		return r.isText(n.Exp1) || r.isText(n.Exp2)
	case *ast.BinaryNode:
		return n.Operator == "+" && (r.isText(n.Left) || r.isText(n.Right))
	}
	return false
}

func (r *reader) oneOf(variable, value ast.Node) {
	id, ok := variable.(*ast.IdentifierNode)
	if !ok {
		return
	}
	if s, ok := value.(*ast.StringNode); ok {
		r.value(s, id.Value, r.closed[id.Value])
	}
}

// value checks a constant that is compared with something of which all values are known.
func (r *reader) value(s *ast.StringNode, name string, all []string) {
	if all == nil || slices.Contains(all, s.Value) {
		return
	}
	p := r.at(s, "%s is never %q", name, s.Value)
	if near := incident.Nearest(s.Value, all); near != "" {
		p.Hint = "did you mean " + strconv.Quote(near) + "?"
		return
	}
	var some []string
	for _, v := range all {
		if v != "" {
			some = append(some, v)
		}
	}
	p.Hint = "one of " + strings.Join(some, ", ")
}

// confidence finds percents.
func (r *reader) confidence(variable, value ast.Node) {
	if id, ok := variable.(*ast.IdentifierNode); !ok || id.Value != "confidence" {
		return
	}
	var v float64
	switch n := value.(type) {
	case *ast.IntegerNode:
		v = float64(n.Value)
	case *ast.FloatNode:
		v = n.Value
	}
	if v > 1 {
		r.at(value, "confidence is from 0 to 1")
	}
}

// alike wants the elements of a list to be of one type, so that the type check sees what they are compared with.
func (r *reader) alike(n *ast.ArrayNode) {
	kind := func(e ast.Node) string {
		switch e := e.(type) {
		case *ast.StringNode:
			return typeString
		case *ast.IntegerNode:
			return typeInt
		case *ast.FloatNode:
			return typeFloat
		case *ast.BoolNode:
			return typeBool
		case *ast.IdentifierNode:
			return typeOf(e.Value)
		case *ast.MemberNode, *ast.PointerNode:
			return typeString
		}
		return ""
	}
	for _, e := range n.Nodes {
		if kind(e) == "" || kind(e) != kind(n.Nodes[0]) {
			r.at(e, "the elements of a list have to be of one type, and simple")
			return
		}
	}
}

func typeOf(variable string) string {
	for _, v := range Variables() {
		if v.Name == variable {
			return v.Type
		}
	}
	return ""
}
