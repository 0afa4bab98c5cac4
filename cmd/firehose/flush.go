package main

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"time"
)

func runFlush(ctx context.Context, args []string) error {
	flags, c := newFlags("flush", "Delivers what a stream holds now, and returns when it is delivered.\n\nUsage: firehose flush NAME [flags]")
	timeout := flags.Duration("timeout", time.Minute, "how long to wait for the delivery")
	name, err := parse(flags, args, "name of a stream")
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, *timeout)
	defer cancel()
	var answer struct{ Status string }
	if err := c.do(ctx, http.MethodPost, "/v1/streams/"+url.PathEscape(name)+":flush", url.Values{}, &answer); err != nil {
		return err
	}
	fmt.Println(name, answer.Status)
	return nil
}
