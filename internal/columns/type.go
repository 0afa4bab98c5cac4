package columns

import (
	"fmt"
	"strconv"
	"strings"
)

// Kind is what a type is at its outermost.
type Kind uint8

// The kinds. A union is read by nothing here, and Hive's interval and void are types of expressions, not of columns.
const (
	Boolean Kind = iota
	TinyInt
	SmallInt
	Int
	BigInt
	Float
	Double
	Decimal
	String
	Varchar
	Char
	Date
	Timestamp
	Binary
	Array
	Map
	Struct
)

// Type is the type of a column, or of a part of one.
type Type struct {
	Kind      Kind
	Length    int     // of Varchar and Char, in characters
	Precision int     // of Decimal, 1 to 38
	Scale     int     // of Decimal, 0 to Precision
	Fields    []Field // of Struct; of Array the one "element"; of Map "key" and "value"
}

// Field is a named part of a struct, or a column of a table.
type Field struct {
	Name string
	Type *Type
}

// Table is the rows that a file holds: a struct of the columns.
func Table(fields []Field) *Type { return &Type{Kind: Struct, Fields: fields} }

var kinds = map[string]Kind{
	"boolean": Boolean, "tinyint": TinyInt, "smallint": SmallInt, "int": Int, "integer": Int, "bigint": BigInt, "float": Float,
	"double": Double, "decimal": Decimal, "string": String, "varchar": Varchar, "char": Char, "date": Date, "timestamp": Timestamp,
	"binary": Binary, "array": Array, "map": Map, "struct": Struct,
}

// String returns the kind as Hive writes it.
func (k Kind) String() string {
	for name, kind := range kinds {
		if kind == k && name != "integer" {
			return name
		}
	}
	return "Kind(" + strconv.Itoa(int(k)) + ")"
}

// String returns the type as Hive writes it.
func (t *Type) String() string {
	var parts []string
	for _, f := range t.Fields {
		text := f.Type.String()
		if t.Kind == Struct {
			text = f.Name + ":" + text
		}
		parts = append(parts, text)
	}
	switch t.Kind {
	case Varchar, Char:
		return fmt.Sprintf("%v(%d)", t.Kind, t.Length)
	case Decimal:
		return fmt.Sprintf("decimal(%d,%d)", t.Precision, t.Scale)
	case Array, Map, Struct:
		return t.Kind.String() + "<" + strings.Join(parts, ",") + ">"
	}
	return t.Kind.String()
}

// ParseType reads a type as Hive and AWS Glue write it, such as struct<id:bigint,tags:array<string>>. The error says what
// is wrong and where.
func ParseType(text string) (*Type, error) {
	p := typeParser{text: text, rest: text}
	t, err := p.parse(0)
	if err == nil && strings.TrimSpace(p.rest) != "" {
		err = p.wrong("nothing more")
	}
	if err != nil {
		return nil, fmt.Errorf("type %q: %w", text, err)
	}
	return t, nil
}

type typeParser struct {
	text string
	rest string // what is not read yet
}

// Bounds of Hive's types, and of what is read here.
const (
	decimalMax = 38
	varcharMax = 65535
	charMax    = 255
	depthMax   = 50
)

func (p *typeParser) wrong(wanted string) error {
	return fmt.Errorf("at character %d: %s expected", len(p.text)-len(p.rest)+1, wanted)
}

func (p *typeParser) parse(depth int) (*Type, error) {
	if depth > depthMax {
		return nil, fmt.Errorf("more than %d levels", depthMax)
	}
	word := strings.ToLower(p.word("<>(),: "))
	kind, known := kinds[word]
	if !known {
		return nil, fmt.Errorf("%q is not a Hive type that can be read here", word)
	}
	t := &Type{Kind: kind}
	var err error
	switch kind {
	case Decimal:
		err = p.decimal(t)
	case Varchar:
		t.Length, err = p.length(varcharMax)
	case Char:
		t.Length, err = p.length(charMax)
	case Array:
		err = p.nested(t, depth, "element")
	case Map:
		err = p.nested(t, depth, "key", "value")
	case Struct:
		err = p.structFields(t, depth)
	}
	return t, err
}

// word cuts off what comes before any of the ends.
func (p *typeParser) word(ends string) string {
	p.rest = strings.TrimLeft(p.rest, " ")
	n := strings.IndexAny(p.rest, ends)
	if n < 0 {
		n = len(p.rest)
	}
	word := p.rest[:n]
	p.rest = p.rest[n:]
	return word
}

// take cuts off a sign, if it comes next.
func (p *typeParser) take(sign string) bool {
	rest, found := strings.CutPrefix(strings.TrimLeft(p.rest, " "), sign)
	if found {
		p.rest = rest
	}
	return found
}

func (p *typeParser) need(sign string) error {
	if !p.take(sign) {
		return p.wrong(strconv.Quote(sign))
	}
	return nil
}

func (p *typeParser) number(low, high int) (int, error) {
	at := *p
	n, err := strconv.Atoi(strings.TrimSpace(p.word(",)")))
	if err != nil || n < low || n > high {
		return 0, at.wrong(fmt.Sprintf("a number from %d to %d", low, high))
	}
	return n, nil
}

func (p *typeParser) decimal(t *Type) (err error) {
	t.Precision = 10
	if !p.take("(") {
		return nil
	}
	if t.Precision, err = p.number(1, decimalMax); err != nil {
		return err
	}
	if p.take(",") {
		if t.Scale, err = p.number(0, t.Precision); err != nil {
			return err
		}
	}
	return p.need(")")
}

func (p *typeParser) length(longest int) (n int, err error) {
	if err := p.need("("); err != nil {
		return 0, err
	}
	if n, err = p.number(1, longest); err != nil {
		return 0, err
	}
	return n, p.need(")")
}

func (p *typeParser) nested(t *Type, depth int, names ...string) error {
	sign := "<"
	for _, name := range names {
		if err := p.need(sign); err != nil {
			return err
		}
		part, err := p.parse(depth + 1)
		if err != nil {
			return err
		}
		t.Fields = append(t.Fields, Field{name, part})
		sign = ","
	}
	return p.need(">")
}

func (p *typeParser) structFields(t *Type, depth int) error {
	if err := p.need("<"); err != nil {
		return err
	}
	for {
		name := strings.TrimSpace(p.word("<>(),:"))
		if name == "" {
			return p.wrong("a name")
		}
		if err := p.need(":"); err != nil {
			return err
		}
		part, err := p.parse(depth + 1)
		if err != nil {
			return err
		}
		t.Fields = append(t.Fields, Field{name, part})
		if !p.take(",") {
			return p.need(">")
		}
	}
}
