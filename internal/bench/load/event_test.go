package load

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/json"
	"testing"
)

func TestRecordsHaveTheSizeAndTheirNumber(t *testing.T) {
	check := func(size int) {
		t.Helper()
		for i, r := range Records(1, 200, size) {
			if len(r) != size || r[size-1] != '\n' || bytes.IndexByte(r, '\n') != size-1 {
				t.Fatalf("size %d: %d bytes: %q", size, len(r), r)
			}
			var event struct{ ID string }
			if err := json.Unmarshal(r, &event); err != nil {
				t.Fatalf("size %d: %v: %s", size, err, r)
			}
			if number, ok := ID(r); !ok || number != uint64(i) {
				t.Fatalf("size %d: number %d, %t; want %d: %s", size, number, ok, i, r)
			}
		}
	}
	for _, size := range []int{SizeMin, 100, 500, 760, 1000, 5000} {
		check(size)
	}
	for _, foreign := range []string{"", "{}", `{"id":"evt_0`, `{"id":"evt_0xyz0123456789ab"}`, `{"id":"evt_1000000000000000"}`} {
		if number, ok := ID([]byte(foreign)); ok {
			t.Errorf("ID(%q) = %d, want none", foreign, number)
		}
	}
}

func TestRecordsCompressAsEventsDo(t *testing.T) {
	all := bytes.Join(Records(1, 3000, 1000), nil)
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	w.Write(all)
	w.Close()
	if ratio := float64(len(all)) / float64(packed.Len()); ratio < 4 || ratio > 7 {
		t.Errorf("the records compress %.1f to 1, want 4 to 7 as real events do", ratio)
	}
}

func TestABodyGetsNewNumbersAndAnotherStream(t *testing.T) {
	check := func(single bool, n int) {
		t.Helper()
		b := newBody(StreamName("s-", 7), Records(3, n, 300), single)
		before := b.sum()
		const first = 0x0edcba987654321
		b.number(first)
		b.address(StreamName("s-", 12345))
		var found struct {
			DeliveryStreamName string
			Records            []struct{ Data []byte }
			Record             struct{ Data []byte }
		}
		if err := json.Unmarshal(b.text, &found); err != nil {
			t.Fatalf("%v: %s", err, b.text)
		}
		if single {
			found.Records = append(found.Records, found.Record)
		}
		if found.DeliveryStreamName != "s-12345" || len(found.Records) != n || b.sum() == before {
			t.Fatalf("stream %q, %d records, want s-12345, %d; or the hash is the old one", found.DeliveryStreamName, len(found.Records), n)
		}
		for i, r := range found.Records {
			if number, ok := ID(r.Data); !ok || number != first+uint64(i) || len(r.Data) != 300 || !json.Valid(r.Data) {
				t.Fatalf("record %d has the number %x, %t: %s", i, number, ok, r.Data)
			}
		}
	}
	check(true, 1)
	check(false, 1)
	check(false, 500)
}

func TestNumbersAreWrittenInBase64(t *testing.T) {
	for _, number := range []uint64{0, 1, 0xabc, 1<<60 - 1, 0x123456789abcdef} {
		encoded := base64.StdEncoding.AppendEncode(nil, Records(1, 1, 100)[0])
		writeID(encoded, number)
		record, err := base64.StdEncoding.DecodeString(string(encoded))
		if got, ok := ID(record); err != nil || !ok || got != number {
			t.Errorf("%x came back as %x, %t, %v", number, got, ok, err)
		}
	}
}
