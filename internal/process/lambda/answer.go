package lambda

import (
	"bytes"
	stdbase64 "encoding/base64"
	"errors"
	"io"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/segmentio/asm/base64"

	"firehose/internal/erroroutput"
)

// errMalformed says that an answer is JSON, but not of the form asked for.
var errMalformed = errors.New("the answer has not the required form")

// parse reads a function's answer into the results of its records:
//
//	Ok with data                        the data replaces the record, and may be empty
//	Ok without data, or with null       InvalidReturnFormat
//	Dropped, ProcessingFailed           what they say; data does not count
//	an ID that is not in the answer     MissingRecordId, for all if there is no array of records
//	an ID that is there more than once  DuplicatedRecordId, for this record only
//	an ID that was not asked for        not looked at, nor one that is missing or null
//
// What stands in the way of reading a single record makes all of them fail: JsonProcessingException if the answer is no
// JSON in UTF-8; FunctionError if a record is no object, a result is no known word, or a member has another type or
// data that is not base64. Partition keys may be numbers and booleans, whose text they then are; null is an empty key.
// Other members do not count; of a member that is there twice, the last does.
func parse(body []byte, records []Record, results []Result, functionARN string, attempt int) *fault {
	a := answer{
		decoder: jsontext.NewDecoder(bytes.NewBuffer(body), jsontext.AllowDuplicateNames(true)),
		indexOf: make(map[string]int, len(records)),
		given:   make([]bool, len(records)),
		results: results,
		data:    make([]byte, 0, base64.StdEncoding.DecodedLen(len(body))),
		failure: func(code string) *erroroutput.Failure {
			return (&fault{code: code}).failure(functionARN, attempt)
		},
	}
	for i := range records {
		a.indexOf[records[i].ID] = i
	}
	switch err := a.read(); {
	case errors.Is(err, errMalformed):
		return &fault{code: FunctionError, message: malformedText, final: true}
	case err != nil:
		return &fault{code: JSONProcessingException, final: true}
	}
	return nil
}

// answer is an answer that is being read.
type answer struct {
	decoder *jsontext.Decoder
	indexOf map[string]int // of records by ID
	given   []bool         // by index: whether the answer has the record
	results []Result
	data    []byte // of all records; its capacity is enough
	failure func(code string) *erroroutput.Failure
}

// read reads the whole answer.
func (a *answer) read() error {
	err := a.members(func(name []byte) error {
		if string(name) != "records" || a.decoder.PeekKind() != '[' {
			return a.decoder.SkipValue()
		}
		clear(a.given)
		clear(a.results)
		a.data = a.data[:0]
		return a.elements(a.record)
	})
	whole := a.decoder.StackDepth() == 0 && errors.Is(err, errMalformed) // a value that is no object: it has no records
	if err != nil && !whole {
		return err
	}
	if _, err := a.decoder.ReadToken(); err != io.EOF {
		return errors.New("more than one JSON value")
	}
	missing := a.failure(MissingRecordID)
	for i := range a.results {
		if !a.given[i] {
			a.results[i] = Result{Failure: missing}
		}
	}
	return nil
}

// members reads an object; the function, which gets the name of each member until its next read, reads the value.
func (a *answer) members(value func(name []byte) error) error {
	if a.decoder.PeekKind() != '{' {
		return a.otherKind()
	}
	if _, err := a.decoder.ReadToken(); err != nil {
		return err
	}
	for a.decoder.PeekKind() != '}' {
		name, err := a.text()
		if err != nil {
			return err
		}
		if err := value(name); err != nil {
			return err
		}
	}
	_, err := a.decoder.ReadToken()
	return err
}

// elements reads an array; the function reads each of its elements.
func (a *answer) elements(value func() error) error {
	if _, err := a.decoder.ReadToken(); err != nil {
		return err
	}
	for a.decoder.PeekKind() != ']' {
		if err := value(); err != nil {
			return err
		}
	}
	_, err := a.decoder.ReadToken()
	return err
}

// otherKind reads a value that is not what was asked for, and says why: because it is no JSON, or because it is
// something else.
func (a *answer) otherKind() error {
	if err := a.decoder.SkipValue(); err != nil {
		return err
	}
	return errMalformed
}

// record reads an element of the records.
func (a *answer) record() error {
	var status status
	var r Result
	index, known := 0, false
	err := a.members(func(name []byte) (err error) {
		switch string(name) {
		case "recordId":
			var id []byte
			id, err = a.text()
			index, known = a.indexOf[string(id)]
			known = known && id != nil
		case "result":
			var text []byte
			text, err = a.text()
			status = statusOf(text)
		case "data":
			r.Data, err = a.base64()
		case "metadata":
			r.Keys, err = a.metadata()
		default:
			err = a.decoder.SkipValue()
		}
		return err
	})
	if err != nil {
		return err
	}
	switch status {
	case ok:
		if r.Data == nil {
			r = Result{Failure: a.failure(InvalidReturnFormat)}
		}
	case dropped:
		r = Result{Dropped: true}
	case processingFailed:
		r = Result{Failure: a.failure(ProcessingFailedStatus)}
	case unknown:
		return errMalformed
	}
	if !known {
		return nil
	}
	if a.given[index] {
		r = Result{Failure: a.failure(DuplicatedRecordID)}
	}
	a.given[index], a.results[index] = true, r
	return nil
}

// status is what a function says of a record.
type status int

const (
	unknown status = iota
	ok
	dropped
	processingFailed
)

func statusOf(text []byte) status {
	switch string(text) {
	case "Ok":
		return ok
	case "Dropped":
		return dropped
	case "ProcessingFailed":
		return processingFailed
	}
	return unknown
}

// text reads a string, which is valid until the next read, or null as nil.
func (a *answer) text() ([]byte, error) {
	kind := a.decoder.PeekKind()
	if kind != '"' && kind != 'n' {
		return nil, a.otherKind()
	}
	value, err := a.decoder.ReadValue()
	if err != nil || kind == 'n' {
		return nil, err
	}
	inner := value[1 : len(value)-1]
	if bytes.IndexByte(inner, '\\') < 0 {
		return inner, nil
	}
	return jsontext.AppendUnquote([]byte{}, value)
}

// base64 reads a string of base64, which may be broken into lines, or null as nil.
func (a *answer) base64() ([]byte, error) {
	text, err := a.text()
	if text == nil || err != nil {
		return nil, err
	}
	from := len(a.data)
	room := a.data[from:cap(a.data)]
	n, err := base64.StdEncoding.Decode(room, text)
	if err != nil {
		// The standard decoder skips the ends of lines, which some encoders write.
		if n, err = stdbase64.StdEncoding.Decode(room, text); err != nil {
			return nil, errMalformed
		}
	}
	a.data = a.data[:from+n]
	return a.data[from : from+n : from+n], nil
}

// metadata reads what comes with a record: its partition keys.
func (a *answer) metadata() (keys map[string]string, err error) {
	if a.decoder.PeekKind() == 'n' {
		return nil, a.decoder.SkipValue()
	}
	err = a.members(func(name []byte) error {
		if string(name) != "partitionKeys" || a.decoder.PeekKind() == 'n' {
			return a.decoder.SkipValue()
		}
		keys = map[string]string{}
		return a.members(func(name []byte) error {
			key := string(name)
			value, err := a.scalar()
			keys[key] = value
			return err
		})
	})
	return keys, err
}

// scalar reads a string, number or boolean as text, and null as none.
func (a *answer) scalar() (string, error) {
	switch a.decoder.PeekKind() {
	case '"', 'n':
		text, err := a.text()
		return string(text), err
	case '0', 't', 'f':
		value, err := a.decoder.ReadValue()
		return string(value), err
	}
	return "", a.otherKind()
}
