package orc

import "fmt"

const magic = "ORC"

// flush writes the stripe in work and begins the next one.
func (x *Writer) flush() error {
	if x.groupRows > 0 {
		x.closeGroup()
	}
	for _, c := range x.columns {
		c.finish()
	}
	index, data := x.index(), x.data()
	footer := x.compressed(x.stripeFooter(index, data))
	indexSize, dataSize := length(index), length(data)
	if err := x.pad(int64(indexSize + dataSize + footer.length())); err != nil {
		return fmt.Errorf("pad to block: %w", err)
	}
	var information message
	information.uint(1, uint64(x.at))
	information.uint(2, uint64(indexSize))
	information.uint(3, uint64(dataSize))
	information.uint(4, uint64(footer.length()))
	information.uint(5, uint64(x.rows))
	x.stripes = append(x.stripes, information)

	for _, s := range append(append(index, data...), columnStream{0, kindStream{0, footer}}) {
		if err := x.putStream(s.stream); err != nil {
			return fmt.Errorf("write stripe %d: %w", len(x.stripes), err)
		}
	}
	x.begin()
	return nil
}

// begin forgets the stripe that was written, but for its statistics, and sets the size of the next one.
func (x *Writer) begin() {
	var statistics message
	for _, c := range x.columns {
		statistics.bytes(1, c.stripe.message())
		c.reset()
	}
	x.stripeStatistics = append(x.stripeStatistics, statistics)
	x.rowsBefore += x.rows
	x.rows, x.lookAt = 0, lookMin
	x.target = x.o.StripeSize
	if left := x.leftInBlock(); x.o.Padding && left < x.target && float64(left) > x.tolerated() {
		x.target = left
	}
}

type columnStream struct {
	column int
	kindStream
}

func length(list []columnStream) (n int) {
	for _, s := range list {
		n += s.length()
	}
	return n
}

func (x *Writer) index() (list []columnStream) {
	for _, c := range x.columns {
		list = append(list, columnStream{c.id, kindStream{streamRowIndex, x.compressed(c.index())}})
		if c.bloom != nil {
			list = append(list, columnStream{c.id, kindStream{streamBloomFilter, x.compressed(c.filters())}})
		}
	}
	return list
}

func (x *Writer) data() (list []columnStream) {
	for _, c := range x.columns {
		for _, s := range c.streams() {
			list = append(list, columnStream{c.id, s})
		}
	}
	return list
}

// bloomUTC says that the bloom filters are of text in UTF-8 and of timestamps in UTC.
const bloomUTC = 1

func (x *Writer) stripeFooter(index, data []columnStream) (m message) {
	for _, list := range [][]columnStream{index, data} {
		for _, s := range list {
			var part message
			part.uint(1, s.kind)
			part.uint(2, uint64(s.column))
			part.uint(3, uint64(s.length()))
			m.bytes(1, part)
		}
	}
	for _, c := range x.columns {
		kind, words := c.values.encoding()
		var part message
		part.uint(1, kind)
		if words > 0 {
			part.uint(2, words)
		}
		if c.bloom != nil {
			part.uint(3, bloomUTC)
		}
		m.bytes(2, part)
	}
	m.bytes(3, []byte("UTC"))
	return m
}

// tolerated returns how many bytes of a block may be lost to padding.
func (x *Writer) tolerated() float64 { return x.o.PaddingTolerance * float64(x.o.StripeSize) }

func (x *Writer) leftInBlock() int64 { return x.o.BlockSize - x.at%x.o.BlockSize }

// pad puts the head of the file before the first stripe, and before any other as many zeros as keep it within a block, if the
// options want and allow it.
func (x *Writer) pad(stripe int64) error {
	if x.at == 0 {
		return x.put([]byte(magic))
	}
	left := x.leftInBlock()
	if !x.o.Padding || stripe <= left || float64(left) > x.tolerated() {
		return nil
	}
	zeros := make([]byte, min(left, chunkMax))
	for ; left > 0; left -= int64(len(zeros)) {
		zeros = zeros[:min(left, int64(len(zeros)))]
		if err := x.put(zeros); err != nil {
			return err
		}
	}
	return nil
}
