// Package parquet writes columns to Parquet files, with the types and names that Hive's writer gives them.
//
// A Vector is dense and nested; a Parquet file is a set of flat columns, each of which says with every value how deep it
// is defined (the definition level) and at which depth it repeats (the repetition level). Writer turns the one into the
// other a few hundred rows at a time:
//
//  1. A tree of nodes mirrors the table's type. The levels of a step begin at the root as zeros, one for each row.
//  2. Every node takes the levels of its parent, raises those whose entry is present, and, if it is a list or a map,
//     repeats them for each element. Levels that ended further up pass through as they are.
//  3. A leaf hands its levels and the values that belong to them to the column of the row group. The library encodes,
//     compresses and keeps whole pages until the row group ends.
//
// So memory holds the compressed pages of one row group, and one page of each column that is still open. Pages of tables
// with many columns are smaller than asked, that those open pages do not add up.
//
// The file depends on the input and the options only: there is no clock, no random number and no name of a machine in it,
// since a batch that is converted again must give the same object. A value is never changed here: who fills the vectors
// answers for lengths of char and varchar and for numbers that fit their type.
package parquet
