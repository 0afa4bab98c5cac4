package bench

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"

	"firehose/internal/bench/limit"
	"firehose/internal/bench/load"
)

// Echo serves the least that an HTTP server of puts does: it reads the body and answers so many bytes that all is well.
// It ends with ctx.
func Echo(ctx context.Context, listen string, answer int, ready io.Writer) error {
	text := bytes.Repeat([]byte{' '}, answer)
	copy(text, `{"FailedPutCount":0}`)
	length := strconv.Itoa(len(text))
	h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		buffer := sinkBuffers.Get().(*[]byte)
		defer sinkBuffers.Put(buffer)
		if _, err := io.CopyBuffer(struct{ io.Writer }{io.Discard}, struct{ io.Reader }{r.Body}, *buffer); err != nil {
			return
		}
		w.Header().Set("Content-Length", length)
		w.Write(text) // an error here is the client's going away
	})
	return serveUntil(ctx, listen, h, ready)
}

// measureEcho measures what net/http alone takes for the load's requests, with answers as long as the server's.
func measureEcho(ctx context.Context, program string, s load.Settings, answer int, took time.Duration) (limit.Limit, error) {
	l := limit.Limit{Name: limit.Echo, Unavoidable: true}
	c, err := startChild(ctx, program, "echo", []string{"bench", "echo", "--answer", strconv.Itoa(max(answer, 20))}, cleanEnvironment())
	if err != nil {
		return l, err
	}
	defer c.kill()
	s.URL, s.Ledger, s.Rate, s.Records, s.Key, s.Between = "http://"+c.address, nil, 0, 0, load.Key{}, nil
	s.Duration = took
	run, err := load.New(ctx, s)
	if err != nil {
		return l, err
	}
	before := used(c.pid)
	run.Run(ctx)
	stats := run.Stats()
	if stats.Records == 0 {
		return l, fmt.Errorf("the echo answered nothing: %s", stats.FirstFailure)
	}
	gigabytes := float64(stats.Bytes) / 1e9
	l.CPUSecondsPerGB = (used(c.pid).cpu - before.cpu).Seconds() / gigabytes
	l.MegabytesPerSec = gigabytes * 1000 / stats.Elapsed.Seconds()
	return l, nil
}
