// Package kpl takes apart the records that the Kinesis Producer Library has aggregated.
package kpl
