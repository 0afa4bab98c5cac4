package deliver_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strconv"
	"strings"
	"time"

	"firehose/internal/batch"
	"firehose/internal/deliver"
	"firehose/internal/destination"
	"firehose/internal/erroroutput"
	"firehose/internal/process"
	"firehose/internal/process/lambda"
	"firehose/internal/verdict"
)

// processing is what a plan does to records, which are lines that begin with six digits, or runs of such lines. All of
// it follows from the digits.
type processing struct {
	unpack   bool          // from GZIP
	split    bool          // into lines
	function bool          // drops some, refuses some
	parts    int           // partitions; 0 for no partitioning
	active   int           // of them at once; 0 for no limit
	rejects  bool          // the encoder refuses some
	refuses  bool          // the destination refuses some
	tries    time.Duration // after which what fails goes to the error output; 0 for never
	bounded  bool          // also where somebody must repair the destination

	keys deliver.Keys                                  // in place of those of parts
	call func(ctx context.Context, text string) string // in place of function; "" for a failure
	bare func(*bucket) destination.Sender              // in place of the bucket, with nowhere for error outputs
}

func randomProcessing(r *rand.Rand, packed bool) processing {
	p := processing{split: r.IntN(3) == 0, function: r.IntN(3) == 0, rejects: r.IntN(3) == 0, refuses: r.IntN(4) == 0}
	p.unpack = packed && (p.split || r.IntN(4) > 0) // what is packed cannot be split
	if r.IntN(2) == 0 {
		p.parts, p.active = []int{1 + r.IntN(8), 50}[r.IntN(2)], []int{0, 0, 1, 3, 20}[r.IntN(5)]
	}
	if r.IntN(4) == 0 {
		p.giveUp(r)
	}
	if p.refuses && r.IntN(2) == 0 {
		p.bare = func(b *bucket) destination.Sender { return b }
	}
	return p
}

// giveUp makes a destination one that is not waited for without end.
func (p *processing) giveUp(r *rand.Rand) {
	p.tries, p.bounded = []time.Duration{1, time.Second, 20 * time.Second, 5 * time.Minute}[r.IntN(4)], r.IntN(2) == 0
	p.rejects = p.rejects || r.IntN(2) == 0
}

func (p processing) apply(w *world, plan deliver.Plan) deliver.Plan {
	plan.Rejects, plan.Active, plan.RetryFor = p.rejects || p.refuses || p.tries > 0, p.active, p.tries
	plan.Process.Decompress, plan.Process.Messages = p.unpack, p.unpack
	if p.bare != nil {
		plan.Destination, _ = destination.OpenAside(p.bare(plan.Destination.(*bucket)), nil, destination.Env{}) // which fails with another only
	}
	if p.split {
		plan.Process.Split = &process.Split{Delimiter: "\n"}
	}
	if p.function {
		plan.Process.Lambda = &process.Lambda{Size: 100, Interval: 7 * time.Second}
		plan.Function = function{w}
	}
	if p.call != nil {
		plan.Process.Lambda = &process.Lambda{Size: 4, Interval: time.Minute}
		plan.Function = wordwise(p.call)
	}
	if p.parts > 0 || p.keys != nil {
		plan.Process.Partition = &process.Partition{}
		plan.Keys = keys{p.parts}
	}
	if p.keys != nil {
		plan.Keys = p.keys
	}
	return plan
}

// packed returns lines as the messages of an envelope in GZIP.
func packed(text []byte) []byte {
	var b bytes.Buffer
	w, _ := gzip.NewWriterLevel(&b, gzip.NoCompression)
	fmt.Fprint(w, `{"messageType":"DATA_MESSAGE","logEvents":[`)
	for i, line := range lines(text) {
		fmt.Fprintf(w, `%s{"message":%q}`, ","[:min(i, 1)], strings.TrimSuffix(line, "\n"))
	}
	fmt.Fprint(w, "]}")
	w.Close()
	return b.Bytes()
}

// unpacked undoes packed, if it was done.
func unpacked(record []byte) []byte {
	text := record
	if bytes.HasPrefix(record, []byte("\x1f\x8b")) {
		process.NewExpander(process.Config{Decompress: true, Messages: true}).Expand(record, func(piece []byte) { text = piece })
	}
	return text
}

// number is what a record's first line begins with; false for an empty record.
func number(record []byte) (int, bool) {
	n, err := strconv.Atoi(string(record[:min(6, len(record))]))
	return n, err == nil
}

// dropped says whether the function drops a record.
func dropped(record []byte) bool {
	n, ok := number(record)
	return ok && n%17 == 0
}

// keys gives the partition of a record, or finds none.
type keys struct{ parts int }

func (k keys) Values(_ context.Context, record []byte, dst []string) ([]string, error) {
	n, ok := number(record)
	if !ok || n%13 == 0 {
		return dst, errors.New("no key")
	}
	return append(dst, strconv.Itoa(n*7919%10007%k.parts)), nil
}

// hangUp is what a wordwise function returns to end its call.
const hangUp = "!"

// wordwise is a function that is called with each record in turn.
type wordwise func(ctx context.Context, text string) string

func (f wordwise) Call(ctx context.Context, records []lambda.Record) ([]lambda.Result, error) {
	results := make([]lambda.Result, len(records))
	for i, r := range records {
		switch text := f(ctx, strings.TrimSpace(string(r.Data))); text {
		case hangUp:
			return nil, errors.New("gave up")
		case "":
			results[i].Failure = &erroroutput.Failure{Type: erroroutput.Processing, Attempts: 1}
		default:
			results[i].Data = []byte(text + "\n")
		}
	}
	return results, ctx.Err()
}

// letters gives each record the partition of its first letter.
type letters struct{}

func (letters) Values(_ context.Context, record []byte, dst []string) ([]string, error) {
	return append(dst, string(record[:1])), nil
}

// function answers after a while.
type function struct{ world *world }

func (f function) Call(ctx context.Context, records []lambda.Record) ([]lambda.Result, error) {
	w := f.world
	w.mu.Lock()
	long, hangs, whim := time.Duration(0), false, 0
	if !w.calm && w.chance.IntN(3) == 0 {
		long = time.Duration(w.chance.IntN(5_000)) * time.Millisecond
		hangs = w.chance.IntN(15) == 0
	}
	if w.fickle {
		whim = w.chance.IntN(4)
	}
	w.danger()
	w.mu.Unlock()
	if hangs {
		<-ctx.Done()
		return nil, context.Cause(ctx)
	}
	select {
	case <-time.After(long):
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	w.mu.Lock()
	w.danger()
	w.mu.Unlock()
	results := make([]lambda.Result, len(records))
	for i, r := range records {
		switch n, ok := number(r.Data); {
		case dropped(r.Data):
			results[i].Dropped = true
		case ok && n%19 == 0, whim == 1, whim == 2 && n%2 == 0:
			results[i].Failure = &erroroutput.Failure{Type: erroroutput.Processing, Code: "Lambda.ProcessingFailedStatus", Attempts: 1}
		default:
			results[i].Data = r.Data
		}
	}
	return results, nil
}

// poisonous says whether a body holds a line that the destination refuses.
func poisonous(body []byte) bool {
	for line := range bytes.Lines(body) {
		if n, ok := number(line); ok && n%29 == 0 {
			return true
		}
	}
	return false
}

// gaveUp is the type of what was tried for too long; that of what was refused is another.
const gaveUp = erroroutput.HTTPEndpoint

// Failure makes a bucket a deliver.Failer.
func (b *bucket) Failure(err error) erroroutput.Failure {
	if verdict.AsRefused(err) == nil {
		return erroroutput.Failure{Type: gaveUp, Code: "HttpEndpoint.Late"}
	}
	return erroroutput.Failure{Type: erroroutput.Webhook, Code: "Webhook.Refused"}
}

// originals writes the records that an error output holds.
type originals struct{ io.Writer }

func (o originals) Write(r batch.Records) error {
	for i := range r.Ends {
		line, err := erroroutput.Parse(r.Record(i))
		if err == nil {
			err = plainEncoder(o).line(line.Raw)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
func (originals) Close() error { return nil }

// fussy refuses some records.
type fussy struct {
	plainEncoder
	refused []batch.Rejected
}

func (e *fussy) Write(r batch.Records) error {
	e.refused = e.refused[:0]
	for i := range r.Ends {
		if n, ok := number(r.Record(i)); ok && n%23 == 0 {
			e.refused = append(e.refused, batch.Rejected{Index: i, Failure: erroroutput.Failure{Type: erroroutput.Conversion, Attempts: 1}})
			continue
		}
		if err := e.line(r.Record(i)); err != nil {
			return err
		}
	}
	return nil
}

func (e *fussy) Rejected() []batch.Rejected { return e.refused }
