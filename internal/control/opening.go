package control

import (
	"maps"
	"slices"
	"sync"
	"time"

	"firehose/internal/deliver"
	"firehose/internal/destination"
	"firehose/internal/enrich"
	"firehose/internal/stream"
	"firehose/internal/verdict"
)

// opening is what became of opening a delivery's destination, version by version.
type opening struct {
	mu         sync.Mutex
	held       map[int]*heldPlan
	references map[int]string // digests of what the destinations that are open refer to
	next       time.Time      // when keepOpen looks again
	unusable   string         // why what is referred to now cannot be used, if it is other than it was
	tables     []openTables   // of the plans that are open
	news       chan struct{}  // tells keepOpen that something was opened
}

// heldPlan is a plan whose destination could not be opened.
type heldPlan struct {
	why    *verdict.SetUp // as the delivery knows it
	latest error          // of the last try
	tries  int
}

type openTables struct {
	version  int
	enricher *enrich.Enricher
}

func newOpening() *opening {
	return &opening{held: map[int]*heldPlan{}, references: map[int]string{}, news: make(chan struct{}, 1)}
}

// open opens what a version declares for a delivery, and notes what became of it. The first time counts: that is what the
// delivery uses, others only ask it for a name.
func (o *opening) open(version int, declared stream.Delivery, open func() deliver.Plan) deliver.Plan {
	references, unread := destination.References(declared.Destination) // before it is read, so that no change is missed
	plan := open()
	o.mu.Lock()
	defer o.mu.Unlock()
	if _, known := o.references[version]; !known && o.held[version] == nil {
		if why := destination.AsHeld(plan.Destination); why != nil {
			o.held[version] = &heldPlan{why: why, latest: why, tries: 1}
		} else if unread == nil {
			o.references[version] = references
		}
		select {
		case o.news <- struct{}{}:
		default:
		}
	}
	if plan.Events != nil && plan.Events.Tables() != nil {
		tables, stop := openTables{version, plan.Events.Tables()}, plan.Stop
		o.tables = append(o.tables, tables)
		plan.Stop = func() {
			o.forget(tables)
			stop()
		}
	}
	return plan
}

func (o *opening) forget(tables openTables) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.tables = slices.DeleteFunc(o.tables, func(known openTables) bool { return known == tables })
}

// waiting returns the versions from the oldest on whose destination is held.
func (o *opening) waiting(oldest int) []int {
	o.mu.Lock()
	defer o.mu.Unlock()
	maps.DeleteFunc(o.held, func(version int, _ *heldPlan) bool { return version < oldest })
	return slices.Sorted(maps.Keys(o.held))
}

// pause returns how long to wait before the destination of a held version is tried again.
func (o *opening) pause(version int, retry deliver.Retry) time.Duration {
	o.mu.Lock()
	defer o.mu.Unlock()
	tries, why := 1, error(nil)
	if h := o.held[version]; h != nil {
		tries, why = h.tries, h.latest
	}
	return retry.Pause(tries, why)
}

// looksAt notes when keepOpen looks again.
func (o *opening) looksAt(next time.Time) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.next = next
}

// nextTry returns when what is held is tried again; zero when nothing is.
func (o *opening) nextTry() time.Time {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.held) == 0 {
		return time.Time{}
	}
	return o.next
}

// tried notes that a version could not be opened again. It reports whether the reason is another than before, and whether
// the version is running as it was opened.
func (o *opening) tried(version int, why error) (changed, running bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	h := o.held[version]
	if h == nil {
		changed, o.unusable = o.unusable != why.Error(), why.Error()
		return changed, true
	}
	changed = h.latest.Error() != why.Error()
	h.tries, h.latest = h.tries+1, why
	return changed, false
}

// told returns a problem with what is known of it since.
func (o *opening) told(p *deliver.Problem) *deliver.Problem {
	if p == nil {
		return nil
	}
	broken := verdict.AsSetUp(p.Err)
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, h := range o.held {
		if h.why == broken {
			return &deliver.Problem{Since: p.Since, Tries: max(p.Tries, h.tries), Err: h.latest}
		}
	}
	return p
}

// refers says whether any version that was opened refers to what may change. One that comes in force was opened before.
func (o *opening) refers() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, digest := range o.references {
		if digest != "" {
			return true
		}
	}
	return false
}

// reference returns the digest of what the destination of a version referred to when it was opened.
func (o *opening) reference(version int) string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.references[version]
}

// lookups returns where the lookups of the latest version stand.
func (o *opening) lookups() []enrich.LookupStatus {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.tables) == 0 {
		return nil
	}
	latest := slices.MaxFunc(o.tables, func(a, b openTables) int { return a.version - b.version }) // the first of equal ones
	return latest.enricher.Lookups()
}

// Status returns where the delivery stands, with the latest reason of what cannot be opened.
func (d *delivery) Status() deliver.Status {
	s := d.Delivery.Status()
	s.Problem = d.opening.told(s.Problem)
	return s
}
