package events

import (
	"time"

	"github.com/logwright/logwright/agent/incident"
)

// Line is one line of input with what its collector knows about it. Collectors make Lines, the Joiner takes them.
type Line struct {
	// Text is the line without its line end ("\n" or "\r\n"). It may hold invalid UTF-8 and terminal escapes. It may be a
	// part of a larger buffer that is shared with its neighbours.
	Text string
	// Number is the line's number in its file, from 1; 0 where the source has none.
	Number int64
	// Offset is the byte offset of the line in its file, -1 where the source has none.
	Offset int64
	// Truncated says that the line was longer than limits.line and was cut.
	Truncated bool
	// Continues says that the source itself framed the line as a part of the same entry as the line before it in the
	// batch (a journal entry whose MESSAGE has several lines): the Joiner never begins an event here. The first line of
	// an entry has it unset and is judged by its text as any other line.
	Continues bool
	// Plain says that Text has neither a newline nor an escape character: a collector that has many lines at once finds that out at
	// once. Where it is unset the Joiner looks.
	Plain bool

	// Meta is what a collector knows beside the text. Nil for plain files. Shared by lines; not to be changed.
	Meta *Meta
	// Time is the collector's own time stamp of the line (a journal's realtime stamp), the zero Time where it has none.
	Time time.Time
	// Severity is the collector's (a journal's PRIORITY), SeverityUnset where it has none.
	Severity incident.Severity
}

// Meta is what a collector knows of the writer of a line.
type Meta struct {
	// Writer tells interleaved writers of one stream apart (unit, pid and stream of a journal). "" means unknown: the
	// Joiner then finds out from the text.
	Writer string
	// Service is set where a trusted field names it (_SYSTEMD_UNIT), else "".
	Service string
	// Identifier is the writer's own name for itself (SYSLOG_IDENTIFIER). Forgeable.
	Identifier string
	// Host is the machine's name, "" where unknown.
	Host string
	// PID is the writer's, "" where unknown.
	PID string
	// Trusted holds journald's fields that begin with an underscore.
	Trusted map[string]string
}
