package destination

import (
	"context"
	"io"

	"firehose/internal/batch"
	"firehose/internal/verdict"
)

// Held returns a destination that takes nothing, because it cannot even be opened before somebody repairs something. Its
// records wait, and all others of the stream are delivered.
func Held(broken *verdict.SetUp) Destination { return held{broken} }

// AsHeld returns why a destination takes nothing, or nil if it is not one of Held.
func AsHeld(d Destination) *verdict.SetUp {
	if h, ok := d.(held); ok {
		return h.broken
	}
	return nil
}

type held struct{ broken *verdict.SetUp }

func (h held) Encoder(context.Context, batch.Head, io.Writer) (batch.Encoder, error) {
	return nil, h.broken
}
func (h held) Deliver(context.Context, *batch.Batch) error { return h.broken }
func (held) Close() error                                  { return nil }

// Outdated is a Config of a document that was accepted once and breaks a rule that is newer. It opens as Held.
type Outdated interface {
	Config
	Outdated()
}

// IsOutdated says whether a Config is Outdated.
func IsOutdated(c Config) bool {
	_, is := c.(Outdated)
	return is
}
