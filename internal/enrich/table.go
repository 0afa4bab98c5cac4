package enrich

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"

	"firehose/internal/jsonscan"
)

// table is rows, as JSON, by their keys.
type table map[string][]byte

// The forms of a table.
const (
	formatCSV    = "csv"
	formatJSON   = "json"   // an array of objects, or one object whose members are the rows
	formatNDJSON = "ndjson" // an object a line
)

// columnDefault is the member of JSON rows that is compared if no other is named.
const columnDefault = "id"

// parse reads a table. Of several rows with one key the last counts.
func parse(format, column string, text []byte) (table, error) {
	text = bytes.TrimPrefix(text, []byte("\ufeff"))
	switch format {
	case formatCSV:
		return parseCSV(column, text)
	case formatNDJSON:
		return parseLines(column, text)
	}
	return parseJSON(column, text)
}

// parseCSV reads rows as objects of strings, after a first row of names.
func parseCSV(column string, text []byte) (table, error) {
	r := csv.NewReader(bytes.NewReader(text))
	names, err := r.Read()
	if err == io.EOF {
		return nil, errors.New("it has no row of column names")
	}
	if err != nil {
		return nil, err
	}
	key := 0
	if column != "" {
		if key = slices.Index(names, column); key < 0 {
			return nil, fmt.Errorf("it has no column %q, but %q", column, names)
		}
	}
	var quoted [][]byte
	for i, name := range names {
		if name == "" || slices.Contains(names[:i], name) {
			return nil, fmt.Errorf("column %d has no name of its own, but %q", i+1, name)
		}
		quoted = append(quoted, quote(name))
	}
	rows := table{}
	r.ReuseRecord = true
	for {
		cells, err := r.Read()
		if err == io.EOF {
			return rows, nil
		}
		if err != nil {
			return nil, err
		}
		row := []byte{'{'}
		for i, cell := range cells {
			if i > 0 {
				row = append(row, ',')
			}
			row = append(append(append(row, quoted[i]...), ':'), quote(cell)...)
		}
		rows[cells[key]] = append(row, '}')
	}
}

func quote(text string) []byte {
	quoted, err := json.Marshal(text)
	if err != nil {
		panic(err) // a string can always be written
	}
	return quoted
}

func parseJSON(column string, text []byte) (table, error) {
	if text = bytes.TrimSpace(text); len(text) > 0 && text[0] == '{' {
		var members map[string]json.RawMessage
		if err := json.Unmarshal(text, &members); err != nil {
			return nil, err
		}
		if column != "" {
			return nil, errors.New("its rows are members of an object and go by their names; take the column out, or make it an array")
		}
		rows := table{}
		for name, value := range members {
			rows[name] = compact(value)
		}
		return rows, nil
	}
	var list []json.RawMessage
	if err := json.Unmarshal(text, &list); err != nil {
		return nil, err
	}
	k := newKeyed(column)
	for i, row := range list {
		if err := k.add(row); err != nil {
			return nil, fmt.Errorf("row %d: %w", i+1, err)
		}
	}
	return k.rows, nil
}

func parseLines(column string, text []byte) (table, error) {
	k := newKeyed(column)
	number := 0
	for line := range bytes.Lines(text) {
		number++
		if line = bytes.TrimSpace(line); len(line) == 0 {
			continue
		}
		if err := k.add(line); err != nil {
			return nil, fmt.Errorf("line %d: %w", number, err)
		}
	}
	return k.rows, nil
}

// keyed gathers rows that hold their key.
type keyed struct {
	column string
	path   *jsonscan.Paths
	rows   table
}

func newKeyed(column string) *keyed {
	if column == "" {
		column = columnDefault
	}
	return &keyed{column: column, path: jsonscan.Compile([]string{column}), rows: table{}}
}

func (k *keyed) add(row []byte) error {
	var found [1]jsonscan.Value
	if err := k.path.Scan(row, found[:]); err != nil {
		return err
	}
	if v := found[0]; v.Found() && v.Depth == 1 {
		if key, ok := appendKey(nil, row[v.Start:v.End]); ok {
			k.rows[string(key)] = compact(row)
			return nil
		}
	}
	return fmt.Errorf("it has no text, number or boolean %q", k.column)
}

func compact(row []byte) []byte {
	var text bytes.Buffer
	if err := json.Compact(&text, row); err != nil {
		panic(err) // it was read before
	}
	return text.Bytes()
}
