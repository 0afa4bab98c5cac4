package ingest

import (
	"errors"
	"fmt"
)

// ErrThrottled says that nothing was taken because a bound is reached: try again later. Amazon's words for it are
// ServiceUnavailableException, "Slow down."
var ErrThrottled = errors.New("slow down")

// TooLargeError says that nothing of a put was taken, because some of its records are larger than their stream takes.
type TooLargeError struct {
	Max     int   // bytes of a record
	Records []int // by index; at least one
}

func (e *TooLargeError) Error() string {
	return fmt.Sprintf("records %v of the put have more than %d bytes, the most that the stream takes", e.Records, e.Max)
}
