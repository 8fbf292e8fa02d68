package journal

import (
	"bytes"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/logwright/logwright/agent/incident"
	"github.com/logwright/logwright/collectors/events"
)

const (
	maxTrustedFields = 64      // an entry of journald has about 25
	maxTrustedValue  = 4 << 10 // longer ones are left out: half a value must not pass for one
	maxShort         = 1 << 10 // identifiers and the like
	maxMetas         = 4096    // writers remembered at a time
)

// suppressedID is the MESSAGE_ID of journald's own word that it dropped a unit's messages by its rate limit.
const suppressedID = "a596d6fe7bfa4994828e72309e95d61e"

// entry is one journal entry, as far as it is of use. It is filled by exportReader and reused.
type entry struct {
	maxMessage int

	buf []byte // holds the values below
	// Spans within buf; a zero span is a field that was not there.
	cursor, realtime, message, priority, identifier    span
	containerID, unitField, messageID, dropped         span
	trusted                                            []pair
	pid, unit, host, stream, transport, lineBreak, mid span
	hasMessage, cut                                    bool
}

type span struct{ from, to int }

type pair struct{ name, value span }

func (e *entry) reset() {
	buf, trusted := e.buf[:0], e.trusted[:0]
	if cap(buf) > 4<<20 {
		buf = nil // one giant does not stay
	}
	*e = entry{maxMessage: e.maxMessage, buf: buf, trusted: trusted}
}

func (e *entry) get(s span) []byte { return e.buf[s.from:s.to] }

func (e *entry) put(b []byte) span {
	from := len(e.buf)
	e.buf = append(e.buf, b...)
	return span{from, len(e.buf)}
}

// limit is the visitor's: what is not needed is not kept.
func (e *entry) limit(name []byte) int {
	if len(name) > 1 && name[0] == '_' {
		return maxTrustedValue
	}
	switch string(name) {
	case "MESSAGE":
		return e.maxMessage
	case "PRIORITY", "SYSLOG_IDENTIFIER", "CONTAINER_ID", "UNIT", "MESSAGE_ID", "N_DROPPED":
		return maxShort
	}
	return 0
}

// field is the visitor's. Of a field that is there twice the first counts.
func (e *entry) field(name, value []byte, truncated bool) {
	var to *span
	switch string(name) {
	case "MESSAGE":
		if !e.hasMessage {
			e.hasMessage, e.cut = true, truncated
			e.message = e.put(value)
		}
		return
	case "__CURSOR":
		to = &e.cursor
	case "__REALTIME_TIMESTAMP":
		to = &e.realtime
	case "PRIORITY":
		to = &e.priority
	case "SYSLOG_IDENTIFIER":
		to = &e.identifier
	case "CONTAINER_ID":
		to = &e.containerID
	case "UNIT":
		to = &e.unitField
	case "MESSAGE_ID":
		to = &e.messageID
	case "N_DROPPED":
		to = &e.dropped
	case "_LINE_BREAK":
		to = &e.lineBreak
	}
	if to != nil {
		if *to == (span{}) && !truncated {
			*to = e.put(value)
		}
		return
	}
	if name[0] == '_' {
		e.trustedField(name, value, truncated)
	}
}

// trustedField takes a field that begins with one underscore. journald refuses such fields from writers and sets them
// itself from the kernel's word, so this is the only way into Meta.Trusted. Fields of the journal itself ("__") and those that
// differ from entry to entry of one writer are left out.
func (e *entry) trustedField(name, value []byte, truncated bool) {
	if truncated || name[1] == '_' || bytes.HasPrefix(name, []byte("_SOURCE_")) || len(e.trusted) == maxTrustedFields {
		return
	}
	for _, p := range e.trusted {
		if bytes.Equal(e.get(p.name), name) {
			return
		}
	}
	n, v := e.put(name), e.put(value)
	e.trusted = append(e.trusted, pair{n, v})
	switch string(name) {
	case "_PID":
		e.pid = v
	case "_SYSTEMD_UNIT":
		e.unit = v
	case "_HOSTNAME":
		e.host = v
	case "_STREAM_ID":
		e.stream = v
	case "_TRANSPORT":
		e.transport = v
	case "_MACHINE_ID":
		e.mid = v
	}
}

// time gives __REALTIME_TIMESTAMP, the zero Time where it is not a number.
func (e *entry) time() time.Time {
	us, err := strconv.ParseInt(string(e.get(e.realtime)), 10, 64)
	if err != nil || us <= 0 {
		return time.Time{}
	}
	return time.UnixMicro(us).UTC()
}

// priorityNumber gives PRIORITY, or -1 where there is none that makes sense.
func (e *entry) priorityNumber() int {
	p := e.get(e.priority)
	if len(p) != 1 || p[0] < '0' || p[0] > '7' {
		return -1
	}
	return int(p[0] - '0')
}

// severity reads PRIORITY. journald gives each line that a service prints the unit's SyslogLevel, which is info unless somebody
// changed it: there it says nothing about the line, and the words have to.
func (e *entry) severity() incident.Severity {
	switch p := e.priorityNumber(); p {
	case 0, 1, 2:
		return incident.SeverityFatal
	case 3:
		return incident.SeverityError
	case 4:
		return incident.SeverityWarning
	case 5, 6:
		if p == priorityInfo && string(e.get(e.transport)) == "stdout" {
			return incident.SeverityUnset
		}
		return incident.SeverityInfo
	case 7:
		return incident.SeverityDebug
	}
	return incident.SeverityUnset
}

// bySystemd says that process 1 itself wrote the entry; then UNIT names the unit it is about, and can be believed.
func (e *entry) bySystemd() bool {
	return string(e.get(e.pid)) == "1" && string(e.get(e.unit)) == "init.scope"
}

// aboutUnit gives the unit that the entry belongs to: the writer's own, or the one systemd speaks of.
func (e *entry) aboutUnit() []byte {
	if e.unitField != (span{}) && e.bySystemd() {
		return e.get(e.unitField)
	}
	return e.get(e.unit)
}

// service names whom the entry is about, "" where no trusted field says it.
func (e *entry) service() string {
	unit := string(e.aboutUnit())
	switch {
	case unit == "" && string(e.get(e.transport)) == "kernel":
		return "kernel"
	case strings.HasPrefix(unit, "session-") && strings.HasSuffix(unit, ".scope"):
		return "session" // numbered by login: the same failure must not be another one tomorrow
	}
	return strings.TrimSuffix(unit, ".service")
}

// appendLines adds the entry's MESSAGE to lines, one Line for each line of it. All but the first have Continues set, and they
// are never in two batches: one entry is one event, however it is laid out.
func (e *entry) appendLines(lines []events.Line, meta *events.Meta) []events.Line {
	raw := bytes.TrimRight(e.get(e.message), "\r\n\x00")
	if len(raw) == 0 {
		return lines
	}
	text := string(raw)
	at, sev := e.time(), e.severity()
	first := len(lines)
	for {
		line, rest, more := strings.Cut(text, "\n")
		lines = append(lines, events.Line{
			Text: strings.TrimSuffix(line, "\r"), Offset: -1, Meta: meta, Time: at, Severity: sev, Continues: len(lines) > first,
		})
		if !more {
			break
		}
		text = rest
	}
	if e.cut || string(e.get(e.lineBreak)) == "line-max" {
		lines[len(lines)-1].Truncated = true
	}
	return lines
}

// metas remembers what was made of each writer, so that the entries of one writer share one Meta.
type metas struct {
	byKey map[string]*events.Meta
	key   []byte
}

// of gives the Meta of e's writer. The key is every byte that goes into it.
func (m *metas) of(e *entry) *events.Meta {
	k := m.key[:0]
	for _, s := range []span{e.identifier, e.containerID, e.unitField} {
		k = append(k, e.get(s)...)
		k = append(k, 0)
	}
	for _, p := range e.trusted {
		k = append(append(append(append(k, e.get(p.name)...), '='), e.get(p.value)...), 0)
	}
	m.key = k
	if meta, ok := m.byKey[string(k)]; ok {
		return meta
	}
	if m.byKey == nil || len(m.byKey) >= maxMetas {
		m.byKey = make(map[string]*events.Meta)
	}
	meta := newMeta(e)
	m.byKey[string(k)] = meta
	return meta
}

func newMeta(e *entry) *events.Meta {
	meta := &events.Meta{
		Service:    e.service(),
		Identifier: string(e.get(e.identifier)),
		Host:       string(e.get(e.host)),
		PID:        string(e.get(e.pid)),
		Trusted:    make(map[string]string, len(e.trusted)),
	}
	for _, p := range e.trusted {
		meta.Trusted[string(e.get(p.name))] = string(e.get(p.value))
	}
	// The container's id tells apart what a container engine writes for many. It may be forged, which costs nothing: a writer
	// can only be kept apart from itself.
	meta.Writer = strings.Join([]string{
		string(e.get(e.unit)), meta.PID, string(e.get(e.stream)), string(e.get(e.containerID)), meta.Identifier,
	}, "\x1f")
	return meta
}

// filter is the part of the selection that journalctl is not asked to do.
type filter struct {
	priority int      // entries above this number are left out
	units    []string // globs; nil where journalctl selects, or all are wanted
	machine  string   // the host's id; "" reads every machine's
	self     Self
	since    time.Time // from when on Self.PID is this process
}

// wants says whether the entry is to be read.
func (f *filter) wants(e *entry) bool {
	if p := e.priorityNumber(); p > f.priority || p < 0 && f.priority < priorityInfo {
		return false
	}
	if f.machine != "" && e.mid != (span{}) && string(e.get(e.mid)) != f.machine {
		return false
	}
	if f.self.Unit != "" && string(e.get(e.unit)) == f.self.Unit {
		return false
	}
	if f.self.PID != 0 && string(e.get(e.pid)) == strconv.Itoa(f.self.PID) && !e.time().Before(f.since) {
		return false
	}
	if f.units == nil {
		return true
	}
	unit := string(e.aboutUnit())
	return slices.ContainsFunc(f.units, func(glob string) bool {
		ok, err := path.Match(glob, unit)
		return err == nil && ok
	})
}

// suppressed reads journald's own note that it dropped messages of a unit. ok is false for any other entry.
func (e *entry) suppressed() (n int64, ok bool) {
	if string(e.get(e.messageID)) != suppressedID || string(e.get(e.transport)) != "driver" {
		return 0, false
	}
	n, err := strconv.ParseInt(string(e.get(e.dropped)), 10, 64)
	return n, err == nil && n > 0
}
