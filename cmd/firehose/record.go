package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"

	"firehose/internal/control"
	"firehose/internal/record"
	"firehose/internal/stream"
)

func runRecord(ctx context.Context, args []string) error {
	flags, c := newFlags("record", "Says where the record of a RecordId stands: in the log, in which batch, in which object.\n\nUsage: firehose record ID [flags]")
	text, err := parse(flags, args, "RecordId")
	if err != nil {
		return err
	}
	id, err := record.ParseID(text)
	if err != nil {
		return err
	}
	fmt.Printf("put        %s\nposition   block %d, record %d, partition %d\n", id.Time.Format("2006-01-02T15:04:05.000Z"), id.Position.Block, id.Position.Index, id.Partition)
	var l control.Location
	if err := c.do(ctx, http.MethodGet, "/v1/records", url.Values{"id": {text}}, &l); err != nil {
		return errors.Join(errors.New("what follows is for the server to say"), err)
	}
	printLocation(l.Stream, l)
	return nil
}

func printLocation(key stream.Key, l control.Location) {
	fmt.Printf("stream     %s (account %s, %s)\n", key.Name, key.Account, key.Region)
	switch l.Log {
	case "kept":
		fmt.Println("log        holds it")
	case "dropped":
		fmt.Println("log        has dropped it, as delivered history")
	default:
		fmt.Println("log        its block is damaged; an object has it only if it was delivered before that")
	}
	for _, d := range l.Deliveries {
		fmt.Printf("delivery   %s to %s: %s", d.Delivery, d.Target, d.State)
		if d.First.Block != 0 {
			fmt.Printf(", in the batch that begins at %v", d.First)
		}
		if d.Object != "" {
			fmt.Printf("\nobject     %s", d.Object)
		}
		fmt.Println()
	}
}
