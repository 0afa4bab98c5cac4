// Package server is one node: it starts the parts in order and stops them in reverse.
//
//	listen     the address is taken first, so that a probe sees a node that is starting
//	state      the catalogue and the cursors
//	log        the engine
//	objects    where buckets are
//	control    the streams and their deliveries
//	doors      Amazon's API and the product's own
//
// Stopping takes the same way back: no new requests, then no new batches, then the log, then the state.
package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"firehose/internal/api"
	"firehose/internal/apikey"
	"firehose/internal/awsapi"
	"firehose/internal/batch"
	"firehose/internal/block"
	"firehose/internal/collect"
	"firehose/internal/config"
	"firehose/internal/control"
	"firehose/internal/convert"
	"firehose/internal/deliver"
	"firehose/internal/enrich"
	"firehose/internal/ingest"
	"firehose/internal/log/segment"
	"firehose/internal/metric"
	"firehose/internal/native"
	"firehose/internal/sigv4"
	"firehose/internal/state"
	"firehose/internal/stream"
	"firehose/internal/tlsfile"
)

// Server is a node.
type Server struct {
	config   config.Config
	logger   *slog.Logger
	registry *prometheus.Registry
	metrics  *metric.Metrics
	room     room

	listener net.Listener
	http     *http.Server
	served   chan error                      // what ended the serving
	doors    atomic.Pointer[doors]           // nil while starting
	control  atomic.Pointer[control.Control] // nil while starting
	stopping atomic.Bool
	ending   context.Context // cancelled when stopping begins
	end      context.CancelFunc
	started  time.Time
	stops    []stop // of the parts that are started, in order
}

// doors are what answers once the node is started.
type doors struct {
	amazon  http.Handler
	own     *http.ServeMux // paths below /v1/
	pages   http.Handler   // paths below /collect/
	hasRoom func() bool    // whether the disk leaves puts any
}

// stop ends one part, within ctx if it can.
type stop struct {
	name string
	do   func(ctx context.Context) error
}

// Start starts a node. It returns when the node takes and delivers records.
func Start(ctx context.Context, c config.Config, logger *slog.Logger) (*Server, error) {
	s := &Server{config: c, logger: logger, registry: prometheus.NewRegistry(), served: make(chan error, 1), started: time.Now()}
	s.registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	s.metrics = metric.New(s.registry)
	s.ending, s.end = context.WithCancel(context.Background())
	if err := s.start(ctx); err != nil {
		return nil, errors.Join(err, s.Stop(ctx))
	}
	return s, nil
}

func (s *Server) start(ctx context.Context) error {
	documents, err := s.declaredStreams()
	if err != nil {
		return err
	}
	if err := s.listen(); err != nil {
		return err
	}
	dir := s.config.DataDir
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return fmt.Errorf("make the data folder: %w", err)
	}
	db, err := state.Open(filepath.Join(dir, "state.db"))
	if err != nil {
		return err
	}
	s.stopsWith("state", func(context.Context) error { return db.Close() })

	if err := s.checkLogs(filepath.Join(dir, "log"), db); err != nil {
		return err
	}
	engine, err := segment.Open(s.engineOptions(filepath.Join(dir, "log")))
	if err != nil {
		return err
	}
	s.stopsWith("log", func(context.Context) error { return engine.Close() })

	spools, err := s.spools(filepath.Join(dir, "spool"))
	if err != nil {
		return err
	}
	objects, err := s.openObjects(ctx)
	if err != nil {
		return err
	}
	keyring, err := s.openKeyring(ctx)
	if err != nil {
		return err
	}
	ids := filepath.Join(dir, "ids")
	if err := os.MkdirAll(ids, 0o750); err != nil {
		return fmt.Errorf("make the folder of event ids: %w", err)
	}
	keys, err := apikey.Open(db)
	if err != nil {
		return err
	}
	diagnose, err := s.startDiagnostics(ctx)
	if err != nil {
		return err
	}
	functions, err := s.openFunctions(ctx)
	if err != nil {
		return err
	}
	tables, err := s.openTables()
	if err != nil {
		return err
	}
	lookups := enrich.NewTables(int64(s.config.Memory.LookupBytes))
	s.registry.MustRegister(metric.LookupBytes(lookups.Held))
	ctl, err := control.Open(context.WithoutCancel(ctx), control.Settings{
		Store:       db,
		Engine:      engine,
		Objects:     objects,
		Tables:      tables,
		Lookups:     lookups,
		Functions:   functions,
		HTTP:        s.openOutbound(),
		Partitions:  s.config.Processing.PartitionsMax,
		IDsDir:      ids,
		IDsMax:      int(s.config.Limits.EventIDs),
		Keyring:     keyring,
		Spools:      spools,
		Recent:      block.NewRecent(int64(s.config.Memory.RecentBytes)),
		Compile:     map[string]stream.Compile{awsapi.Language: awsapi.Compile, native.Language: native.Environment(s.config.Secrets.Dir, s.config.Lookups.Dir).Compile},
		Quota:       s.config.Limits.Streams,
		Rates:       ingest.Rates{Requests: s.config.Limits.RequestsPerSecond, Records: s.config.Limits.RecordsPerSecond, Bytes: int64(s.config.Limits.BytesPerSecond)},
		IntervalMin: s.config.Delivery.IntervalMin,
		Retention:   s.config.Log.Retention,
		InFlight:    s.config.Delivery.InFlight,
		Encoders:    runtime.GOMAXPROCS(0),
		Retry:       deliver.Retry{First: retryFirst, Max: s.config.Delivery.RetryMax, Timeout: s.config.Delivery.AttemptTimeout},
		Discard:     !s.config.Delete.Drain,
		Diagnose:    diagnose,
		Metrics:     s.metrics,
		Logger:      s.logger,
	})
	if err != nil {
		return err
	}
	s.stopsWith("streams", ctl.Close)
	s.registry.MustRegister(metric.Node(ctl.Deliveries))
	s.applyStreams(context.WithoutCancel(ctx), ctl, documents)
	s.control.Store(ctl)
	s.openDoors(ctl, engine, tables, keys)
	s.logger.Info("Ready.", "address", s.Address(), "took", time.Since(s.started).Round(time.Millisecond).String())
	return nil
}

// retryFirst is the pause after the first failed try of a delivery.
const retryFirst = 200 * time.Millisecond

func (s *Server) stopsWith(name string, do func(context.Context) error) {
	s.stops = append(s.stops, stop{name, do})
}

// listen takes the address and begins to answer: probes at once, all else when the doors are open.
func (s *Server) listen() error {
	listener, err := net.Listen("tcp", s.config.Listen)
	if err != nil {
		var failed *net.OpError
		if errors.As(err, &failed) {
			err = failed.Err // which does not say the address again
		}
		if errors.Is(err, syscall.EADDRINUSE) {
			return fmt.Errorf("listen on %s: %w: stop what listens there, or give another address with --listen", s.config.Listen, err)
		}
		return fmt.Errorf("listen on %s: %w", s.config.Listen, err)
	}
	s.listener = listener
	serving := listener
	if s.config.TLS.Cert != "" {
		settings, err := tlsfile.Config(s.config.TLS.Cert, s.config.TLS.Key, s.logger)
		if err != nil {
			listener.Close()
			return err
		}
		serving = tlsListener(listener, settings)
	}
	s.http = &http.Server{
		Handler:           http.HandlerFunc(s.serve),
		ReadHeaderTimeout: 10 * time.Second,
		ReadTimeout:       time.Minute,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    64 << 10,
		ErrorLog:          slog.NewLogLogger(s.logger.Handler(), slog.LevelDebug),
	}
	go func() { s.served <- s.http.Serve(serving) }() // ends with Shutdown, which Stop calls
	s.stopsWith("requests", s.http.Shutdown)
	return nil
}

// Address returns the address that the node listens on.
func (s *Server) Address() string { return s.listener.Addr().String() }

// URL returns the address as clients write it.
func (s *Server) URL() string {
	if s.config.TLS.Cert != "" {
		return "https://" + s.Address()
	}
	return "http://" + s.Address()
}

// Wait returns when ctx ends, or with an error when the node cannot go on.
func (s *Server) Wait(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return nil
	case err := <-s.served:
		return fmt.Errorf("serve: %w", err)
	}
}

// Stop stops the node: it takes nothing new, finishes what is in flight until ctx ends, and closes what it opened. What is
// not delivered stays in the log.
func (s *Server) Stop(ctx context.Context) error {
	s.stopping.Store(true)
	s.end()
	var all error
	// Requests, which were there first, end first, then the others in reverse.
	order := make([]stop, 0, len(s.stops))
	if len(s.stops) > 0 {
		order = append(order, s.stops[0])
	}
	for i := len(s.stops) - 1; i > 0; i-- {
		order = append(order, s.stops[i])
	}
	for _, part := range order {
		began := time.Now()
		err := part.do(ctx)
		if err != nil && !errors.Is(err, context.DeadlineExceeded) {
			all = errors.Join(all, fmt.Errorf("stop %s: %w", part.name, err))
		}
		s.logger.Debug("Stopped.", "part", part.name, "took", time.Since(began).String())
	}
	return all
}

func (s *Server) openDoors(ctl *control.Control, engine *segment.Engine, tables convert.Tables, keys *apikey.Ring) {
	var verifier *sigv4.Verifier
	if s.config.Auth.Mode == "sigv4" {
		verifier = sigv4.New(nil, "firehose", s.accessKeys(), time.Now)
	}
	options := awsapi.Options{
		Account:     s.config.AccountID,
		Region:      s.config.Region,
		Quota:       s.config.Limits.Streams,
		BytesMax:    int64(s.config.Limits.RequestBytesInFlight),
		RequestsMax: s.config.Limits.RequestsInFlight,
		Patience:    s.config.Limits.RequestWait,
		Logger:      s.logger,
		Observe:     s.observeRequest,
		Tables:      tables,

		CloudWatchOnly: s.config.Processing.CloudWatchLogsOnly,
	}
	door := api.Options{Keys: keys, Account: s.config.AccountID, Region: s.config.Region, Declared: ctl, Trials: ctl, Deliveries: ctl, Logger: s.logger}
	if verifier != nil {
		options.Verifier, door.Verifier = verifier, verifier
	}
	own := api.New(ctl, door)
	pages := collect.New(ctl, collect.Options{Proxies: s.trustedProxies(), Logger: s.logger, Refused: func(key stream.Key, reason string) {
		s.metrics.CollectorRefused.WithLabelValues(key.Account, key.Region, key.Name, reason).Inc()
	}})
	d := &doors{amazon: awsapi.New(ctl, options), own: http.NewServeMux(), pages: pages, hasRoom: engine.HasRoom}
	own.Register(d.own)
	s.doors.Store(d)
}

// trustedProxies returns the networks of collector.trusted_proxies, which was validated.
func (s *Server) trustedProxies() (networks []netip.Prefix) {
	for _, text := range s.config.Collector.TrustedProxies {
		network, _ := config.Network(text)
		networks = append(networks, network)
	}
	return networks
}

func (s *Server) accessKeys() func(string) (sigv4.Key, bool) {
	keys := map[string]sigv4.Key{}
	for _, k := range s.config.Auth.Keys {
		keys[k.AccessKey] = sigv4.Key{AccessKey: k.AccessKey, SecretKey: k.SecretKey.Reveal(), SessionToken: k.SessionToken.Reveal(), Account: k.Account}
	}
	return func(accessKey string) (sigv4.Key, bool) {
		k, ok := keys[accessKey]
		return k, ok
	}
}

func (s *Server) spools(dir string) (*batch.Spools, error) {
	if err := os.RemoveAll(dir); err != nil {
		return nil, fmt.Errorf("empty the spool folder: %w", err)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the spool folder: %w", err)
	}
	return batch.NewSpools(dir, int64(s.config.Memory.SpoolBytes)), nil
}
