package enrich

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"firehose/internal/jsonscan"
)

// table is rows, as JSON, by their keys.
type table map[string][]byte

// bounds are how large a table may become. A source of few bytes can come to many, since each of its rows repeats the names.
type bounds struct {
	rows    int
	columns int   // of a csv
	bytes   int64 // of keys and rows, with what holds them
}

var tableMax = bounds{rows: 1_000_000, columns: 1_000, bytes: 256 << 20}

// rowOverhead is what a row takes in memory besides its bytes, about.
const rowOverhead = 96

// builder gathers the rows of a table within bounds.
type builder struct {
	bounds
	table table
	held  int64
}

// add adds a row, in the place of an earlier one with its key.
func (b *builder) add(key string, row []byte) error {
	if earlier, known := b.table[key]; known {
		b.held -= int64(len(earlier))
	} else {
		b.held += int64(len(key)) + rowOverhead
	}
	b.held += int64(len(row))
	b.table[key] = row
	switch {
	case len(b.table) > b.rows:
		return fmt.Errorf("it has more than %d rows", b.rows)
	case b.held > b.bounds.bytes:
		return &errTooWide{b.bounds.bytes}
	}
	return nil
}

// errTooWide is the error of a table whose rows take more memory than they may.
type errTooWide struct{ bytes int64 }

func (e *errTooWide) Error() string {
	return fmt.Sprintf("its rows take more than %d bytes of memory", e.bytes)
}

// The forms of a table.
const (
	formatCSV    = "csv"
	formatJSON   = "json"   // an array of objects, or one object whose members are the rows
	formatNDJSON = "ndjson" // an object a line
)

// columnDefault is the member of JSON rows that is compared if no other is named.
const columnDefault = "id"

// parse reads a table, and says what it takes in memory. Of several rows with one key the last counts.
func parse(format, column string, text []byte, most bounds) (table, int64, error) {
	text = bytes.TrimPrefix(text, []byte("\ufeff"))
	b := &builder{bounds: most, table: table{}}
	var err error
	switch format {
	case formatCSV:
		err = b.parseCSV(column, text)
	case formatNDJSON:
		err = b.parseLines(column, text)
	default:
		err = b.parseJSON(column, text)
	}
	return b.table, b.held, err
}

// parseCSV reads rows as objects of strings, after a first row of names.
func (b *builder) parseCSV(column string, text []byte) error {
	r := csv.NewReader(bytes.NewReader(text))
	names, err := r.Read()
	switch {
	case err == io.EOF:
		return errors.New("it has no row of column names")
	case err != nil:
		return err
	case len(names) > b.columns:
		return fmt.Errorf("it has more than %d columns", b.columns)
	}
	key := 0
	if column != "" {
		if key = slices.Index(names, column); key < 0 {
			return fmt.Errorf("it has no column %q, but %q", column, names)
		}
	}
	var quoted [][]byte
	for i, name := range names {
		if name == "" || slices.Contains(names[:i], name) {
			return fmt.Errorf("column %d has no name of its own, but %q", i+1, name)
		}
		quoted = append(quoted, quote(name))
	}
	r.ReuseRecord = true
	var row []byte
	for {
		cells, err := r.Read()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		row = append(row[:0], '{')
		for i, cell := range cells {
			if i > 0 {
				row = append(row, ',')
			}
			row = append(append(append(row, quoted[i]...), ':'), quote(cell)...)
		}
		if err := b.add(strings.Clone(cells[key]), bytes.Clone(append(row, '}'))); err != nil {
			return err
		}
	}
}

func quote(text string) []byte {
	quoted, err := json.Marshal(text)
	if err != nil {
		panic(err) // a string can always be written
	}
	return quoted
}

// parseJSON reads one row after the other, so that what is beyond the bounds is not even decoded.
func (b *builder) parseJSON(column string, text []byte) error {
	d := json.NewDecoder(bytes.NewReader(text))
	opening, err := d.Token()
	if err != nil {
		return whole(err)
	}
	named := opening == json.Delim('{')
	switch {
	case !named && opening != json.Delim('['):
		return errors.New("it is neither an array of objects nor an object whose members are the rows")
	case named && column != "":
		return errors.New("its rows are members of an object and go by their names; take the column out, or make it an array")
	}
	k := newKeyed(column)
	for number := 1; d.More(); number++ {
		var name json.Token
		if named {
			if name, err = d.Token(); err != nil {
				return whole(err)
			}
		}
		var row json.RawMessage
		if err := d.Decode(&row); err != nil {
			return whole(err)
		}
		if named {
			err = b.add(name.(string), compact(row))
		} else {
			err = k.add(b, row)
		}
		if err != nil {
			return fmt.Errorf("row %d: %w", number, err)
		}
	}
	if _, err := d.Token(); err != nil {
		return whole(err)
	}
	if _, err := d.Token(); err != io.EOF {
		return errors.New("something stands behind its end")
	}
	return nil
}

// whole is the error of a text that ends too early.
func whole(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return errors.New("it ends too early")
	}
	return err
}

func (b *builder) parseLines(column string, text []byte) error {
	k := newKeyed(column)
	number := 0
	for line := range bytes.Lines(text) {
		number++
		if line = bytes.TrimSpace(line); len(line) == 0 {
			continue
		}
		if err := k.add(b, line); err != nil {
			return fmt.Errorf("line %d: %w", number, err)
		}
	}
	return nil
}

// keyed finds the key of rows that hold it.
type keyed struct {
	column string
	path   *jsonscan.Paths
}

func newKeyed(column string) keyed {
	if column == "" {
		column = columnDefault
	}
	return keyed{column: column, path: jsonscan.Compile([]string{column})}
}

func (k keyed) add(b *builder, row []byte) error {
	var found [1]jsonscan.Value
	if err := k.path.Scan(row, found[:]); err != nil {
		return err
	}
	if v := found[0]; v.Found() && v.Depth == 1 {
		if key, ok := appendKey(nil, row[v.Start:v.End]); ok {
			return b.add(string(key), compact(row))
		}
	}
	return fmt.Errorf("it has no text, number or boolean %q", k.column)
}

func compact(row []byte) []byte {
	var text bytes.Buffer
	if err := json.Compact(&text, row); err != nil {
		panic(err) // it was read before
	}
	return bytes.Clone(text.Bytes())
}
