"""Receipts in a bucket of S3, or of whatever speaks its protocol and honours `If-None-Match: *` (AWS, MinIO, Ceph).

In: bucket, prefix and access. Out: a `ReceiptStore` through s3fs. Invariant: every write is conditional on the name
being free, so two writers cannot overwrite one another; nothing is listed from a cache.
"""

from __future__ import annotations

import errno
import logging
from collections.abc import Callable
from typing import Any, TypeVar

from ..kube.credentials import AwsAccess
from .store import ObjectReceipts

__all__ = ["S3Receipts"]

# At DEBUG, these write whole requests with their signatures.
for _library in ("aiobotocore", "botocore", "s3fs", "fsspec"):
    logging.getLogger(_library).setLevel(logging.WARNING)

REQUEST_SECONDS = 5.0

ATTEMPTS = 2
"""At a request, by the library, with a pause between; whoever keeps receipts comes back later anyway."""

_TAKEN = ("PreconditionFailed", "ConditionalRequestConflict")
"""S3's answers to a conditional write of a name that is taken, or is being taken at this moment."""

T = TypeVar("T")


class S3Receipts(ObjectReceipts):
    """Receipts below `prefix` in `bucket`."""

    def __init__(self, bucket: str, prefix: str, access: AwsAccess) -> None:
        try:
            from s3fs import S3FileSystem
        except ImportError:
            raise OSError(errno.ENOSYS, "this operator was installed without the extra 'cloud'") from None
        self._root = "/".join(part for part in (bucket, prefix.strip("/")) if part)
        limits = {"connect_timeout": REQUEST_SECONDS, "read_timeout": REQUEST_SECONDS}
        self._files: Any = S3FileSystem(
            key=access.key_id,
            secret=access.secret,
            token=access.token,
            endpoint_url=access.endpoint,
            client_kwargs={"region_name": access.region},
            config_kwargs={**limits, "retries": {"mode": "standard", "total_max_attempts": ATTEMPTS}},
            use_listings_cache=False,
            skip_instance_cache=True,
        )
        self._files.retries = 1  # s3fs would repeat each failure five times on top of botocore's own repetitions

    @property
    def shown(self) -> str:
        return f"s3://{self._root}"

    def _create(self, name: str, data: bytes) -> bool:
        place = f"{self._root}/{name}"
        try:
            self._ask(lambda: self._files.pipe_file(place, data, mode="create", ContentType="application/json"))
        except FileExistsError:
            return False
        return True

    def _read(self, name: str) -> bytes | None:
        try:
            return bytes(self._ask(lambda: self._files.cat_file(f"{self._root}/{name}")))
        except FileNotFoundError:
            return None

    def _names(self, prefix: str) -> list[str]:
        bucket, _, root = self._root.partition("/")
        start = "/".join(part for part in (root, prefix) if part)
        answer = self._ask(lambda: self._files.call_s3("list_objects_v2", Bucket=bucket, Prefix=start, MaxKeys=1000))
        # S3 tells whole seconds; of two in one second, a second name is the longer one.
        found = sorted(answer.get("Contents", ()), key=lambda item: (item["LastModified"], len(item["Key"])))
        return [str(item["Key"])[len(root) + 1 if root else 0 :] for item in found]

    def _ask(self, request: Callable[[], T]) -> T:
        """One request; what goes wrong as an OSError that names the bucket and S3's own code."""
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            return request()
        except (OSError, BotoCoreError, ClientError) as error:
            cause = error if isinstance(error, ClientError) else error.__cause__
            code = cause.response["Error"].get("Code", "") if isinstance(cause, ClientError) else ""
            if code in _TAKEN:
                raise FileExistsError(errno.EEXIST, code) from None
            if isinstance(error, FileNotFoundError) and code != "NoSuchBucket":
                raise
            reason = code or type(cause or error).__name__
            raise OSError(errno.EIO, f"{self.shown} cannot be used: {reason}") from None
