package keyring

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/sha256"
	"errors"

	"firehose/internal/record"
)

// The first byte of a wrapped key says who wrapped it.
//
//	wrappedHere       1  fingerprint of the master key (8)  nonce (12)  data key, encrypted (32)  tag (16)
//	wrappedByService  2  what the KMS returned
//
// The additional data of the first are its own first 9 bytes and the stream's identity.
const (
	wrappedHere      = 1
	wrappedByService = 2
)

const (
	fingerprintSize = 8
	headSize        = 1 + fingerprintSize
	wrappedSize     = headSize + 12 + keySize + 16
)

// errOtherKey is of a wrapped key that belongs to a master key with another fingerprint.
var errOtherKey = errors.New("it was wrapped by another master key: bring that one back")

// wrapper wraps data keys by one master key.
type wrapper struct {
	head []byte // of every key that it wraps
	aead cipher.AEAD
}

func newWrapper(key Key) *wrapper {
	block, err := aes.NewCipher(key[:])
	if err != nil {
		panic(err) // the size is right
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		panic(err) // the block size is right
	}
	mac := hmac.New(sha256.New, key[:])
	mac.Write([]byte("firehose master key fingerprint"))
	return &wrapper{head: append([]byte{wrappedHere}, mac.Sum(nil)[:fingerprintSize]...), aead: aead}
}

func (w *wrapper) newKey(id record.StreamID) (plain, wrapped []byte) {
	plain = newDataKey()
	return plain, w.aead.Seal(w.headCopy(), nil, plain, w.bound(id))
}

func (w *wrapper) openKey(id record.StreamID, wrapped []byte) ([]byte, error) {
	if len(wrapped) != wrappedSize {
		return nil, errDamaged
	}
	if string(wrapped[:headSize]) != string(w.head) {
		return nil, errOtherKey
	}
	plain, err := w.aead.Open(nil, nil, wrapped[headSize:], w.bound(id))
	if err != nil {
		return nil, errDamaged
	}
	return plain, nil
}

func (w *wrapper) headCopy() []byte { return append(make([]byte, 0, wrappedSize), w.head...) }

// bound returns the additional data that bind a wrapped key to its stream.
func (w *wrapper) bound(id record.StreamID) []byte { return append(w.headCopy(), id[:]...) }
