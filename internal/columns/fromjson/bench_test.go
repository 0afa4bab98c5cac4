package fromjson

import (
	"encoding/json"
	"testing"

	"firehose/internal/columns"
	"firehose/internal/sample"
)

// eventTable has twelve columns of mixed kinds over the events of package sample.
const eventTable = "struct<id:string,type:varchar(20),time:timestamp,trace:string," +
	"visitor:struct<id:string,session:string,ip:string,visits:int>," +
	"device:struct<class:string,os:string,browser:string,screen:array<int>>," +
	"geo:map<string,string>,page:struct<url:string,title:string,load_ms:bigint,scroll:double>," +
	"consent:array<string>,lead:struct<employees:int,score:float>,order:struct<number:string,total:decimal(12,2)>,missing:boolean>"

// flatTable has twelve columns that are not nested, over the events that flatEvents makes.
const flatTable = "struct<id:string,type:string,time:timestamp,visitor:string,visits:int,country:char(2),url:string,load_ms:bigint," +
	"scroll:double,total:decimal(12,2),paid:boolean,day:date>"

// flatEvents makes events of about a kilobyte, of which flatTable reads a part.
func flatEvents(t testing.TB, count int) (events [][]byte) {
	for _, line := range sample.New(1).Lines(count) {
		var nested map[string]any
		if err := json.Unmarshal(line, &nested); err != nil {
			t.Fatal(err)
		}
		page, visitor := nested["page"].(map[string]any), nested["visitor"].(map[string]any)
		event, err := json.Marshal(map[string]any{
			"id": nested["id"], "type": nested["type"], "time": nested["time"], "visitor": visitor["id"], "visits": visitor["visits"],
			"country": nested["geo"].(map[string]any)["country"], "url": page["url"], "load_ms": page["load_ms"], "scroll": page["scroll"],
			"total": 199.95, "paid": true, "day": "2026-03-02", "context": nested,
		})
		if err != nil {
			t.Fatal(err)
		}
		events = append(events, event)
	}
	return events
}

func benchmark(b *testing.B, table string, events [][]byte) {
	t, err := columns.ParseType(table)
	if err != nil {
		b.Fatal(err)
	}
	r, err := New(t, Options{OpenX: &OpenX{CaseInsensitive: true}})
	if err != nil {
		b.Fatal(err)
	}
	v, size := columns.NewVector(t), 0
	all := func() {
		v.Reset()
		for _, event := range events {
			if _, err := r.Append(v, event); err != nil {
				b.Fatal(err)
			}
		}
	}
	all() // the vectors grow and the names are seen
	for _, event := range events {
		size += len(event)
	}
	b.SetBytes(int64(size))
	b.ReportAllocs()
	for b.Loop() {
		all()
	}
}

func BenchmarkNested(b *testing.B) { benchmark(b, eventTable, sample.New(1).Lines(1000)) }
func BenchmarkFlat(b *testing.B)   { benchmark(b, flatTable, flatEvents(b, 1000)) }

// BenchmarkValid is what the standard library needs to check the events of BenchmarkNested, without reading anything of them:
// a measure for machines that are slow or busy.
func BenchmarkValid(b *testing.B) {
	events, size := sample.New(1).Lines(1000), 0
	for _, event := range events {
		size += len(event)
	}
	b.SetBytes(int64(size))
	for b.Loop() {
		for _, event := range events {
			if !json.Valid(event) {
				b.Fatal("an event is no JSON")
			}
		}
	}
}
