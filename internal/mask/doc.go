// Package mask hides what is personal in an event: it replaces the values of some paths by masks, or takes them out, and
// leaves every other byte as it is.
//
// A mask shows what its name says and nothing else. Its stars do not tell how long the value was; its spelling does not
// tell how the value was spelled; and a mask of a mask is the same mask. What cannot be read as what it should be is
// hidden whole (and counted): a mask that lets bad input pass is worse than one that hides too much. For the same reason
//
//   - an event that is not one JSON object, to its last byte, is an error, and nothing of it is handed on;
//   - of several members of one name each is masked, however its name is spelled;
//   - a path leads through arrays, whether or not it says so;
//   - a name with dots reads as a path: {"lead.phone": ""} is reached by lead.phone;
//   - a string that holds JSON where a path leads on, as {"lead": "{\"email\": ...}"} for lead.email, is hidden whole;
//   - below a masked object every value is hidden, except components that show no more than the mask (see parts).
//
// null and "" stay, since they hide nothing. Numbers are masked as their digits are written, and become strings. Names
// of members are never masked: they belong to whoever designed the event, not to whom it is about.
//
// Text is composed (NFC) before it is looked at, and cut between what people take for letters (extended grapheme
// clusters). Decimal digits of every script count as digits, and every dash as a hyphen.
//
// The event is walked once beside a tree of the paths and never decoded; masks are spliced in where values stood. No
// text of an event gets into an error, and nothing of an event is kept.
package mask
