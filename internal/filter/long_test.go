package filter

import (
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
	"time"
)

// An event of some megabytes is judged in about a second, whatever it holds. The bound is far above that, and far below what
// anything takes whose steps grow faster than the event.
func TestNoEventMakesAFilterRunLong(t *testing.T) {
	deep := strings.Repeat("[", 9_000) + `"` + strings.Repeat(" ", 2_000_000) + `"` + strings.Repeat("]", 9_000)
	many := func(count int, element string) string {
		return "[" + strings.Repeat(element+",", count-1) + element + "]"
	}
	numbers := `{"a":` + many(60_000, "5") + `,"b":` + many(60_000, "4") + `}`
	f := func(c Config, event string) {
		t.Helper()
		compiled := mustCompile(t, c)
		start := time.Now()
		compiled.Match([]byte(event)) // an error is as good as an answer
		if took := time.Since(start); took > 20*time.Second {
			t.Errorf("%+v takes %v", c, took)
		}
	}
	expression := func(text string) Config { return Config{Expression: text} }
	f(Config{Include: []Clause{{Where: []string{"a is blank"}}}}, `{"a":`+deep+`}`)
	f(expression(`a == ["x"]`), `{"a":`+deep+`}`)
	f(expression(`a.exists(i, i == ["x"])`), `{"a":`+deep+`}`)
	f(expression(`a < b`), numbers)
	f(expression(`(a < b) == true`), numbers)
	f(expression(`a == b`), numbers)
	f(expression(`a in b`), `{"a":`+many(50_000, "5")+`,"b":`+many(50_000, "[]")+`}`)
	f(expression(`a in b`), `{"a":`+many(50_000, "5")+`,"b":[[],`+many(50_000, "6")[1:]+`}`)
	f(expression(`a.exists(i, i.b == 5)`), `{"a":`+many(20_000, `{"b":7,"c":[1,2,3]}`)+`}`)
	f(expression(`a.matches(b)`), `{"a":"`+strings.Repeat("a", 400_000)+`","b":"`+strings.Repeat("a?", 20_000)+`b"}`)
	f(expression(`a.matches(b)`), `{"a":"`+strings.Repeat("a", 400_000)+`","b":"(a{1,30}){30}$x"}`)
}

func TestArraysAreOrderedByTheirElements(t *testing.T) {
	passes := func(expression, event string, want bool) {
		t.Helper()
		check(t, Config{Expression: expression}, event, want)
	}
	passes(`a < b`, `{"a":[7,5],"b":[6,"x",null]}`, true)
	passes(`a < b`, `{"a":[7,6],"b":[6,3]}`, false)
	passes(`a <= b`, `{"a":[7,6],"b":[6,3]}`, true)
	passes(`a > b`, `{"a":["b"],"b":["a",9]}`, true)
	passes(`a > b`, `{"a":["b"],"b":[["a"],true,null]}`, false)
	passes(`a > b`, `{"a":[9007199254740993],"b":[9007199254740992.0,9007199254740992]}`, true)
	passes(`a <= b`, `{"a":[9007199254740993],"b":[9007199254740992.0,9007199254740992]}`, true)
}

// What is decided by the ends of an array is what is decided by all of its elements.
func TestEndsStandForAnArray(t *testing.T) {
	words := []string{"0", "-3", `"7"`, `"x"`, `"y"`, "null", "[1]", "9007199254740993", "9007199254740992", "9007199254740992.0", "-9007199254740993", "1e400", `"9007199254740993"`}
	random := rand.New(rand.NewPCG(1, 2))
	pick := func() []value {
		var list []value
		for range random.IntN(5) {
			list = append(list, valueOf([]byte(words[random.IntN(len(words))])))
		}
		return list
	}
	for range 5_000 {
		a, b := pick(), pick()
		for _, op := range []string{"<", "<=", ">", ">="} {
			test, _ := comparison(op, false)
			want := false
			for _, x := range a {
				for _, y := range b {
					want = want || x.kind != list && y.kind != list && test(x, y)
				}
			}
			if got := test(listValue(a), listValue(b)); got != want {
				t.Fatalf("%s %s %s: %v", listValue(a).json(), op, listValue(b).json(), got)
			}
		}
	}
}

func TestOneOfManyIsOneOfFew(t *testing.T) {
	words := []string{"0", `"0"`, `"x"`, "null", "true", `["x"]`, `["x","y"]`, `["y","x"]`, "[[1]]", `{"a":1}`, "[]"}
	random := rand.New(rand.NewPCG(3, 4))
	for range 5_000 {
		var constants []value
		for i := range 9 + random.IntN(4) {
			word := words[random.IntN(len(words))]
			if random.IntN(2) == 0 {
				word = strconv.Itoa(100 + i)
			}
			constants = append(constants, valueOf([]byte(word)))
		}
		v := valueOf([]byte(words[random.IntN(len(words))]))
		want := false
		for _, c := range constants {
			want = want || equal(v, c, false)
		}
		if got := oneOf(constants, false)(v); got != want {
			t.Fatalf("%s in %s: %v", v.json(), listValue(constants).json(), got)
		}
		if got := isWithin(v, listValue(constants)); got != want {
			t.Fatalf("%s within %s: %v", v.json(), listValue(constants).json(), got)
		}
	}
}

func TestRegularExpressionsInMacros(t *testing.T) {
	c := Config{Expression: `items.exists(i, i.sku.matches("^A-\\d+$"))`}
	for event, want := range map[string]bool{`{"items":[{"sku":"B"},{"sku":"A-12"}]}`: true, `{"items":[{"sku":"A-"}]}`: false, `{"items":[{}]}`: false} {
		if got, err := matchOnce(t, c, event); got != want || err != nil {
			t.Errorf("%s: %v, %v", event, got, err)
		}
	}
	_, err := Compile(Config{Expression: `items.exists(i, i.sku.matches("A("))`})
	if err == nil || !strings.Contains(err.Error(), "missing closing )") {
		t.Errorf("a wrong expression in a macro: %v", err)
	}
	if got, err := matchOnce(t, Config{Expression: `name.matches(pattern)`}, `{"name":"John","pattern":"^J.*n$"}`); !got || err != nil {
		t.Errorf("an expression from the event: %v, %v", got, err)
	}
	_, err = matchOnce(t, Config{Expression: `name.matches(pattern)`}, `{"name":"secret","pattern":"("}`)
	if err == nil || strings.Contains(err.Error(), "secret") {
		t.Errorf("a wrong expression from the event: %v", err)
	}
}

// matchOnce compiles a filter and matches an event.
func matchOnce(t *testing.T, c Config, event string) (bool, error) {
	t.Helper()
	return mustCompile(t, c).Match([]byte(event))
}
