package state

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"firehose/internal/batch"
	"firehose/internal/deliver"
	"firehose/internal/record"
	"firehose/internal/stream"
)

func open(t *testing.T, path string) *DB {
	t.Helper()
	db, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

func openNew(t *testing.T) *DB {
	t.Helper()
	return open(t, filepath.Join(t.TempDir(), "state.db"))
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func streamOf(account, name string) stream.Stream {
	return stream.Stream{
		Key: stream.Key{Account: account, Region: "us-east-1", Name: name}, ID: record.NewStreamID(), Status: stream.Active, Version: 2,
		Language: "aws", Documents: map[int]json.RawMessage{1: json.RawMessage(`{"a":1}`), 2: json.RawMessage(`{"b":2}`)},
		Created: time.Unix(1_800_000_000, 0).UTC(), Tags: map[string]string{"k": "v"},
		Encryption: stream.Encryption{Status: stream.EncryptionEnabled, DataKey: 1, DataKeys: []stream.DataKey{{Number: 1, Wrapped: []byte{1, 2}}}},
	}
}

func wantStreams(t *testing.T, db *DB, want ...stream.Stream) {
	t.Helper()
	got, err := db.Streams()
	check(t, err)
	if len(got) != len(want) {
		t.Fatalf("%d streams, want %d", len(got), len(want))
	}
	for i := range want {
		if !reflect.DeepEqual(got[i], want[i]) {
			t.Errorf("stream %d is\n%+v, want\n%+v", i, got[i], want[i])
		}
	}
}

func TestCatalogueSurvivesARestart(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.db")
	db := open(t, path)
	wantStreams(t, db)
	a, b, other := streamOf("000000000001", "a"), streamOf("000000000001", "b"), streamOf("000000000002", "a")
	for _, s := range []stream.Stream{other, b, a} {
		check(t, db.SaveStream(s))
	}
	wantStreams(t, db, a, b, other)
	check(t, db.Close())
	db = open(t, path)
	wantStreams(t, db, a, b, other)
	b.Version = 3
	check(t, db.SaveStream(b))
	check(t, db.RemoveStream(a))
	check(t, db.RemoveStream(a))
	wantStreams(t, db, b, other)
}

func TestSecondProcessIsToldSo(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.db")
	open(t, path)
	db, err := Open(path)
	if err == nil {
		db.Close()
		t.Fatal("the file was opened twice")
	}
	if !strings.Contains(err.Error(), "another process is using this data folder") {
		t.Errorf("error %q", err)
	}
}

func TestCursorKeepsTheState(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.db")
	db := open(t, path)
	id := record.NewStreamID()
	if _, found, err := db.Cursor(id, "main").Load(); found || err != nil {
		t.Errorf("found %t, %v", found, err)
	}
	state := deliver.State{
		Floor:    record.Position{Block: 1 << 60, Index: 7},
		Cuts:     []record.Position{{Block: 1 << 60, Index: 9}, {Block: 1<<60 + 1}},
		Versions: []deliver.Version{{From: record.Position{Block: 1}, Version: 1}, {From: record.Position{Block: 1 << 60, Index: 8}, Version: 2}},
	}
	check(t, db.Cursor(id, "main").Save(deliver.State{}, nil, 0))
	check(t, db.Cursor(id, "main").Save(state, nil, 0))
	check(t, db.Cursor(id, "backup").Save(deliver.State{Versions: state.Versions}, nil, 0))
	check(t, db.Close())
	db = open(t, path)
	got, found, err := db.Cursor(id, "main").Load()
	if !found || err != nil || !reflect.DeepEqual(got, state) {
		t.Errorf("loaded %+v, %t, %v", got, found, err)
	}
}

// sentOf returns batches of ten records, one after the other, from a block on. Every third follows after a gap.
func sentOf(block uint64, count int) (sent []deliver.Sent) {
	for i := range count {
		first := record.Position{Block: block, Index: uint32(i%2) * 10}
		end := record.Position{Block: block, Index: first.Index + 10}
		if i%2 == 1 {
			end = record.Position{Block: block + 1}
			block += 1 + uint64(i%3)
		}
		sent = append(sent, deliver.Sent{
			Head: batch.Head{First: first, Time: time.Unix(int64(i), 5).UTC(), Version: i}, End: end, Records: 10})
	}
	return sent
}

func TestFindReturnsTheBatchThatHoldsARecord(t *testing.T) {
	for _, count := range []int{1, 2, 3, 100, 3000} { // the last fills many pages
		t.Run(fmt.Sprint(count), func(t *testing.T) {
			db := openNew(t)
			id := record.NewStreamID()
			c, sent := db.Cursor(id, "main"), sentOf(5, count)
			check(t, db.Cursor(id, "main0").Save(deliver.State{}, sentOf(1, 3), 0)) // a name that sorts next to it
			check(t, db.Cursor(id, "backup").Save(deliver.State{}, sentOf(1, 3), 0))
			check(t, c.Save(deliver.State{}, sent, 0))
			for i, b := range sent {
				wantFound(t, c, b.First, &b)
				wantFound(t, c, record.Position{Block: b.First.Block, Index: b.First.Index + 9}, &b)
				if i+1 == len(sent) || b.End != sent[i+1].First {
					wantFound(t, c, b.End, nil)
				}
			}
			wantFound(t, c, record.Position{}, nil)
			wantFound(t, c, record.Position{Block: 4, Index: 1 << 31}, nil)
			wantFound(t, c, record.Position{Block: 1 << 63}, nil)
			wantFound(t, db.Cursor(id, "other"), record.Position{Block: 5}, nil)
			wantFound(t, db.Cursor(record.NewStreamID(), "main"), record.Position{Block: 5}, nil)
		})
	}
}

func wantFound(t *testing.T, c deliver.Cursor, p record.Position, want *deliver.Sent) {
	t.Helper()
	got, found, err := c.Find(p)
	switch {
	case err != nil:
		t.Errorf("find %v: %v", p, err)
	case found != (want != nil):
		t.Errorf("find %v: %+v, %t", p, got, found)
	case found && got != *want:
		t.Errorf("find %v: %+v, want %+v", p, got, *want)
	}
}

func TestBatchesBeforeTheOldestBlockAreForgotten(t *testing.T) {
	db := openNew(t)
	id := record.NewStreamID()
	c, sent := db.Cursor(id, "main"), sentOf(1, 50)
	check(t, db.Cursor(id, "backup").Save(deliver.State{}, sent, 0))
	check(t, c.Save(deliver.State{}, sent[:49], 0))
	middle := sent[20].First.Block
	check(t, c.Save(deliver.State{}, sent[49:], middle))
	for i, b := range sent {
		want := &sent[i]
		if b.First.Block < middle {
			want = nil
		}
		wantFound(t, c, b.First, want)
		wantFound(t, db.Cursor(id, "backup"), b.First, &sent[i])
	}
}

// TestBatchThatReachesPastTheOldestBlockIsKept: its later records are still in the log.
func TestBatchThatReachesPastTheOldestBlockIsKept(t *testing.T) {
	db := openNew(t)
	c := db.Cursor(record.NewStreamID(), "main")
	long := deliver.Sent{Head: batch.Head{First: record.Position{Block: 3}, Time: time.Unix(1, 0).UTC()}, End: record.Position{Block: 9}, Records: 10}
	check(t, c.Save(deliver.State{}, []deliver.Sent{long}, 0))
	check(t, c.Save(deliver.State{}, nil, 5))
	wantFound(t, c, record.Position{Block: 7}, &long)
	check(t, c.Save(deliver.State{}, nil, 9))
	wantFound(t, c, record.Position{Block: 7}, nil)
}

func TestRemoveStreamTakesItsOwnCursorsOnly(t *testing.T) {
	db := openNew(t)
	a, b := streamOf("000000000001", "a"), streamOf("000000000001", "b")
	b.ID = a.ID
	b.ID[15]++ // sorts next to it
	sent := sentOf(1, 200)
	for _, s := range []stream.Stream{a, b} {
		check(t, db.SaveStream(s))
		for _, delivery := range []string{"main", "backup"} {
			check(t, db.Cursor(s.ID, delivery).Save(deliver.State{Floor: record.Position{Block: 9}}, sent, 0))
		}
	}
	check(t, db.RemoveStream(a))
	wantStreams(t, db, b)
	for _, delivery := range []string{"main", "backup"} {
		if _, found, err := db.Cursor(a.ID, delivery).Load(); found || err != nil {
			t.Errorf("cursor %s of the removed stream: %t, %v", delivery, found, err)
		}
		wantFound(t, db.Cursor(a.ID, delivery), sent[150].First, nil)
		if _, found, err := db.Cursor(b.ID, delivery).Load(); !found || err != nil {
			t.Errorf("cursor %s of the other stream: %t, %v", delivery, found, err)
		}
		wantFound(t, db.Cursor(b.ID, delivery), sent[150].First, &sent[150])
	}
}

func TestCursorsAreSavedSideBySide(t *testing.T) {
	db := openNew(t)
	done := make(chan error)
	ids := []record.StreamID{record.NewStreamID(), record.NewStreamID(), record.NewStreamID(), record.NewStreamID()}
	for _, id := range ids {
		go func() {
			var err error
			for i := range uint64(50) {
				if err == nil {
					err = db.Cursor(id, "main").Save(deliver.State{Floor: record.Position{Block: i}}, sentOf(i, 2), rand.Uint64N(i+1))
				}
			}
			done <- err
		}()
	}
	for range ids {
		check(t, <-done)
	}
	for _, id := range ids {
		if s, found, err := db.Cursor(id, "main").Load(); !found || err != nil || s.Floor.Block != 49 {
			t.Errorf("%+v, %t, %v", s, found, err)
		}
	}
}
