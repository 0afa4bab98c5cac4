package jq

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"unicode/utf8"

	"github.com/itchyny/gojq"

	"firehose/internal/jsonscan"
)

// ErrNull is the error of a record that has nothing for a key: no result, null or an empty string.
var ErrNull = errors.New("partitionKeys values must not be null or empty")

// stepsMax is after how many steps of its interpretation a query is stopped: some tenths of a second.
const stepsMax = 2_000_000

// Evaluator evaluates a query for one goroutine.
type Evaluator struct {
	query    *Query
	keys     []string
	stepsMax int

	found  []jsonscan.Value
	places []int  // of a query of plain paths: for each key, where its value is in found
	number []byte // where a number is printed

	// The input of a query that touches only some paths is made of the same objects again and again: gojq never
	// changes what it is given. The first is the record; the others are what the touched paths lead through: way
	// has for each of them the object that holds each of its names.
	objects []map[string]any
	way     [][]map[string]any
}

// Evaluator returns an evaluator that gives the values of keys, in their order. It is an error if the query does not
// declare one of them.
func (q *Query) Evaluator(keys []string) (*Evaluator, error) {
	e := &Evaluator{query: q, keys: slices.Clone(keys), stepsMax: stepsMax}
	for _, key := range keys {
		place := slices.Index(q.keys, key)
		if place < 0 {
			return nil, fmt.Errorf("the query has no key %q", key)
		}
		e.places = append(e.places, place)
	}
	e.found = make([]jsonscan.Value, max(len(q.keys), len(q.touched)+1))
	e.layOut()
	return e, nil
}

// layOut makes the objects of the input.
func (e *Evaluator) layOut() {
	e.objects = []map[string]any{{}}
	for i, path := range e.query.touched {
		way := []map[string]any{e.objects[0]}
		for depth := 1; depth < len(path); depth++ {
			// Paths are sorted, so one that shares a beginning with others shares it with the one before.
			if i > 0 && len(e.way[i-1]) > depth && slices.Equal(path[:depth], e.query.touched[i-1][:depth]) {
				way = append(way, e.way[i-1][depth])
			} else {
				object := map[string]any{}
				e.objects = append(e.objects, object)
				way = append(way, object)
			}
		}
		e.way = append(e.way, way)
	}
}

// Values appends the values of a record's keys to dst. The error says why there are none: ErrNull, the error of the
// query as jq would print it, that of a record which is not one JSON document, or the context's. Only the context's
// can be another one when Values is asked again. Nothing that is returned shares memory with the document.
func (e *Evaluator) Values(ctx context.Context, doc []byte, dst []string) ([]string, error) {
	if err := ctx.Err(); err != nil {
		return dst, err
	}
	doc = bytes.TrimPrefix(doc, []byte("\ufeff")) // as jq does
	if e.query.plain != nil {
		if values, ok := e.plainValues(doc, dst); ok {
			return values, nil
		}
	}
	input, err := e.input(doc)
	if err != nil {
		return dst, err
	}
	object, err := e.run(ctx, input)
	if err != nil {
		return dst, err
	}
	kept := len(dst)
	for _, key := range e.keys {
		value, err := keyText(key, object[key])
		if err != nil {
			return dst[:kept], err
		}
		dst = append(dst, value)
	}
	return dst, nil
}

// plainValues looks up plain paths. It leaves a record to the interpreter if not every key has a value of the kind that
// a key may have, so that there is one place that knows all errors.
func (e *Evaluator) plainValues(doc []byte, dst []string) ([]string, bool) {
	if e.query.plain.Scan(doc, e.found) != nil {
		return nil, false
	}
	for i := range e.query.keys { // an error of any key is one, asked for or not
		if v := e.found[i]; v.Found() && v.Depth < e.query.depths[i] && doc[v.Start] != 'n' {
			return nil, false
		}
	}
	for _, place := range e.places {
		v := e.found[place]
		if !v.Found() || v.Depth < e.query.depths[place] {
			return nil, false
		}
		value, ok := e.scalar(doc[v.Start:v.End])
		if !ok {
			return nil, false
		}
		dst = append(dst, value)
	}
	return dst, true
}

// scalar returns what a value says as a key, if it can be one.
func (e *Evaluator) scalar(value []byte) (string, bool) {
	switch value[0] {
	case '"':
		d := decoder{value}
		s := d.string()
		return s, s != ""
	case '{', '[', 'n':
		return "", false
	case 't', 'f':
		return string(value), true
	}
	if _, short := shortInteger(value); short && len(value) <= 15 {
		return string(value), true
	}
	e.number = appendNumber(e.number[:0], parseNumber(value))
	return string(e.number), true
}

// input decodes of a record what the query can touch.
func (e *Evaluator) input(doc []byte) (any, error) {
	if err := e.query.input.Scan(doc, e.found); err != nil {
		return nil, documentError(doc, err)
	}
	record := e.found[len(e.query.touched)]
	if e.query.whole || doc[record.Start] != '{' {
		return decode(doc[record.Start:record.End]), nil
	}
	for _, object := range e.objects {
		clear(object)
	}
	for i, path := range e.query.touched {
		v := e.found[i]
		if !v.Found() {
			continue // null, whether something that leads to it is there or not
		}
		for depth := 1; depth < v.Depth; depth++ {
			e.way[i][depth-1][path[depth-1]] = e.way[i][depth]
		}
		e.way[i][v.Depth-1][path[v.Depth-1]] = decode(doc[v.Start:v.End])
	}
	return e.objects[0], nil
}

// run gives the query's first result. Later ones are not asked for: a record has one set of keys.
func (e *Evaluator) run(ctx context.Context, input any) (map[string]any, error) {
	bound := &steps{Context: ctx, left: e.stepsMax}
	result, ok := e.query.code.RunWithContext(bound, input).Next()
	if !ok {
		return nil, ErrNull
	}
	switch v := result.(type) {
	case map[string]any:
		return v, nil
	case error:
		if bound.left <= 0 {
			return nil, fmt.Errorf("the query did not end within %d steps", e.stepsMax)
		}
		return nil, queryError(v)
	}
	return nil, fmt.Errorf("the query gives no object but %s", shown(result))
}

// steps is a context that ends after some steps of gojq, which asks for its channel before each.
type steps struct {
	context.Context
	left int
}

// Done is called once a step. A nil channel never delivers.
func (s *steps) Done() <-chan struct{} {
	if s.left--; s.left <= 0 {
		return closed
	}
	if s.left%1024 == 0 {
		return s.Context.Done()
	}
	return nil
}

// Err is asked when Done has delivered.
func (s *steps) Err() error {
	if s.left <= 0 {
		return context.DeadlineExceeded
	}
	return s.Context.Err()
}

var closed = func() <-chan struct{} {
	c := make(chan struct{})
	close(c)
	return c
}()

// queryError gives the error of a query the text that jq prints.
func queryError(err error) error {
	if raised, ok := err.(gojq.ValueError); ok {
		return errors.New(text(raised.Value()))
	}
	return err
}

func documentError(doc []byte, err error) error {
	var syntax *jsonscan.SyntaxError
	if !errors.As(err, &syntax) {
		return err
	}
	line, column := position(doc, syntax.Offset)
	what := syntax.What
	switch {
	case syntax.Offset == len(doc):
		what = "Unfinished JSON term"
	case jsonscan.Valid(doc[:syntax.Offset]):
		what = "Unexpected extra JSON values"
	}
	return fmt.Errorf("parse error: %s at line %d, column %d", what, line, column)
}

// keyText returns a result's member as the value of a key.
func keyText(key string, v any) (string, error) {
	switch v := v.(type) {
	case nil:
		return "", ErrNull
	case string:
		if v == "" {
			return "", ErrNull
		}
		if !utf8.ValidString(v) {
			v = string([]rune(v)) // as jq prints what @base64d made
		}
		return v, nil
	case []any, map[string]any:
		return "", fmt.Errorf("the value of partition key %s is no string, number or boolean but an %s", key, gojq.TypeOf(v))
	}
	value := text(v)
	if value == "null" { // not a number
		return "", ErrNull
	}
	return value, nil
}
