package fromjson

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/big"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
	"time"

	"firehose/internal/columns"
)

// generator makes random types, and JSON that fits them.
type generator struct{ *rand.Rand }

func (g generator) typ(depth int) *columns.Type {
	kind := columns.Kind(g.IntN(int(columns.Struct) + 1))
	if depth == 0 {
		kind = columns.Kind(g.IntN(int(columns.Array)))
	}
	t := &columns.Type{Kind: kind, Length: 5, Precision: 1 + g.IntN(38)}
	t.Scale = g.IntN(t.Precision + 1)
	switch kind {
	case columns.Array:
		t.Fields = []columns.Field{{Name: "element", Type: g.typ(depth - 1)}}
	case columns.Map:
		t.Fields = []columns.Field{{Name: "key", Type: &columns.Type{Kind: columns.String}}, {Name: "value", Type: g.typ(depth - 1)}}
	case columns.Struct:
		t.Fields = g.fields(1+g.IntN(4), depth-1)
	}
	return t
}

func (g generator) fields(count, depth int) (fields []columns.Field) {
	for i := range count {
		fields = append(fields, columns.Field{Name: fmt.Sprintf("field%d", i), Type: g.typ(depth)})
	}
	return fields
}

// value writes a value of a type. Small numbers make half the points that rounding and limits are about.
func (g generator) value(t *columns.Type) string {
	if g.IntN(8) == 0 {
		return "null"
	}
	switch t.Kind {
	case columns.Boolean:
		return pick(g, "true", "false", `"true"`)
	case columns.TinyInt:
		return pick(g, "-128", "127", "0", strconv.Itoa(g.IntN(100)), `"12"`)
	case columns.SmallInt, columns.Int, columns.BigInt:
		return pick(g, strconv.Itoa(g.IntN(1<<15)), strconv.Itoa(-g.IntN(1<<15)), fmt.Sprintf(`"%d"`, g.IntN(1000)))
	case columns.Float, columns.Double:
		return pick(g, strconv.FormatFloat(g.NormFloat64(), 'g', -1, 64), strconv.FormatFloat(g.NormFloat64()*1e20, 'e', 1+g.IntN(20), 64),
			strconv.Itoa(g.IntN(1e9)), fmt.Sprintf("%d.%d", g.IntN(1e6), g.IntN(1e6)), fmt.Sprintf("%de%d", g.Int64(), g.IntN(600)-300))
	case columns.Decimal:
		return g.decimal(t)
	case columns.Date:
		return strconv.Quote(g.time().Format("2006-01-02"))
	case columns.Timestamp:
		return strconv.Quote(g.time().Format(pick(g, time.RFC3339Nano, "2006-01-02 15:04:05.999999999", "2006-1-2 15:4:5")))
	case columns.Array:
		return g.list("[", "]", func(int) string { return g.value(t.Fields[0].Type) })
	case columns.Map:
		return g.list("{", "}", func(int) string { return g.text() + g.blank() + ":" + g.blank() + g.value(t.Fields[1].Type) })
	case columns.Struct:
		return g.object(t)
	}
	return g.text()
}

func (g generator) decimal(t *columns.Type) string {
	before := "0"
	if digits := t.Precision - t.Scale - 1; digits > 0 {
		before = strconv.Itoa(1 + g.IntN(9))
		for range g.IntN(digits) {
			before += strconv.Itoa(g.IntN(10))
		}
	}
	text := pick(g, "", "-") + before
	if digits := g.IntN(40); digits > 0 && t.Precision > t.Scale {
		text += "."
		for range digits {
			text += pick(g, "0", "4", "5", "9")
		}
	}
	return text
}

// object writes a struct with members that are missing, double, unknown, and out of order.
func (g generator) object(t *columns.Type) string {
	return g.list("{", "}", func(i int) string {
		name, value := fmt.Sprintf("extra%d", g.IntN(3)), g.value(g.typ(1))
		if i%4 != 3 {
			f := t.Fields[g.IntN(len(t.Fields))]
			name, value = f.Name, g.value(f.Type)
		}
		quoted := strconv.Quote(name)
		if g.IntN(5) == 0 {
			quoted = strings.Replace(quoted, "e", `\u0065`, 1)
		}
		return quoted + g.blank() + ":" + g.blank() + value
	})
}

func (g generator) list(begin, end string, one func(i int) string) string {
	var parts []string
	for i := range g.IntN(7) {
		parts = append(parts, g.blank()+one(i)+g.blank())
	}
	return begin + strings.Join(parts, ",") + end
}

func (g generator) blank() string { return pick(g, "", "", "", " ", "\n\t") }

func (g generator) text() string {
	return `"` + pick(g, "", "a", "b", "some words that are longer", `\u00e9\n\"`, "é€😀", `\ud83d\ude00`, `\ud83d`, "\xff", `x\\`) + pick(g, "", "1", "2") + `"`
}

func (g generator) time() time.Time {
	return time.Unix(g.Int64N(4e9)-2e9, pick(g, 0, 5e8, g.Int64N(1e9))).UTC()
}

func pick[T any](g generator, from ...T) T { return from[g.IntN(len(from))] }

// converted is what a value becomes by the plain words of the package's page, from what encoding/json makes of it.
func converted(t *columns.Type, value any) any {
	if value == nil {
		return nil
	}
	text := fmt.Sprint(value)
	switch t.Kind {
	case columns.Boolean:
		return text == "true"
	case columns.TinyInt, columns.SmallInt, columns.Int, columns.BigInt:
		n, _ := strconv.ParseInt(text, 10, 64)
		return n
	case columns.Float, columns.Double:
		f, _ := strconv.ParseFloat(text, 64)
		if t.Kind == columns.Float {
			f = float64(float32(f))
		}
		return f
	case columns.Decimal:
		r, _ := new(big.Rat).SetString(text)
		rounded, _ := new(big.Rat).SetString(r.FloatString(t.Scale)) // which rounds half away from zero
		return rounded
	case columns.Varchar, columns.Char:
		runes := []rune(text)
		text = string(runes[:min(len(runes), t.Length)])
		if t.Kind == columns.Char {
			text = strings.TrimRight(text, " ")
		}
		return text
	case columns.Date, columns.Timestamp:
		for _, layout := range []string{time.RFC3339Nano, "2006-1-2 15:4:5.999999999", "2006-01-02"} {
			if at, err := time.Parse(layout, text); err == nil {
				return at
			}
		}
	case columns.Array:
		list := []any{}
		for _, one := range value.([]any) {
			list = append(list, converted(t.Fields[0].Type, one))
		}
		return list
	case columns.Map:
		pairs := []pair{}
		for name, one := range value.(map[string]any) {
			pairs = append(pairs, pair{name, converted(t.Fields[1].Type, one)})
		}
		return pairs
	case columns.Struct:
		pairs := []pair{}
		for _, f := range t.Fields {
			pairs = append(pairs, pair{f.Name, converted(f.Type, value.(map[string]any)[f.Name])})
		}
		return pairs
	}
	return text
}

// same compares values; maps may be in any order, and binary, which is not UTF-8, only says where it is not.
func same(t *columns.Type, got, want any) bool {
	if got == nil || want == nil {
		return got == nil && want == nil
	}
	switch t.Kind {
	case columns.Binary:
		return strings.ToValidUTF8(got.(string), "\uFFFD") == want
	case columns.Decimal:
		return got.(*big.Rat).Cmp(want.(*big.Rat)) == 0
	case columns.Array:
		got, want := got.([]any), want.([]any)
		for i := range min(len(got), len(want)) {
			if !same(t.Fields[0].Type, got[i], want[i]) {
				return false
			}
		}
		return len(got) == len(want)
	case columns.Map, columns.Struct:
		got, want := got.([]pair), want.([]pair)
		byName := map[any]any{}
		for _, p := range want {
			byName[p.name] = p.value
		}
		for i, p := range got {
			typ := t.Fields[len(t.Fields)-1].Type
			if t.Kind == columns.Struct {
				typ = t.Fields[i].Type
			}
			if value, there := byName[p.name]; !there || !same(typ, p.value, value) {
				return false
			}
		}
		return len(got) == len(want)
	}
	return got == want
}

func TestRandomDocumentsBecomeWhatTheySay(t *testing.T) {
	for seed := range uint64(300) {
		g := generator{rand.New(rand.NewPCG(seed, 1))}
		table := columns.Table(g.fields(1+g.IntN(6), 3))
		r, v := mustNew(t, table, openX), columns.NewVector(table)
		var documents []string
		var want []any
		for range 30 {
			document := g.object(table)
			decoder := json.NewDecoder(strings.NewReader(document))
			decoder.UseNumber()
			var value any
			if err := decoder.Decode(&value); err != nil {
				t.Fatalf("%s: %v", document, err)
			}
			documents, want = append(documents, document), append(want, converted(table, value))
			if rows, err := r.Append(v, []byte(document)); err != nil || rows != 1 {
				t.Fatalf("seed %d: %s in %v: %d rows, %v", seed, document, table, rows, err)
			}
		}
		for i, got := range decode(t, v) {
			if !same(table, got, want[i]) {
				t.Fatalf("seed %d: %s in %v\nis   %s\nwant %s", seed, documents[i], table, show(got), show(want[i]))
			}
		}
	}
}

// mutate damages a record somewhere.
func (g generator) mutate(record []byte) []byte {
	record = bytes.Clone(record)
	for range 1 + g.IntN(3) {
		at := g.IntN(len(record))
		switch g.IntN(4) {
		case 0:
			record[at] = byte(g.IntN(256))
		case 1:
			record = record[:at+1]
		case 2:
			record = append(record[:at], record[min(len(record), at+1+g.IntN(10)):]...)
		default:
			record = append(record[:at:at], append([]byte(pick(g, "{", "[", "]", "}", `"`, ",", "-", `{"field0":`, "null", "5")), record[at:]...)...)
		}
		if len(record) == 0 {
			break
		}
	}
	return record
}

func TestARecordThatIsRefusedLeavesNothingBehind(t *testing.T) {
	refused := 0
	for seed := range uint64(200) {
		g := generator{rand.New(rand.NewPCG(seed, 2))}
		table := columns.Table(g.fields(1+g.IntN(6), 3))
		with, without := mustNew(t, table, pick(g, openX, hive)), mustNew(t, table, openX)
		v, alone := columns.NewVector(table), columns.NewVector(table)
		for range 40 {
			record := []byte(g.object(table) + g.blank() + g.object(table) + g.object(table))
			if g.IntN(3) > 0 {
				record = g.mutate(record)
			}
			before := clone(v)
			rows, err := with.Append(v, record)
			if err != nil {
				refused++
				if rows != 0 || !equal(v, before) {
					t.Fatalf("seed %d: %q in %v left something: %v", seed, record, table, err)
				}
				continue
			}
			if again, err := without.Append(alone, record); err != nil || again != rows {
				t.Fatalf("seed %d: %q in %v: %d rows and %d, %v", seed, record, table, rows, again, err)
			}
		}
		if decode(t, v); !equal(v, alone) {
			t.Fatalf("seed %d: records refused in between changed what %v holds", seed, table)
		}
	}
	if refused < 1000 {
		t.Errorf("only %d records were refused", refused)
	}
}
