package events

import (
	"strings"

	"github.com/logwright/logwright/agent/incident"
)

// wrapped is a line without what a transport put around it.
type wrapped struct {
	lane    string // tells writers apart: container and stream, tag and pid; "" where nothing does
	body    string
	partial bool // the line goes on in the next one of the lane
}

// unwrap takes off what container engines, docker-compose and syslog put around every line, at most three layers of
// it, and puts what they say into h. The application's line is what is left.
func (r *reader) unwrap(s string, h *head) wrapped {
	w := wrapped{body: s}
	if !r.plain && strings.IndexByte(s, 0x1b) >= 0 {
		w.body = stripANSI(s)
	}
	r.layers = r.layers[:0]
	for range 3 {
		before := w.body
		if !r.unwrapOnce(&w, h) {
			break
		}
		if r.explain {
			r.layers = append(r.layers, layerName(before, w.body, h))
		}
	}
	return w
}

func (r *reader) unwrapOnce(w *wrapped, h *head) bool {
	s := w.body
	if len(s) < 5 {
		return false
	}
	c := s[0]
	switch {
	case c == '{':
		return r.only != FormatJSON && (r.unwrapDocker(s, w, h) || !r.known && w.lane == "" && r.unwrapJournal(s, w, h))
	case c == '<':
		return r.unwrapSyslog(s, w, h)
	case isDigit(c):
		if s[4] == '-' && len(s) > 20 && s[10] == 'T' {
			return r.unwrapCRI(s, w, h) || r.unwrapSyslog(s, w, h)
		}
		return c == '1' && s[1] == ' ' && r.unwrapSyslog(s, w, h)
	case isUpper(c) && len(s) > 15 && s[3] == ' ':
		if r.unwrapSyslog(s, w, h) {
			return true
		}
	case c == '[' && strings.HasPrefix(s, "[pod/"): // kubectl logs --prefix
		if k := strings.Index(s[:min(len(s), 300)], "] "); k > 0 {
			w.take(s[:k+1], s[k+2:])
			return true
		}
	}
	if isWord(c) {
		return unwrapCompose(s, w)
	}
	return false
}

// take makes lane the line's lane, unless an outer wrapper gave one, and body what is left.
func (w *wrapped) take(lane, body string) {
	if w.lane == "" {
		w.lane = lane
	}
	w.body = body
}

// unwrapCRI reads "2024-01-02T15:04:05.000000000Z stderr F message"; P instead of F says that the line goes on.
func (r *reader) unwrapCRI(s string, w *wrapped, h *head) bool {
	i := strings.IndexByte(s[:min(len(s), 40)], ' ')
	if i < 20 || !hasAnyPrefix(s[i+1:], "stdout ", "stderr ") {
		return false
	}
	k := i + 8
	tag := at(s, k)
	if tag != 'F' && tag != 'P' {
		return false
	}
	e := k + 1
	for e < len(s) && s[e] != ' ' {
		e++
	}
	var st stamp
	if n := scanStamp(s, &st); n != i {
		return false
	}
	h.time, h.format = r.resolve(&st), FormatCRI
	w.partial = tag == 'P'
	w.take(s[i+1:i+7], s[min(e+1, len(s)):])
	return true
}

// unwrapDocker reads {"log":"message\n","stream":"stderr","time":"..."}; a log without its \n goes on in the next line.
func (r *reader) unwrapDocker(s string, w *wrapped, h *head) bool {
	if !strings.HasPrefix(s, `{"log":"`) {
		return false
	}
	p := jsonScan{s: s, i: 1}
	var log, stream, when jsonString
	for {
		key, ok := p.key()
		if !ok {
			return false
		}
		if p.peek() == '"' {
			v, ok := p.str()
			if !ok {
				return false
			}
			switch key.raw {
			case "log":
				log = v
			case "stream":
				stream = v
			case "time":
				when = v
			default:
				return false
			}
		} else if !hasAnyPrefix(key.raw, "attrs") || !p.skip() {
			return false
		}
		if !p.comma() {
			break
		}
	}
	if stream.raw == "" || !p.end() {
		return false
	}
	body := log.text()
	if strings.IndexByte(body, 0x1b) >= 0 {
		body = stripANSI(body)
	}
	w.partial = !strings.HasSuffix(body, "\n")
	var st stamp
	if scanStamp(when.raw, &st) > 0 {
		h.time = r.resolve(&st)
	}
	h.format = FormatDocker
	w.take(stream.raw, strings.TrimSuffix(strings.TrimSuffix(body, "\n"), "\r"))
	return true
}

// unwrapCompose reads docker-compose's "api_1  | message" and "api-1  | message".
func unwrapCompose(s string, w *wrapped) bool {
	n := 0
	for n < len(s) && n < 64 && (isWord(s[n]) || s[n] == '-' || s[n] == '.') {
		n++
	}
	k := n
	for at(s, k) == ' ' {
		k++
	}
	if k == n || at(s, k) != '|' || k+1 < len(s) && s[k+1] != ' ' {
		return false
	}
	d := n
	for d > 0 && isDigit(s[d-1]) {
		d--
	}
	numbered := d < n && d > 1 && (s[d-1] == '_' || s[d-1] == '-') && isLetter(s[0])
	if !numbered {
		// a container_name of the operator's own: lower case, and padded
		if k-n < 2 || !isLower(s[0]) {
			return false
		}
		if _, ok := levelWord(s[:n]); ok {
			return false
		}
	}
	w.take(s[:n], s[min(k+2, len(s)):])
	return true
}

// unwrapSyslog reads RFC 5424, RFC 3164, rsyslog's ISO form and journalctl's short forms, with or without <PRI>.
func (r *reader) unwrapSyslog(s string, w *wrapped, h *head) bool {
	i, pri := 0, -1
	if s[0] == '<' {
		n := run(s, 1, 4)
		v, ok := digits(s, 1, n)
		if n == 0 || n > 3 || !ok || v > 191 || at(s, 1+n) != '>' {
			return false
		}
		i, pri = n+2, v
	}
	if at(s, i) == '1' && at(s, i+1) == ' ' && (isDigit(at(s, i+2)) || at(s, i+2) == '-') {
		if r.unwrap5424(s, i+2, pri, w, h) {
			return true
		}
	}
	var st stamp
	n := r.stamp(s[i:], &st)
	if n == 0 || at(s, i+n) != ' ' {
		return false
	}
	iso := isDigit(s[i])
	if iso && (at(s, i+10) != 'T' || !st.zone) {
		return false
	}
	if !iso && (isWeekday(s[i:]) || !st.noYear && pri < 0) {
		return false
	}
	p := i + n + 1
	host := p
	for p < len(s) && s[p] != ' ' {
		c := s[p]
		if !isWord(c) && c != '.' && c != '-' && c != ':' || p-host > 255 {
			return false
		}
		p++
	}
	if p == host || p >= len(s) || s[p-1] == ':' {
		if pri < 0 || p == host || s[min(p, len(s))-1] != ':' {
			return false
		}
		// <PRI>time tag: message, as written to /dev/log
		h.sev, h.format, h.time = syslogSeverity(pri&7), FormatSyslog, r.resolve(&st)
		w.take(s[host:p-1], unescapeLines(s[min(p+1, len(s)):]))
		return true
	}
	if _, ok := levelWord(s[host:p]); ok {
		return false
	}
	tag := p + 1
	q := tag
	for q < len(s) && q-tag < 128 && s[q] != ':' && s[q] != '[' && s[q] != ' ' {
		q++
	}
	if q == tag {
		return false
	}
	end := q
	pid := ""
	if at(s, q) == '[' {
		k := strings.IndexByte(s[q:min(len(s), q+32)], ']')
		if k < 2 {
			return false
		}
		pid = s[q+1 : q+k]
		end = q + k + 1
	}
	colon := at(s, end) == ':'
	if iso && !colon {
		return false
	}
	if iso && pid == "" && pri < 0 && (st.nsec == 0 || s[i+n-1] == 'Z') && s[tag:q] != "kernel" {
		return false // as likely "time word word: message"
	}
	name, lane := s[tag:q], s[tag:end]
	if !colon && pri < 0 && pid == "" { // "Jan  2 15:04:05 host message": a tag is missing
		end, name, lane = p, "", s[host:p]
	}
	h.host, h.format, h.time = s[host:p], FormatSyslog, r.resolve(&st)
	if pri >= 0 {
		h.sev = syslogSeverity(pri & 7)
	}
	h.logger, h.pid = name, pid
	body := s[end:]
	if colon {
		body = body[1:]
	} else if pid != "" {
		body = address(body, h)
	}
	w.take(lane, unescapeLines(strings.TrimPrefix(body, " ")))
	return true
}

// unescapeLines makes lines of a message that was sent as several: rsyslog writes their ends as #012, and tabs as #011. "ticket #012"
// and "GH#012 is closed" are none.
func unescapeLines(s string) string {
	for i := 0; ; i += 4 {
		k := strings.IndexByte(s[i:], '#') // hardly any message has one
		if k < 0 {
			return s
		}
		i += k
		if !strings.HasPrefix(s[i:], "#012") {
			i -= 3
			continue
		}
		if next := s[i+4:]; i > 0 && s[i-1] != ' ' && (isLetter(at(next, 0)) || hasAnyPrefix(next, "  ", "#01")) {
			break
		}
	}
	s = strings.TrimSuffix(s, "#012")
	return strings.NewReplacer("#012", "\n", "#011", "\t").Replace(s)
}

// address takes off what launchd and others put between tag and colon: " (service[123]):", " (service) <Notice>:", " <Error>:".
func address(s string, h *head) string {
	i := skipBlanks(s, 0)
	if at(s, i) == '(' {
		k := strings.IndexByte(s[i:min(len(s), i+160)], ')')
		if k < 0 {
			return s
		}
		i = skipBlanks(s, i+k+1)
	}
	if at(s, i) == '<' {
		k := strings.IndexByte(s[i:min(len(s), i+16)], '>')
		if k < 0 {
			return s
		}
		if sev, ok := levelWord(s[i+1 : i+k]); ok && sev >= incident.SeverityWarning && at(s, i+k+1) == ':' {
			h.sev = max(h.sev, sev)
		}
		i += k + 1
	}
	if at(s, i) != ':' || i == 0 {
		return s
	}
	return s[i+1:]
}

// unwrap5424 reads "time host app procid msgid structured-data message" at i.
func (r *reader) unwrap5424(s string, i, pri int, w *wrapped, h *head) bool {
	var st stamp
	if s[i] == '-' {
		i++
	} else {
		n := scanStamp(s[i:], &st)
		if n == 0 {
			return false
		}
		h.time = r.resolve(&st)
		i += n
	}
	var f [4]string
	for k := range f {
		if at(s, i) != ' ' {
			return false
		}
		i++
		e := i
		for e < len(s) && s[e] != ' ' {
			e++
		}
		if e == i {
			return false
		}
		f[k] = s[i:e]
		if f[k] == "-" {
			f[k] = ""
		}
		i = e
	}
	if at(s, i) != ' ' {
		return false
	}
	i++
	switch at(s, i) {
	case '-':
		i++
	case '[':
		for at(s, i) == '[' {
			quoted := false
			for i++; i < len(s) && (quoted || s[i] != ']'); i++ {
				switch s[i] {
				case '\\':
					i++
				case '"':
					quoted = !quoted
				}
			}
			i++
		}
	default:
		return false
	}
	h.format, h.host, h.logger, h.pid = FormatSyslog, f[0], f[1], f[2]
	if pri >= 0 {
		h.sev = syslogSeverity(pri & 7)
	}
	body := strings.TrimPrefix(s[min(i, len(s)):], " ")
	// rsyslog's message keeps the blank that stood behind the tag. One blank more is no indentation: where no sender put it, what
	// is indented has two, or a tab.
	body = strings.TrimPrefix(body, " ")
	lane := f[1]
	if f[2] != "" {
		lane = f[2]
	}
	w.take(lane, unescapeLines(strings.TrimPrefix(body, "\ufeff")))
	return true
}

// stripANSI takes colours and other CSI sequences off a line; what is no complete sequence stays.
func stripANSI(s string) string {
	var b strings.Builder
	b.Grow(len(s))
	for i := 0; i < len(s); {
		if s[i] == 0x1b && at(s, i+1) == '[' {
			k := i + 2
			for k < len(s) && k-i < 32 && s[k] >= 0x20 && s[k] < 0x40 {
				k++
			}
			if k < len(s) && s[k] >= 0x40 && s[k] < 0x7f {
				i = k + 1
				continue
			}
		}
		b.WriteByte(s[i])
		i++
	}
	return b.String()
}
