package orc

import (
	"encoding/binary"
	"math"

	"firehose/internal/columns"
)

// plain is what encoders have in common whose positions are known at once.
type plain struct{ v2 bool }

func (p plain) between([]group) {}
func (p plain) finish([]group)  {}

// encoding is of columns whose encoding goes with the version of run lengths.
func (p plain) encoding() (kind, words uint64) {
	if p.v2 {
		return encodingDirect2, 0
	}
	return encodingDirect, 0
}

// The kinds of encodings of columns.
const (
	encodingDirect      = 0
	encodingDictionary  = 1
	encodingDirect2     = 2
	encodingDictionary2 = 3
)

func (x *Writer) newValues(t *columns.Type, children []*column) values {
	p := plain{v2: x.o.Version != "V0_11"}
	switch t.Kind {
	case columns.Boolean:
		return &booleans{flags: flags{octets: octets{out: x.newStream()}}}
	case columns.TinyInt:
		return &tinies{octets: octets{out: x.newStream()}}
	case columns.SmallInt, columns.Int, columns.BigInt, columns.Date:
		return &numbers{plain: p, data: x.newIntegers(true)}
	case columns.Timestamp:
		return &timestamps{plain: p, seconds: x.newIntegers(true), nanos: x.newIntegers(false)}
	case columns.Float, columns.Double:
		return &floats{data: x.newStream(), single: t.Kind == columns.Float}
	case columns.Decimal:
		return &decimals{plain: p, data: x.newStream(), scales: x.newIntegers(true), scale: int64(t.Scale)}
	case columns.Array, columns.Map:
		return &lists{plain: p, lengths: x.newIntegers(false), children: children}
	case columns.Struct:
		return &structs{children: children}
	}
	return x.newTexts(t, p)
}

func (x *Writer) newStream() *stream { return &stream{codec: x.codec} }

func (x *Writer) newIntegers(signed bool) integers {
	return integers{out: x.newStream(), runs: x.runs, signed: signed}
}

// booleans

type booleans struct {
	plain
	flags
}

func (e *booleans) write(v *columns.Vector, from, to int, s *statistics, _ *bloom) {
	for _, n := range v.Ints[from:to] {
		e.addFlag(n != 0)
		s.sum += n
	}
	s.count += uint64(to - from)
}

func (e *booleans) position(to []uint64) []uint64 { return e.flags.position(to) }
func (e *booleans) finish([]group)                { e.flags.finish() }
func (e *booleans) streams() []kindStream         { return []kindStream{{streamData, e.out}} }
func (e *booleans) size() int                     { return e.out.length() }
func (e *booleans) reset()                        { e.out.reset() }

// tinies

type tinies struct {
	plain
	octets
}

func (e *tinies) write(v *columns.Vector, from, to int, s *statistics, b *bloom) {
	list := v.Ints[from:to]
	for _, n := range list {
		e.add(byte(n))
	}
	s.addInts(list)
	b.addInts(list)
}

func (e *tinies) position(to []uint64) []uint64 { return e.octets.position(to) }
func (e *tinies) finish([]group)                { e.octets.finish() }
func (e *tinies) streams() []kindStream         { return []kindStream{{streamData, e.out}} }
func (e *tinies) size() int                     { return e.out.length() }
func (e *tinies) reset()                        { e.out.reset() }

// numbers are whole numbers of 16 bits and more, and days.
type numbers struct {
	plain
	data integers
}

func (e *numbers) write(v *columns.Vector, from, to int, s *statistics, b *bloom) {
	list := v.Ints[from:to]
	e.data.add(list)
	s.addInts(list)
	b.addInts(list)
}

func (e *numbers) position(to []uint64) []uint64 { return e.data.position(to) }
func (e *numbers) finish([]group)                { e.data.finish() }
func (e *numbers) streams() []kindStream         { return []kindStream{{streamData, e.data.out}} }
func (e *numbers) size() int                     { return e.data.out.length() }
func (e *numbers) reset()                        { e.data.out.reset() }

// floats

type floats struct {
	plain
	data   *stream
	single bool
	work   []byte
}

func (e *floats) write(v *columns.Vector, from, to int, s *statistics, b *bloom) {
	list, work := v.Floats[from:to], e.work[:0]
	for _, f := range list {
		if e.single {
			work = binary.LittleEndian.AppendUint32(work, math.Float32bits(float32(f)))
		} else {
			work = binary.LittleEndian.AppendUint64(work, math.Float64bits(f))
		}
	}
	e.work = work
	e.data.write(work)
	s.addFloats(list)
	if b != nil {
		for _, f := range list {
			b.addFloat(f)
		}
	}
}

func (e *floats) position(to []uint64) []uint64 { return e.data.position(to) }
func (e *floats) finish([]group)                { e.data.spill() }
func (e *floats) streams() []kindStream         { return []kindStream{{streamData, e.data}} }
func (e *floats) size() int                     { return e.data.length() }
func (e *floats) reset()                        { e.data.reset() }

// decimals

type decimals struct {
	plain
	data   *stream
	scales integers // the scale of each value, which is always the same here
	scale  int64
	work   []byte
	same   []int64
}

func (e *decimals) write(v *columns.Vector, from, to int, s *statistics, b *bloom) {
	list, work := v.Decimals[from:to], e.work[:0]
	for _, d := range list {
		work = appendVarint128(work, d)
	}
	e.data.write(work)
	for len(e.same) < len(list) {
		e.same = append(e.same, e.scale)
	}
	e.scales.add(e.same[:len(list)])
	s.addDecimals(list)
	if b != nil {
		for _, d := range list {
			work = appendDecimal(work[:0], d, int(e.scale))
			b.addText(work)
		}
	}
	e.work = work
}

func (e *decimals) position(to []uint64) []uint64 { return e.scales.position(e.data.position(to)) }

func (e *decimals) finish([]group) {
	e.data.spill()
	e.scales.finish()
}

func (e *decimals) streams() []kindStream {
	return []kindStream{{streamData, e.data}, {streamSecondary, e.scales.out}}
}

func (e *decimals) size() int { return e.data.length() + e.scales.out.length() }

func (e *decimals) reset() {
	e.data.reset()
	e.scales.out.reset()
}

// timestamps

type timestamps struct {
	plain
	seconds, nanos integers
	work, workNano []int64
}

const (
	timestampBase = 1420070400 // seconds of 2015-01-01T00:00:00Z, from which the format counts
	nanosPerMilli = 1_000_000
	milliMax      = math.MaxInt64 / 1000
)

func (e *timestamps) write(v *columns.Vector, from, to int, s *statistics, b *bloom) {
	e.work, e.workNano = e.work[:0], e.workNano[:0]
	for i, seconds := range v.Ints[from:to] {
		seconds, nanos := tellable(seconds, int64(v.Nanos[from+i]))
		millis := max(-milliMax, min(milliMax, seconds))*1000 + nanos/nanosPerMilli
		s.addTimestamp(millis, nanos%nanosPerMilli)
		if b != nil {
			b.addInt(millis)
		}
		if seconds < 0 && nanos >= nanosPerMilli {
			seconds++ // which readers take off again
		}
		e.work = append(e.work, seconds-timestampBase)
		e.workNano = append(e.workNano, scaledNanos(nanos))
	}
	e.seconds.add(e.work)
	e.nanos.add(e.workNano)
}

// tellable returns the nearest timestamp that the format can tell, see the package's comment.
func tellable(seconds, nanos int64) (int64, int64) {
	if seconds != -1 || nanos < nanosPerMilli {
		return seconds, nanos
	}
	if nanos >= 500*nanosPerMilli {
		return 0, 0
	}
	return -1, nanosPerMilli - 1
}

// scaledNanos returns nanoseconds without their zeros at the end; if there are two or more, the lowest three bits count
// them, less one.
func scaledNanos(nanos int64) int64 {
	if nanos == 0 || nanos%100 != 0 {
		return nanos << 3
	}
	nanos /= 100
	zeros := int64(1)
	for nanos%10 == 0 && zeros < 7 {
		nanos /= 10
		zeros++
	}
	return nanos<<3 | zeros
}

func (e *timestamps) position(to []uint64) []uint64 { return e.nanos.position(e.seconds.position(to)) }

func (e *timestamps) finish([]group) {
	e.seconds.finish()
	e.nanos.finish()
}

func (e *timestamps) streams() []kindStream {
	return []kindStream{{streamData, e.seconds.out}, {streamSecondary, e.nanos.out}}
}

func (e *timestamps) size() int { return e.seconds.out.length() + e.nanos.out.length() }

func (e *timestamps) reset() {
	e.seconds.out.reset()
	e.nanos.out.reset()
}
