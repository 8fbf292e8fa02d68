package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/nxadm/tail"
	"github.com/open-telemetry/opentelemetry-collector-contrib/pkg/stanza/fileconsumer"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/extension/xextension/storage"

	"github.com/logwright/logwright/collectors"
	"github.com/logwright/logwright/collectors/file"
)

// All of them follow the file from its beginning, as they would follow one that grows, and are stopped at its last line.

// tailOurs has the defaults of the file collector.
func tailOurs(path string, n int64) (spent, error) {
	var s spent
	c, err := file.New(file.Config{Name: "bench", Include: []string{path}, Start: file.StartBeginning}, file.Options{})
	if err != nil {
		return s, err
	}
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	err = c.Collect(ctx, nil, func(b collectors.Batch) error {
		for i := range b.Lines {
			s.Bytes += int64(len(b.Lines[i].Text)) + 1
		}
		if s.Lines += int64(len(b.Lines)); s.Lines >= n {
			stop()
		}
		return nil
	})
	if errors.Is(err, context.Canceled) {
		err = nil
	}
	return s, err
}

// tailStanza has the settings of fileconsumer's own benchmark BenchmarkConsumeFiles, which are faster than its defaults (a large
// buffer at once, a small fingerprint), and polls without pausing, as its BenchmarkFileInput does.
func tailStanza(path string, n int64) (spent, error) {
	var s spent
	cfg := fileconsumer.NewConfig()
	cfg.Include = []string{path}
	cfg.StartAt = "beginning"
	cfg.PollInterval = time.Microsecond
	cfg.InitialBufferSize = 1 << 20
	cfg.FingerprintSize = 100
	cfg.TrimConfig.PreserveLeading, cfg.TrimConfig.PreserveTrailing = true, true // lines as they stand, and less work
	done := make(chan struct{})
	var once sync.Once
	m, err := cfg.Build(componenttest.NewNopTelemetrySettings(), func(_ context.Context, tokens [][]byte, _ map[string]any, _ int64, _ []int64) error {
		for _, t := range tokens {
			s.Bytes += int64(len(t)) + 1
		}
		if s.Lines += int64(len(tokens)); s.Lines >= n {
			once.Do(func() { close(done) })
		}
		return nil
	})
	if err != nil {
		return s, err
	}
	if err := m.Start(&inMemory{kept: map[string][]byte{}}); err != nil {
		return s, err
	}
	<-done
	return s, m.Stop()
}

// inMemory keeps the offsets of fileconsumer, which wants a place for them.
type inMemory struct {
	mu   sync.Mutex
	kept map[string][]byte
}

// Get is for operator.Persister, as the others are.
func (p *inMemory) Get(_ context.Context, key string) ([]byte, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.kept[key], nil
}

// Set keeps a value.
func (p *inMemory) Set(_ context.Context, key string, value []byte) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.kept[key] = value
	return nil
}

// Delete forgets a value.
func (p *inMemory) Delete(_ context.Context, key string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.kept, key)
	return nil
}

// Batch does several at once.
func (p *inMemory) Batch(ctx context.Context, ops ...*storage.Operation) error {
	for _, op := range ops {
		var err error
		switch op.Type {
		case storage.Get:
			op.Value, err = p.Get(ctx, op.Key)
		case storage.Set:
			err = p.Set(ctx, op.Key, op.Value)
		case storage.Delete:
			err = p.Delete(ctx, op.Key)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// tailNxadm follows by inotify, as its README does; without a logger, and from the beginning, which are its defaults.
func tailNxadm(path string, n int64) (spent, error) {
	var s spent
	t, err := tail.TailFile(path, tail.Config{Follow: true, MustExist: true, Logger: tail.DiscardingLogger})
	if err != nil {
		return s, err
	}
	for s.Lines < n {
		l, ok := <-t.Lines
		if !ok {
			return s, fmt.Errorf("ended after %d lines: %w", s.Lines, t.Err())
		}
		if l.Err != nil {
			return s, l.Err
		}
		s.Lines++
		s.Bytes += int64(len(l.Text)) + 1
	}
	return s, t.Stop()
}
