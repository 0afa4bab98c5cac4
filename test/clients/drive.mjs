// Drives a running server with the JavaScript SDK: a stream's life, puts, updates, tags, encryption, errors.
//
// Usage: node drive.mjs URL       @aws-sdk/client-firehose must be installed where node finds it from the script's folder
//
// The last line is "N passed, M failed"; the exit status is 1 if a check failed.
import { isDeepStrictEqual } from "node:util";
import { setTimeout as pause } from "node:timers/promises";
import { Firehose } from "@aws-sdk/client-firehose";

const client = new Firehose({
  endpoint: process.argv[2] ?? process.env.FIREHOSE_URL ?? "http://127.0.0.1:4573",
  region: "eu-central-1",
  credentials: { accessKeyId: "test", secretAccessKey: "test" },
  maxAttempts: 1,
});
const name = `clients-node-${process.pid}-${Date.now()}`;
const stream = { DeliveryStreamName: name };
const to = { RoleARN: "arn:aws:iam::000000000000:role/delivery", BucketARN: "arn:aws:s3:::clients" };

let passed = 0;
let failed = 0;

function equal(what, got, want) {
  if (isDeepStrictEqual(got, want)) {
    passed++;
    console.log("ok    ", what);
  } else {
    failed++;
    console.log("FAILED", what, "got", got, "want", want);
  }
}

async function refused(what, call, want) {
  try {
    await call();
    equal(what, "success", want);
  } catch (e) {
    equal(what, e.name, want);
  }
}

async function until(what, done) {
  for (let i = 0; i < 200; i++) {
    if (await done()) return equal(what, true, true);
    await pause(50);
  }
  equal(what, "not in time", true);
}

const describe = async () => (await client.describeDeliveryStream(stream)).DeliveryStreamDescription;

await client.createDeliveryStream({ ...stream, ExtendedS3DestinationConfiguration: to, Tags: [{ Key: "team", Value: "blue" }] });
await until("create: ACTIVE", async () => (await describe()).DeliveryStreamStatus === "ACTIVE");
const d = await describe();
equal("describe: time", d.CreateTimestamp instanceof Date && Math.abs(Date.now() - d.CreateTimestamp) < 60_000, true);
equal("list", (await client.listDeliveryStreams({ Limit: 10000 })).DeliveryStreamNames.includes(name), true);
await refused("create: name taken", () => client.createDeliveryStream({ ...stream, ExtendedS3DestinationConfiguration: to }), "ResourceInUseException");

const one = await client.putRecord({ ...stream, Record: { Data: new TextEncoder().encode("one\n") } });
equal("put record: id", typeof one.RecordId, "string");
const records = Array.from({ length: 100 }, (_, i) => ({ Data: Buffer.from(`${i}\n`) }));
const many = await client.putRecordBatch({ ...stream, Records: records });
equal("put batch", [many.FailedPutCount, many.RequestResponses.length, many.Encrypted], [0, 100, false]);
await refused("put batch: 501 records", () => client.putRecordBatch({ ...stream, Records: Array(501).fill(records[0]) }), "ValidationException");

const where = { ...stream, DestinationId: d.Destinations[0].DestinationId };
await client.updateDestination({ ...where, CurrentDeliveryStreamVersionId: "1", ExtendedS3DestinationUpdate: { CompressionFormat: "GZIP" } });
equal("update", (await describe()).Destinations[0].ExtendedS3DestinationDescription.CompressionFormat, "GZIP");
await refused("update: old version", () => client.updateDestination({ ...where, CurrentDeliveryStreamVersionId: "1", ExtendedS3DestinationUpdate: { Prefix: "a/" } }), "ConcurrentModificationException");

await client.tagDeliveryStream({ ...stream, Tags: [{ Key: "stage", Value: "test" }] });
await client.untagDeliveryStream({ ...stream, TagKeys: ["team"] });
equal("tags", (await client.listTagsForDeliveryStream(stream)).Tags, [{ Key: "stage", Value: "test" }]);

await client.startDeliveryStreamEncryption(stream);
await until("encryption: ENABLED", async () => (await describe()).DeliveryStreamEncryptionConfiguration?.Status === "ENABLED");
await client.stopDeliveryStreamEncryption(stream);
await until("encryption: DISABLED", async () => (await describe()).DeliveryStreamEncryptionConfiguration?.Status === "DISABLED");

await client.deleteDeliveryStream({ ...stream, AllowForceDelete: true });
await until("delete", () => describe().then(() => false, (e) => e.name === "ResourceNotFoundException"));
await refused("put: no stream", () => client.putRecord({ ...stream, Record: { Data: Buffer.from("x") } }), "ResourceNotFoundException");

console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed > 0 ? 1 : 0;
