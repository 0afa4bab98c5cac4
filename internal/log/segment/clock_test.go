package segment

import (
	"testing"
	"testing/synctest"
	"time"

	"firehose/internal/disk/disktest"
)

func TestTimeGoesOnAtHalfSpeedAfterTheClockIsSetBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		back := time.Duration(0)
		e, err := Open(Options{Dir: "log", FS: disktest.New(1), FreeMin: -1, Now: func() time.Time { return time.Now().Add(-back) }})
		if err != nil {
			t.Fatal(err)
		}
		defer e.Close()
		l, err := e.Open(t.Context(), "a/0")
		if err != nil {
			t.Fatal(err)
		}
		_, before, err := l.Append(t.Context(), []byte("one"))
		if err != nil {
			t.Fatal(err)
		}
		back = time.Hour
		tick := func() time.Duration {
			now, _, err := l.Tick(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			return now.Sub(before)
		}
		if got := tick(); got != 0 {
			t.Errorf("right after the step the log's time has moved by %v, not 0", got)
		}
		time.Sleep(10 * time.Minute) // of the bubble
		if got := tick(); got != 5*time.Minute {
			t.Errorf("10 minutes later it has moved by %v, not 5m", got)
		}
		time.Sleep(3 * time.Hour)
		if got, want := tick(), 2*time.Hour+10*time.Minute; got != want {
			t.Errorf("when the clock has caught up it has moved by %v, not %v", got, want)
		}
	})
}
