package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"firehose/internal/bench"
	"firehose/internal/bench/load"
	"firehose/internal/config"
)

const benchUsage = `Measures the service, and beside it what the machine can do at best.

Usage: firehose bench put [flags]    drive an endpoint (--url), or a server of its own, with puts
       firehose bench e2e [flags]    start a server and an object store, send records, wait for the last delivery
       firehose bench idle [flags]   compare single puts with a bare sync of the disk
       firehose bench all [flags]    run everything that the performance page has rows for

Each explains its flags with --help. The server and the object store are processes of this same binary on this machine.
`

// benchCommands are the modes; sink and echo are what the others start.
func benchCommands() map[string]func(context.Context, []string) error {
	return map[string]func(context.Context, []string) error{
		"put": benchPut, "e2e": benchE2E, "idle": benchIdle, "all": benchAll, "sink": benchSink, "echo": benchEcho,
	}
}

func runBench(ctx context.Context, args []string) error {
	if len(args) > 0 {
		if run, ok := benchCommands()[args[0]]; ok {
			return run(ctx, args[1:])
		}
		if args[0] == "-h" || args[0] == "--help" || args[0] == "help" {
			fmt.Print(benchUsage)
			return nil
		}
	}
	fmt.Fprint(os.Stderr, benchUsage)
	return errUsage
}

// benchFlags are the flags that several modes share.
type benchFlags struct {
	*flag.FlagSet
	target    bench.Target
	load      load.Settings
	arguments string
	asJSON    bool
	html      string
	progress  io.Writer
}

func newBenchFlags(mode string) *benchFlags {
	f := &benchFlags{FlagSet: flag.NewFlagSet("bench "+mode, flag.ContinueOnError), progress: os.Stderr}
	f.StringVar(&f.target.Dir, "dir", "", "`folder` on the disk to measure, for temporary files (default: the system's)")
	f.StringVar(&f.arguments, "serve-args", "", "more `arguments` for the server that is started, separated by spaces")
	f.BoolVar(&f.asJSON, "json", false, "print JSON")
	f.StringVar(&f.html, "html", "", "write a page with charts to this `file`")
	f.target.Store, f.target.Compression, f.target.BufferMiB, f.target.Streams = "s3", "GZIP", 5, 1
	f.load = load.Settings{Batch: 500, Size: 1000, Connections: 4, Duration: 10 * time.Second}
	return f
}

// withLoad adds the flags about what is sent.
func (f *benchFlags) withLoad() {
	f.IntVar(&f.load.Batch, "batch", f.load.Batch, "records of a request, up to 500; 1 is PutRecord")
	f.IntVar(&f.load.Size, "size", f.load.Size, "`bytes` of a record")
	f.IntVar(&f.load.Connections, "connections", f.load.Connections, "connections, each of which waits for its answer")
	f.Float64Var(&f.load.Rate, "rate", 0, "records a second to offer, however they are answered; 0 for as many as go")
	f.DurationVar(&f.load.Duration, "duration", f.load.Duration, "how long to send")
	f.IntVar(&f.load.Records, "records", 0, "how many to send, instead of --duration")
	f.BoolVar(&f.target.Signed, "sigv4", false, "sign requests; for --url by AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY")
	f.IntVar(&f.target.Streams, "streams", f.target.Streams, "streams, to which requests go in turn")
	f.StringVar(&f.target.Compression, "compression", f.target.Compression, "of the objects, as in the API")
	f.IntVar(&f.target.BufferMiB, "buffer", f.target.BufferMiB, "`MiB` of records of an object")
	f.StringVar(&f.target.Partitions, "partitions", "", "`query` whose key n parts the records, such as {n: (.page.load_ms % 500)}; needs --buffer 64 or more")
	f.BoolVar(&f.target.Events, "events", false, "streams filter each event by two fields, enrich it, and mask two of its fields")
	f.StringVar(&f.target.Store, "store", f.target.Store, "where objects go: s3 (a server that counts and discards) or file")
}

// parse reads the flags and completes what follows from them.
func (f *benchFlags) parse(args []string) (err error) {
	if err := parseFlags(f.FlagSet, args); err != nil {
		return err
	}
	if f.NArg() > 0 {
		return unexpected(f.Name(), f.Arg(0))
	}
	if f.load.Records > 0 {
		f.load.Duration = 0
	}
	f.target.Dir = cmp.Or(f.target.Dir, os.TempDir())
	f.target.Arguments = strings.Fields(f.arguments)
	f.target.Program, err = os.Executable()
	return err
}

// show prints a report, and writes its page.
func (f *benchFlags) show(r *bench.Report) error {
	if f.asJSON {
		if err := writeIndented(os.Stdout, r); err != nil {
			return err
		}
	} else {
		r.Write(os.Stdout)
	}
	return writePage(f.html, nil, r)
}

func writeIndented(w io.Writer, value any) error {
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	encoder.SetEscapeHTML(false)
	return encoder.Encode(value)
}

func writePage(file string, rows []bench.Row, reports ...*bench.Report) error {
	if file == "" {
		return nil
	}
	out, err := os.Create(file)
	if err != nil {
		return err
	}
	return errors.Join(bench.WriteHTML(out, "Firehose: how fast", rows, reports), out.Close())
}

func benchPut(ctx context.Context, args []string) error {
	f := newBenchFlags("put")
	f.load.Batch, f.load.Connections = 1, 64
	f.withLoad()
	f.StringVar(&f.load.URL, "url", "", "`address` of the endpoint (default: a server that is started)")
	stream := f.String("stream", "", "send to this stream, which is there (default: new ones, deleted afterwards)")
	region := f.String("region", cmp.Or(os.Getenv("AWS_REGION"), "us-east-1"), "region to sign for; also AWS_REGION")
	if err := f.parse(args); err != nil {
		return err
	}
	if f.load.URL != "" && f.target.Signed {
		f.load.Key = load.Key{AccessKey: os.Getenv("AWS_ACCESS_KEY_ID"), SecretKey: os.Getenv("AWS_SECRET_ACCESS_KEY"), Region: *region}
		if f.load.Key.AccessKey == "" {
			return errors.New("--sigv4 with --url needs AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY in the environment")
		}
	}
	f.load.URL = strings.TrimSuffix(f.load.URL, "/")
	r, err := bench.Put(ctx, bench.PutSettings{Load: f.load, Target: f.target, Stream: *stream, Progress: f.progress})
	if err != nil {
		return err
	}
	return f.show(r)
}

func benchE2E(ctx context.Context, args []string) error {
	f := newBenchFlags("e2e")
	f.load.Duration = time.Minute
	f.withLoad()
	var history config.Bytes
	f.TextVar(&history, "history", history, "`size` of delivered history in the log before it begins, such as 60GB")
	backlog := f.Bool("backlog", false, "hold deliveries back until everything is sent, and measure the catching up")
	verify := f.Bool("verify", false, "count every delivered record by its number; needs room for the objects")
	limits := f.Duration("limits", 2*time.Second, "how long to measure each step of the unavoidable work; 0 to leave it out")
	if err := f.parse(args); err != nil {
		return err
	}
	r, err := bench.E2E(ctx, bench.E2ESettings{Target: f.target, Load: f.load, History: int64(history), Backlog: *backlog,
		Verify: *verify, LimitTime: *limits, Progress: f.progress})
	if err != nil {
		return err
	}
	if err := f.show(r); err != nil {
		return err
	}
	if r.Verified != nil && !r.Verified.Good() {
		return errors.New("what was delivered is not what was acknowledged")
	}
	return nil
}

func benchIdle(ctx context.Context, args []string) error {
	f := newBenchFlags("idle")
	records := f.Int("records", 300, "how many to put")
	size := f.Int("size", 1000, "`bytes` of a record")
	pause := f.Duration("pause", 5*time.Millisecond, "after each put and after each sync")
	if err := f.parse(args); err != nil {
		return err
	}
	r, err := bench.Idle(ctx, bench.IdleSettings{Target: f.target, Records: *records, Size: *size, Pause: *pause, Progress: f.progress})
	if err != nil {
		return err
	}
	return f.show(r)
}

func benchSink(ctx context.Context, args []string) error {
	f := flag.NewFlagSet("bench sink", flag.ContinueOnError)
	listen := f.String("listen", "127.0.0.1:0", "address")
	keep := f.String("keep", "", "`folder` to keep objects in (default: they are discarded)")
	if err := f.Parse(args); err != nil {
		return err
	}
	return bench.Sink(ctx, *listen, *keep, os.Stderr)
}

func benchEcho(ctx context.Context, args []string) error {
	f := flag.NewFlagSet("bench echo", flag.ContinueOnError)
	listen := f.String("listen", "127.0.0.1:0", "address")
	answer := f.Int("answer", 20, "`bytes` of an answer")
	if err := f.Parse(args); err != nil {
		return err
	}
	return bench.Echo(ctx, *listen, *answer, os.Stderr)
}
