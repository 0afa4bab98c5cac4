package ingest

import "errors"

// ErrThrottled says that nothing was taken because a bound is reached: try again later. Amazon's words for it are
// ServiceUnavailableException, "Slow down."
var ErrThrottled = errors.New("slow down")
