package eventbody

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"firehose/internal/jsonscan"
	"firehose/internal/jsonscan/splice"
)

// CSV says which fields become columns.
type CSV struct {
	Columns  []Column `json:"columns"`
	NoHeader bool     `json:"no_header,omitempty"` // leaves out the first row, of names
}

// Column is a field of an event.
type Column struct {
	Name string `json:"name,omitempty"` // in the first row; the path if empty
	Path string `json:"path"`           // with dots
}

// table is the form of CSV. Values are quoted as RFC 4180 says, rows end with a line feed. Strings stand as they read,
// numbers, true and false as they are spelled, arrays and objects as their JSON. What is missing or null is an empty value,
// an empty string a quoted one: "".
type table struct {
	header []byte // empty for none
	paths  *jsonscan.Paths
	depths []int
}

func (c CSV) compile() (form, error) {
	if len(c.Columns) == 0 {
		return nil, errors.New("columns are needed, each with the path of an event's field")
	}
	t := &table{}
	var paths [][]string
	for i, column := range c.Columns {
		path := jsonscan.Dotted(column.Path)
		if slices.Contains(path, "") {
			return nil, fmt.Errorf("columns[%d]: path %q is none; write names with dots between, such as lead_data.state", i, column.Path)
		}
		paths, t.depths = append(paths, path), append(t.depths, len(path))
		if c.NoHeader {
			continue
		}
		name := column.Name
		if name == "" {
			name = column.Path
		}
		if i > 0 {
			t.header = append(t.header, ',')
		}
		t.header = appendCell(t.header, []byte(strings.ToValidUTF8(name, "\ufffd")))
	}
	if !c.NoHeader {
		t.header = append(t.header, '\n')
	}
	t.paths = jsonscan.Compile(paths...)
	return t, nil
}

func (t *table) begin(dst []byte) []byte      { return append(dst, t.header...) }
func (t *table) end(dst []byte, _ int) []byte { return dst }

func (t *table) event(dst, event []byte, _ position) ([]byte, error) {
	var places [32]jsonscan.Value
	found := places[:]
	if len(t.depths) > len(places) {
		found = make([]jsonscan.Value, len(t.depths))
	}
	if err := t.paths.Scan(event, found); err != nil {
		return dst, invalid{err}
	}
	start := len(dst)
	for i, depth := range t.depths {
		if i > 0 {
			dst = append(dst, ',')
		}
		if v := found[i]; v.Found() && v.Depth == depth {
			dst = appendValue(dst, event[v.Start:v.End])
		}
	}
	if len(dst) == start {
		dst = append(dst, `""`...) // readers pass over empty lines
	}
	return append(dst, '\n'), nil
}

func appendValue(dst, value []byte) []byte {
	var short [128]byte
	switch value[0] {
	case 'n':
		return dst
	case '"':
		return appendCell(dst, jsonscan.AppendText(short[:0], value))
	case '{', '[':
		return appendCell(dst, splice.Compact(short[:0], value))
	}
	return append(dst, value...)
}

// appendCell appends a text, in quotes where it needs them or a lenient reader could trim it.
func appendCell(dst, text []byte) []byte {
	quoted := len(text) == 0 || text[0] == ' ' || text[len(text)-1] == ' '
	for _, c := range text {
		quoted = quoted || c == '"' || c == ',' || c < ' '
	}
	if !quoted {
		return append(dst, text...)
	}
	dst = append(dst, '"')
	for _, c := range text {
		if c == '"' {
			dst = append(dst, c)
		}
		dst = append(dst, c)
	}
	return append(dst, '"')
}
