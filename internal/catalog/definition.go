package catalog

import (
	"fmt"
	"strings"

	"firehose/internal/columns"
	"firehose/internal/convert"
	"firehose/internal/verdict"
)

// The codes of what is wrong with a table, as the Amazon service's diagnostics have them.
const (
	codeNotFound      = "DataFormatConversion.EntityNotFound"
	codeInvalidSchema = "DataFormatConversion.InvalidSchema"
	codeInvalidInput  = "DataFormatConversion.InvalidInput"
	codeAccessDenied  = "DataFormatConversion.AccessDenied"
)

// latest stands for the newest version of a table.
const latest = "LATEST"

// isLatest says whether the newest version is meant, which it also is if none is named.
func isLatest(version string) bool { return version == "" || strings.EqualFold(version, latest) }

// tableName names a table for people.
func tableName(r convert.Ref) string {
	if isLatest(r.Version) {
		return r.Database + "." + r.Table
	}
	return r.Database + "." + r.Table + " version " + r.Version
}

// column is a column as a catalogue writes it.
type column struct{ Name, Type string }

// compile turns a definition's columns into a type. Where is for the error: the table and its place.
func compile(where string, list []column) (*columns.Type, error) {
	invalid := func(format string, args ...any) error {
		return &verdict.SetUp{Code: codeInvalidSchema, Err: fmt.Errorf("%s: %w", where, fmt.Errorf(format, args...)),
			Fix: "Correct the table's definition in the catalogue, or let the stream convert to another table or version."}
	}
	if len(list) == 0 {
		return nil, invalid("StorageDescriptor.Columns has no columns")
	}
	var fields []columns.Field
	seen := map[string]bool{}
	for i, c := range list {
		if c.Name == "" {
			return nil, invalid("StorageDescriptor.Columns[%d].Name is missing", i)
		}
		name := strings.ToLower(c.Name)
		if seen[name] {
			return nil, invalid("StorageDescriptor.Columns[%d].Name: there are two columns %q", i, name)
		}
		seen[name] = true
		if c.Type == "" {
			return nil, invalid("StorageDescriptor.Columns[%d].Type of column %q is missing", i, c.Name)
		}
		t, err := columns.ParseType(c.Type)
		if err != nil {
			return nil, invalid("StorageDescriptor.Columns[%d].Type of column %q: %w", i, c.Name, err)
		}
		fields = append(fields, columns.Field{Name: c.Name, Type: t})
	}
	return columns.Table(fields), nil
}
