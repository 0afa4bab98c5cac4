// Package splice puts members into a JSON object without decoding it: the bytes around them stay as they are.
//
// What is put is compiled once, a path to an object and the names of members in it. Where the path does not lead to an
// object, one is made. A member that is there already is replaced and never doubled, however its name is spelled and
// however often it stands there; what is put stands at the object's end, in the order of the names, so that putting the
// same again changes nothing.
//
// Put checks the whole document on its way, to the last byte, as jsonscan does; the other functions take what was checked
// before. Values must be JSON. Nothing of either is kept.
package splice

import (
	"encoding/json"
	"errors"

	"firehose/internal/jsonscan"
)

// Members is a compiled set of members of one object. It does not change, so any number of goroutines may use it.
type Members struct {
	path  []name
	names []name
}

// name is the name of a member.
type name struct {
	text    string
	spelled string // with quotes and the colon
}

// Compile compiles the members of the object at a path, a list of names from the outside in; the empty path is the
// document itself. Names must differ from each other.
func Compile(path []string, names ...string) *Members {
	return &Members{path: spell(path), names: spell(names)}
}

func spell(texts []string) (names []name) {
	for _, text := range texts {
		quoted, err := json.Marshal(text)
		if err != nil {
			panic(err) // a string can always be written
		}
		names = append(names, name{text, string(quoted) + ":"})
	}
	return names
}

// ErrNoObject says that a document is JSON and no object.
var ErrNoObject = errors.New("it is no JSON object")

var nothing = jsonscan.Compile()

// Put appends a document with the members set to values, which stand in the order of the names. A nil value takes the
// member out. The error is the document's: ErrNoObject or a *jsonscan.SyntaxError.
func (s *Members) Put(dst, doc []byte, values [][]byte) ([]byte, error) {
	if changed, ok := s.put(dst, doc, s.path, values); ok {
		return changed, nil
	}
	if err := nothing.Scan(doc, nil); err != nil {
		return dst, err
	}
	return dst, ErrNoObject
}

// Append is Put for a document that is known to have no member of the path's first name, or for the empty path none of
// the names, and to be an object. It does not look.
func (s *Members) Append(dst, doc []byte, values [][]byte) []byte {
	end := len(doc) - 1
	for doc[end] != '}' {
		end--
	}
	dst = append(dst, doc[:end]...)
	o := object{begun: doc[before(doc, end)] != '{'}
	if len(s.path) == 0 {
		dst = s.append(dst, &o, values)
	} else {
		dst = s.fresh(o.next(dst), s.path, values)
	}
	return append(dst, '}')
}

// before is the offset of the last byte before i that is no white space.
func before(doc []byte, i int) int {
	for i--; isSpace(doc[i]); i-- {
	}
	return i
}

// put is Put for an object to which the path leads on. It says whether it is one.
func (s *Members) put(dst, doc []byte, path []name, values [][]byte) ([]byte, bool) {
	var inner []byte // the last member of the path's next name
	var o object
	var w walker
	dst = append(dst, '{')
	for w.reset(doc); w.next(); {
		switch {
		case len(path) > 0 && w.is(path[0].text):
			inner = doc[w.value:w.end]
		case len(path) == 0 && s.owns(&w):
		default:
			dst = append(o.next(dst), doc[w.name:w.end]...)
		}
	}
	switch {
	case w.bad:
		return dst, false
	case len(path) == 0:
		dst = s.append(dst, &o, values)
	case inner != nil && inner[0] == '{':
		dst = append(o.next(dst), path[0].spelled...)
		dst, _ = s.put(dst, inner, path[1:], values)
	default:
		dst = s.fresh(o.next(dst), path, values)
	}
	return append(dst, '}'), true
}

// owns says whether a member is one of those that are put.
func (s *Members) owns(w *walker) bool {
	for _, n := range s.names {
		if w.is(n.text) {
			return true
		}
	}
	return false
}

// fresh appends what a path leads to where nothing was.
func (s *Members) fresh(dst []byte, path []name, values [][]byte) []byte {
	for _, n := range path {
		dst = append(append(dst, n.spelled...), '{')
	}
	dst = s.append(dst, &object{}, values)
	for range len(path) {
		dst = append(dst, '}')
	}
	return dst
}

func (s *Members) append(dst []byte, o *object, values [][]byte) []byte {
	for i, n := range s.names {
		if values[i] != nil {
			dst = append(append(o.next(dst), n.spelled...), values[i]...)
		}
	}
	return dst
}

// object is an object that is being written.
type object struct{ begun bool }

// next appends what stands between members.
func (o *object) next(dst []byte) []byte {
	if o.begun {
		return append(dst, ',')
	}
	o.begun = true
	return dst
}
