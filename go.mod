module firehose

go 1.26
