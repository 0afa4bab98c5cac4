package control

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"firehose/internal/stream"
)

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
		n.pass(time.Hour)
		n.await("a", stream.Deleting)
		n.check(n.Delete(n.Context(), keyOf("a"), false)) // changes nothing
		n.pass(time.Hour)
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
		n.pass(time.Second)
		n.restart()
		n.await("a", stream.Deleting)
		n.places.set("x", false)
		n.pass(time.Minute)
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
		n.pass(time.Minute)
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
						n.pass(time.Microsecond)
					}
				})
			}
			n.pass(time.Duration(round) * time.Microsecond)
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

func TestStreamThatIsDeletedWhileItIsMadeIsDeleted(t *testing.T) {
	newNode(t, func(n *node) {
		blocked := make(chan struct{})
		n.ring.set(nil, blocked)
		s := declare("a", "x")
		s.Encryption.Status = stream.EncryptionEnabling
		n.check(n.Create(n.Context(), s))
		deleted := make(chan error)
		go func() { deleted <- n.Delete(context.Background(), keyOf("a"), false) }()
		n.pass(time.Second)
		close(blocked)
		n.check(<-deleted)
		n.await("a", "")
		n.pass(time.Minute)
		n.await("a", "")
	})
}
