package control

import (
	"errors"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"firehose/internal/record"
	"firehose/internal/stream"
)

// newKeepingNode is newNode, and keeps an hour of history.
func newKeepingNode(t *testing.T, test func(n *node)) {
	t.Helper()
	newNode(t, func(n *node) {
		n.close()
		n.retention = time.Hour
		n.open()
		test(n)
	})
}

// replay begins a replay and returns it when it has ended.
func (n *node) replay(name string, q ReplayRequest) Replay {
	n.Helper()
	began, err := n.StartReplay(n.Context(), keyOf(name), q)
	n.check(err)
	return n.awaitReplay(name, began.ID)
}

func (n *node) awaitReplay(name, id string) Replay {
	n.Helper()
	for range 10000 {
		if r := n.replayNamed(name, id); r.Status != stream.ReplayRunning {
			return r
		}
		n.pass(100 * time.Millisecond)
	}
	n.Fatalf("the replay is %+v, problems %+v", n.replayNamed(name, id), n.Problems())
	return Replay{}
}

func (n *node) replayNamed(name, id string) Replay {
	n.Helper()
	list, err := n.Replays(keyOf(name))
	n.check(err)
	for _, r := range list {
		if r.ID == id {
			return r
		}
	}
	n.Fatalf("no replay %s in %+v", id, list)
	return Replay{}
}

// replayed returns what a replay put into a place.
func (n *node) replayed(place, id string) string {
	n.places.mu.Lock()
	defer n.places.mu.Unlock()
	words := ""
	for _, key := range slices.Sorted(maps.Keys(n.places.objects)) {
		if strings.HasPrefix(key, place+"/") && strings.Contains(key, "/"+id+"/") {
			words += n.places.objects[key]
		}
	}
	return strings.TrimSpace(words)
}

func TestAReplayDeliversARangeOfTimeOnceMore(t *testing.T) {
	newKeepingNode(t, func(n *node) {
		n.create(declare("a", "x"))
		var times []time.Time
		for _, word := range strings.Fields("one two three four five") {
			times = append(times, time.Now())
			n.put("a", word)
			n.pass(time.Minute)
		}
		n.flush("a")
		r := n.replay("a", ReplayRequest{Delivery: "main", From: Bound{Time: times[1]}, Until: Bound{Time: times[3]}, By: "ops", Reason: "a test"})
		if got := n.replayed("x", r.ID); got != "two three" {
			t.Errorf("replayed %q", got)
		}
		if r.Status != stream.ReplayDone || r.Records != 2 || r.By != "ops" || r.Position != r.Until {
			t.Errorf("it is %+v", r)
		}
		if got := n.replayed("x", "main"); got != "one two three four five" {
			t.Errorf("the delivery itself has put %q", got)
		}
		n.restart()
		n.await("a", stream.Active)
		if got := n.replayNamed("a", r.ID); got.Status != stream.ReplayDone || got.Document != nil {
			t.Errorf("after a restart it is %+v", got)
		}
	})
}

func TestAReplayTakesPositionsAndAnotherDestination(t *testing.T) {
	newKeepingNode(t, func(n *node) {
		n.create(declare("a", "x"))
		ids := n.put("a", "one two three four")
		n.put("a", "five")
		n.flush("a")
		q := ReplayRequest{Delivery: "other", Language: "test", Document: document{"other": "y"}.raw(), From: Bound{Position: ids[1].Position}, Until: Bound{Position: ids[3].Position}}
		planned, err := n.PlanReplay(n.Context(), keyOf("a"), q)
		n.check(err)
		if planned.Records != 2 || planned.Bytes != int64(len("two three ")) || planned.First.IsZero() || planned.Passing != nil {
			t.Errorf("planned %+v", planned)
		}
		if list, err := n.Replays(keyOf("a")); err != nil || len(list) > 0 {
			t.Errorf("planning began %+v, %v", list, err)
		}
		r := n.replay("a", q)
		if got := n.replayed("y", r.ID); got != "two three" {
			t.Errorf("replayed %q", got)
		}
	})
}

func TestAReplayGoesOnAfterARestartAndHoldsItsHistory(t *testing.T) {
	newKeepingNode(t, func(n *node) {
		n.create(declare("a", "x"))
		for range 10 {
			n.put("a", "word "+strings.Repeat("word", 50))
		}
		n.flush("a")
		n.places.set("y", true)
		began, err := n.StartReplay(n.Context(), keyOf("a"), ReplayRequest{Delivery: "other", Language: "test", Document: document{"other": "y"}.raw()})
		n.check(err)
		n.pass(3 * time.Hour) // the retention is over for long
		if p := n.Problems(); len(p) != 1 || p[0].Delivery != began.ID || p[0].Code != "Test.Broken" {
			t.Errorf("problems %+v", p)
		}
		n.restart()
		n.await("a", stream.Active)
		n.pass(3 * time.Hour)
		n.places.set("y", false)
		r := n.awaitReplay("a", began.ID)
		if got := strings.Count(n.replayed("y", r.ID), "word "); r.Status != stream.ReplayDone || got != 19 {
			t.Errorf("%d words, %+v", got, r)
		}
		n.pass(2 * time.Hour)
		n.put("a", "last")
		n.flush("a")
		if _, err := n.PlanReplay(n.Context(), keyOf("a"), ReplayRequest{Delivery: "main", From: Bound{Position: record.Position{Block: 1}}}); !errors.As(err, new(*HistoryGone)) {
			t.Errorf("the history is still there: %v", err)
		}
	})
}

func TestACancelledReplayEnds(t *testing.T) {
	newKeepingNode(t, func(n *node) {
		n.create(declare("a", "x"))
		n.put("a", "one")
		n.flush("a")
		n.places.set("x", true)
		began, err := n.StartReplay(n.Context(), keyOf("a"), ReplayRequest{Delivery: "main"})
		n.check(err)
		n.pass(time.Minute)
		n.check(n.CancelReplay(keyOf("a"), began.ID))
		n.places.set("x", false)
		n.pass(time.Minute)
		if r := n.replayNamed("a", began.ID); r.Status != stream.ReplayCancelled || r.Position != r.From || n.replayed("x", began.ID) != "" {
			t.Errorf("it is %+v and has put %q", r, n.replayed("x", began.ID))
		}
		if err := n.CancelReplay(keyOf("a"), began.ID); !errors.Is(err, ErrReplayEnded) {
			t.Errorf("cancelled twice: %v", err)
		}
		if err := n.CancelReplay(keyOf("a"), "none"); !errors.Is(err, ErrNoReplay) {
			t.Errorf("cancelled none: %v", err)
		}
	})
}

func TestReplaysThatCannotBeAreRefused(t *testing.T) {
	newKeepingNode(t, func(n *node) {
		n.create(declare("a", "x"))
		n.put("a", "one")
		n.flush("a")
		if _, err := n.StartReplay(n.Context(), keyOf("a"), ReplayRequest{Delivery: "none"}); !errors.Is(err, ErrNoDelivery) || !strings.Contains(err.Error(), "main") {
			t.Errorf("no such delivery: %v", err)
		}
		if _, err := n.StartReplay(n.Context(), keyOf("b"), ReplayRequest{Delivery: "main"}); !errors.Is(err, stream.ErrNotFound) {
			t.Errorf("no such stream: %v", err)
		}
		n.places.set("x", true)
		for range replaysMax {
			_, err := n.StartReplay(n.Context(), keyOf("a"), ReplayRequest{Delivery: "main"})
			n.check(err)
		}
		if _, err := n.StartReplay(n.Context(), keyOf("a"), ReplayRequest{Delivery: "main"}); !errors.Is(err, ErrReplays) {
			t.Errorf("one too many: %v", err)
		}
		n.check(n.Delete(n.Context(), keyOf("a"), false)) // does not wait for replays
		n.await("a", "")
	})
}

func TestAReplayOfNothingIsDoneAtOnce(t *testing.T) {
	newKeepingNode(t, func(n *node) {
		n.create(declare("a", "x"))
		if r := n.replay("a", ReplayRequest{Delivery: "main"}); r.Status != stream.ReplayDone || r.Records != 0 {
			t.Errorf("it is %+v", r)
		}
	})
}

func TestOldReplaysAreForgotten(t *testing.T) {
	newKeepingNode(t, func(n *node) {
		n.create(declare("a", "x"))
		n.put("a", "one")
		last := ""
		for range replaysKept + 3 {
			last = n.replay("a", ReplayRequest{Delivery: "main"}).ID
		}
		list, err := n.Replays(keyOf("a"))
		n.check(err)
		if len(list) != replaysKept || list[len(list)-1].ID != last {
			t.Errorf("%d replays, the last is %s, want %s", len(list), list[len(list)-1].ID, last)
		}
	})
}

func TestANewDestinationMayBeginInThePast(t *testing.T) {
	newKeepingNode(t, func(n *node) {
		n.create(declare("a", "x"))
		n.put("a", "one")
		n.flush("a")
		n.check(n.update("a", document{"main": "x", "oldest-one": "y"}))
		n.put("a", "two")
		n.flush("a")
		if got := n.replayed("y", "oldest-one"); got != "one two" {
			t.Errorf("it has %q", got)
		}
	})
}

func TestAReplayTellsWhatALimitHasDroppedUnderIt(t *testing.T) {
	newNode(t, func(n *node) {
		n.close()
		n.retention, n.logMax = time.Hour, 3000
		n.open()
		n.create(declare("a", "x"))
		n.put("a", "one "+strings.Repeat("x", 500))
		n.flush("a")
		n.places.set("y", true)
		began, err := n.StartReplay(n.Context(), keyOf("a"), ReplayRequest{Delivery: "other", Language: "test", Document: document{"other": "y"}.raw()})
		n.check(err)
		noise := rand.New(rand.NewPCG(1, 1))
		for range 20 { // the replay holds up nobody
			text := make([]byte, 300)
			for i := range text {
				text[i] = 'a' + byte(noise.IntN(26))
			}
			n.put("a", string(text))
			n.flush("a")
		}
		if n.replayNamed("a", began.ID).Gap {
			n.Error("there is a gap where nothing was passed over yet")
		}
		n.restart() // what it had read is forgotten
		n.await("a", stream.Active)
		n.places.set("y", false)
		if r := n.awaitReplay("a", began.ID); !r.Gap || n.replayed("y", r.ID) != "" {
			t.Errorf("it is %+v and has put %q", r, n.replayed("y", r.ID))
		}
		if r := n.replay("a", ReplayRequest{Delivery: "main"}); r.Gap {
			t.Errorf("it is %+v", r)
		}
	})
}

func TestACancelledReplaySaysHowFarItWas(t *testing.T) {
	newKeepingNode(t, func(n *node) {
		n.create(declare("a", "x"))
		for range 10 {
			n.put("a", "word")
			n.pass(2 * time.Minute)
		}
		began, err := n.StartReplay(n.Context(), keyOf("a"), ReplayRequest{Delivery: "main", Rate: 0.1})
		n.check(err)
		n.pass(35 * time.Second)
		n.check(n.CancelReplay(keyOf("a"), began.ID))
		n.restart()
		n.await("a", stream.Active)
		if r := n.replayNamed("a", began.ID); r.Position.Block != 5 || n.replayed("x", began.ID) != "word word word word" {
			t.Errorf("it is at %v and has put %q", r.Position, n.replayed("x", began.ID))
		}
	})
}

func TestARateHoldsWithinABatch(t *testing.T) {
	newKeepingNode(t, func(n *node) {
		n.create(declare("a", "x"))
		n.put("a", strings.Repeat("word ", 1000))
		n.flush("a")
		began, err := n.StartReplay(n.Context(), keyOf("a"), ReplayRequest{Delivery: "main", Rate: 5})
		n.check(err)
		n.pass(101 * time.Second)
		if got := strings.Count(n.replayed("x", began.ID), "word"); got < 450 || got > 600 {
			t.Errorf("%d words in 100 seconds at 5 a second", got)
		}
		n.awaitReplay("a", began.ID)
	})
}

func TestAReplayOfDroppedHistoryIsRefusedAndOfQuietTimesIsNot(t *testing.T) {
	newKeepingNode(t, func(n *node) {
		n.create(declare("a", "x"))
		at := time.Now()
		ids := n.put("a", "one two")
		n.flush("a")
		n.pass(5 * time.Hour)
		f := func(from Bound, gone bool) {
			t.Helper()
			found, err := n.PlanReplay(n.Context(), keyOf("a"), ReplayRequest{Delivery: "main", From: from})
			if errors.As(err, new(*HistoryGone)) != gone || !gone && err != nil {
				t.Errorf("from %+v: %+v, %v", from, found, err)
			}
		}
		f(Bound{Time: at}, true)
		f(Bound{Position: ids[0].Position}, true)
		f(Bound{}, false)
		n.put("a", "three")
		n.pass(10 * time.Minute)
		f(Bound{Time: at}, true)
		f(Bound{Position: ids[0].Position}, true)
		f(Bound{Time: time.Now().Add(-20 * time.Minute)}, false) // nothing was put then
		if _, err := n.PlanReplay(n.Context(), keyOf("a"), ReplayRequest{Delivery: "main", From: Bound{Stream: record.NewStreamID(), Position: ids[0].Position}}); !errors.Is(err, ErrOtherStream) {
			t.Errorf("a record of another stream: %v", err)
		}
	})
}

func TestAReplayThatCannotRunSaysWhyAndIsTriedAgain(t *testing.T) {
	newKeepingNode(t, func(n *node) {
		n.create(declare("a", "x"))
		n.put("a", "one")
		n.flush("a")
		n.places.set("x", true)
		began, err := n.StartReplay(n.Context(), keyOf("a"), ReplayRequest{Delivery: "main"})
		n.check(err)
		language := func(name string) {
			list, err := n.db.Streams()
			n.check(err)
			list[0].Replays[0].Language = name
			n.check(n.db.SaveStream(list[0]))
		}
		n.between(func() { language("gone") })
		n.await("a", stream.Active)
		n.pass(time.Hour)
		if p := n.Problems(); len(p) != 1 || p[0].Delivery != began.ID || n.replayNamed("a", began.ID).Problem == nil {
			t.Errorf("problems %+v, %+v", p, n.replayNamed("a", began.ID))
		}
		n.settings.Compile["gone"] = n.settings.Compile["test"] // the map that control looks into
		n.places.set("x", false)
		if r := n.awaitReplay("a", began.ID); r.Status != stream.ReplayDone || n.replayed("x", r.ID) != "one" {
			t.Errorf("it is %+v", r)
		}
	})
}

// A process that dies while a stream is removed by force, with a replay running, begins again with removing it.
func TestARemovalBeginsAgainWithAReplayUnderWay(t *testing.T) {
	newKeepingNode(t, func(n *node) {
		n.create(declare("a", "x"))
		n.put("a", "one")
		n.flush("a")
		n.places.set("x", true)
		_, err := n.StartReplay(n.Context(), keyOf("a"), ReplayRequest{Delivery: "main"})
		n.check(err)
		n.between(func() {
			list, err := n.db.Streams()
			n.check(err)
			list[0].Status, list[0].Discard = stream.Deleting, true
			n.check(n.db.SaveStream(list[0]))
		})
		n.await("a", "")
	})
}
