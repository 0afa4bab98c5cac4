package filter

import (
	"strings"

	"firehose/internal/jsonscan"
)

// field is where in an event a predicate looks. It does not change.
type field struct {
	text  string
	names [][]string // the path, or several, of which the first that is there counts
	slots []int      // where the paths, as far as [*], are in the scan of the event
	rest  *rest      // what follows [*], or nil
}

// rest is what follows [*]: a path from each element.
type rest struct {
	paths *jsonscan.Paths
	depth int
	next  *rest
}

// Each is what [*] is in a list of member names.
const Each = "\x00each"

// newRest compiles the names after [*].
func newRest(names []string) *rest {
	own, more, again := cutEach(names)
	r := &rest{paths: jsonscan.Compile(own), depth: len(own)}
	if again {
		r.next = newRest(more)
	}
	return r
}

func cutEach(names []string) (before, after []string, found bool) {
	for i, name := range names {
		if name == Each {
			return names[:i], names[i+1:], true
		}
	}
	return names, nil, false
}

// showPath writes a path as parse reads it.
func showPath(names []string) string {
	var b strings.Builder
	for i, name := range names {
		switch {
		case name == Each:
			b.WriteString("[*]")
		case !isPlain(name):
			b.WriteString("[" + quoted(name) + "]")
		default:
			if i > 0 {
				b.WriteByte('.')
			}
			b.WriteString(name)
		}
	}
	if len(names) == 0 {
		return "(event)"
	}
	return b.String()
}

func isPlain(name string) bool {
	for i := range len(name) {
		if !isNameByte(name[i], i == 0) {
			return false
		}
	}
	return name != ""
}

// look is one look at an event: where the members of all fields are, and what went wrong.
type look struct {
	event []byte
	found []jsonscan.Value
	depth []int // how many names the paths have
	fault error // of the first predicate that could not be evaluated
}

// member returns the JSON of a slot, or nil if the event has none.
func (l *look) member(slot int) []byte {
	v := l.found[slot]
	if !v.Found() || v.Depth != l.depth[slot] {
		return nil
	}
	return l.event[v.Start:v.End]
}

// root returns what a field's path leads to before any [*].
func (l *look) root(f *field) []byte {
	for _, slot := range f.slots {
		if doc := l.member(slot); doc != nil {
			return doc
		}
	}
	return nil
}

// names returns the path of a field that counts in this event.
func (l *look) names(f *field) []string {
	for i, slot := range f.slots {
		if l.member(slot) != nil {
			return f.names[i]
		}
	}
	return f.names[0]
}

// visit shows all values of a field to a test until it returns true. It says whether there was one, and what the test
// said last.
func (l *look) visit(f *field, test func(value) bool) (there, held bool) {
	doc := l.root(f)
	if doc == nil {
		return false, false
	}
	if f.rest == nil {
		return true, test(valueOf(doc))
	}
	return f.rest.visit(doc, test)
}

func (r *rest) visit(doc []byte, test func(value) bool) (there, held bool) {
	v := valueOf(doc)
	if v.kind != list {
		return false, false
	}
	all := v.elements()
	for doc := all.nextJSON(); doc != nil && !held; doc = all.nextJSON() {
		var found [1]jsonscan.Value
		if err := r.paths.Scan(doc, found[:]); err != nil || !found[0].Found() || found[0].Depth != r.depth {
			continue // it was scanned, so only the member is missing
		}
		t, h := true, false
		if inner := doc[found[0].Start:found[0].End]; r.next != nil {
			t, h = r.next.visit(inner, test)
		} else {
			h = test(valueOf(inner))
		}
		there, held = there || t, h
	}
	return there, held
}
