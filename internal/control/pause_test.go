package control

import (
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"firehose/internal/stream"
)

// standing returns where a delivery stands.
func (n *node) standing(name, id string) Standing {
	n.Helper()
	list, err := n.Standings(keyOf(name))
	n.check(err)
	for _, s := range list {
		if s.Delivery == id {
			return s
		}
	}
	n.Fatalf("no delivery %s in %+v", id, list)
	return Standing{}
}

func (n *node) wantState(name, id string, want State) {
	n.Helper()
	if s := n.standing(name, id); s.State != want {
		n.Errorf("%s is %s, want %s: %+v", id, s.State, want, s)
	}
}

func TestSomebodyPausesADelivery(t *testing.T) {
	newNode(t, func(n *node) {
		n.create(declare("a", "x"))
		n.wantState("a", "main", StateActive)
		n.check(n.Pause(keyOf("a"), "main", "key ops", "the warehouse is moved"))
		n.put("a", "one")
		n.pass(10 * time.Minute)
		n.want()
		n.restart()
		n.await("a", stream.Active)
		n.put("a", "two")
		n.pass(10 * time.Minute)
		n.want()
		s := n.standing("a", "main")
		if s.State != StatePaused || s.Pause == nil || s.Pause.By != "key ops" || s.Pause.Reason != "the warehouse is moved" || time.Since(s.Pause.Since) < 20*time.Minute {
			t.Errorf("standing %+v, %+v", s, s.Pause)
		}
		if p := n.Problems(); len(p) > 0 {
			t.Errorf("a pause is no problem: %+v", p)
		}
		n.check(n.update("a", document{"main": "y"})) // what is kept goes there
		n.places.hang(true)
		n.check(n.Resume(keyOf("a"), "main", "key ops"))
		synctest.Wait()
		n.wantState("a", "main", StateCatchingUp)
		n.places.hang(false)
		n.flush("a")
		n.want("y/a/main/v2/1:0=one", "y/a/main/v2/2:0=two")
		n.wantState("a", "main", StateActive)
	})
}

func TestTheDocumentPausesADelivery(t *testing.T) {
	newNode(t, func(n *node) {
		s := declare("a", "x")
		s.Documents[1] = document{"main": "x", "other": pausedPrefix + "y"}.raw()
		n.create(s)
		n.put("a", "one")
		n.flush("a") // passes over what is paused
		n.want("x/a/main/v1/1:0=one")
		if s := n.standing("a", "other"); s.State != StatePaused || s.Pause.By != "the document" {
			t.Errorf("standing %+v, %+v", s, s.Pause)
		}
		if err := n.Resume(keyOf("a"), "other", "ops"); !errors.Is(err, ErrPausedByDocument) {
			t.Errorf("resumed: %v", err)
		}
		if err := n.Pause(keyOf("a"), "none", "ops", ""); !errors.Is(err, ErrNoDelivery) || !strings.Contains(err.Error(), "main, other") {
			t.Errorf("paused none: %v", err)
		}
		n.check(n.update("a", document{"main": "x", "other": "z"}))
		n.flush("a")
		n.want("x/a/main/v1/1:0=one", "z/a/other/v2/1:0=one")
	})
}

func TestAResumptionOfWhatIsNotPausedChangesAndLogsNothing(t *testing.T) {
	newNode(t, func(n *node) {
		n.close()
		said := make(lines, 1000)
		n.settings.Logger = slog.New(slog.NewTextHandler(said, nil))
		n.open()
		n.create(declare("a", "x"))
		resumed := func(want error, wantLines int) {
			t.Helper()
			synctest.Wait()
			for len(said) > 0 {
				<-said
			}
			if err := n.Resume(keyOf("a"), "main", "ops"); !errors.Is(err, want) {
				t.Errorf("resumed: %v, want %v", err, want)
			}
			if len(said) != wantLines {
				t.Errorf("%d lines are logged, want %d", len(said), wantLines)
			}
		}
		resumed(ErrNotPaused, 0)
		n.check(n.Pause(keyOf("a"), "main", "ops", ""))
		resumed(nil, 1)
		resumed(ErrNotPaused, 0)
		n.wantState("a", "main", StateActive)
	})
}

func TestDeletionWaitsForWhatAPausedDeliveryHolds(t *testing.T) {
	newNode(t, func(n *node) {
		n.create(declare("a", "x"))
		n.check(n.Pause(keyOf("a"), "main", "ops", ""))
		n.put("a", "one")
		n.check(n.Delete(n.Context(), keyOf("a"), false))
		n.pass(time.Hour)
		n.await("a", stream.Deleting)
		n.want()
		n.check(n.Resume(keyOf("a"), "main", "ops"))
		n.await("a", "")
		n.want("x/a/main/v1/1:0=one")
	})
}

func TestAPauseEndsWithItsDelivery(t *testing.T) {
	newNode(t, func(n *node) {
		s := declare("a", "x")
		s.Documents[1] = document{"main": "x", "other": "y"}.raw()
		n.create(s)
		n.check(n.Pause(keyOf("a"), "other", "ops", ""))
		n.check(n.update("a", document{"main": "x"}))
		n.check(n.update("a", document{"main": "x", "other": "y"}))
		n.wantState("a", "other", StateActive)
	})
}

func TestAFailingDeliveryIsDegraded(t *testing.T) {
	newNode(t, func(n *node) {
		n.create(declare("a", "x"))
		n.places.set("x", true)
		n.put("a", "one")
		n.pass(2 * time.Minute)
		n.wantState("a", "main", StateDegraded)
		n.places.set("x", false)
		n.flush("a")
		n.wantState("a", "main", StateActive)
	})
}

func TestAFailureThatMayPassIsAProblemWithItsRemedy(t *testing.T) {
	newNode(t, func(n *node) {
		n.create(declare("a", closedPlace))
		n.put("a", "one")
		n.pass(2 * time.Minute)
		if p := n.Problems(); len(p) != 1 || p[0].Code != "" || !strings.HasPrefix(p[0].Fix, "Start the other side") {
			t.Errorf("problems %+v", p)
		}
		n.check(n.Delete(n.Context(), keyOf("a"), true))
	})
}

func TestADestinationThatHoldsRecordsForLongIsWarnedOf(t *testing.T) {
	newNode(t, func(n *node) {
		n.close()
		said := make(lines, 1000)
		n.settings.Retention, n.settings.Logger = 10*time.Hour, slog.New(slog.NewTextHandler(said, &slog.HandlerOptions{Level: slog.LevelWarn}))
		n.open()
		parts := ""
		warnings := func() string {
			synctest.Wait()
			for len(said) > 0 {
				if _, part, found := strings.Cut(<-said, " part="); found {
					parts += part[:3] + " "
				}
			}
			return parts
		}
		n.create(declare("a", "x"))
		n.places.set("x", true)
		n.put("a", "one")
		hour := 0
		for _, step := range []struct {
			hour int
			want string
		}{{4, ""}, {5, "0.5 "}, {6, "0.5 "}, {7, "0.5 0.7 "}, {9, "0.5 0.7 0.9 "}, {30, "0.5 0.7 0.9 "}} {
			n.pass(time.Duration(step.hour-hour)*time.Hour + 2*time.Minute)
			hour = step.hour
			if got := warnings(); got != step.want {
				t.Errorf("after %d hours %q, want %q", step.hour, got, step.want)
			}
		}
		if s := n.standing("a", "main"); s.Retention < 3 || s.State != StateDegraded {
			t.Errorf("standing %+v", s)
		}
		n.places.set("x", false)
		n.flush("a")
		n.want("x/a/main/v1/1:0=one") // nothing is dropped for its age
	})
}

// lines takes what a logger says.
type lines chan string

func (l lines) Write(text []byte) (int, error) {
	select {
	case l <- string(text):
	default: // more than a test looks at
	}
	return len(text), nil
}

func TestADeletionThatADocumentsPauseHoldsUpIsAProblemAndGoesOn(t *testing.T) {
	newNode(t, func(n *node) {
		s := declare("a", "x")
		s.Documents[1] = document{"main": pausedPrefix + "x"}.raw()
		n.create(s)
		n.check(n.Pause(keyOf("a"), "main", "ops", "hold it"))
		if err := n.Resume(keyOf("a"), "main", "ops"); !errors.Is(err, ErrPausedByDocument) || n.standing("a", "main").Pause.By != "ops" {
			t.Errorf("%v; paused by %+v", err, n.standing("a", "main").Pause)
		}
		n.put("a", "one")
		n.check(n.Delete(n.Context(), keyOf("a"), false))
		n.pass(24 * time.Hour)
		n.await("a", stream.Deleting)
		if p := n.Problems(); len(p) != 1 || p[0].Delivery != "main" || p[0].Fix == "" {
			t.Errorf("problems %+v", p)
		}
		n.places.set("x", true)
		n.check(n.Resume(keyOf("a"), "main", "ops"))
		n.restart() // the resumption outlives it
		n.places.set("x", false)
		n.await("a", "")
		n.want("x/a/main/v1/1:0=one")
	})
}

// Somebody who found a stream before it was removed changes nothing after.
func TestALateResumptionBringsNoStreamBack(t *testing.T) {
	newNode(t, func(n *node) {
		n.create(declare("a", "x"))
		n.check(n.Pause(keyOf("a"), "main", "ops", ""))
		r, err := n.Control.get(keyOf("a"))
		n.check(err)
		n.check(n.Delete(n.Context(), keyOf("a"), true))
		n.await("a", "")
		n.create(declare("a", "y"))
		if err := r.save(func(s *stream.Stream) { s.Pauses = nil }); !errors.Is(err, stream.ErrNotFound) {
			t.Errorf("the stream that is gone was saved: %v", err)
		}
		n.put("a", "one")
		n.restart()
		n.await("a", stream.Active)
		n.flush("a")
		n.want("y/a/main/v1/1:0=one")
	})
}

func TestAPauseEndsAFlush(t *testing.T) {
	newNode(t, func(n *node) {
		n.create(declare("a", "x"))
		n.places.set("x", true)
		n.put("a", "one")
		done := make(chan error, 1)
		go func() { done <- n.Flush(n.Context(), keyOf("a")) }() // waited for below
		n.pass(time.Minute)
		n.check(n.Pause(keyOf("a"), "main", "ops", ""))
		n.check(<-done)
		n.want()
	})
}

func TestWhatARemovedDestinationLeavesIsCounted(t *testing.T) {
	newNode(t, func(n *node) {
		n.close()
		said := make(lines, 1000)
		n.settings.Logger = slog.New(slog.NewTextHandler(said, nil))
		n.open()
		s := declare("a", "x")
		s.Documents[1] = document{"main": "x", "other": "y"}.raw()
		n.create(s)
		dropped := func(want string) {
			t.Helper()
			synctest.Wait()
			got := ""
			for len(said) > 0 {
				if line := <-said; strings.Contains(line, "it never will") {
					got += line[strings.Index(line, "records="):]
				}
			}
			if got != want {
				t.Errorf("it says %q, want %q", got, want)
			}
		}
		n.put("a", "one two")
		n.pass(61 * time.Second)
		n.check(n.update("a", document{"main": "x"}))
		dropped("")
		n.check(n.update("a", document{"main": "x", "other": "y"}))
		n.places.set("y", true)
		n.put("a", "three four five")
		n.pass(61 * time.Second)
		n.check(n.update("a", document{"main": "x"}))
		dropped("records=3\n")
	})
}
