package segment

import (
	"errors"
	"fmt"
	"testing"
)

func TestInspectReportsSegmentsAndDamage(t *testing.T) {
	r := newRig(t, Options{SegmentSizeMax: 200})
	for i := range 7 {
		r.append(fmt.Sprint(i + 1))
	}
	r.edit(4, func(b []byte) []byte { b[framesOffset+frameHeaderSize] ^= 1; return b }) // entry 4
	r.edit(7, func(b []byte) []byte { return append(b, "torn"...) })

	var reports []Report
	inspect := func() {
		t.Helper()
		reports = nil
		r.must(Inspect(r.fs, r.opts.Dir, Visitor{Segment: func(p Report) error {
			reports = append(reports, p)
			return nil
		}}))
		if len(reports) != 3 {
			t.Fatalf("reports %+v", reports)
		}
	}
	check := func(i int, base uint64, entries int, first, last uint64, damage int, tail int64) {
		t.Helper()
		p := reports[i]
		if p.Log != testLog || p.File != fileName(base) || p.Base != base || p.Entries != entries || p.First != first ||
			p.Last != last || len(p.Damage) != damage || p.Tail != tail || !p.LastTime.Equal(r.now) || !p.Began.Equal(r.now) {
			t.Errorf("segment %d: %+v", i, p)
		}
	}
	inspect() // while the engine runs
	check(0, 1, 3, 1, 3, 0, 0)
	check(1, 4, 2, 5, 6, 1, 0)
	check(2, 7, 1, 7, 7, 0, 4)
	if d := reports[1].Damage[0]; d.First != 4 || d.Next != 5 || d.Offset != framesOffset || d.Bytes != frameHeaderSize+1 {
		t.Errorf("damage %+v", d)
	}
	r.read() // copies the damage to quarantine, which is no log

	r.edit(1, func(b []byte) []byte { b[0] ^= 1; b[fileHeaderSize] ^= 1; return append(b, "more"...) })
	r.edit(4, func(b []byte) []byte { return append(b, "abandoned"...) })
	inspect()
	if d := reports[0].Damage; len(d) != 1 || d[0].First != 1 || d[0].Next != 4 {
		t.Errorf("damage %+v", d)
	}
	check(1, 4, 2, 5, 6, 1, 9)

	// A whole frame whose fdatasync failed: the next segment has its number.
	h, err := decodeFileHeader(readFile(t, r.fs, r.file(4)))
	r.must(err)
	r.edit(4, func(b []byte) []byte {
		return appendFrame(b[:len(b)-len("abandoned")], h.seed(), 7, r.now.UnixNano(), []byte("refused"))
	})
	inspect()
	check(1, 4, 2, 5, 6, 1, frameHeaderSize+int64(len("refused")))

	stop := errors.New("stop")
	if err := Inspect(r.fs, r.opts.Dir, Visitor{Segment: func(Report) error { return stop }}); err != stop {
		t.Errorf("ended with %v", err)
	}
}
