package catalog

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

// Bounds of what Infer reads. A record of a stream is far below the first; names beyond the second are data that was
// written as names, such as a member for each user.
const (
	lineMax      = 16 << 20 // bytes of a line
	nameMax      = 10_000   // different names, at all depths
	nameBytesMax = 4 << 20  // bytes of those names
)

// shape is what was seen at one place of the records: the kinds of values, and what is below them.
type shape struct {
	seen    kind
	names   []string // of members, as they were first seen
	members map[string]*shape
	element *shape // of arrays, merged
}

// kind is a set of kinds of JSON values.
type kind uint16

const (
	aBoolean   kind = 1 << iota
	aWhole          // a number that fits into bigint
	aFraction       // a number with a fraction or an exponent
	aHuge           // a whole number that fits into nothing
	aDate           // a text such as 2026-01-31
	aTimestamp      // a text such as 2026-01-31T12:00:00.5Z or 2026-01-31 12:00:00
	aText
	anObject
	anArray
)

// Infer reads records as JSON lines and proposes the columns of a table for them, in the order in which they are first
// seen. A line may hold several objects, as a record may. Memory does not grow with the number of lines.
//
// What is always a whole number becomes bigint, what is at times a fraction double; dates and times are those that
// conversion reads from texts; objects become structs and arrays merge their elements. What has no type that holds all
// its values, or is always null or empty, becomes string, which takes everything. The error names the line.
func Infer(records io.Reader) (*Definition, error) {
	in := inferrer{root: &shape{}}
	lines := bufio.NewReaderSize(records, 64<<10)
	var line []byte
	for n := 1; ; n++ {
		var err error
		line, err = readLine(lines, line[:0])
		ended := errors.Is(err, io.EOF)
		if err == nil || ended {
			err = in.add(line)
		}
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", n, err)
		}
		if ended {
			break
		}
	}
	if len(in.root.names) == 0 {
		return nil, errors.New("no record has a member: there is nothing to make columns of")
	}
	return in.definition(), nil
}

// readLine appends a line to dst, without its end. The error of the last line is io.EOF.
func readLine(r *bufio.Reader, dst []byte) ([]byte, error) {
	for {
		piece, err := r.ReadSlice('\n')
		if len(dst)+len(piece) > lineMax {
			return dst, fmt.Errorf("longer than %d MiB", lineMax>>20)
		}
		dst = append(dst, piece...)
		if !errors.Is(err, bufio.ErrBufferFull) {
			return dst, err
		}
	}
}

type inferrer struct {
	root             *shape
	names, nameBytes int // different ones so far
	input            bytes.Reader
	decoder          jsontext.Decoder
}

// add takes in a line: any number of objects.
func (in *inferrer) add(line []byte) error {
	in.input.Reset(line)
	in.decoder.Reset(&in.input, jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
	for {
		switch k := in.decoder.PeekKind(); k {
		case jsontext.KindBeginObject:
			if err := in.value(in.root); err != nil {
				return readable(err)
			}
		default:
			_, err := in.decoder.ReadToken()
			switch {
			case errors.Is(err, io.EOF):
				return nil
			case err != nil:
				return readable(err)
			}
			return fmt.Errorf("want an object, got %v", describe(k))
		}
	}
}

// readable takes the name of the decoder's package off its error.
func readable(err error) error {
	return errors.New(strings.TrimPrefix(err.Error(), "jsontext: "))
}

func describe(k jsontext.Kind) string {
	switch k {
	case jsontext.KindBeginArray:
		return "an array"
	case jsontext.KindString:
		return "a string"
	case jsontext.KindNumber:
		return "a number"
	}
	return k.String()
}

// value reads the next value into a shape.
func (in *inferrer) value(s *shape) error {
	token, err := in.decoder.ReadToken()
	if err != nil {
		return err
	}
	switch token.Kind() {
	case jsontext.KindTrue, jsontext.KindFalse:
		s.seen |= aBoolean
	case jsontext.KindNumber:
		s.seen |= numberKind(token.String())
	case jsontext.KindString:
		s.seen |= textKind(token.String())
	case jsontext.KindBeginArray:
		s.seen |= anArray
		return in.array(s)
	case jsontext.KindBeginObject:
		s.seen |= anObject
		return in.object(s)
	}
	return nil
}

func (in *inferrer) array(s *shape) error {
	if s.element == nil {
		s.element = &shape{}
	}
	for in.decoder.PeekKind() != jsontext.KindEndArray {
		if err := in.value(s.element); err != nil {
			return err
		}
	}
	_, err := in.decoder.ReadToken()
	return err
}

func (in *inferrer) object(s *shape) error {
	for in.decoder.PeekKind() != jsontext.KindEndObject {
		name, err := in.decoder.ReadToken()
		if err != nil {
			return err
		}
		member, err := in.member(s, name.String())
		if err != nil {
			return err
		}
		if err := in.value(member); err != nil {
			return err
		}
	}
	_, err := in.decoder.ReadToken()
	return err
}

// member returns the shape of a member. Names differ only by more than capitals, as in Hive.
func (in *inferrer) member(s *shape, name string) (*shape, error) {
	name = strings.ToLower(name)
	if m := s.members[name]; m != nil {
		return m, nil
	}
	in.names++
	in.nameBytes += len(name)
	if in.names > nameMax || in.nameBytes > nameBytesMax {
		return nil, fmt.Errorf("%.40q is one name too many after %d different ones; a table has a column for each", name, in.names-1)
	}
	if s.members == nil {
		s.members = map[string]*shape{}
	}
	m := &shape{}
	s.members[name], s.names = m, append(s.names, name)
	return m, nil
}

func numberKind(text string) kind {
	if strings.ContainsAny(text, ".eE") {
		return aFraction
	}
	if _, err := strconv.ParseInt(text, 10, 64); err != nil {
		return aHuge
	}
	return aWhole
}

var timeText = regexp.MustCompile(`^\d{4}-\d\d-\d\d(T\d\d:\d\d:\d\d(\.\d{1,9})?Z| \d\d:\d\d:\d\d(\.\d{1,9})?)?$`)

func textKind(text string) kind {
	if len(text) > len("2026-01-31T12:00:00.123456789Z") || !timeText.MatchString(text) {
		return aText
	}
	layout, as := time.DateTime, aTimestamp
	switch {
	case len(text) == len(time.DateOnly):
		layout, as = time.DateOnly, aDate
	case text[len(time.DateOnly)] == 'T':
		layout = time.RFC3339
	}
	if _, err := time.Parse(layout, text); err != nil {
		return aText // such as the 31st of February
	}
	return as
}

// hive returns the type that takes all values of a shape.
func (s *shape) hive(depth int) string {
	switch s.seen {
	case aBoolean:
		return "boolean"
	case aWhole:
		return "bigint"
	case aFraction, aWhole | aFraction:
		return "double"
	case aDate:
		return "date"
	case aTimestamp:
		return "timestamp"
	case anArray:
		if depth < depthMax {
			return "array<" + s.element.hive(depth+1) + ">"
		}
	case anObject:
		if text, ok := s.hiveStruct(depth); ok {
			return text
		}
	}
	return "string"
}

// depthMax is how deep types are nested at most; below it there is JSON text.
const depthMax = 30

// hiveStruct fails for an object that is always empty, and for one with names that a type cannot hold.
func (s *shape) hiveStruct(depth int) (string, bool) {
	var parts []string
	for _, name := range s.names {
		if strings.ContainsAny(name, "<>(),:") || strings.TrimSpace(name) != name || name == "" {
			return "", false
		}
		parts = append(parts, name+":"+s.members[name].hive(depth+1))
	}
	return "struct<" + strings.Join(parts, ",") + ">", len(parts) > 0 && depth < depthMax
}
