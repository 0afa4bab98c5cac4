package sample

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"testing"
)

func TestASeedMakesTheSameEventsEverywhere(t *testing.T) {
	const want = "e98aab51e205795da3c50a8e9bdaa616b8685156f187b3058ff31f27ec70cf32"
	sum := sha256.New()
	for _, line := range New(1).Lines(1000) {
		sum.Write(line)
	}
	if got := hex.EncodeToString(sum.Sum(nil)); got != want {
		t.Errorf("the first 1,000 events of seed 1 have the sum %s, want %s; if they are meant to change, write the new sum here", got, want)
	}
}

func TestIDsAreUniqueAndReadable(t *testing.T) {
	seen := map[string]bool{}
	s := New(7)
	for range 20_000 {
		text := s.Next()
		var whole struct{ ID string }
		if err := json.Unmarshal(text, &whole); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		if id := ID(text); id != whole.ID || id == "" || seen[id] {
			t.Fatalf("%s: ID %q, in the JSON %q, seen before: %t", text, id, whole.ID, seen[id])
		}
		seen[whole.ID] = true
	}
	for _, text := range []string{"", "{}", `{"id":"evt_`, `{"type":"x"}`} {
		if id := ID([]byte(text)); id != "" {
			t.Errorf("ID(%q) = %q, want none", text, id)
		}
	}
}

func TestEventsAreOfRealisticSize(t *testing.T) {
	all := bytes.Join(New(3).Lines(5000), nil)
	if mean := len(all) / 5000; mean < 700 || mean > 800 {
		t.Errorf("an event has %d bytes on average, want 700 to 800", mean)
	}
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	w.Write(all)
	w.Close()
	if ratio := float64(len(all)) / float64(packed.Len()); ratio < 4 || ratio > 7 {
		t.Errorf("the events compress %.1f to 1, want 4 to 7 as real ones do", ratio)
	}
}
