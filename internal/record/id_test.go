package record

import (
	"encoding/base64"
	"errors"
	"math"
	"strings"
	"testing"
	"time"
)

var testID = ID{
	Stream:    StreamID{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15},
	Partition: 3,
	Position:  Position{Block: 1 << 40, Index: 499},
	Time:      time.Date(2026, 2, 3, 4, 5, 6, 789, time.UTC),
}

// testText is what clients have kept of testID: it must be read for ever.
const testText = "AQABAgMEBQYHCAkKCwwNDg8AAAADAAABAAAAAAAAAAHzGJCg2KsQ9xW0OOJL"

func TestIDTextStaysTheSame(t *testing.T) {
	if got := testID.String(); got != testText {
		t.Errorf("text is %s, want %s", got, testText)
	}
	if got, err := ParseID(testText); err != nil || got != testID {
		t.Errorf("read %+v, %v, want %+v", got, err, testID)
	}
}

func TestIDRoundTrip(t *testing.T) {
	f := func(id ID) {
		t.Helper()
		got, err := ParseID(id.String())
		if err != nil || got != id {
			t.Errorf("%+v became %+v, %v", id, got, err)
		}
		if n := len(id.String()); n != 60 {
			t.Errorf("%d characters", n)
		}
	}
	f(testID)
	f(ID{Stream: NewStreamID(), Time: time.Unix(0, 0).UTC()})
	f(ID{Partition: math.MaxUint32, Position: Position{math.MaxUint64, math.MaxUint32}, Time: time.Unix(0, math.MaxInt64).UTC()})
	f(ID{Time: time.Unix(0, -1).UTC()})
}

func TestParseIDRefusesEverythingElse(t *testing.T) {
	f := func(text string) {
		t.Helper()
		if id, err := ParseID(text); !errors.Is(err, ErrBadID) {
			t.Errorf("%q was read as %+v, %v", text, id, err)
		}
	}
	f("")
	f("49607933892580429045866716038015163261214518926441971714")
	f(testText[:59])
	f(testText + "A")
	f(testText + "====")
	f(strings.Repeat("A", 60))
	f(strings.ToLower(testText))
	f(testText[:30] + "\n" + testText[30:])
	raw, _ := base64.StdEncoding.DecodeString(testText)
	for i := range raw { // any flipped bit is noticed
		raw[i] ^= 4
		f(base64.StdEncoding.EncodeToString(raw))
		raw[i] ^= 4
	}
}

func FuzzParseID(f *testing.F) {
	f.Add(testText)
	f.Add("")
	f.Fuzz(func(t *testing.T, text string) {
		id, err := ParseID(text)
		if err == nil && id.String() != text {
			t.Errorf("%q was read as the id %q", text, id)
		}
		if err != nil && !errors.Is(err, ErrBadID) {
			t.Errorf("error %v", err)
		}
	})
}

func TestStreamIDRoundTrip(t *testing.T) {
	id := NewStreamID()
	text, err := id.MarshalText()
	var got StreamID
	if err != nil || got.UnmarshalText(text) != nil || got != id || len(text) != 32 {
		t.Errorf("%v became %s and %v", id, text, got)
	}
	if id == NewStreamID() {
		t.Error("two identities are equal")
	}
}

func TestParseStreamIDRefusesEverythingElse(t *testing.T) {
	f := func(text string) {
		t.Helper()
		if id, err := ParseStreamID(text); err == nil {
			t.Errorf("%q was read as %v", text, id)
		}
	}
	f("")
	f("00")
	f(strings.Repeat("0", 31))
	f(strings.Repeat("0", 33))
	f(strings.Repeat("0", 34))
	f(strings.Repeat("0", 64))
	f(strings.Repeat("g", 32))
}

func TestPositionsAreOrdered(t *testing.T) {
	list := []Position{{}, {0, 1}, {1, 0}, {1, 1}, {1, math.MaxUint32}, {2, 0}, {math.MaxUint64, 0}}
	for i, p := range list {
		for j, q := range list {
			want := 0
			if i < j {
				want = -1
			} else if i > j {
				want = 1
			}
			if got := p.Compare(q); got != want || p.Before(q) != (want < 0) {
				t.Errorf("%v and %v compare as %d, want %d", p, q, got, want)
			}
		}
	}
}
