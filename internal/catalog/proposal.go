package catalog

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
)

// columnNameMax is the longest name of a column in Glue, in bytes.
const columnNameMax = 255

// Definition is a proposed table.
type Definition struct {
	Notes   []string // what whoever uses the definition should know, a sentence each
	columns []column
}

func (in *inferrer) definition() *Definition {
	d := &Definition{}
	for _, name := range in.root.names {
		switch {
		case name == "" || len(name) > columnNameMax:
			d.Notes = append(d.Notes, fmt.Sprintf("The member %.40q is left out: a column's name has 1 to %d bytes.", name, columnNameMax))
			continue
		case strings.Contains(name, "."):
			d.Notes = append(d.Notes, fmt.Sprintf("The column %q has a dot in its name, which Hive does not allow; "+
				"rename it with an underscore and set ConvertDotsInJsonKeysToUnderscores, or map it with ColumnToJsonKeyMappings.", name))
		}
		d.columns = append(d.columns, column{name, in.root.members[name].hive(0)})
	}
	return d
}

// JSON returns the definition as input for the CreateTable operation of AWS Glue, which is also how a folder of
// definitions holds it.
func (d *Definition) JSON(database, table string) []byte {
	type descriptor struct{ Columns []column }
	type input struct {
		Name              string
		StorageDescriptor descriptor
	}
	proposal := struct {
		DatabaseName string
		TableInput   input
	}{database, input{table, descriptor{d.columns}}}

	var text bytes.Buffer
	e := json.NewEncoder(&text)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(proposal); err != nil {
		panic(err) // strings only
	}
	return text.Bytes()
}
