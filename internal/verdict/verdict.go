// Package verdict holds the errors that say what to do next. A destination, a processor or a store returns nil, one of
// these, or any other error, which means: try again. Nothing else decides about retry.
package verdict

import (
	"errors"
	"fmt"
	"time"
)

// SetUp is an error that somebody must repair outside: a missing bucket, denied access, expired credentials. The
// batch is held and tried slowly until then; it is never dropped.
type SetUp struct {
	Code   string // the Amazon service's diagnostic code, such as S3.AccessDenied
	Fix    string // one sentence that says what to do
	Absent bool   // the error proves that nothing was ever put there: the bucket does not exist
	Err    error
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
