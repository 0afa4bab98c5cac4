// Package sample makes events as a company's web site would send them: page views, leads and orders, nested JSON of
// about 750 bytes each. The demo, tests and benchmarks send them.
//
// The same seed makes the same events, byte for byte, on every machine. Every event has an id that no other event of its
// seed has, so that whoever counts at the end of the way knows which ones are missing and which came twice. Names,
// addresses and numbers are made up; the repetition in them is that of real events, which compress about fivefold.
package sample

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"time"
)

// Source makes events, one after the other. It belongs to one goroutine.
type Source struct {
	seed  uint64
	count uint64
	rand  *rand.Rand
	now   time.Time // of the latest event
}

// New returns the source of a seed.
func New(seed uint64) *Source {
	return &Source{
		seed: seed,
		rand: rand.New(rand.NewPCG(seed, 0x9e3779b97f4a7c15)),
		now:  time.Date(2026, 3, 2, 8, 0, 0, 0, time.UTC),
	}
}

// Next returns the next event: one JSON object without a line break in it or after it.
func (s *Source) Next() []byte {
	s.count++
	s.now = s.now.Add(time.Duration(s.rand.IntN(40)+1) * time.Millisecond)
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false) // as clients outside of Go do
	if err := encoder.Encode(s.event()); err != nil {
		panic("sample: " + err.Error()) // the types of an event hold nothing that JSON cannot
	}
	return bytes.TrimSuffix(text.Bytes(), []byte{'\n'})
}

// Lines returns the next n events, each with a line break at its end: what goes into objects that people and query
// engines read line by line.
func (s *Source) Lines(n int) [][]byte {
	lines := make([][]byte, n)
	for i := range lines {
		lines[i] = append(s.Next(), '\n')
	}
	return lines
}

var idField = []byte(`{"id":"`)

// ID returns the id of an event, or "" for what is none. It reads the beginning of the event only.
func ID(event []byte) string {
	rest, ok := bytes.CutPrefix(event, idField)
	id, _, closed := bytes.Cut(rest, []byte{'"'})
	if !ok || !closed {
		return ""
	}
	return string(id)
}

// id returns the id of the latest event. The steps that mix the count can all be undone, so no two counts share one.
func (s *Source) id() string {
	x := s.count ^ s.seed<<32
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return fmt.Sprintf("evt_%016x", x^x>>31)
}
