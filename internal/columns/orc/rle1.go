package orc

import "encoding/binary"

// runs1 is version 1: runs of values with an even distance, and rows of single values.
type runs1 struct{}

func (runs1) append(dst []byte, values []int64, signed bool) []byte {
	plain := 0 // where the values begin that are in no run
	for i := 0; i < len(values); {
		end := even(values, i)
		if end-i < repeat1 {
			i++
			continue
		}
		dst = appendPlain1(dst, values[plain:i], signed)
		dst = append(dst, byte(end-i-repeat1), byte(values[i+1]-values[i]))
		dst = appendVarint(dst, values[i], signed)
		i, plain = end, end
	}
	return appendPlain1(dst, values[plain:], signed)
}

// even returns where the run that begins at i ends: values that differ from the one before by the same small number.
func even(values []int64, i int) int {
	if i+1 == len(values) {
		return i + 1
	}
	step := values[i+1] - values[i]
	if step != int64(int8(step)) || step >= 0 != (values[i+1] >= values[i]) { // too large, or past the end of 64 bits
		return i + 1
	}
	end := i + 2
	for end < len(values) && end-i < run1Max && values[end]-values[end-1] == step && step >= 0 == (values[end] >= values[end-1]) {
		end++
	}
	return end
}

func appendPlain1(dst []byte, values []int64, signed bool) []byte {
	for len(values) > 0 {
		n := min(len(values), plain1)
		dst = append(dst, byte(-n))
		for _, v := range values[:n] {
			dst = appendVarint(dst, v, signed)
		}
		values = values[n:]
	}
	return dst
}

func appendVarint(dst []byte, v int64, signed bool) []byte {
	if signed {
		return binary.AppendUvarint(dst, zigzag(v))
	}
	return binary.AppendUvarint(dst, uint64(v))
}
