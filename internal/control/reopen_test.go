package control

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"firehose/internal/deliver"
	"firehose/internal/destination"
	"firehose/internal/enrich"
	"firehose/internal/mask"
	"firehose/internal/process"
	"firehose/internal/stream"
	"firehose/internal/verdict"
)

// outside is what destinations of these tests refer to.
type outside struct {
	mu     sync.Mutex
	value  string // nothing leads nowhere
	opened int
}

func (o *outside) set(value string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.value = value
}

// count returns how often somebody asked.
func (o *outside) count() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.opened
}

// get returns the value, and counts who asks.
func (o *outside) get() (string, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.opened++
	if o.value == "" || strings.HasPrefix(o.value, "bad") {
		return "", &verdict.SetUp{Code: "Secret.Missing", Fix: "Write it.", Err: errors.New("the value is " + o.value)}
	}
	return o.value, nil
}

// referringPlace is a place whose name is what the outside says.
type referringPlace struct {
	place
	outside *outside
}

func (p referringPlace) References() (string, error) {
	p.outside.mu.Lock()
	defer p.outside.mu.Unlock()
	return p.outside.value, nil
}

func (p referringPlace) Open(env destination.Env) (destination.Destination, error) {
	name, err := p.outside.get()
	if name == "impossible" {
		return nil, errors.New("the declaration is impossible")
	}
	if err != nil {
		return destination.Held(verdict.AsSetUp(err)), nil
	}
	p.name = name
	return p.place.Open(env)
}

// change has the deliveries of all streams declared as changed.
func (n *node) change(change func(d *stream.Delivery)) {
	plain := n.settings.Compile["test"]
	n.settings.Compile["test"] = func(k stream.Key, text []byte) (stream.Spec, error) {
		spec, err := plain(k, text)
		for i := range spec.Deliveries {
			change(&spec.Deliveries[i])
		}
		return spec, err
	}
	n.restart()
}

// referTo has deliveries named refers refer to the outside.
func (n *node) referTo(o *outside) {
	n.change(func(d *stream.Delivery) {
		if strings.HasPrefix(d.ID, "refers") {
			d.Destination = referringPlace{d.Destination.(place), o}
		}
	})
}

func (n *node) problem() Problem {
	n.Helper()
	found := n.Problems()
	if len(found) != 1 {
		n.Fatalf("problems are %+v", found)
	}
	return found[0]
}

// nextTries returns when the deliveries of a stream are opened again.
func (n *node) nextTries(name string) map[string]time.Time {
	n.Helper()
	standings, err := n.Standings(keyOf(name))
	n.check(err)
	next := map[string]time.Time{}
	for _, s := range standings {
		next[s.Delivery] = s.NextTry
	}
	return next
}

func TestWhatIsMendedIsOpenedAgain(t *testing.T) {
	newNode(t, func(n *node) {
		o := &outside{}
		n.referTo(o)
		s := declare("s", "x")
		s.Documents[1] = document{"refers": "x", "plain": "y"}.raw()
		n.create(s)
		n.put("s", "one")
		n.pass(2 * time.Minute) // Retry.Max is 10 seconds
		if p := n.problem(); p.Delivery != "refers" || p.Tries < 10 || p.Tries > 30 || p.Fix != "Write it." {
			t.Errorf("%+v", p)
		}
		for want, next := range n.nextTries("s") {
			if now := time.Now(); want == "plain" && !next.IsZero() || want == "refers" && (next.Before(now) || next.After(now.Add(10*time.Second))) {
				t.Errorf("%s is tried again at %v; it is %v", want, next, now)
			}
		}
		o.set("bad")
		n.pass(11 * time.Second)
		if p := n.problem(); !strings.HasSuffix(p.Cause, "the value is bad") {
			t.Errorf("%+v", p)
		}
		n.put("s", "two")
		flushed := make(chan error, 1)
		go func() { flushed <- n.Flush(context.Background(), keyOf("s")) }() // waited for below
		n.pass(2 * time.Minute)
		o.set("z")
		n.pass(11 * time.Second)
		n.check(<-flushed)
		if found := n.Problems(); len(found) > 0 {
			t.Errorf("problems are %+v", found)
		}
		n.put("s", "three")
		n.flush("s")
		n.wantBodies("z", "one", "two", "three")
		n.wantBodies("y", "one", "two", "three")
		before := o.count()
		n.pass(time.Hour)
		if again := o.count() - before; again != 0 {
			t.Errorf("opened %d times while nothing changed", again)
		}
	})
}

// What nobody foresaw about a destination holds it alone.
func TestADestinationThatCannotBeMadeHoldsUpNobody(t *testing.T) {
	newNode(t, func(n *node) {
		o := &outside{value: "impossible"}
		n.referTo(o)
		s := declare("s", "x")
		s.Documents[1] = document{"refers": "x", "plain": "y"}.raw()
		n.create(s)
		n.put("s", "one")
		n.pass(2 * time.Minute)
		n.wantBodies("y", "one")
		if p := n.problem(); p.Delivery != "refers" || p.Code != "Destination.Unusable" || !strings.HasSuffix(p.Cause, "the declaration is impossible") {
			t.Errorf("%+v", p)
		}
		o.set("z")
		n.pass(11 * time.Second)
		n.put("s", "two")
		n.flush("s")
		n.wantBodies("z", "one", "two")
		n.wantBodies("y", "one", "two")
	})
}

// outdatedPlace is a place of a document that is not accepted any more.
type outdatedPlace struct{ place }

func (outdatedPlace) Outdated() {}
func (outdatedPlace) Open(destination.Env) (destination.Destination, error) {
	return destination.Held(&verdict.SetUp{Code: "Document.Invalid", Fix: "Correct it.", Err: errors.New("the document is outdated")}), nil
}

// Its records may be in place, so they keep their version; but nobody can correct that any more.
func TestWhatAnOutdatedDocumentHoldsIsDeliveredByTheOneThatCorrectsIt(t *testing.T) {
	newNode(t, func(n *node) {
		n.create(declare("s", closedPlace))
		n.put("s", "one")
		n.pass(2 * time.Minute)
		n.change(func(d *stream.Delivery) {
			if to := d.Destination.(place); to.name == closedPlace {
				d.Destination = outdatedPlace{to}
			}
		})
		n.put("s", "two")
		n.pass(2 * time.Minute)
		if p := n.problem(); p.Code != "Document.Invalid" {
			t.Errorf("%+v", p)
		}
		n.check(n.update("s", document{"main": "z"}))
		n.put("s", "three")
		n.pass(2 * time.Minute)
		n.wantBodies("z", "one", "two", "three")
		if found := n.Problems(); len(found) > 0 {
			t.Errorf("problems are %+v", found)
		}
	})
}

// wantBodies compares what a place got, in any batches.
func (n *node) wantBodies(place string, words ...string) {
	n.Helper()
	n.places.mu.Lock()
	defer n.places.mu.Unlock()
	all := ""
	for name, body := range n.places.objects {
		if strings.HasPrefix(name, place+"/") {
			all += " " + body
		}
	}
	got := strings.Fields(all)
	for _, word := range words {
		if strings.Count(all, word) != 1 {
			n.Errorf("%s got %q, want %q", place, got, words)
		}
	}
	if len(got) != len(words) {
		n.Errorf("%s got %q, want %q", place, got, words)
	}
}

func TestWhatChangesOutsideIsTakenOver(t *testing.T) {
	newNode(t, func(n *node) {
		o := &outside{value: "a"}
		var logged bytes.Buffer
		n.settings.Logger = slog.New(slog.NewTextHandler(&logged, nil))
		n.referTo(o)
		s := declare("s", "x")
		s.Documents[1] = document{"refers": "x"}.raw()
		n.create(s)
		n.put("s", "one")
		n.flush("s")
		o.set("bad") // half-way through a change: it goes on as it was
		n.pass(time.Minute)
		n.put("s", "two")
		n.flush("s")
		synctest.Wait()
		if found := n.Problems(); len(found) > 0 || strings.Count(logged.String(), "cannot be used") != 1 {
			t.Errorf("problems are %+v, logged %s", found, logged.String())
		}
		o.set("b")
		n.pass(11 * time.Second)
		n.put("s", "three")
		n.flush("s")
		n.wantBodies("a", "one", "two")
		n.wantBodies("b", "three")
		n.check(n.Pause(keyOf("s"), "refers", "me", "")) // what takes its place is paused as it was
		o.set("c")
		n.pass(time.Minute)
		n.put("s", "four")
		n.pass(5 * time.Minute)
		n.wantBodies("c")
		n.check(n.Resume(keyOf("s"), "refers", "me"))
		n.pass(5 * time.Minute)
		n.wantBodies("c", "four")
	})
}

// A version may begin to refer to something.
func TestWhatALaterVersionRefersToIsTakenOverWhenItChanges(t *testing.T) {
	newNode(t, func(n *node) {
		o := &outside{value: "a"}
		n.change(func(d *stream.Delivery) {
			if to := d.Destination.(place); to.name == "x" {
				d.Destination = referringPlace{to, o}
			}
		})
		n.create(declare("s", "plain"))
		n.pass(time.Minute)
		n.check(n.update("s", document{"main": "x"}))
		n.put("s", "one")
		n.flush("s")
		o.set("b")
		n.pass(11 * time.Second)
		n.put("s", "two")
		n.flush("s")
		n.wantBodies("a", "one")
		n.wantBodies("b", "two")
	})
}

// Many look at what is there; the tries go on all the same.
func TestAskingOftenWhereARecordWentPutsOffNoTry(t *testing.T) {
	newNode(t, func(n *node) {
		o := &outside{value: "a"}
		n.referTo(o)
		s := declare("s", "x")
		s.Documents[1] = document{"refers": "x"}.raw()
		n.create(s)
		ids := n.put("s", "one")
		n.flush("s")
		o.set("b")
		for range 60 {
			n.pass(time.Second)
			if _, err := n.Locate(ids[0]); err != nil {
				t.Fatal(err)
			}
		}
		n.put("s", "two")
		n.flush("s")
		n.wantBodies("a", "one")
		n.wantBodies("b", "two")
	})
}

func TestADeletionGoesOnWhenWhatItWaitsForIsMended(t *testing.T) {
	newNode(t, func(n *node) {
		o := &outside{}
		n.referTo(o)
		for _, name := range []string{"waits", "empty"} {
			s := declare(name, "x")
			s.Documents[1] = document{"refers": "x"}.raw()
			n.create(s)
		}
		n.put("waits", "one")
		n.check(n.Delete(context.Background(), keyOf("waits"), false))
		n.check(n.Delete(context.Background(), keyOf("empty"), false))
		n.pass(time.Minute)
		if _, err := n.Get(keyOf("empty")); !errors.Is(err, stream.ErrNotFound) {
			t.Errorf("a stream that holds nothing: %v", err)
		}
		if s, err := n.Get(keyOf("waits")); err != nil || s.Status != stream.Deleting {
			t.Errorf("%v, %v", s.Status, err)
		}
		o.set("z")
		n.pass(time.Minute)
		if _, err := n.Get(keyOf("waits")); !errors.Is(err, stream.ErrNotFound) {
			t.Errorf("after it is mended: %v", err)
		}
		n.wantBodies("z", "one")
	})
}

func TestAReplayToWhatIsMendedGoesOn(t *testing.T) {
	newNode(t, func(n *node) {
		o := &outside{}
		n.retention = time.Hour
		n.referTo(o)
		n.create(declare("s", "x"))
		n.put("s", "one")
		n.flush("s")
		made, err := n.StartReplay(context.Background(), keyOf("s"), ReplayRequest{Delivery: "refers", Language: "test", Document: document{"refers": "r"}.raw()})
		n.check(err)
		n.pass(time.Minute)
		n.wantBodies("z")
		o.set("z")
		n.pass(2 * time.Minute)
		n.wantBodies("z", "one")
		list, err := n.Replays(keyOf("s"))
		n.check(err)
		if len(list) != 1 || list[0].ID != made.ID || list[0].Status != stream.ReplayDone {
			t.Errorf("%+v", list)
		}
	})
}

// A table that is not there, or does not fit, holds its destination from the first moment on, and nobody else's.
func TestATableThatIsMendedEndsTheWait(t *testing.T) {
	newNode(t, func(n *node) {
		file := filepath.Join(n.dir, "t.csv")
		n.settings.Lookups = enrich.NewTables(1000)
		n.change(func(d *stream.Delivery) {
			if d.ID != "refers" {
				return
			}
			d.Process.Events = &process.Events{Masks: []mask.Rule{{Path: "hidden", Kind: "redact"}},
				Enrich: &enrich.Config{Lookups: []enrich.Lookup{{Name: "row", Key: "id", File: file}}}}
		})
		s := declare("s", "x")
		s.Documents[1] = document{"refers": "x", "plain": "y"}.raw()
		n.create(s)
		if p := n.problem(); p.Delivery != "refers" || p.Code != enrich.Unreadable || !strings.Contains(p.Cause, "no such file") || p.Fix == "" {
			t.Errorf("before anything is put: %+v", p)
		}
		n.put("s", `{"id":"a","hidden":"hush"}`)
		n.pass(2 * time.Minute)
		n.check(os.WriteFile(file, []byte("id,name\na,"+strings.Repeat("x", 1000)+"\n"), 0o600))
		n.pass(11 * time.Second)
		if p := n.problem(); p.Code != enrich.NoRoom || !strings.Contains(p.Fix, "memory.lookup_bytes") {
			t.Errorf("too large: %+v", p)
		}
		n.check(os.WriteFile(file, []byte("id,name\na,found\n"), 0o600))
		n.pass(11 * time.Second)
		n.flush("s")
		n.wantBodies("x", `{"id":"a","hidden":"***","enrichment":{"row":{"id":"a","name":"found"}}}`)
		var lookups int
		for _, d := range n.Deliveries() {
			for _, l := range d.Lookups {
				lookups++
				if l.Name != "row" || l.Hits != 1 || l.Misses != 0 || l.Rows != 1 || l.Failing || l.AgeSeconds > 11 {
					t.Errorf("%+v", l)
				}
			}
		}
		if lookups != 1 {
			t.Errorf("%d lookups are counted", lookups)
		}
		n.check(n.Delete(context.Background(), keyOf("s"), true))
		n.pass(time.Minute)
		if held := n.settings.Lookups.Held(); held != 0 {
			t.Errorf("%d bytes of tables are held by nobody", held)
		}
	})
}

// Whoever asks where a record went opens destinations, too. That must neither end the tries nor hide a change.
func TestOpeningForANameAloneChangesNothing(t *testing.T) {
	places := &places{}
	from := &outside{}
	declared := stream.Delivery{ID: "refers", Destination: referringPlace{place{places, "x"}, from}}
	opening := newOpening()
	open := func() {
		t.Helper()
		opening.open(1, declared, func() deliver.Plan {
			to, err := declared.Destination.Open(destination.Env{})
			if err != nil {
				t.Fatal(err)
			}
			return deliver.Plan{Destination: to}
		})
	}
	open()
	from.set("there")
	open()
	if waiting := opening.waiting(1); len(waiting) != 1 {
		t.Errorf("what is held waits as %v", waiting)
	}
	opening = newOpening()
	open()
	for _, value := range []string{"another", "bad"} {
		from.set(value)
		open()
		if waiting := opening.waiting(1); opening.reference(1) != "there" || len(waiting) != 0 {
			t.Errorf("%s: it runs with %q, and waits as %v", value, opening.reference(1), waiting)
		}
	}
}
