package orc

import (
	"errors"
	"fmt"
	"io"

	"firehose/internal/columns"
)

// Options are those of the service's OrcSerDe. Where a zero makes no sense it stands for the default.
type Options struct {
	StripeSize             int64    // bytes of a stripe in the file, about; 64 MiB
	BlockSize              int64    // bytes of a block of the file system, 256 MiB
	RowIndexStride         int      // rows of a row group; 10,000
	Padding                bool     // whether stripes keep within blocks
	PaddingTolerance       float64  // share of a stripe that padding may take; more left in a block is filled by a smaller stripe
	Compression            string   // SNAPPY (the default), ZLIB or NONE
	BloomFilterColumns     []string // with all that is nested in them; names that are not there are passed over
	BloomFilterFPP         float64  // share of false positives, 0.05
	DictionaryKeyThreshold float64  // strings get a dictionary if it has at most so many words a value; 0 is never
	Version                string   // V0_12 (the default) or V0_11, which older versions of Hive read
}

// Defaults returns the options as the service sets them if nothing is said.
func Defaults() Options {
	return Options{
		StripeSize: 64 << 20, BlockSize: 256 << 20, RowIndexStride: 10_000, PaddingTolerance: 0.05,
		Compression: "SNAPPY", BloomFilterFPP: 0.05, Version: "V0_12",
	}
}

// complete puts defaults where nothing is said, and refuses what cannot be.
func (o Options) complete() (Options, error) {
	d := Defaults()
	o.StripeSize = pick(o.StripeSize == 0, d.StripeSize, o.StripeSize)
	o.BlockSize = pick(o.BlockSize == 0, d.BlockSize, o.BlockSize)
	o.RowIndexStride = pick(o.RowIndexStride == 0, d.RowIndexStride, o.RowIndexStride)
	o.Compression = pick(o.Compression == "", d.Compression, o.Compression)
	o.BloomFilterFPP = pick(o.BloomFilterFPP == 0, d.BloomFilterFPP, o.BloomFilterFPP)
	o.Version = pick(o.Version == "", d.Version, o.Version)
	share := func(f float64) bool { return f >= 0 && f <= 1 }
	switch {
	case o.StripeSize < 0 || o.BlockSize < 0 || o.RowIndexStride < 0:
		return o, errors.New("sizes and the row index stride must not be negative")
	case !share(o.PaddingTolerance) || !share(o.DictionaryKeyThreshold):
		return o, errors.New("padding tolerance and dictionary key threshold must be from 0 to 1")
	case !(o.BloomFilterFPP > 0 && o.BloomFilterFPP < 1):
		return o, fmt.Errorf("bloom filter false positive probability %v: more than 0 and less than 1 expected", o.BloomFilterFPP)
	case o.Version != "V0_12" && o.Version != "V0_11":
		return o, fmt.Errorf("version %q: V0_12 or V0_11 expected", o.Version)
	}
	return o, nil
}

// Writer writes a file. It belongs to one goroutine. After an error the file is lost.
type Writer struct {
	w       io.Writer
	o       Options
	typ     *columns.Type
	codec   *codec
	runs    runs      // of all columns: nobody writes while another does
	columns []*column // in the order of the types; the first is the table
	err     error     // of a write; it stays

	at         int64 // where in the file the next byte goes
	target     int64 // size of the stripe in work
	rows       int   // of the stripe
	lookAt     int   // after which of its rows its size is looked at
	groupRows  int   // of the row group; 0 if none is open
	rowsBefore int   // of the stripes before

	stripes          []message
	stripeStatistics []message
}

// NewWriter returns a writer of rows of a table, which is a struct of its columns. Nothing is written before the first stripe.
func NewWriter(w io.Writer, t *columns.Type, o Options) (*Writer, error) {
	if t.Kind != columns.Struct || len(t.Fields) == 0 {
		return nil, fmt.Errorf("a table must be a struct with columns, not %v", t)
	}
	o, err := o.complete()
	if err != nil {
		return nil, err
	}
	x := &Writer{w: w, o: o, typ: t, target: o.StripeSize, lookAt: lookMin}
	if x.codec, err = newCodec(o.Compression, o.StripeSize, count(t)-1); err != nil {
		return nil, err
	}
	x.runs = newRuns(o.Version)
	x.build(t, false)
	return x, nil
}

// count returns how many columns a type has, with all that is nested.
func count(t *columns.Type) int {
	n := 1
	for _, f := range t.Fields {
		n += count(f.Type)
	}
	return n
}

// The size of the stripe in work is looked at after so many rows, at most and at least.
const (
	lookMax = 1024
	lookMin = 16
)

// look writes the stripe if it has its size, or else sets after which row to look again: in ever greater steps, but not
// where the stripe seems to be full. What vectors the rows came in has no say in it.
func (x *Writer) look() error {
	size := int64(x.size())
	if size >= x.target {
		return x.flush()
	}
	step := min(lookMax, int64(x.rows))
	if size > 0 {
		step = min(step, (x.target-size)*int64(x.rows)/size)
	}
	x.lookAt = x.rows + int(max(lookMin, step))
	return nil
}

// Write writes the rows of a vector of the table's type. It keeps nothing of it.
func (x *Writer) Write(v *columns.Vector) error {
	if x.err != nil {
		return x.err
	}
	if v.Type != x.typ && v.Type.String() != x.typ.String() {
		return fmt.Errorf("rows of %v cannot be written to a table of %v", v.Type, x.typ)
	}
	if !dense(v) {
		return errors.New("a row must not be null")
	}
	for _, c := range x.columns {
		c.entry, c.value = 0, 0
	}
	for left := v.Len(); left > 0; {
		n := min(left, x.o.RowIndexStride-x.groupRows, x.lookAt-x.rows)
		x.piece(v, n)
		left -= n
		if x.rows == x.lookAt {
			if x.err = x.look(); x.err != nil {
				return x.err
			}
		}
	}
	return nil
}

// piece writes the next n rows, which lie in one row group.
func (x *Writer) piece(v *columns.Vector, n int) {
	if x.groupRows == 0 {
		for _, c := range x.columns {
			c.openGroup()
		}
	}
	x.columns[0].write(v, n)
	x.rows += n
	if x.groupRows += n; x.groupRows == x.o.RowIndexStride {
		x.closeGroup()
	}
}

func (x *Writer) closeGroup() {
	for _, c := range x.columns {
		c.closeGroup()
	}
	x.groupRows = 0
}

// size returns about how many bytes the stripe in work will have.
func (x *Writer) size() (size int) {
	for _, c := range x.columns {
		size += c.size()
	}
	return size
}

// Close completes the file. It does not close what is written to.
func (x *Writer) Close() error {
	if x.err != nil {
		return x.err
	}
	if x.rows > 0 {
		x.err = x.flush()
	}
	if x.err == nil {
		x.err = x.tail()
	}
	if x.err != nil {
		return x.err
	}
	x.err = errors.New("the file is closed")
	return nil
}

// put writes bytes to the file.
func (x *Writer) put(p []byte) error {
	n, err := x.w.Write(p)
	x.at += int64(n)
	return err
}

// putStream writes a stream that is complete.
func (x *Writer) putStream(s *stream) error {
	x.at += int64(s.length())
	return s.copyTo(x.w)
}

// compressed returns a message as it stands in the file.
func (x *Writer) compressed(m message) *stream {
	s := x.newStream()
	s.write(m)
	s.spill()
	return s
}
