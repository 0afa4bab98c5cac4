package eventkey

import (
	"path"
	"slices"
	"strings"
	"testing"
	"time"

	"firehose/internal/objectkey"
)

var (
	at = time.Date(2024, 1, 15, 14, 30, 45, 123e6, time.UTC)
	id = objectkey.Unique([]byte("stream"), []byte("7"))
)

func compile(t *testing.T, c Config) *Template {
	t.Helper()
	made, err := Compile(c)
	if err != nil {
		t.Fatal(err)
	}
	return made
}

// key returns the key of an event's object.
func key(t *testing.T, c Config, event, extension string) string {
	t.Helper()
	made := compile(t, c)
	values, err := made.Values(nil, []byte(event))
	if err != nil {
		t.Fatal(err)
	}
	return made.Key(at, values, id, extension)
}

func TestKeysOfTemplates(t *testing.T) {
	event := `{"flow_id":"flow_9dLw2e","year":"last","lead_data":{"state":"CA","zip":94107,"hot":true}}`
	f := func(c Config, want string) {
		t.Helper()
		if got := key(t, c, event, ".json.gz"); got != want {
			t.Errorf("%+v\n got %s\nwant %s", c, got, want)
		}
	}
	f(Config{}, "2024/01/15/14/events-2024-01-15-14-30-45-SYCG8V6Z2OLY3KJS.json.gz")
	f(Config{Folder: "/events/year={{year}}/month={{month}}/day={{day}}/"}, "events/year=2024/month=01/day=15/events-2024-01-15-14-30-45-SYCG8V6Z2OLY3KJS.json.gz")
	f(Config{Folder: "/", File: "{{date}}T{{ hour }}{{minute}}{{second}}.{{unique:6}}"}, "2024-01-15T143045.LY3KJS.json.gz")
	f(Config{Folder: "{{year}}/{{hour}}/{{flow_id}}/", Zone: "Asia/Kolkata", File: "{{unique:6}}"}, "2024/20/flow_9dLw2e/LY3KJS.json.gz")
	f(Config{Folder: "s={{lead_data.state}}/z={{lead_data.zip}}-{{lead_data.hot}}/{{.year}}/{{lead_data.state}}/", File: "{{unique:6}}"}, "s=CA/z=94107-true/last/CA/LY3KJS.json.gz")
	f(Config{Folder: "{{flow_id.x}}/{{none}}/{{lead_data}}/", File: "{{unique:6}}", Missing: "n_a"}, "n_a/n_a/n_a/LY3KJS.json.gz")
}

func TestFieldsAreNamedOnceInOrder(t *testing.T) {
	made := compile(t, Config{Folder: "{{b.c}}/{{year}}/{{a}}/{{.b.c}}/"})
	if got := made.Fields(); !slices.Equal(got, []string{"b.c", "a"}) {
		t.Errorf("%q", got)
	}
	got, err := made.Values([]string{"before"}, []byte(` {"a":1,"b":{"c":"x/y","c":"z"}}`))
	if err != nil || !slices.Equal(got, []string{"before", "z", "1"}) {
		t.Errorf("%q, %v", got, err)
	}
	for _, event := range []string{``, `5`, `["a"]`, `{"a":}`} {
		if _, err := made.Values(nil, []byte(event)); err == nil {
			t.Errorf("%q has values", event)
		}
	}
}

func TestValuesAreSafe(t *testing.T) {
	f := func(value, want string) {
		t.Helper()
		if got := string(appendSafe(nil, []byte(value), valueMax)); got != want {
			t.Errorf("%q: %q, want %q", value, got, want)
		}
	}
	f("Zürich-1_b.v2", "Zürich-1_b.v2")
	f("a/b\\c d=e&f%g", "a_b_c_d_e_f_g")
	f(".", "_")
	f("..", "__")
	f("../../etc", "_._.__etc")
	f("a...b.", "a._.b_")
	f("\x00\n\u007f\u2028\u202e\xff\ufffd", "_______")
	f("日本 👋", "日本__")
	f(strings.Repeat("x", valueMax), strings.Repeat("x", valueMax))
	f(strings.Repeat("x", valueMax+1), strings.Repeat("x", 79)+"-19a8f07eeb7f3d0c")
	long := func(end string) string {
		return string(appendSafe(nil, []byte(strings.Repeat("é.", 90)+end), valueMax))
	}
	if long("1") == long("2") || len(long("1")) > valueMax {
		t.Errorf("%s and %s", long("1"), long("2"))
	}
}

func TestMistakesInATemplateAreNamed(t *testing.T) {
	f := func(c Config, want string) {
		t.Helper()
		_, err := Compile(c)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v, want %q", c, err, want)
		}
	}
	f(Config{Folder: "été/{{year}/"}, "folder, character 5: {{ has no }} after it")
	f(Config{Folder: "{{}}/"}, "folder, character 1: {{}} is not known; allowed is a part of the time (year, ")
	f(Config{Folder: "a/{{flow..id}}/"}, "folder, character 3: {{flow..id}} is not known")
	f(Config{Folder: "a/{{contacts[*].email}}/"}, "folder, character 3: {{contacts[*].email}} leads into an array")
	f(Config{Folder: "a/{{items[0]}}/"}, "leads into an array")
	f(Config{Folder: "a/{{timestamp:yyyy}}/"}, "character 3: {{timestamp:yyyy}} is not known")
	f(Config{Folder: "a/!{timestamp:yyyy}/"}, "character 4: a brace stands alone")
	f(Config{Folder: "a/{{unique}}/"}, "character 3: {{unique}} stands in a folder")
	f(Config{Folder: "a"}, `folder "a" does not end with a slash`)
	f(Config{Folder: "{{flow_id}}"}, `does not end with a slash`)
	f(Config{Folder: "a/../b/"}, `holds the name ".." between slashes`)
	f(Config{Folder: "a//b/"}, `holds the name "" between slashes`)
	f(Config{Folder: "a\tb/"}, `character 2: '\t' may not stand in a key`)
	f(Config{Folder: strings.Repeat("x", 990) + "/"}, "keys could become 1162 bytes long")
	f(Config{Folder: "{{a}}/{{b}}/{{c}}/{{d}}/{{e}}/{{f}}/{{g}}/{{h}}/{{i}}/{{j}}/{{k}}/"}, "use fewer fields")
	f(Config{Folder: strings.Repeat("x", 200) + "{{a}}{{b}}{{a}}/"}, "a name between slashes could become longer than the 255 bytes that file systems take")
	f(Config{File: strings.Repeat("x", 120) + "{{unique}}"}, "a name between slashes could become longer")
	f(Config{File: "events-{{date}}"}, `file "events-{{date}}" has no {{unique}}`)
	f(Config{File: "{{unique:5}}"}, "file, character 1: {{unique:5}} has no good length; allowed are 6 to 23 characters")
	f(Config{File: "{{unique:x}}"}, "has no good length")
	f(Config{File: "a/{{unique}}"}, "file, character 2: a slash may stand in the folder only")
	f(Config{Zone: "Mars"}, `zone "Mars" is not known`)
	f(Config{Zone: "Local"}, `zone "Local" is not known`)
	f(Config{Missing: "../x"}, `missing "../x" is no safe part of a key`)
}

// A file system takes 255 bytes for a name, whatever events bring.
func TestNoValueMakesANameThatIsTooLong(t *testing.T) {
	f := func(c Config, lengths ...int) {
		t.Helper()
		long := strings.Repeat("é", 500)
		k := key(t, c, `{"a":"`+long+`1","b":"`+long+`2","c":"x"}`, strings.Repeat("e", extensionMax))
		for name := range strings.SplitSeq(k, "/") {
			if len(name) > nameMax {
				t.Errorf("%+v: a name of %d bytes: %s", c, len(name), name)
			}
		}
		values, err := compile(t, c).Values(nil, []byte(`{"a":"`+long+`1","b":"`+long+`2","c":"x"}`))
		if err != nil {
			t.Fatal(err)
		}
		for i, most := range lengths {
			if len(values[i]) > most || len(values[i]) < most-1 { // a letter has two bytes
				t.Errorf("%+v: value %d has %d bytes, want %d", c, i, len(values[i]), most)
			}
		}
	}
	f(Config{Folder: "{{a}}/{{b}}/"}, 96, 96)
	f(Config{Folder: "{{a}}{{b}}/"}, 96, 96)
	f(Config{Folder: "{{a}}{{b}}{{a}}/"}, 85, 85)
	f(Config{Folder: "x={{a}},y={{b}},z={{a}},{{date}}/{{b}}/"}, 78, 78)
	f(Config{Folder: "{{a}}/", File: "{{a}}-{{b}}-{{unique}}"}, 54, 54)
}

func TestUniqueTellsObjectsApart(t *testing.T) {
	made := compile(t, Config{})
	seen := map[string]bool{}
	for i := range 100_000 {
		k := made.Key(at, nil, objectkey.Unique([]byte{byte(i), byte(i >> 8), byte(i >> 16)}), "")
		if seen[k] {
			t.Fatalf("%s twice", k)
		}
		seen[k] = true
	}
	if made.Key(at, nil, id, "") != made.Key(at.In(time.FixedZone("x", 3600)), nil, id, "") {
		t.Error("the key depends on more than its values")
	}
}

// FuzzValues holds a key against everything that an event can bring.
func FuzzValues(f *testing.F) {
	for _, event := range []string{`{"a":"../..","b":"."}`, `{"a":"x/y","b":".\u0000"}`, `{"a":1e-5,"b":null}`, `{"a":"\ud800","b":"` + strings.Repeat("é/", 99) + `"}`} {
		f.Add([]byte(event))
	}
	made, err := Compile(Config{Folder: "in/.{{a}}/{{a}}{{b}}/{{b}}/", File: "{{b}}.{{unique}}"})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, event []byte) {
		values, err := made.Values(nil, event)
		if err != nil {
			return
		}
		k := made.Key(at, values, id, ".json")
		if path.Clean(k) != k || !strings.HasPrefix(k, "in/") || strings.Count(k, "/") != 4 || len(k) > keyMax || strings.Contains(k, "..") {
			t.Fatalf("%q gives %q", event, k)
		}
		for _, v := range values {
			if v == "" || string(appendSafe(nil, []byte(v), valueMax)) != v {
				t.Fatalf("%q gives the value %q", event, v)
			}
		}
	})
}
