// Package convert turns JSON records into Parquet or ORC files after a table's definition.
//
// A Config says which table, how JSON is read and which file is written. Its Encoder is one file: records are read into
// columns (columns/fromjson), and these are handed to the file's writer a few thousand rows at a time, so that memory holds
// some megabytes of rows and what the format itself must keep until a row group or stripe is complete.
//
// Failure is a record's own: a record that does not fit the table is refused with the Amazon service's code and message, and
// the others of its batch are converted. What concerns all of them, a table that is not there or has a type that the format
// cannot hold, is a *verdict.SetUp error of Config.Encoder, and no record is judged by it.
//
// The same records after the same definition give the same bytes, however they are divided among calls of Write. There is
// no clock and no chance in a file.
//
// The package never asks a catalogue by itself: Tables does, and whoever opens it decides how long an answer holds.
package convert

import (
	"context"
	"errors"
	"fmt"
	"io"

	"firehose/internal/columns"
	"firehose/internal/columns/fromjson"
	"firehose/internal/columns/orc"
	"firehose/internal/columns/parquet"
	"firehose/internal/erroroutput"
	"firehose/internal/verdict"
)

// Ref names a table.
type Ref struct {
	CatalogID string // an account, 12 digits
	Region    string
	Database  string
	Table     string
	Version   string // or LATEST
	RoleARN   string // in error outputs only
}

// Tables knows tables.
type Tables interface {
	// Table returns the columns of a table as a struct. What is LATEST may be some minutes old. A *verdict.SetUp error says
	// that the table or the catalogue is not there, or may not be read.
	Table(ctx context.Context, r Ref) (*columns.Type, error)
}

// Config says how records become files. One of Parquet and ORC is set.
type Config struct {
	Ref
	Input   fromjson.Options
	Parquet *parquet.Options
	ORC     *orc.Options
}

// Encoder begins a file after the table's definition as it is now.
func (c Config) Encoder(ctx context.Context, tables Tables, w io.Writer) (*Encoder, error) {
	t, err := tables.Table(ctx, c.Ref)
	if err != nil {
		return nil, err
	}
	reader, err := fromjson.New(t, c.Input)
	if err != nil {
		return nil, c.invalid(err)
	}
	out := &noting{Writer: w}
	file, err := c.file(out, t)
	if out.err != nil {
		return nil, fmt.Errorf("begin file: %w", out.err)
	}
	if err != nil {
		return nil, c.invalid(err)
	}
	return &Encoder{reader: reader, rows: columns.NewVector(t), file: file, table: c.failedTable()}, nil
}

// file is a file of rows that is being written.
type file interface {
	Write(*columns.Vector) error
	Close() error
}

func (c Config) file(w io.Writer, t *columns.Type) (file, error) {
	switch {
	case (c.Parquet == nil) == (c.ORC == nil):
		return nil, errors.New("one output format is needed, Parquet or ORC")
	case c.Parquet != nil:
		return parquet.NewWriter(w, t, *c.Parquet)
	}
	return orc.NewWriter(w, t, *c.ORC)
}

// invalid is the error of a table that cannot be converted to.
func (c Config) invalid(err error) error {
	return &verdict.SetUp{Code: "DataFormatConversion.InvalidSchema", Err: fmt.Errorf("convert to table %s.%s: %w", c.Database, c.Table, err),
		Fix: "Correct the stream's format conversion, or the definition of its table."}
}

func (c Config) failedTable() *erroroutput.Table {
	return &erroroutput.Table{CatalogID: c.CatalogID, DatabaseName: c.Database, TableName: c.Ref.Table, Region: c.Region, VersionID: c.Version, RoleARN: c.RoleARN}
}

// noting tells an error of what is written to from one of the writer's own.
type noting struct {
	io.Writer
	err error
}

func (n *noting) Write(p []byte) (int, error) {
	count, err := n.Writer.Write(p)
	if err != nil {
		n.err = err
	}
	return count, err
}
