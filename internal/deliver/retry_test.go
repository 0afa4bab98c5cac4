package deliver

import (
	"errors"
	"testing"
	"time"

	"firehose/internal/verdict"
)

func TestPausesDoubleUpToTheLongest(t *testing.T) {
	r := Retry{First: 200 * time.Millisecond, Max: time.Minute}
	broken := &verdict.SetUp{Code: "x", Err: errors.New("broken")}
	f := func(tries int, err error, least, most time.Duration) {
		t.Helper()
		seen := map[time.Duration]bool{}
		for range 100 {
			pause := r.Pause(tries, err)
			if pause < least || pause > most {
				t.Errorf("pause after %d tries with %v: %v, want %v to %v", tries, err, pause, least, most)
			}
			seen[pause] = true
		}
		if len(seen) == 1 && least != most {
			t.Errorf("after %d tries everybody comes at once", tries)
		}
	}
	f(1, nil, 100*time.Millisecond, 200*time.Millisecond)
	f(2, nil, 200*time.Millisecond, 400*time.Millisecond)
	f(5, nil, 1600*time.Millisecond, 3200*time.Millisecond)
	f(9, nil, 25600*time.Millisecond, 51200*time.Millisecond)
	f(10, nil, 30*time.Second, time.Minute)
	f(1_000_000, nil, 30*time.Second, time.Minute)
	f(1, broken, 500*time.Millisecond, time.Second)
	f(3, broken, 2*time.Second, 4*time.Second)
	f(1, verdict.After(errors.New("later"), 5*time.Minute), 5*time.Minute, 5*time.Minute)
}
