package server

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"firehose/internal/awsapi"
	"firehose/internal/log/segment"
	"firehose/internal/object"
	"firehose/internal/object/folder"
	"firehose/internal/object/s3"
	"firehose/internal/record"
	"firehose/internal/state"
)

// room remembers whether the log has room.
type room struct {
	mu     sync.Mutex
	reason string
	since  time.Time // of the last refusal; zero after an append
}

func (r *room) refuse(reason string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.reason, r.since = reason, time.Now()
}

func (r *room) appended() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.since = time.Time{}
}

func (r *room) refused() (reason string, refused bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.reason, !r.since.IsZero() && time.Since(r.since) < refusedFor
}

func (s *Server) engineOptions(dir string) segment.Options {
	c, m := s.config.Log, s.metrics
	free := int64(c.MinFree)
	if free == 0 {
		free = -1 // none; the engine takes 0 for its default
	}
	return segment.Options{
		Dir:            dir,
		SegmentSizeMax: int64(c.SegmentBytes),
		Retention:      c.Retention,
		BytesMax:       int64(c.MaxBytes),
		LogBytesMax:    int64(c.StreamMaxBytes),
		FreeMin:        free,
		Logger:         s.logger,
		Observer: segment.Observer{
			Bytes:    func(total int64) { m.LogBytes.Set(float64(total)) },
			Appended: func(bytes int) { m.LogAppendedBytes.Add(float64(bytes)); s.room.appended() },
			Synced:   func(took time.Duration) { m.LogSyncSeconds.Observe(took.Seconds()) },
			Trimmed:  func(bytes int64) { m.LogTrimmedBytes.Add(float64(bytes)) },
			Refused:  func(reason string) { m.LogRefusals.WithLabelValues(reason).Inc(); s.room.refuse(reason) },
			Cut:      func(segment.Cut) { m.LogCutTails.Inc() },
			Damaged: func(d segment.Damage) {
				m.LogDamagedBlocks.Add(float64(d.Next - d.First))
				m.LogDamagedBytes.Add(float64(d.Bytes))
			},
		},
	}
}

// checkLogs compares the logs on the disk with the catalogue. A log without a stream is what a lost or replaced catalogue
// leaves: its records may not be delivered, and nobody would.
func (s *Server) checkLogs(dir string, db *state.DB) error {
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("look for logs: %w", err)
	}
	streams, err := db.Streams()
	if err != nil {
		return err
	}
	known := map[string]bool{}
	for _, stream := range streams {
		known[stream.ID.String()] = true
	}
	var orphans []string
	for _, entry := range entries {
		if id, err := record.ParseStreamID(entry.Name()); err == nil && !known[id.String()] {
			orphans = append(orphans, entry.Name())
		}
	}
	if len(orphans) > 0 && len(streams) == 0 {
		return fmt.Errorf("the catalogue state.db knows no stream, but %s holds the logs of %d: bring the right state.db back, or move that folder away", dir, len(orphans))
	}
	for _, name := range orphans {
		s.logger.Warn("A log belongs to no stream of the catalogue, and nothing of it is delivered.", "log", filepath.Join(dir, name))
	}
	return nil
}

// openObjects opens the object store and says which it is.
func (s *Server) openObjects(ctx context.Context) (object.Store, error) {
	if s.config.ObjectStore() == "file" {
		store, err := folder.Open(s.config.DataDir)
		if err != nil {
			return nil, err
		}
		s.stopsWith("objects", func(context.Context) error { return store.Close() })
		s.logger.Info("Buckets are folders.", "folder", s.config.DataDir+"/buckets")
		return store, nil
	}
	c := s.config.S3
	store, err := s3.Open(ctx, s3.Options{
		Endpoint:     c.Endpoint,
		Region:       c.Region,
		AccessKey:    c.AccessKey,
		SecretKey:    c.SecretKey.Reveal(),
		SessionToken: c.SessionToken.Reveal(),
		PathStyle:    c.PathStyle,
		ACL:          c.ACL,
		ChecksumAll:  c.Checksum == "when_supported",
		MultipartMin: int64(c.MultipartThreshold),
		PartSize:     int64(c.PartBytes),
	})
	if err != nil {
		return nil, err
	}
	endpoint := store.Endpoint()
	if endpoint == "" {
		endpoint = "Amazon S3"
	} else if u, err := url.Parse(endpoint); err != nil || u.User != nil {
		return nil, fmt.Errorf("s3.endpoint: want a URL without a user in it")
	}
	s.logger.Info("Buckets are in S3.", "endpoint", strings.TrimSuffix(endpoint, "/"))
	return store, nil
}

// observeRequest counts an answered request of Amazon's API.
func (s *Server) observeRequest(o awsapi.Observation) {
	m := s.metrics
	m.Requests.WithLabelValues(o.Operation, o.Error).Inc()
	m.RequestSeconds.WithLabelValues(o.Operation).Observe(o.Duration.Seconds())
	if o.Put.Records == 0 || o.Stream.Name == "" || o.Error == "ResourceNotFoundException" {
		return // a name that nobody declared must not become a label
	}
	labels := []string{o.Stream.Account, o.Stream.Region, o.Stream.Name}
	if o.Put.Throttled > 0 {
		m.ThrottledRecords.WithLabelValues(labels...).Add(float64(o.Put.Throttled))
	}
	if taken := o.Put.Records - o.Put.Throttled; o.Error == "" && taken > 0 {
		m.IncomingRecords.WithLabelValues(labels...).Add(float64(taken))
		m.IncomingBytes.WithLabelValues(labels...).Add(float64(o.Put.Bytes))
		m.IncomingRequests.WithLabelValues(labels...).Inc()
	}
}
