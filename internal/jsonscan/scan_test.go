package jsonscan

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"

	"firehose/internal/sample"
)

// paths are looked for in every document of the property and fuzz tests.
var paths = [][]string{
	{"a"}, {"b"}, {"a", "b"}, {"a", "b", "c"}, {"a", "a"}, {"é"}, {}, {"\ufffd"}, {"a\"\\/\n😀"}, {"b", ""}, {"a"},
}

func TestScanFindsPaths(t *testing.T) {
	f := func(doc, path, want string, depth int) {
		t.Helper()
		var names []string
		if path != "" {
			names = Dotted(path)
		}
		found := make([]Value, 1)
		if err := Compile(names).Scan([]byte(doc), found); err != nil {
			t.Errorf("%s: %v", doc, err)
			return
		}
		v := found[0]
		if got := doc[v.Start:v.End]; got != want || v.Depth != depth || v.Found() != (want != "") {
			t.Errorf("%s of %s: %q at depth %d, want %q at %d", path, doc, got, v.Depth, want, depth)
		}
	}
	f(`{"a":1}`, "a", "1", 1)
	f(` { "x" : [1, {"a":2}] , "a" : { "b" : "y" } } `, "a.b", `"y"`, 2)
	f(` { "a" : { "b" : "y" } } `, "a", `{ "b" : "y" }`, 1)
	f(" [1]\n", "", "[1]", 0)
	f(`{"a":1}`, "b", "", 0)
	f(`{"a":{}}`, "a.b", "", 0)

	// Something that is no object ends the path.
	f(`{"a":null}`, "a.b.c", "null", 1)
	f(`{"a":[{"b":1}]}`, "a.b", `[{"b":1}]`, 1)
	f(`7`, "a.b", "7", 0)

	// The last member of a name counts, with all that is below it.
	f(`{"a":1,"a":2}`, "a", "2", 1)
	f(`{"a":{"b":1},"a":{"c":2}}`, "a.b", "", 0)
	f(`{"a":{"b":1},"a":3}`, "a.b", "3", 1)
	f(`{"a":3,"a":{"b":1}}`, "a.b", "1", 2)
	f(`{"a":3,"a":{}}`, "a.b", "", 0)
	f(`{"a":1,"\u0061":2}`, "a", "2", 1)

	// Names are compared as they read.
	f(`{"\u0061":1}`, "a", "1", 1)
	f(`{"\ud83d\ude00":1}`, "😀", "1", 1)
	f(`{"\u00E9\/":1}`, "é/", "1", 1)
	f("{\"\xff\":1}", "\ufffd", "1", 1)
	f(`{"\ud800":1}`, "\ufffd", "1", 1)
	f(`{"`+strings.Repeat("long", 100)+`\n":1}`, strings.Repeat("long", 100)+"\n", "1", 1)
	f(`{"\\u0061":1}`, "a", "", 0)
}

func TestScanSaysWhereADocumentIsWrong(t *testing.T) {
	f := func(doc string, offset int, what string) {
		t.Helper()
		var syntax *SyntaxError
		err := Compile([]string{"a"}).Scan([]byte(doc), make([]Value, 1))
		if !errors.As(err, &syntax) || syntax.Offset != offset || syntax.What != what {
			t.Errorf("%.40q: %v, want %s at offset %d", doc, err, what, offset)
		}
	}
	f("", 0, "unexpected end of JSON")
	f(" ", 1, "unexpected end of JSON")
	f(`{"a":1`, 6, "unexpected end of JSON")
	f(`{"a`, 3, "unexpected end of JSON")
	f(`{"a":1}x`, 7, "invalid character 'x'")
	f(`{"a":1} {"a":2}`, 8, "invalid character '{'")
	f(`{"a":01}`, 6, "invalid character '1'")
	f(`{"a":1,}`, 7, "invalid character '}'")
	f(`[1 2]`, 3, "invalid character '2'")
	f(`{"a":nan}`, 6, "invalid character 'a'")
	f("\"a\tb\"", 2, `invalid character '\t'`)
	f(`"\x"`, 2, "invalid character 'x'")
	f(`"\u00g0"`, 5, "invalid character 'g'")
	f("\ufeff{}", 0, `invalid character '\ufeff'`)
	f(strings.Repeat("[", DepthMax+1), DepthMax, "nesting deeper than 10000")
}

func TestScanTakesDeepNesting(t *testing.T) {
	doc := strings.Repeat(`{"a":[`, DepthMax/2) + strings.Repeat(`]}`, DepthMax/2)
	if !Valid([]byte(doc)) {
		t.Error("a document of the greatest depth is refused")
	}
}

func TestScanAllocatesNothing(t *testing.T) {
	doc := sample.New(1).Next()
	p := Compile([]string{"visitor", "id"}, []string{"geo", "country"})
	found := make([]Value, 2)
	if n := testing.AllocsPerRun(100, func() {
		if err := p.Scan(doc, found); err != nil {
			t.Fatal(err)
		}
	}); n > 0 {
		t.Errorf("%v allocations for a document", n)
	}
}

// breaks are bytes that matter to a scanner.
const breaks = "{}[],:\"\\x0\x01\xff -.e"

func TestScanEqualsADecoder(t *testing.T) {
	for seed := range uint64(20_000) {
		r := rand.New(rand.NewPCG(seed, 1))
		doc := randomDocument(r, 0)
		if r.IntN(2) == 0 { // break it, mostly
			at := r.IntN(len(doc))
			switch r.IntN(3) {
			case 0:
				doc = doc[:at]
			case 1:
				doc = slices.Delete(doc, at, at+1)
			default:
				doc[at] = breaks[r.IntN(len(breaks))]
			}
		}
		checkAgainstDecoder(t, doc)
	}
}

func FuzzScan(f *testing.F) {
	for seed := range uint64(50) {
		f.Add(randomDocument(rand.New(rand.NewPCG(seed, 2)), 0))
	}
	f.Add([]byte(sample.New(1).Next()))
	f.Add([]byte(`{"\ud83d\ude00":[-0.1e+5,true,false,null],"a":{"a\"\\\/\n":""}}`))
	f.Fuzz(func(t *testing.T, doc []byte) { checkAgainstDecoder(t, doc) })
}

// checkAgainstDecoder compares a scan with jsontext, which says what is JSON, and with encoding/json, which says what
// it holds.
func checkAgainstDecoder(t *testing.T, doc []byte) {
	t.Helper()
	found := make([]Value, len(paths))
	err := Compile(paths...).Scan(doc, found)
	d := jsontext.NewDecoder(bytes.NewReader(doc), jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
	_, wrong := d.ReadValue()
	if wrong == nil {
		if _, next := d.ReadToken(); next == nil || next.Error() != "EOF" {
			wrong = fmt.Errorf("more than one value: %v", next)
		}
	}
	if (err == nil) != (wrong == nil) {
		t.Fatalf("%q: scanned with %v, a decoder says %v", doc, err, wrong)
	}
	if err != nil {
		return
	}
	checkMembers(t, doc)
	var whole any
	decode(t, doc, &whole)
	for i, path := range paths {
		want, depth, there := follow(whole, path)
		v := found[i]
		if v.Found() != there {
			t.Fatalf("%q: %q found: %t, want %t", doc, path, v.Found(), there)
		}
		if !there {
			continue
		}
		var got any
		decode(t, doc[v.Start:v.End], &got)
		if !reflect.DeepEqual(got, want) || v.Depth != depth {
			t.Fatalf("%q: %q is %v at depth %d, want %v at %d", doc, path, got, v.Depth, want, depth)
		}
		if text, ok := want.(string); ok {
			if read := string(AppendText(nil, doc[v.Start:v.End])); read != text {
				t.Fatalf("%q reads as %q, want %q", doc[v.Start:v.End], read, text)
			}
		}
	}
}

// checkMembers compares the members that a scan notes with those that a decoder reads, with room for all and for some.
func checkMembers(t *testing.T, doc []byte) {
	t.Helper()
	var want []Value
	d := jsontext.NewDecoder(bytes.NewReader(doc), jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
	if d.PeekKind() == '{' {
		d.ReadToken() // the document was decoded before, so neither this nor what follows is an error
		for d.PeekKind() != '}' {
			d.ReadToken()
			value, err := d.ReadValue()
			if err != nil {
				t.Fatalf("%q: %v", doc, err)
			}
			end := int(d.InputOffset())
			want = append(want, Value{end - len(value), end, 1})
		}
	}
	for _, room := range []int{2, len(want) + 1} {
		members := make([]Value, room)
		noted, err := Compile(paths...).ScanMembers(doc, make([]Value, len(paths)), members)
		if err != nil || !slices.Equal(members[:noted], want[:min(room, len(want))]) {
			t.Fatalf("%q: members at %v, want the first %d of %v; %v", doc, members[:noted], room, want, err)
		}
	}
}

func decode(t *testing.T, doc []byte, into *any) {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(doc))
	d.UseNumber() // some numbers are too large for float64
	if err := d.Decode(into); err != nil {
		t.Fatalf("%q: %v", doc, err)
	}
}

// follow follows a path in what a decoder made, as far as Scan does.
func follow(at any, path []string) (value any, depth int, found bool) {
	for i, name := range path {
		object, ok := at.(map[string]any)
		if !ok {
			return at, i, true
		}
		if at, ok = object[name]; !ok {
			return nil, 0, false
		}
	}
	return at, len(path), true
}

// randomDocument makes a document that the paths often lead into.
func randomDocument(r *rand.Rand, depth int) []byte {
	space := func() string { return []string{"", "", "", " ", "\n\t", "\r "}[r.IntN(6)] }
	one := func(list ...string) string { return list[r.IntN(len(list))] }
	var doc []byte
	kind := r.IntN(9)
	if depth == 0 && r.IntN(10) > 0 {
		kind = 8
	}
	switch {
	case kind < 2:
		doc = append(doc, one("0", "-0", "1", "12", "-3.25", "1e3", "1.0", "1E-2", "100000000000000000000", "0.1e+5", "1e999")...)
	case kind < 4:
		doc = append(doc, one(`""`, `"x"`, `"longer than eight bytes"`, `"\"\\\/\b\f\n\r\t"`, `"\ud83d\ude00\ud800\u0041"`, "\"\xff\xe2\x82 é\"", `"日本語 text"`)...)
	case kind < 5:
		doc = append(doc, one("null", "true", "false")...)
	case depth > 4 || kind < 6:
		doc = append(doc, one("{}", "[]", "{ }", "[ ]")...)
	case kind < 7:
		doc = append(doc, '[')
		for i := range 1 + r.IntN(3) {
			if i > 0 {
				doc = append(doc, ',')
			}
			doc = append(doc, space()...)
			doc = append(doc, randomDocument(r, depth+1)...)
		}
		doc = append(doc, ']')
	default:
		doc = append(doc, '{')
		for i := range 1 + r.IntN(4) {
			if i > 0 {
				doc = append(doc, ',')
			}
			name := one(`"a"`, `"b"`, `"\u0061"`, `"c"`, `"é"`, `"\u00e9"`, `""`, "\"\xff\"", `"\udc00"`, `"a\"\\\/\n😀"`, `"other"`, `"a"`, `"b"`)
			doc = append(doc, space()+name+space()+":"+space()...)
			doc = append(doc, randomDocument(r, depth+1)...)
		}
		doc = append(doc, space()+"}"...)
	}
	return append(append([]byte(space()), doc...), space()...)
}

func BenchmarkScan(b *testing.B) {
	lines := sample.New(1).Lines(1000)
	var size int
	for _, line := range lines {
		size += len(line)
	}
	f := func(name string, paths ...string) {
		var names [][]string
		for _, path := range paths {
			names = append(names, Dotted(path))
		}
		p := Compile(names...)
		found := make([]Value, len(paths))
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(size / len(lines)))
			b.ReportAllocs()
			for i := range b.N {
				if err := p.Scan(lines[i%len(lines)], found); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	f("valid")
	f("two", "visitor.id", "type")
	f("five", "visitor.id", "type", "geo.country", "page.campaign.source", "order.total")
}
