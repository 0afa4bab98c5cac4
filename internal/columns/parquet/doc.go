// Package parquet writes columns to Parquet files.
package parquet
