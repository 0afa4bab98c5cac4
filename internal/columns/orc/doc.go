// Package orc writes columns to ORC files.
package orc
