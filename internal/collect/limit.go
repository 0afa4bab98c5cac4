package collect

import (
	"net/netip"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"firehose/internal/native"
)

// addressesMax is how many client addresses the limits of a collector know. Beyond it those are forgotten that have not been
// seen for longest, about; then the limit on the whole holds.
const addressesMax = 20_000

// burstSeconds is how many seconds' worth of events may come at once, as when a page is opened.
const burstSeconds = 5

// limits bound how fast events come. Addresses are in two generations: when the young one is full it becomes the old one, and
// what the old one held is forgotten.
type limits struct {
	perAddress int
	total      *rate.Limiter

	mu         sync.Mutex
	young, old map[netip.Prefix]*rate.Limiter
}

func newLimits(r native.CollectorRate) *limits {
	return &limits{perAddress: r.Address, total: newRate(r.Total), young: map[netip.Prefix]*rate.Limiter{}}
}

func newRate(perSecond int) *rate.Limiter {
	return rate.NewLimiter(rate.Limit(perSecond), burstSeconds*perSecond)
}

// allow says whether an event may come from an address now. What one address is refused takes nothing from the others.
func (l *limits) allow(from netip.Addr, now time.Time) bool {
	return l.of(household(from)).AllowN(now, 1) && l.total.AllowN(now, 1)
}

// household is what counts as one address: of IPv6 a network of 64 bits, since nobody has less.
func household(a netip.Addr) netip.Prefix {
	bits := a.BitLen()
	if a.Is6() {
		bits = 64
	}
	p, _ := a.Prefix(bits) // the zero address, of what is no address, is one household
	return p
}

func (l *limits) of(home netip.Prefix) *rate.Limiter {
	l.mu.Lock()
	defer l.mu.Unlock()
	if one := l.young[home]; one != nil {
		return one
	}
	one := l.old[home]
	if one == nil {
		one = newRate(l.perAddress)
	}
	if len(l.young) >= addressesMax/2 {
		l.young, l.old = map[netip.Prefix]*rate.Limiter{}, l.young
	}
	l.young[home] = one
	return one
}
