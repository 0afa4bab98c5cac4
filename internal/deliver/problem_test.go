package deliver

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

func TestATryWithoutAnAnswerBecomesAProblem(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &flight{trying: true, tried: time.Now()}
		time.Sleep(slowTry) // of the bubble
		if p := f.problemLocked(); p != nil {
			t.Errorf("after %v: %+v", slowTry, p)
		}
		time.Sleep(time.Second) // of the bubble
		if p := f.problemLocked(); p == nil || p.Err.Error() != "no answer for 31s" || !p.Since.Equal(f.tried) {
			t.Errorf("a second later: %+v", p)
		}
		f.problem = &Problem{Tries: 3, Err: errors.New("refused")}
		if p := f.problemLocked(); p == f.problem || *p != *f.problem {
			t.Errorf("a try that failed: %+v", p)
		}
		f.trying, f.problem = false, nil
		if p := f.problemLocked(); p != nil {
			t.Errorf("not tried: %+v", p)
		}
	})
}
