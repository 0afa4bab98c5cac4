package fromjson

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"firehose/internal/columns"
)

// node is a type, made ready for reading. Its children are those of the vectors that it is read into.
type node struct {
	kind     columns.Kind
	form     form
	depth    int // of what lies above, for depthMax
	children []*node

	low, high int64          // of whole numbers
	limit     columns.Int128 // of decimals: the first that has too many digits
	scale     int            // of decimals
	length    int            // of varchar and char; of others 0

	names   naming           // of structs, as all below
	fields  map[string]int   // by the name as it is compared
	also    []int            // for each field the next that reads the same member, or -1
	members []member         // spellings that were seen; the first stands for the object's beginning
	spelled map[string]int32 // members by what is written between the quotes
}

// form is what JSON a kind is made of.
type form uint8

const (
	formText form = iota
	formNumber
	formBoolean
	formDate
	formTimestamp
	formNested
)

// member is a name as it was written in an object. Producers write the same names in the same order again and again, so
// each remembers which one followed it, and comparing with that is all that most names cost: they need not even be scanned.
type member struct {
	token []byte // with its quotes
	field int    // or -1
	next  int32
}

// Bounds of what is remembered, for producers whose names are data.
const (
	membersMax    = 512
	memberSizeMax = 128
)

var forms = map[columns.Kind]form{
	columns.Boolean: formBoolean, columns.TinyInt: formNumber, columns.SmallInt: formNumber, columns.Int: formNumber,
	columns.BigInt: formNumber, columns.Float: formNumber, columns.Double: formNumber, columns.Decimal: formNumber,
	columns.String: formText, columns.Varchar: formText, columns.Char: formText, columns.Binary: formText,
	columns.Date: formDate, columns.Timestamp: formTimestamp,
	columns.Array: formNested, columns.Map: formNested, columns.Struct: formNested,
}

var intBits = map[columns.Kind]int{columns.TinyInt: 8, columns.SmallInt: 16, columns.Int: 32, columns.BigInt: 64}

func compile(t *columns.Type, names naming, depth int) (*node, error) {
	form, known := forms[t.Kind]
	if !known || depth >= depthMax {
		return nil, fmt.Errorf("type %v at depth %d cannot be read from JSON", t.Kind, depth)
	}
	n := &node{kind: t.Kind, form: form, depth: depth}
	if bits := intBits[t.Kind]; bits > 0 {
		n.low, n.high = -1<<(bits-1), 1<<(bits-1)-1
	}
	if t.Kind == columns.Varchar || t.Kind == columns.Char {
		if n.length = t.Length; n.length < 1 {
			return nil, fmt.Errorf("type %v has a length that is not possible", t)
		}
	}
	if t.Kind == columns.Decimal {
		if t.Precision < 1 || t.Precision > len(powers)-1 || t.Scale < 0 || t.Scale > t.Precision {
			return nil, fmt.Errorf("type %v has a precision or scale that is not possible", t)
		}
		n.limit, n.scale = powers[t.Precision], t.Scale
	}
	for _, f := range t.Fields {
		child, err := compile(f.Type, names, depth+1)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", f.Name, err)
		}
		n.children = append(n.children, child)
	}
	return n, n.nest(t, names)
}

// nest checks the parts of a nested type, and makes the table of a struct's names.
func (n *node) nest(t *columns.Type, names naming) error {
	switch {
	case n.kind == columns.Array && len(n.children) != 1,
		n.kind == columns.Map && (len(n.children) != 2 || n.children[0].form == formNested),
		n.kind == columns.Struct && len(n.children) == 0:
		return fmt.Errorf("%v has parts that it cannot have", t)
	case n.kind != columns.Struct:
		return nil
	}
	n.names = names
	n.fields, n.spelled, n.members = map[string]int{}, map[string]int32{}, make([]member, 1)
	for i, f := range t.Fields {
		key := string(names.compared(nil, []byte(names.key(f.Name))))
		n.also = append(n.also, -1)
		if first, taken := n.fields[key]; taken {
			for n.also[first] >= 0 {
				first = n.also[first]
			}
			n.also[first] = i
			continue
		}
		n.fields[key] = i
	}
	return nil
}

// naming is how the names of members and columns find each other.
type naming struct {
	fold  bool // without case
	dots  bool // a dot is an underscore
	keyOf map[string]string
}

func (n *naming) mapTo(keyOf map[string]string) {
	n.keyOf = map[string]string{}
	for column, key := range keyOf {
		n.keyOf[strings.ToLower(column)] = key
	}
}

// key returns the name of the member that a column is read from.
func (n *naming) key(column string) string {
	if key, mapped := n.keyOf[strings.ToLower(column)]; mapped {
		return key
	}
	return column
}

// compared appends a name to dst as names are compared.
func (n *naming) compared(dst, name []byte) []byte {
	for i := 0; i < len(name); {
		c := name[i]
		if c >= utf8.RuneSelf {
			char, size := utf8.DecodeRune(name[i:])
			i += size
			if n.fold {
				char = unicode.ToLower(char)
			}
			dst = utf8.AppendRune(dst, char)
			continue
		}
		switch {
		case n.fold && 'A' <= c && c <= 'Z':
			c += 'a' - 'A'
		case n.dots && c == '.':
			c = '_'
		}
		dst = append(dst, c)
		i++
	}
	return dst
}
