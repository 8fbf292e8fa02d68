package model

import (
	"errors"
	"io"
	"log/slog"
	"net/http"
	"time"
)

// Options are what a door needs beside its Config.
type Options struct {
	// Redact takes secrets out of a text. It is applied to every text that leaves, whatever the caller did before, so that
	// no caller can forget. Required.
	Redact func(string) string
	// Ledger keeps and bounds. Required; NewMemoryLedger is for commands that keep nothing.
	Ledger Ledger
	// Now is the clock for stamps and Retry-After dates, nil for time.Now.
	Now func() time.Time
	// Logger is for what an operator should see, nil for none.
	Logger *slog.Logger
	// Transport carries the requests, nil for the network. Tests put fakes and replays here.
	Transport http.RoundTripper
	// Rand is for ids and for the jitter of waits, nil for crypto/rand.
	Rand io.Reader
}

// New makes the door to the models of cfg. With provider offline it gives a Model that refuses every request with
// KindOffline and never makes one, so that no caller has to tell a nil Model apart; callers that would do work to make a
// prompt ask Config.Offline first. cfg is checked again: an invalid one is an error.
func New(cfg Config, o Options) (Model, error) {
	if cfg.Offline() {
		return offline{}, nil
	}
	return nil, errors.New("model: not built yet")
}
