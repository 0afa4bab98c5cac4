package outbound

import (
	"errors"
	"net/http"
	"strconv"
	"time"
)

// retryAfterMax bounds what an answer may ask for, so that a slip of the other side does not stop a delivery for days.
const retryAfterMax = time.Hour

// RetryAfter returns how long the answer asks to wait before the next try: its Retry-After header, in seconds or as a date,
// at most an hour; 0 if it does not ask.
func (a *Answer) RetryAfter(now time.Time) time.Duration {
	text := a.Header.Get("Retry-After")
	var wait time.Duration
	if seconds, err := strconv.ParseUint(text, 10, 31); err == nil {
		wait = time.Duration(seconds) * time.Second
	} else if errors.Is(err, strconv.ErrRange) {
		wait = retryAfterMax
	} else if at, err := http.ParseTime(text); err == nil {
		wait = at.Sub(now)
	}
	return min(max(wait, 0), retryAfterMax)
}
