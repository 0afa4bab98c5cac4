package lambda

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"strings"
	"testing"

	jsonv2 "github.com/go-json-experiment/json"
)

// answered returns the results of as many records as asked for, when the function answers body.
func answered(t *testing.T, count int, body string) []Result {
	t.Helper()
	calls := 0
	f := functionOf(3, func([]byte) ([]byte, error) { calls++; return []byte(body), nil })
	results := call(t, f, recordsOf(make([]string, count)...))
	if calls != 1 {
		t.Errorf("the function was called %d times; an answer is final", calls)
	}
	return results
}

func TestOkReplacesTheData(t *testing.T) {
	results := answered(t, 5, `{"records":[
		{"recordId":"id-1","result":"Ok","data":"","more":[{"data":1}]},
		{"data":"QUI=","result":"Ok","recordId":"id-0"},
		{"recordId":"id-2","result":"Ok","data":"\u0051UI\u003d"},
		{"recordId":"id-3","result":"Ok","data":"Pz8\/","metadata":null},
		{"recordId":"\u0069d-4","result":"Ok","data":"QUJD\nREVG\r\n"}
	],"more":{"records":[]}}`)
	transformed(t, results[0], "AB")
	transformed(t, results[1], "")
	transformed(t, results[2], "AB")
	transformed(t, results[3], "???")
	transformed(t, results[4], "ABCDEF")
}

func TestAppendingToOneRecordsDataLeavesTheNextAlone(t *testing.T) {
	results := answered(t, 2, `{"records":[{"recordId":"id-0","result":"Ok","data":"QUI="},{"recordId":"id-1","result":"Ok","data":"Q0Q="}]}`)
	_ = append(results[0].Data, "overwritten"...)
	transformed(t, results[1], "CD")
}

func TestDroppedIsNeitherOutputNorFailure(t *testing.T) {
	for _, data := range []string{`,"data":"QUI="`, `,"data":null`, ``} {
		r := answered(t, 1, `{"records":[{"recordId":"id-0","result":"Dropped"`+data+`}]}`)[0]
		if !r.Dropped || r.Data != nil || r.Failure != nil {
			t.Errorf("with %q the result is %+v", data, r)
		}
	}
}

func TestProcessingFailedIsTheRecordsFailureOnly(t *testing.T) {
	results := answered(t, 2, `{"records":[{"recordId":"id-0","result":"ProcessingFailed","data":"QUI="},{"recordId":"id-1","result":"Ok","data":"QUI="}]}`)
	failed(t, results[0], "Lambda.ProcessingFailedStatus", 1)
	transformed(t, results[1], "AB")
}

func TestAMissingIDIsThatRecordsFailureOnly(t *testing.T) {
	results := answered(t, 2, `{"records":[{"recordId":"id-1","result":"Ok","data":"QUI="}]}`)
	failed(t, results[0], "Lambda.MissingRecordId", 1)
	transformed(t, results[1], "AB")
}

func TestADuplicatedIDIsThatRecordsFailureOnly(t *testing.T) {
	results := answered(t, 3, `{"records":[
		{"recordId":"id-0","result":"Ok","data":"QUI="},{"recordId":"id-1","result":"Ok","data":"QUI="},
		{"recordId":"id-0","result":"Ok","data":"Q0Q="},{"recordId":"id-2","result":"Dropped"},{"recordId":"id-0","result":"Dropped"}]}`)
	failed(t, results[0], "Lambda.DuplicatedRecordId", 1)
	transformed(t, results[1], "AB")
	if !results[2].Dropped {
		t.Error("a record that was dropped is not, because another is there twice")
	}
}

func TestAnUnknownIDIsNotLookedAt(t *testing.T) {
	results := answered(t, 1, `{"records":[
		{"recordId":"other","result":"Ok","data":"QUI="},{"recordId":"other","result":"Ok","data":"QUI="},
		{"recordId":null,"result":"Ok","data":"QUI="},{"result":"Ok","data":"QUI="},
		{"recordId":"id-0","result":"Ok","data":"Q0Q="}]}`)
	transformed(t, results[0], "CD")
}

func TestOkWithoutDataIsThatRecordsFailureOnly(t *testing.T) {
	results := answered(t, 3, `{"records":[{"recordId":"id-0","result":"Ok","data":null},{"recordId":"id-1","result":"Ok"},{"recordId":"id-2","result":"Ok","data":"QUI="}]}`)
	failed(t, results[0], "Lambda.InvalidReturnFormat", 1)
	failed(t, results[1], "Lambda.InvalidReturnFormat", 1)
	transformed(t, results[2], "AB")
}

func TestAnAnswerOfAnotherFormFailsTheWholeCall(t *testing.T) {
	check := func(record string) {
		t.Helper()
		results := answered(t, 2, `{"records":[{"recordId":"id-0","result":"Ok","data":"QUI="},`+record+`]}`)
		for _, r := range results {
			if r.Failure == nil || r.Failure.Code != "Lambda.FunctionError" || r.Failure.Message != malformedText || r.Failure.Attempts != 1 || r.Data != nil {
				t.Errorf("%s: the result is %+v", record, r)
			}
		}
	}
	for _, result := range []string{`"ok"`, `"OK"`, `""`, `"Failed"`, `null`, `1`, `true`, `["Ok"]`, `{}`} {
		check(`{"recordId":"id-1","result":` + result + `,"data":"QUI="}`)
	}
	for _, data := range []string{`"QUI"`, `"Q"`, `"====" `, `"QU-_"`, `"a b="`, `"é"`, `1`, `{}`, `[]`, `true`} {
		check(`{"recordId":"id-1","result":"Ok","data":` + data + `}`)
	}
	check(`{"recordId":"id-1","result":"Dropped","data":"no base64"}`)
	check(`{"recordId":"id-1","data":"QUI="}`)
	check(`{"recordId":1,"result":"Ok","data":"QUI="}`)
	check(`{"recordId":["id-1"],"result":"Ok","data":"QUI="}`)
	check(`null`)
	check(`"id-1"`)
	check(`[]`)
	check(`{}`)
	check(`{"recordId":"id-1","result":"Ok","data":"QUI=","metadata":"customer"}`)
	check(`{"recordId":"id-1","result":"Ok","data":"QUI=","metadata":{"partitionKeys":["customer"]}}`)
	check(`{"recordId":"id-1","result":"Ok","data":"QUI=","metadata":{"partitionKeys":{"customer":{}}}}`)
}

func TestWhatIsNoJSONFailsTheWholeCall(t *testing.T) {
	check := func(body string) {
		t.Helper()
		for _, r := range answered(t, 2, body) {
			failed(t, r, "Lambda.JsonProcessingException", 1)
		}
	}
	check(``)
	check(`Hello`)
	check(`{`)
	check(`{"records"`)
	check(`{"records":}`)
	check(`{"records":[`)
	check(`{"records":[}`)
	check(`{"records":[{"recordId":"id-0","result":"Ok","data":"QUI="}`)
	check(`{"records":[{"recordId":"id-0","result":"Ok","data":"QUI=`)
	check(`{"records":[{"recordId":"id-0","result":Ok}]}`)
	check(`{"records":[{"recordId":"id-0","result":"Ok","metadata":{`)
	check(`{"records":[]}{"records":[]}`)
	check(`{"records":[]} and more`)
	check("{\"records\":[],\"\xff\":1}")
	check(`<html></html>`)
}

func TestJSONWithoutAnArrayOfRecordsMissesEveryRecord(t *testing.T) {
	for _, body := range []string{`{}`, `null`, `[]`, `"text"`, ` 5 `, `true`, `[{"records":[]}]`, `{"records":null}`, `{"records":{}}`,
		`{"records":"id-0"}`, `{"records":[]}`, `{"Records":[{"recordId":"id-0","result":"Ok","data":"QUI="}]}`, `{"statusCode":200,"body":"{}"}`} {
		for _, r := range answered(t, 2, body) {
			failed(t, r, "Lambda.MissingRecordId", 1)
		}
	}
}

func TestOfMembersThatAreThereTwiceTheLastCounts(t *testing.T) {
	results := answered(t, 1, `{"records":[{"recordId":"id-0","result":"Dropped"}],"records":[{"recordId":"x","result":"Dropped","result":"Ok","data":"QUI=","recordId":"id-0"}]}`)
	transformed(t, results[0], "AB")
}

func TestPartitionKeysAreTexts(t *testing.T) {
	check := func(metadata string, want map[string]string) {
		t.Helper()
		r := answered(t, 1, `{"records":[{"recordId":"id-0","result":"Ok","data":"QUI=","metadata":`+metadata+`}]}`)[0]
		transformed(t, r, "AB")
		if !maps.Equal(r.Keys, want) {
			t.Errorf("the keys of %s are %v, want %v", metadata, r.Keys, want)
		}
	}
	check(`null`, nil)
	check(`{}`, nil)
	check(`{"partitionKeys":null,"otfMetadata":{"operation":""}}`, nil)
	check(`{"partitionKeys":{}}`, nil)
	check(`{"partitionKeys":{"customer":"a/b","é\n":"\u00fc"}}`, map[string]string{"customer": "a/b", "é\n": "ü"})
	check(`{"partitionKeys":{"year":2026,"share":0.5,"minus":-1,"on":true,"off":false,"none":null,"empty":""}}`,
		map[string]string{"year": "2026", "share": "0.5", "minus": "-1", "on": "true", "off": "false", "none": "", "empty": ""})
}

// FuzzParse holds the parser against encoding/json, as far as that tells: what the one takes, the other takes, with the
// same data; and every record has exactly one result.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		`{"records":[{"recordId":"id-0","result":"Ok","data":"QUI="},{"recordId":"id-1","result":"Dropped"}]}`,
		`{"records":[{"recordId":"id-0","result":"ProcessingFailed","data":null,"metadata":{"partitionKeys":{"a":"b","c":1}}}]}`,
		`{"records":[{"recordId":"\u0069d-1","result":"Ok","data":"QUJD\nREVG"},{"recordId":"id-1"}]}`, `null`, `{"errorType":"x"}`, `[`, ``,
	} {
		f.Add([]byte(seed))
	}
	records := recordsOf("a", "b")
	f.Fuzz(func(t *testing.T, body []byte) {
		results := make([]Result, len(records))
		if failed := parse(body, records, results, testARN, 1); failed != nil {
			if !failed.final {
				t.Fatal("an answer is not final")
			}
			if failed.code == JSONProcessingException && json.Valid(body) && strings.ToValidUTF8(string(body), "") == string(body) && !strings.Contains(string(body), `\u`) {
				t.Fatalf("%q is JSON", body)
			}
			return
		}
		if !json.Valid(body) {
			t.Fatalf("%q is no JSON, and was taken", body)
		}
		for i, r := range results {
			if ways := []bool{r.Data != nil, r.Dropped, r.Failure != nil}; trues(ways) != 1 {
				t.Fatalf("%q: record %d is %+v", body, i, r)
			}
			if r.Data != nil {
				held(t, body, records[i].ID, r.Data)
			}
		}
	})
}

func trues(list []bool) (n int) {
	for _, is := range list {
		if is {
			n++
		}
	}
	return n
}

// held checks that another decoder sees the same data for an ID that is in body once.
func held(t *testing.T, body []byte, id string, data []byte) {
	t.Helper()
	var list struct {
		Records []struct {
			RecordID string `json:"recordId"`
			Data     []byte `json:"data"`
		} `json:"records"`
	}
	if jsonv2.Unmarshal(body, &list) != nil {
		return // it is stricter with members that are there twice, and with lines in base64
	}
	for _, r := range list.Records {
		if r.RecordID == id && !bytes.Equal(r.Data, data) {
			t.Fatalf("%q: the data of %s became %q", body, id, data)
		}
	}
}

// The functions' side of a call costs nothing here: what is measured is what the product spends on a megabyte of records.
func BenchmarkCall(b *testing.B) {
	for _, size := range []int{200, 1000, 20_000} {
		b.Run(fmt.Sprintf("record=%d", size), func(b *testing.B) {
			var data []string
			for range 1 << 20 / size {
				data = append(data, strings.Repeat("x", size))
			}
			records := recordsOf(data...)
			var body []byte
			f := functionOf(0, func(payload []byte) ([]byte, error) {
				if body == nil {
					body = echo(payload)
				}
				return body, nil
			})
			call(b, f, records)
			b.SetBytes(int64(len(data) * size))
			b.ReportAllocs()
			for b.Loop() {
				if r := call(b, f, records); r[0].Failure != nil {
					b.Fatal(r[0].Failure)
				}
			}
		})
	}
}
