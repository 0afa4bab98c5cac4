package fromjson

import (
	"errors"
	"fmt"

	"firehose/internal/columns"
)

// Options says which deserializer to be. Exactly one is set.
type Options struct {
	OpenX *OpenX
	Hive  *Hive
}

// OpenX is the deserializer org.openx.data.jsonserde.JsonSerDe.
type OpenX struct {
	CaseInsensitive   bool              // names are compared without case
	DotsToUnderscores bool              // a dot in a name reads as an underscore
	ColumnToKey       map[string]string // for columns that do not bear the name of their JSON member
}

// Hive is the deserializer org.apache.hive.hcatalog.data.JsonSerDe.
type Hive struct {
	TimestampFormats []string // patterns of Joda-Time, or "millis"
}

// The codes of an Error.
const (
	ParseError    = "DataFormatConversion.ParseError"    // the record is no JSON
	MalformedData = "DataFormatConversion.MalformedData" // it is, but does not fit the table
)

// Error says why a record was refused. It may hold a value of the record.
type Error struct {
	Code    string
	Message string
}

func (e *Error) Error() string { return e.Code + ": " + e.Message }

// depthMax bounds how deep JSON may be nested. It is Jackson's bound.
const depthMax = 1000

// Reader reads records into the columns of one table. It belongs to one goroutine.
type Reader struct {
	table    *node
	openX    bool
	patterns []pattern // of Hive

	data    []byte  // the record that is being read
	scratch []byte  // a text whose escapes are resolved
	name    []byte  // a name as it is compared
	order   []int32 // entries of a map in the order of their keys
}

// New returns a reader for the rows of a table, which is a struct. The error says which option or type it cannot do.
func New(t *columns.Type, o Options) (*Reader, error) {
	r := &Reader{openX: o.OpenX != nil}
	names := naming{fold: true}
	switch {
	case (o.OpenX == nil) == (o.Hive == nil):
		return nil, errors.New("one deserializer is needed, OpenX or Hive")
	case r.openX:
		names = naming{fold: o.OpenX.CaseInsensitive, dots: o.OpenX.DotsToUnderscores}
		names.mapTo(o.OpenX.ColumnToKey)
	default:
		for _, text := range o.Hive.TimestampFormats {
			p, err := compilePattern(text)
			if err != nil {
				return nil, fmt.Errorf("timestamp format %q: %w", text, err)
			}
			r.patterns = append(r.patterns, p)
		}
	}
	if t.Kind != columns.Struct {
		return nil, fmt.Errorf("a table is a struct of columns, not %v", t.Kind)
	}
	var err error
	r.table, err = compile(t, names, 0)
	return r, err
}

// Append appends a row to v, which has the type of the table, for each JSON object of the record; there may be several, with
// or without white space between them. The error is an *Error, and then v is as before.
func (r *Reader) Append(v *columns.Vector, record []byte) (rows int, err error) {
	r.data = record
	before := v.Len()
	p := space(record, 0)
	if p == len(record) {
		err = &Error{MalformedData, "The record was empty or contained only whitespace."}
	}
	for p < len(record) && err == nil {
		if record[p] == '{' {
			p, err = r.object(r.table, v, p)
		} else {
			err = r.notObject()
		}
		p = space(record, p)
	}
	if err != nil {
		for v.Len() > before {
			pop(v)
		}
		err = r.reason(err)
	}
	r.data = nil
	return v.Len() - before, err
}

// reason returns what is told of a record that failed. The deserializers parse a document before they look at the types, so
// that it is no JSON counts more than that it does not fit, wherever which of them stands.
func (r *Reader) reason(found error) error {
	p := space(r.data, 0)
	for p < len(r.data) {
		var err error
		if p, err = skip(r.data, p, 0); err != nil {
			return err
		}
		p = space(r.data, p)
	}
	return found
}
