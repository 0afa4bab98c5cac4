package objectkey

//lint:file-ignore ST1005 The texts of errors are the Amazon service's.

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Template is a compiled prefix. It is immutable and safe for concurrent use.
type Template struct {
	segments    []segment
	stem        int // how many segments, from the first, stand for nothing but text and the error type
	location    *time.Location
	expressions bool // holds at least one
	errorType   bool // holds !{firehose:error-output-type}
	queryKeys   []string
	lambdaKeys  []string
}

// Values is what the expressions of a prefix stand for in one object.
type Values struct {
	Time       time.Time         // arrival of the object's oldest record, in the years 1 to 9999
	Seed       []byte            // what tells the object from every other; random strings come from it
	ErrorType  string            // folder of failed records, such as processing-failed
	QueryKeys  map[string]string // partition keys of the metadata query; every one of Template.QueryKeys
	LambdaKeys map[string]string // partition keys of the Lambda processor; every one of Template.LambdaKeys
}

// segment appends its part of a prefix; v.Time is in the template's zone.
type segment func(dst []byte, v *Values) []byte

// Evaluate returns the prefix of one object. Partition keys stand in it verbatim, so only they can make it longer than
// Compile allows.
func (t *Template) Evaluate(v Values) string {
	v.Time = local(v.Time, t.location)
	var dst []byte
	for _, segment := range t.segments {
		dst = segment(dst, &v)
	}
	return string(dst)
}

// QueryKeys returns the keys of the partitionKeyFromQuery expressions in order, each once.
func (t *Template) QueryKeys() []string { return slices.Clone(t.queryKeys) }

// LambdaKeys returns the keys of the partitionKeyFromLambda expressions in order, each once.
func (t *Template) LambdaKeys() []string { return slices.Clone(t.lambdaKeys) }

func (t *Template) keyed() bool { return len(t.queryKeys)+len(t.lambdaKeys) > 0 }

// with returns a copy of the template with more segments at its end.
func (t *Template) with(more ...segment) *Template {
	longer := *t
	longer.segments = slices.Concat(t.segments, more)
	return &longer
}

const (
	invalidUsage     = prelude + "Invalid expression usage"
	invalidNamespace = prelude + "Namespace to the left of colon (%s) is an invalid keyword!"
	invalidValue     = prelude + "Invalid conversion character used in the value of the expression in %s"
)

// violation is an error with one of the service's texts. %s in it stands for a name.
func violation(text, name string) error { return fmt.Errorf(text, name) }

// parse compiles the text of a prefix; member is its name in messages.
func parse(text, member string, zone *time.Location) (*Template, error) {
	p := parser{Template: &Template{location: zone}, member: member}
	for {
		before, rest, found := strings.Cut(text, "!{")
		if before != "" {
			p.add(literal(before), true)
		}
		if !found {
			return p.Template, nil
		}
		expression, rest, closed := strings.Cut(rest, "}")
		namespace, value, named := strings.Cut(expression, ":")
		if !closed || !named || !isNamespace(namespace) || strings.Contains(value, "{") {
			return nil, errors.New(invalidUsage)
		}
		if err := p.expression(namespace, value); err != nil {
			return nil, err
		}
		text = rest
	}
}

// isNamespace says whether a word has the form of a namespace, which is letters alone.
func isNamespace(word string) bool {
	for i := range len(word) {
		if !isLetter(word[i]) {
			return false
		}
	}
	return word != ""
}

type parser struct {
	*Template
	member  string
	randoms int // random strings so far
}

// expression adds the segment of !{namespace:value}.
func (p *parser) expression(namespace, value string) error {
	var s segment
	p.expressions = true
	switch namespace {
	case "timestamp":
		elements, ok := parsePattern(value, zoneOf(p.location))
		if !ok {
			return violation(invalidValue, p.member)
		}
		s = elements.segment
	case "firehose":
		switch value {
		case "random-string":
			s = randomString(p.randoms)
			p.randoms++
		case "error-output-type":
			s, p.errorType = errorType, true
		default:
			return violation(invalidValue, p.member)
		}
	case "partitionKeyFromQuery":
		p.queryKeys = addKey(p.queryKeys, value)
		s = func(dst []byte, v *Values) []byte { return append(dst, v.QueryKeys[value]...) }
	case "partitionKeyFromLambda":
		p.lambdaKeys = addKey(p.lambdaKeys, value)
		s = func(dst []byte, v *Values) []byte { return append(dst, v.LambdaKeys[value]...) }
	default:
		return violation(invalidNamespace, namespace)
	}
	if value == "" {
		return errors.New(invalidUsage)
	}
	p.add(s, namespace == "firehose" && value == "error-output-type")
	return nil
}

// add adds a segment; steady says that it stands for text or the error type.
func (p *parser) add(s segment, steady bool) {
	if steady && p.stem == len(p.segments) {
		p.stem++
	}
	p.segments = append(p.segments, s)
}

func addKey(keys []string, key string) []string {
	if slices.Contains(keys, key) {
		return keys
	}
	return append(keys, key)
}

func literal(text string) segment {
	return func(dst []byte, _ *Values) []byte { return append(dst, text...) }
}

func randomString(occurrence int) segment {
	return func(dst []byte, v *Values) []byte { return appendRandomString(dst, v.Seed, occurrence) }
}

func errorType(dst []byte, v *Values) []byte { return append(dst, v.ErrorType...) }

// timestamp is the segment of a pattern that is known to be good.
func timestamp(text string, zone *time.Location) segment {
	elements, ok := parsePattern(text, zoneOf(zone))
	if !ok {
		panic("objectkey: bad pattern " + text)
	}
	return elements.segment
}
