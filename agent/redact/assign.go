package redact

import "strings"

// Secrets that only their name gives away: password=..., "apiKey": "...", --token .... A regular expression finds the name,
// the value is read by hand, since where a value ends depends on what it stands in.

// names of things whose value is secret, without the signs between their words. They must be the end of the whole name:
// DB_PASSWORD is one, PASSWORD_FILE and max_tokens are not.
var (
	names = []string{
		"password", "passwd", "passwort", "passphrase", "passcode", "pwd", "secret", "token", "credential", "credentials",
		"apikey", "accesskey", "secretkey", "privatekey", "signingkey", "encryptionkey", "authkey", "accountkey", "sharedkey",
		"masterkey", "consumerkey", "sessionkey", "storagekey", "licensekey", "servicekey", "accesskeyid",
		"sharedaccesssignature", "pincode", "connectionstring",
	}
	// wholeNames are too short to be the end of any word.
	wholeNames = []string{"pass", "pw", "jwt", "otp"}
	noSigns    = strings.NewReplacer("_", "", "-", "", ".", "", " ", "")
)

const maxName = 120

// goBytes stands before a secret in Go's code. What is around it is code, and has to stay that.
const goBytes = "[]byte("

type assignments struct{}

// find looks at each = and :, and back from there for a name. To look for the names first would be to try each at each
// letter.
func (assignments) find(v view, add func(from, to int, kind string)) {
	taken := 0 // the end of the last bare value: a name within it has a value that ends there, too
	for i := 0; i < len(v.text); i++ {
		if c := v.text[i]; c != '=' && c != ':' || i < taken {
			continue
		}
		start, name, quote := nameBefore(v.lower, i)
		end := i + 1
		if end < len(v.text) && (v.text[i] == '=' && v.text[end] == '>' || v.text[i] == ':' && v.text[end] == '=') {
			end++
		}
		sep := v.text[i:end]
		if !secretName(name) {
			continue
		}
		for n := 0; n < 8 && end < len(v.text) && (v.text[end] == ' ' || v.text[end] == '\t'); n++ {
			end++
		}
		if strings.HasPrefix(v.text[end:], goBytes) {
			end += len(goBytes)
		}
		from, to, quoted := value(v.text, end)
		val := v.text[from:to]
		if from == to || strings.HasPrefix(v.text[end:], "=") || placeholder(val) {
			continue
		}
		switch {
		case strings.HasPrefix(name, "x-"), quoted:
		case name == "pwd" || name == "oldpwd":
			if strings.HasPrefix(val, "/") && len(val) <= maxPath {
				continue // the working directory
			}
		case name == "pass" || name == "pw":
			if sep != "=" && !quote || digits(val) {
				continue // "pass: 12, fail: 3"
			}
		case strings.HasSuffix(name, "token") && len(val) <= maxPath && object().MatchString(val):
			continue // Android's token=Token{9f4ef63 ...}: an object, by its class and address
		case sep == ":":
			// Prose has colons too: "invalid token: unexpected end". A line of YAML has nothing else on it.
			if !aloneOnLine(v.text, start, to) && !mixed(val) {
				continue
			}
		}
		add(from, to, kindOf(name))
		if !quoted {
			taken = to
		}
	}
}

// maxPath and maxPlaceholder are more than what is no secret has. Without them a line of nothing but names would be read to
// its end for each.
const (
	maxPath        = 4096
	maxPlaceholder = 512
)

// nameBefore gives the name that an = or : at i is about, where it begins, and whether it stands in quotes.
func nameBefore(lower string, i int) (start int, name string, quoted bool) {
	end := i
	for end > 0 && i-end < 8 && (lower[end-1] == ' ' || lower[end-1] == '\t') {
		end--
	}
	for n := 0; n < 8 && end > 0 && strings.IndexByte("\"'`]\\", lower[end-1]) >= 0; n++ {
		end--
		quoted = true
	}
	start = wordStart(lower, end)
	// "access key: ..." is a name of two words.
	if lower[start:end] == "key" && start > 1 && lower[start-1] == ' ' {
		start = wordStart(lower, start-1)
	}
	return start, lower[start:end], quoted
}

func wordStart(s string, end int) int {
	start := end
	for start > 0 && end-start < maxName {
		if c := s[start-1]; c != '_' && c != '-' && c != '.' && (c > 0x7f || !alnum(rune(c))) {
			break
		}
		start--
	}
	return start
}

func secretName(name string) bool {
	name = strings.TrimRight(name, "0123456789")
	for _, w := range wholeNames {
		if head, ok := strings.CutSuffix(name, w); ok && (head == "" || strings.IndexByte("_-.", head[len(head)-1]) >= 0) {
			return true
		}
	}
	if name == "" || strings.IndexByte("degnstyl", name[len(name)-1]) < 0 {
		return false // what none of the names ends with
	}
	name = noSigns.Replace(name)
	for _, w := range names {
		if strings.HasSuffix(name, w) {
			return true
		}
	}
	return false
}

func kindOf(name string) string {
	switch {
	case strings.Contains(name, "token"), strings.Contains(name, "jwt"), strings.Contains(name, "otp"):
		return "token"
	case strings.Contains(name, "pass"), strings.Contains(name, "pwd"), strings.HasSuffix(name, "pw"):
		return "password"
	case strings.Contains(name, "key"):
		return "key"
	}
	return "secret"
}

// value reads the value that begins at i: what is between quotes, or up to what ends a bare word. A scheme in front of it
// ("Bearer") is not a part of it.
func value(s string, i int) (from, to int, quoted bool) {
	esc := i
	for esc < len(s) && s[esc] == '\\' {
		esc++
	}
	if esc < len(s) && (s[esc] == '"' || s[esc] == '\'' || s[esc] == '`') {
		from = esc + 1
		to = closing(s, from, s[esc], esc-i)
		return skipScheme(s, from, to), to, true
	}
	if i < len(s) && s[i] == '$' && (strings.HasPrefix(s[i:], "${") || strings.HasPrefix(s[i:], "$(")) {
		return i, i, false // taken from elsewhere
	}
	to = bare(s, i)
	if scheme().MatchString(s[i:to]) && to < len(s) && s[to] == ' ' {
		from = to + 1
		return from, bare(s, from), false
	}
	return i, to, false
}

var scheme = lazy(`(?i)^(?:bearer|basic|token|digest|apikey|negotiate)$`)

func skipScheme(s string, from, to int) int {
	if n := strings.IndexByte(s[from:to], ' '); n > 0 && scheme().MatchString(s[from:from+n]) {
		return from + n + 1
	}
	return from
}

// closing gives the offset of the quote that ends a value: the same one, behind as many backslashes as the one that began
// it. A value that nothing ends goes to the end of its line.
func closing(s string, i int, quote byte, backslashes int) int {
	n := 0
	for ; i < len(s); i++ {
		switch c := s[i]; {
		case c == '\\':
			n++
			continue
		case c == quote && n == backslashes:
			return i - n
		case c == quote && n < backslashes:
			return i // the text around the value ends here
		case c == '\n':
			return i
		}
		n = 0
	}
	return i - n
}

// bare gives the end of a value without quotes. A comma ends it only where a space or another name follows.
func bare(s string, i int) int {
	for ; i < len(s); i++ {
		switch c := s[i]; c {
		case '[':
			// A marker within a word hides nothing of the word.
			if m := marker.FindStringIndex(s[i:min(len(s), i+maxMarker)]); m != nil && m[0] == 0 {
				i += m[1] - 1
			}
		case ' ', '\t', '\n', '\r', '&', ';', '"', '\'', '`', '<', '>', ')', ']', '}', '|':
			return i
		case '\\':
			if i+1 < len(s) && strings.IndexByte(`"'nrt`, s[i+1]) >= 0 {
				return i
			}
		case ',':
			rest := s[i+1:]
			end := strings.IndexAny(rest, " \t\n\r,;&\"'<>)]}|")
			if end < 0 {
				end = len(rest)
			}
			if end == 0 || strings.ContainsAny(rest[:end], "=:") {
				return i
			}
		}
	}
	return i
}

// placeholder says that a value is no secret: a word that says there is none, or that another one took it out.
var placeholderWords = lazy(`(?i)^(?:true|false|null|nil|none|undefined|yes|no|n/a|empty|unset|missing|required|invalid|redacted|masked|hidden|filtered|` +
	`\*+|x{3,}|\.{3,}|-+|<[^<>]*>|\[(?:redacted|filtered|masked|hidden)[^\]]*\]?|\$\{[^}]*\}?|\$\w+|%\w+%|\{\{.*|%[svdq+]+)$`)

func placeholder(s string) bool { return len(s) <= maxPlaceholder && placeholderWords().MatchString(s) }

var object = lazy(`^[A-Z][A-Za-z.]*Token[A-Za-z]*[{@]|^Token[{@]|^[a-z][a-z0-9.]*\.[A-Z]\w*@[0-9a-f]+`)

func digits(s string) bool { return strings.Trim(s, "0123456789") == "" }

// mixed says that a word looks chosen rather than written: letters with digits or signs among them.
func mixed(s string) bool {
	if len(s) < 4 {
		return false
	}
	letter, other := false, false
	for _, c := range strings.TrimRight(s, ".,:!?") {
		switch {
		case c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z':
			letter = true
		case c != '-' && c != '_' && c != '/' && c != '.' && c != '(':
			other = true
		}
	}
	return letter && other || !letter && other && len(s) >= 6
}

// aloneOnLine says that from..to is all there is on its line, but for indentation and a list's dash.
func aloneOnLine(s string, from, to int) bool {
	head := s[strings.LastIndexByte(s[:from], '\n')+1 : from]
	tail := s[to:]
	if n := strings.IndexByte(tail, '\n'); n >= 0 {
		tail = tail[:n]
	}
	return strings.Trim(head, " \t-") == "" && strings.TrimSpace(tail) == ""
}

// flags are secrets on command lines.
type flags struct{}

var (
	longFlag = lazy(`(?i)(?:^|[\s"'\x60\[(,=])--?(?:[\w-]{0,40}-)?(?:password|passwd|passphrase|pass|pwd|secret|token|` +
		`api-?key|access-?key|secret-?key|private-?key|auth-?key|requirepass|masterauth)(?:=|[ \t]+|\\*["'],[ \t]*)`)
	// Short flags mean a password only for these commands.
	shortFlag = lazy(`(?i)\b(?:(?:mysql|mysqldump|mysqladmin|mariadb|mariadb-dump|mysqlimport|mysqlcheck|xtrabackup)\b[^\n|;&]{0,400}?[ \t]-p` +
		`|sshpass\b[^\n|;&]{0,40}?[ \t]-p[ \t]*` +
		`|(?:docker|podman|helm|oc|az|cf)\b[^\n|;&]{0,200}?[ \t]login\b[^\n|;&]{0,200}?[ \t]-p[ \t]+` +
		`|(?:mongo|mongosh|mongodump|mongorestore)\b[^\n|;&]{0,400}?[ \t]-p[ \t]+` +
		`|redis-cli\b[^\n|;&]{0,200}?[ \t]-a[ \t]+` +
		`|ldap(?:search|modify|add|delete|whoami)\b[^\n|;&]{0,400}?[ \t]-w[ \t]*` +
		`|(?:curl|wget|http)\b[^\n|;&]{0,600}?[ \t](?:-u|--user|--proxy-user)[ \t=]*["']?[^\s:"']{1,100}:` +
		`|smbclient\b[^\n|;&]{0,200}?[ \t]-U[ \t]*["']?[^\s%"']{1,100}%` +
		`|[ \t]-pass(?:in|out)?[ \t]+pass:)`)
	flagWords  = []string{"--", "-p", "-a", "-w", "-u", "%"}
	proseAfter = lazy(`^(?i:flag|option|is|are|or|and|to|for|from|in|of|argument|parameter|value|was|were|must|can|cannot|not|requires?|with|on|has|should|when)$`)
)

func (flags) find(v view, add func(from, to int, kind string)) {
	if !hasWord(v.lower, flagWords) {
		return
	}
	taken := 0 // as in assignments
	for _, m := range longFlag().FindAllStringIndex(v.text, -1) {
		if m[1] <= taken {
			continue
		}
		from, to, quoted := value(v.text, m[1])
		val := v.text[from:to]
		bySpace := strings.TrimRight(v.text[m[0]:m[1]], " \t") != v.text[m[0]:m[1]]
		if from < to && !placeholder(val) && (quoted || !bySpace || !strings.HasPrefix(val, "-") && !proseAfter().MatchString(val)) {
			add(from, to, "password-flag")
			if !quoted {
				taken = to
			}
		}
	}
	for _, m := range shortFlag().FindAllStringIndex(v.text, -1) {
		from, to, _ := value(v.text, m[1])
		if val := v.text[from:to]; from < to && !placeholder(val) && !strings.HasPrefix(val, "-") {
			add(from, to, "password-flag")
		}
	}
}

// headers are credentials in HTTP headers.
type headers struct{}

var (
	authHeader   = lazy(`(?i)\b(?:proxy-|www-)?authorization\\*["']?\]?[ \t]{0,8}(?:=>|:|=)[ \t]{0,8}\[?`)
	cookieHeader = lazy(`(?i)\b(?:set-)?cookies?2?\\*["']?\]?[ \t]{0,8}(?:=>|:|=)[ \t]{0,8}\[?`)
	cookiePair   = lazy(`[^\s=;,"']{1,100}=\\*"?([^\s;,"'\\]+)`)
	oneWord      = lazy(`(?i)^(?:bearer|basic|token|apikey|negotiate|ntlm)[ \t]+`)
	anyScheme    = lazy(`(?i)^[a-z][a-z0-9-]{2,30}[ \t]+`)
	parameters   = lazy(`^(?:[\w-]+=(?:\\*"[^"\\\n]*\\*"|[^\s,"'\\]+)[ \t]*,?[ \t]*)+`)
	attribute    = lazy(`(?i)^(?:path|domain|expires|max-age|samesite|version|priority)=`)
)

// rest gives what a header's value is: up to the quote that ends the text around it, or to the end of the line, which is
// looked for only where i is beyond end, the one found last.
func rest(s string, i int, end *int) (from, to int) {
	if i < *end {
		return i, *end // no quote is before end
	}
	if from, to, quoted := value(s, i); quoted {
		_ = from
		for s[i] == '\\' {
			i++
		}
		return i + 1, to
	}
	*end = len(s)
	if n := strings.IndexAny(s[i:], "\r\n\"'`"); n >= 0 {
		*end = i + n
	}
	return i, *end
}

func (headers) find(v view, add func(from, to int, kind string)) {
	if strings.Contains(v.lower, "authorization") {
		end, taken := -1, 0
		for _, m := range authHeader().FindAllStringIndex(v.text, -1) {
			if m[1] <= taken {
				continue
			}
			from, to := rest(v.text, m[1], &end)
			val := v.text[from:to]
			if n := len(oneWord().FindString(val)); n > 0 {
				from += n
				to = min(to, bare(v.text, from))
			} else if n := len(anyScheme().FindString(val)); n > 0 && strings.ContainsRune(val, '=') {
				from += n // Digest username="...", AWS4-HMAC-SHA256 Credential=...
				to = from + len(strings.TrimRight(parameters().FindString(v.text[from:min(len(v.text), from+8<<10)]), " \t,"))
			} else {
				to = min(to, bare(v.text, from))
				if !mixed(v.text[from:to]) {
					continue // "authorization: denied"
				}
			}
			if !placeholder(v.text[from:to]) {
				add(from, to, "authorization")
				taken = to
			}
		}
	}
	if strings.Contains(v.lower, "cookie") {
		end, taken := -1, 0
		for _, m := range cookieHeader().FindAllStringIndex(v.text, -1) {
			from, to := rest(v.text, m[1], &end)
			// What was looked through already, of a header within a header, is not once more.
			from, taken = max(from, min(taken, to)), max(taken, to)
			for _, p := range cookiePair().FindAllStringSubmatchIndex(v.text[from:to], -1) {
				if !attribute().MatchString(v.text[from+p[0] : from+p[1]]) {
					add(from+p[2], from+p[3], "cookie")
				}
			}
		}
	}
}
