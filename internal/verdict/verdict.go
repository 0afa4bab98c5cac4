// Package verdict holds the errors that say what to do next. A destination, a processor or a store returns nil, one of
// these, or any other error, which means: try again. Nothing else decides about retry.
package verdict

import (
	"errors"
	"fmt"
	"time"
)

// SetUp is an error that somebody must repair outside: a missing bucket, denied access, expired credentials. The
// batch was not taken. It is held and tried slowly until then; it is never dropped.
type SetUp struct {
	Code   string // the Amazon service's diagnostic code, such as S3.AccessDenied
	Fix    string // one sentence that says what to do
	Absent bool   // the error proves that nothing was ever put there: the bucket does not exist
	Err    error

	// Bounded says that the batch is not held without end: the time for which a delivery tries counts.
	Bounded bool
}

func (e *SetUp) Error() string { return fmt.Sprintf("%s: %v", e.Code, e.Err) }
func (e *SetUp) Unwrap() error { return e.Err }

// AsSetUp returns the SetUp in err's chain, or nil.
func AsSetUp(err error) *SetUp {
	var s *SetUp
	if errors.As(err, &s) {
		return s
	}
	return nil
}

// Refused is an error that trying again does not mend: the other side understood these records and will never take them
// as they are. Of a batch of several it says only that one or more of them are refused, so the batch is divided until the
// refused ones stand alone; those go to the error output, and the others are delivered.
type Refused struct {
	Code    string // that goes into the error output, such as HttpEndpoint.DestinationException
	Message string // what the other side said of it, for people; empty for Err's text
	Final   bool   // no part of the batch will be taken either: all of it goes to the error output, undivided
	Err     error
}

func (e *Refused) Error() string { return fmt.Sprintf("%s: %v", e.Code, e.Err) }
func (e *Refused) Unwrap() error { return e.Err }

// AsRefused returns the Refused in err's chain, or nil.
func AsRefused(err error) *Refused {
	var r *Refused
	if errors.As(err, &r) {
		return r
	}
	return nil
}

// after is an error with the pause that the other side asked for.
type after struct {
	error
	delay time.Duration
}

func (e after) Unwrap() error { return e.error }

// After marks an error after which the other side asked to wait.
func After(err error, delay time.Duration) error { return after{err, delay} }

// Delay returns how long the other side asked to wait, or 0.
func Delay(err error) time.Duration {
	var a after
	if errors.As(err, &a) {
		return a.delay
	}
	return 0
}
