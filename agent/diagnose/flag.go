package diagnose

import (
	"encoding/base64"
	"regexp"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"github.com/logwright/logwright/agent/incident"
)

// A flag is no defence. What defends is that the model has no hands and its claims are checked; the flag tells a person that
// somebody tries, and lowers what is taken from the answer. So it may miss what is clever, but an ordinary log must not set it
// off: each pattern asks for two things together, an order and its addressee or its object, or for a token that only chat
// models know.
//
// Logs are full of the single words: "ignoring previous checkpoint", "system: user logged in", "assistant service started".

// flagRule is one kind of attempt. Patterns see lower-case text with its spaces folded, see foldText.
type flagRule struct {
	reason   string
	patterns []string
}

func rule(reason string, patterns ...string) flagRule { return flagRule{reason, patterns} }

// flagSet is the compiled patterns of all rules, with the prefilter that rules most of them out.
type flagSet struct {
	list   []flagPattern
	filter *prefilter
	always []int
}

type flagPattern struct {
	re     *regexp.Regexp
	reason string
}

// flags is made at the first use: runs of the CLI that diagnose nothing should not pay for it.
var flags = sync.OnceValue(func() *flagSet {
	set := &flagSet{}
	var literals [][]string
	for _, r := range flagRules {
		for _, p := range r.patterns {
			lits, err := patternLiterals(p)
			if err != nil {
				continue // found by TestFlagPatterns
			}
			literals = append(literals, lits)
			set.list = append(set.list, flagPattern{regexp.MustCompile(p), r.reason})
		}
	}
	set.filter, set.always = newPrefilter(literals)
	return set
})

// Parts of the patterns. orders is what an attempt calls what the model was told; earlier is how it refers to it.
const (
	orders  = `(?:instructions?|directives?|prompts?|guidelines|system (?:prompt|message|instructions?)|orders you|commands you|rules you|training|programming|what you were told)`
	earlier = `(?:all |any |the |your |these |those |of |every |previous |prior |preceding |above |earlier |former |existing |original |initial |foregoing |system )`
	reader  = `(?:ai|llm|a\.i\.|language model|ai model|ai assistant|ai agent|assistant|chatbot|chat ?gpt|gpt-?\d?\w*|claude|gemini|copilot|logwright|log ?analy[sz]er|sre (?:agent|bot)|model|agent|bot)`
)

var flagRules = []flagRule{
	rule("a line orders its reader to ignore what it was told",
		`\b(?:ignore|disregard|forget|discard|override|bypass|overrule|do not follow|don'?t follow|stop following|pay no attention to) `+earlier+`{1,5}`+orders,
		`\b(?:ignore|disregard|forget) (?:everything|all|anything)(?: that (?:was|is|has been))?(?: said| written| you (?:were|have been) told)?(?: (?:above|before this|previously|so far|up to now))`,
		`\b(?:ignore|disregard) (?:the |all |any )?(?:other|previous|preceding|above|rest of the) (?:log )?(?:lines|logs|entries|evidence|errors)\b`,
		`\byour (?:new|real|actual|true|updated|only) (?:instructions?|task|job|goal|objective|role|mission|orders?|system prompt) (?:is|are|:|=)`,
		`\b(?:new|updated|revised|real|additional) (?:system )?(?:instructions?|directives?) ?(?:for (?:the |you|an? )?`+reader+`?)? ?:.{0,80}\b(?:you|ignore|must|reply|respond|output|report|classify|mark|run|execute)\b`,
		`\bfrom now on,? (?:you|act|respond|reply|answer|treat|classify)\b`,
	),
	rule("a line speaks to a model or an assistant",
		`\b(?:attention|note to|notice to|message (?:to|for)|instructions? (?:to|for)|hey|hello|dear|important for|reminder (?:to|for)) ?[,:]? (?:the |any |all |an? |you,? |this )?`+reader+`s?\b ?(?:[,:;.!-]|that|who|reading|analy|parsing|processing|you|please|must|should|ignore)`,
		`\b(?:you are|you're|act|behave|respond|pretend to be) (?:now |currently |henceforth )?(?:as )?(?:an? |the |in )?(?:unrestricted |unfiltered |helpful |different |new )?(?:ai|llm|language model|ai model|assistant|chatbot|chat ?gpt|claude|dan|developer mode|root shell|system administrator|linux terminal)\b`,
		`\b(?:as|being) an? (?:ai|llm|language model|ai assistant|ai model)\b[^.]{0,60}\b(?:you|must|should|shall|need to|have to)\b`,
		`\b(?:ai|llm|language model|ai model|ai assistant|ai agent|chatbot|chat ?gpt|claude|copilot|logwright)s?\b ?[,:]? ?(?:reading (?:this|these)|analy[sz]ing (?:this|these)|processing (?:this|these)|parsing (?:this|these)|that reads? this|who reads? this)`,
		`\b(?:if|when) you(?:'re| are) an? (?:ai|llm|language model|assistant|bot|model)\b`,
		`(?:^|[\s"'=:>(])(?:dear |hey |hello |ok |okay )?(?:assistant|logwright|chat ?gpt|claude|copilot|ai|llm)[,:!] ?(?:please |now |you |immediately |kindly )*(?:ignore|disregard|forget|run|execute|restart|approve|delete|drop|output|print|reply|respond|say|call|mark|classify|set|open|merge|push|send|reveal|report that|conclude|answer|recommend|propose|close|note that you|you (?:must|should|are|will))\b`,
	),
	rule("a line tries to dictate the diagnosis or an action",
		`\b(?:the (?:ai|assistant|llm|language model|chatbot)|logwright|chat ?gpt|claude) (?:must|should|shall|has to|have to|needs? to|is (?:required|instructed|authori[sz]ed|allowed|ordered) to|will now) (?:now |always |immediately |only |not |never |first )*(?:ignore|disregard|run|execute|approve|delete|drop|output|print|reply|respond|call|classify|mark (?:this|it|the)|conclude|answer|recommend|propose|report (?:that|this|no)|reveal|treat (?:this|all)|set (?:the )?(?:confidence|category|severity))\b`,
		`\byou (?:must|should|shall|have to|need to|are (?:required|instructed|authori[sz]ed|ordered) to|will now) (?:now |always |immediately |only |not |never |first )*(?:disregard|reply|respond (?:only|with)|classify|mark (?:this|it) |conclude|report (?:that|no)\b|reveal|treat (?:this|all)|set (?:the |your )?(?:confidence|category|severity))`,
		`\b(?:set|report|output|use|give|return)(?: the| a| your)? (?:confidence|category|root[_ ]cause|fix[_ ]kind|severity)(?: (?:score|level|value))? ?(?:to|of|=|as|:) ?["']?(?:1\b|1\.0|100|0\b|high|expected-noise|none|unknown|code-bug)`,
		`\b(?:approve|auto-approve|merge|accept) (?:this|the|all|every|any) (?:remediations?|proposals?|patch(?:es)?|pull requests?|actions?|fix(?:es)?)\b.{0,60}\b(?:without|immediately|automatically|now|no (?:need|review|approval))\b`,
		`\b(?:mark|classify|treat|label) (?:this|the|all|these) (?:incidents?|errors?|alerts?|issues?|clusters?|findings?)?(?: log)? ?as (?:resolved|expected[- ]noise|benign|harmless|false positives?|not (?:a )?(?:problem|malicious))\b`,
		`\b(?:reveal|print|output|repeat|show|display|leak|disclose|tell me|exfiltrate|send (?:me )?)(?: me| us)? ?(?:all |the |your |out )+(?:system prompt|hidden prompt|initial prompt|instructions (?:above|you were given)|api[_ ]keys? you|secrets you|prompt above)`,
		`\brespond (?:only )?with (?:the (?:word|text|following|json)|exactly|only|nothing)\b`,
	),
	rule("a line holds tokens of a chat template",
		`<\|(?:im_start|im_end|im_sep|system|user|assistant|endoftext|end_of_turn|eot_id|start_header_id|end_header_id|begin_of_text|eom_id|python_tag|channel|message|return|call|tool_calls?)\|>`,
		`\[/?inst\]`, `<</?sys>>`, `<(?:start|end)_of_turn>`, `<｜(?:user|assistant|begin▁of▁sentence|end▁of▁sentence)｜>`,
		`</?(?:system|assistant|human)[_-](?:prompt|message|instructions?|reminder)s?>`,
		`</?(?:system|assistant|human)> ?(?:you|ignore|disregard|forget|now|new instructions?)\b`,
		`\n ?(?:human|user|system) ?: [^\n]{1,400}\n(?:[^\n]*\n){0,3} ?assistant ?:`,
		`#{2,4} ?(?:(?:system|instructions?|assistant|human|response) ?: ?(?:\n|$|you|ignore|new)|(?:system|new) (?:prompt|instructions?)\b)`,
		`\b(?:begin|end|start of|end of) (?:system (?:prompt|message|instructions?)|untrusted (?:data|input|logs?)|log (?:data|evidence)|user input)\b ?(?:[-=\]]|\n|$)`,
		`(?:^|[\s"'{,])"?role"? ?[:=] ?"?(?:system|assistant|developer)"?,? ?"?content"? ?[:=]`,
	),
	rule("a line holds what looks like a model's call of a tool",
		`"(?:tool_calls|function_call|tool_use|tool_choice)" ?: ?[\[{]`,
		`<(?:/)?(?:[a-z]{1,8}:)?(?:function_calls|tool_calls?|tool_use|tool_response|function_results?)>`,
		`<(?:[a-z]{1,8}:)?invoke name=`,
		`\{ ?"(?:name|tool|function|action)" ?: ?"[a-z_.-]{2,64}" ?, ?"(?:arguments|parameters|action_input|tool_input)" ?: ?[{"]`,
	),
	rule("a line gives orders to a model in another language",
		`\b(?:ignoriere|vergiss|missachte)\w* .{0,40}(?:anweisung|instruktion|vorgabe|befehl)`, //nolint:misspell // German
		`\b(?:ignore[rz]?|oublie[rz]?|ne tiens pas compte) .{0,40}(?:instructions|consignes|directives)\b.{0,30}(?:pr[eé]c[eé]dent|ant[eé]rieur|ci-dessus)`,
		`\b(?:ignora|ignore|olvida|olvide|descarta)\b.{0,40}(?:instrucciones|indicaciones|[oó]rdenes|instru[cç][oõ]es|istruzioni)`,
		`\b(?:ignore|esque[cç]a|desconsidere)\b.{0,40}(?:instru[cç][oõ]es|ordens)`,
		`\b(?:ignora|dimentica)\b.{0,40}(?:istruzioni|ordini)`,
		`\b(?:negeer|vergeet)\b.{0,40}(?:instructies|opdrachten)`,
		`(?:zignoruj|pomi[nń]|zapomnij).{0,40}(?:instrukcj|polece)`,
		`(?:игнорируй|проигнорируй|забудь|не обращай внимания).{0,60}(?:инструкц|указани|команд|правил)`,
		`(?:önceki|yukarıdaki|tüm).{0,30}(?:talimat|komut).{0,30}(?:yok say|unut|görmezden gel|dikkate alma)`,
		`(?:忽略|无视|無視|忽視|不要理会|忘记|忘記).{0,20}(?:指令|指示|说明|說明|提示|命令|规则|規則)`,
		`(?:以前|これまで|上記|前).{0,10}(?:指示|命令|プロンプト).{0,10}(?:無視|忘れ)`,
		`(?:이전|위의|앞의|모든).{0,12}(?:지시|명령|지침|프롬프트).{0,12}(?:무시|잊)`,
		`(?:تجاهل|انس|اهمل).{0,40}(?:التعليمات|الأوامر|الاوامر|تعليمات)`,
		`(?:पिछले|पूर्व|सभी).{0,30}(?:निर्देश|आदेश).{0,30}(?:अनदेखा|नज़रअंदाज़|भूल)`,
		`(?:bỏ qua|phớt lờ).{0,40}(?:hướng dẫn|chỉ dẫn|lệnh)`,
		`(?:abaikan|lupakan) .{0,40}(?:instruksi|perintah)`,
	),
	rule("a line holds a link that sends data when it is shown",
		`!\[[^\]]{0,200}\]\(https?://[^)\s]{1,300}[?&=][^)]{0,300}\)`,
	),
}

// What is looked at, in bytes: of one text, and of all texts of an incident. A model is shown less.
const (
	maxFlagText     = 64 << 10
	maxFlagIncident = 128 << 10
)

// Flag says whether text looks like an attempt to instruct a language model, and what was seen, in our words.
func Flag(text string) (reason string, flagged bool) {
	if len(text) > maxFlagText {
		text = text[:maxFlagText]
	}
	if hiddenTags(text) {
		return "a line holds invisible characters that spell text only a model reads", true
	}
	if reason, ok := flagFolded(text); ok {
		return reason, true
	}
	for _, decoded := range decodedParts(text) {
		if _, ok := flagFolded(decoded); ok {
			return "a line holds an encoded text that gives orders to a model", true
		}
	}
	return "", false
}

func flagFolded(text string) (string, bool) {
	folded := foldText(text)
	set := flags()
	candidate := set.filter.owners(folded)
	for _, i := range set.always {
		candidate[i] = true
	}
	for i, p := range set.list {
		if candidate[i] && p.re.MatchString(folded) {
			return p.reason, true
		}
	}
	return "", false
}

// flagIncident looks at everything of the incident that a model would be shown, the first samples first.
func flagIncident(inc incident.Incident) (reason string, flagged bool) {
	left := maxFlagIncident
	seen := map[string]bool{}
	look := func(text string) {
		if flagged || text == "" || left <= 0 || seen[text] {
			return
		}
		seen[text] = true
		left -= min(len(text), maxFlagText)
		reason, flagged = Flag(text)
	}
	for i := range inc.Samples {
		s := &inc.Samples[i]
		r := &s.Record
		look(r.Raw)
		for _, t := range []string{r.Message, r.ExceptionMessage, r.Service} {
			if !strings.Contains(r.Raw, t) {
				look(t)
			}
		}
		for _, c := range s.Before {
			look(c.Text)
		}
		for _, f := range r.Frames {
			look(f.Function + " " + f.File)
		}
	}
	return reason, flagged
}

// hiddenTags finds runs of tag characters (U+E0020 to U+E007F), which are invisible and which models read as letters. The flags
// of England, Scotland and Wales are a black flag with six of them.
func hiddenTags(text string) bool {
	run, flagEmoji := 0, false
	for _, r := range text {
		switch {
		case r >= 0xE0020 && r <= 0xE007F:
			if run++; run >= 4 && !flagEmoji || run > 8 {
				return true
			}
		default:
			run, flagEmoji = 0, r == 0x1F3F4
		}
	}
	return false
}

// lookalikes are letters of other scripts that pass for Latin ones. They are folded only inside words that hold Latin
// letters too, so that real Cyrillic and Greek stay what they are.
var lookalikes = map[rune]rune{
	'а': 'a', 'е': 'e', 'о': 'o', 'р': 'p', 'с': 'c', 'у': 'y', 'х': 'x', 'і': 'i', 'ѕ': 's', 'ј': 'j', 'һ': 'h', 'ԁ': 'd',
	'ո': 'n', 'ɡ': 'g', 'ν': 'v', 'ο': 'o', 'α': 'a', 'ι': 'i', 'ρ': 'p', 'τ': 't', 'ɩ': 'i', 'ⅼ': 'l', 'к': 'k', 'т': 't', 'м': 'm',
	'в': 'b', 'н': 'h',
}

// foldText brings disguises back: compatibility forms (full width, mathematical letters), invisible characters between letters,
// look-alikes, and runs of spaces. Newlines stay: some patterns need them.
func foldText(text string) string {
	if !plainASCII(text) {
		text = norm.NFKC.String(strings.ToValidUTF8(text, " "))
	}
	var b strings.Builder
	b.Grow(len(text))
	space := false
	word, latin, other := 0, false, false // where the word began in b, and which letters it has
	endWord := func() {
		if latin && other {
			folded := strings.Map(func(r rune) rune {
				if l, ok := lookalikes[r]; ok {
					return l
				}
				return r
			}, b.String()[word:])
			head := b.String()[:word]
			b.Reset()
			b.WriteString(head)
			b.WriteString(folded)
		}
		word, latin, other = b.Len(), false, false
	}
	for _, r := range text {
		switch {
		case r == '\n':
			endWord()
			b.WriteByte('\n')
			space = true
			word = b.Len()
			continue
		case unicode.IsSpace(r):
			if !space {
				endWord()
				b.WriteByte(' ')
				word = b.Len()
			}
			space = true
			continue
		case unicode.In(r, unicode.Cf, unicode.Cc):
			continue // zero-width and direction marks are between letters only to hide them
		}
		space = false
		r = unicode.ToLower(r)
		if r < utf8.RuneSelf {
			latin = latin || 'a' <= r && r <= 'z'
		} else if _, ok := lookalikes[r]; ok {
			other = true
		}
		b.WriteRune(r)
	}
	endWord()
	return b.String()
}

func plainASCII(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

const (
	maxDecoded     = 16       // encoded parts of one text that are looked into
	maxDecodedText = 16 << 10 // bytes of each
)

var (
	base64Run  = regexp.MustCompile(`[A-Za-z0-9+/_-]{24,}={0,2}`)
	escapedRun = regexp.MustCompile(`(?:(?:\\u00|\\x|%)[0-9A-Fa-f]{2}){6,}`)
)

// decodedParts gives what base64, percent and \u escapes in text say, where that is text.
func decodedParts(text string) []string {
	var out []string
	for _, run := range base64Run.FindAllString(text, maxDecoded) {
		run = strings.TrimRight(run[:min(len(run), maxDecodedText)], "=")
		run = strings.NewReplacer("-", "+", "_", "/").Replace(run)
		run = run[:len(run)/4*4+remainder(len(run)%4)]
		if b, err := base64.RawStdEncoding.DecodeString(run); err == nil && mostlyText(b) {
			out = append(out, string(b))
		}
	}
	if escapedRun.MatchString(text) || strings.Contains(text, "%20") {
		out = append(out, unescape(text))
	}
	return out
}

// remainder is how many characters of an incomplete last group hold a byte: one alone does not.
func remainder(n int) int {
	if n == 1 {
		return 0
	}
	return n
}

func mostlyText(b []byte) bool {
	if len(b) < 16 || !utf8.Valid(b) {
		return false
	}
	bad := 0
	for _, r := range string(b) {
		if unicode.IsControl(r) && r != '\n' && r != '\t' {
			bad++
		}
	}
	return bad == 0
}

var escape = regexp.MustCompile(`(?:\\u00|\\x|%)([0-9A-Fa-f]{2})`)

func unescape(text string) string {
	return escape.ReplaceAllStringFunc(text, func(e string) string {
		hi, lo := hexValue(e[len(e)-2]), hexValue(e[len(e)-1])
		return string(rune(hi<<4 | lo))
	})
}

func hexValue(c byte) byte {
	switch {
	case c <= '9':
		return c - '0'
	case c >= 'a':
		return c - 'a' + 10
	}
	return c - 'A' + 10
}
