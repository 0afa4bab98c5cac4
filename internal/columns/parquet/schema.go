package parquet

import (
	"fmt"
	"math"

	"github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/schema"

	"firehose/internal/columns"
)

// The names by which Hive knows the inside of a file.
const (
	rootName    = "hive_schema"
	listName    = "bag"
	elementName = "array_element"
	mapName     = "map"
	keyName     = "key"
	valueName   = "value"
)

// noID is the field id of a node that has none.
const noID = -1

// schemaOf returns the schema of a table.
func schemaOf(t *columns.Type) (*schema.GroupNode, error) {
	fields, err := schemaFields(t)
	if err != nil {
		return nil, err
	}
	return schema.NewGroupNode(rootName, parquet.Repetitions.Required, fields, noID)
}

func schemaFields(t *columns.Type) (schema.FieldList, error) {
	if t.Kind != columns.Struct || len(t.Fields) == 0 {
		return nil, fmt.Errorf("type %v: a struct with at least one field is needed", t)
	}
	var fields schema.FieldList
	for _, f := range t.Fields {
		node, err := schemaNode(f.Name, f.Type, parquet.Repetitions.Optional)
		if err != nil {
			return nil, err
		}
		fields = append(fields, node)
	}
	return fields, nil
}

func schemaNode(name string, t *columns.Type, repetition parquet.Repetition) (schema.Node, error) {
	switch t.Kind {
	case columns.Struct:
		fields, err := schemaFields(t)
		if err != nil {
			return nil, err
		}
		return schema.NewGroupNode(name, repetition, fields, noID)
	case columns.Array:
		element, err := schemaNode(elementName, t.Fields[0].Type, parquet.Repetitions.Optional)
		if err != nil {
			return nil, err
		}
		return repeatedNode(name, listName, repetition, schema.NewListLogicalType(), element)
	case columns.Map:
		key, err := schemaNode(keyName, t.Fields[0].Type, parquet.Repetitions.Required)
		if err != nil {
			return nil, err
		}
		value, err := schemaNode(valueName, t.Fields[1].Type, parquet.Repetitions.Optional)
		if err != nil {
			return nil, err
		}
		return repeatedNode(name, mapName, repetition, schema.MapLogicalType{}, key, value)
	}
	physical, logical, length := primitive(t)
	if logical == nil {
		return schema.NewPrimitiveNode(name, repetition, physical, noID, noID)
	}
	return schema.NewPrimitiveNodeLogical(name, repetition, logical, physical, length, noID)
}

// repeatedNode returns a list or a map: the group that may be null, in it the group that repeats, in it the parts.
func repeatedNode(name, inner string, repetition parquet.Repetition, logical schema.LogicalType, parts ...schema.Node) (schema.Node, error) {
	repeated, err := schema.NewGroupNode(inner, parquet.Repetitions.Repeated, parts, noID)
	if err != nil {
		return nil, err
	}
	return schema.NewGroupNodeLogical(name, repetition, schema.FieldList{repeated}, logical, noID)
}

// primitive returns how values of a type that is not nested are stored, and what they mean, if storage does not say it.
func primitive(t *columns.Type) (physical parquet.Type, logical schema.LogicalType, length int) {
	const signed = true
	switch t.Kind {
	case columns.Boolean:
		return parquet.Types.Boolean, nil, 0
	case columns.TinyInt:
		return parquet.Types.Int32, schema.NewIntLogicalType(8, signed), 0
	case columns.SmallInt:
		return parquet.Types.Int32, schema.NewIntLogicalType(16, signed), 0
	case columns.Int:
		return parquet.Types.Int32, nil, 0
	case columns.BigInt:
		return parquet.Types.Int64, nil, 0
	case columns.Float:
		return parquet.Types.Float, nil, 0
	case columns.Double:
		return parquet.Types.Double, nil, 0
	case columns.Decimal:
		return parquet.Types.FixedLenByteArray, schema.NewDecimalLogicalType(int32(t.Precision), int32(t.Scale)), decimalLength(t.Precision)
	case columns.String, columns.Varchar, columns.Char:
		return parquet.Types.ByteArray, schema.StringLogicalType{}, 0
	case columns.Date:
		return parquet.Types.Int32, schema.DateLogicalType{}, 0
	case columns.Timestamp:
		return parquet.Types.Int96, int96Logical{}, 0
	case columns.Binary:
		return parquet.Types.ByteArray, nil, 0
	}
	panic(fmt.Sprintf("kind %v has no storage of its own", t.Kind))
}

// decimalLength returns how many bytes hold any number of that many digits, and its sign.
func decimalLength(precision int) int {
	return int(math.Ceil((float64(precision)*math.Log2(10) + 1) / 8))
}

// int96Logical stands for no logical type, and nothing of it is written. It only says that INT96 has an order, the one of
// time: without an order the library counts no nulls, and then the headers of V2 pages would say that there are none.
type int96Logical struct{ schema.NoLogicalType }

func (int96Logical) Equals(other schema.LogicalType) bool {
	_, same := other.(int96Logical)
	return same
}

func (int96Logical) SortOrder() schema.SortOrder { return schema.SortSIGNED }
