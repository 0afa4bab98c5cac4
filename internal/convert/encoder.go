package convert

import (
	"errors"
	"fmt"

	"firehose/internal/batch"
	"firehose/internal/columns"
	"firehose/internal/columns/fromjson"
	"firehose/internal/erroroutput"
)

// Bounds of the rows that are held before the file's writer takes them. They count records as they come, never calls of
// Write, so that the same records are divided alike in every run.
const (
	heldRowsMax  = 2048
	heldBytesMax = 2 << 20 // of JSON
)

// Encoder writes one file. It is used by one goroutine.
type Encoder struct {
	reader *fromjson.Reader
	table  *erroroutput.Table // of failures
	file   file

	rows      *columns.Vector // that the file does not have yet
	heldBytes int             // of the records of these rows
	count     int             // rows, held ones too
	rejected  []batch.Rejected
}

var _ batch.Rejecter = (*Encoder)(nil)

// Write takes the next records. An error is the file's, never a record's, and then the file cannot be completed.
func (e *Encoder) Write(records batch.Records) error {
	e.rejected = e.rejected[:0]
	begin := records.Start
	for i, end := range records.Ends {
		if err := e.add(i, records.Data[begin:end]); err != nil {
			return err
		}
		begin = end
	}
	return nil
}

func (e *Encoder) add(index int, record []byte) error {
	rows, err := e.reader.Append(e.rows, record)
	if err != nil {
		var unfit *fromjson.Error
		if !errors.As(err, &unfit) {
			return fmt.Errorf("read a record: %w", err)
		}
		e.rejected = append(e.rejected, batch.Rejected{Index: index, Failure: erroroutput.Failure{
			Type: erroroutput.Conversion, Code: unfit.Code, Message: unfit.Message, Attempts: 1, Table: e.table,
		}})
		return nil
	}
	e.count += rows
	e.heldBytes += len(record)
	if e.rows.Len() >= heldRowsMax || e.heldBytes >= heldBytesMax {
		return e.flush()
	}
	return nil
}

// flush hands the held rows to the file.
func (e *Encoder) flush() error {
	if e.rows.Len() == 0 {
		return nil
	}
	if err := e.file.Write(e.rows); err != nil {
		return fmt.Errorf("write rows: %w", err)
	}
	e.rows.Reset()
	e.heldBytes = 0
	return nil
}

// Rejected returns the records of the last Write that do not fit the table, with all that an error output says of them.
func (e *Encoder) Rejected() []batch.Rejected { return e.rejected }

// Rows returns the number of rows taken. A file without rows need not be kept.
func (e *Encoder) Rows() int { return e.count }

// Close completes the file.
func (e *Encoder) Close() error {
	if err := e.flush(); err != nil {
		return err
	}
	if err := e.file.Close(); err != nil {
		return fmt.Errorf("complete the file: %w", err)
	}
	return nil
}
