package load

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"firehose/internal/sample"
)

// Every record is a line of JSON that begins with {"id":"evt_ and sixteen hexadecimal digits. The first digit is always
// zero. The other fifteen are the record's number, and stand so that they are whole groups of base64: a prepared body
// gets new numbers by writing twenty characters a record, which costs next to nothing.
const (
	idPrefix  = `{"id":"evt_0`
	idDigits  = 15
	idEncoded = idDigits / 3 * 4 // characters of base64 of the digits
	idOffset  = len(idPrefix) / 3 * 4
	SizeMin   = 64 // bytes of the smallest record
)

// threeDigits is base64 of each number of three hexadecimal digits.
var threeDigits = func() (table [1 << 12][4]byte) {
	for i := range table {
		base64.StdEncoding.Encode(table[i][:], fmt.Appendf(nil, "%03x", i))
	}
	return table
}()

// writeID writes a record's number over the digits in its base64.
func writeID(encoded []byte, number uint64) {
	at := encoded[idOffset : idOffset+idEncoded]
	for shift := 48; shift >= 0; shift -= 12 {
		copy(at, threeDigits[number>>shift&0xfff][:])
		at = at[4:]
	}
}

// ID returns the number of a record, and false for what is no record of this package.
func ID(record []byte) (uint64, bool) {
	digits, ok := bytes.CutPrefix(record, []byte(idPrefix))
	if !ok || len(digits) < idDigits {
		return 0, false
	}
	number, err := strconv.ParseUint(string(digits[:idDigits]), 16, 64)
	return number, err == nil
}

// Records returns n records of exactly size bytes, each a line of JSON with its line end, numbered from 0.
func Records(seed uint64, n, size int) [][]byte {
	source := sample.New(seed)
	records := make([][]byte, n)
	for i := range records {
		records[i] = fit(source, size)
		copy(records[i], fmt.Sprintf("%s%0*x", idPrefix, idDigits, i))
	}
	return records
}

// fit makes one record. An event that is too short gets a field with text of the next ones, so that it compresses as
// events do; one that is too long gives its text to such a field.
func fit(source *sample.Source, size int) []byte {
	const field = `,"note":"`
	event := bytes.TrimSuffix(source.Next(), []byte("}"))
	room := size - len(event) - len(field) - len("\"}\n")
	if room < 0 {
		rest := event[len(idPrefix)+idDigits+1:]
		event = append([]byte(nil), event[:len(idPrefix)+idDigits+1]...)
		room = size - len(event) - len(field) - len("\"}\n")
		return finish(append(event, field...), rest, room)
	}
	var rest []byte
	for len(rest) < room {
		rest = append(rest, source.Next()[len(idPrefix)+idDigits+2:]...)
	}
	return finish(append(event, field...), rest, room)
}

// finish closes the record with room bytes of text.
func finish(record, text []byte, room int) []byte {
	plain := strings.Map(func(r rune) rune {
		if r == '"' || r == '\\' {
			return '\''
		}
		return r
	}, string(text))
	cut := min(room, len(plain))
	for cut > 0 && cut < len(plain) && !utf8.RuneStart(plain[cut]) {
		cut--
	}
	record = append(record, plain[:cut]...)
	record = append(record, strings.Repeat(" ", room-cut)...)
	return append(record, "\"}\n"...)
}
