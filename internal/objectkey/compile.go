package objectkey

//lint:file-ignore ST1005 The texts of errors are the Amazon service's.

import (
	"errors"
	"time"
	"unicode/utf8"
)

// Options are the settings of a destination that decide what its prefixes may hold.
type Options struct {
	DynamicPartitioning bool           // prefix must name partition keys, and may only then
	Location            *time.Location // from ParseZone; nil is UTC
}

// evaluatedLengthMax is the largest evaluated prefix in characters, without the implicit time path.
const evaluatedLengthMax = 512

// implicitTime is the pattern of the path that follows a prefix without expressions.
const implicitTime = "yyyy/MM/dd/HH/"

// The service's texts. The misspelling in the first is the service's own.
const (
	prelude = "Ths supplied prefix(es) do not satisfy the following constraint: "

	errorPrefixRequired  = prelude + "ErrorOutputPrefix cannot be null or empty when Prefix contains expressions"
	errorTypeRequired    = prelude + "ErrorOutputPrefix must contain at least one occurrence of !{firehose:error-output-type}"
	errorTypeForbidden   = prelude + "Prefix must not contain any occurrence of !{firehose:error-output-type}"
	partitionKeyRequired = "S3 Prefix should contain Dynamic Partitioning namespaces when Dynamic Partitioning is enabled"
	partitionKeyDisabled = "Dynamic Partitioning Namespaces can only be part of a prefix expression when Dynamic Partitioning is enabled."
	partitionKeyInError  = "Dynamic Partitioning Namespaces can't be part of an error prefix expression"
	lengthExceeded       = prelude + "Length of evaluated %s cannot be greater than 512"
)

// Compile checks a destination's Prefix and ErrorOutputPrefix together, an absent one being empty, and returns the
// template of the keys of data and that of the keys of failed records. The text of an error is the service's message,
// whole.
//
// A Prefix without expressions is followed by the time path yyyy/MM/dd/HH/, one with expressions by nothing. An
// ErrorOutputPrefix is followed by nothing; in place of an absent one stands the Prefix, the kind of error as a folder,
// and the time path.
func Compile(prefix, errorPrefix string, o Options) (data, failed *Template, err error) {
	data, err = parse(prefix, "Prefix", o.Location)
	if err != nil {
		return nil, nil, err
	}
	switch keyed := data.keyed(); {
	case data.errorType:
		err = errors.New(errorTypeForbidden)
	case keyed && !o.DynamicPartitioning:
		err = errors.New(partitionKeyDisabled)
	case !keyed && o.DynamicPartitioning:
		err = errors.New(partitionKeyRequired)
	default:
		err = checkLength(data, "prefix")
	}
	if err != nil {
		return nil, nil, err
	}
	failed, err = compileError(data, errorPrefix, o)
	if err != nil {
		return nil, nil, err
	}
	if !data.expressions {
		data = data.with(timestamp(implicitTime, o.Location))
	}
	return data, failed, nil
}

// compileError makes the template of failed records beside that of data, which has no implicit time path yet.
func compileError(data *Template, errorPrefix string, o Options) (*Template, error) {
	if errorPrefix == "" {
		if data.expressions {
			return nil, errors.New(errorPrefixRequired)
		}
		failed := data.with(errorType, literal("/"), timestamp(implicitTime, o.Location))
		failed.errorType, failed.stem = true, data.stem+2
		return failed, nil
	}
	failed, err := parse(errorPrefix, "ErrorOutputPrefix", o.Location)
	switch {
	case err != nil:
		return nil, err
	case failed.keyed():
		return nil, errors.New(partitionKeyInError)
	case failed.expressions && !failed.errorType:
		return nil, errors.New(errorTypeRequired)
	}
	return failed, checkLength(failed, "ErrorOutputPrefix")
}

// sampleTime is the instant at which a prefix is measured: the longest names of a month and a day, two digits everywhere.
var sampleTime = time.Date(2018, time.September, 26, 22, 30, 40, 0, time.UTC)

// checkLength measures a prefix as it comes out without partition keys, whose lengths nobody knows before the records.
func checkLength(t *Template, name string) error {
	text := t.Evaluate(Values{Time: sampleTime, ErrorType: "processing-failed"})
	if utf8.RuneCountInString(text) > evaluatedLengthMax {
		return violation(lengthExceeded, name)
	}
	return nil
}
