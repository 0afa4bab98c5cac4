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
}
