// Package orc writes columns to ORC files, as version 1 of Apache's specification of the format says.
//
// A file is a row of stripes and a tail. A stripe holds some rows column by column: an index, then the data, then a footer
// that says where each stream of bytes lies and how its column is encoded. The way of a value:
//
//	Writer.Write   cuts the rows at row groups (RowIndexStride rows) and at stripes (StripeSize bytes)
//	column.write   separates nulls from values and counts both
//	values.write   encodes the values into streams: run lengths, raw bytes, or words of a dictionary
//	stream         gathers bytes and compresses them in chunks
//	Writer.flush   puts index, streams and footer of a stripe into the file
//
// Readers skip what a query does not need. For this every row group has, in each column, its least and greatest value, a
// bloom filter if the column shall have one, and the positions at which its encoders stood when it began. An encoder
// holds values back until it sees how to write them best; its position is then the place where the block of values that it
// holds will begin, and how many of them there are. Readers decode from that place and drop so many values.
//
// What the package promises: the same rows with the same options give the same bytes. A file needs the memory of one stripe.
// Timestamps are in UTC, dates in the Gregorian calendar before 1582 too. Nothing here knows of JSON, reads files, or starts
// goroutines.
//
// The format cannot tell every timestamp of the second before 1970: readers take one second off each earlier timestamp with
// a fraction above 999,999 ns, and cannot do so to second 0. Such a timestamp is written as its nearest neighbour that can be
// told, at most half a second away; other writers let it slip by a whole second, into 1970.
package orc
