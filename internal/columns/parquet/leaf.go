package parquet

import (
	"encoding/binary"

	"github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/file"

	"firehose/internal/columns"
)

// leaf writes the values of one column of the file.
type leaf struct {
	put      put
	width    int   // bytes of a value; 0 if they differ
	present  int16 // the definition level of a value
	pageSize int   // bytes after which a page ends

	column   file.ColumnChunkWriter // of the open row group
	buffered int64                  // bytes written to it, not encoded
}

// put writes the values of v in [from, to), and the levels that they belong to.
type put func(column file.ColumnChunkWriter, v *columns.Vector, from, to int, definitions, repetitions []int16) error

func newLeaf(t *columns.Type, present int16) *leaf {
	l := &leaf{present: present}
	switch t.Kind {
	case columns.Boolean:
		l.put, l.width = putter(converted(booleans)), 1
	case columns.TinyInt, columns.SmallInt, columns.Int, columns.Date:
		l.put, l.width = putter(converted(int32s)), 4
	case columns.BigInt:
		l.put, l.width = putter(func(v *columns.Vector, from, to int) []int64 { return v.Ints[from:to] }), 8
	case columns.Float:
		l.put, l.width = putter(converted(float32s)), 4
	case columns.Double:
		l.put, l.width = putter(func(v *columns.Vector, from, to int) []float64 { return v.Floats[from:to] }), 8
	case columns.Decimal:
		l.width = decimalLength(t.Precision)
		l.put = putter(decimals(l.width))
	case columns.Timestamp:
		l.put, l.width = putter(converted(int96s)), parquet.Int96SizeBytes
	default:
		l.put = putter(converted(byteArrays))
	}
	return l
}

// write writes the values of v in [from, to). What is more than a page is divided where rows begin.
func (l *leaf) write(v *columns.Vector, from, to int, definitions, repetitions []int16) error {
	size := l.size(v, from, to)
	l.buffered += int64(size + len(definitions)/levelsPerByte)
	if size <= l.pageSize {
		return l.put(l.column, v, from, to, definitions, repetitions)
	}
	begin, value, filled := 0, from, 0
	for i, level := range definitions {
		if filled >= l.pageSize && repetitions[i] == 0 {
			if err := l.put(l.column, v, from, value, definitions[begin:i], repetitions[begin:i]); err != nil {
				return err
			}
			begin, from, filled = i, value, 0
		}
		if level == l.present {
			filled += l.size(v, value, value+1)
			value++
		}
	}
	return l.put(l.column, v, from, to, definitions[begin:], repetitions[begin:])
}

// levelsPerByte is a guess for the estimate of a row group's size: pairs of levels are packed to a few bits.
const levelsPerByte = 4

// lengthSize is what the length before a value takes, where lengths differ.
const lengthSize = 4

// size returns the bytes that values take before they are compressed.
func (l *leaf) size(v *columns.Vector, from, to int) int {
	switch {
	case from == to:
		return 0
	case l.width > 0:
		return (to - from) * l.width
	case from == 0:
		return v.Ends[to-1] + to*lengthSize
	}
	return v.Ends[to-1] - v.Ends[from-1] + (to-from)*lengthSize
}

// putter returns a put that takes values as the library has them.
func putter[T any](values func(v *columns.Vector, from, to int) []T) put {
	return func(column file.ColumnChunkWriter, v *columns.Vector, from, to int, definitions, repetitions []int16) error {
		batch := values(v, from, to)
		_, err := column.(interface {
			WriteBatch([]T, []int16, []int16) (int64, error)
		}).WriteBatch(batch, definitions, repetitions)
		return err
	}
}

// converted returns a function that appends values to memory that it uses again.
func converted[T any](appendValues func(batch []T, v *columns.Vector, from, to int) []T) func(v *columns.Vector, from, to int) []T {
	var memory []T
	return func(v *columns.Vector, from, to int) []T {
		memory = appendValues(memory[:0], v, from, to)
		return memory
	}
}

func booleans(batch []bool, v *columns.Vector, from, to int) []bool {
	for _, value := range v.Ints[from:to] {
		batch = append(batch, value != 0)
	}
	return batch
}

func int32s(batch []int32, v *columns.Vector, from, to int) []int32 {
	for _, value := range v.Ints[from:to] {
		batch = append(batch, int32(value))
	}
	return batch
}

func float32s(batch []float32, v *columns.Vector, from, to int) []float32 {
	for _, value := range v.Floats[from:to] {
		batch = append(batch, float32(value))
	}
	return batch
}

// What an INT96 timestamp counts: nanoseconds of the day, then days since noon of 1 January 4713 BC, of which 1970 began
// at day 2440588.
const (
	secondsPerDay    = 86400
	nanosPerSecond   = 1e9
	julianDayOf1970  = 2440588
	nanosOfDayLength = 8
)

func int96s(batch []parquet.Int96, v *columns.Vector, from, to int) []parquet.Int96 {
	nanos := v.Nanos[from:to]
	for i, seconds := range v.Ints[from:to] {
		day := seconds / secondsPerDay
		second := seconds % secondsPerDay
		if second < 0 {
			day, second = day-1, second+secondsPerDay
		}
		var value parquet.Int96
		binary.LittleEndian.PutUint64(value[:], uint64(second*nanosPerSecond+int64(nanos[i])))
		binary.LittleEndian.PutUint32(value[nanosOfDayLength:], uint32(day+julianDayOf1970))
		batch = append(batch, value)
	}
	return batch
}

// byteArrays returns slices of the vector's own memory: the library copies them before it returns.
func byteArrays(batch []parquet.ByteArray, v *columns.Vector, from, to int) []parquet.ByteArray {
	begin := 0
	if from > 0 {
		begin = v.Ends[from-1]
	}
	for _, end := range v.Ends[from:to] {
		batch = append(batch, v.Data[begin:end])
		begin = end
	}
	return batch
}

// decimals returns a function that gives the last length bytes of numbers, the highest first.
func decimals(length int) func(v *columns.Vector, from, to int) []parquet.FixedLenByteArray {
	const int128Length = 16
	var memory []byte
	var batch []parquet.FixedLenByteArray
	return func(v *columns.Vector, from, to int) []parquet.FixedLenByteArray {
		memory, batch = memory[:0], batch[:0]
		for _, value := range v.Decimals[from:to] {
			memory = binary.BigEndian.AppendUint64(memory, uint64(value.High))
			memory = binary.BigEndian.AppendUint64(memory, value.Low)
		}
		for end := int128Length; end <= len(memory); end += int128Length {
			batch = append(batch, memory[end-length:end])
		}
		return batch
	}
}
