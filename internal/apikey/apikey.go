// Package apikey is the keys with which programs come to the product's own door: who holds one may do what its role says.
//
// A key is a text, shown once. What is kept of it is a digest: from the store nobody can make a key. The secret part is
// 256 bits of chance, so a plain digest is enough, and no guess is ever near.
package apikey

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
	"time"
)

// Role is what the holder of a key may do.
type Role string

// The roles. An admin may do everything.
const (
	Producer Role = "producer" // put events into streams
	Consumer Role = "consumer" // read events from streams
	Admin    Role = "admin"
)

// roles are all roles; never changed.
var roles = []Role{Producer, Consumer, Admin}

// ParseRole reads a role. The error says which there are.
func ParseRole(text string) (Role, error) {
	if r := Role(text); slices.Contains(roles, r) {
		return r, nil
	}
	return "", fmt.Errorf("role %q: want producer, consumer or admin", text)
}

// Key is what is kept of a key.
type Key struct {
	ID      string    `json:"id"` // part of the key's text; no secret
	Role    Role      `json:"role"`
	Streams []string  `json:"streams,omitempty"` // names, or patterns with *; empty for all of the account
	Account string    `json:"account"`
	Region  string    `json:"region"`
	Label   string    `json:"label,omitempty"` // for people
	Created time.Time `json:"created"`
	Digest  []byte    `json:"digest"` // SHA-256 of the secret part
}

// The text of a key: the prefix, by which scanners for leaked secrets find it, the id, and the secret.
const (
	prefix     = "fh_"
	idSize     = 9
	secretSize = 32
)

// New makes a key. The text is its only copy.
func New(k Key) (Key, string) {
	var id [idSize]byte
	var secret [secretSize]byte
	rand.Read(id[:])     // never fails (crypto/rand)
	rand.Read(secret[:]) // never fails (crypto/rand)
	encoding := base64.RawURLEncoding
	k.ID = strings.NewReplacer("_", "A", "-", "B").Replace(encoding.EncodeToString(id[:]))
	digest := sha256.Sum256(secret[:])
	k.Digest = digest[:]
	return k, prefix + k.ID + "_" + encoding.EncodeToString(secret[:])
}

// ErrMalformed is returned for a text that is no key.
var ErrMalformed = errors.New("not an API key of this service: they look like fh_ID_SECRET")

// Parse divides the text of a key. Whether there is such a key is for Holds to say.
func Parse(text string) (id string, secret []byte, err error) {
	rest, found := strings.CutPrefix(text, prefix)
	id, encoded, divided := strings.Cut(rest, "_")
	if !found || !divided || id == "" {
		return "", nil, ErrMalformed
	}
	secret, err = base64.RawURLEncoding.DecodeString(encoded)
	if err != nil || len(secret) != secretSize {
		return "", nil, ErrMalformed
	}
	return id, secret, nil
}

// Holds says whether the secret is this key's. It takes as long for a wrong one.
func (k *Key) Holds(secret []byte) bool {
	digest := sha256.Sum256(secret)
	return subtle.ConstantTimeCompare(digest[:], k.Digest) == 1
}

// Allows says whether the key's holder may act in a role on a stream. An empty name is for what concerns no single
// stream, which a key for some streams only is not for.
func (k *Key) Allows(role Role, stream string) bool {
	if k.Role != role && k.Role != Admin {
		return false
	}
	if len(k.Streams) == 0 {
		return true
	}
	return stream != "" && slices.ContainsFunc(k.Streams, func(pattern string) bool {
		match, err := path.Match(pattern, stream)
		return err == nil && match
	})
}

// CheckPattern returns an error if a text is neither a name of a stream nor a pattern of names.
func CheckPattern(pattern string) error {
	for _, r := range pattern {
		if !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("_.-*", r)) {
			return fmt.Errorf("stream %q: %q is in no name of a stream; a name may hold letters, digits, _ . - and, as a pattern, *", pattern, r)
		}
	}
	if pattern == "" {
		return errors.New("stream: a name is empty")
	}
	return nil
}
