package jq

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
)

// evaluate compiles a query and evaluates it for one record.
func evaluate(t *testing.T, query, doc string) ([]string, error) {
	t.Helper()
	q, err := Compile(query)
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	e, err := q.Evaluator(q.Keys())
	if err != nil {
		t.Fatal(err)
	}
	return e.Values(context.Background(), []byte(doc), nil)
}

func TestValuesAreTheTextsOfTheKeys(t *testing.T) {
	f := func(query, doc string, want ...string) {
		t.Helper()
		got, err := evaluate(t, query, doc)
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("%s of %s: %q, %v, want %q", query, doc, got, err, want)
		}
	}
	for _, form := range []string{"{a: .x.y}", "{a: (.x.y // 0)}", "{a: (. | .x.y // 0)}"} { // plain, by members, whole
		f(form, `{"x":{"y":"text"}}`, "text")
		f(form, `{"x":{"y":"a/b \u00e9\ud83d\ude00"}}`, "a/b é😀")
		f(form, `{"x":{"y":1}}`, "1")
		f(form, `{"x":{"y":1.50}}`, "1.5")
		f(form, `{"x":{"y":1e3}}`, "1000")
		f(form, `{"x":{"y":-0}}`, "-0")
		f(form, `{"x":{"y":100000000000000000000}}`, "1e+20")
		f(form, `{"x":{"y":1234567890123456789}}`, "1234567890123456800")
		f(form, `{"x":{"y":1e999}}`, "1.7976931348623157e+308")
		f(form, `{"x":{"y":true}}`, "true")
		f(form, ` {"x":{"y":1},"x":{"y":2}} `, "2")
		f(form, "\ufeff"+`{"x":{"y":2}}`, "2")
		f(form, "{\"x\":{\"y\":\"\xff\"}}", "\ufffd")
	}
	f("{b: .x, a: .y}", `{"y":"1","x":"2"}`, "2", "1")
	f(`{x, "y", z: ."a b", v: .["c"], "w w": .d."e"}`, `{"x":1,"y":2,"a b":3,"c":4,"d":{"e":5}}`, "1", "2", "3", "4", "5")
	f(".detail | {a: .x}", `{"detail":{"x":"y"}}`, "y")
	f(`select(.type == "order") | {a: .x}`, `{"type":"order","x":"y"}`, "y")
	f(`if .x then {a: .x} else {a: "none"} end`, `{}`, "none")
	f(". as $r | {a: $r.x}", `{"x":"y"}`, "y")
	f(". as {x: $x} | {$x}", `{"x":"y"}`, "y")
	f(`{a: "/w==" | @base64d}`, `{}`, "\ufffd")
	f("{a: .x[]}", `{"x":["first","second"]}`, "first") // the first result counts
	f(`{a: (1, error("never asked for"))}`, `{}`, "1")
}

func TestKeysMayBeAskedForInAnyOrder(t *testing.T) {
	q, err := Compile("{a: .x, b: .y, c: .z}")
	if err != nil {
		t.Fatal(err)
	}
	if keys := q.Keys(); !slices.Equal(keys, []string{"a", "b", "c"}) {
		t.Errorf("keys %q", keys)
	}
	e, err := q.Evaluator([]string{"c", "a"})
	if err != nil {
		t.Fatal(err)
	}
	got, err := e.Values(context.Background(), []byte(`{"x":1,"y":2,"z":3}`), []string{"kept"})
	if err != nil || !slices.Equal(got, []string{"kept", "3", "1"}) {
		t.Errorf("%q, %v", got, err)
	}
	if _, err := q.Evaluator([]string{"d"}); err == nil || !strings.Contains(err.Error(), `"d"`) {
		t.Errorf("a key that the query does not have: %v", err)
	}
}

func TestRecordsWithoutKeysAreErrors(t *testing.T) {
	f := func(query, doc, want string) {
		t.Helper()
		if got, err := evaluate(t, query, doc); err == nil || err.Error() != want {
			t.Errorf("%s of %s: %q, %v, want the error %s", query, doc, got, err, want)
		}
	}
	null := ErrNull.Error()
	for _, form := range []string{"{a: .x.y}", "{a: (.x.y // null)}", "{a: (. | .x.y // null)}"} {
		f(form, `{}`, null)
		f(form, `null`, null)
		f(form, `{"x":null}`, null)
		f(form, `{"x":{"y":null}}`, null)
		f(form, `{"x":{"y":""}}`, null)
		f(form, `{"x":{"y":[1]}}`, "the value of partition key a is no string, number or boolean but an array")
		f(form, `{"x":{"y":{}}}`, "the value of partition key a is no string, number or boolean but an object")
		f(form, ``, "parse error: Unfinished JSON term at line 1, column 1")
		f(form, "{\n\"x\":", "parse error: Unfinished JSON term at line 2, column 5")
		f(form, `{"x":1} {"x":2}`, "parse error: Unexpected extra JSON values at line 1, column 9")
		f(form, "GET / HTTP/1.1", "parse error: invalid character 'G' at line 1, column 1")
		f(form, `{"x":NaN}`, "parse error: invalid character 'N' at line 1, column 6")
	}
	f("{a: .x.y}", `{"x":5}`, "expected an object but got: number (5)")
	f("{a: .x.y}", `[1]`, "expected an object but got: array ([1])")
	f("{b: .z, a: .x.y}", `{"x":5}`, "expected an object but got: number (5)")
	f(`{a: error("my text")}`, `{}`, "my text")
	f(`{a: error({code: 1})}`, `{}`, `{"code":1}`)
	f(`{a: (.x + 1)}`, `{"x":"s"}`, `cannot add: string ("s") and number (1)`)
	f(`{a: empty}`, `{}`, null)
	f(`{a: nan}`, `{}`, null)
	f(`select(false) | {a: 1}`, `{}`, null)
}

func TestQueriesThatCannotWorkAreRefused(t *testing.T) {
	f := func(query, want string) {
		t.Helper()
		if _, err := Compile(query); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want an error with %q", query, err, want)
		}
	}
	f("", "the query must end in an object construction")
	f(".x", "the query must end in an object construction")
	f("{a: .x} | .a", "the query must end in an object construction")
	f("{a: .x}[]", "the query must end in an object construction")
	f("{}", "no keys")
	f("{(.x): 1}", "the key of {(.x): 1} is computed")
	f("if .x then {a: 1} else {b: 1} end", "different keys")
	f("if .x then {a: 1} end", "the query must end in an object construction")
	f("{a: .x", "unexpected EOF at line 1, column 7")
	f("{a: .x,\n b: %}", `unexpected token "%" at line 2, column 5`)
	f("{a: nofunction}", "function not defined: nofunction/0")
	f("{a: $x}", "variable not defined: $x")
	f("{a: now}", "now is not supported: its result differs")
	f("{a: (.x // (now | todate))}", "now is not supported")
	f("def f: now; {a: f}", "now is not supported")
	f("{a: $ENV.HOME}", "$ENV is not supported")
	f("{a: env.HOME}", "env is not supported")
	f("{a: input}", "input is not supported")
	f(`import "x" as x; {a: 1}`, "import")
	f(`{a: (.x | test("(?=b)"))}`, "regular expression")
	f(`{a: (.x | test(.y))}`, "must be a constant string")
	f(`{a: (.x | sub("a"; "b"; "x"))}`, "flags")
}

func TestAQueryWithoutEndIsStopped(t *testing.T) {
	f := func(query string) {
		t.Helper()
		if _, err := evaluate(t, query, `{"x":1}`); err == nil || err.Error() != "the query did not end within 2000000 steps" {
			t.Errorf("%s: %v", query, err)
		}
	}
	f("{a: last(repeat(1))}")
	f("def f: f; {a: f}")
	f("def f: [f]; {a: f}")
	f("{a: [range(1e9)]}")
	f("{a: (.x | until(false; . + 1))}")
}

func TestACancelledContextEndsAQuery(t *testing.T) {
	q, err := Compile("{a: last(repeat(1))}")
	if err != nil {
		t.Fatal(err)
	}
	e, err := q.Evaluator(q.Keys())
	if err != nil {
		t.Fatal(err)
	}
	ctx := &cancelledLater{Context: context.Background(), done: make(chan struct{})}
	if _, err := e.Values(ctx, []byte("{}"), nil); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}

// cancelledLater is cancelled once an evaluation has begun to look at it.
type cancelledLater struct {
	context.Context
	done  chan struct{}
	asked int
}

func (c *cancelledLater) Done() <-chan struct{} {
	if c.asked++; c.asked == 3 {
		close(c.done)
	}
	return c.done
}

func (c *cancelledLater) Err() error {
	if c.asked < 3 {
		return nil
	}
	return context.Canceled
}
