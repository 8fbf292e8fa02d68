package config

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// The decoder of goccy/go-yaml stops at the first error, so only its parser is used, and its syntax tree is turned into
// the plain tree of this file: five kinds of nodes with their places. Everything that could make a small file
// expensive is bounded here. Aliases share the node they name, so that they cost nothing until the decoder walks them,
// and it counts its steps.

const (
	maxBytes = 1 << 20 // of a file
	maxKeys  = 20000   // and list entries: the parser is quadratic in those of one collection, and takes two seconds for so many
	maxNames = 1000    // anchors and aliases, in which it is quadratic too
	maxDepth = 64      // of nested flow collections and of what the decoder follows
	maxDash  = 256     // the column a block list may begin at: "- - - -" nests without end on one line
	maxSteps = 200000  // nodes visited while decoding, aliases counted each time
)

type kind int

const (
	kindNull kind = iota
	kindBool
	kindNumber
	kindString
	kindList
	kindMapping
)

// String names the kind as error messages do.
func (k kind) String() string {
	return [...]string{"nothing", "true or false", "a number", "a string", "a list", "a mapping"}[k]
}

// place is where something begins; lines and columns count from 1.
type place struct{ line, column int }

func (p place) before(q place) bool {
	return p.line < q.line || p.line == q.line && p.column < q.column
}

type node struct {
	kind  kind
	at    place
	text  string   // of a scalar, as written but without quotes
	items []*node  // of a list
	pairs []*entry // of a mapping, in order; keys may repeat
}

type entry struct {
	key   string
	at    place // of the key
	value *node
	merge bool // the key is "<<"
}

// get gives the first value of a key, nil where there is none or n is no mapping.
func (n *node) get(key string) *node {
	if n == nil {
		return nil
	}
	for _, e := range n.pairs {
		if e.key == key && !e.merge {
			return e.value
		}
	}
	return nil
}

// report takes in one error.
type report func(at place, message, hint string)

// parseYAML gives the tree of the only document in data; nil where it is empty or can't be read, which report then knows.
func parseYAML(data []byte, bad report) *node {
	if len(data) > maxBytes {
		bad(place{1, 1}, fmt.Sprintf("the file has %d bytes; more than %d are not read", len(data), maxBytes), "the whole of agent.yaml is rarely more than a few hundred lines")
		return nil
	}
	text := strings.TrimPrefix(string(data), "\ufeff")
	if !checkText(text, bad) {
		return nil
	}
	tokens := lexer.Tokenize(text)
	if !checkTokens(tokens, bad) {
		return nil
	}
	file, err := parseTokens(tokens)
	if err != nil {
		at, message := place{1, 1}, err.Error()
		if syntax, ok := errors.AsType[*yaml.SyntaxError](err); ok {
			at, message = placeOf(syntax.Token), syntax.Message
		}
		bad(at, strings.ReplaceAll(message, "'\t'", `"\t" (a tab)`), syntaxHint(message))
		return nil
	}
	var root *node
	for _, doc := range file.Docs {
		if doc.Body == nil {
			continue
		}
		if d, ok := doc.Body.(*ast.DirectiveNode); ok {
			bad(placeOf(d.GetToken()), "YAML directives are not taken", "remove the line that begins with %")
			continue
		}
		if root != nil {
			quiet := tree{bad: func(place, string, string) {}, anchors: map[string]*node{}}
			bad(quiet.node(doc.Body, 0).at, "a second document begins here",
				"agent.yaml is one document: remove the line that is --- and what does not belong")
			continue
		}
		t := tree{bad: bad, anchors: map[string]*node{}}
		root = t.node(doc.Body, 0)
	}
	return root
}

// checkText refuses what is not text before the lexer sees it; it would replace bad bytes without a word.
func checkText(text string, bad report) bool {
	line, column := 1, 1
	for i, r := range text {
		switch {
		case r == '\n':
			line, column = line+1, 0
		case r == utf8.RuneError:
			if _, n := utf8.DecodeRuneInString(text[i:]); n == 1 {
				bad(place{line, column}, fmt.Sprintf("byte %#02x is not UTF-8", text[i]), "save the file as UTF-8")
				return false
			}
		case r < ' ' && r != '\t' && r != '\r' || r == 0x7f:
			bad(place{line, column}, fmt.Sprintf("control character %#02x", r), "remove it, or write it as an escape in double quotes")
			return false
		}
		column++
	}
	return true
}

// checkTokens bounds nesting and size before the parser recurses, and refuses the parts of YAML that have no use here.
func checkTokens(tokens token.Tokens, bad report) bool {
	depth, keys, names := 0, 0, 0
	for _, t := range tokens {
		switch t.Type {
		case token.SequenceStartType, token.MappingStartType:
			depth++
		case token.SequenceEndType, token.MappingEndType:
			depth--
		case token.MappingValueType:
			keys++
		case token.MappingKeyType:
			bad(placeOf(t), "keys that begin with ? are not taken", "write key: value")
			return false
		case token.TagType:
			bad(placeOf(t), "YAML tags are not taken", fmt.Sprintf("remove %s; put a text that looks like a number in quotes", t.Value))
			return false
		case token.AnchorType, token.AliasType:
			names++
		case token.SequenceEntryType:
			keys++
			if depth == 0 && t.Position.Column > maxDash {
				bad(placeOf(t), fmt.Sprintf("a list begins beyond column %d", maxDash), "indent by two spaces")
				return false
			}
		}
		if depth > maxDepth || keys > maxKeys || names > maxNames {
			bad(placeOf(t), fmt.Sprintf("the file is nested deeper than %d, or has more than %d keys and entries or %d anchors and aliases",
				maxDepth, maxKeys, maxNames), "agent.yaml needs none of these")
			return false
		}
	}
	return true
}

// parseTokens turns a panic of the parser into an error: a broken file is no reason to fall over.
func parseTokens(tokens token.Tokens) (f *ast.File, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("this is not YAML (the parser gave up: %v)", p)
		}
	}()
	return parser.Parse(tokens, 0, parser.AllowDuplicateMapKey())
}

func syntaxHint(message string) string {
	switch {
	case strings.Contains(message, "tab"), strings.Contains(message, "'\t'"):
		return "indent with spaces, never with tabs"
	case strings.Contains(message, "mapping value is not allowed"):
		return "a text that holds \": \" needs quotes; a key on a line of its own needs the indentation of its neighbours"
	case strings.Contains(message, "end character"):
		return "close the quote"
	case strings.Contains(message, "must be specified"):
		return "close the bracket that was opened before"
	case strings.Contains(message, "not allowed in this context"):
		return "check the indentation: keys of one section begin in the same column"
	}
	return "check brackets, quotes and indentation here and in the line above"
}

func placeOf(t *token.Token) place {
	if t == nil || t.Position == nil {
		return place{1, 1}
	}
	return place{max(t.Position.Line, 1), max(t.Position.Column, 1)}
}

// tree builds nodes.
type tree struct {
	bad     report
	anchors map[string]*node
}

// node turns n into a node; what can't be is reported and null.
func (t *tree) node(n ast.Node, depth int) *node {
	if n == nil {
		return &node{at: place{1, 1}}
	}
	out := &node{at: placeOf(n.GetToken())}
	if depth > maxDash+maxDepth {
		t.bad(out.at, "the file is nested too deep", "agent.yaml needs no more than a few levels")
		return out
	}
	switch n := n.(type) {
	case *ast.NullNode:
	case *ast.BoolNode:
		out.kind, out.text = kindBool, n.GetToken().Value
	case *ast.IntegerNode:
		out.kind, out.text = kindNumber, n.GetToken().Value
	case *ast.FloatNode, *ast.InfinityNode, *ast.NanNode:
		out.kind, out.text = kindNumber, n.GetToken().Value
	case *ast.StringNode:
		out.kind, out.text = kindString, n.Value
	case *ast.LiteralNode:
		out.kind = kindString
		if n.Value != nil {
			out.text = n.Value.Value
		}
	case *ast.SequenceNode:
		out.kind = kindList
		for _, v := range n.Values {
			item := t.node(v, depth+1)
			if _, block := v.(*ast.MappingNode); block && !n.IsFlowStyle && item.kind == kindMapping && item.at.column <= out.at.column {
				// The parser takes a "-" with nothing behind it for the parent of the keys that follow.
				t.bad(item.at, `this key stands no deeper than the "-" above it`, `fill the entry in behind the "-", or remove the "-"`)
			}
			out.items = append(out.items, item)
		}
	case *ast.MappingNode:
		out.kind = kindMapping
		for _, v := range n.Values {
			out.pairs = append(out.pairs, t.entry(v, depth+1))
		}
		if len(out.pairs) > 0 && !n.IsFlowStyle {
			out.at = out.pairs[0].at
		}
	case *ast.MappingValueNode:
		out.kind = kindMapping
		out.pairs = []*entry{t.entry(n, depth+1)}
		out.at = out.pairs[0].at
	case *ast.AnchorNode:
		out = t.node(n.Value, depth+1)
		if n.Name != nil {
			t.anchors[n.Name.GetToken().Value] = out
		}
	case *ast.AliasNode:
		name := ""
		if n.Value != nil {
			name = n.Value.GetToken().Value
		}
		if a, ok := t.anchors[name]; ok {
			return a
		}
		t.bad(out.at, fmt.Sprintf("*%s names no anchor that stands before it", name), fmt.Sprintf("write &%s before the value that is meant", name))
	default:
		t.bad(out.at, "this part of YAML is not taken here", "write key: value, lists and plain values only")
	}
	return out
}

func (t *tree) entry(n *ast.MappingValueNode, depth int) *entry {
	e := &entry{at: placeOf(n.Key.GetToken()), merge: n.Key.IsMergeKey()}
	switch k := n.Key.(type) {
	case *ast.StringNode:
		e.key = k.Value
	default:
		e.key = n.Key.GetToken().Value
	}
	e.value = t.node(n.Value, depth)
	if e.value.kind == kindNull && e.value.at.before(e.at) {
		e.value.at = e.at
	}
	return e
}
