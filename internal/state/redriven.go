package state

import (
	"encoding/json"
	"fmt"
	"time"

	"go.etcd.io/bbolt"

	"firehose/internal/record"
)

// Redriven is the mark of an error output whose records were put into their stream again.
type Redriven struct {
	Records int       `json:"records"` // how many, from the first: they are acknowledged
	Whole   bool      `json:"whole"`   // that is all of them
	Time    time.Time `json:"time"`    // of the last put
}

func redrivenKey(id record.StreamID, key string) []byte { return []byte(id.String() + "/" + key) }

// Redriven returns the mark of a stream's error output. It is zero if there is none.
func (db *DB) Redriven(id record.StreamID, key string) (Redriven, error) {
	var mark Redriven
	err := db.bolt.View(func(tx *bbolt.Tx) error {
		value := tx.Bucket(redrivenBucket).Get(redrivenKey(id, key))
		if value == nil {
			return nil
		}
		return json.Unmarshal(value, &mark)
	})
	if err != nil {
		return Redriven{}, fmt.Errorf("read the mark of %s: %w", key, err)
	}
	return mark, nil
}

// SaveRedriven marks a stream's error output, in place of its mark before.
func (db *DB) SaveRedriven(id record.StreamID, key string, mark Redriven) error {
	value, err := json.Marshal(mark)
	if err != nil {
		return fmt.Errorf("mark %s: %w", key, err)
	}
	err = db.bolt.Batch(func(tx *bbolt.Tx) error { return tx.Bucket(redrivenBucket).Put(redrivenKey(id, key), value) })
	if err != nil {
		return fmt.Errorf("mark %s: %w", key, err)
	}
	return nil
}
