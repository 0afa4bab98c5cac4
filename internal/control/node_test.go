package control

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"firehose/internal/batch"
	"firehose/internal/deliver"
	"firehose/internal/destination"
	"firehose/internal/log"
	"firehose/internal/log/segment"
	"firehose/internal/metric"
	"firehose/internal/record"
	"firehose/internal/state"
	"firehose/internal/stream"
	"firehose/internal/verdict"
)

// node is a control with everything below it real but the destinations and the key service. It may be restarted.
type node struct {
	*testing.T
	*Control
	dir       string
	retention time.Duration // of history; 0 for none
	logMax    int64         // bytes of a log; 0 for no limit
	settings  Settings
	db        *state.DB
	engine    *faultyEngine
	places    *places
	ring      *ring
}

// newNode calls test with a node that has no streams, in a bubble where time is instant.
func newNode(t *testing.T, test func(n *node)) {
	t.Helper()
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		n := &node{T: t, dir: dir, places: &places{objects: map[string]string{}, broken: map[string]bool{}}, ring: &ring{}}
		n.settings = Settings{
			Keyring: n.ring, Spools: batch.NewSpools(dir, 1<<20), Compile: map[string]stream.Compile{"test": n.places.compile},
			Quota: 3, IntervalMin: time.Second, InFlight: 2, Encoders: 2, Discard: false,
			Retry:   deliver.Retry{First: 100 * time.Millisecond, Max: 10 * time.Second, Timeout: 10 * time.Second},
			Metrics: metric.New(prometheus.NewRegistry()), Logger: slog.New(slog.DiscardHandler),
		}
		n.open()
		defer n.close()
		test(n)
	})
}

func (n *node) check(err error) {
	n.Helper()
	if err != nil {
		n.Fatal(err)
	}
}

func (n *node) open() {
	n.Helper()
	n.openFiles()
	control, err := Open(context.Background(), n.settings)
	n.check(err)
	n.Control = control
}

func (n *node) openFiles() {
	n.Helper()
	db, err := state.Open(filepath.Join(n.dir, "state.db"))
	n.check(err)
	options := segment.Options{Dir: filepath.Join(n.dir, "log"), FreeMin: -1, Retention: -1}
	if n.retention > 0 {
		options.Retention, options.SegmentSizeMax, options.LogBytesMax = n.retention, 300, n.logMax
	}
	engine, err := segment.Open(options)
	n.check(err)
	n.db, n.engine = db, &faultyEngine{Engine: engine}
	n.settings.Store, n.settings.Engine = db, n.engine
}

func (n *node) closeFiles() {
	n.engine.Close()
	n.db.Close()
}

func (n *node) close() {
	n.Helper()
	now, cancel := context.WithCancel(context.Background())
	cancel()
	if err := n.Control.Close(now); err != nil {
		n.Errorf("close: %v", err)
	}
	n.closeFiles()
}

// between changes what is on the disk while no control runs.
func (n *node) between(change func()) {
	n.Helper()
	n.close()
	n.openFiles()
	change()
	n.closeFiles()
	n.open()
}

func (n *node) restart() {
	n.Helper()
	n.close()
	n.open()
}

// faultyEngine is an engine whose Remove fails so often.
type faultyEngine struct {
	log.Engine
	failing int
}

func (e *faultyEngine) Remove(ctx context.Context, name string) error {
	if e.failing > 0 {
		e.failing--
		return errors.New("remove: the disk is broken")
	}
	return e.Engine.Remove(ctx, name)
}

// document declares a stream in the language of these tests: for each delivery the place where it delivers to.
type document map[string]string

// A place that begins so is of a delivery that is declared as paused; a delivery whose id does begins with the oldest record.
const (
	pausedPrefix = "paused-"
	oldestPrefix = "oldest-"
)

func (d document) raw() json.RawMessage {
	text, _ := json.Marshal(d)
	return text
}

// places is where the destinations of these tests deliver to.
type places struct {
	mu      sync.Mutex
	objects map[string]string // bodies by place/stream/delivery/version/first position
	broken  map[string]bool   // places that must be repaired
	hanging bool              // nothing answers
}

func (p *places) compile(_ stream.Key, text []byte) (stream.Spec, error) {
	var d document
	if err := json.Unmarshal(text, &d); err != nil {
		return stream.Spec{}, err
	}
	var spec stream.Spec
	for _, id := range slices.Sorted(maps.Keys(d)) {
		spec.Deliveries = append(spec.Deliveries, stream.Delivery{ID: id, Buffer: stream.Buffer{Size: 1 << 20, Interval: time.Minute},
			Paused: strings.HasPrefix(d[id], pausedPrefix), Start: stream.Start{Oldest: strings.HasPrefix(id, oldestPrefix)},
			Destination: place{p, strings.TrimPrefix(d[id], pausedPrefix)}, Logging: stream.Logging{Enabled: true, Group: "group"}})
	}
	return spec, nil
}

// closedPlace is a place where nobody listens.
const closedPlace = "closed"

type place struct {
	*places
	name string
}

func (p place) Kind() string   { return "test" }
func (p place) Target() string { return "place:" + p.name }
func (p place) Open(env destination.Env) (destination.Destination, error) {
	return openPlace{p, env.Stream + "/" + env.Delivery}, nil
}

type openPlace struct {
	place
	owner string
}

func (p openPlace) Close() error { return nil }
func (p openPlace) Name(h batch.Head) string {
	return fmt.Sprintf("%s/%s/v%d/%v", p.name, p.owner, h.Version, h.First)
}

func (p openPlace) Encoder(_ context.Context, _ batch.Head, w io.Writer) (batch.Encoder, error) {
	return encoder{w}, nil
}

type encoder struct{ io.Writer }

func (e encoder) Close() error { return nil }
func (e encoder) Write(r batch.Records) error {
	_, err := e.Writer.Write(r.Bytes())
	return err
}

func (p openPlace) Deliver(ctx context.Context, b *batch.Batch) error {
	body, err := io.ReadAll(io.NewSectionReader(b.Body, 0, b.Body.Size()))
	if err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.hanging {
		p.mu.Unlock()
		<-ctx.Done()
		p.mu.Lock()
		return context.Cause(ctx)
	}
	if p.name == closedPlace {
		return &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}
	}
	if p.broken[p.name] {
		return &verdict.SetUp{Code: "Test.Broken", Fix: "Repair it.", Err: errors.New("broken")}
	}
	p.objects[p.Name(b.Head)] = string(body)
	return nil
}

// hang has nothing answer, or everything.
func (p *places) hang(hanging bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.hanging = hanging
}

// set breaks or repairs a place.
func (p *places) set(name string, broken bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.broken[name] = broken
}

// want compares all objects, given as name=words.
func (n *node) want(want ...string) {
	n.Helper()
	n.places.mu.Lock()
	defer n.places.mu.Unlock()
	var got []string
	for name, body := range n.places.objects {
		got = append(got, name+"="+strings.TrimSpace(body))
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		n.Errorf("objects\n%q, want\n%q", got, want)
	}
}

// ring is a key service. A wrapped key is the key's bytes, inverted.
type ring struct {
	mu      sync.Mutex
	made    byte
	err     error         // of every call
	blocked chan struct{} // calls wait for it, if not nil
}

func (r *ring) answer(ctx context.Context) error {
	r.mu.Lock()
	blocked, err := r.blocked, r.err
	r.mu.Unlock()
	if blocked != nil {
		select {
		case <-blocked:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return err
}

func (r *ring) set(err error, blocked chan struct{}) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.err, r.blocked = err, blocked
}

func (r *ring) NewKey(ctx context.Context, _ string, _ record.StreamID) (plain, wrapped []byte, err error) {
	if err := r.answer(ctx); err != nil {
		return nil, nil, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.made++
	return bytes.Repeat([]byte{r.made}, 32), bytes.Repeat([]byte{^r.made}, 32), nil
}

func (r *ring) OpenKey(ctx context.Context, _ string, _ record.StreamID, wrapped []byte) ([]byte, error) {
	if err := r.answer(ctx); err != nil {
		return nil, err
	}
	return bytes.Repeat([]byte{^wrapped[0]}, len(wrapped)), nil
}

func keyOf(name string) stream.Key {
	return stream.Key{Account: "000000000001", Region: "us-east-1", Name: name}
}

// declare returns a new stream that delivers main to a place.
func declare(name, to string) stream.Stream {
	return stream.Stream{Key: keyOf(name), ID: record.NewStreamID(), Status: stream.Creating, Version: 1, Language: "test",
		Documents: map[int]json.RawMessage{1: document{"main": to}.raw()}}
}

// create creates a stream and waits until it is active.
func (n *node) create(s stream.Stream) {
	n.Helper()
	n.check(n.Create(n.Context(), s))
	n.await(s.Name, stream.Active)
}

// await waits for a status. An empty one is that of a stream that does not exist.
func (n *node) await(name string, want stream.Status) {
	n.Helper()
	var s stream.Stream
	var err error
	for range 1000 {
		s, err = n.Get(keyOf(name))
		if err == nil && s.Status == want || errors.Is(err, stream.ErrNotFound) && want == "" {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	n.Fatalf("stream %s is %q, %v; want %q\nproblems %+v", name, s.Status, err, want, n.Problems())
}

// put puts a record for each word and returns their ids.
func (n *node) put(name, words string) (ids []record.ID) {
	n.Helper()
	var records [][]byte
	for _, w := range strings.Fields(words) {
		records = append(records, []byte(w+" "))
	}
	receipt, err := n.Put(n.Context(), keyOf(name), records)
	n.check(err)
	for i := range records {
		ids = append(ids, receipt.ID(i))
	}
	return ids
}

func (n *node) flush(name string) {
	n.Helper()
	ctx, cancel := context.WithTimeout(n.Context(), time.Hour)
	defer cancel()
	if err := n.Flush(ctx, keyOf(name)); err != nil {
		n.Fatalf("flush: %v; problems %+v", err, n.Problems())
	}
}

// update puts a new document in force.
func (n *node) update(name string, d document) error {
	_, err := n.Update(n.Context(), keyOf(name), func(s *stream.Stream) error {
		s.Version++
		s.Documents[s.Version] = d.raw()
		return nil
	})
	return err
}

// logBytes returns everything that the log keeps on the disk.
func (n *node) logBytes() (all []byte) {
	n.Helper()
	n.check(filepath.WalkDir(filepath.Join(n.dir, "log"), func(path string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			var b []byte
			b, err = os.ReadFile(path)
			all = append(all, b...)
		}
		return err
	}))
	return all
}

// pass lets time pass, which in a bubble costs none.
func (n *node) pass(d time.Duration) { time.Sleep(d) }
