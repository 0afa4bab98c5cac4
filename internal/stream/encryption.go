package stream

import (
	"slices"
	"time"
)

// EncryptionStatus is the state of the encryption of what the log keeps.
type EncryptionStatus string

// The states of the service model. The zero value means Disabled.
const (
	EncryptionDisabled       EncryptionStatus = "DISABLED"
	EncryptionEnabling       EncryptionStatus = "ENABLING"
	EncryptionEnabled        EncryptionStatus = "ENABLED"
	EncryptionEnablingFailed EncryptionStatus = "ENABLING_FAILED"
	EncryptionDisabling      EncryptionStatus = "DISABLING"
)

// Encryption is a stream's server-side encryption: which key wraps its data keys, and the data keys, wrapped.
type Encryption struct {
	Status   EncryptionStatus `json:"status,omitempty"`
	KeyType  string           `json:"key_type,omitempty"` // AWS_OWNED_CMK or CUSTOMER_MANAGED_CMK
	KeyARN   string           `json:"key_arn,omitempty"`  // of a customer's key
	Failure  *Failure         `json:"failure,omitempty"`
	DataKey  uint32           `json:"data_key,omitempty"`  // number of the data key that new blocks use; 0 for none
	DataKeys []DataKey        `json:"data_keys,omitempty"` // all that blocks in the log may need
	Calls    []time.Time      `json:"calls,omitempty"`     // of start and stop in the last 24 hours, for their quota
}

// DataKey is a stream's key for AES-256-GCM, wrapped by a master key. Number is at least 1 and is written in every block
// that the key encrypted.
type DataKey struct {
	Number  uint32 `json:"number"`
	KeyARN  string `json:"key_arn,omitempty"` // the customer's key that wraps it; empty for the service's own master key
	Wrapped []byte `json:"wrapped"`
}

// Clone returns a copy that shares nothing that may change.
func (e Encryption) Clone() Encryption {
	e.DataKeys = slices.Clone(e.DataKeys)
	e.Calls = slices.Clone(e.Calls)
	if e.Failure != nil {
		failure := *e.Failure
		e.Failure = &failure
	}
	return e
}
