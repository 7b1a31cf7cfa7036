"""Opens the store that a LedgerBinding names for its receipts, once for each version of its Secret.

In: spec.receipts and the Secret that it refers to. Out: a `ReceiptStore`. Invariant: what cannot be opened is an
OSError that names the field or the Secret and quotes nothing of it.
"""

from __future__ import annotations

import errno
import json
from collections.abc import Mapping
from typing import Any

from faceledger_contracts.record import Subject

from ..api.ledgerbinding import Receipts as ReceiptsSpec
from ..kube.credentials import AWS_KEYS, AwsAccess, secret_text, secret_version
from .drive import DriveReceipts
from .s3 import S3Receipts
from .store import ReceiptStore

__all__ = ["SERVICE_ACCOUNT_KEY", "ReceiptStores", "receipts_keys"]

SERVICE_ACCOUNT_KEY = "service-account.json"
"""Key of a Secret with a Google service account's key, as Google gives it."""


def receipts_keys(spec: ReceiptsSpec) -> tuple[str, ...]:
    """The keys that its Secret must have."""
    return AWS_KEYS if spec.url.startswith("s3://") else (SERVICE_ACCOUNT_KEY,)


class ReceiptStores:
    """The stores that were opened, by namespace and spec, with the Secret's version, also those that did not open."""

    def __init__(self) -> None:
        self._opened: dict[tuple[str, str], tuple[str, ReceiptStore]] = {}

    def open(self, namespace: str, spec: ReceiptsSpec, secret: Mapping[str, Any] | None) -> ReceiptStore:
        """The store, which nobody has asked anything yet. What does not open is a store that refuses everything."""
        place, version = (namespace, spec.model_dump_json()), secret_version(secret)
        known = self._opened.get(place)
        if known is None or known[0] != version:
            known = self._opened[place] = version, _try_open(spec, secret)
        return known[1]

    def forget(self, namespace: str) -> None:
        """Keeps no store of the namespace, where a binding is gone; those of its other bindings are opened again."""
        self._opened = {place: known for place, known in self._opened.items() if place[0] != namespace}


class _Unopened:
    """A store that cannot be used, for a reason that only another spec or Secret changes."""

    def __init__(self, problem: OSError) -> None:
        self._problem = problem.errno or errno.EINVAL, problem.strerror or "cannot be opened"

    def put(self, subject: Subject, attempt: str, block_hash: str, data: bytes) -> None:
        raise OSError(*self._problem)

    def get(self, subject: Subject, attempt: str) -> bytes | None:
        raise OSError(*self._problem)

    def check(self) -> None:
        raise OSError(*self._problem)


def _try_open(spec: ReceiptsSpec, secret: Mapping[str, Any] | None) -> ReceiptStore:
    try:
        return _open(spec, secret)
    except OSError as problem:
        return _Unopened(problem)


def _open(spec: ReceiptsSpec, secret: Mapping[str, Any] | None) -> ReceiptStore:
    scheme, _, place = spec.url.partition("://")
    try:
        if scheme == "gdrive":
            account = json.loads(secret_text(secret, SERVICE_ACCOUNT_KEY)) if secret else None
            return DriveReceipts(place, account, spec.endpoint)
        bucket, _, prefix = place.partition("/")
        return S3Receipts(bucket, prefix, AwsAccess.of(secret, spec.region, spec.endpoint))
    except (json.JSONDecodeError, AttributeError, TypeError):
        raise OSError(errno.EINVAL, f"key {SERVICE_ACCOUNT_KEY!r} of its Secret is no JSON object") from None
    except ValueError as error:
        raise OSError(errno.EINVAL, f"its Secret: {error}") from None
