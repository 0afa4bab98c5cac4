package orc

import (
	"fmt"
	"math"
	"math/big"
	"slices"
	"strings"
	"testing"

	"firehose/internal/columns"
)

// truth returns what statistics must tell of values, as told prints it.
func truth(typ *columns.Type, entries []any) string {
	list := slices.DeleteFunc(slices.Clone(entries), func(v any) bool { return v == nil })
	text := fmt.Sprintf("count %d nulls %v", len(list), len(list) < len(entries))
	if len(list) == 0 {
		return text
	}
	sum := new(big.Int)
	switch typ.Kind {
	case columns.Boolean, columns.SmallInt, columns.BigInt:
		least, greatest := list[0].(int64), list[0].(int64)
		for _, v := range list {
			least, greatest = min(least, v.(int64)), max(greatest, v.(int64))
			sum.Add(sum, big.NewInt(v.(int64)))
		}
		if typ.Kind == columns.Boolean {
			return fmt.Sprint(text, " ", sum)
		}
		text += fmt.Sprint(" ", least, " ", greatest)
		if sum.IsInt64() {
			text += fmt.Sprint(" ", sum)
		}
	case columns.String:
		least, greatest := list[0].(string), list[0].(string)
		for _, v := range list {
			least, greatest = min(least, v.(string)), max(greatest, v.(string))
			sum.Add(sum, big.NewInt(int64(len(v.(string)))))
		}
		text += fmt.Sprintf(" %q %q %v", least, greatest, sum)
	case columns.Decimal:
		least, greatest := list[0].(*big.Int), list[0].(*big.Int)
		for _, v := range list {
			if n := v.(*big.Int); n.Cmp(least) < 0 {
				least = n
			} else if n.Cmp(greatest) > 0 {
				greatest = n
			}
			sum.Add(sum, v.(*big.Int))
		}
		text += fmt.Sprint(" ", decimalText(least, typ.Scale), " ", decimalText(greatest, typ.Scale))
		if len(new(big.Int).Abs(sum).String()) <= 38 {
			text += " " + decimalText(sum, typ.Scale)
		}
	}
	return text
}

// mayOverflow tells whether the sum of the values left its bounds on the way, in whatever order it was made.
func mayOverflow(entries []any) bool {
	sum, limit := new(big.Int), big.NewInt(math.MaxInt64)
	for _, v := range entries {
		switch v := v.(type) {
		case int64:
			sum.Add(sum, new(big.Int).Abs(big.NewInt(v)))
		case *big.Int:
			limit = new(big.Int).Exp(big.NewInt(10), big.NewInt(38), nil)
			sum.Add(sum, new(big.Int).Abs(v))
		}
	}
	return sum.Cmp(limit) >= 0
}

func decimalText(n *big.Int, scale int) string {
	power := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(scale)), nil)
	text := new(big.Rat).SetFrac(n, power).FloatString(scale)
	if strings.Contains(text, ".") {
		text = strings.TrimRight(strings.TrimRight(text, "0"), ".")
	}
	return text
}

// told returns what statistics in a file tell.
func told(m fields) string {
	text := fmt.Sprintf("count %d nulls %v", m.int(statisticsCount), m.int(statisticsNulls) == 1)
	signed := func(p fields, field uint64) any { return unzigzag(p[field][0].(uint64), true) }
	switch {
	case len(m[statisticsBoolean]) > 0:
		return fmt.Sprint(text, " ", m.part(statisticsBoolean, 0).numbers(1)[0])
	case len(m[statisticsInt]) > 0:
		p := m.part(statisticsInt, 0)
		text += fmt.Sprint(" ", signed(p, 1), " ", signed(p, 2))
		if len(p[3]) > 0 {
			text += fmt.Sprint(" ", signed(p, 3))
		}
	case len(m[statisticsString]) > 0:
		p := m.part(statisticsString, 0)
		text += fmt.Sprintf(" %q %q %v", p[1][0], p[2][0], signed(p, 3))
	case len(m[statisticsDecimal]) > 0:
		p := m.part(statisticsDecimal, 0)
		for field := range uint64(3) {
			for _, s := range p[field+1] {
				text += fmt.Sprintf(" %s", s)
			}
		}
	}
	return text
}

func TestStatisticsTellTheTruthOfGroupsStripesAndTheFile(t *testing.T) {
	typ := parsed(t, "struct<a:bigint,b:string,c:decimal(38,5),d:boolean,e:smallint>")
	for seed := range uint64(20) {
		r := newChance(seed)
		rows := r.rows(typ, 3000)
		o := Options{StripeSize: 30_000, RowIndexStride: 300, DictionaryKeyThreshold: r.Float64()}
		f := openTested(file(t, typ, o, rows))
		for c, field := range typ.Fields {
			entries := make([]any, len(rows))
			for i, row := range rows {
				entries[i] = row[c]
			}
			hold := func(where string, m fields, from, to int) {
				t.Helper()
				got, want := told(m), truth(field.Type, entries[from:to])
				if noSum := strings.HasPrefix(want, got+" ") && mayOverflow(entries[from:to]); got != want && !noSum {
					t.Fatalf("%s of %v, rows %d to %d: told %s, want %s", where, field.Type, from, to, got, want)
				}
			}
			hold("file", f.footer.part(7, c+1), 0, len(rows))
			at := 0
			for i := range f.footer[3] {
				f.openStripe(i)
				n := f.stripe.int(5)
				hold("stripe", f.metadata.part(1, i).part(1, c+1), at, at+n)
				for g := range f.index[c+1][1] {
					hold("group", f.index[c+1].part(1, g).part(2, 0), at+g*300, at+min(g*300+300, n))
				}
				at += n
			}
		}
	}
}

func TestStatisticsOfFloatsTimestampsAndLists(t *testing.T) {
	typ := parsed(t, "struct<f:double,at:timestamp,day:date,list:array<int>,x:binary>")
	part := func(rows [][]any, column int, field uint64) fields {
		return openTested(file(t, typ, Options{}, rows)).footer.part(7, column).part(field, 0)
	}
	rows := [][]any{
		{0.0, instant{-5, 1_500_000}, int64(-3), []any{int64(1), nil}, "abc"},
		{2.5, instant{7, 999_999}, int64(9), []any{}, "de"},
	}
	double := func(p fields, field uint64) float64 { return math.Float64frombits(p[field][0].(uint64)) }
	if p := part(rows, 1, statisticsDouble); !math.Signbit(double(p, 1)) || double(p, 1) != 0 || double(p, 2) != 2.5 || double(p, 3) != 2.5 {
		t.Errorf("doubles: %v", p)
	}
	p := part(rows, 2, statisticsTimestamp)
	if unzigzag(p[3][0].(uint64), true) != -4999 || unzigzag(p[4][0].(uint64), true) != 7000 || p.int(5) != 500_001 || len(p[6]) != 0 {
		t.Errorf("timestamps: %v", p)
	}
	if p := part(rows, 3, statisticsDate); unzigzag(p[1][0].(uint64), true) != -3 || unzigzag(p[2][0].(uint64), true) != 9 {
		t.Errorf("dates: %v", p)
	}
	if p := part(rows, 4, statisticsList); p.int(1) != 0 || p.int(2) != 2 || p.int(3) != 2 {
		t.Errorf("lists: %v", p)
	}
	if p := part(rows, 6, statisticsBinary); unzigzag(p[1][0].(uint64), true) != 5 {
		t.Errorf("binaries: %v", p)
	}
	rows[1][0] = math.NaN()
	if p := part(rows, 1, statisticsDouble); len(p[1]) != 0 || len(p[2]) != 0 || !math.IsNaN(double(p, 3)) {
		t.Errorf("doubles with one that is no number: %v", p)
	}
}

func TestLongTextsAreBounded(t *testing.T) {
	typ := parsed(t, "struct<s:string>")
	f := func(text, lower, upper string) {
		t.Helper()
		p := openTested(file(t, typ, Options{}, [][]any{{text}})).footer.part(7, 1).part(statisticsString, 0)
		bound := func(exact, cut uint64) string {
			for _, list := range [][]any{p[exact], p[cut]} {
				if len(list) > 0 {
					return string(list[0].([]byte))
				}
			}
			return ""
		}
		if got := bound(1, 4); got != lower {
			t.Errorf("%.20q...: lower bound of %d bytes ends in %q", text, len(got), got[max(0, len(got)-5):])
		}
		if got := bound(2, 5); got != upper {
			t.Errorf("%.20q...: upper bound of %d bytes ends in %q", text, len(got), got[max(0, len(got)-5):])
		}
	}
	a := strings.Repeat("a", 1023)
	f(a+"b", a+"b", a+"b")
	f(a+"bc", a+"b", a+"c")
	f(a+"äc", a, a[1:]+"b")
	f(a[1:]+"\u007fx", a[1:]+"\u007fx", a[1:]+"\u007fx")
	f(a+"\u007fxx", a+"\u007f", a+"\u0080")
	f(strings.Repeat("\U0010ffff", 300), strings.Repeat("\U0010ffff", 256), "")
	f(a[:1021]+"\ud7ffxx", a[:1021]+"\ud7ff", a[:1021]+"\ue000")
}

func TestDecimalsAsText(t *testing.T) {
	f := func(n string, scale int) {
		t.Helper()
		v, _ := new(big.Int).SetString(n, 10)
		if got, want := string(appendDecimal(nil, int128(v), scale)), decimalText(v, scale); got != want {
			t.Errorf("%s with scale %d is %s, want %s", n, scale, got, want)
		}
		if size := len(strings.TrimLeft(n, "-0")); decimalDigits(int128(v)) != size {
			t.Errorf("%s has %d digits, want %d", n, decimalDigits(int128(v)), size)
		}
	}
	for _, n := range []string{"0", "5", "-5", "100", "-120", "99999999999999999999999999999999999999", "-99999999999999999999999999999999999999",
		"18446744073709551616", "-18446744073709551616", "10000000000000000000000"} {
		for _, scale := range []int{0, 1, 2, 10, 38} {
			f(n, scale)
		}
	}
}

func TestBloomFiltersHoldTheirShareOfFalsePositives(t *testing.T) {
	b := newBloom(10_000, 0.05)
	for i := range 10_000 {
		b.addText(fmt.Append(nil, "word", i))
	}
	has := func(hash uint64) bool {
		before := slices.Clone(b.words)
		b.add(hash)
		same := slices.Equal(before, b.words)
		b.words = before
		return same
	}
	for i := range 100 {
		if !has(hashText(fmt.Append(nil, "word", i))) {
			t.Errorf("word%d is not in the filter", i)
		}
	}
	found := 0
	for i := range 2000 {
		if has(hashText(fmt.Append(nil, "other", i))) {
			found++
		}
	}
	if found > 160 || found == 0 {
		t.Errorf("%d of 2000 words are found that are not in the filter", found)
	}
}
