package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"firehose/internal/catalog"
)

const schemaUsage = `Proposes a table for records, to convert them to Parquet or ORC.

Usage: firehose schema infer [--database NAME] [--table NAME] FILE

FILE holds one record a line, in JSON; - is standard input. The definition goes to standard output. Put it into
<database>/<table>.json below the folder catalog.dir, or add the table to AWS Glue:

  firehose schema infer orders.ndjson >orders.json
  aws glue create-table --cli-input-json file://orders.json

`

func runSchema(_ context.Context, args []string) error {
	flags := flag.NewFlagSet("schema", flag.ContinueOnError)
	database := flags.String("database", "default", "database of the table")
	table := flags.String("table", "", "name of the table (default the file's name without its ending)")
	flags.Usage = func() {
		fmt.Fprint(flags.Output(), schemaUsage)
		flags.PrintDefaults()
	}
	if len(args) == 0 || args[0] != "infer" {
		if err := parseFlags(flags, args); err != nil {
			return err
		}
		flags.Usage()
		return errUsage
	}
	path, err := parse(flags, args[1:], "file")
	if err != nil {
		return err
	}
	var records io.Reader = os.Stdin
	if path != "-" {
		file, err := os.Open(path)
		if err != nil {
			return err
		}
		defer file.Close()
		records = file
	}
	name := cmp.Or(*table, tableOf(path))
	if name == "" {
		return errors.New("want a name for the table: --table")
	}
	return inferSchema(os.Stdout, os.Stderr, records, *database, name)
}

// tableOf names a table for a file; standard input gives no name.
func tableOf(path string) string {
	name, _, _ := strings.Cut(filepath.Base(path), ".")
	return strings.ToLower(strings.Trim(name, "-"))
}

// inferSchema prints a definition, and beside it what to know about it.
func inferSchema(out, beside io.Writer, records io.Reader, database, table string) error {
	proposed, err := catalog.Infer(records)
	if err != nil {
		return err
	}
	for _, note := range proposed.Notes {
		fmt.Fprintln(beside, note)
	}
	_, err = out.Write(proposed.JSON(database, table))
	return err
}
