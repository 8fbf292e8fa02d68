package incident

import (
	"maps"
	"slices"
	"strings"
	"time"
)

// Record is one event of a log: a line, or the lines that belong together (a stack trace, a continued message).
// Its strings may be parts of a larger buffer that is shared with other records; Clone before keeping one.
type Record struct {
	// Source is the collector's name in agent.yaml ("stdin" and "file" in one-shot commands).
	Source string
	// File is the path the lines were read from; "journal" for a journal, "-" for standard input.
	File string
	// FirstLine and LastLine are line numbers of the file, from 1. Zero where the source has none (a journal).
	FirstLine, LastLine int64
	// Lines has the number of every line of the event where they are not contiguous because writers interleave; nil
	// where FirstLine to LastLine are all of them. FirstLine to LastLine are then the first contiguous run.
	Lines []int64
	// Offset is the byte offset of the first line in its file, -1 where there is none.
	Offset int64

	// Time is when the event says it happened, in UTC; the zero Time where it says nothing.
	Time time.Time
	// Severity as read from header, field or words.
	Severity Severity
	// Service is whom the event is about: the operator's match, the unit, or the file's stem.
	Service string
	// Format names the reader that understood the line: json, logfmt, syslog, klog, text, ...
	Format string
	// Message is the event's text without its header (time, host, level, ...). For an event of several lines it is
	// the message of the first one that says something. It is what clustering looks at.
	Message string
	// Raw is every line of the event as it was read, joined by "\n". Size-limited; Truncated says if it was cut.
	Raw string
	// Truncated says that Raw or Message lost bytes to limits.line or limits.event.
	Truncated bool

	// Exception is the type name of the innermost exception or panic ("java.sql.SQLException"), "" where none.
	Exception string
	// ExceptionMessage is the text that came with Exception.
	ExceptionMessage string
	// Frames is the stack of the innermost exception, most recent call first whatever the language prints.
	Frames []Frame

	// Logger, Host, PID, Thread and TraceID are header attributes, "" where not found. Never part of a cluster's key.
	Logger, Host, PID, Thread, TraceID string

	// HTTPStatus is the status of the answer where the event is an access-log line or a request log with a status field,
	// 0 for every other. Such an event with 5xx has SeverityError; whether it is worth anyone's time depends on how many
	// of the requests answer so, which whoever triggers has to judge.
	HTTPStatus int

	// Trusted holds journald's trusted fields (those that begin with an underscore, such as _SYSTEMD_UNIT): set by
	// journald, not by the writer. Nil for every other source. Nothing else may ever be put here.
	Trusted map[string]string

	// Steps says how the event was read. Nil unless somebody asked for it; never kept.
	Steps []Step `json:"-"`
}

// Frame is one call of a stack.
type Frame struct {
	File     string `json:"file"`
	Line     int    `json:"line"`
	Function string `json:"function"`
	// InApp says that the frame looks like the service's own code, not a library's or the runtime's.
	InApp bool `json:"in_app"`
}

// Clone gives a copy that shares no memory with r.
func (r *Record) Clone() *Record {
	c := *r
	for _, s := range []*string{
		&c.Source, &c.File, &c.Service, &c.Format, &c.Message, &c.Raw, &c.Exception, &c.ExceptionMessage,
		&c.Logger, &c.Host, &c.PID, &c.Thread, &c.TraceID,
	} {
		*s = strings.Clone(*s)
	}
	c.Lines = slices.Clone(r.Lines)
	c.Frames = slices.Clone(r.Frames)
	for i := range c.Frames {
		c.Frames[i].File = strings.Clone(c.Frames[i].File)
		c.Frames[i].Function = strings.Clone(c.Frames[i].Function)
	}
	c.Trusted = maps.Clone(r.Trusted)
	c.Steps = nil // for who reads along, not for keeping
	return &c
}
