package outbound

import (
	"net/http"
	"testing"
	"time"
)

func TestRetryAfterIsReadInBothForms(t *testing.T) {
	now := time.Date(2026, 2, 3, 4, 5, 6, 0, time.UTC)
	f := func(text string, want time.Duration) {
		t.Helper()
		a := Answer{Header: http.Header{"Retry-After": {text}}}
		if got := a.RetryAfter(now); got != want {
			t.Errorf("%q: %v, want %v", text, got, want)
		}
	}
	f("", 0)
	f("0", 0)
	f("7", 7*time.Second)
	f("-7", 0)
	f("1.5", 0)
	f("99999999999999999999", time.Hour)
	f("86400", time.Hour)
	f("Tue, 03 Feb 2026 04:06:06 GMT", time.Minute)
	f("Tue, 03 Feb 2026 04:04:06 GMT", 0)
	f("Wed, 04 Feb 2026 04:04:06 GMT", time.Hour)
	f("soon", 0)
}
