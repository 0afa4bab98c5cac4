// Command lambda is a function for tests, made with the official library as any function in Go is. It is a module of its
// own so that the library does not get into the product's.
//
// What a record says, as text, the function does: "drop", "fail", "keyed" sets a partition key; anything else becomes
// the same in upper case. The first record may besides make the whole call go wrong: "error", "panic", "exit", "sleep",
// and "sleep once" with the path of a folder, which is made by the call that sleeps.
package main

import (
	"bytes"
	"context"
	"errors"
	"os"
	"strings"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambda"
)

func main() { lambda.Start(transform) }

func transform(ctx context.Context, e events.KinesisFirehoseEvent) (events.KinesisFirehoseResponse, error) {
	var answer events.KinesisFirehoseResponse
	for i, r := range e.Records {
		if i == 0 {
			if err := misbehave(ctx, string(r.Data)); err != nil {
				return answer, err
			}
		}
		answer.Records = append(answer.Records, one(r))
	}
	return answer, nil
}

func misbehave(ctx context.Context, how string) error {
	switch how {
	case "error":
		return errors.New("as asked for")
	case "panic":
		panic("as asked for")
	case "exit":
		os.Exit(7)
	case "sleep":
		sleep(ctx)
	}
	if dir, ok := strings.CutPrefix(how, "sleep once "); ok && os.Mkdir(dir, 0o755) == nil {
		sleep(ctx)
	}
	return nil
}

// sleep returns after the time-out, which the context announces.
func sleep(ctx context.Context) {
	<-ctx.Done()
	time.Sleep(5 * time.Second) // the runtime ends the process before
}

func one(r events.KinesisFirehoseEventRecord) events.KinesisFirehoseResponseRecord {
	out := events.KinesisFirehoseResponseRecord{RecordID: r.RecordID, Result: events.KinesisFirehoseTransformedStateOk, Data: bytes.ToUpper(r.Data)}
	switch string(r.Data) {
	case "drop":
		out.Result = events.KinesisFirehoseTransformedStateDropped
	case "fail":
		out.Result = events.KinesisFirehoseTransformedStateProcessingFailed
	case "keyed":
		out.Metadata.PartitionKeys = map[string]string{"customer": "a/b"}
	}
	return out
}
