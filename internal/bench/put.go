package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"firehose/internal/bench/load"
	"firehose/internal/disk"
	"firehose/internal/task"
)

// PutSettings is what to send to an endpoint.
type PutSettings struct {
	Load     load.Settings // URL is empty for a server of our own, as Target says
	Target   Target
	Stream   string // that is there already; empty for new ones, which are deleted afterwards
	Progress io.Writer
}

// Put measures how an endpoint takes puts, whatever becomes of the records behind it.
func Put(ctx context.Context, s PutSettings) (r *Report, err error) {
	var at control
	if s.Load.URL == "" {
		n, err := startNode(ctx, s.Target)
		if err != nil {
			return nil, err
		}
		defer func() { err = errors.Join(err, n.close()) }()
		s.Load.URL, s.Load.Key, s.Load.Streams = n.url(), n.key(), n.names
	} else if at = (control{url: s.Load.URL, key: s.Load.Key}); s.Stream != "" {
		s.Load.Streams = []string{s.Stream}
	} else {
		// Streams of an earlier run may still be deleting, so these have names of their own.
		prefix := fmt.Sprintf("%s%x-", benchPrefix, time.Now().Unix())
		for i := range max(1, s.Target.Streams) {
			s.Load.Streams = append(s.Load.Streams, load.StreamName(prefix, i))
		}
		defer func() { err = errors.Join(err, forEach(context.WithoutCancel(ctx), s.Load.Streams, at.deleteStream)) }()
		if err := at.createStreams(ctx, s.Load.Streams, streamShape{compression: s.Target.Compression, bufferMiB: s.Target.BufferMiB}); err != nil {
			return nil, err
		}
	}
	return put(ctx, s)
}

func put(ctx context.Context, s PutSettings) (*Report, error) {
	l, err := load.New(ctx, s.Load)
	if err != nil {
		return nil, err
	}
	r := &Report{Mode: "put", Began: time.Now().UTC().Truncate(time.Second), Machine: thisMachine(), Setup: setupOf(s.Load)}
	r.Setup.URL, r.Setup.Signed = s.Load.URL, s.Load.Key.AccessKey != ""
	say(s.Progress, "sending to %s", s.Load.URL)
	watching := task.NewGroup(ctx)
	watching.Go("watch the load", func(ctx context.Context) error {
		r.Seconds = watchLoad(ctx, l)
		return nil
	})
	began := ownCPU()
	l.Run(ctx)
	stats := l.Stats()
	r.LoadCPU = (ownCPU() - began).Seconds()
	watching.Stop()
	watching.Wait() // its task returns no error
	r.note(&stats)
	if stats.Records == 0 {
		return nil, fmt.Errorf("no record was acknowledged: %s", stats.FirstFailure)
	}
	return r, nil
}

// watchLoad looks at a load every second until ctx ends.
func watchLoad(ctx context.Context, l *load.Load) (seconds []Second) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	began := time.Now()
	at, last := began, int64(0)
	for {
		select {
		case <-ctx.Done():
			return seconds
		case <-tick.C:
		}
		now, h := time.Now(), l.Interval()
		_, bytes := l.Taken()
		seconds = append(seconds, Second{
			At:           round(now.Sub(began).Seconds(), 2),
			CapturedMBps: round(float64(bytes-last)/1e6/now.Sub(at).Seconds(), 1),
			AckP50:       ms(h.Quantile(0.5)),
			AckP99:       ms(h.Quantile(0.99)),
		})
		at, last = now, bytes
	}
}

// IdleSettings is how to compare a lone put with a lone sync.
type IdleSettings struct {
	Target   Target
	Records  int
	Size     int
	Pause    time.Duration // after each put and after each sync
	Progress io.Writer
}

// Idle puts single records to a server that has nothing else to do, and after each one appends as many bytes to a file on
// the same disk and syncs it, so that both meet the same moods of the disk.
func Idle(ctx context.Context, s IdleSettings) (r *Report, err error) {
	n, err := startNode(ctx, s.Target)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, n.close()) }()
	file, err := disk.OS.OpenFile(filepath.Join(n.dir, "append"), os.O_CREATE|os.O_RDWR)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	var syncs load.Histogram
	var failed error
	text, at := load.Records(1, 1, s.Size)[0], int64(0)
	between := func() {
		time.Sleep(s.Pause)
		began := time.Now()
		_, err := file.WriteAt(text, at)
		failed = errors.Join(failed, err, file.Sync())
		syncs.Add(time.Since(began))
		at += int64(len(text))
		time.Sleep(s.Pause)
	}
	between() // the first one makes the file longer than nothing
	syncs = load.Histogram{}
	say(s.Progress, "putting %d single records", s.Records)
	l, err := load.New(ctx, load.Settings{URL: n.url(), Streams: n.names, Batch: 1, Size: s.Size, Connections: 1, Records: s.Records, Between: between, Key: n.key()})
	if err != nil {
		return nil, err
	}
	l.Run(ctx)
	stats := l.Stats()
	if err := errors.Join(failed, context.Cause(ctx)); err != nil {
		return nil, err
	}
	r = &Report{Mode: "idle", Began: time.Now().UTC().Truncate(time.Second), Machine: thisMachine(), Setup: setupOf(l.Settings)}
	r.note(&stats)
	r.Captured = nil // a rate would say only how long the pauses are
	r.Idle = &IdleResult{Put: r.Ack, Sync: latency(&syncs), SyncedBytesEach: len(text), PauseMillisecond: ms(s.Pause)}
	if r.Idle.Put == nil {
		return nil, fmt.Errorf("no record was acknowledged: %s", stats.FirstFailure)
	}
	r.Idle.MedianAboveSync = round(r.Idle.Put.P50-r.Idle.Sync.P50, 3)
	return r, nil
}
