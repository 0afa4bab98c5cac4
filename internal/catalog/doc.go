// Package catalog knows the tables that records are converted to.
//
// A table's definition lies in one of two places, which are asked in this order:
//
//   - a folder of JSON files, <database>/<table>.json, as "aws glue get-table" prints them, for those who have no AWS Glue;
//   - AWS Glue, or a service that speaks its protocol.
//
// What was found is kept. A definition of version LATEST is asked for again when it is older than the refresh time; one of
// a numbered version never, because a version does not change. When asking again fails, for whatever reason, the last
// definition stays in use: an outage of the catalogue, or a table dropped to be made anew, stops no delivery that has
// begun. Errors are never kept.
//
// The columns of a table are its data columns (StorageDescriptor.Columns). Partition keys are not among them: their
// values stand in the paths of objects, and query engines take them from there.
//
// Infer goes the other way: it proposes a definition for records that have none yet.
//
// The package never writes to a catalogue, and never uses a role that a stream names: credentials are the process's own,
// found the AWS SDK's usual way.
package catalog
