package model

import (
	"errors"
	"fmt"
	"time"
)

// Kind says what went wrong, as far as a caller has to tell.
type Kind string

// The kinds of errors.
const (
	// KindOffline: no model is configured, nothing was sent.
	KindOffline Kind = "offline"
	// KindUnavailable: no connection, no answer in time, an error of the server, or it failed so often that it rests.
	KindUnavailable Kind = "unavailable"
	// KindRateLimited: the server asked for patience. RetryAfter says how much.
	KindRateLimited Kind = "rate-limited"
	// KindAuth: the key is missing, wrong or has no right to the model.
	KindAuth Kind = "auth"
	// KindRefused: the model or the server's content filter would not answer.
	KindRefused Kind = "refused"
	// KindBadRequest: the server can't make sense of the request: unknown model, wrong base_url, a parameter it refuses.
	KindBadRequest Kind = "bad-request"
	// KindTooLong: the prompt is longer than the model takes.
	KindTooLong Kind = "too-long"
	// KindTruncated: the answer reached its bound before it was finished.
	KindTruncated Kind = "truncated"
	// KindBudget: the ledger refused; nothing was sent.
	KindBudget Kind = "budget"
	// KindGarbage: what came back is not an answer: not JSON, empty, too large. Where there was text at all, the Response
	// beside the error holds it.
	KindGarbage Kind = "garbage"
	// KindCancelled: the caller's context ended.
	KindCancelled Kind = "cancelled"
	// KindInternal: the ledger or this package failed.
	KindInternal Kind = "internal"
)

// Error is the error of every call. Its text holds no key, is one line, and what it quotes of a server is redacted and cut.
type Error struct {
	Kind Kind
	// Provider and Model say whose error it is, "" where none was asked.
	Provider, Model string
	// Status is the HTTP status, 0 where none came.
	Status int
	// Message says what happened; Hint what to do about it, "" where there is nothing to do.
	Message, Hint string
	// RetryAfter is how long to wait before asking again makes sense, 0 where unknown.
	RetryAfter time.Duration
	// Err is the cause, nil where there is none.
	Err error
}

// Error gives one line.
func (e *Error) Error() string {
	who := ""
	if e.Model != "" {
		who = fmt.Sprintf("model %s (%s): ", e.Model, e.Provider)
	}
	s := who + string(e.Kind) + ": " + e.Message
	if e.RetryAfter > 0 {
		s += fmt.Sprintf("; to be asked again in %s", e.RetryAfter.Round(time.Second))
	}
	return s
}

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.Err }

// KindOf gives the kind of err, "" if it is not an *Error.
func KindOf(err error) Kind {
	var e *Error
	if errors.As(err, &e) {
		return e.Kind
	}
	return ""
}
