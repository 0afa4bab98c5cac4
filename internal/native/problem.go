package native

import (
	"fmt"
	"strings"
)

// Problem is one thing that is wrong with a document.
type Problem struct {
	Path    string `json:"path"`            // of the value, such as destinations[0].batch.size; empty for the whole
	Value   string `json:"value,omitempty"` // as given; never that of a secret
	Message string `json:"message"`         // what is wrong, and what is allowed
}

func (p Problem) Error() string {
	var place []string
	if p.Path != "" {
		place = append(place, p.Path)
	}
	if p.Value != "" {
		place = append(place, fmt.Sprintf("%q", p.Value))
	}
	if len(place) == 0 {
		return p.Message
	}
	return strings.Join(place, ": ") + ": " + p.Message
}

// Problems is all that is wrong with a document.
type Problems []Problem

func (ps Problems) Error() string {
	lines := make([]string, len(ps))
	for i, p := range ps {
		lines[i] = p.Error()
	}
	return strings.Join(lines, "\n")
}

// err returns the problems, or nil if there are none.
func (ps Problems) err() error {
	if len(ps) == 0 {
		return nil
	}
	return ps
}

// add notes a problem. The value is cut, since it may be anything.
func (ps *Problems) add(path, value, format string, args ...any) {
	if short := []rune(value); len(short) > 100 {
		value = string(short[:100]) + "…"
	}
	*ps = append(*ps, Problem{Path: path, Value: value, Message: fmt.Sprintf(format, args...)})
}

// nearest returns the name with the least edit distance, or one that begins with name, or an empty text if all are so far
// that nobody can have meant them.
func nearest(name string, known []string) (best string) {
	least := max(1, len(name)/2) + 1
	for _, k := range known {
		d := distance(name, k)
		if name != "" && strings.HasPrefix(k, name) {
			d = min(d, 1)
		}
		if d < least {
			best, least = k, d
		}
	}
	return best
}

// distance counts the letters to insert, remove or replace to make one text of the other.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			replaced := diagonal
			if a[i] != b[j] {
				replaced++
			}
			diagonal = row[j+1]
			row[j+1] = min(replaced, row[j]+1, diagonal+1)
		}
	}
	return row[len(b)]
}
