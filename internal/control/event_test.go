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
