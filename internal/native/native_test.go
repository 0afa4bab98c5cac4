package native

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

var update = flag.Bool("update", false, "write the golden files")

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
		t.Errorf("%s is not in step (go test -update writes it); got:\n%s", name, got)
	}
}

func parseYAML(t *testing.T, source string) *Document {
	t.Helper()
	d, err := Parse([]byte(source), YAML)
	if err != nil {
		t.Fatalf("%v\n%s", err, source)
	}
	return d
}

func full(t *testing.T) *Document {
	t.Helper()
	source, err := os.ReadFile("testdata/full.yaml")
	if err != nil {
		t.Fatal(err)
	}
	return parseYAML(t, string(source))
}

const lake = "name: clicks\ndestinations:\n  - {id: lake, type: s3, s3: {bucket: my-events}}\n"

func TestADocumentIsTheSameInBothForms(t *testing.T) {
	d := full(t)
	for _, form := range []Form{YAML, JSON} {
		text, err := d.Text(form)
		if err != nil {
			t.Fatal(err)
		}
		again, err := Parse(text, form)
		if err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
		if !bytes.Equal(again.Stored(), d.Stored()) || !again.Equal(d) || again.Digest() != d.Digest() {
			t.Errorf("read again it is\n%s\nnot\n%s", again.Stored(), d.Stored())
		}
		if Guess(text) != form {
			t.Errorf("the text of form %d is taken for the other", form)
		}
	}
}

func TestTheCompleteFormIsADocumentThatMeansTheSame(t *testing.T) {
	for name, d := range map[string]*Document{"full": full(t), "lake": parseYAML(t, lake)} {
		text, err := d.Complete(YAML)
		if err != nil {
			t.Fatal(err)
		}
		golden(t, "testdata/"+name+"_complete.yaml", text)
		if again := parseYAML(t, string(text)); !again.Equal(d) || len(again.Changes(d)) != 0 {
			t.Errorf("%s: the complete form means something else: %v", name, again.Changes(d))
		}
	}
}

func TestProblemsNamePathValueAndWhatIsAllowed(t *testing.T) {
	test := func(source string, want ...string) {
		t.Helper()
		_, err := Parse([]byte(source), YAML)
		got := ""
		if err != nil {
			got = err.Error()
		}
		if got != strings.Join(want, "\n") {
			t.Errorf("%.1000s\ngot  %s\nwant %s", source, got, strings.Join(want, "\n"))
		}
	}
	to := func(rest string) string { return "{name: a, destinations: [{" + rest + "}]}" }
	lake := func(rest string) string { return to("type: s3, s3: {bucket: abc}, " + rest) }
	hook := func(rest string) string { return to("type: webhook, webhook: {url: http://h, " + rest + "}") }

	test(lake(""))
	test(lake("batch: , format: {type: , compression: none}"))
	test("", "want one document, got 0")
	test("- a", "is a list; want a section with name, description, source, idempotency, collector, order_key, metadata, destinations")
	test("a: [", "not YAML: line 1: did not find expected node content")
	test("{name: a, name: b}", `line 1: key "name" is given twice`)
	test("{name: a b, nam: c}",
		"destinations: is missing; want a list of sections with id, type, description, paused, start, preset, batch, filter, enrich, function, mask, format, s3, webhook, http_endpoint, retry_for, errors",
		`name: "a b": is wrong; want 1 to 64 letters, digits, dots, underscores and hyphens`,
		`nam: unknown key; the nearest known key is "name"`)
	test("{name: 7, destinations: []}", `name: "7": is a number; want 1 to 64 letters, digits, dots, underscores and hyphens (a text that looks like something else needs quotes)`)
	test("{name: a, destinations: []}", "destinations: is empty; want at least one destination")
	test(to("typ: s3"), "destinations[0].type: is missing; want one of s3, webhook, http_endpoint",
		`destinations[0].typ: unknown key; the nearest known key is "type"`)
	test(lake("order_key: a"), `destinations[0].order_key: unknown key; known are id, type, description, paused, start, preset, batch, filter, enrich, function, mask, format, s3, webhook, http_endpoint, retry_for, errors`)
	test(to("type: s4"), `destinations[0].type: "s4": is wrong; want one of s3, webhook, http_endpoint; the nearest is "s3"`)
	test(to("type: s3"), "destinations[0].s3: is missing; the type says that it is given")
	test(lake("webhook: {url: http://h}"), "destinations[0].webhook: is of another kind; the type is s3")
	test(lake("batch: {size: 5 apples, count: -1, wait: 1d}"),
		`destinations[0].batch.size: "5 apples": is wrong; want a size such as 64MiB or 5MB, from 1B to 128MiB`,
		`destinations[0].batch.count: "-1": is wrong; want a whole number, at least 0`,
		`destinations[0].batch.wait: "1d": is wrong; want a duration such as 30s, 5m or 24h, from 0s to 15m`)
	test(lake("batch: {size: 129MiB}"), `destinations[0].batch.size: "129MiB": is wrong; want a size such as 64MiB or 5MB, from 1B to 128MiB`)
	test(lake("start: 2026-02-28T23:59:59.5+01:00"))
	test(lake("start: yesterday"), `destinations[0].start: "yesterday": is wrong; want now, oldest, or a time such as 2026-02-03T04:05:06Z`)
	test(lake("start: 2026-02-31T00:00:00Z"), `destinations[0].start: "2026-02-31T00:00:00Z": is no time of the calendar`)
	test(lake("retry_for: 1h"), `destinations[0].retry_for: "1h0m0s": is for webhook and http_endpoint; a bucket is waited for without end`)
	test(to("type: webhook, webhook: {url: http://h}, retry_for: 1h"), `destinations[0].retry_for: "1h0m0s": needs errors with a bucket, where events go after it`)
	test(to("type: webhook, webhook: {url: http://h}, retry_for: 1h, errors: {bucket: abc}"))
	test(lake("batch: big"), "destinations[0].batch: is a text; want a section with size, count, wait")
	test(lake("paused: yes"), `destinations[0].paused: "yes": is a text; want true or false`)
	test(lake("preset: cheap"), `destinations[0].preset: "cheap": is wrong; want one of realtime, cost`)
	test(lake("format: {type: csv}"), "destinations[0].format.columns: is missing; csv needs its columns, such as [event_id, lead_data.state]")
	test(lake("format: {type: csv, columns: [a.b, a., 'c[*].d']}"),
		`destinations[0].format.columns[1]: "a.": is wrong; want a path of names with dots between them, such as metadata.price`,
		`destinations[0].format.columns[2]: "c[*].d": is wrong; want a path of names with dots between them, such as metadata.price`)
	test(lake("format: {columns: [a]}"), "destinations[0].format.columns: is for csv only; the type is ndjson")
	test(lake("format: {type: raw, metadata: true}"), `destinations[0].format.metadata: "true": is for events that are JSON; the type is raw`)
	test(to("type: s3, s3: {bucket: A, key: '/{{flow}}/{{year}/!{x}', time_zone: Mars}"),
		`destinations[0].s3.bucket: "A": is wrong; want 3 to 63 small letters, digits, dots and hyphens`)
	test(to("type: s3, s3: {bucket: abc, key: '/{{flow}}/{{year}/!{x}', time_zone: Mars}"),
		`destinations[0].s3.key: "/{{flow}}/{{year}/!{x}": is wrong: folder, character 10: {{ has no }} after it`,
		`destinations[0].s3.key: "/{{flow}}/{{year}/!{x}": has an expression of Amazon's prefixes; a field is written as {{year}}`,
		`destinations[0].s3.time_zone: "Mars": is wrong; want a name such as UTC or Europe/Berlin`)
	test("{name: a, destinations: [{type: s3, s3: {bucket: abc}}, {type: s3, s3: {bucket: abc}}]}",
		`destinations[1].id: "s3": is that of another destination; want a name of its own`)
	test(hook("method: GET"), `destinations[0].webhook.method: "GET": is wrong; want one of POST, PUT, PATCH`)
	test(to("type: webhook, webhook: {url: http://u:p@h}"), `destinations[0].webhook.url: is wrong; want a URL such as https://host/path, without user and password`)
	test(hook("headers: {Authorization: hush-hush, Host: x, 'a b': c, X-Key: '${K}'}"),
		"destinations[0].webhook.headers[Authorization]: holds a credential; want a reference such as ${WEBHOOK_TOKEN} to a variable of the server's environment",
		`destinations[0].webhook.headers[Host]: "Host": is set by the sender; leave it out`,
		`destinations[0].webhook.headers[a b]: "a b": is no name of a header`)
	const unclosed = "has ${ that begins no reference; want one such as ${WEBHOOK_TOKEN}. A $ without { stands for itself, and a value that has ${ in it can be that of a variable"
	test(hook("headers: {A: '${}', B: 'x ${A', C: '$5 ${OK} $', D: '${OK}${', E: '${A-B}'}"), "destinations[0].webhook.headers[A]: "+unclosed,
		"destinations[0].webhook.headers[B]: "+unclosed, "destinations[0].webhook.headers[D]: "+unclosed, "destinations[0].webhook.headers[E]: "+unclosed)
	test(hook("headers: {X-Team: a, x-team: b}"),
		`destinations[0].webhook.headers[x-team]: "x-team": is the same header as X-Team, since capital letters make no difference; leave out one of them`)
	for _, name := range []string{"x-api-key", "Api-Key", "X-Auth-Token", "X-Auth", "X-Signature", "X-Hub-Signature", "X-Hub-Signature-256", "X-Amz-Security-Token", "X-Credential", "Ocp-Apim-Subscription-Key", "X-HMAC-SHA256", "Cookie", "Proxy-Authorization"} {
		test(hook("headers: {"+name+": hush-hush}"), "destinations[0].webhook.headers["+name+"]: holds a credential; want a reference such as ${WEBHOOK_TOKEN} to a variable of the server's environment")
		test(hook("headers: {" + name + ": 'v1=${S}'}"))
	}
	test(hook("headers: {X-Author: ada, X-Team: west, X-Signature-Method: hmac, X-Key-Id: k1, X-Tokens: none}"))
	test(hook("secrets: [hush-hush]"), "destinations[0].webhook.secrets[0]: is wrong; want a reference: ${NAME} for a variable of the server's environment, or file:PATH")
	test(hook("secrets: ['${A}', '${B}', '${C}']"), "destinations[0].webhook.secrets: has 3 entries; want at most two, the new one and the old one")
	test(to("type: webhook, format: {type: raw, compression: zip}, webhook: {url: http://h}"),
		`destinations[0].format.type: "raw": is not for a destination of type webhook; want one of ndjson, json_array, cloudevents, csv`,
		`destinations[0].format.compression: "zip": is not for a destination of type webhook`)
	test(lake("errors: {key: bad/}"), `destinations[0].errors.key: "bad/": has no {{error_type}}, which tells the kinds of errors apart`)
	test(lake("filter: {include: [{where: [metadata.price >]}], expression: '1 +', missing: maybe}"),
		`destinations[0].filter.missing: "maybe": is wrong; want one of no_match, skip`)
	test(lake("mask: {rules: [{path: a, kind: ssn}]}"), `destinations[0].mask.rules[0].kind: "ssn": is wrong; want one of ssn:last4, email:partial, phone:area, name:first_letter, dob:year, ip:net, credential, all, redact, hash, hash:email, hash:phone, hash:ssn, hash:text, drop, pattern; the nearest is "ssn:last4"`)
	test(lake("mask: {rules: [{path: '*', kind: all}]}"), `destinations[0].mask.rules: is wrong: mask 1 (path "*"): the path * is for the kind "pattern" only; name the member that "all" is for`)
	test(lake("mask: {rules: []}"), "destinations[0].mask.rules: is empty; want at least one rule, or no mask at all")
	test(lake(`filter: {include: [{where: ["`+strings.Repeat("a = 1 AND ", 1000)+`a = 1"]}]}`), "destinations[0].filter: 1001 predicates, allowed are 1000")
	test(lake("mask: {rules: [{path: a, kind: hash}], key: hush-hush}"), "destinations[0].mask.key: is wrong; want a reference: ${NAME} for a variable of the server's environment, or file:PATH")
	test(lake("enrich: {lookups: [{name: a, key: b, file: t.csv, url: http://h, headers: {Authorization: hush-hush}}]}"),
		"destinations[0].enrich.lookups[0].headers[Authorization]: holds a credential; want a reference such as ${WEBHOOK_TOKEN} to a variable of the server's environment",
		"destinations[0].enrich: is wrong: lookups[0]: one of file and url is needed")
	test(to("type: webhook, errors: {}, webhook: {url: http://h}"), "destinations[0].errors.bucket: is missing; only an S3 destination has a bucket to take its place")
}

func TestURLsThatCannotBeReachedAreRefused(t *testing.T) {
	f := func(url, want string) {
		t.Helper()
		for path, to := range map[string]string{
			"webhook":           "type: webhook, webhook: {url: '" + url + "'}",
			"http_endpoint":     "type: http_endpoint, http_endpoint: {url: '" + url + "'}",
			"enrich.lookups[0]": "type: s3, s3: {bucket: abc}, enrich: {lookups: [{name: a, key: b, url: '" + url + "'}]}",
		} {
			_, err := Parse([]byte("{name: a, destinations: [{"+to+"}]}"), YAML)
			got := ""
			if err != nil {
				got = err.Error()
			}
			if want := "destinations[0]." + path + ".url: " + want; want != got && !(strings.HasSuffix(want, ".url: ") && got == "") {
				t.Errorf("%s: got %q, want %q", url, got, want)
			}
		}
	}
	const (
		invalid = "is no valid URL; want one such as https://host/path, or https://[2001:db8::1]/path for an address of IPv6"
		noHost  = "has no valid host; want a name such as hooks.example.com, or an address"
	)
	f("http://[::1/", invalid)
	f("https://h/%zz", invalid)
	f("https://h:x/", invalid)
	f("http://h:99999/", "has the port 99999; want one from 1 to 65535")
	f("http://h:0", "has the port 0; want one from 1 to 65535")
	f("http://h..example", noHost)
	f("https://.example/", noHost)
	f("https://:443/", noHost)
	f("https://a,b/", noHost)
	f("https://"+strings.Repeat("a", 64)+".example/", noHost)
	f("https://${HOST}/", "has a reference, which is not resolved in a URL; want the URL itself, and credentials in headers")
	f("https://h/x?token=${TOKEN}", "has a reference, which is not resolved in a URL; want the URL itself, and credentials in headers")
	f("https://u:p@h/", "is wrong; want a URL such as https://host/path, without user and password")
	f("ftp://h/", "is wrong; want a URL such as https://host/path, without user and password")
	for _, good := range []string{"http://h", "https://h.example.:65535/a?b=$c#d", "http://[::1]:80/", "http://127.0.0.1:8080/x", "http://my_service:8080", "https://bücher.example/"} {
		f(good, "")
	}
}

func TestProblemsOfAFilterHaveThePathOfTheDocument(t *testing.T) {
	_, err := Parse([]byte("{name: a, destinations: [{type: s3, s3: {bucket: abc}, filter: {include: [{where: ['a >']}], rules: {op: xor, rules: [{lhv: a, op: is blank}]}}}]}"), YAML)
	var problems Problems
	if !errors.As(err, &problems) || len(problems) != 2 {
		t.Fatalf("got %v, want two problems", err)
	}
	for i, want := range []string{"destinations[0].filter.include[0].where[0]", "destinations[0].filter.rules.op"} {
		if problems[i].Path != want {
			t.Errorf("got %v, want it at %s", problems[i], want)
		}
	}
}

func TestEmptyTextsOfNamesStay(t *testing.T) {
	d, err := Parse([]byte(`{name: a, destinations: [{type: s3, s3: {bucket: abc}, enrich: {tags: {x: "", y: z}}},
		{type: http_endpoint, http_endpoint: {url: http://h, attributes: {x: ""}}}]}`), YAML)
	if err != nil {
		t.Fatal(err)
	}
	text := string(d.full().json(nil))
	if !strings.Contains(text, `"tags":{"x":"","y":"z"}`) || !strings.Contains(text, `"attributes":{"x":""}`) {
		t.Error(text)
	}
}

func TestNumbersOfMetadataKeepTheirDigits(t *testing.T) {
	d, err := Parse([]byte(`{"name":"a","metadata":{"id":9007199254740993,"big":1e400,"f":0.1},"destinations":[{"type":"s3","s3":{"bucket":"abc"}}]}`), JSON)
	if err != nil {
		t.Fatal(err)
	}
	text, err := d.Complete(JSON)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`"id": 9007199254740993`, `"big": 1e400`, `"f": 0.1`} {
		if !strings.Contains(string(text), want) {
			t.Errorf("%s is not in %s", want, text)
		}
	}
}

func TestNoAliasMakesASmallTextLarge(t *testing.T) {
	source := "a: &a [x, x, x, x, x, x, x, x, x, x]\n"
	for c := 'b'; c < 'j'; c++ {
		source += fmt.Sprintf("%c: &%c [%s]\n", c, c, strings.TrimSuffix(strings.Repeat("*"+string(c-1)+", ", 10), ", "))
	}
	if _, err := Parse([]byte(source), YAML); err == nil || !strings.Contains(err.Error(), "more than 20000 values") {
		t.Errorf("got %v, want a refusal", err)
	}
}

func TestChangesNameThePathAndBothValues(t *testing.T) {
	test := func(before, after string, want string) {
		t.Helper()
		got, err := json.Marshal(parseYAML(t, after).Changes(parseYAML(t, before)))
		if err != nil {
			t.Fatal(err)
		}
		if string(got) != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
	test(lake, lake, "null")
	test(lake, strings.Replace(lake, "type: s3,", "type: s3, batch: {size: 5242880}, paused: false,", 1), "null")
	test(lake, strings.Replace(lake, "type: s3,", "type: s3, preset: realtime,", 1),
		`[{"path":"destinations[lake].preset","to":"realtime"},{"path":"destinations[lake].batch.size","from":"5MiB","to":"1MiB"},{"path":"destinations[lake].batch.wait","from":"5m","to":"1m"}]`)
	test(lake, lake+"  - {type: webhook, webhook: {url: 'http://h'}}\norder_key: id\n",
		`[{"path":"order_key","to":"id"},{"path":"destinations[webhook]","to":{"id":"webhook","type":"webhook","paused":false,"start":"now","batch":{"size":"1MiB","count":100,"wait":"30s"},"format":{"type":"ndjson","compression":"none","metadata":false},"webhook":{"url":"http://h","method":"POST","timeout":"30s"}}}]`)
	two := "name: a\ndestinations:\n  - {id: x, type: s3, s3: {bucket: xxx}}\n  - {id: y, type: s3, s3: {bucket: yyy}}\n"
	turned := "name: a\ndestinations:\n  - {id: y, type: s3, s3: {bucket: yyy}}\n  - {id: x, type: s3, s3: {bucket: zzz}}\n"
	test(two, turned, `[{"path":"destinations[x].s3.bucket","from":"xxx","to":"zzz"},{"path":"destinations[x].errors.bucket","from":"xxx","to":"zzz"}]`)
}

func TestADestinationKeepsItsType(t *testing.T) {
	hook := parseYAML(t, "name: clicks\ndestinations:\n  - {id: lake, type: webhook, webhook: {url: 'http://h'}}\n")
	err := hook.succeeds(parseYAML(t, lake))
	if want := `destinations[0].type: "webhook": is another than before, s3; give the destination another id`; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestSchemaIsInStep(t *testing.T) {
	schema, err := Schema()
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "../../docs/reference/stream.schema.json", schema)
}

// The page's tables are generated; what stands before them is for people to write, and its examples are documents.
func TestReferencePageIsInStep(t *testing.T) {
	const name, mark = "../../docs/reference/streams.md", "<!-- What follows is generated from the source; do not edit. -->\n"
	page, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	head, _, found := strings.Cut(string(page), mark)
	if !found {
		t.Fatalf("%s has no line %s", name, mark)
	}
	golden(t, name, []byte(head+mark+Reference()))
	examples := 0
	for _, block := range strings.Split(head, "```yaml\n")[1:] {
		text, _, _ := strings.Cut(block, "```")
		if !strings.HasPrefix(text, "name:") {
			continue
		}
		parseYAML(t, text)
		examples++
	}
	if examples < 2 {
		t.Errorf("%s has %d examples", name, examples)
	}
}

// The schema is held against the parser: both must be of one mind on documents whose mistakes a schema can see.
func TestSchemaIsOfTheParsersMind(t *testing.T) {
	text, err := Schema()
	if err != nil {
		t.Fatal(err)
	}
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	compiler := jsonschema.NewCompiler()
	if err := compiler.AddResource("stream.schema.json", value); err != nil {
		t.Fatal(err)
	}
	schema, err := compiler.Compile("stream.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	test := func(source string, valid bool) {
		t.Helper()
		_, err := Parse([]byte(source), YAML)
		trees, readErr := readTrees([]byte(source), YAML)
		if readErr != nil {
			t.Fatal(readErr)
		}
		document, jsonErr := jsonschema.UnmarshalJSON(bytes.NewReader(trees[0].json(nil)))
		if jsonErr != nil {
			t.Fatal(jsonErr)
		}
		judged := schema.Validate(document)
		if (err == nil) != valid || (judged == nil) != valid {
			t.Errorf("%s\nparser: %v\nschema: %v\nwant valid: %v", source, err, judged, valid)
		}
	}
	text, err = os.ReadFile("testdata/full.yaml")
	if err != nil {
		t.Fatal(err)
	}
	test(string(text), true)
	test(lake, true)
	test(lake+"description:\norder_key:\nsource:\n", true)
	test(strings.Replace(lake, "type: s3", "type: s3, preset: , paused: , batch: {size: 1048576, wait: 1m30s}", 1), true)
	test("name: a", false)
	test(lake+"extra: 1\n", false)
	test(lake+"order_key: a..b\n", false)
	test(lake+"description: 7\n", false)
	test(strings.Replace(lake, "my-events", "My_Events", 1), false)
	test(strings.Replace(lake, "type: s3", "type: s3, preset: cheap", 1), false)
	test(strings.Replace(lake, "type: s3", "type: s3, paused: 1", 1), false)
	test(strings.Replace(lake, "type: s3", "type: s3, batch: {count: -1}", 1), false)
	test(strings.Replace(lake, "type: s3", "type: s3, batch: {size: much}", 1), false)
	test(strings.Replace(lake, "type: s3", "type: s3, batch: {wait: 5}", 1), false)
	test(strings.Replace(lake, "type: s3", "type: s3, function: {arn: a b}", 1), false)
	test("name: a\ndestinations: [{type: webhook, webhook: {url: 'http://h', secrets: [hush]}}]", false)
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(lake), false)
	f.Add([]byte(`{"name":"a","destinations":[{"type":"s3","s3":{"bucket":"a\ud83d\ude00"}}]}`), true)
	f.Add([]byte("a: &a [1]\nb: *a\n<<: {c: d}\n"), false)
	f.Fuzz(func(t *testing.T, source []byte, isJSON bool) {
		form := YAML
		if isJSON {
			form = JSON
		}
		documents, err := ParseAll(source, form)
		if err != nil {
			return
		}
		for _, d := range documents {
			again, err := Parse(d.Stored(), JSON)
			if err != nil || !again.Equal(d) {
				t.Fatalf("stored and read again it is another: %v\n%s", err, d.Stored())
			}
		}
	})
}
