// Package keyring makes and opens the data keys of encrypted streams.
//
// A data key is 32 random bytes that encrypt blocks of one stream's log. It leaves this package in the clear only to be
// used, and is kept only wrapped: encrypted by a master key that the log's folder does not need to hold. Three kinds of
// master key wrap data keys:
//
//   - the service's own, from the configuration or from a file that is made on first need;
//   - a customer's key that the configuration holds under the key's ARN;
//   - a customer's key inside AWS KMS or a service that speaks its protocol, which never shows it.
//
// A wrapped key is bound to its stream: it does not open for another. Its first byte says who wrapped it, so a key that
// was wrapped once opens the same way for ever, whatever the configuration says of new ones.
//
// No error and no log line ever holds a key. And nothing is ever guessed: a master key that is missing or wrong is an
// error, never a reason to make another one in its place.
package keyring

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"

	"firehose/internal/disk"
	"firehose/internal/record"
)

// Failures of the service model.
const (
	keyNotFound  = "KMS_KEY_NOT_FOUND"
	keyDisabled  = "DISABLED_KMS_KEY"
	keyInvalid   = "INVALID_KMS_KEY"
	accessDenied = "KMS_ACCESS_DENIED"
	optIn        = "KMS_OPT_IN_REQUIRED"
	unknown      = "UNKNOWN_ERROR"
)

// Error is an error that says which failure of the service model it is.
type Error struct {
	Type string // such as KMS_KEY_NOT_FOUND
	Err  error
}

func (e *Error) Error() string { return e.Err.Error() }
func (e *Error) Unwrap() error { return e.Err }

// Key is a master key for AES-256-GCM.
type Key [keySize]byte

const keySize = 32

// Settings say where the master keys are.
type Settings struct {
	MasterKey     *Key           // the service's own; nil takes it from MasterKeyFile
	MasterKeyFile string         // base64 of 32 bytes; made on first need
	CustomerKeys  map[string]Key // by ARN
	KMS           string         // "aws", or a URL, to ask for customer keys that CustomerKeys does not hold; "" to ask nobody
	FS            disk.FS        // holds MasterKeyFile
	Logger        *slog.Logger
}

// Keyring holds the master keys. All methods may be called by several goroutines at once.
type Keyring struct {
	own       ownKey
	customers map[string]*wrapper
	kms       *service // nil without one
}

// Open makes a keyring. It reaches for no file and no service before a key is needed.
func Open(ctx context.Context, s Settings) (*Keyring, error) {
	k := &Keyring{
		own:       ownKey{fsys: s.FS, name: s.MasterKeyFile, logger: s.Logger},
		customers: map[string]*wrapper{},
	}
	if s.MasterKey != nil {
		k.own.loaded = newWrapper(*s.MasterKey)
	}
	for arn, key := range s.CustomerKeys {
		k.customers[arn] = newWrapper(key)
	}
	if s.KMS != "" {
		var err error
		if k.kms, err = openService(ctx, s.KMS); err != nil {
			return nil, err
		}
	}
	return k, nil
}

// NewKey returns a fresh data key of 32 bytes, in the clear and wrapped by a customer's key or, without an ARN, by the
// service's own. The master key is durable when it returns.
func (k *Keyring) NewKey(ctx context.Context, keyARN string, id record.StreamID) (plain, wrapped []byte, err error) {
	switch customer := k.customers[keyARN]; {
	case keyARN == "":
		own, err := k.own.getOrMake()
		if err != nil {
			return nil, nil, err
		}
		plain, wrapped = own.newKey(id)
	case customer != nil:
		plain, wrapped = customer.newKey(id)
	case k.kms != nil:
		if plain, wrapped, err = k.kms.newKey(ctx, keyARN, id); err != nil {
			return nil, nil, fmt.Errorf("make a data key with %s: %w", keyARN, err)
		}
	default:
		return nil, nil, &Error{keyNotFound, fmt.Errorf("key %s is not known: give it in kms.keys, or set kms.endpoint to the KMS that holds it", keyARN)}
	}
	return plain, wrapped, nil
}

// OpenKey unwraps a data key that NewKey wrapped for the same stream.
func (k *Keyring) OpenKey(ctx context.Context, keyARN string, id record.StreamID, wrapped []byte) (plain []byte, err error) {
	if len(wrapped) == 0 {
		return nil, errDamaged
	}
	switch wrapped[0] {
	case wrappedHere:
		return k.openHere(keyARN, id, wrapped)
	case wrappedByService:
		if k.kms == nil {
			return nil, &Error{keyNotFound, fmt.Errorf("a KMS wrapped the data key by %s: set kms.endpoint to it", keyARN)}
		}
		if plain, err = k.kms.openKey(ctx, keyARN, id, wrapped); err != nil {
			return nil, fmt.Errorf("open a data key with %s: %w", keyARN, err)
		}
		return plain, nil
	}
	return nil, fmt.Errorf("wrapped data key has layout %d, which this version does not know", wrapped[0])
}

// openHere unwraps a data key that a master key of this keyring wrapped.
func (k *Keyring) openHere(keyARN string, id record.StreamID, wrapped []byte) ([]byte, error) {
	if keyARN == "" {
		own, err := k.own.get()
		if err != nil {
			return nil, err
		}
		plain, err := own.openKey(id, wrapped)
		if err != nil {
			return nil, fmt.Errorf("open a data key with the master key: %w", err)
		}
		return plain, nil
	}
	customer := k.customers[keyARN]
	if customer == nil {
		return nil, &Error{keyNotFound, fmt.Errorf("the data key needs key %s: bring it back to kms.keys", keyARN)}
	}
	plain, err := customer.openKey(id, wrapped)
	if err != nil {
		return nil, &Error{keyInvalid, fmt.Errorf("open a data key with key %s of kms.keys: %w", keyARN, err)}
	}
	return plain, nil
}

// newDataKey makes a data key from chance.
func newDataKey() []byte {
	key := make([]byte, keySize)
	rand.Read(key) // never fails
	return key
}

// errDamaged is of a wrapped key that cannot be one, or that was changed.
var errDamaged = errors.New("wrapped data key is damaged, or belongs to another stream")
