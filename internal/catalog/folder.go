package catalog

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"firehose/internal/columns"
	"firehose/internal/convert"
	"firehose/internal/verdict"
)

// folder holds definitions in files: <database>/<table>.json and, for a version, <database>/<table>.<version>.json.
// Names are compared in lower case, as catalogues keep them. Files are found by reading the folders and comparing
// names, never by making a path of a name, so a name leads nowhere else. The names of folder and file count, not the
// members Name and DatabaseName; the same tables serve all accounts and regions.
type folder struct{ dir string }

// document is a definition, as Glue's API answers it or takes it.
type document struct {
	Table        *table
	TableInput   *table
	TableVersion *struct{ Table *table }
	table        // without a wrapper
}

type table struct {
	VersionID         string `json:"VersionId"`
	StorageDescriptor *struct{ Columns []column }
}

// errAbsent says that a folder does not have a table.
var errAbsent = errors.New("not there")

// fileMax is the largest file that is read.
const fileMax = 16 << 20

func (f folder) table(_ context.Context, r convert.Ref) (*columns.Type, error) {
	dir, err := find(f.dir, r.Database)
	if err != nil {
		return nil, err
	}
	if isLatest(r.Version) {
		found, path, err := read(dir, r.Table)
		if err != nil {
			return nil, err
		}
		return found.compile(path)
	}
	found, path, err := read(dir, r.Table+"."+r.Version)
	if errors.Is(err, errAbsent) {
		found, path, err = read(dir, r.Table)
		if err == nil && found.VersionID != r.Version {
			err = errAbsent
		}
	}
	if err != nil {
		return nil, err
	}
	return found.compile(path)
}

// find returns the path of what a folder holds under a name, or errAbsent.
func find(dir, name string) (string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return "", fmt.Errorf("look for table definitions: %w", err)
	}
	path := ""
	for _, e := range entries {
		if !strings.EqualFold(e.Name(), name) {
			continue
		}
		if path != "" {
			return "", invalidFile(path, fmt.Errorf("%s has the same name but for capitals", e.Name()))
		}
		path = filepath.Join(dir, e.Name())
	}
	if path == "" {
		return "", errAbsent
	}
	return path, nil
}

// read reads the definition that a folder holds under a name.
func read(dir, name string) (*table, string, error) {
	path, err := find(dir, name+".json")
	if err != nil {
		return nil, "", err
	}
	info, err := os.Stat(path)
	if err == nil && info.Size() > fileMax {
		return nil, "", invalidFile(path, fmt.Errorf("has %d bytes, more than %d", info.Size(), fileMax))
	}
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, "", errAbsent
	}
	if err != nil {
		return nil, "", fmt.Errorf("read a table definition: %w", err)
	}
	var d document
	if err := json.Unmarshal(text, &d); err != nil {
		return nil, "", invalidFile(path, explain(text, err))
	}
	switch {
	case d.Table != nil:
		return d.Table, path, nil
	case d.TableInput != nil:
		return d.TableInput, path, nil
	case d.TableVersion != nil && d.TableVersion.Table != nil:
		return d.TableVersion.Table, path, nil
	}
	return &d.table, path, nil
}

func (t *table) compile(path string) (*columns.Type, error) {
	var list []column
	if t.StorageDescriptor != nil {
		list = t.StorageDescriptor.Columns
	}
	return compile(path, list)
}

// explain says where in a text the JSON is wrong.
func explain(text []byte, err error) error {
	var syntax *json.SyntaxError
	var other *json.UnmarshalTypeError
	switch {
	case errors.As(err, &syntax):
		return fmt.Errorf("line %d: %w", 1+strings.Count(string(text[:syntax.Offset]), "\n"), err)
	case errors.As(err, &other):
		return fmt.Errorf("line %d: member %s is a %s, want a %v", 1+strings.Count(string(text[:other.Offset]), "\n"), other.Field, other.Value, other.Type.Kind())
	}
	return err
}

func invalidFile(path string, err error) error {
	return &verdict.SetUp{Code: codeInvalidSchema, Err: fmt.Errorf("%s: %w", path, err),
		Fix: "Correct the file: it holds a table as \"aws glue get-table\" prints it."}
}
