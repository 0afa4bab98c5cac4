package deliver

import (
	"encoding/json"
	"fmt"
	"reflect"
	"testing"
	"time"

	"firehose/internal/batch"
	"firehose/internal/record"
)

func at(block uint64) record.Position { return record.Position{Block: block} }

// v is a version with limits of its own.
func v(from uint64, version int) Version {
	return Version{From: at(from), Version: version, Limits: batch.Limits{Size: int64(version), Interval: time.Second}}
}

func TestStateKeepsWhatExplainsItsBatches(t *testing.T) {
	s := State{Floor: at(10), Cuts: []record.Position{at(15), at(30)}, Versions: []Version{v(1, 1), v(20, 2), v(30, 3)}}
	f := func(block uint64, version int, boundary uint64) {
		t.Helper()
		found, _, _ := s.version(at(block))
		b, ok := s.boundary(at(block))
		if found.Version != version || ok != (boundary > 0) || ok && b != at(boundary) {
			t.Errorf("at %d: version %d, boundary %v, %t; want %d, %d", block, found.Version, b, ok, version, boundary)
		}
	}
	f(10, 1, 15)
	f(14, 1, 15)
	f(15, 1, 20)
	f(20, 2, 30)
	f(30, 3, 0)
	f(99, 3, 0)

	before := s.clone()
	c := s.clone()
	c.raise(at(20))
	if want := (State{Floor: at(20), Cuts: []record.Position{at(30)}, Versions: []Version{v(20, 2), v(30, 3)}}); !reflect.DeepEqual(c, want) {
		t.Errorf("raised to %+v", c)
	}
	c = s.clone()
	c.change(v(25, 4))
	c.change(v(40, 5))
	if want := []Version{v(1, 1), v(20, 2), v(25, 4), v(40, 5)}; !reflect.DeepEqual(c.Versions, want) {
		t.Errorf("changed to %+v", c.Versions)
	}
	c = s.clone()
	c.cut(at(50), at(18))
	c.cut(at(50), at(18))
	if want := []record.Position{at(15), at(50)}; !reflect.DeepEqual(c.Cuts, want) {
		t.Errorf("cut at %v", c.Cuts)
	}
	if !reflect.DeepEqual(s, before) {
		t.Errorf("a clone shares with what it was made of: %+v", s)
	}
}

// TestStateIsReadForEver: states of older programs stand in data folders.
func TestStateIsReadForEver(t *testing.T) {
	const text = `{"floor":{"block":7,"index":3},"cuts":[{"block":9,"index":0}],"versions":[` +
		`{"from":{"block":1,"index":0},"version":2,"limits":{"size":2,"interval_ns":1000000000}}]}`
	want := State{Floor: record.Position{Block: 7, Index: 3}, Cuts: []record.Position{at(9)}, Versions: []Version{v(1, 2)}}
	var got State
	if err := json.Unmarshal([]byte(text), &got); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("read %+v, %v", got, err)
	}
	if b, err := json.Marshal(want); err != nil || string(b) != text {
		t.Errorf("written %s, %v", b, err)
	}
}

// The floor may pass the beginning of a segment whose version is over before the segment is left.
func TestWhatBeganBeforeTheFirstVersionEndsThere(t *testing.T) {
	s := State{Floor: at(10), Cuts: []record.Position{at(15)}, Versions: []Version{v(10, 2), v(20, 3)}}
	if b, ok := s.boundary(at(5)); !ok || b != at(10) {
		t.Errorf("boundary %v, %t", b, ok)
	}
}

func TestVersionBeforeTheFirstPanics(t *testing.T) {
	defer func() {
		if fmt.Sprint(recover()) == "<nil>" {
			t.Error("no panic")
		}
	}()
	s := State{Versions: []Version{v(5, 1)}}
	s.version(at(4))
}
