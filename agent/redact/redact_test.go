package redact

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"

	"github.com/pelletier/go-toml/v2"
	"github.com/zricethezav/gitleaks/v8/config"
)

const (
	lowerDigits = "abcdefghijklmnopqrstuvwxyz0123456789"
	upperDigits = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
	alphanum    = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
	hexDigits   = "0123456789abcdef"
)

// planter makes secrets, so that none stands in the repository for scanners to find. The same seed makes the same ones.
type planter struct{ r *rand.Rand }

func newPlanter() planter { return planter{rand.New(rand.NewPCG(1, 2))} }

func (p planter) of(letters string, n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = letters[p.r.IntN(len(letters))]
	}
	return string(b)
}

// word has letters and digits, for certain.
func (p planter) word(n int) string { return "q" + p.of(alphanum, n-2) + "7" }

func newRedactor(t testing.TB, c Config) *Redactor {
	t.Helper()
	r, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// planted is a text with a secret in it (between \x01 and \x02 in the table), and the kind it is to be.
type planted struct{ name, text, kind string }

func secrets() []planted {
	p := newPlanter()
	w := func(n int) string { return "\x01" + p.word(n) + "\x02" }
	s := func(parts ...string) string { return "\x01" + strings.Join(parts, "") + "\x02" }
	b64 := func(s string) string { return "\x01" + base64.StdEncoding.EncodeToString([]byte(s)) + "\x02" }
	body := p.of(alphanum, 64) + "\n" + p.of(alphanum, 64) + "\n" + p.of(alphanum, 20) + "=="
	key := func(kind string) string {
		return "-----BEGIN " + kind + "PRIVATE" + " KEY-----\n" + body + "\n-----END " + kind + "PRIVATE" + " KEY-----"
	}
	inJSON := func(s string) string { b, _ := json.Marshal(s); return strings.Trim(string(b), `"`) }
	jwt := func() string {
		return "ey" + "J" + p.of(alphanum, 20) + ".ey" + "J" + p.of(alphanum, 30) + "." + p.of(alphanum, 40)
	}
	return []planted{
		// URLs
		{"URL password", "dial postgres://app:" + w(12) + "@db1:5432/shop: timeout", "url-password"},
		{"URL password with an @", "redis://:" + s("p@", p.word(6)) + "@cache:6379/0", "url-password"},
		{"URL password, escaped slashes", `{"dsn":"amqp:\/\/u:` + w(10) + `@mq\/vhost"}`, "url-password"},
		{"URL password of letters", "https://ci:" + s("abc", "def") + "@git.example/x.git", "url-password"},
		{"URL token as user", "cloning https://" + w(30) + "@git.example/x.git", "url-password"},
		{"URL password with a slash", "postgres://app:" + s("p/", p.word(9)) + "@db1/shop?at=a", "url-password"},
		{"MySQL DSN", "open app:" + w(9) + "@tcp(db:3306)/shop", "url-password"},
		{"signed URL", "GET /c/b?sv=2024&sig=" + s(p.of(alphanum, 20), "%3D"), "url-signature"},
		{"AWS signed URL", "GET /b/k?X-Amz-Signature=" + s(p.of(hexDigits, 64)) + "&x=1", "url-signature"},
		// Assignments
		{"Go's bytes", `var secret = []byte("` + w(8) + `")`, "secret"},
		{"environment", "DB_PASSWORD=" + w(8), "password"},
		{"environment, letters", "export PGPASSWORD=" + s("hun", "ter"), "password"},
		{"quoted", `password="` + s("correct horse ", p.word(5)) + `"`, "password"},
		{"single quotes", "secret='" + w(8) + "'", "secret"},
		{"JSON", `{"user":"a","password":"` + w(8) + `","x":1}`, "password"},
		{"JSON with an escaped quote", `{"password":"` + s("ab", `\"`, p.word(6)) + `","x":1}`, "password"},
		{"JSON with an escape in a token", `{"m":"` + s("gh", "p_", p.of(alphanum, 10), `\u0041`, p.of(alphanum, 25)) + `"}`, "github-token"},
		{"JSON in JSON", `{"body":"{\"password\":\"` + w(8) + `\",\"b\":1}"}`, "password"},
		{"JSON in JSON in JSON", `{"a":"{\"body\":\"{\\\"client_secret\\\":\\\"` + w(12) + `\\\"}\"}"}`, "secret"},
		{"JSON with spaces", `"accessToken" : "` + w(20) + `"`, "token"},
		{"name with an escape", `{"pass\u0077ord":"` + w(9) + `"}`, "password"},
		{"YAML", "db:\n  password: " + w(8) + "\n  host: db1", "password"},
		{"YAML of letters", "db:\n  password: " + s("hun", "ter") + "\n  host: db1", "password"},
		{"logfmt", "level=error user=bob pwd=" + w(8) + " host=db1", "password"},
		{"query string", "GET /login?user=bob&password=" + w(8) + "&next=/ HTTP/1.1", "password"},
		{"query string, token", "GET /api?access_token=" + w(24) + " 200", "token"},
		{"ADO connection string", "Server=db1;Database=x;User Id=sa;Password=" + w(10) + ";Encrypt=true", "password"},
		{"Azure storage", "AccountName=x;AccountKey=" + s(p.of(alphanum, 80), "==") + ";EndpointSuffix=e", "key"},
		{"Java toString", "Config{url=jdbc:x, password=" + w(8) + ", pool=5}", "password"},
		{"Ruby hash", `{:user=>"a", :password=>"` + w(8) + `"}`, "password"},
		{"Python dict", `{'user': 'a', 'api_key': '` + w(20) + `'}`, "key"},
		{"Go struct", "{User:bob Password:" + w(8) + " Host:db1}", "password"},
		{"properties", "spring.datasource.password=" + w(8), "password"},
		{"camelCase", "clientSecret=" + w(16), "secret"},
		{"password with a comma", "password=" + s("ab", ",", p.word(6)), "password"},
		{"passphrase", "passphrase: " + w(10), "password"},
		{"AWS secret key", "aws_secret_access_key = " + s(p.of(alphanum, 20), "/", p.of(alphanum, 19)), "key"},
		{"header of an API", "X-Api-Key: " + s("abcdefg", "hijk"), "key"},
		{"PHP", `$config['password'] = '` + w(8) + `';`, "password"},
		// Headers
		{"Basic", "Authorization: Basic " + b64("bob:"+p.word(8)), "authorization"},
		{"Basic alone", "sent Basic " + b64("bob:"+p.word(8)) + " to api", "authorization"},
		{"Bearer", "authorization: Bearer " + w(30), "authorization"},
		{"Bearer in JSON", `{"headers":{"Authorization":"Bearer ` + w(30) + `"}}`, "authorization"},
		{"Bearer alone", "got bearer " + w(32) + " rejected", "authorization"},
		{"Digest", `Authorization: Digest ` + s(`username="bob", response="`, p.of(hexDigits, 32), `"`), "authorization"},
		{"no scheme", "Authorization: " + w(20), "authorization"},
		{"curl -H", "curl -H 'Authorization: token " + w(20) + "' https://api", "authorization"},
		{"Cookie", "Cookie: session=" + w(20) + "; lang=" + s("d", "e"), "cookie"},
		{"Set-Cookie", "Set-Cookie: sid=" + w(20) + "; Path=/; HttpOnly", "cookie"},
		{"Cookie in JSON", `{"cookie":"sid=` + w(20) + `"}`, "cookie"},
		// Command lines
		{"--password VALUE", "run: tool --password " + s("hun", "ter") + " --verbose", "password-flag"},
		{"--password=VALUE", "run: tool --db-password=" + w(8) + " x", "password-flag"},
		{"argv", `exec ["tool","--token","` + w(12) + `"]`, "password-flag"},
		{"mysql -p", "mysql -h db1 -uroot -p" + w(8) + " shop", "password-flag"},
		{"sshpass", "sshpass -p " + w(8) + " ssh root@h", "password-flag"},
		{"docker login", "docker login -u bob -p " + w(12) + " registry.example", "password-flag"},
		{"redis-cli", "redis-cli -h c -a " + w(12) + " ping", "password-flag"},
		{"curl -u", "curl -s -u bob:" + w(10) + " https://api/x", "password-flag"},
		{"openssl", "openssl rsa -in k.pem -passin pass:" + w(8), "password-flag"},
		// SQL
		{"IDENTIFIED BY", "CREATE USER 'a'@'%' IDENTIFIED BY '" + w(8) + "'", "sql-password"},
		{"IDENTIFIED WITH", "ALTER USER a IDENTIFIED WITH mysql_native_password BY '" + s("it", "''", "s") + "'", "sql-password"},
		{"Postgres role", "ALTER ROLE app WITH LOGIN PASSWORD '" + w(8) + "';", "sql-password"},
		// Keys
		{"RSA key", "found\n" + s(key("RSA ")) + "\nend", "private-key"},
		{"key in JSON", `{"key":"` + s(inJSON(key(""))) + `"}`, "private-key"},
		{"key cut off", s("-----BEGIN OPENSSH PRIVATE", " KEY-----\n", p.of(alphanum, 64), "\n", p.of(alphanum, 30)), "private-key"},
		// Shapes
		{"AWS key id", "using " + s("AK", "IA", p.of(upperDigits, 16)) + " in eu-west-1", "aws-key"},
		{"Google key", "key " + s("AI", "za", p.of(alphanum, 35)), "google-key"},
		{"GitHub", "remote: " + s("gh", "s_", p.of(alphanum, 36)), "github-token"},
		{"GitHub fine-grained", s("github", "_pat_", p.of(alphanum, 22), "_", p.of(alphanum, 59)), "github-token"},
		{"GitLab", s("gl", "pat-", p.of(alphanum, 20)), "gitlab-token"},
		{"Slack bot", s("xo", "xb-", p.of("123456789", 12), "-", p.of("123456789", 12), "-", p.of(alphanum, 24)), "slack-token"},
		{"Slack webhook", "POST https://hooks.slack.com/services/" + s("T", p.of(upperDigits, 9), "/B", p.of(upperDigits, 9), "/", p.of(alphanum, 24)), "webhook"},
		{"Stripe", s("sk", "_live_", p.of(alphanum, 24)), "stripe-key"},
		{"JWT", "got " + s(jwt()) + " expired", "jwt"},
		{"model key", "401 for " + s("sk", "-proj-", p.word(40)), "model-key"},
		{"npm", s("np", "m_", p.of(alphanum, 36)), "registry-token"},
		{"Vault", s("hv", "s.", p.of(alphanum, 24)), "vault-token"},
		{"SendGrid", s("S", "G.", p.of(alphanum, 22), ".", p.of(alphanum, 43)), "sendgrid-key"},
		{"Telegram", "https://api.telegram.org/bot" + s(p.of("123456789", 10), ":A", "A", p.of(alphanum, 33)), "telegram-token"},
		{"DigitalOcean, gitleaks' rule", "x " + s("dop", "_v1_", p.of(hexDigits, 64)), "digitalocean-pat"},
		{"Shopify, gitleaks' rule", "x " + s("shp", "at_", p.of(hexDigits, 32)), "shopify-access-token"},
		{"Grafana, gitleaks' rule", "x " + s("gl", "sa_", p.of(alphanum, 32), "_", p.of(hexDigits, 8)), "grafana-service-account-token"},
		// People
		{"e-mail", "user " + s("jane.doe", "@", "example.com") + " not found", "email"},
		{"e-mail in a query", "GET /u?mail=" + s("jane", "%40", "example.org") + " 404", "email"},
		{"card", "declined " + s("4111", "1111", "1111", "1111") + " today", "card"},
		{"card with spaces", "card " + s("5500 ", "0000 ", "0000 ", "0004"), "card"},
		{"Amex", "card=" + s("3782", "822463", "10005"), "card"},
		{"IBAN", "to " + s("DE89 ", "3704 0044 ", "0532 0130 00") + " failed", "iban"},
		{"IBAN in one", "iban=" + s("GB82", "WEST", "12345698765432"), "iban"},
	}
}

func TestSecretsAreTakenOut(t *testing.T) {
	r := newRedactor(t, Config{PII: true})
	for _, tc := range secrets() {
		t.Run(tc.name, func(t *testing.T) {
			var text, want strings.Builder
			var hidden []string
			for i, part := range strings.Split(tc.text, "\x01") {
				if i > 0 {
					var secret string
					secret, part, _ = strings.Cut(part, "\x02")
					hidden = append(hidden, secret)
					text.WriteString(secret)
					want.WriteString("[REDACTED:" + tc.kind + "]")
				}
				text.WriteString(part)
				want.WriteString(part)
			}
			got := r.Text(text.String())
			for _, h := range hidden {
				if strings.Contains(got, h) {
					t.Errorf("%q is still there", h)
				}
			}
			if got != want.String() {
				t.Errorf("got  %q\nwant %q\nfrom %q", got, want.String(), text.String())
			}
			if again := r.Text(got); again != got {
				t.Errorf("not idempotent: %q", again)
			}
			// Within JSON, as a field of a structured log, the secret is gone too.
			b, _ := json.Marshal(map[string]string{"msg": text.String()})
			got = r.Text(string(b))
			for _, h := range hidden {
				e, _ := json.Marshal(h)
				if strings.Contains(got, strings.Trim(string(e), `"`)) {
					t.Errorf("within JSON %q is still there: %s", h, got)
				}
			}
		})
	}
}

// What a diagnosis lives on.
var kept = []string{
	"app wtoken = AppWindowToken{9f4ef63 token=Token{a64f992 ActivityRecord{de9231d u0 x}}}", "Connecting to driver: spark://CoarseGrainedScheduler@10.10.34.11:48069",
	"Bad activity token: android.os.BinderProxy@2bd79ce", "commit 9fceb02d0ae598e95dc970b74767f19372d61af8 broke it",
	"image sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855 not found",
	"container 4f66ad9a0b2e1b8c3d5f7a9b0c2d4e6f8a0b1c2d3e4f5a6b7c8d9e0f1a2b3c4d exited",
	"request_id=550e8400-e29b-41d4-a716-446655440000 trace_id=4bf92f3577b34da6a3ce929d0e0e4736",
	"request id: 550e8400-e29b-41d4-a716-446655440000",
	"cache key=session:ab12cd34ef56ab78 miss", "cache key: 5f4dcc3b5aa765d61d8327deb882cf99 expired", "duplicate key value violates unique constraint \"users_email_key\"",
	"Key (id)=(12345) already exists.", "primary_key=42", "key=value", "foreign key constraint fails",
	"panic: runtime error: index out of range [5] with length 3",
	"goroutine 17 [running]:\nmain.(*Auth).Token(0xc000112000, {0x1234567, 0x9})\n\t/srv/api/auth/token.go:42 +0x1a5",
	"\tat com.example.security.PasswordEncoder.encode(PasswordEncoder.java:123)",
	`  File "/srv/app/auth/password.py", line 12, in check_password`,
	"Access denied for user 'root'@'localhost' (using password: YES)",
	"FATAL:  password authentication failed for user \"app\"", "error: invalid token: unexpected end of input",
	"SyntaxError: Unexpected token < in JSON at position 0", "unexpected token: ';'"[:17], "oauth2: cannot fetch token: 401 Unauthorized",
	"invalid password: denied by policy", "password: ${DB_PASSWORD}", "password=${DB_PASSWORD} token=$TOKEN", "password=*** secret=<redacted>",
	"password=null token=none", "max_tokens=1000 tokens: 512, total_tokens=99", "token_type=bearer expires_in=3600", "passwordAuthentication no",
	"PasswordAuthentication yes", "DB_PASSWORD_FILE=/run/secrets/db", "PWD=/srv/app OLDPWD=/root", "--- PASS: TestToken (0.00s)", "pass: 12, fail: 3",
	"pass=12 fail=3", "the --password option is deprecated", "use --token to authenticate", "see --password-file /etc/x",
	"ssh -p 2222 root@db1.internal", "nginx -p 8080:80", "docker run -p 8080:80 nginx", "mkdir -p /var/lib/app", "lsof -p 1234",
	"bearer authentication required", "WWW-Authenticate: Basic realm=\"api\"", "basic auth failed", "Authorization: denied", "authorization header missing",
	"missing cookie", "cookie: not found", "secret \"db-creds\" not found in namespace prod", "MountVolume.SetUp failed for volume \"token\": secret not registered",
	"GET /api/v1/namespaces/prod/secrets/db 403", "http://db1:5432/path@x", "connect to http://api.example.com:8080/v1?at=a@b failed",
	"dial tcp 10.0.0.5:5432: connect: connection refused", "https://[2001:db8::1]:8443/health", "git@github.com:org/repo.git: permission denied",
	"user@1000.service: Failed with result 'exit-code'.", "getty@tty1.service started", "systemd[1]: postgresql@15-main.service: Killed", "lodash@4.17.21 is deprecated",
	"GET /img/icon@2x.png 404", "java.lang.Object@1f2e3d4c", "root@db1.example.com: Permission denied (publickey)",
	"order 4111111111111112 shipped", "span 1234567890123456789 took 1712345678901 ms", "offset 4503599627370496", "at 0.4111111111111111",
	"0000-4111-1111-1111-1111-2222", "id=DE00123456789012345678", "PrivateKey is nil", "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----",
	"-----BEGIN PUBLIC" + " KEY-----\nMFkw\n-----END PUBLIC" + " KEY-----", "ssh-ed25519 key fingerprint SHA256:uNiVztksCsDhcc0u9e8BgrJXVGDvVpMhvPhHzVEnoCk",
	"x509: certificate has expired or is not yet valid: current time 2026-03-04T05:06:07Z is after 2026-01-01T00:00:00Z", "C:\\new\\table\\users.txt not found",
	"rate limit: tokens=5 burst=10 user=bob", "next page_token is empty", "csrf token mismatch", "token expired at 2026-03-04T05:06:07Z",
	"kubelet: Error: secret not found", "identified 3 bad rows", "sk-learn is slow", "user=bob host=db1 port=5432 dbname=shop", "task_id=sk-task-missing-from-the-list-of-tasks",
	"if password == \"\" {", "loaded 12 secrets", "monkey=banana", "hockey: puck", "keyboard=us", "turkey=1", "author: jane", "sorting_key: name",
}

func TestDiagnosticsAreKept(t *testing.T) {
	r := newRedactor(t, Config{PII: true})
	for _, s := range kept {
		if got := r.Text(s); got != s {
			t.Errorf("got  %q\nfrom %q", got, s)
		}
	}
}

func TestTableSizes(t *testing.T) {
	if len(secrets()) < 50 || len(kept) < 50 {
		t.Errorf("%d secrets and %d texts to keep", len(secrets()), len(kept))
	}
}

func TestPIIOff(t *testing.T) {
	r := newRedactor(t, Config{})
	for _, s := range []string{"jane@" + "example.com", "4111" + "111111111111"} {
		if got := r.Text(s); got != s {
			t.Errorf("%q became %q", s, got)
		}
	}
}

func TestPatterns(t *testing.T) {
	r := newRedactor(t, Config{Patterns: []string{`\bEMP-\d+`, `badge (\w+)`}})
	if got := r.Text("EMP-123 has badge x9z"); got != "[REDACTED:pattern] has badge [REDACTED:pattern]" {
		t.Error(got)
	}
	c := Config{Patterns: []string{"ok", "(", "x*"}}
	ps := c.Validate()
	if len(ps) != 2 || ps[0].Path != "patterns[1]" || ps[1].Path != "patterns[2]" {
		t.Errorf("%+v", ps)
	}
	if _, err := New(c); err == nil || !strings.Contains(err.Error(), "redact.patterns[1]") {
		t.Error(err)
	}
}

// A marker in the text, a stranger's or our own, hides nothing that stands beside it.
func TestMarkersHideNothing(t *testing.T) {
	r := newRedactor(t, Config{})
	p := newPlanter()
	s := p.word(10)
	for _, tc := range []struct{ in, want string }{
		{"password=[REDACTED:x]" + s, "password=[REDACTED:x]"},
		{"password=" + s + "[REDACTED:x]", "password=[REDACTED:password][REDACTED:x]"},
		{`password="[REDACTED:x] ` + s + `"`, ""},
	} {
		got := r.Text(tc.in)
		if strings.Contains(got, s) {
			t.Errorf("%q became %q", tc.in, got)
		}
		if again := r.Text(got); again != got {
			t.Errorf("not idempotent: %q, then %q", got, again)
		}
	}
}

func TestVendorRules(t *testing.T) {
	rules, err := readVendorRules()
	if err != nil {
		t.Fatal(err)
	}
	if len(rules) < 200 {
		t.Errorf("only %d rules of gitleaks", len(rules))
	}
	for _, r := range rules {
		if r.re().MatchString("") {
			t.Errorf("%s matches nothing at all", r.kind)
		}
		if !marker.MatchString("[REDACTED:" + r.kind + "]") {
			t.Errorf("%s does not fit into a marker", r.kind)
		}
	}
	// Those that are passed over are known: a rule without keywords would be lost silently.
	var file struct {
		Rules []struct {
			ID, Regex string
			Keywords  []string
		}
	}
	if err := toml.Unmarshal([]byte(config.DefaultConfig), &file); err != nil {
		t.Fatal(err)
	}
	for _, r := range file.Rules {
		if r.Regex != "" && len(r.Keywords) == 0 {
			t.Errorf("%s has no keywords and is never looked for", r.ID)
		}
	}
}

func TestOwnRulesCompile(t *testing.T) {
	for _, f := range append(ownRules(), piiRules()...) {
		if p, ok := f.(pattern); ok && p.re().MatchString("") {
			t.Errorf("%s matches nothing at all", p.kind)
		}
	}
}

func TestConcurrentUse(t *testing.T) {
	r := newRedactor(t, Config{PII: true})
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for _, tc := range secrets() {
				r.Text(tc.text)
			}
		})
	}
	wg.Wait()
}

func FuzzText(f *testing.F) {
	r := newRedactor(f, Config{PII: true, Patterns: []string{`EMP-\d+`}})
	for _, tc := range secrets() {
		f.Add(strings.NewReplacer("\x01", "", "\x02", "").Replace(tc.text))
	}
	f.Add(`password=[REDACTED:x]` + `\\\"\u0000 token: "[REDACTED:`)
	f.Fuzz(func(t *testing.T, s string) {
		once := r.Text(s)
		if twice := r.Text(once); twice != once {
			t.Fatalf("not idempotent:\n%q\n%q\n%q", s, once, twice)
		}
	})
}

// FuzzResolve checks that what escapes were resolved to leads back to where it came from.
func FuzzResolve(f *testing.F) {
	f.Add(`a\"b\\u0041\\\"c\x41`)
	f.Fuzz(func(t *testing.T, s string) {
		u := unescaped{text: s}
		for range 2 {
			u, _ = u.resolve()
			for i := 0; i <= len(u.text); i++ {
				o := u.origin(i)
				if o > len(s) {
					t.Fatalf("offset %d of %q leads to %d of %q", i, u.text, o, s)
				}
			}
			if u.origin(len(u.text)) != len(s) {
				t.Fatalf("the end of %q leads to %d of %d", u.text, u.origin(len(u.text)), len(s))
			}
		}
	})
}

func BenchmarkText(b *testing.B) {
	r := newRedactor(b, Config{PII: true})
	line := "2026-03-04T05:06:07Z ERROR api request failed path=/v1/orders/42 user=bob status=500 err=\"dial tcp 10.0.0.5:5432: connect: connection refused\"\n"
	p := newPlanter()
	hot := fmt.Sprintf("2026-03-04T05:06:07Z ERROR api access token key secret password auth client=%s token=%s {\"a\":\"b\\\"c\"}\n", p.word(20), p.word(20))
	for name, s := range map[string]string{"plain": strings.Repeat(line, 1<<20/len(line)), "hot": strings.Repeat(hot, 1<<20/len(hot))} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(s)))
			for b.Loop() {
				r.Text(s)
			}
		})
	}
}
