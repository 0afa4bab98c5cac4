#!/usr/bin/env python3
"""Drives a running server through all 12 operations of the Amazon API and their errors, with boto3 and with the AWS CLI.

Usage: drive.py [URL]      the URL may also be in FIREHOSE_URL; http://127.0.0.1:4573 when neither is given

A client that is not installed is left out, and the script says so. The last line is "N passed, M failed"; the exit
status is 1 if a check failed, and 2 if no client is installed. The server must run with auth.mode none, or accept the
credentials in the environment. The script makes streams whose names begin with "clients-" and deletes them.
"""

import base64
import json
import os
import shutil
import subprocess
import sys
import time
import uuid

URL = sys.argv[1] if len(sys.argv) > 1 else os.environ.get("FIREHOSE_URL", "http://127.0.0.1:4573")
REGION = "eu-central-1"
ROLE = "arn:aws:iam::000000000000:role/delivery"
BUCKET = "arn:aws:s3:::clients"

os.environ.setdefault("AWS_ACCESS_KEY_ID", "test")
os.environ.setdefault("AWS_SECRET_ACCESS_KEY", "test")
os.environ["AWS_EC2_METADATA_DISABLED"] = "true"
os.environ["AWS_PAGER"] = ""
for name in ("AWS_PROFILE", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_FIREHOSE"):
    os.environ.pop(name, None)

passed = failed = 0


def check(what, ok, detail=""):
    global passed, failed
    if ok:
        passed += 1
        print("ok    ", what)
    else:
        failed += 1
        print("FAILED", what, detail)


def equal(what, got, want):
    check(what, got == want, f"got {got!r}, want {want!r}")


def fresh(client):
    return f"clients-{client}-{uuid.uuid4().hex[:8]}"


def s3(**more):
    return {"RoleARN": ROLE, "BucketARN": BUCKET, **more}


def drive(client, call):
    """Drives one client. call(operation, input) returns the output; a service's error is raised as ServiceError."""
    print(f"\n{client} against {URL}")
    lifecycle(client, call)
    records(client, call)
    updates(client, call)
    tags(client, call)
    encryption(client, call)
    errors(client, call)


class ServiceError(Exception):
    def __init__(self, code, message):
        super().__init__(f"{code}: {message}")
        self.code, self.message = code, message


def refused(what, call, operation, body, code, part=""):
    try:
        out = call(operation, body)
    except ServiceError as e:
        check(what, e.code == code and part in e.message, f"got {e}, want {code}: …{part}…")
        return
    check(what, False, f"got {out!r}, want {code}")


def describe(call, name, **more):
    return call("DescribeDeliveryStream", {"DeliveryStreamName": name, **more})["DeliveryStreamDescription"]


def wait_status(call, name, status):
    for _ in range(200):
        if describe(call, name)["DeliveryStreamStatus"] == status:
            return True
        time.sleep(0.05)
    return False


def create(call, name, **more):
    return call("CreateDeliveryStream", {"DeliveryStreamName": name, **(more or {"ExtendedS3DestinationConfiguration": s3()})})


def delete(call, name):
    call("DeleteDeliveryStream", {"DeliveryStreamName": name, "AllowForceDelete": True})
    for _ in range(200):
        try:
            describe(call, name)
        except ServiceError as e:
            return e.code == "ResourceNotFoundException"
        time.sleep(0.05)
    return False


def lifecycle(client, call):
    names = sorted(fresh(client) for _ in range(3))
    for n in names:
        out = create(call, n)
        check(f"create {n}: ARN", out["DeliveryStreamARN"].startswith(f"arn:aws:firehose:{REGION}:") and out["DeliveryStreamARN"].endswith(":deliverystream/" + n), out)
        check(f"create {n}: ACTIVE", wait_status(call, n, "ACTIVE"))
    d = describe(call, names[0])
    equal("describe: type", d["DeliveryStreamType"], "DirectPut")
    equal("describe: version", d["VersionId"], "1")
    equal("describe: destinations", len(d["Destinations"]), 1)
    extended = d["Destinations"][0]["ExtendedS3DestinationDescription"]
    equal("describe: default buffering", extended["BufferingHints"], {"SizeInMBs": 5, "IntervalInSeconds": 300})
    equal("describe: default compression", extended["CompressionFormat"], "UNCOMPRESSED")
    equal("describe: default backup", extended["S3BackupMode"], "Disabled")
    equal("describe: plain S3 description too", d["Destinations"][0]["S3DestinationDescription"]["BucketARN"], BUCKET)

    page = call("ListDeliveryStreams", {"Limit": 1, "ExclusiveStartDeliveryStreamName": names[0]})
    equal("list: one page", page["DeliveryStreamNames"], [names[1]])
    equal("list: more", page["HasMoreDeliveryStreams"], True)
    some = call("ListDeliveryStreams", {"DeliveryStreamType": "KinesisStreamAsSource"})
    equal("list: by type", [n for n in some["DeliveryStreamNames"] if n in names], [])
    refused("create: name taken", call, "CreateDeliveryStream",
            {"DeliveryStreamName": names[0], "ExtendedS3DestinationConfiguration": s3()}, "ResourceInUseException", names[0])
    for n in names:
        check(f"delete {n}", delete(call, n))


def records(client, call):
    n = fresh(client)
    create(call, n, ExtendedS3DestinationConfiguration=s3(BufferingHints={"SizeInMBs": 1, "IntervalInSeconds": 60}))
    wait_status(call, n, "ACTIVE")
    out = call("PutRecord", {"DeliveryStreamName": n, "Record": {"Data": b'{"n":1}\n'}})
    check("put record: id", bool(out["RecordId"]))
    equal("put record: encrypted", out.get("Encrypted", False), False)
    out = call("PutRecordBatch", {"DeliveryStreamName": n, "Records": [{"Data": b"%d\n" % i} for i in range(50)]})
    equal("put batch: none failed", out["FailedPutCount"], 0)
    ids = [r.get("RecordId") for r in out["RequestResponses"]]
    check("put batch: 50 different ids", len(ids) == 50 and len(set(ids)) == 50 and all(ids))
    refused("put batch: 501 records", call, "PutRecordBatch",
            {"DeliveryStreamName": n, "Records": [{"Data": b"x"}] * 501}, "ValidationException", "less than or equal to 500")
    if client == "boto3":  # too long for a command line
        refused("put: record too large", call, "PutRecord",
                {"DeliveryStreamName": n, "Record": {"Data": b"x" * 1024001}}, "ValidationException", "1024000")
        refused("put batch: too large", call, "PutRecordBatch",
                {"DeliveryStreamName": n, "Records": [{"Data": b"x" * 1000000}] * 5}, "InvalidArgumentException", "4 MB")
        out = call("PutRecord", {"DeliveryStreamName": n, "Record": {"Data": b"x" * 1024000}})
        check("put: largest record", bool(out["RecordId"]))
    check("delete with records", delete(call, n))
    refused("put: no stream", call, "PutRecord", {"DeliveryStreamName": n, "Record": {"Data": b"x"}}, "ResourceNotFoundException", n)
    refused("put batch: no stream", call, "PutRecordBatch", {"DeliveryStreamName": n, "Records": [{"Data": b"x"}]}, "ResourceNotFoundException", n)


def updates(client, call):
    n = fresh(client)
    create(call, n, ExtendedS3DestinationConfiguration=s3(Prefix="a/"))
    wait_status(call, n, "ACTIVE")
    d = describe(call, n)
    where = {"DeliveryStreamName": n, "DestinationId": d["Destinations"][0]["DestinationId"]}
    call("UpdateDestination", {**where, "CurrentDeliveryStreamVersionId": "1", "ExtendedS3DestinationUpdate": {
        "Prefix": "b/", "CompressionFormat": "GZIP", "BufferingHints": {"SizeInMBs": 2, "IntervalInSeconds": 61}}})
    d = describe(call, n)
    extended = d["Destinations"][0]["ExtendedS3DestinationDescription"]
    equal("update: version", d["VersionId"], "2")
    equal("update: merged", (extended["Prefix"], extended["CompressionFormat"], extended["BufferingHints"], extended["BucketARN"]),
          ("b/", "GZIP", {"SizeInMBs": 2, "IntervalInSeconds": 61}, BUCKET))
    refused("update: old version", call, "UpdateDestination",
            {**where, "CurrentDeliveryStreamVersionId": "1", "ExtendedS3DestinationUpdate": {"Prefix": "c/"}}, "ConcurrentModificationException")
    refused("update: other destination", call, "UpdateDestination",
            {**where, "DestinationId": "destinationId-000000000009", "CurrentDeliveryStreamVersionId": "2", "ExtendedS3DestinationUpdate": {"Prefix": "c/"}},
            "InvalidArgumentException")
    refused("update: bad prefix", call, "UpdateDestination",
            {**where, "CurrentDeliveryStreamVersionId": "2", "ExtendedS3DestinationUpdate": {"Prefix": "!{nonsense:x}/"}}, "InvalidArgumentException")
    equal("update: nothing changed by errors", describe(call, n)["VersionId"], "2")
    check("delete after updates", delete(call, n))
    refused("update: no stream", call, "UpdateDestination",
            {**where, "CurrentDeliveryStreamVersionId": "2", "ExtendedS3DestinationUpdate": {"Prefix": "c/"}}, "ResourceNotFoundException")


def tags(client, call):
    n = fresh(client)
    create(call, n, ExtendedS3DestinationConfiguration=s3(), Tags=[{"Key": "team", "Value": "blue"}])
    wait_status(call, n, "ACTIVE")
    call("TagDeliveryStream", {"DeliveryStreamName": n, "Tags": [{"Key": "stage", "Value": "test"}, {"Key": "empty", "Value": ""}]})
    out = call("ListTagsForDeliveryStream", {"DeliveryStreamName": n})
    equal("tags: all", {t["Key"]: t.get("Value", "") for t in out["Tags"]}, {"team": "blue", "stage": "test", "empty": ""})
    equal("tags: no more", out["HasMoreTags"], False)
    page = call("ListTagsForDeliveryStream", {"DeliveryStreamName": n, "Limit": 2})
    equal("tags: a page", (len(page["Tags"]), page["HasMoreTags"]), (2, True))
    rest = call("ListTagsForDeliveryStream", {"DeliveryStreamName": n, "ExclusiveStartTagKey": page["Tags"][-1]["Key"]})
    equal("tags: the rest", (len(rest["Tags"]), rest["HasMoreTags"]), (1, False))
    call("UntagDeliveryStream", {"DeliveryStreamName": n, "TagKeys": ["team", "empty"]})
    out = call("ListTagsForDeliveryStream", {"DeliveryStreamName": n})
    equal("tags: after untagging", out["Tags"], [{"Key": "stage", "Value": "test"}])
    refused("tags: 51", call, "TagDeliveryStream", {"DeliveryStreamName": n, "Tags": [{"Key": f"k{i}", "Value": "v"} for i in range(51)]}, "ValidationException")
    check("delete tagged", delete(call, n))
    for operation, body in (("TagDeliveryStream", {"Tags": [{"Key": "a", "Value": "b"}]}), ("UntagDeliveryStream", {"TagKeys": ["a"]}), ("ListTagsForDeliveryStream", {})):
        refused(f"{operation}: no stream", call, operation, {"DeliveryStreamName": n, **body}, "ResourceNotFoundException", n)


def encryption(client, call):
    n = fresh(client)
    create(call, n)
    wait_status(call, n, "ACTIVE")

    def status(want):
        got = None
        for _ in range(200):
            got = describe(call, n).get("DeliveryStreamEncryptionConfiguration", {}).get("Status")
            if got == want:
                return True
            time.sleep(0.05)
        print("       status is", got)
        return False

    call("StartDeliveryStreamEncryption", {"DeliveryStreamName": n, "DeliveryStreamEncryptionConfigurationInput": {"KeyType": "AWS_OWNED_CMK"}})
    check("encryption: ENABLED", status("ENABLED"))
    out = call("PutRecord", {"DeliveryStreamName": n, "Record": {"Data": b"secret\n"}})
    equal("encryption: put says so", out.get("Encrypted"), True)
    call("StopDeliveryStreamEncryption", {"DeliveryStreamName": n})
    check("encryption: DISABLED", status("DISABLED"))
    refused("encryption: no key type", call, "StartDeliveryStreamEncryption",
            {"DeliveryStreamName": n, "DeliveryStreamEncryptionConfigurationInput": {"KeyType": "NONSENSE"}}, "ValidationException")
    check("delete encrypted", delete(call, n))
    for operation in ("StartDeliveryStreamEncryption", "StopDeliveryStreamEncryption"):
        refused(f"{operation}: no stream", call, operation, {"DeliveryStreamName": n}, "ResourceNotFoundException", n)


def errors(client, call):
    n = fresh(client)
    for operation in ("DescribeDeliveryStream", "DeleteDeliveryStream"):
        refused(f"{operation}: no stream", call, operation, {"DeliveryStreamName": n}, "ResourceNotFoundException", n)
    refused("create: bad name", call, "CreateDeliveryStream",
            {"DeliveryStreamName": "not a name", "ExtendedS3DestinationConfiguration": s3()}, "ValidationException", "deliveryStreamName")
    refused("create: bad bucket", call, "CreateDeliveryStream",
            {"DeliveryStreamName": n, "ExtendedS3DestinationConfiguration": s3(BucketARN="clients")}, "ValidationException", "bucketARN")
    refused("create: interval too long", call, "CreateDeliveryStream",
            {"DeliveryStreamName": n, "ExtendedS3DestinationConfiguration": s3(BufferingHints={"SizeInMBs": 5, "IntervalInSeconds": 901})}, "ValidationException", "900")
    refused("create: no destination", call, "CreateDeliveryStream", {"DeliveryStreamName": n}, "InvalidArgumentException")
    refused("create: two destinations", call, "CreateDeliveryStream",
            {"DeliveryStreamName": n, "ExtendedS3DestinationConfiguration": s3(), "S3DestinationConfiguration": s3()}, "InvalidArgumentException")
    refused("create: bad prefix", call, "CreateDeliveryStream",
            {"DeliveryStreamName": n, "ExtendedS3DestinationConfiguration": s3(Prefix="!{timestamp:")}, "InvalidArgumentException")


def drive_boto3():
    try:
        import boto3
        import botocore
        from botocore.config import Config
    except ImportError:
        print("boto3 is not installed: left out")
        return False
    print("boto3", boto3.__version__)
    # Without the client's own validation, so that the server has to answer.
    config = Config(parameter_validation=False, retries={"max_attempts": 0})
    client = boto3.client("firehose", endpoint_url=URL, region_name=REGION, config=config)

    def call(operation, body):
        method = botocore.xform_name(operation)
        try:
            out = getattr(client, method)(**body)
        except botocore.exceptions.ClientError as e:
            raise ServiceError(e.response["Error"]["Code"], e.response["Error"].get("Message", "")) from None
        out.pop("ResponseMetadata")
        return out

    drive("boto3", call)
    return True


def drive_cli():
    aws = shutil.which("aws")
    if not aws:
        print("the AWS CLI is not installed: left out")
        return False
    version = subprocess.run([aws, "--version"], capture_output=True, text=True, check=True)
    print((version.stdout or version.stderr).strip())

    def encode(value):
        if isinstance(value, bytes):
            return base64.b64encode(value).decode()
        if isinstance(value, dict):
            return {k: encode(v) for k, v in value.items()}
        if isinstance(value, list):
            return [encode(v) for v in value]
        return value

    # Version 2 of the CLI reads data as base64, which version 1 puts as it is: both give records.
    def call(operation, body):
        command = "".join("-" + c.lower() if c.isupper() else c for c in operation).lstrip("-")
        run = subprocess.run([aws, "firehose", command, "--endpoint-url", URL, "--region", REGION, "--output", "json",
                              "--cli-input-json", json.dumps(encode(body))],
                             capture_output=True, text=True)
        if run.returncode == 0:
            return json.loads(run.stdout) if run.stdout.strip() else {}
        text = run.stderr.strip()
        if "An error occurred (" in text:
            code, _, message = text.partition("An error occurred (")[2].partition(")")
            raise ServiceError(code, message)
        raise ServiceError("the client itself", text)

    drive("cli", call)
    return True


if __name__ == "__main__":
    ran = [drive_boto3(), drive_cli()]
    print(f"\n{passed} passed, {failed} failed")
    if not any(ran):
        print("no client is installed: nothing was tested")
        sys.exit(2)
    sys.exit(1 if failed else 0)
