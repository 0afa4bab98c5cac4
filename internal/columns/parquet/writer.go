package parquet

import (
	"fmt"
	"io"
	"slices"

	"github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/compress"
	"github.com/apache/arrow-go/v18/parquet/file"

	"firehose/internal/columns"
)

// Options are the choices of Amazon's ParquetSerDe. The zero value of each is the service's default.
type Options struct {
	BlockSize   int64  // bytes of a row group before compression, about; 256 MiB
	PageSize    int64  // bytes of a page before compression, about and at most; 1 MiB
	Compression string // SNAPPY, GZIP or UNCOMPRESSED; SNAPPY
	Dictionary  bool   // whether columns that repeat their values get a dictionary
	MaxPadding  int64  // has no effect: padding aligns row groups with the blocks of HDFS, and objects have none
	Version     string // of the pages: V1 or V2; V1
}

const (
	blockSizeDefault = 256 << 20
	pageSizeDefault  = 1 << 20
	createdBy        = "firehose"
	gzipLevel        = 3 // three times as fast as the usual 6, and a tenth larger
)

// Bounds of memory, for tables with very many columns and rows with very long lists.
const (
	openPagesMax = 32 << 20 // bytes of all columns' open pages
	pageSizeMin  = 16 << 10
	stepRowsMax  = 1024     // rows whose levels are held at a time
	stepSlotsMax = 16 << 10 // entries of the longest column in these rows, on average
)

// Writer writes one file. It is used by one goroutine.
type Writer struct {
	file      *file.Writer
	group     file.BufferedRowGroupWriter // nil before its first row
	blockSize int64
	root      *node
	leaves    []*node
	zeros     []int16 // the levels of rows
	err       error   // ends all
}

// NewWriter begins a file of rows of the type, which is a struct.
func NewWriter(w io.Writer, t *columns.Type, o Options) (*Writer, error) {
	root, err := schemaOf(t)
	if err != nil {
		return nil, err
	}
	x := &Writer{zeros: make([]int16, stepRowsMax), blockSize: o.BlockSize}
	if x.blockSize == 0 {
		x.blockSize = blockSizeDefault
	}
	x.root = newNode(t, true, 0, 0, &x.leaves)
	properties, err := o.properties(len(x.leaves))
	if err != nil {
		return nil, err
	}
	for _, n := range x.leaves {
		n.leaf.pageSize = int(properties.DataPageSize())
	}
	// The library closes what it writes to if that can be closed; w is not its to close.
	x.file, err = file.NewParquetWriterWithError(struct{ io.Writer }{w}, root, file.WithWriterProps(properties))
	if err != nil {
		return nil, err
	}
	return x, nil
}

// properties returns the options as the library has them.
func (o Options) properties(columnCount int) (*parquet.WriterProperties, error) {
	if o.BlockSize < 0 || o.PageSize < 0 {
		return nil, fmt.Errorf("blocks of %d bytes and pages of %d: sizes are positive", o.BlockSize, o.PageSize)
	}
	pageSize := o.PageSize
	if pageSize == 0 {
		pageSize = pageSizeDefault
	}
	pageSize = min(pageSize, max(openPagesMax/int64(columnCount), pageSizeMin))
	properties := []parquet.WriterProperty{
		parquet.WithCreatedBy(createdBy), parquet.WithDictionaryDefault(o.Dictionary), parquet.WithDataPageSize(pageSize),
		parquet.WithBatchSize(1 << 40), // steps are small, and divided where rows begin
	}
	switch o.Compression {
	case "", "SNAPPY":
		properties = append(properties, parquet.WithCompression(compress.Codecs.Snappy))
	case "GZIP":
		properties = append(properties, parquet.WithCompression(compress.Codecs.Gzip), parquet.WithCompressionLevel(gzipLevel))
	case "UNCOMPRESSED":
	default:
		return nil, fmt.Errorf("compression %q: one of SNAPPY, GZIP, UNCOMPRESSED is needed", o.Compression)
	}
	switch o.Version {
	case "", "V1":
		properties = append(properties, parquet.WithVersion(parquet.V1_0), parquet.WithDataPageVersion(parquet.DataPageV1))
	case "V2":
		properties = append(properties, parquet.WithVersion(parquet.V2_LATEST), parquet.WithDataPageVersion(parquet.DataPageV2))
	default:
		return nil, fmt.Errorf("writer version %q: V1 or V2 is needed", o.Version)
	}
	return parquet.NewWriterProperties(properties...), nil
}

// Write adds the rows of v, a vector of the table's type of which no row is null. It keeps nothing of v. After an error
// the file cannot be completed.
func (x *Writer) Write(v *columns.Vector) error {
	if x.err == nil {
		x.err = x.writeRows(v)
	}
	return x.err
}

func (x *Writer) writeRows(v *columns.Vector) error {
	if row := slices.Index(v.Present, false); row >= 0 {
		return fmt.Errorf("write rows: row %d is null", row)
	}
	x.root.bind(v)
	defer x.root.bind(nil)
	step := x.stepRows(v)
	for done := 0; done < v.Len(); done += step {
		if x.group == nil {
			if err := x.beginGroup(); err != nil {
				return fmt.Errorf("begin row group: %w", err)
			}
		}
		levels := x.zeros[:min(step, v.Len()-done)]
		if err := x.root.write(levels, levels); err != nil {
			return fmt.Errorf("write rows: %w", err)
		}
		if x.buffered() >= x.blockSize {
			if err := x.endGroup(); err != nil {
				return fmt.Errorf("end row group: %w", err)
			}
		}
	}
	return nil
}

// stepRows returns how many rows of v are written at a time.
func (x *Writer) stepRows(v *columns.Vector) int {
	longest := 1
	for _, n := range x.leaves {
		longest = max(longest, n.vector.Len())
	}
	return max(1, min(stepRowsMax, stepSlotsMax*v.Len()/longest))
}

// buffered returns the size of the open row group before compression.
func (x *Writer) buffered() (size int64) {
	for _, n := range x.leaves {
		size += n.leaf.buffered
	}
	return size
}

func (x *Writer) beginGroup() (err error) {
	if x.group, err = x.file.AppendBufferedRowGroupChecked(); err != nil {
		return err
	}
	for i, n := range x.leaves {
		if n.leaf.column, err = x.group.Column(i); err != nil {
			return err
		}
		n.leaf.buffered = 0
	}
	return nil
}

func (x *Writer) endGroup() error {
	if x.group == nil {
		return nil
	}
	err := x.group.Close()
	x.group = nil
	for _, n := range x.leaves {
		n.leaf.column = nil
	}
	return err
}

// Close writes what is buffered and completes the file; it does not close what the file is written to. A file without rows
// is valid.
func (x *Writer) Close() error {
	if x.err != nil {
		return x.err
	}
	if err := x.endGroup(); err != nil {
		x.err = fmt.Errorf("end row group: %w", err)
		return x.err
	}
	if err := x.file.Close(); err != nil {
		x.err = fmt.Errorf("complete file: %w", err)
	}
	return x.err
}
