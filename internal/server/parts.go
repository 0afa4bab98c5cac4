package server

import (
	"context"
	"fmt"
	"net/url"
	"strings"
	"sync"
	"time"

	"firehose/internal/awsapi"
	"firehose/internal/log/segment"
	"firehose/internal/object"
	"firehose/internal/object/folder"
	"firehose/internal/object/s3"
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
