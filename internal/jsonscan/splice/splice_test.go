package splice

import (
	"bytes"
	"encoding/json"
	"errors"
	"reflect"
	"testing"

	"firehose/internal/jsonscan"
)

func values(texts ...string) (list [][]byte) {
	for _, text := range texts {
		if text == "" {
			list = append(list, nil)
			continue
		}
		list = append(list, []byte(text))
	}
	return list
}

// put puts, into a document that is one.
func put(t testing.TB, m *Members, dst, doc string, values [][]byte) string {
	t.Helper()
	got, err := m.Put([]byte(dst), []byte(doc), values)
	if err != nil {
		t.Fatal(err)
	}
	return string(got)
}

func TestMembersAreSetAtTheEnd(t *testing.T) {
	f := func(path []string, doc, want string) {
		t.Helper()
		m := Compile(path, "a", "b")
		got := put(t, m, "x", doc, values(`1`, `{"c":2}`))
		if got != "x"+want {
			t.Errorf("put into %s: %s, want %s", doc, got, want)
		}
		if again := put(t, m, "", got[1:], values(`1`, `{"c":2}`)); again != want {
			t.Errorf("put again into %s: %s, want %s", doc, again, want)
		}
	}
	f(nil, `{}`, `{"a":1,"b":{"c":2}}`)
	f(nil, ` { } `, `{"a":1,"b":{"c":2}}`)
	f(nil, `{"z":[{"a":"}"},2], "a" : "old" ,"y":-1.5e3}`, `{"z":[{"a":"}"},2],"y":-1.5e3,"a":1,"b":{"c":2}}`)
	f(nil, `{"a":1,"a":2,"\u0061":3,"b":4}`, `{"a":1,"b":{"c":2}}`)
	f(nil, `{"q":"\\","r":"\"a","a":"\\\""}`, `{"q":"\\","r":"\"a","a":1,"b":{"c":2}}`)
	f([]string{"m"}, `{}`, `{"m":{"a":1,"b":{"c":2}}}`)
	f([]string{"m"}, `{"z":1}`, `{"z":1,"m":{"a":1,"b":{"c":2}}}`)
	f([]string{"m"}, `{"m":{"keep":0,"a":9},"z":1}`, `{"z":1,"m":{"keep":0,"a":1,"b":{"c":2}}}`)
	f([]string{"m"}, `{"m":"text"}`, `{"m":{"a":1,"b":{"c":2}}}`)
	f([]string{"m"}, `{"m":{"x":1},"m":{"y":2}}`, `{"m":{"y":2,"a":1,"b":{"c":2}}}`)
	f([]string{"m", "n"}, `{"m":{"k":1}}`, `{"m":{"k":1,"n":{"a":1,"b":{"c":2}}}}`)
	f([]string{"m", "n"}, `{"m":[]}`, `{"m":{"n":{"a":1,"b":{"c":2}}}}`)
	f([]string{"m", "n"}, `{"m":{"n":{"a":0,"k":1},"l":2}}`, `{"m":{"l":2,"n":{"k":1,"a":1,"b":{"c":2}}}}`)
}

func TestNilTakesAMemberOut(t *testing.T) {
	got := put(t, Compile([]string{"m"}, "a", "b"), "", `{"m":{"a":1,"b":2,"c":3}}`, values("", "5"))
	if want := `{"m":{"c":3,"b":5}}`; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

func TestAppendIsPutWhereNothingStands(t *testing.T) {
	for _, path := range [][]string{nil, {"m"}, {"m", "n"}} {
		for _, doc := range []string{`{}`, `{"z":1}`, `{"z":{}}`} {
			m := Compile(path, "a", "b")
			want, got := put(t, m, "", doc, values("1", "")), string(m.Append(nil, []byte(doc), values("1", "")))
			if got != want {
				t.Errorf("put %s, append %s", want, got)
			}
		}
	}
	if got := string(Compile(nil, "a").Append(nil, []byte("{ \"z\": 1 }\n"), values("2"))); got != `{ "z": 1 ,"a":2}` {
		t.Errorf("%s", got)
	}
}

func TestDocumentsAreCheckedToTheEnd(t *testing.T) {
	m := Compile([]string{"m"}, "a")
	for _, doc := range []string{``, ` `, `{`, `{"`, `{"a"`, `{"a" `, `{"a":`, `{"a":1`, `{"a":1,`, `{"a":1,}`, `{,}`, `{"a":1 "b":2}`, `{"a":01}`, `{a:1}`, `{"m":{"a":}}`, `{} x`, `{}{}`, `}`} {
		got, err := m.Put([]byte("x"), []byte(doc), values("1"))
		var wrong *jsonscan.SyntaxError
		if !errors.As(err, &wrong) || string(got) != "x" {
			t.Errorf("%s: %s, %v", doc, got, err)
		}
	}
	for _, doc := range []string{`5`, `"{}"`, ` [{}]`, `null`} {
		if _, err := m.Put(nil, []byte(doc), values("1")); !errors.Is(err, ErrNoObject) {
			t.Errorf("%s: %v", doc, err)
		}
	}
}

func TestCompactKeepsStrings(t *testing.T) {
	if got := string(Compact(nil, []byte("{ \"a b\" :\n[ 1 ,\t\" \\\" \"\r\n] }"))); got != `{"a b":[1," \" "]}` {
		t.Errorf("%s", got)
	}
}

// FuzzPut holds a splice against decoding, changing and comparing.
func FuzzPut(f *testing.F) {
	for _, doc := range []string{`{}`, `{"a":1}`, ` {"m" : {"a":[{}],"a":2} } `, `{"m":{"n":{"a":"\\\""}},"\u006d":{"n":null}}`, "{\"\xff\":1}"} {
		f.Add([]byte(doc))
	}
	paths := [][]string{nil, {"m"}, {"m", "n"}}
	f.Fuzz(func(t *testing.T, doc []byte) {
		var decoded any
		if !jsonscan.Valid(doc) || json.Unmarshal(doc, &decoded) != nil {
			if got, err := Compile(nil, "a").Put(nil, doc, values("1")); err == nil {
				t.Fatalf("%q gives %q", doc, got)
			}
			return
		}
		if compact := Compact(nil, doc); !same(compact, decoded) {
			t.Fatalf("compact %q is %q", doc, compact)
		}
		if _, ok := decoded.(map[string]any); !ok {
			return
		}
		for _, path := range paths {
			want := set(decoded, path)
			got, err := Compile(path, "a", "b").Put(nil, doc, values(`[true]`, ``))
			if err != nil || !jsonscan.Valid(got) || !same(got, want) {
				t.Fatalf("%q in %q gives %q, want %v", path, doc, got, want)
			}
		}
	})
}

func same(doc []byte, want any) bool {
	var got any
	return json.Unmarshal(doc, &got) == nil && reflect.DeepEqual(got, want)
}

// set is the oracle: a copy of a decoded document with the members set.
func set(decoded any, path []string) map[string]any {
	changed := map[string]any{}
	if o, ok := decoded.(map[string]any); ok {
		for k, v := range o {
			changed[k] = v
		}
	}
	if len(path) > 0 {
		changed[path[0]] = set(changed[path[0]], path[1:])
		return changed
	}
	changed["a"] = []any{true}
	delete(changed, "b")
	return changed
}

func BenchmarkPut(b *testing.B) {
	doc := []byte(`{"text":"` + string(bytes.Repeat([]byte("x"), 900)) + `","m":{"a":1}}`)
	m, v := Compile([]string{"m"}, "a"), values("2")
	var dst []byte
	for b.Loop() {
		dst, _ = m.Put(dst[:0], doc, v)
	}
}
