// Package events turns lines into events: it joins the lines that belong together, finds the header, reads the format, and
// fills in time, severity, message and stack frames. It is pure: no clock, no files, no network.
package events
