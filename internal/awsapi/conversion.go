package awsapi

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"firehose/internal/columns"
	"firehose/internal/columns/fromjson"
	"firehose/internal/columns/orc"
	"firehose/internal/columns/parquet"
	"firehose/internal/convert"
	"firehose/internal/verdict"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/firehose/types"
)

// convertedSizeInMBs is the size of batches that are converted, if the request does not say: columns of many rows are
// smaller.
const convertedSizeInMBs = 128

// tablePatience is how long a catalogue of tables may take to answer.
const tablePatience = 10 * time.Second

// converted says whether format conversion is on.
func converted(d *extendedS3) bool {
	return aws.ToBool(orZero(d.DataFormatConversionConfiguration).Enabled)
}

// checkConversion checks a conversion that is enabled; a disabled one may be incomplete.
func checkConversion(given *s3Given, merged *extendedS3) error {
	if !converted(merged) {
		return nil
	}
	c := merged.DataFormatConversionConfiguration
	hints := orZero(given.BufferingHints)
	switch {
	case merged.CompressionFormat != types.CompressionFormatUncompressed:
		return invalidArgument("The S3 destination's compression format must be set to UNCOMPRESSED when data format conversion is enabled. " +
			"To enable compression within the converted output format, set the appropriate serialization option in the output format configuration.")
	case hints.SizeInMBs != nil && *hints.SizeInMBs < largeSizeInMBs:
		return invalidArgument("BufferingHints.SizeInMBs must be at least %d when data format conversion is enabled.", largeSizeInMBs)
	case c.InputFormatConfiguration == nil:
		return invalidArgument("InputFormatConfiguration must not be null")
	case c.OutputFormatConfiguration == nil:
		return invalidArgument("OutputFormatConfiguration must not be null")
	case c.SchemaConfiguration == nil:
		return invalidArgument("SchemaConfiguration must not be null")
	}
	input, output := orZero(c.InputFormatConfiguration.Deserializer), orZero(c.OutputFormatConfiguration.Serializer)
	switch {
	case input.HiveJsonSerDe == nil && input.OpenXJsonSerDe == nil:
		return invalidArgument("Deserializer must not be null")
	case input.HiveJsonSerDe != nil && input.OpenXJsonSerDe != nil:
		return invalidArgument("More than one deserializer specified. Only one may be chosen.")
	case output.OrcSerDe == nil && output.ParquetSerDe == nil:
		return invalidArgument("Serializer must not be null")
	case output.OrcSerDe != nil && output.ParquetSerDe != nil:
		return invalidArgument("More than one serializer specified. Only one may be chosen.")
	}
	for _, member := range []struct {
		name  string
		value *string
	}{{"RoleArn", c.SchemaConfiguration.RoleARN}, {"DatabaseName", c.SchemaConfiguration.DatabaseName}, {"TableName", c.SchemaConfiguration.TableName}} {
		if aws.ToString(member.value) == "" {
			return invalidArgument("SchemaConfiguration.%s must not be null or empty", member.name)
		}
	}
	if hive := input.HiveJsonSerDe; hive != nil {
		anyTable := columns.Table([]columns.Field{{Name: "column", Type: &columns.Type{Kind: columns.String}}})
		if _, err := fromjson.New(anyTable, compileInput(input)); err != nil {
			return invalidArgument("One or more SerDe options are invalid for org.apache.hcatalog.data.JsonSerDe: [Key: timestamp.formats Value: %s]",
				strings.Join(hive.TimestampFormats, ","))
		}
	}
	return nil
}

// checkTable looks for the table that records are to be converted to, and whether they can be. It is the last check, as
// with Amazon.
func (h *Handler) checkTable(ctx context.Context, d *extendedS3) error {
	if !converted(d) || h.Tables == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, tablePatience)
	defer cancel()
	config, err := compileConversion(d)
	if err != nil {
		return err
	}
	_, err = config.Encoder(ctx, h.Tables, io.Discard)
	if setUp := verdict.AsSetUp(err); setUp != nil {
		return invalidArgument("The table of the SchemaConfiguration cannot be used. %s (%s). %s", setUp.Err, setUp.Code, setUp.Fix)
	}
	if err != nil {
		return fmt.Errorf("look for the table of a conversion: %w", err)
	}
	return nil
}

func compileRef(s *types.SchemaConfiguration) convert.Ref {
	return convert.Ref{
		CatalogID: aws.ToString(s.CatalogId),
		Region:    aws.ToString(s.Region),
		Database:  aws.ToString(s.DatabaseName),
		Table:     aws.ToString(s.TableName),
		Version:   aws.ToString(s.VersionId),
		RoleARN:   aws.ToString(s.RoleARN),
	}
}

func compileInput(d *types.Deserializer) fromjson.Options {
	if hive := d.HiveJsonSerDe; hive != nil {
		return fromjson.Options{Hive: &fromjson.Hive{TimestampFormats: hive.TimestampFormats}}
	}
	openX := d.OpenXJsonSerDe
	return fromjson.Options{OpenX: &fromjson.OpenX{
		CaseInsensitive:   openX.CaseInsensitive == nil || *openX.CaseInsensitive,
		DotsToUnderscores: aws.ToBool(openX.ConvertDotsInJsonKeysToUnderscores),
		ColumnToKey:       openX.ColumnToJsonKeyMappings,
	}}
}

// compileConversion derives the conversion of a destination's records, or nil if there is none.
func compileConversion(d *extendedS3) (*convert.Config, error) {
	if !converted(d) {
		return nil, nil
	}
	c := d.DataFormatConversionConfiguration
	input, output := orZero(orZero(c.InputFormatConfiguration).Deserializer), orZero(orZero(c.OutputFormatConfiguration).Serializer)
	if c.SchemaConfiguration == nil || (input.HiveJsonSerDe == nil) == (input.OpenXJsonSerDe == nil) || (output.OrcSerDe == nil) == (output.ParquetSerDe == nil) {
		return nil, errors.New("its format conversion is not complete")
	}
	config := &convert.Config{Ref: compileRef(c.SchemaConfiguration), Input: compileInput(input)}
	if p := output.ParquetSerDe; p != nil {
		config.Parquet = compileParquet(p)
	} else {
		config.ORC = compileORC(output.OrcSerDe)
	}
	return config, nil
}

// compileParquet leaves zero what has its default. Padding has no effect on objects and is left out.
func compileParquet(p *types.ParquetSerDe) *parquet.Options {
	return &parquet.Options{
		BlockSize:   int64(aws.ToInt32(p.BlockSizeBytes)),
		PageSize:    int64(aws.ToInt32(p.PageSizeBytes)),
		Compression: string(p.Compression),
		Dictionary:  aws.ToBool(p.EnableDictionaryCompression),
		Version:     string(p.WriterVersion),
	}
}

// Bounds of what a bloom filter can be asked for. The model allows 0 and 1 too: a filter without error, which no size
// suffices for, and one that says nothing.
const (
	bloomErrorMin = 0.0001
	bloomErrorMax = 0.9999
)

// compileORC puts what is given over the defaults.
func compileORC(given *types.OrcSerDe) *orc.Options {
	o := orc.Defaults()
	set(&o.StripeSize, given.StripeSizeBytes)
	set(&o.BlockSize, given.BlockSizeBytes)
	set(&o.RowIndexStride, given.RowIndexStride)
	o.Padding = aws.ToBool(given.EnablePadding)
	if given.PaddingTolerance != nil {
		o.PaddingTolerance = *given.PaddingTolerance
	}
	o.Compression = cmp.Or(string(given.Compression), o.Compression)
	o.BloomFilterColumns = given.BloomFilterColumns
	if p := given.BloomFilterFalsePositiveProbability; p != nil {
		o.BloomFilterFPP = min(max(*p, bloomErrorMin), bloomErrorMax)
	}
	o.DictionaryKeyThreshold = aws.ToFloat64(given.DictionaryKeyThreshold)
	o.Version = cmp.Or(string(given.FormatVersion), o.Version)
	return &o
}

// set changes a number if there is another.
func set[T int | int64](number *T, given *int32) {
	if given != nil {
		*number = T(*given)
	}
}
