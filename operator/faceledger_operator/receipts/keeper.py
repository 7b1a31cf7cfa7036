"""Keeps a receipt in both of its places: in the binding's store, and as a Secret beside the resource it speaks of.

In: receipts and owner references. Out: receipts. Invariant: the store is written first and decides; the Secret holds
the last receipt of the attempt and goes with its resource, and a resource that is gone already gets none.
"""

from __future__ import annotations

import asyncio
import base64
from dataclasses import dataclass
from typing import Any

from faceledger_contracts.receipt import Receipt, ReceiptError, encode_receipt, parse_receipt
from faceledger_contracts.record import Subject

from ..kube.api import Kube, Object
from ..kube.errors import ApiConflictError
from ..kube.kinds import FACE_DATASET, RECOGNITION_JOB, SECRET, Kind
from .store import RECEIPT_KEY, ReceiptConflictError, ReceiptStore

__all__ = ["Receipts", "receipt_secret", "receipt_secret_name"]

RECEIPT_TYPE = "faceledger.dev/receipt"

_OWNERS: dict[str, Kind] = {kind.kind: kind for kind in (FACE_DATASET, RECOGNITION_JOB)}


@dataclass(frozen=True)
class Receipts:
    """The receipts of the bindings that have this store; two of one store are the same."""

    _kube: Kube
    _store: ReceiptStore

    async def keep(self, receipt: Receipt, owner: dict[str, Any]) -> None:
        """Returns once the receipt is in the store and, if its resource lives, in its Secret."""
        record, data = receipt.record, encode_receipt(receipt)
        block = receipt.transaction.block_hash
        await asyncio.to_thread(self._store.put, record.subject, record.attempt, block, data)
        if not await self._lives(record.subject.namespace, owner):
            return
        secret = receipt_secret(receipt, owner)
        try:
            await self._kube.create(SECRET, secret)
        except ApiConflictError:
            await self._replace(secret)

    async def find(self, subject: Subject, attempt: str) -> Receipt | None:
        """The receipt of an attempt, from either place; None where neither holds one.

        ReceiptConflictError where what is kept is no receipt of it: nothing tells then that it was not committed.
        """
        kept = await asyncio.to_thread(self._store.get, subject, attempt)
        secret = await self._kube.get(SECRET, subject.namespace, self.name_of(attempt)) if kept is None else None
        if secret is not None and secret.get("type") == RECEIPT_TYPE:
            kept = base64.b64decode((secret.get("data") or {}).get(RECEIPT_KEY, ""))
        if kept is None:
            return None
        try:
            receipt = parse_receipt(kept)
        except ReceiptError as error:
            raise ReceiptConflictError(f"what is kept as the receipt of {attempt} is none: {error}") from None
        if receipt.record.attempt != attempt:
            raise ReceiptConflictError(f"what is kept as the receipt of {attempt} is that of another attempt")
        return receipt

    def name_of(self, attempt: str) -> str:
        """Name of the Secret with an attempt's receipt."""
        return receipt_secret_name(attempt)

    async def _replace(self, secret: Object) -> None:
        """A pass that ended before the journal said so has kept a receipt: this one, or that of a block since gone."""
        namespace, name = secret["metadata"]["namespace"], secret["metadata"]["name"]
        found = await self._kube.get(SECRET, namespace, name)
        if found is not None and found.get("data") == secret["data"]:
            return
        if found is not None:
            owners = [owner.get("uid") for owner in found["metadata"].get("ownerReferences") or ()]
            if found.get("type") != RECEIPT_TYPE or secret["metadata"]["ownerReferences"][0]["uid"] not in owners:
                raise ReceiptConflictError(f"Secret {namespace}/{name} holds something else; remove it")
            await self._kube.delete(SECRET, namespace, name)
        await self._kube.create(SECRET, secret)

    async def _lives(self, namespace: str, owner: dict[str, Any]) -> bool:
        kind = _OWNERS.get(str(owner.get("kind")))
        found = await self._kube.get(kind, namespace, owner["name"]) if kind else None
        return found is not None and found["metadata"].get("uid") == owner["uid"]


def receipt_secret_name(attempt: str) -> str:
    """Name of the Secret with an attempt's receipt."""
    return f"{attempt}-receipt"


def receipt_secret(receipt: Receipt, owner: dict[str, Any]) -> dict[str, Any]:
    """The Secret as it is created: immutable, gone with its owner."""
    subject = receipt.record.subject
    return {
        "metadata": {
            "namespace": subject.namespace,
            "name": receipt_secret_name(receipt.record.attempt),
            "labels": {
                "faceledger.dev/attempt": receipt.record.attempt,
                "faceledger.dev/subject-uid": subject.uid,
                "faceledger.dev/subject-kind": subject.kind,
                "app.kubernetes.io/managed-by": "faceledger",
            },
            "ownerReferences": [owner],
        },
        "type": RECEIPT_TYPE,
        "immutable": True,
        "data": {RECEIPT_KEY: base64.b64encode(encode_receipt(receipt)).decode()},
    }
