// Package events turns lines into events: it joins the lines that belong together, finds the header, reads the format, and
// fills in time, severity, message and stack frames. It is pure: no clock, no files, no network.
//
// A Joiner does all of it for one stream. Inside, a line goes through unwrap (wrap.go: what container engines and syslog put
// around it), read (formats.go: which format, and its header) and joins (join.go, trace.go: whether it goes on with the
// event before); a finished event gets its exception and frames from stack.go.
//
// What is known to be read wrongly: two plain lines without header that belong together only by their sense are two events;
// a plain line that a program prints between its time-stamped log lines counts as the rest of the one before; the text of
// an exception that goes over several lines, at the very beginning of a log without headers, is cut off from its frames
// unless the JVM's "Exception in thread" or "Caused by" announces it.
package events
