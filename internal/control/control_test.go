package control

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"firehose/internal/ingest"
	"firehose/internal/keyring"
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
		time.Sleep(61 * time.Second)
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
		time.Sleep(time.Second)
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
		time.Sleep(time.Second)
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
		time.Sleep(61 * time.Second) // in flight, and perhaps in place
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
		n.check(n.update("a", document{"main": "x"}))
		if got := versions(); !slices.Equal(got, []int{3, 4}) {
			t.Errorf("versions %v are kept", got)
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
		time.Sleep(2 * time.Minute)
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
		time.Sleep(2 * time.Minute)
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
		time.Sleep(10 * time.Minute) // the log's sweep has been there
		n.want("x/a/main/v1/1:0=one")
		n.restart()
		time.Sleep(10 * time.Minute)
		n.places.set("b", false)
		n.flush("a")
		n.want("x/a/main/v1/1:0=one", "b/a/backup/v1/1:0=one")
		time.Sleep(10 * time.Minute)
		r, _ := n.get(keyOf("a"))
		if first, next := r.log.Ends(); first != next {
			t.Errorf("the log keeps %d to %d though all is delivered", first, next)
		}
	})
}

func TestDeleteDrains(t *testing.T) {
	newNode(t, func(n *node) {
		s := declare("a", "x")
		n.create(s)
		n.put("a", "one two")
		n.check(n.Delete(n.Context(), keyOf("a"), false))
		if _, err := n.Put(n.Context(), keyOf("a"), [][]byte{{1}}); !errors.Is(err, stream.ErrNotActive) && !errors.Is(err, stream.ErrNotFound) {
			t.Errorf("put: %v", err)
		}
		n.await("a", "")
		n.want("x/a/main/v1/1:0=one two")
		if left := n.logBytes(); len(left) != 0 {
			t.Errorf("%d bytes of the log are left", len(left))
		}
		if _, found, err := n.db.Cursor(s.ID, "main").Load(); found || err != nil {
			t.Errorf("the cursor is left: %v", err)
		}
		n.create(declare("a", "y")) // under the same name
		n.put("a", "new")
		n.flush("a")
		n.want("x/a/main/v1/1:0=one two", "y/a/main/v1/1:0=new")
	})
}

func TestDeleteDiscards(t *testing.T) {
	newNode(t, func(n *node) {
		n.Discard = true
		n.create(declare("a", "x"))
		n.put("a", "one")
		n.check(n.Delete(n.Context(), keyOf("a"), false))
		n.await("a", "")
		n.want()
	})
}

func TestForceEndsTheWaitForABrokenDestination(t *testing.T) {
	newNode(t, func(n *node) {
		n.create(declare("a", "x"))
		n.places.set("x", true)
		n.put("a", "one")
		n.check(n.Delete(n.Context(), keyOf("a"), false))
		time.Sleep(time.Hour)
		n.await("a", stream.Deleting)
		n.check(n.Delete(n.Context(), keyOf("a"), false)) // changes nothing
		time.Sleep(time.Hour)
		n.await("a", stream.Deleting)
		n.check(n.Delete(n.Context(), keyOf("a"), true))
		n.await("a", "")
		n.want()
	})
}

func TestDeletionIsCarriedOnAfterARestart(t *testing.T) {
	newNode(t, func(n *node) {
		n.create(declare("a", "x"))
		n.places.set("x", true)
		n.put("a", "one")
		n.check(n.Delete(n.Context(), keyOf("a"), false))
		time.Sleep(time.Second)
		n.restart()
		n.await("a", stream.Deleting)
		n.places.set("x", false)
		time.Sleep(time.Minute)
		n.await("a", "")
		n.want("x/a/main/v1/1:0=one")
	})
}

func TestDeletionIsCarriedOnAfterAnError(t *testing.T) {
	newNode(t, func(n *node) {
		n.create(declare("a", "x"))
		n.put("a", "one")
		n.engine.failing = 3
		n.check(n.Delete(n.Context(), keyOf("a"), false))
		time.Sleep(time.Minute)
		n.await("a", "")
		n.want("x/a/main/v1/1:0=one")
	})
}

func TestDeletionWhoseLogIsGoneIsCarriedOn(t *testing.T) {
	newNode(t, func(n *node) {
		s := declare("a", "x")
		n.create(s)
		n.put("a", "one")
		n.flush("a")
		n.between(func() {
			s.Status = stream.Deleting
			n.check(n.db.SaveStream(s))
			n.check(n.engine.Remove(context.Background(), logName(&s)))
		})
		n.await("a", "")
		n.want("x/a/main/v1/1:0=one")
	})
}

func TestEveryAcknowledgedRecordIsDrained(t *testing.T) {
	newNode(t, func(n *node) {
		for round := range 8 {
			name := fmt.Sprint("s", round)
			n.create(declare(name, "x"))
			var clients sync.WaitGroup
			var mu sync.Mutex
			var acked []string
			for client := range 4 {
				clients.Go(func() {
					for i := 0; ; i++ {
						word := fmt.Sprintf("%d/%d/%d", round, client, i)
						if _, err := n.Put(n.Context(), keyOf(name), [][]byte{[]byte(word + " ")}); err != nil {
							return
						}
						mu.Lock()
						acked = append(acked, word)
						mu.Unlock()
						time.Sleep(time.Microsecond)
					}
				})
			}
			time.Sleep(time.Duration(round) * time.Microsecond)
			n.check(n.Delete(n.Context(), keyOf(name), false))
			clients.Wait()
			n.await(name, "")
			delivered := map[string]int{}
			for _, body := range n.places.objects {
				for _, word := range strings.Fields(body) {
					delivered[word]++
				}
			}
			for _, word := range acked {
				if delivered[word] != 1 {
					t.Errorf("%s was acknowledged and is there %d times", word, delivered[word])
				}
			}
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

func TestStreamThatIsDeletedWhileItIsMadeIsDeleted(t *testing.T) {
	newNode(t, func(n *node) {
		blocked := make(chan struct{})
		n.ring.set(nil, blocked)
		s := declare("a", "x")
		s.Encryption.Status = stream.EncryptionEnabling
		n.check(n.Create(n.Context(), s))
		deleted := make(chan error)
		go func() { deleted <- n.Delete(context.Background(), keyOf("a"), false) }()
		time.Sleep(time.Second)
		close(blocked)
		n.check(<-deleted)
		n.await("a", "")
		time.Sleep(time.Minute)
		n.await("a", "")
	})
}

// encrypt asks for encryption, as the doors do.
func (n *node) encrypt(name string, status stream.EncryptionStatus, keyARN string) {
	n.Helper()
	_, err := n.Update(n.Context(), keyOf(name), func(s *stream.Stream) error {
		s.Encryption.Status, s.Encryption.KeyARN = status, keyARN
		return nil
	})
	n.check(err)
}

func (n *node) awaitEncryption(name string, want stream.EncryptionStatus) stream.Encryption {
	n.Helper()
	var s stream.Stream
	for range 1000 {
		s, _ = n.Get(keyOf(name))
		if s.Encryption.Status == want {
			return s.Encryption
		}
		time.Sleep(10 * time.Millisecond)
	}
	n.Fatalf("encryption is %+v, want %s", s.Encryption, want)
	return s.Encryption
}

func TestEncryptionIsSwitchedOnAndOff(t *testing.T) {
	newNode(t, func(n *node) {
		n.create(declare("a", "x"))
		n.put("a", "plainly-seen")
		n.encrypt("a", stream.EncryptionEnabling, "")
		n.awaitEncryption("a", stream.EncryptionEnabled)
		n.put("a", "well-hidden")
		n.encrypt("a", stream.EncryptionEnabling, "arn:of-another-key")
		n.awaitEncryption("a", stream.EncryptionEnabled)
		n.put("a", "hidden-again")
		n.restart()
		n.await("a", stream.Active)
		n.put("a", "after-restart")
		n.encrypt("a", stream.EncryptionDisabling, "")
		if e := n.awaitEncryption("a", stream.EncryptionDisabled); len(e.DataKeys) != 2 {
			t.Errorf("%d data keys are kept of 2", len(e.DataKeys))
		}
		n.put("a", "seen-again")
		kept := n.logBytes()
		for word, seen := range map[string]bool{"plainly-seen": true, "well-hidden": false, "hidden-again": false, "after-restart": false, "seen-again": true} {
			if bytes.Contains(kept, []byte(word)) != seen {
				t.Errorf("%s is to be seen in the log: %t", word, !seen)
			}
		}
		n.restart()
		n.flush("a")
		n.want("x/a/main/v1/1:0=plainly-seen well-hidden hidden-again after-restart seen-again")
	})
}

func TestKeyThatCannotBeHadFailsTheEncryption(t *testing.T) {
	newNode(t, func(n *node) {
		n.create(declare("a", "x"))
		n.ring.set(&keyring.Error{Type: "KMS_ACCESS_DENIED", Err: errors.New("denied")}, nil)
		n.encrypt("a", stream.EncryptionEnabling, "arn:key")
		if e := n.awaitEncryption("a", stream.EncryptionEnablingFailed); e.Failure == nil || e.Failure.Type != "KMS_ACCESS_DENIED" || e.DataKey != 0 {
			t.Errorf("%+v", e)
		}
		n.put("a", "one")
		n.flush("a")
		n.want("x/a/main/v1/1:0=one")
	})
}

func TestEnablingIsCarriedOnAfterARestart(t *testing.T) {
	newNode(t, func(n *node) {
		n.create(declare("a", "x"))
		n.ring.set(nil, make(chan struct{})) // for ever
		n.encrypt("a", stream.EncryptionEnabling, "")
		time.Sleep(time.Second)
		n.close()
		n.ring.set(nil, nil)
		n.open()
		n.awaitEncryption("a", stream.EncryptionEnabled)
		n.put("a", "hidden")
		if bytes.Contains(n.logBytes(), []byte("hidden")) {
			t.Error("the log holds it in the clear")
		}
	})
}

func TestKeyServiceThatIsAwayAtTheStartHoldsThePutsBack(t *testing.T) {
	newNode(t, func(n *node) {
		n.create(declare("a", "x"))
		n.encrypt("a", stream.EncryptionEnabling, "arn:key")
		n.awaitEncryption("a", stream.EncryptionEnabled)
		n.put("a", "one")
		n.close()
		n.ring.set(errors.New("away"), nil)
		n.open()
		if _, err := n.Put(n.Context(), keyOf("a"), [][]byte{[]byte("lost")}); !errors.Is(err, ingest.ErrThrottled) {
			t.Errorf("put: %v", err)
		}
		if p := n.Problems(); len(p) != 1 || !strings.Contains(p[0].Cause, "away") {
			t.Errorf("problems %+v", p)
		}
		n.ring.set(nil, nil)
		time.Sleep(time.Minute)
		n.put("a", "two")
		n.flush("a")
		n.want("x/a/main/v1/1:0=one", "x/a/main/v1/2:0=two")
		if p := n.Problems(); len(p) != 0 {
			t.Errorf("problems %+v", p)
		}
	})
}

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
		time.Sleep(time.Second)
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
		if states, l := where(); states != "backup open ;main open ;" || !l.InLog || l.Stream != s.Key || l.Position != ids[1].Position {
			t.Errorf("%s %+v", states, l)
		}
		n.places.set("b", true)
		time.Sleep(61 * time.Second)
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
		time.Sleep(2 * time.Minute)
		n.places.set("x", false)
		n.flush("a")
		mu.Lock()
		defer mu.Unlock()
		if len(seen) < 2 || seen[0].Code != "Test.Broken" || seen[0].Target != "place:x" || seen[0].Logging.Group != "group" || seen[0].Version != 1 {
			t.Errorf("%+v", seen)
		}
	})
}
