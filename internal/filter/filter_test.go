package filter

import (
	"encoding/json"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"go.yaml.in/yaml/v3"
)

var update = flag.Bool("update", false, "write the golden files")

// event is one of a lead that a buyer turned down.
const event = `{"event_id":"evt_2C6kT0vWm9QyPz4HnR7s","event_type":"recipient.failed","outcome":"failure","lead_id":9007199254740993,
 "metadata":{"price":25,"attempt":"2","step_name":"Deliver to Buyer B","rejected":true,"note":null,"empty":" ","tags":["new","EU",7]},
 "lead_data":{"state":"CA","email":"ann@example.org","phone":{"raw":"12","valid":false},"ssn":"123-45-6789","zip":"02134"},
 "items":[{"sku":"A-1","price":"19.5","sizes":[{"cm":10}]},{"sku":"B-2","price":30},{"free":true}],"odd.name":{"x y":1}}`

func where(conditions ...string) Config { return Config{Include: []Clause{{Where: conditions}}} }

func mustCompile(t testing.TB, config Config) *Filter {
	t.Helper()
	f, err := Compile(config)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// check says that an event passes or does not, without an error.
func check(t testing.TB, config Config, event string, want bool) {
	t.Helper()
	f := mustCompile(t, config)
	got, err := f.Match([]byte(event))
	if err != nil || got != want {
		text, _ := json.Marshal(config)
		t.Errorf("%s: %t with %v, want %t", text, got, err, want)
	}
	if e := f.Explain([]byte(event)); e.Passes != want || e.Passes != strings.Contains(e.String(), "event passes") {
		t.Errorf("explained otherwise than matched: %s", e)
	}
}

func TestConditions(t *testing.T) {
	f := func(condition string, want bool) {
		t.Helper()
		check(t, where(condition), event, want)
	}
	// Numbers, and strings that are numbers.
	f(`metadata.price = 25`, true)
	f(`metadata.price == "25.0"`, true)
	f(`metadata.price != 25`, false)
	f(`metadata.price <> 24`, true)
	f(`metadata.price < 25.5`, true)
	f(`metadata.price <= 25`, true)
	f(`metadata.price > 20`, true)
	f(`metadata.price > 1e2`, false)
	f(`metadata.price >= -3`, true)
	f(`metadata.attempt = 2`, true)
	f(`metadata.attempt > 10`, false) // "2" > "10" as texts
	f(`lead_data.zip = 2134`, false)  // 02134 is a text
	f(`lead_data.zip = "02134"`, true)
	f(`lead_id = 9007199254740993`, true)
	f(`lead_id = 9007199254740992`, false) // the same float64
	f(`lead_id > 9007199254740992`, true)
	f(`metadata.price BETWEEN 25 AND 30`, true)
	f(`metadata.price not between 25 and 30`, false)

	// Texts.
	f(`lead_data.state = "CA"`, true)
	f(`lead_data.state = 'CA'`, true)
	f(`lead_data.state = "ca"`, false)
	f(`lead_data.state < "CB"`, true)
	f(`lead_data.state > 20`, false)
	f(`lead_data.state < 20`, false)
	f(`lead_data.state IN ("NY", "CA")`, true)
	f(`lead_data.state NOT IN ("NY", "CA")`, false)
	f(`metadata.price IN (1,2,3,4,5,6,7,8,9,"25")`, true)
	f(`lead_data.email LIKE '%@example.___'`, true)
	f(`lead_data.email LIKE 'ann\_example%'`, false)
	f(`lead_data.email NOT LIKE 'bob%'`, true)
	f(`lead_data.ssn MATCHES '^\d{3}-\d{2}-\d{4}$'`, true)
	f(`metadata.step_name INCLUDES "Buyer"`, true)
	f(`metadata.step_name includes "buyer"`, false)

	// Booleans, null and blanks.
	f(`metadata.rejected = true`, true)
	f(`metadata.rejected IS TRUE`, true)
	f(`metadata.rejected IS NOT FALSE`, true)
	f(`metadata.note = null`, true)
	f(`metadata.note IS NULL`, true)
	f(`metadata.note != "x"`, true)
	f(`metadata.note < 1`, false)
	f(`metadata.note IS BLANK`, true)
	f(`metadata.empty IS BLANK`, true)
	f(`metadata.nothing IS BLANK`, true)
	f(`metadata.nothing IS NOT BLANK`, false)
	f(`metadata.price IS NOT BLANK`, true)

	// Arrays: any element, and != is none.
	f(`metadata.tags = "EU"`, true)
	f(`metadata.tags = "US"`, false)
	f(`metadata.tags != "EU"`, false)
	f(`metadata.tags != "US"`, true)
	f(`metadata.tags > 6`, true)
	f(`metadata.tags LIKE 'n%'`, true)
	f(`items[*].price > 29`, true)
	f(`items[*].price < 19`, false)
	f(`items[*].sku = "B-2"`, true)
	f(`items[*].sku != "B-2"`, false)
	f(`items[*].sizes[*].cm = 10`, true)
	f(`exists(items[*].free)`, true)
	f(`exists(items[*].gone)`, false)
	f(`metadata.tags[*] = 7`, true)
	f(`metadata[*].price = 25`, false)

	// What is missing.
	f(`metadata.gone = 1`, false)
	f(`metadata.gone != 1`, false)
	f(`NOT metadata.gone = 1`, true)
	f(`metadata.gone NOT IN (1)`, false)
	f(`metadata.price.deep != 1`, false)
	f(`exists(metadata.gone)`, false)
	f(`EXISTS metadata.note`, true)

	// Paths, and how conditions join.
	f(`["odd.name"]["x y"] = 1`, true)
	f(`metadata["price"] = 25`, true)
	f(`outcome = "x" OR outcome = "failure" AND metadata.price = 25`, true)
	f(`(outcome = "x" OR outcome = "failure") AND metadata.price = 2`, false)
	f(`NOT (outcome = "x" OR outcome = "y")`, true)
	f(`NOT NOT outcome = "failure"`, true)

	// The event type is a glob.
	f(`type = "recipient.*"`, true)
	f(`type = "*.failed"`, true)
	f(`type = "rec*.f*led"`, true)
	f(`type = "Recipient.*"`, false)
	f(`type != "recipient.*"`, false)
	f(`type != "source.*"`, true)
	f(`event_type = "recipient.*"`, false)
}

func TestSeedExamples(t *testing.T) {
	const text = `
include_only:
  event_type:
    - source.accepted
    - recipient.delivered
    - recipient.failed
    - feedback.received
  outcome:
    - Events where outcome = "success"
    - Events where outcome = "failure"
      AND type = "recipient.*"
  metadata:
    - Events where metadata.price > 20
    - Events where lead_data.state = "CA"
`
	var config Config
	if err := yaml.Unmarshal([]byte(text), &config); err != nil {
		t.Fatal(err)
	}
	f := func(event string, want bool) {
		t.Helper()
		check(t, config, event, want)
	}
	f(event, true)
	f(`{"event_type":"source.accepted","outcome":"success","metadata":{"price":21}}`, true)
	f(`{"event_type":"source.accepted","outcome":"success","lead_data":{"state":"CA"}}`, true)
	f(`{"event_type":"source.accepted","outcome":"failure","metadata":{"price":21}}`, false)
	f(`{"event_type":"source.rejected","outcome":"success","metadata":{"price":21}}`, false)
	f(`{"event_type":"source.accepted","outcome":"success","metadata":{"price":20}}`, false)
	f(`{"event_type":"source.accepted","outcome":"success"}`, false)
}

func TestClauses(t *testing.T) {
	f := func(text string, want bool) {
		t.Helper()
		var config Config
		if err := json.Unmarshal([]byte(text), &config); err != nil {
			t.Fatal(err)
		}
		check(t, config, event, want)
	}
	f(`{}`, true)
	f(`{"include":[]}`, true)
	f(`{"include":[{}]}`, true)
	f(`{"include":[{"types":["source.accepted","recipient.*"],"outcome":["failure"],"where":["metadata.price > 20","lead_data.state = \"CA\""]}]}`, true)
	f(`{"include":[{"types":["source.accepted"]},{"outcome":["success","failure"]}]}`, true)
	f(`{"include":[{"types":["source.accepted"]},{"outcome":["success"]}]}`, false)
	f(`{"include":[{"types":["recipient.failed"],"outcome":["success"]}]}`, false)
	f(`{"include":[{"types":["recipient.failed"]}],"expression":"event.metadata.price < 20"}`, false)
	f(`{"include_only":{"outcome":["success","failure"]}}`, true)
	f(`{"include_only":{"event_type":["source.*"],"outcome":["failure"]}}`, false)
	f(`{"type_field":"lead_data.state","include":[{"types":["C*"]}]}`, true)
	check(t, Config{Include: []Clause{{Types: []string{"order"}}}}, `{"type":"order"}`, true)
	only := &IncludeOnly{EventType: []string{"order:*", "com.example/été"}}
	check(t, Config{IncludeOnly: only}, `{"type":"order:created"}`, true)
	check(t, Config{IncludeOnly: only}, `{"type":"com.example/\u00e9t\u00e9"}`, true)
	check(t, Config{IncludeOnly: only}, `{"type":"order"}`, false)
}

func TestMissingMembersMaySkip(t *testing.T) {
	f := func(condition string, want bool) {
		t.Helper()
		config := where(condition)
		config.Missing = "skip"
		check(t, config, event, want)
	}
	f(`gone = 1`, true)
	f(`gone = 1 AND outcome = "failure"`, true)
	f(`gone = 1 AND outcome = "success"`, false)
	f(`gone = 1 OR outcome = "failure"`, true)
	f(`gone = 1 OR outcome = "success"`, false)
	f(`NOT gone = 1`, true)
	f(`exists(gone)`, false)
	f(`gone IS BLANK`, true)
	f(`(gone = 1 OR away = 2) AND outcome = "success"`, false)
	check(t, Config{Missing: "skip", Expression: `size(event.gone) > 3`}, event, true)
}

func TestRules(t *testing.T) {
	f := func(rule string, want bool) {
		t.Helper()
		var r Rule
		if err := json.Unmarshal([]byte(rule), &r); err != nil {
			t.Fatal(err)
		}
		check(t, Config{Rules: &RuleSet{"and", []Rule{r}}}, event, want)
	}
	f(`{"lhv":"lead_data.state","op":"is equal to","rhv":"ca"}`, true)
	f(`{"lhv":"lead_data.state","op":"is not equal to","rhv":"ca"}`, false)
	f(`{"lhv":"lead_data.gone","op":"is not equal to","rhv":"ca"}`, false)
	f(`{"lhv":"metadata.price","op":"is equal to","rhv":"25"}`, true)
	f(`{"lhv":"metadata.price","op":"is less than","rhv":25}`, false)
	f(`{"lhv":"metadata.price","op":"is less than or equal to","rhv":25}`, true)
	f(`{"lhv":"metadata.price","op":"is greater than","rhv":"24.5"}`, true)
	f(`{"lhv":"metadata.price","op":"is greater than or equal to","rhv":26}`, false)
	f(`{"lhv":"metadata.price","op":"is between","rhv":"10-25"}`, true)
	f(`{"lhv":"metadata.price","op":"is between","rhv":[-5,20]}`, false)
	f(`{"lhv":"metadata.price","op":"is not between","rhv":"-5 - 20"}`, true)
	f(`{"lhv":"metadata.step_name","op":"includes","rhv":"buyer b"}`, true)
	f(`{"lhv":"metadata.step_name","op":"does not include","rhv":"buyer b"}`, false)
	f(`{"lhv":"lead_data.state","op":"is included in","rhv":"NY, ca"}`, true)
	f(`{"lhv":"lead_data.state","op":"is included in","rhv":["NY","TX"]}`, false)
	f(`{"lhv":"lead_data.state","op":"is not included in","rhv":"NY,TX"}`, true)
	f(`{"lhv":"metadata.empty","op":"is blank"}`, true)
	f(`{"lhv":"metadata.gone","op":"is blank"}`, true)
	f(`{"lhv":"metadata.gone","op":"is not blank"}`, false)
	f(`{"lhv":"metadata.rejected","op":"is true"}`, true)
	f(`{"lhv":"metadata.rejected","op":"is false"}`, false)
	f(`{"lhv":"lead_data.email","op":"format is valid"}`, true)
	f(`{"lhv":"lead_data.phone","op":"format is valid"}`, false) // it says so itself
	f(`{"lhv":"lead_data.ssn","op":"format is valid"}`, true)
	f(`{"lhv":"lead_data.zip","op":"format is valid","rhv":"postal_code"}`, true)
	f(`{"lhv":"lead_data.zip","op":"format is not valid","rhv":"date"}`, true)
	f(`{"lhv":"lead_data.email","op":"matches pattern","rhv":"ANN@*"}`, true)
	f(`{"lhv":"lead_data.email","op":"matches pattern","rhv":"/^a.n@/"}`, true)
	f(`{"lhv":"lead_data.email","op":"does not match pattern","rhv":"nn@*"}`, true)
	f(`{"lhv":"metadata.tags","op":"is equal to","rhv":[7,"EU","new"]}`, true)
	f(`{"op":"or","rules":[{"lhv":"outcome","op":"is equal to","rhv":"x"},{"lhv":"outcome","op":"is equal to","rhv":"failure"}]}`, true)
	f(`{"op":"or","rules":[]}`, true)
	f(`{"lhv":"outcome","op":"is equal to","rhv":"failure","rule_set":{"op":"and","rules":[{"lhv":"metadata.price","op":"is less than","rhv":3}]}}`, false)
	f(`{"rule_set":{"op":"and","rules":[{"lhv":"metadata.price","op":"is greater than","rhv":3}]}}`, true)
}

func TestExpressions(t *testing.T) {
	f := func(expression string, want bool) {
		t.Helper()
		check(t, Config{Expression: expression}, event, want)
	}
	f(`event.metadata.price > 20 && event.event_type.startsWith("recipient.")`, true)
	f(`metadata.price > 20`, true)
	f(`20 < event.metadata.price`, true)
	f(`event.metadata.price == "25"`, true)
	f(`event["odd.name"]["x y"] == 1`, true)
	f(`has(event.metadata.note) && !has(event.metadata.gone)`, true)
	f(`event.metadata.gone != 1`, false)
	f(`!(event.metadata.gone == 1)`, true)
	f(`event.metadata.tags == ["EU", "new", "7"]`, true)
	f(`"EU" in event.metadata.tags`, true)
	f(`event.lead_data.state in ["CA", "NY"]`, true)
	f(`event.lead_data.email.matches("^ann@") && event.lead_data.email.endsWith(".org") && event.lead_data.email.contains("@")`, true)
	f(`event.metadata.attempt < event.metadata.price`, true)
	f(`event.metadata.note == null`, true)

	// What cel-go evaluates.
	f(`event.items.exists(i, i.price > 29)`, true)
	f(`event.items.exists(i, has(i.free) && !has(i.sku))`, true)
	f(`event.items.all(i, i.price > 1)`, false)
	f(`event.items.filter(i, i.price < 20).size() == 1`, true)
	f(`event.items[1].price + 0.5 == 30.5`, true)
	f(`event.metadata.price * 2 - 1 == 49 && event.metadata.price / 2 == 12`, true)
	f(`size(event.metadata.gone) > 2`, false)
	f(`event.gone.exists(i, i > 1) || event.outcome == "failure"`, true)
	f(`(event.metadata.price > 20 ? "a" : "b") == "a"`, true)
	f(`event.metadata.rejected`, true)
	f(`type(event.metadata.price) == int`, true)
	f(`event[event.outcome == "failure" ? "lead_data" : "metadata"].state == "CA"`, true)
	check(t, Config{Expression: `timestamp(event.time) > timestamp("2026-05-04T00:00:00Z") && timestamp(event.time) - timestamp("2026-05-04T00:00:00Z") < duration("9h")`},
		`{"time":"2026-05-04T08:12:09.417Z"}`, true)
}

func TestEvaluationErrorsDoNotPassAndDoNotTell(t *testing.T) {
	f := func(expression, event, want string) {
		t.Helper()
		filter := mustCompile(t, Config{Expression: expression})
		pass, err := filter.Match([]byte(event))
		if pass || err == nil || err.Error() != want {
			t.Errorf("%s: %t with %v, want %s", expression, pass, err, want)
		}
		if e := filter.Explain([]byte(event)); e.Passes || e.Error != want {
			t.Errorf("%s: explained by %+v", expression, e)
		}
	}
	f(`timestamp(event.a) < timestamp("2026-01-01T00:00:00Z")`, `{"a":"secret"}`, `evaluate timestamp(event.a) < timestamp("2026-01-01T00:00:00Z"): a function does not take its argument`)
	f(`10 / event.a > 2`, `{"a":0}`, `evaluate 10 / event.a > 2: division by zero`)
	f(`size(event.a) > 2`, `{"a":5}`, `evaluate size(event.a) > 2: no such overload`)
	f(`event.a`, `{"a":5}`, `evaluate event.a: neither true nor false, its type is int`)
	f(`has(event.a)`, `{"a":5`, `read an event as JSON: unexpected end of JSON at offset 6`)
	f(`event.a.all(i, event.a.all(k, i + k > 1))`, `{"a":[`+strings.Repeat("1,", 5000)+`1]}`, `evaluate event.a.all(i, event.a.all(k, i + k > 1)): more than 10000 steps`)
	f(`event.a.all(i, i in event.b)`, `{"a":[`+strings.Repeat("1,", 200)+`1],"b":[`+strings.Repeat("2,", 200)+`1]}`, `evaluate event.a.all(i, i in event.b): more than 10000 steps`)
}

func TestErrorsSayWhereAndWhatIsAllowed(t *testing.T) {
	var text strings.Builder
	f := func(config string) {
		t.Helper()
		var c Config
		if err := json.Unmarshal([]byte(config), &c); err != nil {
			t.Fatal(err)
		}
		_, err := Compile(c)
		if err == nil {
			t.Errorf("%s is taken", config)
			return
		}
		var one *Error
		if !errors.As(err, &one) {
			t.Errorf("%v is no *Error", err)
		}
		text.WriteString(config + "\n  " + strings.ReplaceAll(err.Error(), "\n", "\n  ") + "\n")
	}
	f(`{"include":[{"where":["metadata.price >> 20"]},{"where":["outcome = success","x ="]}]}`)
	f(`{"include":[{"where":[""]}]}`)
	f(`{"include":[{"where":["a = 1 b = 2"]}]}`)
	f(`{"include":[{"where":["(a = 1"]}]}`)
	f(`{"include":[{"where":["a = \"x"]}]}`)
	f(`{"include":[{"where":["a % 2"]}]}`)
	f(`{"include":[{"where":["a.1 = 2"]}]}`)
	f(`{"include":[{"where":["a[1] = 2"]}]}`)
	f(`{"include":[{"where":["a = 007"]}]}`)
	f(`{"include":[{"where":["a MATCHES '(x'"]}]}`)
	f(`{"include":[{"where":["a IS GONE"]}]}`)
	f(`{"include":[{"where":["a IN 5"]}]}`)
	f(`{"include_only":{"metadata":["price"],"outcome":["Events where"]}}`)
	f(`{"missing":"ignore","type_field":"a b"}`)
	f(`{"rules":{"op":"xor","rules":[{"lhv":"a","op":"is equal to","rhv":{}},{"lhv":"a b","op":"is blank"},{"lhv":"a","op":"equals","rhv":1}]}}`)
	f(`{"rules":{"op":"and","rules":[{"lhv":"a","op":"is between","rhv":"20-10"},{"lhv":"a","op":"is between","rhv":"x"},{"lhv":"a","op":"format is valid"}]}}`)
	f(`{"rules":{"op":"and","rules":[{"lhv":"a","op":"matches pattern","rhv":"/(/"},{"rules":[{}]}]}}`)
	f(`{"expression":"event.x =="}`)
	f(`{"expression":"size(event.x)"}`)
	f(`{"expression":"event.x + 1"}`)
	f(`{"include":[{"outcome":["succ*"]}],"include_only":{"outcome":["*"]}}`)
	f(`{"expression":"foo(event.x)\n  || bar(event.y)"}`)
	f(`{"expression":"event.é.matches('(') && 1 + \"a\" == 2"}`)
	golden(t, "errors.txt", text.String())
}

func TestExplanations(t *testing.T) {
	var text strings.Builder
	f := func(config Config) {
		t.Helper()
		written, err := yaml.Marshal(config)
		if err != nil {
			t.Fatal(err)
		}
		e := mustCompile(t, config).Explain([]byte(event))
		asJSON, err := json.MarshalIndent(e, "", "  ")
		if err != nil {
			t.Fatal(err)
		}
		text.WriteString(string(written) + e.String() + string(asJSON) + "\n\n")
	}
	f(Config{Include: []Clause{
		{Types: []string{"source.accepted", "feedback.*"}, Where: []string{"metadata.price > 20"}},
		{Outcome: []string{"success"}, Where: []string{`metadata.gone > 20`, `lead_data.state = "NY" OR NOT lead_data.state = "CA"`}},
	}})
	f(Config{IncludeOnly: &IncludeOnly{
		EventType: []string{"recipient.*"},
		Outcome:   []string{`Events where outcome = "success"`},
		Metadata:  []string{"Events where items[*].price > 100", "Events where metadata IS BLANK"},
	}})
	f(Config{Expression: `event.items.exists(i, i.price > 100) || event.metadata.price < event.metadata.attempt || false`})
	f(Config{Missing: "skip", Include: []Clause{{Where: []string{"gone = 1"}}, {Where: []string{"outcome = 1"}}},
		Rules: &RuleSet{"and", []Rule{{LHV: "lead_data.phone", Op: "format is valid"}}}})
	f(where(`outcome = "failure"`))
	golden(t, "explanations.txt", text.String())
}

func TestExplanationsAreMaskedByTheCaller(t *testing.T) {
	e := mustCompile(t, where(`lead_data.ssn = "1"`)).Explain([]byte(event))
	for _, p := range e.Parts {
		for _, c := range p.Clauses {
			for _, finding := range c.Failed {
				for i := range finding.Found {
					if finding.Found[i].Path == "lead_data.ssn" {
						finding.Found[i].Value = json.RawMessage(`"***-**-6789"`)
					}
				}
			}
		}
	}
	asJSON, err := json.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	if both := string(asJSON) + e.String(); strings.Contains(both, "123") || !strings.Contains(both, "***-**-6789") {
		t.Errorf("the value still shows: %s", both)
	}
}

func TestManyGoroutinesMatchWithOneFilter(t *testing.T) {
	f := mustCompile(t, Config{Include: []Clause{{Where: []string{"n > 5"}}}, Expression: `[1, 2].exists(i, i + event.n > 7)`})
	var done sync.WaitGroup
	for range 4 {
		done.Go(func() {
			for i := range 1000 {
				pass, err := f.Match([]byte(`{"n":` + string(rune('0'+i%10)) + `}`))
				if err != nil || pass != (i%10 > 5) {
					t.Errorf("%d: %t with %v", i%10, pass, err)
				}
			}
		})
	}
	done.Wait()
}

func TestMatchAllocatesNothing(t *testing.T) {
	f := mustCompile(t, Config{Include: []Clause{{Types: []string{"recipient.*"}, Where: []string{`metadata.price > 20 AND lead_data.state IN ("CA")`, "items[*].price > 20"}}}})
	if n := testing.AllocsPerRun(100, func() {
		if pass, err := f.Match([]byte(event)); err != nil || !pass {
			t.Fatal(pass, err)
		}
	}); n > 1 { // a collection of garbage may have emptied the pool
		t.Errorf("%v allocations an event", n)
	}
}

func TestLongFilters(t *testing.T) {
	check(t, Config{Expression: strings.Repeat(`event.outcome == "failure" && `, 300) + "true"}, event, true)
	check(t, where(strings.Repeat(`outcome = "failure" AND `, 300)+"exists(outcome)"), event, true)
	f := func(config Config, want string) {
		t.Helper()
		if _, err := Compile(config); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
	f(where(strings.Repeat(`outcome = "failure" AND `, 1000)+"exists(outcome)"), "1001 predicates, allowed are 1000")
	f(where(strings.Repeat(`(`, 101)+"a = 1"), "nesting deeper than 100")
	f(where(strings.Repeat(` `, textMax)+"a = 1"), "65541 bytes, allowed are 65536")
	f(Config{Expression: strings.Repeat(`(`, 1000)}, "expression:")
	deep := &RuleSet{Op: "and"}
	for range 102 {
		deep = &RuleSet{"and", []Rule{{RuleSet: deep}}}
	}
	f(Config{Rules: deep}, "nesting deeper than 100")
}

// golden compares a text with a file of testdata.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s differs; look at it with -update and git diff:\n%s", path, got)
	}
}
