package bench

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"firehose/internal/bench/load"
	"firehose/internal/block"
	"firehose/internal/log/segment"
	"firehose/internal/state"
)

// fillHistory gives the log of the first stream so many bytes of blocks that no delivery needs, as if they had been
// delivered long ago: it writes real segments with the log's own engine while the server is stopped, and lets the
// stream's deliveries begin at the end. Then it starts the server again.
func (n *node) fillHistory(ctx context.Context, size int64) (err error) {
	if err := n.stopServer(); err != nil {
		return err
	}
	data := filepath.Join(n.dir, "data")
	db, err := state.Open(filepath.Join(data, "state.db"))
	if err != nil {
		return err
	}
	streams, err := db.Streams()
	if err == nil {
		first := streams[0]
		// Without a cursor, a delivery begins at the log's end.
		err = errors.Join(db.RemoveStream(first), db.SaveStream(first))
		if err == nil {
			err = fillLog(ctx, filepath.Join(data, "log"), first.ID.String()+"/0", size)
		}
	}
	if err := errors.Join(err, db.Close()); err != nil {
		return fmt.Errorf("make history: %w", err)
	}
	return n.serve(ctx)
}

// fillLog appends blocks of realistic records until they take up size bytes.
func fillLog(ctx context.Context, dir, name string, size int64) (err error) {
	engine, err := segment.Open(segment.Options{Dir: dir})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, engine.Close()) }()
	l, err := engine.Open(ctx, name)
	if err != nil {
		return err
	}
	bodies := packedBlocks(32)
	total := int64(len(bytes.Join(bodies, nil)))
	for written := int64(0); written < size; written += total {
		if _, _, err := l.Append(ctx, bodies...); err != nil {
			return err
		}
	}
	return l.Close()
}

func packedBlocks(n int) [][]byte {
	bodies := make([][]byte, n)
	for i := range bodies {
		var b block.Builder
		for _, r := range load.Records(uint64(i), 1000, 1000) {
			b.Append(r)
		}
		bodies[i] = b.Pack(nil, nil)
	}
	return bodies
}
