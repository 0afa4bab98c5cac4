// Package kpl takes apart the records that the Kinesis Producer Library has aggregated: several records of users in one
// of Kinesis, as a protocol buffer between four magic bytes and an MD5 sum.
//
// A record that is not aggregated comes out as it is. So does one that only looks like it: its bytes may begin with the
// magic ones by chance, and the sum tells. The package reads bytes and nothing else; which records come from a producer
// that may aggregate is known to the source.
package kpl

import (
	"bytes"
	"crypto/md5"
	"errors"
	"fmt"

	"google.golang.org/protobuf/encoding/protowire"
)

// Record is a user's record.
type Record struct {
	PartitionKey    string
	ExplicitHashKey string // decimal; empty for none
	Data            []byte // part of the aggregated record
}

// magic begins every aggregated record.
const magic = "\xf3\x89\x9a\xc2"

// Split returns the records of an aggregated record in order, or the record itself, without keys, if it is none. An
// error says that the producer has made a record that nobody can read, since its sum is right.
func Split(record []byte) ([]Record, error) {
	body, ok := aggregate(record)
	if !ok {
		return []Record{{Data: record}}, nil
	}
	records, err := parse(body)
	if err != nil {
		return nil, fmt.Errorf("read aggregated record: %w", err)
	}
	return records, nil
}

// aggregate returns the protocol buffer of an aggregated record.
func aggregate(record []byte) (body []byte, ok bool) {
	end := len(record) - md5.Size
	if end < len(magic) || string(record[:len(magic)]) != magic {
		return nil, false
	}
	body = record[len(magic):end]
	sum := md5.Sum(body)
	return body, bytes.Equal(record[end:], sum[:])
}

// parse reads the message AggregatedRecord: the tables of keys are fields 1 and 2, the records are field 3. Records name
// keys by their place in the tables, which may stand behind them.
func parse(body []byte) ([]Record, error) {
	var partitionKeys, hashKeys []string
	var entries []entry
	err := fields(body, func(n protowire.Number, f field) (err error) {
		switch {
		case n == 1 && f.isBytes:
			partitionKeys = append(partitionKeys, string(f.bytes))
		case n == 2 && f.isBytes:
			hashKeys = append(hashKeys, string(f.bytes))
		case n == 3 && f.isBytes:
			var e entry
			if e, err = parseEntry(f.bytes); err == nil {
				entries = append(entries, e)
			}
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	records := make([]Record, len(entries))
	for i, e := range entries {
		r := &records[i]
		r.Data = e.data
		if r.PartitionKey, err = keyAt(partitionKeys, e.partitionKey); err == nil && e.hashed {
			r.ExplicitHashKey, err = keyAt(hashKeys, e.hashKey)
		}
		if err != nil {
			return nil, fmt.Errorf("record %d: %w", i+1, err)
		}
	}
	return records, nil
}

func keyAt(table []string, place uint64) (string, error) {
	if place >= uint64(len(table)) {
		return "", fmt.Errorf("key %d of %d", place, len(table))
	}
	return table[place], nil
}

// entry is a message Record: the place of the partition key is field 1, that of the explicit hash key field 2, the data
// field 3. Its tags, field 4, are passed over: no version of the library writes any.
type entry struct {
	partitionKey uint64
	hashKey      uint64
	hashed       bool
	data         []byte
}

func parseEntry(message []byte) (e entry, err error) {
	keyed, filled := false, false
	err = fields(message, func(n protowire.Number, f field) error {
		switch {
		case n == 1 && !f.isBytes:
			e.partitionKey, keyed = f.number, true
		case n == 2 && !f.isBytes:
			e.hashKey, e.hashed = f.number, true
		case n == 3 && f.isBytes:
			e.data, filled = f.bytes, true
		}
		return nil
	})
	if err == nil && !(keyed && filled) {
		err = errors.New("a record without key or data")
	}
	return e, err
}

// field is a value of one of the two wire types that the messages have: bytes, or a number.
type field struct {
	isBytes bool
	bytes   []byte
	number  uint64
}

// fields calls each for every field of a message. Fields of other wire types are unknown and are passed over.
func fields(message []byte, each func(protowire.Number, field) error) error {
	for len(message) > 0 {
		number, kind, n := protowire.ConsumeTag(message)
		if n < 0 {
			return protowire.ParseError(n)
		}
		message = message[n:]
		var f field
		switch kind {
		case protowire.BytesType:
			f.isBytes = true
			f.bytes, n = protowire.ConsumeBytes(message)
		case protowire.VarintType:
			f.number, n = protowire.ConsumeVarint(message)
		default:
			number, n = 0, protowire.ConsumeFieldValue(number, kind, message)
		}
		if n < 0 {
			return protowire.ParseError(n)
		}
		message = message[n:]
		if err := each(number, f); err != nil {
			return err
		}
	}
	return nil
}
