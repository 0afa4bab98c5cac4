package deliver

import (
	"context"
	"math/rand/v2"
	"time"

	"firehose/internal/verdict"
)

// Retry says how a batch is tried again. There is no last try: a batch is never dropped for its destination's sake.
type Retry struct {
	First   time.Duration // pause after the first failed try; it doubles with each further one
	Max     time.Duration // longest pause
	Timeout time.Duration // of one try
}

// setUpFirst is the first pause after an error that somebody must repair: nobody is faster.
const setUpFirst = time.Second

// Pause returns how long to wait after the given number of failed tries, the latest with err: doubling, between 50 and
// 100 % of that by chance so that many streams do not try at the same moment, and at least what err asks for.
func (r Retry) Pause(tries int, err error) time.Duration {
	pause := r.First
	if verdict.AsSetUp(err) != nil {
		pause = max(pause, setUpFirst)
	}
	for ; tries > 1 && pause < r.Max; tries-- {
		pause *= 2
	}
	pause = min(pause, r.Max)
	pause -= rand.N(pause/2 + 1)
	return max(pause, verdict.Delay(err))
}

// pause waits, and reports whether the wait was cut short because ctx or the delivery ends.
func (d *Delivery) pause(ctx context.Context, long time.Duration) (ended bool) {
	timer := time.NewTimer(long)
	defer timer.Stop()
	select {
	case <-timer.C:
		return false
	case <-d.ending:
	case <-ctx.Done():
	}
	return true
}
