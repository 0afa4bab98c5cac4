package deliver_test

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"strconv"
	"time"

	"firehose/internal/batch"
	"firehose/internal/deliver"
	"firehose/internal/erroroutput"
	"firehose/internal/process"
	"firehose/internal/process/lambda"
)

// processing is what a plan does to records, which are lines that begin with six digits, or runs of such lines. All of
// it follows from the digits.
type processing struct {
	split    bool // into lines
	function bool // drops some, refuses some
	parts    int  // partitions; 0 for no partitioning
	active   int  // of them at once; 0 for no limit
	rejects  bool // the encoder refuses some
}

func randomProcessing(r *rand.Rand) processing {
	p := processing{split: r.IntN(3) == 0, function: r.IntN(3) == 0, rejects: r.IntN(3) == 0}
	if r.IntN(2) == 0 {
		p.parts, p.active = 1+r.IntN(8), []int{0, 0, 1, 3}[r.IntN(4)]
	}
	return p
}

func (p processing) apply(w *world, plan deliver.Plan) deliver.Plan {
	plan.Rejects, plan.Active = p.rejects, p.active
	if p.split {
		plan.Process.Split = &process.Split{Delimiter: "\n"}
	}
	if p.function {
		plan.Process.Lambda = &process.Lambda{Size: 100, Interval: 7 * time.Second}
		plan.Function = function{w}
	}
	if p.parts > 0 {
		plan.Process.Partition = &process.Partition{}
		plan.Keys = keys{p.parts}
	}
	return plan
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

// function answers after a while.
type function struct{ world *world }

func (f function) Call(ctx context.Context, records []lambda.Record) ([]lambda.Result, error) {
	w := f.world
	w.mu.Lock()
	long := time.Duration(0)
	if !w.calm && w.chance.IntN(3) == 0 {
		long = time.Duration(w.chance.IntN(5_000)) * time.Millisecond
	}
	w.danger()
	w.mu.Unlock()
	select {
	case <-time.After(long):
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	results := make([]lambda.Result, len(records))
	for i, r := range records {
		switch n, ok := number(r.Data); {
		case dropped(r.Data):
			results[i].Dropped = true
		case ok && n%19 == 0:
			results[i].Failure = &erroroutput.Failure{Type: erroroutput.Processing, Code: "Lambda.ProcessingFailedStatus", Attempts: 1}
		default:
			results[i].Data = r.Data
		}
	}
	return results, nil
}

// originals writes the records that an error output holds.
type originals struct{ io.Writer }

func (o originals) Write(r batch.Records) error {
	for i := range r.Ends {
		line, err := erroroutput.Parse(r.Record(i))
		if err == nil {
			err = plainEncoder{o.Writer}.line(line.Raw)
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
