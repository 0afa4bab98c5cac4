// Package state keeps the two small things that must survive a restart besides the log: the catalogue of streams, and
// the cursors of their deliveries. On one machine both are buckets of one bbolt file.
//
// Every change is durable when the call returns. A change that finds no room on the disk fails and leaves what was there;
// it may be tried again.
package state

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"

	"firehose/internal/stream"
)

// DB is the open file.
type DB struct{ bolt *bbolt.DB }

var (
	streamsBucket = []byte("streams") // account/region/name -> stream.Stream as JSON
	cursorsBucket = []byte("cursors") // stream's identity/delivery -> deliver.State as JSON
	sentBucket    = []byte("sent")    // stream's identity/delivery/first position -> a batch sent

	apiKeysBucket  = []byte("api_keys") // id -> apikey.Key as JSON
	redrivenBucket = []byte("redriven") // stream's identity/key of an error output -> Redriven as JSON
)

// Open opens the file, making it if there is none. It fails after a second when another process has it open.
func Open(path string) (*DB, error) {
	bolt, err := bbolt.Open(path, 0o600, &bbolt.Options{Timeout: time.Second, FreelistType: bbolt.FreelistMapType})
	if errors.Is(err, bolterrors.ErrTimeout) {
		return nil, fmt.Errorf("open %s: another process is using this data folder: stop it, or give another with --data-dir", path)
	}
	var refused *fs.PathError
	switch {
	case errors.As(err, &refused):
		return nil, fmt.Errorf("open %s: %w", path, refused.Err)
	case err != nil:
		return nil, fmt.Errorf("open %s: %w: it is damaged, or no catalogue; without it the log's records have no stream", path, err)
	}
	err = bolt.Update(func(tx *bbolt.Tx) error {
		for _, name := range [][]byte{streamsBucket, cursorsBucket, sentBucket, redrivenBucket, apiKeysBucket} {
			if _, err := tx.CreateBucketIfNotExists(name); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		bolt.Close()
		return nil, fmt.Errorf("open %s: %w", path, err)
	}
	bolt.MaxBatchDelay = 2 * time.Millisecond // changes that come together share one sync
	return &DB{bolt: bolt}, nil
}

// Close closes the file.
func (db *DB) Close() error { return db.bolt.Close() }

func streamKey(k stream.Key) []byte { return []byte(k.Account + "/" + k.Region + "/" + k.Name) }

// Streams returns all streams of the catalogue, ordered by account, region and name.
func (db *DB) Streams() ([]stream.Stream, error) {
	var all []stream.Stream
	err := db.bolt.View(func(tx *bbolt.Tx) error {
		return tx.Bucket(streamsBucket).ForEach(func(key, value []byte) error {
			var s stream.Stream
			if err := json.Unmarshal(value, &s); err != nil {
				return fmt.Errorf("stream %s: %w", key, err)
			}
			all = append(all, s)
			return nil
		})
	})
	if err != nil {
		return nil, fmt.Errorf("read the catalogue: %w", err)
	}
	return all, nil
}

// SaveStream puts a stream into the catalogue, in place of one of the same key.
func (db *DB) SaveStream(s stream.Stream) error {
	value, err := json.Marshal(s)
	if err != nil {
		return fmt.Errorf("write stream %s: %w", s.Name, err)
	}
	err = db.bolt.Batch(func(tx *bbolt.Tx) error { return tx.Bucket(streamsBucket).Put(streamKey(s.Key), value) })
	if err != nil {
		return fmt.Errorf("write stream %s to the catalogue: %w", s.Name, err)
	}
	return nil
}

// RemoveStream takes a stream out of the catalogue, with all its cursors and marks. It is no error if there is none.
func (db *DB) RemoveStream(s stream.Stream) error {
	all := func([]byte) bool { return true }
	err := db.bolt.Batch(func(tx *bbolt.Tx) error {
		for _, name := range [][]byte{cursorsBucket, sentBucket, redrivenBucket} {
			if err := deletePrefix(tx.Bucket(name), []byte(s.ID.String()+"/"), all); err != nil {
				return err
			}
		}
		return tx.Bucket(streamsBucket).Delete(streamKey(s.Key))
	})
	if err != nil {
		return fmt.Errorf("remove stream %s from the catalogue: %w", s.Name, err)
	}
	return nil
}
