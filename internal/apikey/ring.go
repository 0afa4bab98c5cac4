package apikey

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
)

// Store keeps keys durably.
type Store interface {
	APIKeys() ([]Key, error)
	SaveAPIKey(Key) error
	RemoveAPIKey(id string) error
}

// Ring is the keys that are in force. Its methods may be called by several goroutines at once.
type Ring struct {
	store Store

	mu   sync.RWMutex
	keys map[string]Key // by id
}

// Errors of a ring.
var (
	ErrUnknown = errors.New("no such API key, or it was revoked")
	ErrTooMany = fmt.Errorf("there are %d API keys already: revoke some", keysMax)
)

const keysMax = 10_000

// Open loads the keys of a store.
func Open(store Store) (*Ring, error) {
	keys, err := store.APIKeys()
	if err != nil {
		return nil, err
	}
	r := &Ring{store: store, keys: map[string]Key{}}
	for _, k := range keys {
		r.keys[k.ID] = k
	}
	return r, nil
}

// Find returns the key of a text. Errors are ErrMalformed and ErrUnknown.
func (r *Ring) Find(text string) (Key, error) {
	id, secret, err := Parse(text)
	if err != nil {
		return Key{}, err
	}
	r.mu.RLock()
	k, known := r.keys[id]
	r.mu.RUnlock()
	if !known || !k.Holds(secret) {
		return Key{}, ErrUnknown
	}
	return k, nil
}

// List returns an account's keys in a region, or all if the account is empty, the oldest first.
func (r *Ring) List(account, region string) (keys []Key) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	for _, k := range r.keys {
		if account == "" || k.Account == account && k.Region == region {
			keys = append(keys, k)
		}
	}
	slices.SortFunc(keys, func(a, b Key) int {
		if c := a.Created.Compare(b.Created); c != 0 {
			return c
		}
		return strings.Compare(a.ID, b.ID)
	})
	return keys
}

// Make makes a key and keeps it. The text is its only copy.
func (r *Ring) Make(k Key) (Key, string, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.keys) >= keysMax {
		return Key{}, "", ErrTooMany
	}
	k, text := New(k)
	if err := r.store.SaveAPIKey(k); err != nil {
		return Key{}, "", err
	}
	r.keys[k.ID] = k
	return k, text, nil
}

// Revoke ends a key of an account and region, or any if the account is empty. From its return on nobody is let in with it.
func (r *Ring) Revoke(id, account, region string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	k, known := r.keys[id]
	if !known || account != "" && (k.Account != account || k.Region != region) {
		return ErrUnknown
	}
	if err := r.store.RemoveAPIKey(id); err != nil {
		return err
	}
	delete(r.keys, id)
	return nil
}
