package jsonscan

import (
	"encoding/binary"
	"fmt"
	"math/bits"
	"unicode/utf8"
)

// Value says where a value stands in a document: doc[Start:End]. The zero Value stands nowhere.
type Value struct {
	Start, End int
	// Depth is how many names of the path lead to the value. It is less than all of them for a value that is no
	// object and so ends the path early: in {"a":5} the path a.b gives the 5 with a depth of 1.
	Depth int
}

// Found says whether there is a value. A path of n names has one of its own if also Depth is n.
func (v Value) Found() bool { return v.End > 0 }

// DepthMax is how deep arrays and objects may be nested.
const DepthMax = 10_000

// SyntaxError tells where a document stops being JSON.
type SyntaxError struct {
	Offset int // of the first byte that does not belong, or the length of a document that ends too early
	What   string
}

func (e *SyntaxError) Error() string { return fmt.Sprintf("%s at offset %d", e.What, e.Offset) }

// Scan looks for the paths in a document and puts what it finds into found, which has a place for each path in the order
// of Compile. The error is a *SyntaxError; found then holds nothing of use.
func (p *Paths) Scan(doc []byte, found []Value) error {
	s := scan{Paths: p, doc: doc, found: found[:p.count]}
	return s.run()
}

// ScanMembers is Scan, and notes where the values of the document's own members stand, in their order: of the first ones, as
// far as there is room for them, and of none if the document is no object. It returns how many it noted. Whoever walks the
// document again may step over a value that he does not need.
func (p *Paths) ScanMembers(doc []byte, found, members []Value) (noted int, err error) {
	s := scan{Paths: p, doc: doc, found: found[:p.count], members: members}
	err = s.run()
	return s.noted, err
}

// Valid says whether a document is JSON.
func Valid(doc []byte) bool { return nothing.Scan(doc, nil) == nil }

var nothing = Compile()

// scan is one walk. Its methods begin at an offset and return the offset after what they read, or the complement of the
// offset at which it is wrong.
type scan struct {
	*Paths
	doc     []byte
	found   []Value
	members []Value // room for the values of the document's members
	noted   int     // of members
	tooDeep bool
}

func (s *scan) run() error {
	clear(s.found)
	end := s.value(s.space(0), 0, s.root)
	if end >= 0 {
		if end = s.space(end); end == len(s.doc) {
			return nil
		}
		end = ^end
	}
	return s.syntaxError(^end)
}

func (s *scan) syntaxError(at int) error {
	if at >= len(s.doc) {
		return &SyntaxError{len(s.doc), "unexpected end of JSON"}
	}
	if s.tooDeep {
		return &SyntaxError{at, fmt.Sprintf("nesting deeper than %d", DepthMax)}
	}
	r, _ := utf8.DecodeRune(s.doc[at:])
	return &SyntaxError{at, fmt.Sprintf("invalid character %q", r)}
}

// space skips white space.
func (s *scan) space(i int) int {
	for ; i < len(s.doc); i++ {
		if c := s.doc[i]; c > ' ' || c != ' ' && c != '\n' && c != '\t' && c != '\r' {
			break
		}
	}
	return i
}

// value walks the value at an offset without space before it. The node is nil where no path leads.
func (s *scan) value(i, depth int, n *node) int {
	start := i
	if i >= len(s.doc) {
		return ^i
	}
	switch c := s.doc[i]; c {
	case '{':
		i = s.object(i, depth+1, n)
	case '[':
		i = s.array(i, depth+1)
	case '"':
		i, _ = s.text(i + 1)
	case 't':
		i = s.literal(i, "true")
	case 'f':
		i = s.literal(i, "false")
	case 'n':
		i = s.literal(i, "null")
	default:
		i = s.number(i)
	}
	if n != nil && i > 0 {
		s.put(n, Value{start, i, depth})
	}
	return i
}

// put notes a value for the paths that end at a node, and for those that wanted to go on through something that is no
// object.
func (s *scan) put(n *node, v Value) {
	paths := n.ends
	if s.doc[v.Start] != '{' {
		paths = n.below
	}
	for _, path := range paths {
		s.found[path] = v
	}
}

func (s *scan) object(i, depth int, n *node) int {
	if depth > DepthMax {
		s.tooDeep = true
		return ^i
	}
	i = s.space(i + 1)
	if i < len(s.doc) && s.doc[i] == '}' {
		return i + 1
	}
	for {
		if i >= len(s.doc) || s.doc[i] != '"' {
			return ^i
		}
		start := i + 1
		var escaped bool
		if i, escaped = s.text(start); i < 0 {
			return i
		}
		var next *node
		if n != nil {
			if next = s.member(n, s.doc[start:i-1], escaped); next != nil {
				for _, path := range next.below { // of an earlier member of the same name
					s.found[path] = Value{}
				}
			}
		}
		if i = s.space(i); i >= len(s.doc) || s.doc[i] != ':' {
			return ^i
		}
		start = s.space(i + 1)
		if i = s.value(start, depth, next); i < 0 {
			return i
		}
		if depth == 1 && s.noted < len(s.members) {
			s.members[s.noted] = Value{start, i, 1}
			s.noted++
		}
		if i = s.space(i); i >= len(s.doc) {
			return ^i
		}
		switch s.doc[i] {
		case ',':
			i = s.space(i + 1)
		case '}':
			return i + 1
		default:
			return ^i
		}
	}
}

func (s *scan) array(i, depth int) int {
	if depth > DepthMax {
		s.tooDeep = true
		return ^i
	}
	i = s.space(i + 1)
	if i < len(s.doc) && s.doc[i] == ']' {
		return i + 1
	}
	for {
		if i = s.value(i, depth, nil); i < 0 {
			return i
		}
		if i = s.space(i); i >= len(s.doc) {
			return ^i
		}
		switch s.doc[i] {
		case ',':
			i = s.space(i + 1)
		case ']':
			return i + 1
		default:
			return ^i
		}
	}
}

// text walks a string whose first quote is behind. It says whether the string has an escape in it.
func (s *scan) text(i int) (end int, escaped bool) {
	const ones = 0x0101010101010101
	doc := s.doc
	for {
		// Eight bytes at a time as long as none is a quote, a backslash or a control character. With the bit of 2 turned
		// over, a quote is a space, and control characters stay below it, as nothing else does. A byte's highest bit is
		// set if it is one of the three; only bytes after such a one can have it set wrongly.
		for ; i+8 <= len(doc); i += 8 {
			w := binary.LittleEndian.Uint64(doc[i:])
			quote, slash := (w^ones*2)-ones*(' '+1), (w^ones*'\\')-ones
			if m := (quote | slash) &^ w & (ones * 0x80); m != 0 {
				i += bits.TrailingZeros64(m) / 8
				break
			}
		}
		for ; i < len(doc); i++ { // what is found, or the last bytes of the document
			if c := doc[i]; c == '"' {
				return i + 1, escaped
			} else if c == '\\' || c < ' ' {
				break
			}
		}
		if i >= len(doc) || doc[i] < ' ' {
			return ^i, escaped
		}
		escaped = true
		if i = s.escape(i + 1); i < 0 {
			return i, escaped
		}
	}
}

// escape walks what follows a backslash.
func (s *scan) escape(i int) int {
	if i >= len(s.doc) {
		return ^i
	}
	switch s.doc[i] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return i + 1
	case 'u':
		end := i + 5
		for i++; i < end; i++ {
			if i >= len(s.doc) || !isHex(s.doc[i]) {
				return ^i
			}
		}
		return end
	}
	return ^i
}

func isHex(c byte) bool { return isDigit(c) || c|0x20 >= 'a' && c|0x20 <= 'f' }

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

func (s *scan) literal(i int, word string) int {
	for k := range len(word) {
		if i+k >= len(s.doc) || s.doc[i+k] != word[k] {
			return ^(i + k)
		}
	}
	return i + len(word)
}

func (s *scan) number(i int) int {
	if s.doc[i] == '-' {
		i++
	}
	if i < len(s.doc) && s.doc[i] == '0' {
		i++
	} else if i = s.digits(i); i < 0 {
		return i
	}
	if i < len(s.doc) && s.doc[i] == '.' {
		if i = s.digits(i + 1); i < 0 {
			return i
		}
	}
	if i < len(s.doc) && s.doc[i]|0x20 == 'e' {
		if i++; i < len(s.doc) && (s.doc[i] == '+' || s.doc[i] == '-') {
			i++
		}
		i = s.digits(i)
	}
	return i
}

// digits walks at least one digit.
func (s *scan) digits(i int) int {
	start := i
	for i < len(s.doc) && isDigit(s.doc[i]) {
		i++
	}
	if i == start {
		return ^i
	}
	return i
}
