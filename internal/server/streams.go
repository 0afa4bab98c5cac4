package server

import (
	"context"
	"errors"
	"fmt"
	"time"

	"firehose/internal/control"
	"firehose/internal/native"
	"firehose/internal/stream"
)

// declaredStreams reads the documents of the configuration. The error tells all that is wrong with them, so that a node with a
// document that is wrong does not start.
func (s *Server) declaredStreams() ([]*native.Document, error) {
	var documents []*native.Document
	var all native.Problems
	taken := map[string]bool{}
	for i, text := range s.config.Streams {
		d, err := native.Parse([]byte(text), native.YAML)
		if err == nil {
			err = d.Check()
		}
		var problems native.Problems
		if errors.As(err, &problems) {
			for _, p := range problems {
				p.Path = fmt.Sprintf("streams[%d].%s", i, p.Path)
				all = append(all, p)
			}
			continue
		}
		if taken[d.Name] {
			all = append(all, native.Problem{Path: fmt.Sprintf("streams[%d].name", i), Value: d.Name, Message: "is that of another stream of the file"})
		}
		taken[d.Name] = true
		documents = append(documents, d)
	}
	if all != nil {
		return nil, all
	}
	return documents, nil
}

// startWait is how long the start waits for streams of the configuration to be active.
const startWait = 10 * time.Second

// applyStreams makes and changes streams as the configuration declares them. A document that is as it was when it was applied
// last is left alone, whatever the stream has become since: the file wins only when it was changed. Streams that are no longer
// in it are kept. What cannot be applied is logged, because other streams must not wait for it.
func (s *Server) applyStreams(ctx context.Context, ctl *control.Control, documents []*native.Document) {
	waiting, cancel := context.WithTimeout(ctx, startWait)
	defer cancel()
	for _, d := range documents {
		key := stream.Key{Account: s.config.AccountID, Region: s.config.Region, Name: d.Name}
		logger := s.logger.With("stream", d.Name)
		outcome, err := s.applyStream(waiting, ctl, key, d)
		switch {
		case err != nil:
			logger.Error("A stream of the configuration cannot be applied.", "error", err)
		case outcome.Created:
			logger.Info("A stream of the configuration is made.")
		case len(outcome.Changes) > 0:
			logger.Info("A stream is changed, because the configuration was.", "version", outcome.Stream.Version, "changes", len(outcome.Changes))
		}
		for _, w := range outcome.Warnings {
			logger.Warn("A stream of the configuration says what nobody does.", "path", w.Path, "warning", w.Message)
		}
	}
	for _, d := range documents {
		_, _ = ctl.Await(waiting, stream.Key{Account: s.config.AccountID, Region: s.config.Region, Name: d.Name}) // its error was logged
	}
}

func (s *Server) applyStream(ctx context.Context, ctl *control.Control, key stream.Key, d *native.Document) (native.Outcome, error) {
	current, err := ctl.Await(ctx, key)
	if err == nil && current.Applied == d.Digest() {
		return native.Outcome{}, nil
	}
	if err != nil && !errors.Is(err, stream.ErrNotFound) {
		return native.Outcome{}, err
	}
	return native.Put(ctx, ctl, key, d, native.Options{Applied: d.Digest(), Now: time.Now()})
}
