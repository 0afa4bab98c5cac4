// Package jq evaluates the queries that give a record its partition keys, such as
//
//	{customer: .customer.id, device: (.device.type // "none"), hour: (.ts | strftime("%H"))}
//
// A query is jq 1.6 that ends in an object construction with constant keys; the object of its first result holds the
// keys of the record. Strings count as they are, numbers and booleans as jq 1.6 prints them. A null, an empty string
// and no result are all the same error, whose text Amazon's service uses as well.
//
// A query gives the same keys for the same record whenever and wherever it is asked: a replay must cut the same batches.
// So nothing in a query knows the time, the environment, the machine's time zone or another record (Compile refuses
// what does), and a query that does not end is stopped after a number of steps instead of after some time.
//
// There are three ways from a record to its keys, with one result:
//
//   - An object of plain member paths is looked up by internal/jsonscan; nothing is interpreted.
//   - Otherwise the query is run by gojq, over an input of only what the query can touch in the record, where this can
//     be seen from the query.
//   - Where it cannot, over the whole record.
//
// The whole record is checked to be one JSON document in any case. Where gojq differs from jq 1.6 in what queries of
// partition keys use, it is given other definitions (see definitions); docs/reference/jq.md lists what remains.
package jq
