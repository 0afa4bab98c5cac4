package control

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"errors"
	"fmt"
	"sync"
	"time"

	"firehose/internal/block"
	"firehose/internal/keyring"
	"firehose/internal/stream"
)

// keys are a stream's data keys, unwrapped when they are first needed.
type keys struct {
	ring Keyring
	r    *running

	mu   sync.Mutex
	open map[uint32]cipher.AEAD
}

// unwrapTimeout bounds the wait for a key service.
const unwrapTimeout = 30 * time.Second

// get returns the cipher of a data key. It may ask a key service.
func (k *keys) get(number uint32) (cipher.AEAD, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if aead, ok := k.open[number]; ok {
		return aead, nil
	}
	s := k.r.declared.Load()
	for _, key := range s.Encryption.DataKeys {
		if key.Number != number {
			continue
		}
		ctx, cancel := context.WithTimeout(k.r.c.abort, unwrapTimeout)
		defer cancel()
		plain, err := k.ring.OpenKey(ctx, key.KeyARN, s.ID, key.Wrapped)
		if err != nil {
			return nil, fmt.Errorf("unwrap data key %d: %w", number, err)
		}
		return k.addLocked(number, plain)
	}
	return nil, fmt.Errorf("the stream has no data key %d", number)
}

func (k *keys) addLocked(number uint32, plain []byte) (cipher.AEAD, error) {
	c, err := aes.NewCipher(plain)
	if err != nil {
		return nil, err
	}
	aead, err := cipher.NewGCM(c)
	if err != nil {
		return nil, err
	}
	if k.open == nil {
		k.open = map[uint32]cipher.AEAD{}
	}
	k.open[number] = aead
	return aead, nil
}

// add takes in a fresh data key.
func (k *keys) add(number uint32, plain []byte) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	_, err := k.addLocked(number, plain)
	return err
}

// block returns the key for new blocks.
func (k *keys) block(number uint32) (*block.Key, error) {
	aead, err := k.get(number)
	if err != nil {
		return nil, err
	}
	return &block.Key{Number: number, AEAD: aead}, nil
}

// settleEncryption carries an encryption that is being switched on or off to its end. A key that cannot be had fails it,
// and the key before stays in use; what cannot be saved is an error, to be tried again. The caller holds change.
func (r *running) settleEncryption(ctx context.Context) error {
	s := r.declared.Load()
	switch s.Encryption.Status {
	case stream.EncryptionEnabling:
		return r.enableEncryption(ctx, s.Encryption)
	case stream.EncryptionDisabling:
		err := r.saveLocked(func(s *stream.Stream) {
			s.Encryption.Status, s.Encryption.DataKey, s.Encryption.Failure = stream.EncryptionDisabled, 0, nil
			s.Encryption.KeyType, s.Encryption.KeyARN = "", ""
		})
		if err == nil {
			r.writer.Encrypt(nil)
		}
		return err
	}
	return nil
}

func (r *running) enableEncryption(ctx context.Context, e stream.Encryption) error {
	number := uint32(1)
	for _, key := range e.DataKeys {
		number = max(number, key.Number+1)
	}
	plain, wrapped, err := r.c.Keyring.NewKey(ctx, e.KeyARN, r.declared.Load().ID)
	if err != nil {
		if ctx.Err() != nil {
			return err // carried on at the next start
		}
		r.logger.Error("Encryption cannot be enabled.", "key", e.KeyARN, "error", err)
		return r.saveLocked(func(s *stream.Stream) {
			s.Encryption.Status = stream.EncryptionEnablingFailed
			s.Encryption.Failure = keyFailure(err)
		})
	}
	if err := r.keys.add(number, plain); err != nil {
		return err
	}
	err = r.saveLocked(func(s *stream.Stream) {
		s.Encryption.Status, s.Encryption.Failure = stream.EncryptionEnabled, nil
		s.Encryption.DataKey = number
		s.Encryption.DataKeys = append(s.Encryption.DataKeys, stream.DataKey{Number: number, KeyARN: e.KeyARN, Wrapped: wrapped})
	})
	if err != nil {
		return err
	}
	key, err := r.keys.block(number)
	if err != nil {
		return err
	}
	r.writer.Encrypt(key)
	return nil
}

func keyFailure(err error) *stream.Failure {
	var known *keyring.Error
	if errors.As(err, &known) {
		return &stream.Failure{Type: known.Type, Details: err.Error()}
	}
	return &stream.Failure{Type: "UNKNOWN_ERROR", Details: err.Error()}
}
