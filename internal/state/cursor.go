package state

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"go.etcd.io/bbolt"

	"firehose/internal/batch"
	"firehose/internal/deliver"
	"firehose/internal/record"
)

// Cursor returns the cursor of a delivery.
func (db *DB) Cursor(id record.StreamID, delivery string) deliver.Cursor {
	return cursor{db: db, name: id.String() + "/" + delivery}
}

// KeepCursors forgets the cursors of all deliveries of a stream but these, with what is noted of their batches.
func (db *DB) KeepCursors(id record.StreamID, deliveries []string) error {
	prefix := []byte(id.String() + "/")
	var others [][]byte
	err := db.bolt.View(func(tx *bbolt.Tx) error {
		at := tx.Bucket(cursorsBucket).Cursor()
		for key, _ := at.Seek(prefix); bytes.HasPrefix(key, prefix); key, _ = at.Next() {
			if !slices.Contains(deliveries, string(key[len(prefix):])) {
				others = append(others, bytes.Clone(key))
			}
		}
		return nil
	})
	if err == nil && others != nil {
		err = db.bolt.Batch(func(tx *bbolt.Tx) error {
			for _, name := range others {
				if err := tx.Bucket(cursorsBucket).Delete(name); err != nil {
					return err
				}
				all := func([]byte) bool { return true }
				if err := deletePrefix(tx.Bucket(sentBucket), append(bytes.Clone(name), '/'), all); err != nil {
					return err
				}
			}
			return nil
		})
	}
	if err != nil {
		return fmt.Errorf("forget cursors of stream %s: %w", id, err)
	}
	return nil
}

type cursor struct {
	db   *DB
	name string
}

// Load returns the saved state, or false if none was saved.
func (c cursor) Load() (deliver.State, bool, error) {
	var s deliver.State
	found := false
	err := c.db.bolt.View(func(tx *bbolt.Tx) error {
		value := tx.Bucket(cursorsBucket).Get([]byte(c.name))
		found = value != nil
		if !found {
			return nil
		}
		return json.Unmarshal(value, &s)
	})
	if err != nil {
		return deliver.State{}, false, fmt.Errorf("read cursor %s: %w", c.name, err)
	}
	return s, found, nil
}

// Save replaces the state and notes the batches sent.
func (c cursor) Save(s deliver.State, sent []deliver.Sent, oldest uint64) error {
	value, err := json.Marshal(s)
	if err != nil {
		return fmt.Errorf("write cursor %s: %w", c.name, err)
	}
	err = c.db.bolt.Batch(func(tx *bbolt.Tx) error {
		if err := tx.Bucket(cursorsBucket).Put([]byte(c.name), value); err != nil {
			return err
		}
		batches := tx.Bucket(sentBucket)
		for _, b := range sent {
			if err := batches.Put(c.sentKey(b.First), encodeSent(b)); err != nil {
				return err
			}
		}
		return deletePrefix(batches, []byte(c.name+"/"), func(value []byte) bool {
			return !(record.Position{Block: oldest}).Before(decodePosition(value)) // its end
		})
	})
	if err != nil {
		return fmt.Errorf("write cursor %s: %w", c.name, err)
	}
	return nil
}

// Find returns the batch that was sent with the record at p, or false.
func (c cursor) Find(p record.Position) (sent deliver.Sent, found bool, err error) {
	err = c.db.bolt.View(func(tx *bbolt.Tx) error {
		at := tx.Bucket(sentBucket).Cursor()
		key, value := at.Seek(c.sentKey(p))
		if !bytes.Equal(key, c.sentKey(p)) { // the batch with p begins before it
			key, value = at.Prev()
		}
		if !bytes.HasPrefix(key, []byte(c.name+"/")) {
			return nil
		}
		sent, err = decodeSent(key[len(c.name)+1:], value)
		found = err == nil && p.Before(sent.End)
		return err
	})
	if err != nil {
		return deliver.Sent{}, false, fmt.Errorf("read batches sent of %s: %w", c.name, err)
	}
	return sent, found, nil
}

// A batch sent is kept in few bytes, big endian, since there may be very many: the first position in the key; in the
// value the end, the log time in Unix nanoseconds, the version and the count of records.
const sentSize = 12 + 8 + 4 + 4

func (c cursor) sentKey(p record.Position) []byte { return appendPosition([]byte(c.name+"/"), p) }

func appendPosition(dst []byte, p record.Position) []byte {
	return binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint64(dst, p.Block), p.Index)
}

func decodePosition(b []byte) record.Position {
	return record.Position{Block: binary.BigEndian.Uint64(b), Index: binary.BigEndian.Uint32(b[8:])}
}

func encodeSent(b deliver.Sent) []byte {
	value := appendPosition(make([]byte, 0, sentSize), b.End)
	value = binary.BigEndian.AppendUint64(value, uint64(b.Time.UnixNano()))
	value = binary.BigEndian.AppendUint32(value, uint32(b.Version))
	return binary.BigEndian.AppendUint32(value, uint32(b.Records))
}

func decodeSent(first, value []byte) (deliver.Sent, error) {
	if len(first) != 12 || len(value) != sentSize {
		return deliver.Sent{}, fmt.Errorf("entry of %d and %d bytes", len(first), len(value))
	}
	return deliver.Sent{
		Head: batch.Head{
			First:   decodePosition(first),
			Time:    time.Unix(0, int64(binary.BigEndian.Uint64(value[12:]))).UTC(),
			Version: int(binary.BigEndian.Uint32(value[20:])),
		},
		End:     decodePosition(value),
		Records: int(binary.BigEndian.Uint32(value[24:])),
	}, nil
}

// deletePrefix deletes the keys with a prefix, up to the first whose value is not to go.
func deletePrefix(b *bbolt.Bucket, prefix []byte, goes func(value []byte) bool) error {
	at := b.Cursor()
	var keys [][]byte // deleting under a cursor may skip keys
	for key, value := at.Seek(prefix); bytes.HasPrefix(key, prefix) && goes(value); key, value = at.Next() {
		keys = append(keys, key)
	}
	for _, key := range keys {
		if err := b.Delete(key); err != nil {
			return err
		}
	}
	return nil
}
