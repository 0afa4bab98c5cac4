package state

import (
	"path/filepath"
	"testing"
	"time"

	"firehose/internal/record"
)

func TestMarksSurviveARestartAndGoWithTheirStream(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.db")
	db := open(t, path)
	s, other := streamOf("000000000001", "a"), streamOf("000000000001", "b")
	want := func(id record.StreamID, key string, want Redriven) {
		t.Helper()
		if got, err := db.Redriven(id, key); err != nil || got != want {
			t.Errorf("the mark of %s is %+v, %v; want %+v", key, got, err, want)
		}
	}
	half := Redriven{Records: 500, Time: time.Unix(1_800_000_000, 5).UTC()}
	whole := Redriven{Records: 501, Whole: true, Time: half.Time}
	want(s.ID, "k", Redriven{})
	check(t, db.SaveRedriven(s.ID, "k", half))
	check(t, db.SaveRedriven(s.ID, "k/2", whole))
	check(t, db.SaveRedriven(other.ID, "k", whole))
	check(t, db.Close())
	db = open(t, path)
	want(s.ID, "k", half)
	check(t, db.SaveRedriven(s.ID, "k", whole))
	want(s.ID, "k", whole)
	want(s.ID, "k/2", whole)
	check(t, db.RemoveStream(s))
	want(s.ID, "k", Redriven{})
	want(s.ID, "k/2", Redriven{})
	want(other.ID, "k", whole)
}
