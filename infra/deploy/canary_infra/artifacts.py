"""What the stacks are made from and CloudFormation cannot upload itself: functions, state machine, tool, first commits."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections.abc import Mapping
from pathlib import Path

from botocore.exceptions import ClientError

from . import programs
from .aws import Clients, code, message
from .errors import InfraError
from .stacks import Say

FUNCTIONS = ("check-version", "deploy-stack", "shift-traffic", "gather-health", "promote", "remove-old", "rollback")
# The tag of a bucket that was made here and may be configured and removed.
OURS = {"Key": "application", "Value": "ecs-canary"}
# Long enough that two releases never share it, short enough to read in a console.
_HASH_DIGITS = 16
# A version's template is read when its stack is created; a pipeline may hold a deployment back for a week before that.
_OLD_TEMPLATES = {
    "ID": "old-templates", "Status": "Enabled", "Filter": {"Prefix": "templates/"},
    "Expiration": {"Days": 30}, "NoncurrentVersionExpiration": {"NoncurrentDays": 1},
}  # fmt: skip
# Zip entries of one date, so that equal sources are equal zips.
_EPOCH = (1980, 1, 1, 0, 0, 0)


def bucket_name(configured: str, account: str, region: str) -> str:
    """The bucket's name: the configured one, or one that no other account can have taken by accident."""
    return configured or f"canary-artifacts-{account}-{region}"


def ensure_bucket(client: Clients, bucket: str, region: str, identity: tuple[str, str], say: Say) -> None:
    """Makes the bucket if it is not there: encrypted, versioned, not public, by TLS only. One that others made is left so."""
    account, partition = identity
    s3 = client("s3")
    if not _bucket_exists(client, bucket, account):
        place = {} if region == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": region}}
        try:
            s3.create_bucket(Bucket=bucket, **place)
        except ClientError as error:
            raise InfraError(f"`create` of bucket `{bucket}` was refused: {message(error)}") from error
        s3.put_bucket_tagging(Bucket=bucket, Tagging={"TagSet": [OURS]})
        say(f"bucket `{bucket}` made")
    elif not _is_ours(client, bucket):
        say(f"bucket `{bucket}` was not made here and is used as it is")
        return
    s3.put_public_access_block(
        Bucket=bucket,
        PublicAccessBlockConfiguration=dict.fromkeys(
            ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets"), True
        ),
    )
    encryption = {"Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}]}
    s3.put_bucket_encryption(Bucket=bucket, ServerSideEncryptionConfiguration=encryption)
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps(_tls_only(bucket, partition)))
    s3.put_bucket_lifecycle_configuration(Bucket=bucket, LifecycleConfiguration={"Rules": [_OLD_TEMPLATES]})


def upload_release(client: Clients, bucket: str, checkout: Path, architecture: str, say: Say) -> str:
    """Puts the functions, which have to be built for `architecture`, and the state machine under a prefix made of their contents; returns it.

    CloudFormation compares keys and not what lies under them: other contents need another key to be seen.
    """
    files = [checkout / "target" / "package" / f"{name}.zip" for name in FUNCTIONS]
    files.append(checkout / "statemachine" / "canary.asl.json")
    contents = {}
    for path in files:
        if not path.is_file():
            raise InfraError(f"`{path.relative_to(checkout)}` is missing: run `make package`")
        contents[path.name] = path.read_bytes()
        if path.suffix == ".zip":
            programs.check_zip(str(path.relative_to(checkout)), contents[path.name], architecture)
    prefix = f"canary/{_digest(contents)}/"
    for name, body in contents.items():
        _put(client, bucket, prefix + name, body, say)
    return prefix


def upload_file(client: Clients, bucket: str, folder: str, path: Path, name: str, say: Say) -> str:
    """Puts one file where a key of its contents' own leads to it; returns the key."""
    body = path.read_bytes()
    key = f"{folder}/{_digest({name: body})}/{name}"
    _put(client, bucket, key, body, say)
    return key


def upload_source(
    client: Clients, bucket: str, name: str, files: Mapping[str, Path], replaced: Mapping[str, bytes], say: Say
) -> str:
    """Puts files as a zip, for a repository to begin with; returns its key. `replaced` ones win over those that are read."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for inside, path in sorted(files.items()):
            entry = zipfile.ZipInfo(inside, _EPOCH)
            entry.external_attr = (path.stat().st_mode & 0xFFFF) << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, replaced.get(inside) or path.read_bytes())
    body = buffer.getvalue()
    key = f"sources/{name}-{_digest({'source': body})}.zip"
    _put(client, bucket, key, body, say)
    return key


def empty_bucket(client: Clients, bucket: str) -> bool:
    """Removes every version of every object; False if there is no such bucket."""
    s3 = client("s3")
    try:
        for page in s3.get_paginator("list_object_versions").paginate(Bucket=bucket):
            entries = page.get("Versions", []) + page.get("DeleteMarkers", [])
            objects = [{"Key": entry["Key"], "VersionId": entry["VersionId"]} for entry in entries]
            if not objects:
                continue
            failed = s3.delete_objects(Bucket=bucket, Delete={"Objects": objects, "Quiet": True}).get("Errors", [])
            if failed:
                raise InfraError(f"`{failed[0]['Key']}` in bucket `{bucket}` stays: {failed[0].get('Message')}")
    except ClientError as error:
        if code(error) == "NoSuchBucket":
            return False
        raise
    return True


def delete_bucket(client: Clients, bucket: str, account: str, say: Say) -> None:
    """Removes the bucket and all that is in it, if it was made here. Harmless when it is gone."""
    if not _bucket_exists(client, bucket, account):
        return
    if not _is_ours(client, bucket):
        raise InfraError("it was not made here: what lies under canary/, tools/ and sources/ in it is yours to remove")
    empty_bucket(client, bucket)
    client("s3").delete_bucket(Bucket=bucket)
    say(f"bucket `{bucket}` is gone")


def empty_repository(client: Clients, repository: str, say: Say) -> None:
    """Removes every image of an image repository. Harmless when it is gone."""
    ecr = client("ecr")
    try:
        pages = ecr.get_paginator("list_images").paginate(repositoryName=repository)
        images = [image for page in pages for image in page["imageIds"]]
    except ClientError as error:
        if code(error) == "RepositoryNotFoundException":
            return
        raise
    # By digest, which takes all tags of an image with it.
    digests = [{"imageDigest": digest} for digest in sorted({image["imageDigest"] for image in images})]
    for start in range(0, len(digests), 100):
        failed = ecr.batch_delete_image(repositoryName=repository, imageIds=digests[start : start + 100])["failures"]
        if failed:
            raise InfraError(f"an image of repository `{repository}` stays: {failed[0].get('failureReason')}")
    if digests:
        say(f"repository `{repository}`: {len(digests)} images removed")


def _bucket_exists(client: Clients, bucket: str, account: str) -> bool:
    """Names of buckets are everybody's: one that somebody else has is an error, not a place for our code."""
    try:
        client("s3").head_bucket(Bucket=bucket, ExpectedBucketOwner=account)
    except ClientError as error:
        if code(error) in ("404", "NoSuchBucket"):
            return False
        raise InfraError(f"bucket `{bucket}` cannot be used by account {account}: {message(error)}") from error
    return True


def _is_ours(client: Clients, bucket: str) -> bool:
    try:
        return OURS in client("s3").get_bucket_tagging(Bucket=bucket)["TagSet"]
    except ClientError as error:
        if code(error) == "NoSuchTagSet":
            return False
        raise


def _digest(contents: Mapping[str, bytes]) -> str:
    total = hashlib.sha256()
    for name, body in sorted(contents.items()):
        total.update(f"{name} {len(body)}\n".encode())
        total.update(body)
    return total.hexdigest()[:_HASH_DIGITS]


def _put(client: Clients, bucket: str, key: str, body: bytes, say: Say) -> None:
    """Keys are made of the contents, so what is there already is right."""
    s3 = client("s3")
    try:
        s3.head_object(Bucket=bucket, Key=key)
    except ClientError as error:
        if code(error) not in ("404", "NoSuchKey", "NotFound"):
            raise InfraError(f"bucket `{bucket}` cannot be read: {message(error)}") from error
        s3.put_object(Bucket=bucket, Key=key, Body=body)
        say(f"uploaded s3://{bucket}/{key} ({len(body) / 1e6:.1f} MB)")


def _tls_only(bucket: str, partition: str) -> dict[str, object]:
    arn = f"arn:{partition}:s3:::{bucket}"
    refusal = {
        "Sid": "TlsOnly",
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:*",
        "Resource": [arn, f"{arn}/*"],
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }
    return {"Version": "2012-10-17", "Statement": [refusal]}
