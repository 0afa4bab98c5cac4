package mask

import (
	"slices"
	"strings"
	"testing"
	"time"

	"firehose/internal/jsonscan"
	"firehose/internal/sample"
)

func TestApplyMasksPathsAndLeavesTheRest(t *testing.T) {
	f := func(path, event, want string, fields ...string) {
		t.Helper()
		m := masker(t, Rule{Path: path, Kind: "all"})
		got, done := apply(t, m, event)
		if got != want || !slices.Equal(done.Fields, fields) {
			t.Errorf("%s of %s: %s with %q, want %s with %q", path, event, got, done.Fields, want, fields)
		}
		if again, _ := apply(t, m, got); again != got {
			t.Errorf("%s of %s becomes %s when it is masked again", path, got, again)
		}
	}
	f("a", ` { "x" : [1, {"a":2}] , "a" : "y" } `, ` { "x" : [1, {"a":2}] , "a" : "***" } `, "a")
	f("a.b", `{"a":{"b":1,"c":2}}`, `{"a":{"b":"***","c":2}}`, "a.b")
	f("a.b", `{"a":"b","b":"x"}`, `{"a":"b","b":"x"}`)
	f("a", `{}`, `{}`)
	f("a", `{"a":null}`, `{"a":null}`)
	f("a", `{"a":""}`, `{"a":""}`)

	// Each of several members of one name, however it is spelled.
	f("a", `{"a":1,"a":2,"\u0061":3,"b":4}`, `{"a":"***","a":"***","\u0061":"***","b":4}`, "a")
	f("a.b", `{"a":{"b":1},"a":{"\u0062":2}}`, `{"a":{"b":"***"},"a":{"\u0062":"***"}}`, "a.b")
	f("ключ", `{"\u043a\u043b\u044e\u0447":1,"ключ":2}`, `{"\u043a\u043b\u044e\u0447":"***","ключ":"***"}`, "ключ")
	f("😀", `{"\ud83d\ude00":1}`, `{"\ud83d\ude00":"***"}`, "😀")

	// Arrays, nested, with and without [*].
	for _, path := range []string{"a.b", "a[*].b", "a[*][*].b[*]"} {
		f(path, `{"a":[{"b":1},[{"b":[2,null,[3]],"c":4}],5]}`, `{"a":[{"b":"***"},[{"b":["***",null,["***"]],"c":4}],5]}`, path)
	}
	f("a", `{"a":[]}`, `{"a":[]}`)

	// Names with dots read as paths.
	f("a.b", `{"a.b":1,"a":{"b.c":2,"bc":3}}`, `{"a.b":"***","a":{"b.c":"***","bc":3}}`, "a.b")
	f("a.b.c", `{"a.b":{"c":1},"a":{"b.c":2},"a.b.c.d":3,"a.c":4,"a..b":5}`, `{"a.b":{"c":"***"},"a":{"b.c":"***"},"a.b.c.d":"***","a.c":4,"a..b":5}`, "a.b.c")
}

func TestApplyMasksWhatIsBelowAnObject(t *testing.T) {
	m := masker(t, Rule{Path: "lead.phone", Kind: "phone:area"}, Rule{Path: "lead.ssn", Kind: "ssn:last4"}, Rule{Path: "lead.email", Kind: "email:partial"})
	f := func(lead, want string) {
		t.Helper()
		if got, _ := apply(t, m, `{"lead":`+lead+`}`); got != `{"lead":`+want+`}` {
			t.Errorf("%s became %s, want %s", lead, got, want)
		}
	}
	f(`{"phone":{"raw":"(512) 789-1111","number":"5127891111","area":"512","exchange":"789","line":"1111","extension":"12","prefix":"1","country_code":"US","valid":true,"is_tollfree":false}}`,
		`{"phone":{"raw":"***","number":"***","area":"512","exchange":"***","line":"***","extension":"***","prefix":"***","country_code":"US","valid":true,"is_tollfree":false}}`)
	f(`{"phone":[{"area":512,"country_code":"+1","line":1111}]}`, `{"phone":[{"area":512,"country_code":"+1","line":"***"}]}`)
	f(`{"ssn":{"raw":"123-45-6789","last_four":"6789","valid":true}}`, `{"ssn":{"raw":"***","last_four":"6789","valid":true}}`)
	f(`{"email":{"raw":"a@b.com","user":"a","valid":false,"area":"512"}}`, `{"email":{"raw":"***","user":"***","valid":false,"area":"***"}}`)

	// What may stay must look like it, and stand where it belongs.
	f(`{"phone":{"area":"5127891111","country_code":"5127891111","valid":"5127891111"}}`, `{"phone":{"area":"***","country_code":"***","valid":"***"}}`)
	f(`{"phone":{"area":{"area":"512"},"country_code":["1","512789"]}}`, `{"phone":{"area":{"area":"***"},"country_code":["1","***"]}}`)
	f(`{"phone":{"more":{"valid":true}}}`, `{"phone":{"more":{"valid":"***"}}}`)
	f(`{"phone.area":"512","phone.raw":"5127891111","phone.raw.valid":true}`, `{"phone.area":"512","phone.raw":"***","phone.raw.valid":"***"}`)
}

func TestApplyTakesTheDeepestRule(t *testing.T) {
	m := masker(t, Rule{Path: "lead", Kind: "all"}, Rule{Path: "lead.phone", Kind: "phone:area"}, Rule{Path: "lead.note", Kind: "pattern"}, Rule{Path: "*", Kind: "pattern"})
	got, done := apply(t, m, `{"note":"a@b.com","n":5127891111,"lead":{"name":"Ann","phone":"5127891111","note":"a@b.com","x":{"phone":"5127891111"}},"more":["x",{"y":"123-45-6789"}]}`)
	want := `{"note":"[REDACTED]","n":5127891111,"lead":{"name":"***","phone":"512-***-****","note":"[REDACTED]","x":{"phone":"***"}},"more":["x",{"y":"[REDACTED]"}]}`
	if got != want {
		t.Errorf("got %s\nwant %s", got, want)
	}
	if want := []string{"*", "lead", "lead.note", "lead.phone"}; !slices.Equal(done.Fields, want) {
		t.Errorf("masked fields are %q, want %q", done.Fields, want)
	}
}

func TestApplyHidesJSONInStringsWhereAPathLeadsOn(t *testing.T) {
	m := masker(t, Rule{Path: "lead.email", Kind: "email:partial"}, Rule{Path: "lead.more.note", Kind: "pattern"}, Rule{Path: "other", Kind: "all"})
	f := func(event, want string, fields ...string) {
		t.Helper()
		got, done := apply(t, m, event)
		if got != want || !slices.Equal(done.Fields, fields) {
			t.Errorf("%s became %s with %q, want %s with %q", event, got, done.Fields, want, fields)
		}
	}
	f(`{"lead":"{\"email\":\"john@email.com\"}"}`, `{"lead":"***"}`, "lead.email", "lead.more.note")
	f(`{"lead":{"more":["\n\u005b5,\"john\"","x"]}}`, `{"lead":{"more":["***","x"]}}`, "lead.more.note")
	f(`{"lead":"\"{}\""}`, `{"lead":"***"}`, "lead.email", "lead.more.note")
	f(`{"lead":"a lead","x":"{\"email\":1}"}`, `{"lead":"a lead","x":"{\"email\":1}"}`)
}

func TestApplyDropsMembers(t *testing.T) {
	m := masker(t, Rule{Path: "a", Kind: "drop"}, Rule{Path: "b.c", Kind: "drop"}, Rule{Path: "m", Kind: "all"})
	f := func(event, want string) {
		t.Helper()
		if got, _ := apply(t, m, event); got != want {
			t.Errorf("%s became %s, want %s", event, got, want)
		}
	}
	f(`{"a":1}`, `{}`)
	f(`{ "a" : {"x":[1,2]} }`, `{  }`)
	f(`{"a":1,"x":2}`, `{"x":2}`)
	f(`{ "a":1 , "x":2 }`, `{ "x":2 }`)
	f(`{"x":2 , "a":1}`, `{"x":2}`)
	f(`{"x":2,"a":1,"y":3}`, `{"x":2,"y":3}`)
	f(`{"a":1,"a":2,"\u0061":3}`, `{}`)
	f(`{"x":1,"a":1,"a":2,"y":1,"a":3}`, `{"x":1,"y":1}`)
	f(`{"a":1,"a":2,"m":3,"a":4,"a":5,"m":6,"a":7}`, `{"m":"***","m":"***"}`)
	f(`{"m":1,"b":{"c":1},"a":2,"b":[{"c":1,"d":2},{"d":1,"c":2}]}`, `{"m":"***","b":{},"b":[{"d":2},{"d":1}]}`)
	f(`{"a.b":1,"b.c":2,"b.d":3,"b.c.e":4}`, `{"b.d":3}`)
}

func TestApplyPassesNothingOfWhatIsNoObject(t *testing.T) {
	m := masker(t, Rule{Path: "a", Kind: "all"}, Rule{Path: "*", Kind: "pattern"})
	deep := strings.Repeat(`{"a":[`, jsonscan.DepthMax)
	for _, event := range []string{
		"", " ", "x", "7", `"secret"`, "null", `[{"a":"secret"}]`, `{"a":"secret"`, `{"a":"secret"}x`, `{"a":"secret"}{"a":"secret"}`,
		`{"a":"secret",}`, `{"a":"sec` + "\n" + `ret"}`, `{"a":01}`, `{"a" "secret"}`, `{a:1}`, `{"a":[1,]}`, `{"a":[1}`, `{"x":[1 2]}`, `{"a":{"b":tru}}`,
		`{"a":"\u12g4"}`, `{"\x":1}`, `{"a`, `{"a"`, `{"a":`, `{"a":[`, "\ufeff{}", deep,
	} {
		dst := []byte("before")
		masked, done, err := m.Apply(dst, []byte(event))
		if err == nil {
			t.Errorf("%.40q is taken", event)
			continue
		}
		if string(masked) != "before" || len(done.Fields) > 0 {
			t.Errorf("%.40q: %q is handed on with %q", event, masked, done.Fields)
		}
		if strings.Contains(err.Error(), "secret") || strings.ContainsAny(err.Error(), "\"'x{[") {
			t.Errorf("%.40q: the error shows text of the event: %v", event, err)
		}
	}
}

func TestApplyAppends(t *testing.T) {
	m := masker(t, Rule{Path: "a", Kind: "all"})
	masked, _, err := m.Apply([]byte("before "), []byte(`{"a":1}`))
	if err != nil || string(masked) != `before {"a":"***"}` {
		t.Errorf("%s, %v", masked, err)
	}
}

func TestApplyTakesHugeEvents(t *testing.T) {
	m := masker(t, Rule{Path: "a.v", Kind: "email:partial"}, Rule{Path: "*", Kind: "pattern"})
	event := `{"a":[` + strings.Repeat(`{"v":"john@email.com","w":"call 512-789-1111"},`, 50_000) + `{"v":"` + strings.Repeat("x", 1<<20) + `"}],"n":"` + strings.Repeat("123-", 1<<18) + `"}`
	got, done := apply(t, m, event)
	if n := strings.Count(got, `{"v":"j***@e***.com","w":"call [REDACTED]"}`); n != 50_000 || done.Unparsed != 1 {
		t.Errorf("%d of 50000 are masked, %d unparsed", n, done.Unparsed)
	}
	deep := strings.Repeat(`{"a":[`, jsonscan.DepthMax/2-1) + `{"v":"john@email.com"}` + strings.Repeat(`]}`, jsonscan.DepthMax/2-1)
	if _, _, err := m.Apply(nil, []byte(deep)); err != nil {
		t.Errorf("an event of the greatest depth: %v", err)
	}
}

func TestMasksTakeTimeInProportionToTheText(t *testing.T) {
	var rules []Rule
	for _, k := range Kinds() {
		rules = append(rules, Rule{Path: strings.ReplaceAll(k[0], ":", "_"), Kind: k[0]})
	}
	m := masker(t, rules...)
	for _, piece := range []string{"a", "1", "@", "a@", "%40", "a%40!", "1-", "1\u200b", "12 ", "\u200b", "e\u0301", "\u0301", "- ", "+1", "王 ", "(", "\u0600", "\xff", "😀\u200d"} {
		text := quote("1" + strings.Repeat(piece, 1<<17/len(piece)))
		var event strings.Builder
		for _, r := range rules {
			event.WriteString("," + quote(r.Path) + ":" + text)
		}
		start := time.Now()
		apply(t, m, "{"+event.String()[1:]+"}")
		if took := time.Since(start); took > 10*time.Second { // a tenth of a second is usual; what is quadratic takes half a minute
			t.Errorf("128 KB of %q took %v", piece, took)
		}
	}
}

func TestCompileSaysWhatIsWrong(t *testing.T) {
	f := func(want string, key Key, rules ...Rule) {
		t.Helper()
		if _, err := Compile(rules, key); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v, want %s", rules, err, want)
		}
	}
	good := Rule{Path: "a", Kind: "all"}
	f(`mask 2 (path "b"): kind "ssn:last5" is not known; allowed are ssn:last4, email:partial`, testKey, good, Rule{Path: "b", Kind: "ssn:last5"})
	f(`mask 1 (path "b"): kind "hash": a key of at least 16 bytes is needed, 0 are given`, Key{}, Rule{Path: "b", Kind: "hash"})
	f(`key id "a:b": allowed are`, Key{ID: "a:b", Secret: testKey.Secret}, Rule{Path: "b", Kind: "hash:email"})
	f(`mask 1 (path ""): the path is empty`, testKey, Rule{Kind: "all"})
	f(`"" is no name of a member; allowed are names`, testKey, Rule{Path: "a..b", Kind: "all"})
	f(`"b[0]" is no name of a member`, testKey, Rule{Path: "a.b[0]", Kind: "all"})
	f(`"*" is no name of a member`, testKey, Rule{Path: "a.*", Kind: "all"})
	f(`"[*]" is no name of a member`, testKey, Rule{Path: "[*]", Kind: "all"})
	f(`the path is not UTF-8`, testKey, Rule{Path: "\xff", Kind: "all"})
	f(`the path * is for the kind "pattern" only`, testKey, Rule{Path: "*", Kind: "all"})
	f(`mask 2 (path "a[*]"): a has the kind "all" already`, testKey, good, Rule{Path: "a[*]", Kind: "drop"})
	f(`mask of path "a.b": it lies below "a", which is dropped`, testKey, Rule{Path: "a.b", Kind: "all"}, Rule{Path: "a", Kind: "drop"})
	f(`domain "show" is not known; allowed is keep`, testKey, Rule{Path: "a", Kind: "email:partial", Domain: "show"})
	f(`domain "keep": only the kind email:partial has a domain`, testKey, Rule{Path: "a", Kind: "phone:area", Domain: "keep"})
	if _, err := Compile([]Rule{{Path: "a", Kind: "ssn: last4"}}, Key{}); err != nil {
		t.Errorf("a space behind the colon: %v", err)
	}
}

func TestApplyAllocatesNothing(t *testing.T) {
	m := masker(t, leadRules()...)
	event := []byte(leadEvent)
	var dst []byte
	if n := testing.AllocsPerRun(100, func() {
		var err error
		if dst, _, err = m.Apply(dst[:0], event); err != nil {
			t.Fatal(err)
		}
	}); n > 0 {
		t.Errorf("%v allocations for an event", n)
	}
}

// What is known of another event is of no use, and hides nothing.
func TestApplyKnownBelievesOnlyWhereAValueBegins(t *testing.T) {
	m := masker(t, Rule{Path: "email", Kind: "redact"})
	const event = `{"a":"x","email":"john@example.com","b":1}`
	for _, other := range []string{`{"first":1,"b":2}`, `{"a":[0,1,2,3,4],"email":1}`, `{}`} {
		var members [8]jsonscan.Value
		noted, err := jsonscan.Compile().ScanMembers([]byte(other), nil, members[:])
		if err != nil {
			t.Fatal(err)
		}
		got, _, err := m.ApplyKnown(nil, []byte(event), members[:noted])
		if strings.Contains(string(got), "john") {
			t.Errorf("with what is known of %s: %s, %v", other, got, err)
		}
	}
}

func leadRules() []Rule {
	return []Rule{
		{Path: "lead_data.ssn", Kind: "ssn:last4"}, {Path: "lead_data.email", Kind: "email:partial"}, {Path: "lead_data.phone", Kind: "phone:area"},
		{Path: "lead_data.name", Kind: "name:first_letter"}, {Path: "lead_data.dob", Kind: "dob:year"},
	}
}

const leadEvent = `{"event_id":"evt_1","lead_data":{"name":"Ren\u00e9e Smith","email":"john.smith@email.com","phone":"(512) 789-1111","ssn":"123-45-6789","dob":"1980-02-03","state":"CA"}}`

func BenchmarkApply(b *testing.B) {
	f := func(name string, rules ...Rule) {
		m := masker(b, rules...)
		lines, size := kilobyteEvents()
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(size))
			b.ReportAllocs()
			var dst []byte
			for i := range b.N {
				var err error
				if dst, _, err = m.Apply(dst[:0], lines[i%len(lines)]); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	f("one", Rule{Path: "lead.email", Kind: "email:partial"})
	f("two", Rule{Path: "lead_data.email", Kind: "email:partial"}, Rule{Path: "lead_data.phone", Kind: "phone:area"})
	f("five", leadRules()...)
	f("hash", Rule{Path: "lead_data.email", Kind: "hash:email"})
	f("pattern", Rule{Path: "*", Kind: "pattern"})
}

// kilobyteEvents returns sample events with the data of a lead, about 1 KB each, and their mean size.
func kilobyteEvents() (lines [][]byte, size int) {
	lead := strings.TrimPrefix(leadEvent, `{"event_id":"evt_1"`)
	for _, line := range sample.New(1).Lines(1000) {
		line = append(line[:len(line)-2:len(line)-2], lead...)
		lines = append(lines, line)
		size += len(line)
	}
	return lines, size / len(lines)
}
