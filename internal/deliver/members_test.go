package deliver

import (
	"encoding/binary"
	"encoding/json"
	"slices"
	"testing"
)

// pointsOf makes rising points of a text.
func pointsOf(text []byte) (points []Point) {
	p := Point{At: at(1)}
	for len(text) > 1 {
		kind, long := text[0]%5, uint32(text[1])
		text = text[2:]
		switch kind {
		case 0:
			p.Sub += long + 1
		case 1:
			p.At.Index, p.Sub = p.At.Index+long+1, 0
		case 2:
			p.At.Index, p.Sub = p.At.Index+1, 0
		case 3:
			p.At.Block, p.At.Index, p.Sub = p.At.Block+uint64(long)+1, long%3, long%2
		default:
			p.At.Index, p.Sub = p.At.Index+1, long
		}
		points = append(points, p)
	}
	return points
}

func FuzzMembersAreTheOnesThatWereAdded(f *testing.F) {
	f.Add([]byte("\x02\x00\x02\x00\x00\x01\x03\x05\x01\x09\x04\x02"), []byte{1, 0, 1})
	f.Fuzz(func(t *testing.T, text, chosen []byte) {
		var m members
		in := []bool{}
		points := pointsOf(text)
		for i, p := range points {
			in = append(in, i == 0 || len(chosen) > 0 && chosen[i%len(chosen)]&1 > 0)
			switch {
			case i == 0:
				m.start(p)
			case in[i]:
				m.add(p)
			}
		}
		if len(points) == 0 {
			return
		}
		r := membersReader{rest: m.list(), at: points[0]}
		for i, p := range points {
			if r.holds(p) != in[i] {
				t.Fatalf("%v: point %v of %v is a member: %t", m.text, p, points, !in[i])
			}
		}
	})
}

func FuzzMembersOfAnyText(f *testing.F) {
	f.Add([]byte{3, 2, 5, 1, 1, 1})
	f.Fuzz(func(t *testing.T, text []byte) {
		r := membersReader{rest: text, at: Point{At: at(1)}}
		for range 3 * len(text) {
			before := r.at
			if r.next(); !r.over && r.at == before {
				t.Fatalf("%v stays at %v", text, before)
			}
			r.run = min(r.run, 2)
		}
		if !r.over {
			t.Errorf("%v does not end", text)
		}
	})
}

func TestMembersOfAWholeBatchAreFewBytes(t *testing.T) {
	var m members
	m.start(Point{At: at(1)})
	p := Point{At: at(1)}
	for range 100_000 {
		p.At.Index++
		m.add(p)
	}
	if n := len(m.list()); n > binary.MaxVarintLen64 {
		t.Errorf("%d bytes", n)
	}
}

// TestSpansAreReadForEver: states of older programs stand in data folders.
func TestSpansAreReadForEver(t *testing.T) {
	const text = `{"partition":"1:a","failure":"x","first":{"at":{"block":1,"index":0}},"end":{"at":{"block":2,"index":0}},` +
		`"until":{"at":{"block":3,"index":0},"sub":3},"members":"AQI="}`
	want := Span{lane: lane{"1:a", "x"}, First: Point{At: at(1)}, End: Point{At: at(2)}, Until: Point{At: at(3), Sub: 3}, Members: []byte{1, 2}}
	var got Span
	if err := json.Unmarshal([]byte(text), &got); err != nil || got.lane != want.lane || got.First != want.First || got.End != want.End ||
		got.Until != want.Until || !slices.Equal(got.Members, want.Members) {
		t.Errorf("read %+v, %v", got, err)
	}
	if b, err := json.Marshal(want); err != nil || string(b) != text {
		t.Errorf("written %s, %v", b, err)
	}
}
