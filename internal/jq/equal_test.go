package jq

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/itchyny/gojq"
)

// queries have every way of touching a record; those above the empty line use nothing that definitions define anew.
const queries = `
{a: .a}
{a: .a.b, b: .c}
{a, "b", c: ."é", d: .["a"]["b"]}
{a: .a.b.c}
{a: (.a | .b)}
{a: (.)}
{a: ""}
{a: .a, a: .b}
{$__a: .a}
{a: .a?}
{a: .a.b?}
{a: (.a.b? // "none")}
{a: (.a.b // .a.c // .b.a.c // .b.b // "none")}
{a: (.a?.b // .a["b"]?.a // .c)}
{a: (.a.b[0]? // .a.c[]?), b: .a.a.b}
{a: (.a.b | type), b: (.a.b.c | type), c: (.a.c | length)}
{a: ([.a.b, .b.a.c, .a.b.c, .b.a, .b.c.a.b] | length), b: (try .b.c.a catch .)}
{a: (.a.b[.b.c] // .a[.b.c:])}
{a: (.a as $x | .b.a as $y | [$x, $y] | length), b: (.b.c | tojson? // 1 | type)}
{a: (.a // .b // "none")}
{a: (.a // .)}
{a: (.a[0])}
{a: (.a[.b])}
{a: .a[.b:.c]}
{a: .[.b]}
{a: .["a", "b"]}
{a: .[]}
{a: .a[]}
{a: .a[0:1]}
{a: .[0]}
{a: .[0:1]}
{a: ..}
{a: (.a | length)}
{a: length}
{a: (keys | join(","))}
{a: (to_entries[0].key)}
{a: has("a")}
{a: (.a + .b)}
{a: (.a + 1)}
{a: (. + {x: 1} | .a)}
{a: (-.a)}
{a: (-(.a | length))}
{a: (.a == .b), b: (.a < .b)}
{a: (. == {})}
{a: (.a and .b), b: (.a or .b)}
{a: (.a | type), b: type}
{a: (if .a then .b else .c end)}
{a: (if .a then . else .c end | .b)}
{a: (if .a then "x" elif .b then .c else .b end)}
if .a then {a: .b} else {a: .c} end
.a | {a: .b}
. | {a: .b}
(.a, .) | {a: .b}
select(.a) | {a: .b}
select(.a == 1) | {a}
(select(.a) // .) | {a: .b}
.a as $x | {a: $x}
.a as $x | .b | {a: $x, b: .c}
. as $x | {a: $x.b}
. as {a: $x} | {$x}
. as {a: {b: $x}} | {a: $x}
.a as [$x] | {a: $x}
.a as [$x] ?// $x | {a: $x}
. as [$x] ?// {a: $x} | {a: $x}
def f: .a; {a: f}
def f(g): g | .b; {a: f(.a)}
{a: (try .a.b catch "caught")}
{a: (try .a.b catch .)}
{a: (try error(.a) catch .)}
{a: (try error catch .a)}
{a: error(.a)}
{a: error}
{a: (reduce .a[]? as $x (0; . + 1))}
{a: (reduce .a[]? as $x (.; .b))}
{a: [foreach .a[]? as $x (0; . + 1; [$x, .])] | length}
{a: (foreach .a[]? as $x (.; .; .b))}
{a: first(.a, .b)}
{a: first(.)}
{a: first(.a[]?)}
{a: [limit(2; .a[]?)] | length}
{a: limit(1; ., .a)}
{a: last(.a[]?)}
{a: (label $f | .a, break $f)}
{a: (label $f | ., break $f | .b)}
{a: ([.a, .b] | length)}
{a: [.] | length}
{a: ({b: .a} | .b)}
{a: ({a, b} | .b)}
{a: ({(.c | strings): .a} | length)}
{a: ({"x\(.a | type)": .b} | length)}
{a: (.a = 1 | .a)}
{a: (.a |= 1 | .b)}
{a: (.a |= empty | .b)}
{a: (del(.a) | .b)}
{a: getpath(["a", "b"])}
{a: [paths] | length}
{a: ([.a | .. ] | length)}
{a: (.a | select(. == 1))}
{a: (.a | not)}
{a: @base64}
{a: (.a | strings | @base64)}
{a: @base64 "x\(.a | strings)"}
{a: any(.[]; . == 1)}
{a: isempty(.a[]?)}
{a: (.a | tojson? // 1 | type)}
{a: (.a | ascii_downcase)}
{a: (.a | split("x") | .[0])}
{a: (.a | test("x"))}
{a: (.a | sub("(?<y>x)"; "\(.y)z"))}
{a: (.a | floor)}
{a: first(range(.a))}
{a: (input_of // 1)}
{a: (.a | .[1:] | .[0])}
{a: .a."b", b: .a["b"], c: .a.b?}
{a: ."a\("")"}
{a: $x}
.. | {a: .b?}
.[] | {a: .b?}
[.a] | {a: .[0]}
{a: ([.a, .b] | add)}

{a: "\(.a)-\(.b)"}
{a: "\(.)"}
{a: (.a | tostring)}
{a: tostring}
{a: (.a | tojson)}
{a: @text "x\(.a)"}
{a: @json}
{a: (.a | tonumber)}
{a: (.a | ltrimstr("x"))}
{a: (.a | @uri)}
{a: (.a | todate)}
{a: (.a | strftime("%H"))}
{a: (.a | keys_unsorted | length)}
`

// TestAllWaysGiveTheSameKeys compares the evaluator with gojq over the whole document as encoding/json decodes it.
func TestAllWaysGiveTheSameKeys(t *testing.T) {
	plain, defined, _ := strings.Cut(strings.TrimSpace(queries), "\n\n")
	for line := range strings.SplitSeq(plain, "\n") {
		checkQuery(t, line, func(q *gojq.Query) (*gojq.Code, error) { return gojq.Compile(q) })
	}
	for line := range strings.SplitSeq(defined, "\n") {
		checkQuery(t, line, func(q *gojq.Query) (*gojq.Code, error) {
			q.FuncDefs = append(definitions().FuncDefs, q.FuncDefs...)
			return gojq.Compile(q, functions()...)
		})
	}
}

func checkQuery(t *testing.T, query string, compile func(*gojq.Query) (*gojq.Code, error)) {
	t.Helper()
	parsed, err := gojq.Parse(query)
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	code, err := compile(parsed)
	q, own := Compile(query)
	if err != nil || own != nil {
		if err == nil || own == nil {
			t.Errorf("%s: gojq %v, Compile %v", query, err, own)
		}
		return
	}
	e, err := q.Evaluator(q.Keys())
	if err != nil {
		t.Fatal(err)
	}
	var found, failed int
	for seed := range uint64(600) {
		doc := randomDocument(rand.New(rand.NewPCG(seed, 3)), 0)
		want, wrong := reference(code, q.Keys(), doc)
		got, err := e.Values(context.Background(), doc, nil)
		if fmt.Sprint(err) != fmt.Sprint(wrong) || !slices.Equal(got, want) {
			t.Fatalf("%s of %s:\n%q, %v, want\n%q, %v", query, doc, got, err, want, wrong)
		}
		if err == nil {
			found++
		} else {
			failed++
		}
	}
	if testing.Verbose() {
		t.Logf("%-50s %3d values, %3d errors; touched %q, whole %t, plain %t", query, found, failed, q.touched, q.whole, q.plain != nil)
	}
}

// reference evaluates a document with nothing of the evaluator but the texts of values and errors.
func reference(code *gojq.Code, keys []string, doc []byte) ([]string, error) {
	var whole any
	if err := json.Unmarshal(doc, &whole); err != nil {
		return nil, err
	}
	result, ok := code.RunWithContext(&steps{Context: context.Background(), left: stepsMax}, whole).Next()
	if !ok {
		return nil, ErrNull
	}
	if err, ok := result.(error); ok {
		return nil, queryError(err)
	}
	var values []string
	for _, key := range keys {
		value, err := keyText(key, result.(map[string]any)[key])
		if err != nil {
			return nil, err
		}
		values = append(values, value)
	}
	return values, nil
}

// randomDocument makes a valid document that the queries find something in.
func randomDocument(r *rand.Rand, depth int) []byte {
	one := func(list ...string) string { return list[r.IntN(len(list))] }
	var doc bytes.Buffer
	list := func(open, end string, element func()) {
		doc.WriteString(open)
		for i := range r.IntN(5) {
			doc.WriteString([]string{"", one(",", " , ")}[min(i, 1)])
			element()
		}
		doc.WriteString(end)
	}
	kind := r.IntN(10)
	if depth == 0 && r.IntN(12) > 0 || depth < 3 && r.IntN(2) > 0 {
		kind = 9
	}
	switch {
	case kind < 3:
		doc.WriteString(one("0", "-0", "1", "2", "-3.25", "1e3", "1.0", "1E-7", "100000000000000000000", "1234567890123456789", "0.1e+5", "1425599621"))
	case kind < 6:
		doc.WriteString(one(`""`, `"x"`, `"a"`, `"xyz"`, `"\"\\\/\n"`, `"\ud83d\ude00\ud800A"`, "\"\xff é\"", `"日本 x"`, `"12"`))
	case kind < 7 || depth > 3:
		doc.WriteString(one("null", "true", "false", "{}", "[]"))
	case kind < 8:
		list("[", "]", func() { doc.Write(randomDocument(r, depth+1)) })
	default:
		list("{", " }", func() {
			doc.WriteString(one(`"a"`, `"b"`, `"c"`, `"\u0061"`, `"é"`, `"\u00e9"`, `"other"`, `"a"`, `"b"`) + one(":", " : "))
			doc.Write(randomDocument(r, depth+1))
		})
	}
	return doc.Bytes()
}

// TestDeepRecordsAreDecoded holds the decoder against the greatest depth that a record may have.
func TestDeepRecordsAreDecoded(t *testing.T) {
	deep := strings.Repeat(`{"a":[`, 4999) + strings.Repeat("]}", 4999)
	for _, query := range []string{`{a: .b}`, `{a: (.b // "x")}`, `{a: ([..] | length)}`} {
		want := map[string]string{`{a: .b}`: "y", `{a: (.b // "x")}`: "y"}[query]
		got, err := evaluate(t, query, `{"b":"y","c":`+deep+`}`)
		if err != nil || want != "" && got[0] != want {
			t.Errorf("%s: %q, %v", query, got, err)
		}
	}
}

func FuzzValues(f *testing.F) {
	f.Add([]byte(`{"a":{"b":1},"c":"x"}`))
	f.Add([]byte(`{"a":"\u00e9","a":[1,2.50,{"b":null}],"c":false}`))
	var all []*Evaluator
	var codes []*gojq.Code
	for _, query := range []string{"{a: .a.b, b: .c}", "{a: (.a.b // .c)}", "{a: (. | .a // .b)}", `{a: "\(.a)"}`} {
		q, err := Compile(query)
		if err != nil {
			f.Fatal(err)
		}
		e, err := q.Evaluator(q.Keys())
		if err != nil {
			f.Fatal(err)
		}
		all, codes = append(all, e), append(codes, q.code)
	}
	f.Fuzz(func(t *testing.T, doc []byte) {
		var whole any
		invalid := json.Unmarshal(doc, &whole) != nil
		for i, e := range all {
			got, err := e.Values(context.Background(), doc, nil)
			if invalid { // also for a mark of byte order, or a number out of range
				continue
			}
			want, wrong := reference(codes[i], e.keys, doc)
			if fmt.Sprint(err) != fmt.Sprint(wrong) || !slices.Equal(got, want) {
				t.Fatalf("%q: %q, %v, want %q, %v", doc, got, err, want, wrong)
			}
		}
	})
}
