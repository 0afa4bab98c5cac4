// Package jq evaluates the queries that give a record's partition keys.
package jq
