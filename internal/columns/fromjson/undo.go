package fromjson

import (
	"bytes"
	"cmp"
	"slices"

	"firehose/internal/columns"
)

// pop takes back the last entry of a vector, with all that is below it.
func pop(v *columns.Vector) {
	last := len(v.Present) - 1
	there := v.Present[last]
	v.Present = v.Present[:last]
	if !there {
		return
	}
	switch v.Type.Kind {
	case columns.Struct:
		for _, child := range v.Children {
			pop(child)
		}
	case columns.Array, columns.Map:
		v.Ends = v.Ends[:len(v.Ends)-1]
		for _, child := range v.Children {
			for end := endOf(v, len(v.Ends)-1); child.Len() > end; {
				pop(child)
			}
		}
	default:
		shorten(v, values(v)-1)
	}
}

// endOf returns where the value with a number ends; before the first one that is 0.
func endOf(v *columns.Vector, number int) int {
	if number < 0 {
		return 0
	}
	return v.Ends[number]
}

// values returns how many entries are not null.
func values(v *columns.Vector) int {
	switch v.Type.Kind {
	case columns.Struct:
		return v.Children[0].Len()
	case columns.Float, columns.Double:
		return len(v.Floats)
	case columns.Decimal:
		return len(v.Decimals)
	case columns.String, columns.Varchar, columns.Char, columns.Binary, columns.Array, columns.Map:
		return len(v.Ends)
	}
	return len(v.Ints)
}

// shorten keeps the first values of a vector that is not nested.
func shorten(v *columns.Vector, count int) {
	switch v.Type.Kind {
	case columns.Float, columns.Double:
		v.Floats = v.Floats[:count]
	case columns.Decimal:
		v.Decimals = v.Decimals[:count]
	case columns.String, columns.Varchar, columns.Char, columns.Binary:
		v.Ends, v.Data = v.Ends[:count], v.Data[:endOf(v, count-1)]
	case columns.Timestamp:
		v.Ints, v.Nanos = v.Ints[:count], v.Nanos[:count]
	default:
		v.Ints = v.Ints[:count]
	}
}

// pairsMax is up to how many entries of a map are compared each with each; more are sorted.
const pairsMax = 8

// unify leaves of the entries of a map, which begin at from, only the last of each key.
func (r *Reader) unify(keys, values *columns.Vector, from int) {
	count := keys.Len() - from
	var gone []bool
	again := func(earlier int) {
		if gone == nil {
			gone = make([]bool, count)
		}
		gone[earlier] = true
	}
	if count <= pairsMax {
		for i := range count {
			for j := i + 1; j < count; j++ {
				if compareKeys(keys, from+i, from+j) == 0 {
					again(i)
				}
			}
		}
	} else {
		r.order = r.order[:0]
		for i := range count {
			r.order = append(r.order, int32(i))
		}
		slices.SortFunc(r.order, func(i, j int32) int {
			return cmp.Or(compareKeys(keys, from+int(i), from+int(j)), cmp.Compare(i, j))
		})
		for k := range count - 1 {
			if compareKeys(keys, from+int(r.order[k]), from+int(r.order[k+1])) == 0 {
				again(int(r.order[k]))
			}
		}
	}
	if gone != nil {
		remove(keys, from, gone)
		remove(values, from, gone)
	}
}

// compareKeys orders two keys in any way that tells equal ones. Keys are never null, so their values have their numbers.
func compareKeys(v *columns.Vector, i, j int) int {
	switch v.Type.Kind {
	case columns.Float, columns.Double:
		return cmp.Compare(v.Floats[i], v.Floats[j])
	case columns.Decimal:
		a, b := v.Decimals[i], v.Decimals[j]
		return cmp.Or(cmp.Compare(a.High, b.High), cmp.Compare(a.Low, b.Low))
	case columns.String, columns.Varchar, columns.Char, columns.Binary:
		a, b := v.Data[endOf(v, i-1):v.Ends[i]], v.Data[endOf(v, j-1):v.Ends[j]]
		if len(a) != len(b) {
			return len(a) - len(b)
		}
		return bytes.Compare(a, b)
	case columns.Timestamp:
		return cmp.Or(cmp.Compare(v.Ints[i], v.Ints[j]), cmp.Compare(v.Nanos[i], v.Nanos[j]))
	}
	return cmp.Compare(v.Ints[i], v.Ints[j])
}

// remove takes those of the last entries of a vector, which begin at from, out of it that are gone.
func remove(v *columns.Vector, from int, gone []bool) {
	present := v.Present[from:]
	var goneValues []bool
	for i, there := range present {
		if there {
			goneValues = append(goneValues, gone[i])
		}
	}
	first := values(v) - len(goneValues)
	v.Present = append(v.Present[:from], left(present, gone)...)
	switch v.Type.Kind {
	case columns.Struct:
		for _, child := range v.Children {
			remove(child, first, goneValues)
		}
	case columns.Array, columns.Map:
		removeSpans(v, first, goneValues)
	case columns.Float, columns.Double:
		v.Floats = append(v.Floats[:first], left(v.Floats[first:], goneValues)...)
	case columns.Decimal:
		v.Decimals = append(v.Decimals[:first], left(v.Decimals[first:], goneValues)...)
	case columns.String, columns.Varchar, columns.Char, columns.Binary:
		removeTexts(v, first, goneValues)
	case columns.Timestamp:
		v.Nanos = append(v.Nanos[:first], left(v.Nanos[first:], goneValues)...)
		fallthrough
	default:
		v.Ints = append(v.Ints[:first], left(v.Ints[first:], goneValues)...)
	}
}

// left returns those that are not gone, in the memory of all.
func left[T any](all []T, gone []bool) []T {
	kept := all[:0]
	for i, one := range all {
		if !gone[i] {
			kept = append(kept, one)
		}
	}
	return kept
}

func removeTexts(v *columns.Vector, first int, gone []bool) {
	begin := endOf(v, first-1)
	end, ends := begin, v.Ends[first:]
	v.Ends = v.Ends[:first]
	for i, next := range ends {
		if !gone[i] {
			end += copy(v.Data[end:], v.Data[begin:next])
			v.Ends = append(v.Ends, end)
		}
		begin = next
	}
	v.Data = v.Data[:end]
}

func removeSpans(v *columns.Vector, first int, gone []bool) {
	begin := endOf(v, first-1)
	from, end, ends := begin, begin, v.Ends[first:]
	v.Ends = v.Ends[:first]
	var goneBelow []bool
	for i, next := range ends {
		for range next - begin {
			goneBelow = append(goneBelow, gone[i])
		}
		if !gone[i] {
			end += next - begin
			v.Ends = append(v.Ends, end)
		}
		begin = next
	}
	for _, child := range v.Children {
		remove(child, from, goneBelow)
	}
}
