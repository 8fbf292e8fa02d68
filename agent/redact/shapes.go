package redact

import (
	"encoding/base64"
	"strings"
	"unicode/utf8"
)

// ownRules are the rules that always hold. A rule that names a kind better stands before one that is more general.
func ownRules() []finder {
	return []finder{
		privateKeys{},
		keyLines{},
		pattern{kind: "url-password", words: []string{"://"}, re: lazy(`\b[A-Za-z][A-Za-z0-9+.-]{1,30}://[^\s/?#:@"'<>]{0,200}:([^\s/?#"'<>]{1,400})@`), check: realValue},
		pattern{kind: "url-password", words: []string{"://"}, re: lazy(`\b[A-Za-z][A-Za-z0-9+.-]{1,30}://[^\s/?#:@"'<>]{0,200}:([^\s/?#"'<>@]{0,200}[/?#][^\s"'<>@]{0,200})@`), check: notPort},
		pattern{kind: "url-password", words: []string{"://"}, re: lazy(`\b[A-Za-z][A-Za-z0-9+.-]{1,30}://([A-Za-z0-9_%.~-]{20,400})@`), check: hasDigit},
		pattern{kind: "url-password", words: []string{"@tcp(", "@unix(", "@udp("}, re: lazy(`[\w.-]{1,100}:([^\s@/"']{1,200})@(?:tcp|unix|udp)\(`), check: realValue},
		pattern{kind: "url-signature", words: []string{"sig"}, re: lazy(`(?i)[?&](?:sig|signature|x-amz-signature|x-goog-signature)=([^\s&"'<>]{8,})`)},
		pattern{kind: "aws-session", words: []string{"x-amz-"}, re: lazy(`(?i)[?&]x-amz-(?:security-token|credential)=([^\s&"'<>]{8,})`)},

		pattern{kind: "jwt", words: []string{"eyj"}, re: lazy(`\beyJ[A-Za-z0-9_-]{8,}\.(?:eyJ)?[A-Za-z0-9_-]{4,}(?:\.[A-Za-z0-9_-]*)?`)},
		pattern{kind: "aws-key", words: []string{"akia", "asia", "aida", "aroa"}, re: lazy(`\b(?:AKIA|ASIA|AIDA|AROA)[A-Z0-9]{16}\b`)},
		pattern{kind: "google-key", words: []string{"aiza", "ya29.", "gocspx-"}, re: lazy(`\bAIza[0-9A-Za-z_-]{35}|\bya29\.[0-9A-Za-z_-]{20,}|\bGOCSPX-[0-9A-Za-z_-]{20,}`)},
		pattern{kind: "github-token", words: []string{"ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_"}, re: lazy(`\bgh[pousr]_[A-Za-z0-9]{30,}|\bgithub_pat_[A-Za-z0-9_]{30,}`)},
		pattern{kind: "gitlab-token", words: []string{"glpat-", "gldt-", "glrt-", "glptt-", "glcbt-"}, re: lazy(`\bgl(?:pat|dt|rt|ptt|cbt)-[A-Za-z0-9_-]{16,}`)},
		pattern{kind: "slack-token", words: []string{"xox", "xapp-"}, re: lazy(`\bxox[a-z](?:\.xox[a-z])?-[A-Za-z0-9-]{10,}|\bxapp-[A-Za-z0-9-]{10,}`)},
		pattern{kind: "webhook", words: []string{"hooks.slack.com", "/webhooks/", "webhook.office.com"}, re: lazy(`hooks\.slack\.com/(?:services|workflows|triggers)/([A-Za-z0-9/_-]{10,})|discord(?:app)?\.com/api/webhooks/([0-9]+/[A-Za-z0-9_-]{20,})|webhook\.office\.com/([^\s"'<>]{20,})`)},
		pattern{kind: "stripe-key", words: []string{"_live_", "_test_", "whsec_"}, re: lazy(`\b[srp]k_(?:live|test)_[A-Za-z0-9]{10,}|\bwhsec_[A-Za-z0-9+/=]{16,}`)},
		pattern{kind: "model-key", words: []string{"sk-", "hf_", "gsk_", "xai-"}, re: lazy(`\bsk-[A-Za-z0-9_-]{20,}|\bhf_[A-Za-z0-9]{30,}|\bgsk_[A-Za-z0-9]{30,}|\bxai-[A-Za-z0-9]{30,}`), check: hasDigit},
		pattern{kind: "registry-token", words: []string{"npm_", "pypi-", "dckr_pat_", "rubygems_"}, re: lazy(`\bnpm_[A-Za-z0-9]{30,}|\bpypi-[A-Za-z0-9_-]{30,}|\bdckr_pat_[A-Za-z0-9_-]{20,}|\brubygems_[a-f0-9]{40,}`)},
		pattern{kind: "vault-token", words: []string{"hvs.", "hvb.", "hvr."}, re: lazy(`\bhv[sbr]\.[A-Za-z0-9_-]{20,}`)},
		pattern{kind: "sendgrid-key", words: []string{"sg."}, re: lazy(`\bSG\.[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{16,}`)},
		pattern{kind: "telegram-token", words: []string{":aa"}, re: lazy(`(?:\b|bot)([0-9]{8,10}:AA[A-Za-z0-9_-]{32,34})`)},
		pattern{kind: "age-key", words: []string{"age-secret-key-"}, re: lazy(`(?i)\bage-secret-key-1[a-z0-9]{40,}`)},
		pattern{kind: "azure-secret", words: []string{"8q~", "7q~"}, re: lazy(`[A-Za-z0-9_~.-]{3}[78]Q~[A-Za-z0-9_~.-]{31,34}`)},

		pattern{kind: "authorization", words: []string{"bearer"}, re: lazy(`(?i)\bbearer[ \t]+([A-Za-z0-9._~+/-]{12,}=*)`), check: hasDigit},
		pattern{kind: "authorization", words: []string{"basic"}, re: lazy(`(?i)\bbasic[ \t]+([A-Za-z0-9+/]{6,}={0,2})`), check: basicAuth},
		pattern{kind: "sql-password", words: []string{"identified"}, re: lazy(`(?i)\bidentified\s+(?:with\s+\S{1,100}\s+)?(?:by|as)\s+(?:password\s+)?\\*(?:'((?:[^'\\\n]|''|\\.){1,400})|"((?:[^"\\\n]|\\.){1,400}))`), check: realValue},
		pattern{kind: "sql-password", words: []string{"password '", "password('", "password ('", "password  ", "password\t", `password \`}, re: lazy(`(?i)\bpassword(?:[ \t]+|[ \t]*\([ \t]*)\\*'((?:[^'\\\n]|''|\\.){1,400})'`), check: realValue},
		headers{},
		flags{},
		assignments{},
	}
}

func realValue(v view, from, to int) bool { return !placeholder(v.text[from:to]) }

// notPort says that what follows a colon is a password with a / in it, which should have been escaped, and no port.
func notPort(v view, from, to int) bool {
	n := from
	for n < to && v.text[n] >= '0' && v.text[n] <= '9' {
		n++
	}
	return n == from || n-from > 5 || strings.IndexByte("/?#", v.text[n]) < 0
}

func hasDigit(v view, from, to int) bool { return strings.ContainsAny(v.text[from:to], "0123456789") }

// basicAuth says that a word is name:password in base64.
func basicAuth(v view, from, to int) bool {
	b, err := base64.RawStdEncoding.DecodeString(strings.TrimRight(v.text[from:to], "="))
	return err == nil && utf8.Valid(b) && strings.IndexByte(string(b), ':') >= 0
}

// privateKeys are blocks from BEGIN to END, and blocks whose end was cut off, in any dress that a log gives them.
type privateKeys struct{}

var (
	keyBegin = lazy(`-----BEGIN[A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----`)
	keyEnd   = lazy(`-----END[A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----`)
	// keyBody is what a key without an end is made of.
	keyBody = lazy(`^(?:[A-Za-z0-9+/=\s]|\\[nr]|(?:Proc-Type|DEK-Info|Comment|Version|Hash):[^\n\\]{0,200})*`)
)

// maxKey is more than any key has: an END farther on is another key's.
const maxKey = 32 << 10

func (privateKeys) find(v view, add func(from, to int, kind string)) {
	if !strings.Contains(v.text, "PRIVATE KEY") {
		return
	}
	for _, m := range keyBegin().FindAllStringIndex(v.text, -1) {
		body := v.text[m[1]:min(len(v.text), m[1]+maxKey)]
		if next := keyBegin().FindStringIndex(body); next != nil {
			body = body[:next[0]]
		}
		if e := keyEnd().FindStringIndex(body); e != nil {
			add(m[0], m[1]+e[1], "private-key")
			continue
		}
		add(m[0], m[1]+len(strings.TrimRight(keyBody().FindString(body), " \t\r\n")), "private-key")
	}
}

// keyLines are lines of a key that stand alone: a log that puts a header before each, or of which only a part is shown. They
// are known by the widths that PEM and its like are wrapped to, and by letters of both cases beside digits, which no hash in
// hexadecimal has.
type keyLines struct{}

func (keyLines) find(v view, add func(from, to int, kind string)) {
	for i := 0; i < len(v.text); {
		if !base64Byte(v.text[i]) {
			i++
			continue
		}
		from := i
		var upper, lower, digit int
		for ; i < len(v.text) && base64Byte(v.text[i]); i++ {
			switch c := v.text[i]; {
			case c >= 'A' && c <= 'Z':
				upper++
			case c >= 'a' && c <= 'z':
				lower++
			case c >= '0' && c <= '9':
				digit++
			}
		}
		switch i - from {
		case 64, 70, 76:
			if upper >= 8 && lower >= 8 && digit >= 2 {
				add(from, i, "key-line")
			}
		}
	}
}

func base64Byte(c byte) bool {
	return c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '+' || c == '/'
}
