package verdict

import (
	"errors"
	"fmt"
	"testing"
	"time"
)

func TestVerdictsAreFoundThroughWrapping(t *testing.T) {
	cause := errors.New("cause")
	broken := &SetUp{Code: "S3.NoSuchBucket", Fix: "Make it.", Absent: true, Err: cause}
	poison := &Refused{Code: "HttpEndpoint.DestinationException", Message: "413: too large", Err: cause}
	f := func(err error, want *SetUp, delay time.Duration) {
		t.Helper()
		if got := AsSetUp(err); got != want {
			t.Errorf("%v is the set-up error %v", err, got)
		}
		if got := Delay(err); got != delay {
			t.Errorf("%v asks to wait %v", err, got)
		}
		if err != nil && !errors.Is(err, cause) {
			t.Errorf("%v hides its cause", err)
		}
	}
	f(nil, nil, 0)
	f(cause, nil, 0)
	f(broken, broken, 0)
	f(fmt.Errorf("deliver: %w", broken), broken, 0)
	f(fmt.Errorf("deliver: %w", After(cause, time.Minute)), nil, time.Minute)
	f(After(broken, time.Minute), broken, time.Minute)
	f(After(fmt.Errorf("put: %w", broken), time.Minute), broken, time.Minute)
	f(poison, nil, 0)

	refused := func(err error, want *Refused) {
		t.Helper()
		if got := AsRefused(err); got != want {
			t.Errorf("%v is the refusal %v", err, got)
		}
	}
	refused(nil, nil)
	refused(cause, nil)
	refused(broken, nil)
	refused(poison, poison)
	refused(fmt.Errorf("deliver: %w", poison), poison)
	refused(After(poison, time.Minute), poison)
}

func TestErrorsBeginWithTheirCode(t *testing.T) {
	f := func(err error, want string) {
		t.Helper()
		if got := err.Error(); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	f(&SetUp{Code: "S3.NoSuchBucket", Err: errors.New("cause")}, "S3.NoSuchBucket: cause")
	f(&Refused{Code: "HttpEndpoint.DestinationException", Err: errors.New("cause")}, "HttpEndpoint.DestinationException: cause")
}
