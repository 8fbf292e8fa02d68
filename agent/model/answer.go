package model

import (
	"bytes"
	"encoding/json"
	"strings"
)

// maxObjects bounds how many places in an answer are tried as the beginning of its object.
const maxObjects = 64

// jsonObject finds the JSON object that an answer consists of. Models that were asked in words only wrap it: in a fence, in
// prose, behind their thoughts. The object that spans most of the text is taken; false means that there is none.
func jsonObject(text string) (string, bool) {
	text = strings.TrimSpace(text)
	if isObject(text) {
		return text, true
	}
	if i := strings.LastIndex(text, "</think>"); i >= 0 {
		text = text[i+len("</think>"):]
	}
	best := ""
	for n, at := 0, 0; n < maxObjects; n++ {
		i := strings.IndexByte(text[at:], '{')
		if i < 0 {
			break
		}
		at += i
		var raw json.RawMessage
		if json.NewDecoder(strings.NewReader(text[at:])).Decode(&raw) == nil {
			if len(raw) > len(best) {
				best = string(raw)
			}
			at += len(raw)
		} else {
			at++
		}
	}
	return best, best != ""
}

func isObject(s string) bool { return strings.HasPrefix(s, "{") && json.Valid([]byte(s)) }

// withSchemaInPrompt gives r with the schema said in the system text, for servers that can't be given one.
func withSchemaInPrompt(r Request) Request {
	if r.Schema == nil {
		return r
	}
	var compact bytes.Buffer
	if json.Compact(&compact, r.Schema.JSON) != nil {
		compact.Write(r.Schema.JSON)
	}
	var b strings.Builder
	if r.System != "" {
		b.WriteString(strings.TrimRight(r.System, "\n") + "\n\n")
	}
	b.WriteString("Answer with one JSON object and nothing else: no prose before or after it, no code fence. " +
		"It has to be valid against this JSON Schema:\n")
	b.Write(compact.Bytes())
	r.System, r.Schema = b.String(), nil
	return r
}
