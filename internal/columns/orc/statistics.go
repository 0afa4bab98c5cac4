package orc

import (
	"bytes"
	"math"
	"unicode/utf8"

	"firehose/internal/columns"
)

// statistics is what readers may know of a column without reading it, over a row group, a stripe or the file. Which fields are
// used follows from the kind.
type statistics struct {
	typ   *columns.Type
	count uint64 // of values; nulls are none
	nulls bool

	least, greatest int64 // whole numbers; days; milliseconds; elements of a list
	sum             int64 // of them; bytes of text; set flags
	overflow        bool  // of the sum

	leastNanos, greatestNanos int64 // of timestamps, what is below the millisecond

	leastFloat, greatestFloat, sumFloat float64

	leastDecimal, greatestDecimal, sumDecimal columns.Int128

	leastText, greatestText []byte
}

func (s *statistics) reset() {
	*s = statistics{typ: s.typ, leastText: s.leastText[:0], greatestText: s.greatestText[:0]}
}

// addSum adds to the sum, unless it leaves 64 bits.
func (s *statistics) addSum(n int64) {
	sum := s.sum + n
	s.overflow = s.overflow || (sum^s.sum)&(sum^n) < 0
	s.sum = sum
}

// addInts counts whole numbers, days, or lengths of lists.
func (s *statistics) addInts(values []int64) {
	if len(values) == 0 {
		return
	}
	if s.count == 0 {
		s.least, s.greatest = values[0], values[0]
	}
	least, greatest := s.least, s.greatest
	for _, v := range values {
		least, greatest = min(least, v), max(greatest, v)
		s.addSum(v)
	}
	s.least, s.greatest = least, greatest
	s.count += uint64(len(values))
}

// addFloats counts numbers. The sum is NaN as soon as one of them is, by which readers know not to trust the bounds.
func (s *statistics) addFloats(values []float64) {
	if len(values) == 0 {
		return
	}
	if s.count == 0 {
		s.leastFloat, s.greatestFloat = math.Inf(1), math.Inf(-1)
	}
	for _, v := range values {
		if v < s.leastFloat {
			s.leastFloat = v
		}
		if v > s.greatestFloat {
			s.greatestFloat = v
		}
		s.sumFloat += v
	}
	s.count += uint64(len(values))
}

func (s *statistics) addTimestamp(millis, nanos int64) {
	if s.count == 0 || millis < s.least || millis == s.least && nanos < s.leastNanos {
		s.least, s.leastNanos = millis, nanos
	}
	if s.count == 0 || millis > s.greatest || millis == s.greatest && nanos > s.greatestNanos {
		s.greatest, s.greatestNanos = millis, nanos
	}
	s.count++
}

func (s *statistics) addDecimals(values []columns.Int128) {
	for _, v := range values {
		if s.count == 0 || less128(v, s.leastDecimal) {
			s.leastDecimal = v
		}
		if s.count == 0 || less128(s.greatestDecimal, v) {
			s.greatestDecimal = v
		}
		s.addDecimalSum(v)
		s.count++
	}
}

func (s *statistics) addDecimalSum(v columns.Int128) {
	sum := add128(s.sumDecimal, v)
	s.overflow = s.overflow || (sum.High^s.sumDecimal.High)&(sum.High^v.High) < 0
	s.sumDecimal = sum
}

// addTexts counts the texts from..to, which lie in data one after the other.
func (s *statistics) addTexts(data []byte, ends []int, from, to int) {
	if from == to {
		return
	}
	begin := 0
	if from > 0 {
		begin = ends[from-1]
	}
	s.addSum(int64(ends[to-1] - begin))
	least, greatest := s.leastText, s.greatestText
	if s.count == 0 {
		least, greatest = data[begin:ends[from]], data[begin:ends[from]]
	}
	for _, end := range ends[from:to] {
		text := data[begin:end]
		if bytes.Compare(text, least) < 0 {
			least = text
		} else if bytes.Compare(text, greatest) > 0 {
			greatest = text
		}
		begin = end
	}
	s.leastText = append(s.leastText[:0], least...)
	s.greatestText = append(s.greatestText[:0], greatest...)
	s.count += uint64(to - from)
}

// merge counts what another counted.
func (s *statistics) merge(o *statistics) {
	s.nulls = s.nulls || o.nulls
	if o.count == 0 {
		return
	}
	switch s.typ.Kind {
	case columns.Float, columns.Double:
		s.leastFloat, s.greatestFloat = pick(s.count == 0 || o.leastFloat < s.leastFloat, o.leastFloat, s.leastFloat),
			pick(s.count == 0 || o.greatestFloat > s.greatestFloat, o.greatestFloat, s.greatestFloat)
		s.sumFloat += o.sumFloat
	case columns.Decimal:
		s.leastDecimal = pick(s.count == 0 || less128(o.leastDecimal, s.leastDecimal), o.leastDecimal, s.leastDecimal)
		s.greatestDecimal = pick(s.count == 0 || less128(s.greatestDecimal, o.greatestDecimal), o.greatestDecimal, s.greatestDecimal)
		s.overflow = s.overflow || o.overflow
		s.addDecimalSum(o.sumDecimal)
	case columns.Timestamp:
		count := s.count
		s.addTimestamp(o.least, o.leastNanos)
		s.addTimestamp(o.greatest, o.greatestNanos)
		s.count = count
	default:
		s.leastText = append(s.leastText[:0], pick(s.count == 0 || bytes.Compare(o.leastText, s.leastText) < 0, o.leastText, s.leastText)...)
		s.greatestText = append(s.greatestText[:0], pick(s.count == 0 || bytes.Compare(o.greatestText, s.greatestText) > 0, o.greatestText, s.greatestText)...)
		s.least = pick(s.count == 0, o.least, min(s.least, o.least))
		s.greatest = pick(s.count == 0, o.greatest, max(s.greatest, o.greatest))
		s.overflow = s.overflow || o.overflow
		s.addSum(o.sum)
	}
	s.count += o.count
}

func pick[T any](first bool, a, b T) T {
	if first {
		return a
	}
	return b
}

// Fields of ColumnStatistics in the format's protocol buffers.
const (
	statisticsCount     = 1
	statisticsInt       = 2
	statisticsDouble    = 3
	statisticsString    = 4
	statisticsBoolean   = 5
	statisticsDecimal   = 6
	statisticsDate      = 7
	statisticsBinary    = 8
	statisticsTimestamp = 9
	statisticsNulls     = 10
	statisticsList      = 12
)

// message returns the statistics as they stand in the file.
func (s *statistics) message() message {
	var m message
	m.uint(statisticsCount, s.count)
	if field, part := s.ofKind(); field != 0 && s.count > 0 {
		m.bytes(field, part)
	}
	m.uint(statisticsNulls, pick[uint64](s.nulls, 1, 0))
	return m
}

func (s *statistics) ofKind() (field uint64, m message) {
	switch s.typ.Kind {
	case columns.Boolean:
		m.packed(1, []uint64{uint64(s.sum)})
		return statisticsBoolean, m
	case columns.TinyInt, columns.SmallInt, columns.Int, columns.BigInt:
		m.sint(1, s.least)
		m.sint(2, s.greatest)
		if !s.overflow {
			m.sint(3, s.sum)
		}
		return statisticsInt, m
	case columns.Float, columns.Double:
		return statisticsDouble, s.floats()
	case columns.String, columns.Varchar, columns.Char:
		return statisticsString, s.texts()
	case columns.Binary:
		m.sint(1, s.sum)
		return statisticsBinary, m
	case columns.Date:
		m.sint(1, s.least)
		m.sint(2, s.greatest)
		return statisticsDate, m
	case columns.Timestamp:
		return statisticsTimestamp, s.timestamps()
	case columns.Decimal:
		m.bytes(1, appendDecimal(nil, s.leastDecimal, s.typ.Scale))
		m.bytes(2, appendDecimal(nil, s.greatestDecimal, s.typ.Scale))
		if !s.overflow && decimalDigits(s.sumDecimal) <= decimalMax {
			m.bytes(3, appendDecimal(nil, s.sumDecimal, s.typ.Scale))
		}
		return statisticsDecimal, m
	case columns.Array, columns.Map:
		m.uint(1, uint64(s.least))
		m.uint(2, uint64(s.greatest))
		m.uint(3, uint64(s.sum))
		return statisticsList, m
	}
	return 0, nil
}

func (s *statistics) floats() (m message) {
	if !math.IsNaN(s.sumFloat) {
		least, greatest := s.leastFloat, s.greatestFloat
		if least == 0 { // of the two zeros, which some readers order and we do not, the one that is outside
			least = math.Copysign(0, -1)
		}
		if greatest == 0 {
			greatest = 0
		}
		m.double(1, least)
		m.double(2, greatest)
	}
	m.double(3, s.sumFloat)
	return m
}

// timestamps tells milliseconds, and apart from them what is below; of that the widest bounds are not told.
func (s *statistics) timestamps() (m message) {
	m.sint(3, s.least)
	m.sint(4, s.greatest)
	if s.leastNanos != 0 {
		m.uint(5, uint64(s.leastNanos+1))
	}
	if s.greatestNanos != nanosPerMilli-1 {
		m.uint(6, uint64(s.greatestNanos+1))
	}
	return m
}

const boundMax = 1024 // bytes of a text in statistics; of longer ones a bound is told instead

func (s *statistics) texts() (m message) {
	if least := s.leastText; len(least) <= boundMax {
		m.bytes(1, least)
	} else {
		m.bytes(4, cutText(least))
	}
	if greatest := s.greatestText; len(greatest) <= boundMax {
		m.bytes(2, greatest)
	} else if above := textAbove(cutText(greatest)); above != nil {
		m.bytes(5, above)
	}
	if !s.overflow {
		m.sint(3, s.sum)
	}
	return m
}

// cutText returns the whole characters within the bound.
func cutText(text []byte) []byte {
	n := boundMax
	for n > boundMax-utf8.UTFMax && !utf8.RuneStart(text[n]) {
		n--
	}
	return text[:n]
}

// textAbove returns a text that is greater than all that begin with the given one, or nil if there is none.
func textAbove(text []byte) []byte {
	for len(text) > 0 {
		last, size := utf8.DecodeLastRune(text)
		text = text[:len(text)-size]
		next := last + 1
		if next == 0xd800 { // what follows belongs to no character
			next = 0xe000
		}
		if next <= utf8.MaxRune && (last != utf8.RuneError || size > 1) {
			return utf8.AppendRune(append([]byte(nil), text...), next)
		}
	}
	return nil
}
