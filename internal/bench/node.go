package bench

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"firehose/internal/bench/load"
)

// Target says which server to start.
type Target struct {
	Program     string   // the binary
	Dir         string   // folder on the disk to measure, in which a temporary one is made
	Store       string   // s3 or file
	Arguments   []string // more of them for serve
	Signed      bool     // requests must be signed
	Keep        bool     // objects are kept, to be looked at
	Compression string   // as in the API
	BufferMiB   int      // at which a batch is cut
	Partitions  string   // query for the partition key n; empty for no partitioning
	Events      bool     // streams filter, enrich and mask events
	Streams     int
}

// node is a server of our own with all that it needs.
type node struct {
	Target
	dir    string // temporary
	sink   *child // nil with the store file
	server *child // nil while none runs
	names  []string
}

const (
	benchBucket  = "bench"
	benchPrefix  = "bench-"
	ownAccessKey = "AKIDBENCH"
	ownSecretKey = "bench-secret-of-no-value"
	ownRegion    = "us-east-1"
)

// startNode starts a server with its streams. Close it.
func startNode(ctx context.Context, t Target) (*node, error) {
	dir, err := os.MkdirTemp(t.Dir, "firehose-bench-")
	if err != nil {
		return nil, err
	}
	n := &node{Target: t, dir: dir}
	for i := range max(1, t.Streams) {
		n.names = append(n.names, load.StreamName(benchPrefix, i))
	}
	if err := n.startAll(ctx); err != nil {
		return nil, errors.Join(err, n.close())
	}
	return n, nil
}

func (n *node) startAll(ctx context.Context) error {
	if n.Store == "s3" {
		args := []string{"bench", "sink"}
		if n.Keep {
			if err := os.Mkdir(n.objectsDir(), 0o755); err != nil {
				return err
			}
			args = append(args, "--keep", n.objectsDir())
		}
		var err error
		if n.sink, err = startChild(ctx, n.Program, "the object store", args, cleanEnvironment()); err != nil {
			return err
		}
	}
	if err := n.serve(ctx); err != nil {
		return err
	}
	return n.control().createStreams(ctx, n.names, streamShape{compression: n.Compression, bufferMiB: n.BufferMiB, partitions: n.Partitions, events: n.Events})
}

// serve starts the server.
func (n *node) serve(ctx context.Context) error {
	args := []string{"serve", "--listen", "127.0.0.1:0", "--data-dir", filepath.Join(n.dir, "data"), "--log-format", "json", "--store", n.Store}
	environment := cleanEnvironment(hashKeyName + "=bench-key-of-no-value")
	if n.sink != nil {
		environment = append(environment, "FIREHOSE_S3_SECRET_KEY="+ownSecretKey)
		args = append(args, "--s3-endpoint", "http://"+n.sink.address, "--s3-region", ownRegion, "--s3-access-key", ownAccessKey)
	}
	if n.Signed {
		environment = append(environment, "FIREHOSE_AUTH_MODE=sigv4",
			fmt.Sprintf("FIREHOSE_AUTH_KEYS=[{access_key: %s, secret_key: %s}]", ownAccessKey, ownSecretKey))
	}
	var err error
	n.server, err = startChild(ctx, n.Program, "the server", append(args, n.Arguments...), environment)
	return err
}

// stopServer stops the server alone.
func (n *node) stopServer() error {
	if n.server == nil {
		return nil
	}
	err := n.server.stop()
	n.server = nil
	return err
}

// close stops everything and removes the files.
func (n *node) close() error {
	err := n.stopServer()
	if n.sink != nil {
		err = errors.Join(err, n.sink.stop())
		n.sink = nil
	}
	return errors.Join(err, os.RemoveAll(n.dir))
}

func (n *node) url() string { return "http://" + n.server.address }

// objectsDir is where kept objects are.
func (n *node) objectsDir() string {
	if n.Store == "file" {
		return filepath.Join(n.dir, "data", "buckets", benchBucket)
	}
	return filepath.Join(n.dir, "objects")
}

// key signs requests if the server wants that.
func (n *node) key() load.Key {
	if !n.Signed {
		return load.Key{}
	}
	return load.Key{AccessKey: ownAccessKey, SecretKey: ownSecretKey, Region: ownRegion}
}

func (n *node) control() control { return control{url: n.url(), key: n.key()} }

// tellSink tells the object store what to do, and returns what came there.
func (n *node) tellSink(ctx context.Context, command string) (s SinkStats, err error) {
	if n.sink == nil {
		return s, nil
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+n.sink.address+"/_sink/"+command, nil)
	if err != nil {
		return s, err
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		return s, fmt.Errorf("tell the object store to %s: %w", command, err)
	}
	defer response.Body.Close()
	return s, json.NewDecoder(response.Body).Decode(&s)
}

// counters is what the server counts.
type counters struct {
	inRecords, inBytes   float64 // acknowledged
	outRecords, outBytes float64 // delivered
	objects, objectBytes float64
	logBytes             float64 // appended
}

// counters asks the server for its metrics and adds up those of all streams.
func (n *node) counters(ctx context.Context) (c counters, err error) {
	sums := map[string]*float64{
		"firehose_incoming_records_total":       &c.inRecords,
		"firehose_incoming_bytes_total":         &c.inBytes,
		"firehose_delivery_records_total":       &c.outRecords,
		"firehose_delivery_bytes_total":         &c.outBytes,
		"firehose_delivery_batches_total":       &c.objects,
		"firehose_delivery_encoded_bytes_total": &c.objectBytes,
		"firehose_log_appended_bytes_total":     &c.logBytes,
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, n.url()+"/metrics", nil)
	if err != nil {
		return c, err
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		return c, fmt.Errorf("read the server's metrics: %w", err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		return c, fmt.Errorf("read the server's metrics: %w", err)
	}
	for line := range strings.Lines(string(text)) {
		name := line
		if end := strings.IndexAny(line, "{ "); end >= 0 {
			name = line[:end]
		}
		sum, wanted := sums[name]
		if !wanted {
			continue
		}
		value, err := strconv.ParseFloat(strings.TrimSpace(line[strings.LastIndexByte(line, ' ')+1:]), 64)
		if err != nil {
			return c, fmt.Errorf("read the server's metrics: %q: %w", line, err)
		}
		*sum += value
	}
	return c, nil
}
