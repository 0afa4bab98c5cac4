package erroroutput

import (
	"bufio"
	"cmp"
	"errors"
	"fmt"
	"io"
	"iter"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
)

// LineMax is the longest line that Lines reads. A record may have grown to 64 MiB when it failed.
const LineMax = 128 << 20

// errNoRaw tells a line of an error output from any other JSON object.
var errNoRaw = errors.New("it has no rawData")

// form is every spelling of the members that are read.
type form struct {
	RawData                *[]byte `json:"rawData"`
	ErrorCode              string  `json:"errorCode"`
	ErrorMessage           string  `json:"errorMessage"`
	LastErrorCode          string  `json:"lastErrorCode"`
	LastErrorMessage       string  `json:"lastErrorMessage"`
	AttemptsMade           int     `json:"attemptsMade"`
	ArrivalTimestamp       int64   `json:"arrivalTimestamp"`
	AttemptEndingTimestamp int64   `json:"attemptEndingTimestamp"`
	LambdaARN              string  `json:"lambdaARN"`
	LambdaArn              string  `json:"lambdaArn"` // in older outputs
	SequenceNumber         string  `json:"sequenceNumber"`
	DataID                 string  `json:"dataId"`
	DataCatalogTable       *table  `json:"dataCatalogTable"`
}

type table struct {
	CatalogID    string `json:"catalogId"`
	DatabaseName string `json:"databaseName"`
	TableName    string `json:"tableName"`
	Region       string `json:"region"`
	VersionID    string `json:"versionId"`
	RoleARN      string `json:"roleArn"`
}

// Parse reads a line of an error output, of whichever type and destination; members that it does not know are ignored.
//
// A line does not say its type. Type is set where the members tell it: Processing by the function's ARN, Conversion by
// the names of the error's members, HTTPEndpoint by its dataId, Decompression and Extraction by the code. Otherwise it is empty, and the folder of
// the object has it.
func Parse(line []byte) (Line, error) {
	var f form
	if err := json.Unmarshal(line, &f); err != nil {
		return Line{}, fmt.Errorf("read line of an error output: %w", err)
	}
	if f.RawData == nil {
		return Line{}, fmt.Errorf("read line of an error output: %w", errNoRaw)
	}
	l := Line{
		Failure: Failure{
			Code:      cmp.Or(f.ErrorCode, f.LastErrorCode),
			Message:   cmp.Or(f.ErrorMessage, f.LastErrorMessage),
			Attempts:  f.AttemptsMade,
			LambdaARN: cmp.Or(f.LambdaARN, f.LambdaArn),
			Table:     (*Table)(f.DataCatalogTable),
		},
		Arrival:  time.UnixMilli(f.ArrivalTimestamp).UTC(),
		Ended:    time.UnixMilli(f.AttemptEndingTimestamp).UTC(),
		Raw:      *f.RawData,
		Sequence: f.SequenceNumber,
	}
	switch {
	case f.LastErrorCode != "":
		l.Type = Conversion
	case f.DataID != "":
		l.Type, l.Sequence = HTTPEndpoint, strings.TrimSuffix(f.DataID, wholeRecord)
	case l.LambdaARN != "":
		l.Type = Processing
	case l.Code == CodeDecompression:
		l.Type = Decompression
	case l.Code == CodeExtraction:
		l.Type = Extraction
	}
	return l, nil
}

// Lines reads an error output, decompressed, line by line. It ends after the first error. Empty lines are passed over.
func Lines(r io.Reader) iter.Seq2[Line, error] {
	return func(yield func(Line, error) bool) {
		lines := bufio.NewScanner(r)
		lines.Buffer(nil, LineMax)
		for n := 1; lines.Scan(); n++ {
			if len(lines.Bytes()) == 0 {
				continue
			}
			l, err := Parse(lines.Bytes())
			if err != nil {
				err = fmt.Errorf("line %d: %w", n, err)
			}
			if !yield(l, err) || err != nil {
				return
			}
		}
		if err := lines.Err(); err != nil {
			yield(Line{}, fmt.Errorf("read error output: %w", err))
		}
	}
}
