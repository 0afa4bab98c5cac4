package erroroutput

import (
	"strconv"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/segmentio/asm/base64"
)

// Append appends the line, its line feed included. Texts that are not UTF-8 have the replacement character in place of
// what is not.
func (l Line) Append(dst []byte) []byte {
	switch l.Type {
	case Conversion:
		return l.appendConversion(dst)
	case HTTPEndpoint:
		return l.appendHTTPEndpoint(dst)
	}
	dst = append(dst, '{')
	dst = append(appendRaw(dst, l.Raw), ',')
	dst = appendText(dst, "errorCode", l.Code)
	dst = appendText(append(dst, ','), "errorMessage", l.Message)
	dst = append(dst, ',')
	dst = appendNumber(dst, "attemptsMade", int64(l.Attempts))
	dst = appendTime(append(dst, ','), "arrivalTimestamp", l.Arrival)
	dst = appendTime(append(dst, ','), "attemptEndingTimestamp", l.Ended)
	if l.LambdaARN != "" {
		dst = appendText(append(dst, ','), "lambdaARN", l.LambdaARN)
	}
	return append(dst, "}\n"...)
}

func (l Line) appendConversion(dst []byte) []byte {
	dst = append(dst, '{')
	dst = appendNumber(dst, "attemptsMade", int64(l.Attempts))
	dst = appendTime(append(dst, ','), "arrivalTimestamp", l.Arrival)
	dst = appendText(append(dst, ','), "lastErrorCode", l.Code)
	dst = appendText(append(dst, ','), "lastErrorMessage", l.Message)
	dst = appendTime(append(dst, ','), "attemptEndingTimestamp", l.Ended)
	dst = appendRaw(append(dst, ','), l.Raw)
	dst = appendText(append(dst, ','), "sequenceNumber", l.Sequence)
	dst = appendNumber(append(dst, ','), "subSequenceNumber", 0) // a record counts as one, whatever was made of it
	if t := l.Table; t != nil {
		dst = appendText(append(dst, `,"dataCatalogTable":{`...), "catalogId", t.CatalogID)
		dst = appendText(append(dst, ','), "databaseName", t.DatabaseName)
		dst = appendText(append(dst, ','), "tableName", t.TableName)
		dst = appendText(append(dst, ','), "region", t.Region)
		dst = appendText(append(dst, ','), "versionId", t.VersionID)
		dst = appendText(append(dst, ','), "roleArn", t.RoleARN)
		dst = append(dst, '}')
	}
	return append(dst, "}\n"...)
}

func (l Line) appendHTTPEndpoint(dst []byte) []byte {
	dst = append(dst, '{')
	dst = appendNumber(dst, "attemptsMade", int64(l.Attempts))
	dst = appendTime(append(dst, ','), "arrivalTimestamp", l.Arrival)
	dst = appendText(append(dst, ','), "errorCode", l.Code)
	dst = appendText(append(dst, ','), "errorMessage", l.Message)
	dst = appendTime(append(dst, ','), "attemptEndingTimestamp", l.Ended)
	dst = appendRaw(append(dst, ','), l.Raw)
	dst = appendNumber(append(dst, ','), "subsequenceNumber", 0)
	dst = appendText(append(dst, ','), "dataId", l.Sequence+wholeRecord)
	return append(dst, "}\n"...)
}

// wholeRecord is what a dataId ends with: the number of the piece, and a record counts as one.
const wholeRecord = ".0"

// appendName appends the name of a member, which needs no escape.
func appendName(dst []byte, name string) []byte {
	dst = append(append(dst, '"'), name...)
	return append(dst, `":`...)
}

func appendText(dst []byte, name, text string) []byte {
	dst, _ = jsontext.AppendQuote(appendName(dst, name), text) // the error tells of replaced bytes
	return dst
}

func appendNumber(dst []byte, name string, n int64) []byte {
	return strconv.AppendInt(appendName(dst, name), n, 10)
}

func appendTime(dst []byte, name string, t time.Time) []byte {
	return appendNumber(dst, name, t.UnixMilli())
}

func appendRaw(dst, raw []byte) []byte {
	dst = append(appendName(dst, "rawData"), '"')
	start := len(dst)
	dst = append(dst, make([]byte, base64.StdEncoding.EncodedLen(len(raw)))...)
	base64.StdEncoding.Encode(dst[start:], raw)
	return append(dst, '"')
}
