package config

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

var update = flag.Bool("update", false, "rewrite golden files")

// golden compares an output with a file, or writes the file.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	if *update {
		if err := os.WriteFile(name, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("differs from %s (-update rewrites it):\n%s", name, got)
	}
}

func writeFile(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestFlagBeatsEnvironmentBeatsFileBeatsDefault(t *testing.T) {
	const (
		flagLayer = 1 << iota
		environmentLayer
		fileLayer
	)
	test := func(layers int, want time.Duration) {
		t.Helper()
		var args, environ []string
		if layers&flagLayer != 0 {
			args = append(args, "--log-retention", "1h")
		}
		if layers&environmentLayer != 0 {
			environ = append(environ, "FIREHOSE_LOG_RETENTION=2h")
		}
		if layers&fileLayer != 0 {
			environ = append(environ, "FIREHOSE_CONFIG="+writeFile(t, "c.yaml", "log:\n  retention: 3h\n"))
		}
		c, _, err := Load(args, environ)
		if err != nil || c.Log.Retention != want {
			t.Errorf("layers %03b: retention is %v, %v; want %v", layers, c.Log.Retention, err, want)
		}
	}
	test(0, 72*time.Hour)
	test(fileLayer, 3*time.Hour)
	test(environmentLayer, 2*time.Hour)
	test(environmentLayer|fileLayer, 2*time.Hour)
	test(flagLayer, time.Hour)
	test(flagLayer|fileLayer, time.Hour)
	test(flagLayer|environmentLayer, time.Hour)
	test(flagLayer|environmentLayer|fileLayer, time.Hour)
}

func TestConfigFlagBeatsConfigVariable(t *testing.T) {
	a, b := writeFile(t, "a.yaml", "region: eu-west-1"), writeFile(t, "b.yaml", "region: eu-west-2")
	c, _, err := Load([]string{"--config=" + a}, []string{"FIREHOSE_CONFIG=" + b})
	if err != nil || c.Region != "eu-west-1" {
		t.Error(c.Region, err)
	}
	if _, _, err := Load([]string{"--config", a + "x"}, nil); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("missing file: %v", err)
	}
}

func TestDefaultsAreWhatAUserWithoutSettingsGets(t *testing.T) {
	c, rest, err := Load(nil, nil)
	if err != nil || len(rest) != 0 || !reflect.DeepEqual(c, Default()) {
		t.Errorf("%+v, %v, %v", c, rest, err)
	}
	if c.Listen != "127.0.0.1:4573" || c.ObjectStore() != "file" || c.MasterKeyFile() != "firehose-data/master.key" ||
		c.Limits.Streams != 5000 || c.Log.SegmentBytes != 64<<20 || !c.Delete.Drain {
		t.Errorf("defaults are %+v", c)
	}
}

func TestStoreIsS3WhenTheEnvironmentNamesAnEndpoint(t *testing.T) {
	test := func(want string, environ ...string) {
		t.Helper()
		c, _, err := Load(nil, environ)
		if err != nil || c.ObjectStore() != want {
			t.Errorf("%v: store is %s, %v; want %s", environ, c.ObjectStore(), err, want)
		}
	}
	test("file", "AWS_ACCESS_KEY_ID=a", "AWS_SECRET_ACCESS_KEY=b", "AWS_ENDPOINT_URL_S3=")
	test("s3", "AWS_ENDPOINT_URL_S3=http://127.0.0.1:7070")
	test("file", "AWS_ENDPOINT_URL_S3=http://127.0.0.1:7070", "FIREHOSE_STORE=file")
	test("s3", "FIREHOSE_STORE=s3")
}

// every has a setting of every type.
type every struct {
	Text     string            `key:"text" default:"t"`
	Flag     bool              `key:"flag" default:"true"`
	Int      int               `key:"int" default:"1"`
	Int64    int64             `key:"int64"`
	Float    float64           `key:"float"`
	Duration time.Duration     `key:"duration"`
	Size     Bytes             `key:"size"`
	Secret   Secret            `key:"secret"`
	Texts    []string          `key:"texts"`
	Numbers  map[string]int    `key:"numbers"`
	Secrets  map[string]Secret `key:"secrets"`
	Part     struct {
		Sub_Part struct {
			Deep string `key:"deep"`
		} `key:"sub_part"`
	} `key:"part"`
	Entries []entry `key:"entries"`
}

type entry struct {
	Name  string `key:"name"`
	Count int    `key:"count" default:"7"`
}

func loadEvery(file string, args, environ []string) (every, error) {
	var e every
	l := newLoader(reflect.ValueOf(&e).Elem(), append(environ, "FIREHOSE_CONFIG="+file))
	_, err := l.load(args, nil)
	return e, err
}

func everyWanted() every {
	want := every{
		Text: "0123", Int: -3, Int64: 1 << 40, Float: 1.5, Duration: 90 * time.Second, Size: 5e6, Secret: "s",
		Texts: []string{"a", "b"}, Numbers: map[string]int{"x": 1}, Secrets: map[string]Secret{"k": "v"},
		Entries: []entry{{"n", 7}, {"m", 2}},
	}
	want.Part.Sub_Part.Deep = "d"
	return want
}

func TestEveryTypeCanBeSetInEveryLayer(t *testing.T) {
	want := everyWanted()
	check := func(layer string, got every, err error) {
		t.Helper()
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s:\ngot  %+v, %v\nwant %+v", layer, got, err, want)
		}
	}
	file := writeFile(t, "c.yaml", `
text: 0123
flag: false
int: -3
int64: 1099511627776
float: 1.5
duration: 1m30s
size: 5MB
secret: s
texts: [a, b]
numbers: {x: 1}
secrets: {k: v}
part: {sub_part: {deep: d}}
entries:
- name: n
- {name: m, count: 2}
`)
	got, err := loadEvery(file, nil, nil)
	check("file", got, err)

	environ := []string{
		"FIREHOSE_TEXT=0123", "FIREHOSE_FLAG=false", "FIREHOSE_INT=-3", "FIREHOSE_INT64=1099511627776", "FIREHOSE_FLOAT=1.5",
		"FIREHOSE_DURATION=1m30s", "FIREHOSE_SIZE=5MB", "FIREHOSE_SECRET=s", "FIREHOSE_TEXTS=a, b",
		"FIREHOSE_NUMBERS=x: 1", `FIREHOSE_SECRETS={"k":"v"}`, "FIREHOSE_PART_SUB_PART_DEEP=d",
		`FIREHOSE_ENTRIES=[{"name":"n"},{"name":"m","count":2}]`,
	}
	got, err = loadEvery("", nil, environ)
	check("environment", got, err)

	lists := []string{environ[9], environ[10], environ[12]}
	got, err = loadEvery("", []string{
		"--text=0123", "--flag=false", "--int", "-3", "--int64", "1099511627776", "--float=1.5", "--duration=1m30s",
		"--size", "5MB", "--secret=s", "--texts=a,b", "--part-sub-part-deep=d",
	}, lists)
	check("flags", got, err)
}

func TestListsAreReplacedWhole(t *testing.T) {
	file := writeFile(t, "c.yaml", "texts: [a, b]\nentries: [{name: n, count: 1}]\nnumbers: {x: 1}")
	got, err := loadEvery(file, nil, []string{"FIREHOSE_TEXTS=c", "FIREHOSE_ENTRIES=[{name: m}]", "FIREHOSE_NUMBERS={y: 2}"})
	if err != nil || !reflect.DeepEqual(got.Texts, []string{"c"}) || !reflect.DeepEqual(got.Entries, []entry{{"m", 7}}) ||
		!reflect.DeepEqual(got.Numbers, map[string]int{"y": 2}) {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestKeysWithoutValueKeepTheDefault(t *testing.T) {
	file := writeFile(t, "c.yaml", "# nothing\ntext:\npart:\nint: ~\nentries:\n")
	got, err := loadEvery(file, nil, []string{"FIREHOSE_TEXT="})
	if err != nil || got.Text != "t" || got.Int != 1 || got.Entries != nil {
		t.Errorf("%+v, %v", got, err)
	}
	for _, text := range []string{"", "# only a comment\n", "---\n"} {
		if _, err := loadEvery(writeFile(t, "c.yaml", text), nil, nil); err != nil {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// The problems of a whole file, as a user sees them.
func TestProblemsNameLineKeyAndWhatIsAllowed(t *testing.T) {
	input, err := os.ReadFile("testdata/problems.yaml")
	if err != nil {
		t.Fatal(err)
	}
	config := writeFile(t, "firehose.yaml", string(input))
	_, _, err = Load([]string{"--config=" + config, "--limits-streams=many"}, []string{
		"FIREHOSE_AUTH_MOD=sigv4", "FIREHOSE_SERVICE_HOST=10.0.0.1", "FIREHOSE_PORT=tcp://10.0.0.1:4573",
		"FIREHOSE_DELIVERY_IN_FLIGHT=4.5", "FIREHOSE_KMS_KEYS=[]", "FIREHOSE_AUTH_KEYS=[{acess_key: a}]",
	})
	if err == nil {
		t.Fatal("no error")
	}
	text := strings.ReplaceAll(err.Error(), filepath.Dir(config)+string(filepath.Separator), "")
	golden(t, "testdata/problems.txt", []byte(text+"\n"))
}

func TestTextThatIsNoYAMLIsToldWithItsLineAndNoSecret(t *testing.T) {
	test := func(want, text string) {
		t.Helper()
		config := writeFile(t, "c.yaml", text)
		_, _, err := Load([]string{"--config", config}, nil)
		if err == nil || err.Error() != config+want {
			t.Errorf("%q: error is %v; want %s", text, err, want)
		}
	}
	test(":3: is not YAML: mapping values are not allowed in this context", "region: a\nlog:\n  retention: 1h: 2h\n")
	test(":1: is not YAML: unknown anchor (a text that begins with * or & needs quotes) referenced", "s3: {secret_key: *hush}\n")
	test(":1: more than one document; want one", "region: us-east-1\n---\nregion: us-east-2\n")
	test(":1: the file: is a list; want a section with "+names(reflect.TypeFor[Config]()), "- region: us-east-1\n")
}

func TestWrongFlagsAreToldWithTheNearest(t *testing.T) {
	test := func(want string, args ...string) {
		t.Helper()
		_, _, err := Load(args, nil, Switch{Name: "print-config", Set: new(bool)})
		if err == nil || err.Error() != want {
			t.Errorf("%v: error is %v; want %s", args, err, want)
		}
	}
	test("flag --lisen: is unknown; the nearest is --listen", "--lisen", "x")
	test("flag --print-confg: is unknown; the nearest is --print-config", "--print-confg")
	test("flag --print-config: takes no value", "--print-config=true")
	test("flag --listen: has no value", "--listen")
	test(`flag --insecure-listen: "maybe" is wrong; want true or false`, "--insecure-listen=maybe")
	test("flag --auth-keys: is unknown; the nearest is --auth-mode", "--auth-keys=[]")
	test("flag --a: is unknown; the nearest is --store\nflag --b: is unknown; the nearest is --store", "--a", "--b")
}

func TestArgumentsThatAreNoFlagsAreReturned(t *testing.T) {
	var printConfig bool
	c, rest, err := Load([]string{"a", "-region", "eu-west-1", "b", "--print-config", "--insecure-listen", "-", "--", "--listen"}, nil,
		Switch{Name: "print-config", Set: &printConfig})
	if err != nil || c.Region != "eu-west-1" || !printConfig || !c.InsecureListen ||
		!reflect.DeepEqual(rest, []string{"a", "b", "-", "--listen"}) {
		t.Errorf("%v, %v, %v, %+v", rest, err, printConfig, c)
	}
	if _, _, err := Load([]string{"--help"}, nil); !errors.Is(err, ErrHelp) {
		t.Error(err)
	}
}

func TestSecretsComeFromFilesAndVariables(t *testing.T) {
	secret := writeFile(t, "secret", "from file\n")
	file := writeFile(t, "c.yaml", `
auth:
  mode: sigv4
  keys:
  - {access_key: a, secret_key: "file:`+secret+`"}
  - {access_key: b, secret_key: env:B_SECRET, account: "123456789012"}
s3: {access_key: c, secret_key: env:B_SECRET}
kms:
  keys:
    arn:aws:kms:us-east-1:123456789012:key/1: env:B_SECRET
`)
	const key = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="
	c, _, err := Load([]string{"--config", file, "--account-id=111111111111"}, []string{"B_SECRET=" + key})
	if err != nil {
		t.Fatal(err)
	}
	want := []AuthKey{{"a", "from file", "", "111111111111"}, {"b", key, "", "123456789012"}}
	if !reflect.DeepEqual(c.Auth.Keys, want) || c.S3.SecretKey.Reveal() != key ||
		c.KMS.Keys["arn:aws:kms:us-east-1:123456789012:key/1"].Reveal() != key {
		t.Error("secrets are not what was referred to")
	}

	test := func(value, want string) {
		t.Helper()
		_, _, err := Load([]string{"--s3-secret-key", value, "--s3-access-key=a"}, []string{"EMPTY="})
		if err == nil || !strings.Contains(err.Error(), "s3.secret_key: "+want) {
			t.Errorf("%s: error is %v; want %s", value, err, want)
		}
	}
	test("env:EMPTY", "environment variable EMPTY is empty or not set")
	test("file:/does/not/exist", "read secret: open /does/not/exist")
	test("file:"+writeFile(t, "empty", "\n"), "file ")
	test("***", "is the mark of a hidden secret")
}

func TestNoTwoSettingsShareAName(t *testing.T) {
	flags, variables := map[string]string{"--config": ""}, map[string]string{"FIREHOSE_CONFIG": ""}
	for _, s := range settings(reflect.TypeFor[Config](), "", nil) {
		flag, _ := s.flag()
		for _, name := range []struct {
			text  string
			taken map[string]string
		}{{flag, flags}, {s.variable(), variables}} {
			if other, ok := name.taken[name.text]; ok {
				t.Errorf("%s and %s are both %s", s.key, other, name.text)
			}
			name.taken[name.text] = s.key
		}
		for _, s := range append(s.entries(), s) {
			if !strings.HasSuffix(s.help, ".") {
				t.Errorf("help of %s is no sentence: %q", s.key, s.help)
			}
		}
	}
}

// Whatever the file holds, it is either refused or makes a configuration whose print makes the same one.
func FuzzFile(f *testing.F) {
	f.Add("auth:\n  mode: sigv4\n  keys: [{access_key: a, secret_key: b}]\n")
	f.Add("log: {retention: 1h}\nlisten: [::1]:80\n")
	f.Add("a: &a [*a]\nlog: *a\n<<: *a")
	f.Add("limits: {bytes_per_second: 1.5KiB}\ndata_dir: \"\\x00\"")
	f.Fuzz(func(t *testing.T, text string) {
		var c, again Config
		l := newLoader(reflect.ValueOf(&c).Elem(), nil)
		setDefaults(l.target)
		l.readDocument(document{name: "f"}, []byte(text), l.target, "")
		if l.problems != nil || c.Validate() != nil {
			return
		}
		var first, second bytes.Buffer
		if err := c.Print(&first); err != nil {
			t.Fatal(err)
		}
		l = newLoader(reflect.ValueOf(&again).Elem(), nil)
		l.readDocument(document{name: "print"}, first.Bytes(), l.target, "")
		if err := again.Print(&second); err != nil || l.problems != nil || first.String() != second.String() {
			t.Fatalf("%v %v\n%s\n%s", err, l.problems, first.String(), second.String())
		}
	})
}

func TestSecretKeyIs32Bytes(t *testing.T) {
	if key, err := Secret("MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=").Key(); err != nil || key[31] != '1' {
		t.Error(key, err)
	}
	for _, s := range []Secret{"", "MDEy", "%%%%"} {
		if _, err := s.Key(); err == nil || (s != "" && strings.Contains(err.Error(), string(s))) {
			t.Errorf("error is %v", err)
		}
	}
}

func TestBytesAreReadAndWritten(t *testing.T) {
	test := func(text string, want Bytes, written string) {
		t.Helper()
		got, err := ParseBytes(text)
		if err != nil || got != want || got.String() != written {
			t.Errorf("%q is %d (%s), %v; want %d (%s)", text, got, got, err, want, written)
		}
	}
	test("0", 0, "0")
	test("1000", 1000, "1000")
	test("64MiB", 64<<20, "64MiB")
	test("64 MiB", 64<<20, "64MiB")
	test("1.5KiB", 1536, "1536")
	test("5MB", 5e6, "5000000")
	test("1024B", 1024, "1KiB")
	test("8kB", 8000, "8000")
	test("1536MiB", 3<<29, "1536MiB")
	test("7TiB", 7<<40, "7TiB")
	test("9223372036854775807", 1<<63-1, "9223372036854775807")

	for _, text := range []string{"", "MiB", "-1", "1e3", "1.0001KiB", "5 mb", "5M", "0x10", "9223372036854775808", "9000000TiB", "1..5", "inf", "1_000"} {
		if got, err := ParseBytes(text); !errors.Is(err, ErrBadBytes) {
			t.Errorf("%q is %d, %v", text, got, err)
		}
	}
	encoded, err := json.Marshal(Bytes(5 << 20))
	var decoded Bytes
	if err != nil || string(encoded) != `"5MiB"` || json.Unmarshal(encoded, &decoded) != nil || decoded != 5<<20 {
		t.Errorf("%s, %v", encoded, err)
	}
}

func TestStreamsAreTakenOverAsTheyAre(t *testing.T) {
	file := filepath.Join(t.TempDir(), "firehose.yaml")
	text := "streams:\n  - name: a # the first\n    destinations: [{type: s3}]\n  - {name: b, x: \"7\"}\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	c, _, err := Load([]string{"--config", file}, nil)
	if err != nil {
		t.Fatal(err)
	}
	want := []Document{"name: a # the first\ndestinations: [{type: s3}]\n", "{name: b, x: \"7\"}\n"}
	if !slices.Equal(c.Streams, want) {
		t.Errorf("got %q, want %q", c.Streams, want)
	}
	var printed bytes.Buffer
	if err := c.Print(&printed); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(printed.String(), "  - name: a # the first\n    destinations: [{type: s3}]\n") {
		t.Errorf("printed it is\n%s", printed.String())
	}
}
