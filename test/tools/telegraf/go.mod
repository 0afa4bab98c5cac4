// Telegraf for tests: its firehose input receives Amazon's HTTP endpoint protocol. A module of its own, so that nothing of
// it gets into the product's. It names what the plug-ins that tests use need, and is not to be tidied: that would fetch the
// modules of several hundred others.
module firehose/test/tools/telegraf

go 1.26.0

require github.com/influxdata/telegraf v1.37.2
