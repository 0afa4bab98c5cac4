// Package stream is the model: what a delivery stream is, what it is declared to do, and in which state it is.
//
// A stream is declared by a document in one of two languages (Amazon's API, or the native one). The document is kept
// as it was given, so that it can be shown again; what runs is the Spec that is derived from it. Both doors compile to
// the same Spec, and nothing behind it knows which language was spoken.
//
// The package holds values and rules about them. It starts nothing and stores nothing.
package stream

import (
	"bytes"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strings"
	"time"

	"firehose/internal/record"
)

// Errors of whoever keeps the streams.
var (
	ErrNotFound  = errors.New("stream not found")
	ErrExists    = errors.New("stream already exists")
	ErrNotActive = errors.New("stream is not active")
	ErrQuota     = errors.New("quota of streams reached")
)

// Key is a stream's address. Streams of different accounts or regions never see each other.
type Key struct {
	Account string `json:"account"` // 12 digits
	Region  string `json:"region"`
	Name    string `json:"name"` // unique in its account and region
}

// ARN returns the stream's Amazon resource name, in the partition of its region.
func (k Key) ARN() string {
	partition := "aws"
	switch {
	case strings.HasPrefix(k.Region, "cn-"):
		partition = "aws-cn"
	case strings.HasPrefix(k.Region, "us-gov-"):
		partition = "aws-us-gov"
	}
	return "arn:" + partition + ":firehose:" + k.Region + ":" + k.Account + ":deliverystream/" + k.Name
}

// Status is where a stream is in its life: CREATING, then ACTIVE, then DELETING, then gone.
type Status string

// The states of the service model that occur here. CREATING_FAILED keeps the name taken until the stream is deleted.
const (
	Creating       Status = "CREATING"
	CreatingFailed Status = "CREATING_FAILED"
	Active         Status = "ACTIVE"
	Deleting       Status = "DELETING"
)

// Failure says why a stream or its encryption is in a failed state.
type Failure struct {
	Type    string `json:"type"` // one of the service model's failure types
	Details string `json:"details"`
}

// Stream is a declared stream as the catalogue keeps it.
type Stream struct {
	Key
	ID         record.StreamID         `json:"id"`
	Type       string                  `json:"type"` // DirectPut; others when their sources are built
	Status     Status                  `json:"status"`
	Failure    *Failure                `json:"failure,omitempty"`
	Version    int                     `json:"version"`   // of the document: 1, then one more with each effective change
	Language   string                  `json:"language"`  // of the documents: "aws" or "native"
	Documents  map[int]json.RawMessage `json:"documents"` // by version; old ones stay while a delivery may replay them
	Created    time.Time               `json:"created"`
	Updated    time.Time               `json:"updated,omitzero"` // of the last effective change; zero before the first
	Tags       map[string]string       `json:"tags,omitempty"`
	Encryption Encryption              `json:"encryption"`
	Discard    bool                    `json:"discard,omitempty"` // its deletion does not wait for what is not delivered
	Pauses     map[string]Pause        `json:"pauses,omitempty"`  // by id of a delivery
	Resumed    []string                `json:"resumed,omitempty"` // ids of deliveries that the document pauses and that go on, for the deletion waits for them
	Replays    []Replay                `json:"replays,omitempty"` // in the order in which they began; of those that have ended the latest
	Applied    string                  `json:"applied,omitempty"` // digest of the configuration file's document that was applied last
}

// Document returns the document in force.
func (s *Stream) Document() json.RawMessage { return s.Documents[s.Version] }

// secretsMember is the member of a document that holds its secrets, in whichever language.
const secretsMember = "Secrets"

// Shown returns a document as it may be shown: without its secrets. Nobody but whoever compiles or changes it gets it as it
// is kept.
func Shown(document json.RawMessage) json.RawMessage {
	if !bytes.Contains(document, []byte(`"`+secretsMember+`"`)) {
		return document
	}
	var members map[string]json.RawMessage
	if err := json.Unmarshal(document, &members); err != nil {
		return nil // then nobody can say what is secret in it
	}
	delete(members, secretsMember)
	shown, _ := json.Marshal(members) // of what was just read
	return shown
}

// Clone returns a copy that shares nothing that may change.
func (s Stream) Clone() Stream {
	s.Documents = maps.Clone(s.Documents)
	s.Tags = maps.Clone(s.Tags)
	s.Pauses = maps.Clone(s.Pauses)
	s.Resumed = slices.Clone(s.Resumed)
	s.Replays = slices.Clone(s.Replays)
	if s.Failure != nil {
		failure := *s.Failure
		s.Failure = &failure
	}
	s.Encryption = s.Encryption.Clone()
	return s
}
