package notify

import (
	"fmt"
	"strings"

	"github.com/slack-go/slack"

	"github.com/logwright/logwright/agent/incident"
)

// How text of strangers stays text in Slack:
//
//   - It stands in rich_text blocks only, as `text` elements. Slack parses nothing in those: no mrkdwn, no mention, no
//     entity, no emoji. Log lines stand in rich_text_preformatted.
//   - There is no mrkdwn object at all. Headline and marks are plain_text with emoji off, in Logwright's own words, and
//     escaped nevertheless.
//   - The fallback text, which is parsed, is made of the headline only, escaped, with parse: none.
//   - Links are not unfurled: a fetch of a URL that a stranger wrote would be a signal to the stranger.

// Slack's limits, and our own below them where Slack documents none (rich_text).
const (
	slackHeader   = 150  // UTF-16 units of a header
	slackText     = 3000 // of any other text
	slackElements = 10   // of a context block
	slackFallback = 400  // of the fallback text; escaping makes it longer
)

// message makes the message of an event.
func message(e incident.Event, v viewer) *slack.WebhookMessage {
	w := v.view(e)
	blocks := []slack.Block{slack.NewHeaderBlock(plainText(w.headline, slackHeader))}
	if len(w.marks) > 0 {
		blocks = append(blocks, contextBlock(w.marks))
	}
	var body []slack.RichTextElement
	if w.id != "" {
		body = append(body, factList(append([]fact{{"incident", w.id}, {"severity", w.severity}}, w.facts...)))
	}
	if w.says != "" {
		body = append(body, preformatted(w.says))
	}
	if len(w.why) > 0 {
		body = append(body, factList(w.why))
	}
	if len(w.log) > 0 {
		body = append(body, preformatted(strings.Join(w.log, "\n")))
	}
	if len(w.plan) > 0 {
		body = append(body, factList(w.plan))
	}
	if len(w.fate) > 0 {
		body = append(body, factList(w.fate))
	}
	if len(w.output) > 0 {
		body = append(body, preformatted(strings.Join(w.output, "\n")))
	}
	if len(w.next) > 0 {
		var steps []slack.RichTextElement
		for _, n := range w.next {
			steps = append(steps, slack.NewRichTextSection(text(n, nil)))
		}
		body = append(body, heading("What to do next"), slack.NewRichTextList(slack.RTEListOrdered, 0, steps...))
	}
	if len(w.answer) > 0 {
		body = append(body, heading("Answer with"), preformatted(strings.Join(w.answer, "\n")))
	}
	if len(w.list) > 0 {
		var rows []slack.RichTextElement
		for _, i := range w.list {
			rows = append(rows, slack.NewRichTextSection(text(i.severity+" ", bold()), text(i.title+" ", nil), text(i.id, code())))
		}
		body = append(body, slack.NewRichTextList(slack.RTEListBullet, 0, rows...))
	}
	if w.more > 0 {
		body = append(body, slack.NewRichTextSection(text(fmt.Sprintf("and %d more: ", w.more), nil), text("logwright incidents list", code())))
	}
	if len(body) > 0 {
		blocks = append(blocks, slack.NewRichTextBlock("", body...))
	}
	blocks = append(blocks, contextBlock([]string{footer(e, v)}))
	m := fallback(w.headline)
	m.Blocks = &slack.Blocks{BlockSet: blocks}
	return m
}

// fallback is the message without blocks: what a notification on a phone shows.
func fallback(headline string) *slack.WebhookMessage {
	no := false
	return &slack.WebhookMessage{Text: escape(cut(headline, slackFallback)), Parse: "none", UnfurlLinks: &no, UnfurlMedia: &no}
}

// footer says where the message comes from, with the event's id, by which doubles can be told.
func footer(e incident.Event, v viewer) string {
	s := "Logwright, " + stamp(e.At)
	if id := v.line(e.ID); id != "" {
		s += ", event " + id
	}
	return s
}

// escape defuses mrkdwn: the three characters by which Slack marks links and mentions become entities, and a word joiner
// before each formatting character keeps pairs of them from being one.
func escape(s string) string {
	return strings.NewReplacer(
		"*", "\u2060*", "_", "\u2060_", "~", "\u2060~", "`", "\u2060`", "@", "@\u2060", ":", ":\u2060",
	).Replace(entities(s))
}

// entities writes the three control characters of Slack's text objects as it asks for.
func entities(s string) string {
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace(s)
}

// plainText is a text that Slack shows as it is.
func plainText(s string, most int) *slack.TextBlockObject {
	if s == "" {
		s = "-" // Slack refuses a block without text
	}
	// The limit is for the escaped text, and an entity is not to be cut in two.
	out := entities(cut(s, most))
	for n := most; units(out) > most; n-- {
		out = entities(cut(s, n))
	}
	return slack.NewTextBlockObject(slack.PlainTextType, out, false, false)
}

func contextBlock(lines []string) *slack.ContextBlock {
	var elements []slack.MixedElement
	for _, l := range lines[:min(len(lines), slackElements)] {
		elements = append(elements, plainText(l, slackText))
	}
	return slack.NewContextBlock("", elements...)
}

func factList(facts []fact) slack.RichTextElement {
	var rows []slack.RichTextElement
	for _, f := range facts {
		rows = append(rows, slack.NewRichTextSection(text(f.label+" ", bold()), text(f.text, nil)))
	}
	return slack.NewRichTextList(slack.RTEListBullet, 0, rows...)
}

func heading(s string) slack.RichTextElement { return slack.NewRichTextSection(text(s, bold())) }

func preformatted(s string) slack.RichTextElement {
	return &slack.RichTextPreformatted{Type: slack.RTEPreformatted, Elements: []slack.RichTextSectionElement{text(s, nil)}}
}

func text(s string, style *slack.RichTextSectionTextStyle) slack.RichTextSectionElement {
	if s == "" {
		s = "-"
	}
	return slack.NewRichTextSectionTextElement(cut(s, slackText), style)
}

func bold() *slack.RichTextSectionTextStyle { return &slack.RichTextSectionTextStyle{Bold: true} }

func code() *slack.RichTextSectionTextStyle { return &slack.RichTextSectionTextStyle{Code: true} }
