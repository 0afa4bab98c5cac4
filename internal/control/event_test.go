package control

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"firehose/internal/ingest"
	"firehose/internal/stream"
)

// newEventNode is newNode with a stream s, whose events are known by their field id for an hour.
func newEventNode(t *testing.T, idsMax int, test func(n *node)) {
	t.Helper()
	newNode(t, func(n *node) {
		plain := n.settings.Compile["test"]
		n.settings.Compile["test"] = func(key stream.Key, text []byte) (stream.Spec, error) {
			spec, err := plain(key, text)
			spec.Idempotency = &stream.Idempotency{Field: "id", Window: time.Hour}
			return spec, err
		}
		n.settings.IDsDir, n.settings.IDsMax = n.dir, idsMax
		n.restart()
		n.create(declare("s", "a"))
		test(n)
	})
}

// events puts an event for each id, and returns what became of them: + is stored, = is known.
func (n *node) events(ctx context.Context, ids string) (fate string, err error) {
	n.Helper()
	var events [][]byte
	for _, id := range strings.Fields(ids) {
		events = append(events, []byte(`{"id":"`+id+`"}`))
	}
	done, err := n.PutEvents(ctx, keyOf("s"), events)
	for _, duplicate := range done.Duplicate {
		if duplicate {
			fate += "="
		} else {
			fate += "+"
		}
	}
	return fate, err
}

func (n *node) wantEvents(ctx context.Context, ids, want string) {
	n.Helper()
	if fate, err := n.events(ctx, ids); err != nil || fate != want {
		n.Errorf("%s: %s, %v; want %s", ids, fate, err, want)
	}
}

// delivered returns the ids of all events that were delivered, in order.
func (n *node) delivered() (ids []string) {
	n.Helper()
	n.flush("s")
	n.places.mu.Lock()
	defer n.places.mu.Unlock()
	for _, body := range n.places.objects {
		for piece := range strings.SplitSeq(body, `{"id":"`) {
			if id, _, found := strings.Cut(piece, `"`); found {
				ids = append(ids, id)
			}
		}
	}
	slices.Sort(ids)
	return ids
}

func TestAnEventIsStoredOnceInItsWindow(t *testing.T) {
	newEventNode(t, 1000, func(n *node) {
		ctx := n.Context()
		n.wantEvents(ctx, "a b a", "++=")
		n.wantEvents(ctx, "b c", "=+")
		n.restart() // with a snapshot
		n.wantEvents(ctx, "c d", "=+")
		n.between(func() { n.removeSnapshots() })
		gone, cancel := context.WithCancel(ctx)
		cancel()
		if _, err := n.events(gone, "a"); !errors.Is(err, context.Canceled) { // does not wait for the window
			t.Errorf("got %v", err)
		}
		n.wantEvents(ctx, "a b c d e", "====+")
		if got := n.delivered(); !slices.Equal(got, strings.Fields("a b c d e")) {
			t.Errorf("delivered are %v", got)
		}
		n.pass(2 * time.Hour)
		n.wantEvents(ctx, "a", "+")
	})
}

// removeSnapshots leaves what a crash leaves.
func (n *node) removeSnapshots() {
	n.Helper()
	files, err := filepath.Glob(filepath.Join(n.dir, "*.ids"))
	n.check(err)
	if len(files) == 0 {
		n.Error("there is no snapshot of event ids")
	}
	for _, name := range files {
		n.check(os.Remove(name))
	}
}

// A client that goes away while its events are being stored must find them known when it sends them again.
func TestAClientThatGoesAwayLeavesNoIdFree(t *testing.T) {
	newEventNode(t, 1000, func(n *node) {
		n.wantEvents(n.Context(), "a", "+")
		gone, cancel := context.WithCancel(n.Context())
		cancel()
		all := strings.Fields("a b c d e f g h i j k l m n o p q r s t")
		for _, id := range all { // of those that are stored, some by chance before it is seen that the client is gone
			_, _ = n.events(gone, id)
		}
		fate, err := n.events(n.Context(), strings.Join(all, " "))
		n.check(err)
		if got := n.delivered(); !slices.Equal(got, all) {
			t.Errorf("delivered are %v; the second put was answered with %s", got, fate)
		}
	})
}

func TestEventsWaitWhenNoMoreIdsCanBeRemembered(t *testing.T) {
	newEventNode(t, 3, func(n *node) {
		n.wantEvents(n.Context(), "a b", "++")
		if _, err := n.events(n.Context(), "c d"); !errors.Is(err, ingest.ErrThrottled) {
			t.Errorf("got %v, want a throttling", err)
		}
		n.wantEvents(n.Context(), "a c", "=+")
		n.pass(2 * time.Hour)
		n.wantEvents(n.Context(), "d e", "++")
	})
}

// Events of one put have the same fate as alone, whatever stands between them.
func TestEventsThatAreTooLargeAreRefusedAndTheOthersStored(t *testing.T) {
	newEventNode(t, 1000, func(n *node) {
		limited := n.settings.Compile["test"]
		n.settings.Compile["test"] = func(key stream.Key, text []byte) (stream.Spec, error) {
			spec, err := limited(key, text)
			spec.EventMax = len(`{"id":"abc"}`)
			return spec, err
		}
		n.restart()
		put := func(ids, want string) {
			t.Helper()
			var events [][]byte
			for _, id := range strings.Fields(ids) {
				events = append(events, []byte(`{"id":"`+id+`"}`))
			}
			done, err := n.PutEvents(n.Context(), keyOf("s"), events)
			fate := ""
			for i, duplicate := range done.Duplicate {
				var large *TooLargeError
				switch {
				case errors.As(done.Refused[i], &large) && large.Size == len(events[i]):
					fate += "!"
				case duplicate:
					fate += "="
				default:
					fate += "+"
				}
			}
			if err != nil || fate != want || done.Taken != len(want) || done.Stored != strings.Count(want, "+") || done.Receipt.Accepted != done.Stored {
				t.Errorf("%s: %s, %v (taken %d, stored %d); want %s", ids, fate, err, done.Taken, done.Stored, want)
			}
		}
		put("large abc large a abc large", "!+!+=!")
		put("large", "!")
		put("a abcd b", "=!+")
		if got := n.delivered(); !slices.Equal(got, strings.Fields("a abc b")) {
			t.Errorf("delivered are %v", got)
		}
	})
}

func TestWhatIsThrottledEndsWhatWasTaken(t *testing.T) {
	f := func(stored, events int, wantTaken int, refused ...int) {
		t.Helper()
		why := map[int]error{}
		for _, i := range refused {
			why[i] = &TooLargeError{}
		}
		all := Events{Stored: stored, Duplicate: make([]bool, stored)}.among(why, events)
		if all.Taken != wantTaken || len(all.Duplicate) != wantTaken || all.Taken-len(all.Refused) != stored {
			t.Errorf("%d stored of %d, %v refused: %+v, want %d taken", stored, events, refused, all, wantTaken)
		}
	}
	f(1, 5, 2, 0)    // x+...
	f(1, 5, 3, 0, 2) // x+x..
	f(0, 5, 0, 1)    // .x...
	f(2, 4, 4, 2, 3) // ++xx
	f(2, 5, 3, 1, 4) // +x+.x
}
