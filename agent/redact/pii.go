package redact

import "strings"

// piiRules find what is about people. Phone numbers are not among them: nothing tells one from the numbers that logs are
// made of.
func piiRules() []finder {
	return []finder{
		pattern{kind: "email", words: []string{"@", "%40"}, re: lazy(`[A-Za-z0-9._%+-]{1,64}(?:@|%40)(?:[A-Za-z0-9-]{1,63}\.){1,8}[A-Za-z]{2,24}`), check: email},
		pattern{kind: "card", re: lazy(`[2-6][0-9]{3}(?:[0-9]{8,12}|(?: [0-9]{4}){3}|(?:-[0-9]{4}){3}| [0-9]{6} [0-9]{5}|-[0-9]{6}-[0-9]{5})`), check: card},
		pattern{kind: "iban", re: lazy(`[A-Z]{2}[0-9]{2}(?:[A-Z0-9]{10,30}|(?: [A-Z0-9]{4}){2,7}(?: [A-Z0-9]{1,3})?)`), check: iban},
	}
}

// notTop are ends of names with an @ in them that are no e-mail addresses: systemd's template units, files, packages, and
// names that only a local network knows, in which user@host is a login.
var notTop = lazy(`(?i)\.(?:service|socket|slice|target|timer|mount|scope|path|device|swap|png|jpe?g|gif|svg|css|js|mjs|ts|tsx|so|go|py|rb|java|jar|` +
	`tgz|gz|xz|zip|whl|conf|cfg|ini|log|json|ya?ml|lock|md|txt|internal|local|localdomain|lan|cluster|svc|home|corp|intra|consul)$`)

// logins are names before an @ that are accounts of machines.
var logins = lazy(`^(?:git|root|postgres|mysql|www-data|nobody|ubuntu|debian|ec2-user|centos|admin|deploy|hg|svn)$`)

func email(v view, from, to int) bool {
	s := v.text[from:to]
	name, _, found := strings.Cut(s, "@")
	if !found {
		name, _, _ = strings.Cut(s, "%40")
	}
	if notTop().MatchString(s) || logins().MatchString(name) {
		return false
	}
	// What stands before the @ of a URL is a login, and not ours to judge.
	head := v.text[max(0, from-300):from]
	if i := strings.LastIndex(head, "://"); i >= 0 && !strings.ContainsAny(head[i+3:], "/?# \t\n\"'") {
		return false
	}
	// Cut out of something longer: a version (a@1.2.beta.3), a path, a reference of a class.
	return !inWord(v.text, from, to)
}

// inWord says that s[from:to] is a part of a longer word.
func inWord(s string, from, to int) bool {
	word := func(c byte) bool { return c == '_' || alnum(rune(c)) }
	return from > 0 && word(s[from-1]) || to < len(s) && word(s[to])
}

func card(v view, from, to int) bool {
	s := v.text[from:to]
	if inWord(v.text, from, to) || from > 0 && strings.IndexByte(".-+/", v.text[from-1]) >= 0 ||
		to+1 < len(v.text) && strings.IndexByte(".-", v.text[to]) >= 0 && v.text[to+1] >= '0' && v.text[to+1] <= '9' {
		return false
	}
	d := strings.NewReplacer(" ", "", "-", "").Replace(s)
	fits := false
	switch {
	case strings.HasPrefix(d, "34"), strings.HasPrefix(d, "37"):
		fits = len(d) == 15
	case d[0] == '3':
		fits = len(d) == 14 && (d[1] == '0' || d[1] == '6' || d[1] == '8') || len(d) == 16 && strings.HasPrefix(d, "35")
	case d[0] == '4', strings.HasPrefix(d, "6011"), strings.HasPrefix(d, "65"), strings.HasPrefix(d, "62"):
		fits = len(d) == 16
	case d[0] == '2':
		fits = len(d) == 16 && d[:4] >= "2221" && d[:4] <= "2720"
	case d[0] == '5':
		fits = len(d) == 16 && d[1] >= '1' && d[1] <= '5'
	}
	return fits && luhn(d)
}

func luhn(d string) bool {
	sum := 0
	for i := range len(d) {
		n := int(d[len(d)-1-i] - '0')
		if i%2 == 1 {
			if n *= 2; n > 9 {
				n -= 9
			}
		}
		sum += n
	}
	return sum%10 == 0
}

func iban(v view, from, to int) bool {
	s := strings.ReplaceAll(v.text[from:to], " ", "")
	if inWord(v.text, from, to) || len(s) < 15 || len(s) > 34 {
		return false
	}
	rest := 0
	for _, c := range s[4:] + s[:4] {
		if c >= 'A' {
			rest = (rest*100 + int(c-'A') + 10) % 97
		} else {
			rest = (rest*10 + int(c-'0')) % 97
		}
	}
	return rest == 1
}
