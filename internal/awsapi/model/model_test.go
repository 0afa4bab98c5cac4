package model

import (
	"reflect"
	"slices"
	"sort"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/firehose"
)

// The official client's types are a second source of the published model: the table must have the same members, kinds
// and enum values.
func TestTableAgreesWithTheOfficialClient(t *testing.T) {
	inputs := map[string]any{
		"CreateDeliveryStream": firehose.CreateDeliveryStreamInput{}, "DeleteDeliveryStream": firehose.DeleteDeliveryStreamInput{},
		"DescribeDeliveryStream": firehose.DescribeDeliveryStreamInput{}, "ListDeliveryStreams": firehose.ListDeliveryStreamsInput{},
		"ListTagsForDeliveryStream": firehose.ListTagsForDeliveryStreamInput{}, "PutRecord": firehose.PutRecordInput{},
		"PutRecordBatch": firehose.PutRecordBatchInput{}, "StartDeliveryStreamEncryption": firehose.StartDeliveryStreamEncryptionInput{},
		"StopDeliveryStreamEncryption": firehose.StopDeliveryStreamEncryptionInput{}, "TagDeliveryStream": firehose.TagDeliveryStreamInput{},
		"UntagDeliveryStream": firehose.UntagDeliveryStreamInput{}, "UpdateDestination": firehose.UpdateDestinationInput{},
	}
	operations := Operations()
	if len(operations) != len(inputs) {
		t.Errorf("table has %d operations, want %d", len(operations), len(inputs))
	}
	for name, input := range inputs {
		agree(t, operations[name], reflect.TypeOf(input))
	}
}

func agree(t *testing.T, s *Shape, typ reflect.Type) {
	for typ.Kind() == reflect.Pointer {
		typ = typ.Elem()
	}
	switch {
	case typ == reflect.TypeFor[time.Time]():
		kind(t, s, Timestamp)
	case typ == reflect.TypeFor[[]byte]():
		kind(t, s, Blob)
	case typ.Kind() == reflect.Struct:
		kind(t, s, Structure)
		agreeMembers(t, s, typ)
	case typ.Kind() == reflect.Slice:
		kind(t, s, List)
		agree(t, s.Element, typ.Elem())
	case typ.Kind() == reflect.Map:
		kind(t, s, Map)
		agree(t, s.Key, typ.Key())
		agree(t, s.Value, typ.Elem())
	case typ.Kind() == reflect.String && typ.NumMethod() > 0:
		kind(t, s, Enum)
		var want []string
		values := reflect.Zero(typ).MethodByName("Values").Call(nil)[0]
		for i := range values.Len() {
			want = append(want, values.Index(i).String())
		}
		if got := slices.Clone(s.Values); !slices.Equal(sorted(got), sorted(want)) {
			t.Errorf("%s: values %v, want %v", s.Name, got, want)
		}
	default:
		kind(t, s, map[reflect.Kind]Kind{reflect.String: String, reflect.Int32: Integer, reflect.Float64: Double, reflect.Bool: Boolean}[typ.Kind()])
	}
}

func agreeMembers(t *testing.T, s *Shape, typ reflect.Type) {
	var want []string
	for i := range typ.NumField() {
		if field := typ.Field(i); field.IsExported() {
			want = append(want, field.Name)
			if m := s.Member(field.Name); m != nil {
				agree(t, m.Shape, field.Type)
			}
		}
	}
	var got []string
	for _, m := range s.Members {
		got = append(got, m.Name)
	}
	if !slices.Equal(sorted(got), sorted(want)) {
		t.Errorf("%s: members %v, want %v", s.Name, got, want)
	}
}

func kind(t *testing.T, s *Shape, want Kind) {
	if s.Kind != want {
		t.Errorf("%s: kind %s, want %s", s.Name, s.Kind, want)
	}
}

func sorted(names []string) []string {
	sort.Strings(names)
	return names
}

func TestParseRefusesBrokenTables(t *testing.T) {
	refuse := func(table, want string) {
		t.Helper()
		if _, err := Parse(table); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", table, err, want)
		}
	}
	refuse("structure A\n  B C", "shape C is used but not defined")
	refuse("  B C", "below a structure")
	refuse("thing A", "unknown kind")
	refuse("string A 1-2", "want MIN..MAX")
	refuse("string A 1..2 (", "pattern (")
	refuse("boolean A\nboolean A", "defined twice")
	refuse("prints A x", "no such pattern")
}

func TestPatternsMatchAsInJava(t *testing.T) {
	check := func(pattern, text string, want bool) {
		t.Helper()
		p, err := compilePattern(pattern)
		if err != nil {
			t.Fatal(err)
		}
		if got := p.Match(text); got != want {
			t.Errorf("%s on %q: %v, want %v", pattern, text, got, want)
		}
	}
	check(`.*`, "a\u2028b", false)
	check(`.*`, "a\r", false)
	check(`.*`, "é", true)
	check(`^\S+$`, "a\vb", false)
	check(`^\S+$`, "a\n", false)
	check(`^(?!\s*$).+`, " \v", false)
	check(`^(?!\s*$).+`, " a", true)
	check(`^(?!\s*$).+`, "a\nb", false)
	check(`^(?!aws:)[\p{L}\p{Z}\p{N}_.:\/=+\-@%]*$`, "aws:x", false)
	check(`^(?!aws:)[\p{L}\p{Z}\p{N}_.:\/=+\-@%]*$`, "über aws:", true)
	check(`[\u0001-\uFFFF]*`, "\x00", false)
	check(`[\u0001-\uFFFF]*`, "\uFFFF", true)
	check(`[\u0001-\uFFFF]*`, "\U00010000", false)
	check(`^$|\.[0-9a-z!\-_.*'()]+`, "", true)
	check(`^$|\.[0-9a-z!\-_.*'()]+`, ".json.gz", true)
	check(`^$|\.[0-9a-z!\-_.*'()]+`, ".JSON", false)
	jdbc := Operations()["CreateDeliveryStream"].Member("RedshiftDestinationConfiguration").Shape.Member("ClusterJDBCURL").Shape.Pattern
	check(jdbc.String(), "jdbc:redshift://my-cluster.x1.us-east-1.redshift.amazonaws.com:5439/dev", true)
	check(jdbc.String(), "jdbc:redshift://-my.us-east-1.redshift.amazonaws.com:5439/dev", false)
	check(jdbc.String(), "jdbc:redshift://my-.us-east-1.redshift.amazonaws.com:5439/dev", false)
}

func TestDecodeReadsAlongTheModel(t *testing.T) {
	create := Operations()["CreateDeliveryStream"]
	read := func(s *Shape, body string, want map[string]any) {
		t.Helper()
		if got, err := Decode(s, []byte(body)); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %v %v, want %v", body, got, err, want)
		}
	}
	read(create, ` {} `, map[string]any{})
	read(create, `{"DeliveryStreamName":"a","deliverystreamname":"b","Other":{"x":[1,"\u00e9"]}}`, map[string]any{"DeliveryStreamName": "a"})
	read(create, `{"DeliveryStreamName":"a","Tags":null}`, map[string]any{"DeliveryStreamName": "a"})
	read(create, `{"DeliveryStreamName":"a","DeliveryStreamName":null}`, map[string]any{})
	read(create, `{"Tags":[null,{}],"Tags":[{"Key":"k"}]}`, map[string]any{"Tags": []any{map[string]any{"Key": "k"}}})
	read(Operations()["ListDeliveryStreams"], `{"Limit":2.5e1}`, map[string]any{"Limit": int64(25)})
	read(Operations()["PutRecord"], `{"Record":{"Data":"AAE\u003d"}}`, map[string]any{"Record": map[string]any{"Data": []byte{0, 1}}})
}

func TestDecodeSaysWhatHasTheWrongType(t *testing.T) {
	refuse := func(operation, body, want string) {
		t.Helper()
		if _, err := Decode(Operations()[operation], []byte(body)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", body, err, want)
		}
	}
	for _, body := range []string{"", " ", "{", `{"A"`, `{"A":`, `{"A":1`, `{"A":1,`, "{}{}", "{}x", `{"DeliveryStreamName":`, "\xff",
		`{"Tags":[`, `{"Tags":[{`, `{"Tags":[{}`, `{"Tags":[{}]`, `{"Tags":]}`, `{"DeliveryStreamName":"a` + "\xff" + `"}`, `{"Tags":}`} {
		refuse("CreateDeliveryStream", body, "The request body is not valid JSON")
	}
	for _, body := range []string{"null", "[]", `"a"`, "1", "true"} {
		refuse("CreateDeliveryStream", body, "The request body is not a JSON object.")
	}
	refuse("CreateDeliveryStream", `{"DeliveryStreamName":1}`, "NUMBER_VALUE can not be converted to String at 'deliveryStreamName'")
	refuse("CreateDeliveryStream", `{"Tags":[{"Key":"a"},{"Key":[]}]}`, "Start of list can not be converted to String at 'tags.2.member.key'")
	refuse("CreateDeliveryStream", `{"Tags":{}}`, "Start of structure or map can not be converted to list at 'tags'")
	refuse("ListDeliveryStreams", `{"Limit":"1"}`, "STRING_VALUE can not be converted to Integer at 'limit'")
	refuse("ListDeliveryStreams", `{"Limit":1.5}`, "NUMBER_VALUE can not be converted to Integer at 'limit'")
	refuse("ListDeliveryStreams", `{"Limit":3000000000}`, "NUMBER_VALUE can not be converted to Integer at 'limit'")
	refuse("ListDeliveryStreams", `{"Limit":1e999}`, "NUMBER_VALUE can not be converted to Integer at 'limit'")
	refuse("DeleteDeliveryStream", `{"AllowForceDelete":"true"}`, "STRING_VALUE can not be converted to Boolean at 'allowForceDelete'")
	refuse("DeleteDeliveryStream", `{"AllowForceDelete":tru`, "The request body is not valid JSON")
	refuse("PutRecord", `{"Record":{"Data":"AAE"}}`, "The value at 'record.data' is not base64.")
	refuse("PutRecord", `{"Record":{"Data":"AA\nE="}}`, "The value at 'record.data' is not base64.")
}

// A list that is far too long must not cost memory for what nobody looks at.
func TestDecodeStopsKeepingElementsBeyondTheMaximum(t *testing.T) {
	body := `{"Tags":[` + strings.Repeat(`{},`, 1000) + `{}]}`
	tree, err := Decode(Operations()["CreateDeliveryStream"], []byte(body))
	if err != nil || len(tree["Tags"].([]any)) != 51 {
		t.Fatalf("%v %v", len(tree["Tags"].([]any)), err)
	}
}

// The model bounds no list of processors, and each of these breaks a constraint.
func TestViolationsAreBounded(t *testing.T) {
	create := Operations()["CreateDeliveryStream"]
	tree, err := Decode(create, []byte(`{"ExtendedS3DestinationConfiguration":{"ProcessingConfiguration":{"Processors":[`+
		strings.Repeat(`{},`, 5000)+`{}]}}}`))
	if err != nil {
		t.Fatal(err)
	}
	if got := len(Validate(create, tree)); got != 1000 {
		t.Errorf("%d violations", got)
	}
}

func FuzzDecode(f *testing.F) {
	f.Add("CreateDeliveryStream", []byte(`{"DeliveryStreamName":"a","Tags":[{"Key":"a"},null],"S3DestinationConfiguration":{"BufferingHints":{"SizeInMBs":1}}}`))
	f.Add("PutRecordBatch", []byte(`{"Records":[{"Data":"AA=="}]}`))
	f.Fuzz(func(t *testing.T, operation string, body []byte) {
		s := Operations()[operation]
		if s == nil {
			return
		}
		tree, err := Decode(s, body)
		if (tree == nil) == (err == nil) {
			t.Fatalf("tree %v and error %v", tree, err)
		}
		if err == nil {
			Validate(s, tree)
		}
	})
}
