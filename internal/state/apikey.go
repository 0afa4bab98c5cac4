package state

import (
	"encoding/json"
	"fmt"

	"go.etcd.io/bbolt"

	"firehose/internal/apikey"
)

// APIKeys returns all API keys, by id.
func (db *DB) APIKeys() (keys []apikey.Key, err error) {
	err = db.bolt.View(func(tx *bbolt.Tx) error {
		return tx.Bucket(apiKeysBucket).ForEach(func(_, value []byte) error {
			var k apikey.Key
			if err := json.Unmarshal(value, &k); err != nil {
				return err
			}
			keys = append(keys, k)
			return nil
		})
	})
	if err != nil {
		return nil, fmt.Errorf("read API keys: %w", err)
	}
	return keys, nil
}

// SaveAPIKey keeps a key.
func (db *DB) SaveAPIKey(k apikey.Key) error {
	value, err := json.Marshal(k)
	if err != nil {
		return fmt.Errorf("save API key %s: %w", k.ID, err)
	}
	err = db.bolt.Update(func(tx *bbolt.Tx) error { return tx.Bucket(apiKeysBucket).Put([]byte(k.ID), value) })
	if err != nil {
		return fmt.Errorf("save API key %s: %w", k.ID, err)
	}
	return nil
}

// RemoveAPIKey forgets a key, if it is there.
func (db *DB) RemoveAPIKey(id string) error {
	err := db.bolt.Update(func(tx *bbolt.Tx) error { return tx.Bucket(apiKeysBucket).Delete([]byte(id)) })
	if err != nil {
		return fmt.Errorf("remove API key %s: %w", id, err)
	}
	return nil
}
