package kpl

import (
	"bytes"
	"crypto/md5"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"
)

// sealed puts a protocol buffer into the frame of an aggregated record.
func sealed(body []byte) []byte {
	sum := md5.Sum(body)
	return append(append([]byte(magic), body...), sum[:]...)
}

// aggregated does what the producer library does: each key stands once in its table, and records name it by its place.
func aggregated(records []Record) []byte {
	var body []byte
	place := func(field protowire.Number, places map[string]uint64, key string) uint64 {
		if _, ok := places[key]; !ok {
			places[key] = uint64(len(places))
			body = protowire.AppendString(protowire.AppendTag(body, field, protowire.BytesType), key)
		}
		return places[key]
	}
	var entries []byte
	partitionKeys, hashKeys := map[string]uint64{}, map[string]uint64{}
	for _, r := range records {
		e := protowire.AppendVarint(protowire.AppendTag(nil, 1, protowire.VarintType), place(1, partitionKeys, r.PartitionKey))
		if r.ExplicitHashKey != "" {
			e = protowire.AppendVarint(protowire.AppendTag(e, 2, protowire.VarintType), place(2, hashKeys, r.ExplicitHashKey))
		}
		e = protowire.AppendBytes(protowire.AppendTag(e, 3, protowire.BytesType), r.Data)
		entries = protowire.AppendBytes(protowire.AppendTag(entries, 3, protowire.BytesType), e)
	}
	return sealed(append(body, entries...))
}

func sample(n int) (records []Record) {
	for i := range n {
		r := Record{PartitionKey: fmt.Sprint("key ", i%7), Data: bytes.Repeat([]byte{byte(i)}, i)}
		if i%3 == 0 {
			r.ExplicitHashKey = fmt.Sprint(i * 1_000_003)
		}
		records = append(records, r)
	}
	return records
}

func TestAggregatedRecordsAreSplit(t *testing.T) {
	for _, n := range []int{0, 1, 2, 300} {
		want := sample(n)
		got, err := Split(aggregated(want))
		if err != nil || len(got) != n || n > 0 && !reflect.DeepEqual(got, want) {
			t.Errorf("%d records: %v, %v", n, got, err)
		}
	}
}

func TestTheDataIsNotCopied(t *testing.T) {
	record := aggregated([]Record{{PartitionKey: "k", Data: []byte("data")}})
	records, err := Split(record)
	if err != nil {
		t.Fatal(err)
	}
	record[bytes.Index(record, []byte("data"))] = 'D'
	if string(records[0].Data) != "Data" {
		t.Error("the data is a copy")
	}
}

func TestRecordsThatAreNotAggregatedStayAsTheyAre(t *testing.T) {
	whole := aggregated(sample(5))
	spoiled := bytes.Clone(whole)
	spoiled[10] ^= 1
	for _, record := range [][]byte{nil, []byte("text"), []byte(magic), []byte(magic + "0123456789abcde"), whole[:len(whole)-1], append(whole, 0), spoiled, whole[1:]} {
		got, err := Split(record)
		if err != nil || !reflect.DeepEqual(got, []Record{{Data: record}}) {
			t.Errorf("%q: %v, %v", record, got, err)
		}
	}
}

func TestFieldsThatAreUnknownArePassedOver(t *testing.T) {
	body := protowire.AppendFixed32(protowire.AppendTag(nil, 9, protowire.Fixed32Type), 1)
	body = protowire.AppendVarint(protowire.AppendTag(body, 8, protowire.VarintType), 1)
	e := protowire.AppendVarint(protowire.AppendTag(nil, 1, protowire.VarintType), 0)
	e = protowire.AppendBytes(protowire.AppendTag(e, 4, protowire.BytesType), []byte("tag"))
	e = protowire.AppendBytes(protowire.AppendTag(e, 3, protowire.BytesType), []byte("d"))
	body = protowire.AppendBytes(protowire.AppendTag(body, 3, protowire.BytesType), e)
	body = protowire.AppendString(protowire.AppendTag(body, 1, protowire.BytesType), "the table behind")
	got, err := Split(sealed(body))
	if err != nil || !reflect.DeepEqual(got, []Record{{PartitionKey: "the table behind", Data: []byte("d")}}) {
		t.Errorf("%v, %v", got, err)
	}
}

func TestUnreadableAggregatesAreErrors(t *testing.T) {
	f := func(body []byte, want string) {
		t.Helper()
		if got, err := Split(sealed(body)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, %v; want %q", body, got, err, want)
		}
	}
	record := func(e []byte) []byte {
		return protowire.AppendBytes(protowire.AppendTag(nil, 3, protowire.BytesType), e)
	}
	data := protowire.AppendBytes(protowire.AppendTag(nil, 3, protowire.BytesType), []byte("d"))
	key := protowire.AppendVarint(protowire.AppendTag(nil, 1, protowire.VarintType), 0)
	f([]byte("\x1a\x05abc"), "unexpected EOF")
	f([]byte{0xff}, "unexpected EOF")
	f(record(data), "without key or data")
	f(record(key), "without key or data")
	f(record([]byte{0x1a}), "unexpected EOF")
	f(record(append(key, data...)), "record 1: key 0 of 0")
}

func FuzzSplit(f *testing.F) {
	f.Add(aggregated(sample(4))[len(magic):], true)
	f.Add([]byte(magic), false)
	f.Fuzz(func(t *testing.T, body []byte, seal bool) {
		record := body
		if seal {
			record = sealed(body)
		}
		records, err := Split(record)
		if err != nil || !seal {
			return
		}
		again, err := Split(aggregated(records))
		if err != nil || len(again) != len(records) {
			t.Fatalf("%q is read as %v and again as %v, %v", body, records, again, err)
		}
		for i, r := range records {
			if a := again[i]; a.PartitionKey != r.PartitionKey || a.ExplicitHashKey != r.ExplicitHashKey || !bytes.Equal(a.Data, r.Data) {
				t.Errorf("%q: %v came back as %v", body, r, a)
			}
		}
	})
}
