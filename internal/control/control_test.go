package control

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"firehose/internal/record"
	"firehose/internal/stream"
)

func TestStreamLives(t *testing.T) {
	newNode(t, func(n *node) {
		s := declare("a", "x")
		n.create(s)
		if err := n.Create(n.Context(), declare("a", "y")); !errors.Is(err, stream.ErrExists) {
			t.Errorf("create again: %v", err)
		}
		n.put("a", "one two")
		n.put("a", "three")
		n.flush("a")
		n.want("x/a/main/v1/1:0=one two three")
		n.put("a", "four")
		n.restart()
		n.await("a", stream.Active)
		n.put("a", "five")
		n.flush("a")
		n.want("x/a/main/v1/1:0=one two three", "x/a/main/v1/3:0=four five")
		if got, err := n.Get(keyOf("a")); err != nil || got.ID != s.ID {
			t.Errorf("get: %+v, %v", got, err)
		}
	})
}

func TestIntervalDeliversWithoutAFlush(t *testing.T) {
	newNode(t, func(n *node) {
		n.create(declare("a", "x"))
		n.put("a", "one")
		n.pass(61 * time.Second)
		n.want("x/a/main/v1/1:0=one")
	})
}

func TestUnknownStreamIsNotFound(t *testing.T) {
	newNode(t, func(n *node) {
		_, get := n.Get(keyOf("a"))
		_, put := n.Put(n.Context(), keyOf("a"), [][]byte{{1}})
		_, locate := n.Locate(record.ID{})
		for _, err := range []error{get, put, locate, n.Flush(n.Context(), keyOf("a")), n.Delete(n.Context(), keyOf("a"), false),
			n.update("a", document{"main": "x"})} {
			if !errors.Is(err, stream.ErrNotFound) {
				t.Errorf("error %v", err)
			}
		}
	})
}

func TestAccountsAndRegionsNeverMeet(t *testing.T) {
	newNode(t, func(n *node) {
		var keys []stream.Key
		for i, place := range []string{"x", "y", "z"} {
			s := declare("a", place)
			s.Account, s.Region = fmt.Sprintf("%012d", 1+i%2), []string{"us-east-1", "us-east-1", "eu-west-1"}[i]
			n.check(n.Create(n.Context(), s))
			keys = append(keys, s.Key)
		}
		synctest.Wait()
		n.pass(time.Second)
		for i, key := range keys {
			_, err := n.Put(n.Context(), key, [][]byte{fmt.Appendf(nil, "of%d", i)})
			n.check(err)
			n.check(n.Flush(n.Context(), key))
			if list := n.List(key.Account, key.Region); len(list) != 1 || list[0].Key != key {
				t.Errorf("list of %+v: %+v", key, list)
			}
		}
		n.want("x/a/main/v1/1:0=of0", "y/a/main/v1/1:0=of1", "z/a/main/v1/1:0=of2")
		if found := n.Find("a"); len(found) != 3 {
			t.Errorf("found %v", found)
		}
		n.check(n.Delete(n.Context(), keys[1], false))
		n.pass(time.Second)
		if _, err := n.Get(keys[0]); err != nil {
			t.Errorf("another account's stream: %v", err)
		}
	})
}

func TestQuotaIsOfAnAccountInARegion(t *testing.T) {
	newNode(t, func(n *node) {
		for i := range 3 {
			n.create(declare(fmt.Sprint(i), "x"))
		}
		if err := n.Create(n.Context(), declare("more", "x")); !errors.Is(err, stream.ErrQuota) {
			t.Errorf("create: %v", err)
		}
		other := declare("more", "x")
		other.Region = "eu-west-1"
		n.check(n.Create(n.Context(), other))
		n.check(n.Delete(n.Context(), keyOf("0"), false))
		n.await("0", "")
		n.create(declare("more", "x"))
	})
}

func TestUpdateKeepsTheVersionsThatAReplayMayNeed(t *testing.T) {
	newNode(t, func(n *node) {
		n.create(declare("a", "x"))
		versions := func() []int {
			s, err := n.Get(keyOf("a"))
			n.check(err)
			return slices.Sorted(maps.Keys(s.Documents))
		}
		n.places.hanging = true
		n.put("a", "one")
		n.pass(61 * time.Second) // in flight, and perhaps in place
		n.check(n.update("a", document{"main": "y"}))
		n.check(n.update("a", document{"main": "z"}))
		if got := versions(); !slices.Contains(got, 1) || !slices.Contains(got, 3) {
			t.Errorf("versions %v are kept", got)
		}
		n.put("a", "two")
		n.restart()
		n.await("a", stream.Active)
		n.places.mu.Lock()
		n.places.hanging = false
		n.places.mu.Unlock()
		n.flush("a")
		n.want("x/a/main/v1/1:0=one", "z/a/main/v3/2:0=two")
		for range versionsKept - 2 {
			n.check(n.update("a", document{"main": "x"}))
		}
		if got := versions(); len(got) != versionsKept || got[0] != 2 {
			t.Errorf("versions %v are kept", got)
		}
	})
}

func TestDeliveryThatAnUpdateLeavesOutEnds(t *testing.T) {
	newNode(t, func(n *node) {
		s := declare("a", "x")
		s.Documents[1] = document{"main": "x", "other": "b"}.raw()
		n.create(s)
		n.places.set("b", true)
		n.put("a", "one")
		n.pass(61 * time.Second) // one is in flight, and b refuses it
		n.check(n.update("a", document{"main": "x"}))
		n.put("a", "two")
		n.flush("a") // waits for nobody who is gone
		n.places.set("b", false)
		n.check(n.update("a", document{"main": "x", "other": "b"}))
		n.put("a", "three")
		n.flush("a")
		n.want("x/a/main/v1/1:0=one", "x/a/main/v2/2:0=two", "x/a/main/v3/3:0=three", "b/a/other/v3/3:0=three")
	})
}

func TestCursorOfADeliveryThatIsGoneDoesNotOutliveARestart(t *testing.T) {
	newNode(t, func(n *node) {
		s := declare("a", "x")
		s.Documents[1] = document{"main": "x", "other": "b"}.raw()
		n.create(s)
		n.put("a", "one")
		n.between(func() { // as a crash leaves it right after the change was saved
			s, err := n.db.Streams()
			n.check(err)
			s[0].Version, s[0].Documents[2] = 2, document{"main": "x"}.raw()
			n.check(n.db.SaveStream(s[0]))
		})
		n.await("a", stream.Active)
		n.check(n.update("a", document{"main": "x", "other": "b"}))
		n.put("a", "two")
		n.flush("a")
		n.places.mu.Lock()
		defer n.places.mu.Unlock()
		if got := n.places.objects["b/a/other/v3/2:0"]; got != "two " {
			t.Errorf("objects %q", n.places.objects)
		}
	})
}

func TestUpdateThatFailsChangesNothing(t *testing.T) {
	newNode(t, func(n *node) {
		n.create(declare("a", "x"))
		refuse := errors.New("no")
		_, err := n.Update(n.Context(), keyOf("a"), func(s *stream.Stream) error {
			s.Version, s.Documents[2] = 2, document{"main": "y"}.raw()
			return refuse
		})
		if s, _ := n.Get(keyOf("a")); !errors.Is(err, refuse) || s.Version != 1 || len(s.Documents) != 1 {
			t.Errorf("%v, %+v", err, s)
		}
	})
}

func TestUpdateRepairsABrokenDestination(t *testing.T) {
	newNode(t, func(n *node) {
		n.create(declare("a", "x"))
		n.places.set("x", true)
		n.put("a", "one")
		n.pass(2 * time.Minute)
		problems := n.Problems()
		if len(problems) != 1 || problems[0].Code != "Test.Broken" || problems[0].Target != "place:x" || problems[0].Fix == "" || problems[0].Tries < 2 {
			t.Errorf("problems %+v", problems)
		}
		if d := n.Deliveries(); len(d) != 1 || !d[0].Broken || d[0].InFlight != 1 || d[0].FreshnessSeconds < 119 {
			t.Errorf("deliveries %+v", d)
		}
		n.check(n.update("a", document{"main": "y"}))
		n.flush("a")
		n.want("y/a/main/v2/1:0=one")
		if problems := n.Problems(); len(problems) != 0 {
			t.Errorf("problems %+v", problems)
		}
		n.places.set("y", true)
		n.put("a", "two")
		n.pass(2 * time.Minute)
		if problems := n.Problems(); len(problems) != 1 || problems[0].Target != "place:y" {
			t.Errorf("problems %+v", problems)
		}
		n.places.set("y", false)
		n.flush("a")
	})
}

func TestBackupThatAnUpdateAddsBeginsThere(t *testing.T) {
	newNode(t, func(n *node) {
		n.create(declare("a", "x"))
		n.put("a", "one")
		n.check(n.update("a", document{"main": "x", "backup": "b"}))
		n.put("a", "two")
		n.restart()
		n.await("a", stream.Active)
		n.put("a", "three")
		n.flush("a")
		n.want("x/a/main/v2/1:0=one two three", "b/a/backup/v2/2:0=two three")
	})
}

func TestSlowDeliveryKeepsTheLogAndHoldsUpNobody(t *testing.T) {
	newNode(t, func(n *node) {
		s := declare("a", "x")
		s.Documents[1] = document{"main": "x", "backup": "b"}.raw()
		n.create(s)
		n.places.set("b", true)
		n.put("a", "one")
		n.pass(10 * time.Minute) // the log's sweep has been there
		n.want("x/a/main/v1/1:0=one")
		n.restart()
		n.pass(10 * time.Minute)
		n.places.set("b", false)
		n.flush("a")
		n.want("x/a/main/v1/1:0=one", "b/a/backup/v1/1:0=one")
		n.pass(10 * time.Minute)
		r, _ := n.get(keyOf("a"))
		if first, next := r.log.Ends(); first != next {
			t.Errorf("the log keeps %d to %d though all is delivered", first, next)
		}
	})
}

func TestCreationIsCarriedOnAfterARestart(t *testing.T) {
	newNode(t, func(n *node) {
		n.check(n.db.SaveStream(declare("a", "x")))
		n.restart()
		n.await("a", stream.Active)
		n.put("a", "one")
		n.flush("a")
		n.want("x/a/main/v1/1:0=one")
	})
}

func TestStreamThatCannotBeMadeKeepsItsName(t *testing.T) {
	newNode(t, func(n *node) {
		s := declare("a", "x")
		s.Documents[1] = json.RawMessage(`"nonsense"`)
		n.check(n.Create(n.Context(), s))
		n.await("a", stream.CreatingFailed)
		if got, _ := n.Get(keyOf("a")); got.Failure == nil || got.Failure.Details == "" {
			t.Errorf("%+v", got)
		}
		n.restart()
		n.await("a", stream.CreatingFailed)
		if _, err := n.Put(n.Context(), keyOf("a"), [][]byte{{1}}); !errors.Is(err, stream.ErrNotActive) {
			t.Errorf("put: %v", err)
		}
		if err := n.Create(n.Context(), declare("a", "x")); !errors.Is(err, stream.ErrExists) {
			t.Errorf("create: %v", err)
		}
		n.check(n.Delete(n.Context(), keyOf("a"), false))
		n.await("a", "")
	})
}

// encrypt asks for encryption, as the doors do.
// TestUpdateWhileAStreamStartsIsInForce: the start has read the declaration already, and waits for the key service.
func TestUpdateWhileAStreamStartsIsInForce(t *testing.T) {
	newNode(t, func(n *node) {
		n.create(declare("a", "x"))
		n.encrypt("a", stream.EncryptionEnabling, "arn:key")
		n.awaitEncryption("a", stream.EncryptionEnabled)
		n.close()
		blocked := make(chan struct{})
		n.ring.set(nil, blocked)
		opened := make(chan struct{})
		go func() {
			defer close(opened)
			n.open()
		}()
		n.pass(time.Second)
		// Open returns only after the first try, so the catalogue's change goes through the one that is being opened.
		close(blocked)
		<-opened
		n.check(n.update("a", document{"main": "y"}))
		n.put("a", "one")
		n.flush("a")
		n.want("y/a/main/v2/1:0=one")
	})
}

func TestLocateFollowsARecord(t *testing.T) {
	newNode(t, func(n *node) {
		s := declare("a", "x")
		s.Documents[1] = document{"main": "x", "backup": "b"}.raw()
		n.create(s)
		ids := n.put("a", "one two")
		where := func() (states string, l Location) {
			l, err := n.Locate(ids[1])
			n.check(err)
			for _, d := range l.Deliveries {
				states += fmt.Sprintf("%s %s %s;", d.Delivery, d.State, d.Object)
			}
			return states, l
		}
		if states, l := where(); states != "backup open ;main open ;" || l.Log != "kept" || l.Stream != s.Key || l.Position != ids[1].Position {
			t.Errorf("%s %+v", states, l)
		}
		n.places.set("b", true)
		n.pass(61 * time.Second)
		if states, _ := where(); states != "backup in flight b/a/backup/v1/1:0;main delivered x/a/main/v1/1:0;" {
			t.Error(states)
		}
		n.places.set("b", false)
		n.flush("a")
		if states, _ := where(); states != "backup delivered b/a/backup/v1/1:0;main delivered x/a/main/v1/1:0;" {
			t.Error(states)
		}
		n.check(n.Delete(n.Context(), keyOf("a"), false))
		n.await("a", "")
		if _, err := n.Locate(ids[1]); !errors.Is(err, stream.ErrNotFound) {
			t.Errorf("locate: %v", err)
		}
	})
}

func TestFailuresAreDiagnosed(t *testing.T) {
	newNode(t, func(n *node) {
		var mu sync.Mutex
		var seen []Diagnostic
		n.close()
		n.settings.Diagnose = func(d Diagnostic) {
			mu.Lock()
			defer mu.Unlock()
			seen = append(seen, d)
		}
		n.open()
		n.create(declare("a", "x"))
		n.places.set("x", true)
		n.put("a", "one")
		n.pass(2 * time.Minute)
		n.places.set("x", false)
		n.flush("a")
		mu.Lock()
		defer mu.Unlock()
		if len(seen) < 2 || seen[0].Code != "Test.Broken" || seen[0].Target != "place:x" || seen[0].Logging.Group != "group" || seen[0].Version != 1 {
			t.Errorf("%+v", seen)
		}
	})
}
