// Package convert turns JSON records into Parquet or ORC files after a table's definition.
package convert

import (
	"context"

	"firehose/internal/columns"
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
