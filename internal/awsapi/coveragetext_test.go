package awsapi

const coverageHead = `# The Amazon API: what is covered

The twelve operations of Firehose_20150804 answer POST / in AWS JSON 1.1. Every member of every request is read, checked
against the published model's constraints, and then it is one of these:

- **honoured**: it has its effect.
- **stored and described**: DescribeDeliveryStream shows it; it has no effect here, because it means something only
  inside Amazon's cloud.
- **refused by name**: the request ends with InvalidArgumentException and the text "NAME is not supported by this server
  yet." Amazon's own checks that come earlier are made first.

Nothing is taken and ignored. Members that the model does not know are ignored, as Amazon does. A line speaks for the
member and all that is below it.

This page is written by the tests of internal/awsapi from the tables that they hold against the model and the server.

## Differences that a client can see

- A stream is usable as soon as it is ACTIVE, mostly within milliseconds; CREATING is still answered first.
- Deleting a stream delivers what is buffered, unless AllowForceDelete or the server's configuration says otherwise.
  Amazon discards it.
- Role, bucket, key, log group and function are not looked up when a stream is created, so there are no errors about them.
  The table of a format conversion is, in the catalogue that the server's configuration names.
- Anybody may put to a stream that decompresses what CloudWatch Logs would send, unless the server's configuration asks
  for Amazon's behaviour, which is to refuse all puts but those of CloudWatch Logs.
- An update of S3 to Redshift is refused; Amazon's documentation allows it.
- An empty Name of an HTTP endpoint counts as none, because Terraform's provider sends it.
- An HTTP endpoint may have any port, not 443 alone, but no private address unless the server's configuration permits it.
  Records that it refuses with 413 go to the bucket; Amazon drops them.
- Request bodies are at most 8 MiB for puts and 1 MiB for all else; a larger one gets HTTP 413
  RequestEntityTooLargeException. Compressed bodies get HTTP 415.
- A stream that was made by a document may take records up to a size of its own, source.max_event_bytes. A put with a larger
  one is refused as Amazon refuses one above 1,024,000 bytes: whole, with a ValidationException that names each such record,
  which clients do not send again. An entry of a batch's answer that failed they would, for ever. An agent cannot leave such
  a record out: give its stream no lower limit than its producers keep.
- There is no limit of calls per second but the bound on requests in flight, at which ServiceUnavailableException "Slow
  down." answers, for every operation.
- The texts of SerializationException are this server's own.
`
