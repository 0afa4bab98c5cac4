// Package filter decides which events of a stream go to a destination. An event is a JSON object.
//
// A filter is written in one of three ways, or in several of them, which must then all pass:
//
//   - Lists of what to include: clauses of event types, outcomes and conditions such as "metadata.price > 20", or one
//     list each for types, outcomes and metadata. See parse for the language of conditions.
//   - An expression in CEL, the Common Expression Language: event.metadata.price > 20 && has(event.lead_data).
//   - A set of rules of a left side, an operator in words and a right side, as LeadConduit writes them.
//
// All are compiled once to one tree of predicates, so they mean the same:
//
//   - A comparison of a member that is missing is false, != as well; "not" of it is then true. With missing: skip such a
//     comparison is left out instead: it decides neither an AND nor an OR, and an event that nothing decides on passes.
//   - Numbers and strings that read as a plain decimal number compare as numbers, exactly if they are whole. Other
//     strings and booleans are equal if their texts are, and strings are ordered by their bytes.
//   - An array stands for each of its elements: a comparison holds if it holds for one. != holds if = does not. Two
//     arrays are equal if they hold the same in any order; below twenty arrays in one another the order counts.
//   - null equals null alone and has no order.
//
// One pass of internal/jsonscan finds the members that a filter names and checks that the event is JSON; only they are
// read, and mostly nothing is allocated. What of an expression is no such predicate (arithmetic, macros over lists,
// times) is left to cel-go, whose comparisons are replaced by ours. An expression that is all left to cel-go says the
// same, which tests hold; predicates of our own are there for their speed, and because they can explain themselves. On
// two members of an event of a kilobyte, in one run: the pass alone 1.20 microseconds, with two predicates 1.39, with
// cel-go 2.07, decoding the event alone about 36 (BenchmarkMatch).
//
// Nothing that an event holds makes a filter run long: predicates are linear in the event, or sort a part of it, what is
// left to cel-go is stopped after a number of steps, and a regular expression that comes from the event itself must be
// short. An evaluation that fails does not pass the event; the error never tells what the event holds.
//
// Explain tells which predicate kept an event from passing, what it found and what it wanted. What it found is kept apart
// from the text, for the caller to mask. The package itself masks nothing, and logs nothing.
package filter
