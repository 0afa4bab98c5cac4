package jq

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// TestValuesAreThoseOfJq16 asks jq 1.6 itself.
func TestValuesAreThoseOfJq16(t *testing.T) {
	program, err := exec.LookPath("jq")
	if err != nil {
		t.Skip("jq is not installed; on Debian 12: apt-get install jq")
	}
	if version, err := exec.Command(program, "--version").Output(); err != nil || strings.TrimSpace(string(version)) != "jq-1.6" {
		t.Skipf("%s is %s, not jq-1.6, which is in Debian 12", program, bytes.TrimSpace(version))
	}
	f := func(expression string, docs ...string) {
		t.Helper()
		query := "{a: (" + expression + ")}"
		for i, want := range askJq(t, program, query, docs) {
			got, err := evaluate(t, query, docs[i])
			var value any = err
			if errors.Is(err, ErrNull) {
				value = nil
			} else if err == nil {
				value = got[0]
			}
			if _, failed := value.(error); want == errJq && failed {
				continue
			}
			if value != want {
				t.Errorf("%s of %s: %v, jq has %v", expression, docs[i], value, want)
			}
		}
	}
	numbers := []string{"0", "-0", "1", "1.0", "1.50", "1e3", "1e-4", "0.00001", "1.2345e-5", "1e15", "1e16", "1e17", "123e15",
		"100000000000000000000", "12345678901234567890", "9007199254740993", "123456789012345678", "0.1", "1e-7", "5e-324",
		"1.7976931348623157e308", "1e400", "-1e400", "123456789.123456789", "-12.5e-10"}
	f(`.`, numbers...)
	f(`tostring`, numbers...)
	f(`tojson`, numbers...)
	f(`@text`, numbers...)
	f(`@json`, numbers...)
	f(`"v=\(.)"`, numbers...)
	f(`[., "é\n"] | tojson`, numbers...)
	f(`tostring | tonumber`, numbers...)
	f(`. + 1`, numbers...)
	f(`. * 1000`, numbers...)
	f(`. / 7`, numbers...)
	f(`floor`, "1.5", "-1.5", "7", "1425599621.9")
	f(`. % 7`, "20", "-20", "20.9", "1e10")
	f(`length`, `"aé😀"`, `[1,2]`, `{"a":1}`, "-5", "null")

	times := []string{"0", "1425599621", "1425599621.678", "1700000000.999", "-86400", "951782400"}
	f(`todate`, times...)
	f(`strftime("%Y/%m/%d/%H")`, times...)
	f(`strftime("%A, %B %d, %Y %j %U %W %u %w %e %I %p %y %G %g %V %s %D %F %T %R %r %h %% %Z %z %c")`, times...)
	f(`gmtime | mktime`, times...)
	f(`localtime | mktime`, times...)
	f(`strflocaltime("%H %Z")`, times...)
	f(`gmtime | todate`, "1425599621")
	f(`. / 1000 | strftime("%Y-%m-%d %H:%M:%S")`, "1425599621678")
	f(`tostring | .[0:10] | tonumber | todate`, "1425599621678")
	f(`strftime("%Y")`, `"1425599621"`, "null")
	stamps := []string{`"2015-03-05T23:51:47Z"`, `"2015-03-05T23:51:47.123Z"`, `"2015-03-05T23:51:47+01:00"`, `"2015-03-05"`, `"2015-13-01T00:00:00Z"`, "1"}
	f(`fromdate`, stamps...)
	f(`fromdateiso8601`, stamps...)
	f(`strptime("%Y-%m-%dT%H:%M:%SZ") | mktime`, stamps...)
	f(`strptime("%Y-%m-%dT%H:%M:%SZ") | tojson`, stamps...)
	f(`strptime("%Y-%m-%dT%H:%M:%SZ") | strftime("%a %d.%m.%Y")`, stamps...)
	f(`.[0:19] + "Z" | fromdate`, stamps...)
	f(`sub("\\.[0-9]+"; "") | fromdate`, stamps...)
	f(`strptime("%d/%b/%Y:%H:%M:%S %z") | mktime`, `"10/Oct/2000:13:55:36 -0700"`, `"10/Oct/2000:13:55:36 +0000"`)
	f(`strptime("%a, %d %b %Y %H:%M:%S GMT") | mktime`, `"Thu, 05 Mar 2015 23:51:47 GMT"`)
	f(`mktime`, "[2015,2,5,23,51,47,4,63]", "[2015,2,5,23,51,47.9,4,63]", "[2015,2,5]", "1", `"x"`, "[2024,1,32,0,0,0,0,0]")

	texts := []string{`"abc"`, `""`, `"a-b-c"`, `"ÄÖ é"`, `"a b/ü?&=~-_.!*'()"`, `"it's <b>"`, "1", "null", "true", `"2015-03-05T23:51:47Z"`}
	f(`ltrimstr("a")`, texts...)
	f(`rtrimstr("c")`, texts...)
	f(`ltrimstr(1)`, texts...)
	f(`startswith("a")`, texts...)
	f(`endswith("c")`, texts...)
	f(`ascii_downcase`, texts...)
	f(`ascii_upcase`, texts...)
	f(`split("-") | .[0]`, texts...)
	f(`[splits("-")] | last`, texts...)
	f(`split("[-b]"; null) | join("+")`, texts...)
	f(`explode | implode`, texts...)
	f(`.[0:2]`, texts...)
	f(`.[-2:]`, texts...)
	f(`index("-")`, `"abc"`, `"a-b-c"`)
	f(`rindex("-")`, `"abc"`, `"a-b-c"`)
	f(`indices("-") | tojson`, `"abc"`, `"a-b-c"`)
	f(`@uri`, texts...)
	f(`@base64`, texts...)
	f(`@base64 | @base64d`, texts...)
	f(`@html`, texts...)
	f(`@sh`, texts...)
	f(`test("A"; "i")`, texts...)
	f(`capture("(?<x>[a-c])-").x`, texts...)
	f(`[match("[a-z]"; "g").offset] | tojson`, texts...)
	f(`[scan("[a-z]")] | join(".")`, texts...)
	f(`sub("(?<x>[a-z])"; "<\(.x)>")`, texts...)
	f(`gsub("[^a-z]"; "_")`, texts...)
	f(`tonumber`, `"12"`, `" 12 "`, `"1e17"`, `"-1.50"`, `"12345678901234567890"`, `"abc"`, `""`, `"0x10"`, `"1_000"`, "null")
	f(`contains("b")`, texts...)

	objects := []string{`{"a":{"b":1}}`, `{"a":{"b":null}}`, `{"a":null}`, `{"a":false}`, `{"a":5}`, `{"a":[1]}`, `{}`, "null", "5", `[1]`, `"x"`}
	f(`.a.b`, objects...)
	f(`.a.b?`, objects...)
	f(`.a["b"]`, objects...)
	f(`.a // "none"`, objects...)
	f(`.a.b? // "none"`, objects...)
	f(`getpath(["a", "b"])`, objects...)
	f(`try .a.b catch "caught"`, objects...)
	f(`if .a then "y" else "n" end`, objects...)
	f(`.a | type`, objects...)
	f(`has("a")`, objects...)
	f(`[leaf_paths] | length`, objects...)
	f(`[recurse_down] | length`, objects...)
	f(`keys_unsorted | tojson`, `{"a":1,"b":2}`, `{}`, "1")
	f(`[.[] | select(. > 1)] | first`, "[1,2,3]", "[]", "[null]")
	f(`first(.[])`, "[1,2]", "[]")
	f(`[limit(2; .[])] | add`, "[1,2,3]")
	f(`nth(1)`, "[1,2,3]")
	f(`add`, "[1,2]", `["a","b"]`, "[]", "{}")
	f(`min, max`, "[2,1,3]", "[]")
	f(`join("-")`, `["a",1,null,true]`, "[]")
	f(`unique | tojson`, "[2,1,2]")
	f(`map(.k) | tojson`, `[{"k":1},{}]`)
	f(`to_entries[0].key`, `{"a":1,"b":2}`)
	f(`fromjson | .a`, `"{\"a\":1.0}"`, `"[1"`)
	f(`error("x")`, "1")
	f(`empty`, "1")
}

// errJq stands for a result of jq that can be no key.
var errJq = errors.New("an error")

// askJq returns for each document the text of a in the first result, nil for null and for no result, or errJq.
func askJq(t *testing.T, program, query string, docs []string) (values []any) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	command := exec.CommandContext(ctx, program, "-c", "try [limit(1; "+query+") | .a] catch {}")
	command.Env = []string{"TZ=UTC"}
	command.Stdin = strings.NewReader(strings.Join(docs, "\n"))
	out, err := command.Output()
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	for line := range bytes.Lines(out) {
		var result []json.RawMessage
		if json.Unmarshal(line, &result) != nil {
			values = append(values, errJq)
			continue
		}
		var value any
		if len(result) > 0 {
			if err := json.Unmarshal(result[0], &value); err != nil {
				t.Fatal(err)
			}
		}
		switch value.(type) {
		case float64, bool:
			value = string(result[0])
		case []any, map[string]any:
			value = errJq
		}
		if value == "" {
			value = nil
		}
		values = append(values, value)
	}
	if len(values) != len(docs) {
		t.Fatalf("%s: %d results of %d documents", query, len(values), len(docs))
	}
	return values
}
