package destination

import (
	"context"
	"errors"
	"io"
	"time"
)

// ErrorKeeper is a Config whose destination keeps its error outputs where they can be read again.
type ErrorKeeper interface {
	// ErrorOutputs opens them. It does not try to reach them.
	ErrorOutputs(Env) (ErrorOutputs, error)
}

// ErrorOutput is what a delivery wrote of records that could not be processed: lines in the form of package erroroutput.
type ErrorOutput struct {
	Key  string    // names it in the delivery
	Type string    // of the failures; empty if the key does not say it
	Time time.Time // arrival of its first record
	Size int64     // in bytes as it is kept, compressed
}

// ErrorOutputs are the error outputs of one delivery. Only those count that the settings in force give their keys to.
type ErrorOutputs interface {
	// Place is where they are kept: of two deliveries, outputs of equal keys are the same if their places are equal.
	Place() string

	// List calls yield with the outputs whose keys come behind after, in the order of keys, until yield returns false. A
	// type that is not empty leaves out the others.
	List(ctx context.Context, errorType, after string, yield func(ErrorOutput) bool) error

	// Find says what the key of an output tells, or false if it is the key of none. The size is not known from it, and
	// whether the output exists neither.
	Find(key string) (ErrorOutput, bool)

	// Open opens the lines of an output, decompressed. The error of a missing one is object.ErrNotFound.
	Open(ctx context.Context, key string) (io.ReadCloser, error)
}

// ErrKeepsNone says that a destination keeps no error outputs that can be read.
var ErrKeepsNone = errors.New("the destination keeps no error outputs that can be read")

// OpenErrorOutputs opens the error outputs of a destination. Error: ErrKeepsNone.
func OpenErrorOutputs(c Config, env Env) (ErrorOutputs, error) {
	keeper, ok := c.(ErrorKeeper)
	if !ok {
		return nil, ErrKeepsNone
	}
	return keeper.ErrorOutputs(env)
}
