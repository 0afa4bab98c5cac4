// Package test runs the built binary as a process, with real clients, real servers and faults, and counts at the end.
//
// Every record that the tests put has an id of its own and a content that follows from the id. A client notes what it
// was told: acknowledged, refused, or nothing, because the connection broke. At the end the objects are read and counted:
//
//	acknowledged      exactly once
//	nothing was told  at most once (nobody tries such a record again: it would be the client's own duplicate)
//	refused           never
//	all else          never; and every record that is there has the content of its id
//
// The parts:
//
//	node       the binary and its data folder: start, kill, terminate
//	load       clients that put, and the account of what they were told
//	objects    what is in a bucket: a folder, a real S3 server (versitygw), or the fake
//	failure    what is in a stream's error outputs, whose form is checked whenever they are read
//	receiver   webhooks and endpoints of Amazon's HTTP protocol, with moods, and what they took
//	fakes3     an S3 in memory for faults between bytes
//	telegraf   Telegraf, a receiver of Amazon's HTTP protocol that others wrote, and what it took
//	tools      the modules that build versitygw and Telegraf, so that the product's own module does not know them
//	clients    scripts that drive clients which are not Go's
//
// What can be set:
//
//	-short                     leaves out what takes more than a few seconds; each test says so
//	FIREHOSE_TEST_KILLS=20     kills of each test that kills at random moments; 3 when not given
//	FIREHOSE_TEST_BACKLOG=...  records of the start with a backlog; 200000 when not given
//	FIREHOSE_TEST_PYTHON=...   a Python that has pyarrow, which reads ORC files; python3 when not given
//	FIREHOSE_TEST_CHROMIUM=... a browser that loads pages; chromium when not given
//	FIREHOSE_TEST_KEEP=1       keeps the data folders of failed tests and says where they are
//
// Nothing outside the machine is needed, but for the first builds of versitygw and Telegraf, which download their modules.
package test
