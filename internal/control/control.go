// Package control keeps what runs equal to what is declared: it holds the catalogue's streams, opens their logs, starts
// and stops their deliveries, and carries every change through to the end, also over restarts.
//
//	Create   CREATING is in the catalogue; then the log and the deliveries are opened; ACTIVE
//	Update   the changed stream is in the catalogue; then its deliveries take the new version
//	Delete   DELETING is in the catalogue; then it drains or not, the log goes, and last the catalogue's entry
//
// What is in the catalogue when the process dies is carried on at the next start.
package control

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"firehose/internal/batch"
	"firehose/internal/block"
	"firehose/internal/convert"
	"firehose/internal/deliver"
	"firehose/internal/enrich"
	"firehose/internal/ingest"
	"firehose/internal/log"
	"firehose/internal/metric"
	"firehose/internal/object"
	"firehose/internal/outbound"
	"firehose/internal/process/lambda"
	"firehose/internal/record"
	"firehose/internal/stream"
	"firehose/internal/task"
)

// Store keeps the catalogue and the cursors. A change is durable when the call returns.
type Store interface {
	Streams() ([]stream.Stream, error)
	SaveStream(stream.Stream) error
	RemoveStream(stream.Stream) error // its cursors and marks too
	Cursor(id record.StreamID, delivery string) deliver.Cursor

	// KeepCursors forgets the cursors of all deliveries of a stream but these.
	KeepCursors(id record.StreamID, deliveries []string) error
	Marks
}

// Keyring makes and opens the data keys of encrypted streams. The key's ARN is empty for the service's own master key.
type Keyring interface {
	// NewKey returns a fresh data key of 32 bytes, in the clear and wrapped.
	NewKey(ctx context.Context, keyARN string, id record.StreamID) (plain, wrapped []byte, err error)

	// OpenKey unwraps a data key.
	OpenKey(ctx context.Context, keyARN string, id record.StreamID, wrapped []byte) (plain []byte, err error)
}

// Settings is what control works with.
type Settings struct {
	Store       Store
	Engine      log.Engine
	Objects     object.Store
	Tables      convert.Tables    // of format conversion
	Lookups     *enrich.Tables    // of lookups; nil for some for each destination
	Functions   *lambda.Functions // that transform records
	HTTP        *outbound.Client  // sends requests to addresses that documents name
	Partitions  int               // of a delivery that may be open at once
	IDsDir      string            // folder of snapshots of event ids
	IDsMax      int               // event ids that a stream remembers at most
	Keyring     Keyring
	Spools      *batch.Spools
	Recent      *block.Recent             // blocks that are not delivered yet, at hand; nil for none
	Compile     map[string]stream.Compile // by language
	Quota       int                       // streams of an account in a region
	Rates       ingest.Rates              // of each stream; zero values do not limit
	IntervalMin time.Duration             // stands for an interval of 0
	Retention   time.Duration             // of delivered records; a delivery that holds others for so long is warned of
	InFlight    int                       // batches in flight of each delivery
	Encoders    int                       // batches being encoded at once in the process
	Retry       deliver.Retry
	Discard     bool             // whether deleting discards what is not delivered
	Diagnose    func(Diagnostic) // told of failed deliveries of streams that ask for it; must not wait
	Metrics     *metric.Metrics
	Logger      *slog.Logger
}

// Diagnostic is a failed try of a delivery, as the Amazon service reports it to CloudWatch Logs.
type Diagnostic struct {
	Stream    stream.Key
	Version   int
	Target    string // ARN of the destination
	Code      string
	Message   string
	Processor string // ARN of the function, if it is about one
	Logging   stream.Logging
	Occurred  time.Time
}

// Control holds the streams of a node.
type Control struct {
	Settings
	encoders deliver.Slots
	tasks    *task.Group // what changes streams; ends first
	runs     *task.Group // deliveries; its context ends when nothing new may be sent
	abort    context.Context
	stopNow  context.CancelFunc

	mu      sync.RWMutex
	streams map[stream.Key]*running
}

// Open takes over the catalogue's streams and carries on what was under way. It returns when every stream was tried
// once; one that cannot start is tried again and is in Problems meanwhile.
func Open(ctx context.Context, s Settings) (*Control, error) {
	if s.Recent == nil {
		s.Recent = block.NewRecent(0)
	}
	c := &Control{
		Settings: s,
		encoders: make(deliver.Slots, s.Encoders),
		tasks:    task.NewGroup(ctx),
		runs:     task.NewGroup(ctx),
		streams:  map[stream.Key]*running{},
	}
	c.abort, c.stopNow = context.WithCancel(context.WithoutCancel(ctx))
	known, err := s.Store.Streams()
	if err != nil {
		return nil, err
	}
	opening := make(chan struct{}, openingMax)
	var opened sync.WaitGroup
	for _, known := range known {
		r := c.add(known)
		opening <- struct{}{}
		opened.Add(1)
		c.tasks.Go("start "+known.Name, func(ctx context.Context) error {
			first := sync.OnceFunc(func() { <-opening; opened.Done() })
			defer first()
			r.carryOn(ctx, first)
			return nil
		})
	}
	opened.Wait()
	c.tasks.Go("save event ids", c.saveIDs)
	c.tasks.Go("watch deliveries", c.watch)
	return c, nil
}

// openingMax bounds the streams that are opened at once at the start.
const openingMax = 8

// add takes a stream in, not started.
func (c *Control) add(s stream.Stream) *running {
	r := newRunning(c, s)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.streams[s.Key] = r
	return r
}

func (c *Control) get(key stream.Key) (*running, error) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	r, ok := c.streams[key]
	if !ok {
		return nil, stream.ErrNotFound
	}
	return r, nil
}

// all returns the streams, sorted by account, region and name.
func (c *Control) all() []*running {
	c.mu.RLock()
	defer c.mu.RUnlock()
	all := make([]*running, 0, len(c.streams))
	for _, r := range c.streams {
		all = append(all, r)
	}
	slices.SortFunc(all, func(a, b *running) int {
		return strings.Compare(a.key.Account+"/"+a.key.Region+"/"+a.key.Name, b.key.Account+"/"+b.key.Region+"/"+b.key.Name)
	})
	return all
}

// Get returns a stream. The error is stream.ErrNotFound.
func (c *Control) Get(key stream.Key) (stream.Stream, error) {
	r, err := c.get(key)
	if err != nil {
		return stream.Stream{}, err
	}
	return r.declared.Load().Clone(), nil
}

// List returns an account's streams in a region, sorted by name.
func (c *Control) List(account, region string) []stream.Stream {
	var list []stream.Stream
	for _, r := range c.all() {
		if r.key.Account == account && r.key.Region == region {
			list = append(list, r.declared.Load().Clone())
		}
	}
	return list
}

// Find returns the streams of a name in all accounts and regions.
func (c *Control) Find(name string) []stream.Key {
	var keys []stream.Key
	for _, r := range c.all() {
		if r.key.Name == name {
			keys = append(keys, r.key)
		}
	}
	return keys
}

// Put makes records durable in a stream's log. The receipt says how many of them were accepted. Errors:
// stream.ErrNotFound, stream.ErrNotActive, *ingest.TooLargeError, ingest.ErrThrottled when none was taken; any other is the
// server's fault.
func (c *Control) Put(ctx context.Context, key stream.Key, records [][]byte) (ingest.Receipt, error) {
	r, err := c.get(key)
	if err != nil {
		return ingest.Receipt{}, err
	}
	if r.declared.Load().Status == stream.Active { // else put says so
		if err := r.checkSizes(records); err != nil {
			return ingest.Receipt{}, err
		}
	}
	return r.put(ctx, records)
}

// Flush cuts what is open in the stream's deliveries, and returns when everything that was acknowledged before is
// delivered. Errors: stream.ErrNotFound, stream.ErrNotActive, or that of ctx.
func (c *Control) Flush(ctx context.Context, key stream.Key) error {
	r, err := c.get(key)
	if err != nil {
		return err
	}
	if r.declared.Load().Status != stream.Active || !r.started.Load() {
		return stream.ErrNotActive
	}
	return r.flush(ctx, false)
}

// Close ends everything in order: changes first, then cutting; what is being sent is finished until ctx ends. The log
// stays open for reading until Close returns; closing the engine is the caller's.
func (c *Control) Close(ctx context.Context) error {
	c.tasks.Stop()
	c.tasks.Wait()
	c.runs.Stop()
	stopped := context.AfterFunc(ctx, c.stopNow)
	defer stopped()
	err := c.runs.Wait()
	c.stopNow()
	for _, r := range c.all() {
		if r.log != nil {
			err = errors.Join(err, r.saveIDs(), r.log.Close())
		}
	}
	if err != nil {
		return fmt.Errorf("close streams: %w", err)
	}
	return nil
}
