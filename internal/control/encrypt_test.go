package control

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"

	"firehose/internal/ingest"
	"firehose/internal/keyring"
	"firehose/internal/stream"
)

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
		n.pass(10 * time.Millisecond)
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
		n.pass(time.Second)
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
		n.pass(time.Minute)
		n.put("a", "two")
		n.flush("a")
		n.want("x/a/main/v1/1:0=one", "x/a/main/v1/2:0=two")
		if p := n.Problems(); len(p) != 0 {
			t.Errorf("problems %+v", p)
		}
	})
}
