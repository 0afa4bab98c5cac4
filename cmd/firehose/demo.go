package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/firehose"

	"firehose/internal/config"
	"firehose/internal/sample"
	"firehose/internal/server"
)

const demoUsage = `Shows the whole way once: starts a server on a free port, creates a delivery stream through Amazon's API, sends a
sample of events, waits for their delivery to a folder, and checks that every record arrived exactly once.

Usage: firehose demo [flags]
`

// demo is one run of the demonstration.
type demo struct {
	records  int
	dir      string // data folder; empty for one of its own
	keep     bool   // whether that one stays
	interval int32  // buffering interval in seconds
	out      io.Writer
	terminal bool // out can rewrite a line
}

const (
	demoStream   = "demo"
	demoBucket   = "events"
	demoSeed     = 1
	demoPatience = time.Minute // without any progress
)

func runDemo(ctx context.Context, args []string) error {
	d := demo{interval: 3, out: os.Stdout, terminal: terminal(os.Stdout)}
	flags := flag.NewFlagSet("demo", flag.ContinueOnError)
	flags.IntVar(&d.records, "records", 5000, "`number` of events to send")
	flags.StringVar(&d.dir, "dir", "", "data `folder`, empty or to be made; it is kept (default: a temporary one)")
	flags.BoolVar(&d.keep, "keep", false, "keep the temporary folder")
	flags.Usage = func() {
		fmt.Fprint(flags.Output(), demoUsage+"\n")
		flags.PrintDefaults()
	}
	switch err := parseFlags(flags, args); {
	case err != nil:
		return err
	case flags.NArg() > 0:
		return unexpected(flags.Name(), flags.Arg(0))
	case d.records < 1:
		return fmt.Errorf("--records %d: want at least 1", d.records)
	}
	return d.run(ctx)
}

// run makes the folder, runs the demonstration in it, and cleans up.
func (d *demo) run(ctx context.Context) (err error) {
	if err := d.makeDir(); err != nil {
		return err
	}
	defer func() {
		if d.keep {
			fmt.Fprintf(d.out, "\nThe folder is kept: %s\n", d.dir)
			return
		}
		err = errors.Join(err, os.RemoveAll(d.dir))
	}()
	err = d.inFolder(ctx)
	if ctx.Err() != nil {
		d.progress("")
		return errors.New("interrupted")
	}
	return err
}

func (d *demo) makeDir() (err error) {
	if d.dir == "" {
		d.dir, err = os.MkdirTemp("", "firehose-demo-")
		return err
	}
	d.keep = true
	if d.dir, err = filepath.Abs(d.dir); err != nil {
		return err
	}
	found, err := os.ReadDir(d.dir)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	if len(found) > 0 {
		return fmt.Errorf("%s is not empty; name an empty folder or one that is not there yet", d.dir)
	}
	return os.MkdirAll(d.dir, 0o755)
}

// inFolder sends and waits, stops the server, and then counts what lies in the bucket.
func (d *demo) inFolder(ctx context.Context) error {
	s, err := d.start(ctx)
	if err != nil {
		return err
	}
	err = d.deliver(ctx, s.URL())
	ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	if err := errors.Join(err, s.Stop(ending)); err != nil {
		return err
	}
	return d.check()
}

// start starts a server as the embedded default has it, but for the port.
func (d *demo) start(ctx context.Context) (*server.Server, error) {
	c := config.Default()
	c.Listen = "127.0.0.1:0"
	c.DataDir = d.dir
	c.Store = "file"
	c.Log.MinFree = 0 // a demonstration may use the last of a small disk
	logger := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
	s, err := server.Start(ctx, c, logger)
	if err != nil {
		return nil, err
	}
	d.line("server", "%s, data in %s", s.URL(), d.dir)
	return s, nil
}

// deliver goes the way of a client and returns when the bucket holds as many records as were sent.
func (d *demo) deliver(ctx context.Context, url string) error {
	client := firehose.New(firehose.Options{
		Region:       "us-east-1",
		BaseEndpoint: &url,
		Credentials:  credentials.NewStaticCredentialsProvider("demo", "demo", ""), // not checked
	})
	if err := d.create(ctx, client); err != nil {
		return err
	}
	d.line("stream", "%q delivers to s3://%s, GZIP, every 1 MiB or %d s", demoStream, demoBucket, d.interval)
	began := time.Now()
	bytes, err := d.send(ctx, client)
	if err != nil {
		return err
	}
	d.line("sent", "%s records, %s, in %v; acknowledged, so durable", thousands(d.records), mebibytes(bytes), time.Since(began).Round(time.Millisecond))
	return d.wait(ctx)
}

// wait looks into the bucket until all is there.
func (d *demo) wait(ctx context.Context) error {
	if !d.terminal {
		d.line("waiting", "batches are cut at 1 MiB, and what is left after %d s", d.interval)
	}
	look := time.NewTicker(50 * time.Millisecond)
	defer look.Stop()
	b := newBucket(d.dir)
	began := time.Now()
	for latest := began; ; {
		found, err := b.look()
		switch {
		case err != nil:
			return err
		case b.records >= d.records:
			d.progress("")
			d.line("delivered", "%s records in %d objects, after %.1f s", thousands(b.records), len(b.objects), time.Since(began).Seconds())
			return nil
		case found > 0:
			latest = time.Now()
		case time.Since(latest) > demoPatience:
			d.progress("")
			return fmt.Errorf("nothing was delivered for %v; %s of %s records arrived", demoPatience, thousands(b.records), thousands(d.records))
		}
		d.progress(fmt.Sprintf("  %-10s %s of %s records, %d objects, %.1f s", "delivering",
			thousands(b.records), thousands(d.records), len(b.objects), time.Since(began).Seconds()))
		select {
		case <-look.C:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// check shows the objects, and counts their records by id against what was sent.
func (d *demo) check() error {
	b := newBucket(d.dir)
	if _, err := b.look(); err != nil {
		return err
	}
	b.show(d.out)
	missing, again, foreign := 0, 0, b.records
	source := sample.New(demoSeed)
	for range d.records {
		switch n := b.ids[sample.ID(source.Next())]; n {
		case 0:
			missing++
		default:
			again += n - 1
			foreign -= n
		}
	}
	if missing+again+foreign > 0 {
		return fmt.Errorf("of %s records sent, %d are missing, %d came once more than they should, and %d came that nobody sent",
			thousands(d.records), missing, again, foreign)
	}
	fmt.Fprintf(d.out, "\nEvery record arrived exactly once: %s sent, %s delivered, 0 missing, 0 twice.\n", thousands(d.records), thousands(b.records))
	return nil
}

// line prints one step.
func (d *demo) line(step, format string, args ...any) {
	fmt.Fprintf(d.out, "  %-10s %s\n", step, fmt.Sprintf(format, args...))
}

// progress rewrites the current line of a terminal; an empty text clears it.
func (d *demo) progress(text string) {
	if d.terminal {
		fmt.Fprint(d.out, "\r\x1b[K"+text)
	}
}

func mebibytes(n int) string { return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20)) }

// thousands writes a number of records with commas.
func thousands(n int) string {
	text := fmt.Sprint(n)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}
