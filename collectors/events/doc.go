// Package events turns lines into events: it joins the lines that belong together, finds the header, reads the format, and
// fills in time, severity, message and stack frames. It is pure: no clock, no files, no network.
//
// A Joiner does all of it for one stream. Inside, a line goes through unwrap (wrap.go: what container engines and syslog put
// around it), read (formats.go: which format, and its header) and joins (join.go, trace.go: whether it goes on with the
// event before); a finished event gets its exception and frames from stack.go.
//
// Headers are learned per stream (learner.go). The fixed scanner (header.go) reads one line from left to right and knows
// nothing of the others; from the first lines of a stream, which are held back meanwhile, a profile is made (learn.go) that
// corrects it: tokens in front of the time stamp, columns behind what the scanner takes (node names, modules, request ids,
// cells between pipes, numbers of processes and threads), a whole header behind a time stamp that a tool put in front,
// brackets and levels that are words of messages, and sources that have no header at all. Columns have to be there in nine
// lines of ten, come in groups that end with what can't be a word (profile.go), and never take away a word that speaks of an
// error. A line that does not look like the profile is read by the scanner alone; when many do not, the profile is learned
// again. A stream may have several profiles, one for each form of its lines (forms.go), and one of the lines of a logger that
// writes between others. Profiles, samples and lines held back are in the Joiner's state, and an event keeps the profile that
// it was read with.
//
// What is known to be read wrongly: two plain lines without header that belong together only by their sense are two events;
// a plain line that a program prints between its time-stamped log lines counts as the rest of the one before; the text of
// an exception that goes over several lines, at the very beginning of a log without headers, is cut off from its frames
// unless the JVM's "Exception in thread" or "Caused by" announces it.
package events
