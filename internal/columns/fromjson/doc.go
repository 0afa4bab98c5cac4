// Package fromjson reads JSON documents into columns, as Hive's two JSON deserializers do.
package fromjson
