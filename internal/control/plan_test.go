package control

import (
	"bytes"
	"errors"
	"log/slog"
	"reflect"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"firehose/internal/deliver"
	"firehose/internal/mask"
	"firehose/internal/process"
	"firehose/internal/stream"
	"firehose/internal/verdict"
)

// A mask whose key is missing must neither let an event pass as it is, nor hold up what needs no key.
func TestADeliveryWithoutWhatItRefersToWaitsAlone(t *testing.T) {
	newNode(t, func(n *node) {
		var key atomic.Value
		key.Store("")
		declared := process.Events{Masks: []mask.Rule{{Path: "a", Kind: "hash"}}}
		withKey := declared
		withKey.Resolve = func() (process.Events, error) {
			if key.Load() == "" {
				return declared, &verdict.SetUp{Code: "Secret.Missing", Fix: "Set KEY.", Err: errors.New("KEY is not set")}
			}
			resolved := declared
			resolved.Key = mask.Key{Secret: []byte(key.Load().(string))}
			return resolved, nil
		}
		plain := n.settings.Compile["test"]
		n.settings.Compile["test"] = func(k stream.Key, text []byte) (stream.Spec, error) {
			spec, err := plain(k, text)
			for i := range spec.Deliveries {
				if spec.Deliveries[i].ID == "masked" {
					spec.Deliveries[i].Process.Events = &withKey
				}
			}
			return spec, err
		}
		var logged bytes.Buffer
		n.settings.Logger = slog.New(slog.NewTextHandler(&logged, nil))
		n.restart()
		s := declare("s", "x")
		s.Documents[1] = document{"masked": "x", "plain": "y"}.raw()
		n.create(s)
		bodies := func() (masked, plain string) {
			n.places.mu.Lock()
			defer n.places.mu.Unlock()
			for name, body := range n.places.objects {
				if strings.HasPrefix(name, "x/") {
					masked += body
				} else {
					plain += body
				}
			}
			return masked, plain
		}
		synctest.Wait()
		if !strings.Contains(logged.String(), "delivery=masked") || !strings.Contains(logged.String(), "Set KEY.") || strings.Contains(logged.String(), "delivery=plain") {
			t.Errorf("logged, before anything is put: %s", logged.String())
		}
		n.put("s", `{"a":"hush"} {"a":"hush-too"}`)
		n.pass(2 * time.Minute)
		if masked, plain := bodies(); masked != "" || strings.Count(plain, "hush") != 2 {
			t.Errorf("delivered %q masked and %q as it is", masked, plain)
		}
		if found := n.Problems(); len(found) != 1 || found[0].Delivery != "masked" || found[0].Code != "Secret.Missing" || found[0].Fix != "Set KEY." {
			t.Errorf("problems are %+v", found)
		}
		n.restart() // nothing is repaired
		n.put("s", `{"a":"third"}`)
		n.pass(2 * time.Minute)
		if masked, _ := bodies(); masked != "" {
			t.Errorf("delivered %q", masked)
		}
		key.Store("sixteen bytes at least")
		n.restart()
		n.flush("s")
		if masked, _ := bodies(); strings.Count(masked, "hmac:") != 3 || strings.Contains(masked, "hush") {
			t.Errorf("delivered %q", masked)
		}
		if found := n.Problems(); len(found) > 0 {
			t.Errorf("problems are %+v", found)
		}
	})
}

// A version that only corrects the address must take over batches although error outputs behind them are delivered, which
// it may if it makes the same batches.
func TestWhatIsDoneToEventsComparesFromVersionToVersion(t *testing.T) {
	newNode(t, func(n *node) {
		plan := func() deliver.Plan {
			declared := process.Events{Masks: []mask.Rule{{Path: "a", Kind: "hash"}}}
			resolving := declared
			resolving.Resolve = func() (process.Events, error) {
				resolved := declared
				resolved.Key = mask.Key{Secret: []byte("sixteen bytes at least")}
				return resolved, nil
			}
			made := deliver.Plan{}
			s := declare("s", "x")
			d := stream.Delivery{Process: process.Config{Events: &resolving}}
			made.Process = d.Process
			if err := n.planEvents(&made, &s, d, 0); err != nil {
				t.Fatal(err)
			}
			return made
		}
		if a, b := plan(), plan(); !reflect.DeepEqual(a.Process, b.Process) {
			t.Errorf("%+v and %+v differ", a.Process, b.Process)
		}
	})
}
