"""Where a LedgerBinding's receipts go: the store that it names, or the operator's own volume.

In: spec.receipts and its Secret as they are. Out: a keeper, and what is wrong with its place. Invariant: a binding that
names a place never falls back to another one: while it cannot be used, its records stay in the journal.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..api.ledgerbinding import LedgerBinding
from ..kube.api import Kube
from ..kube.kinds import SECRET
from ..ledger.signers import WantedSecret
from ..receipts.keeper import Receipts
from ..receipts.store import ReceiptStore
from ..receipts.stores import ReceiptStores, receipts_keys

__all__ = ["BindingReceipts", "ReceiptsFound", "missing"]


@dataclass(frozen=True)
class ReceiptsFound:
    """`keeper`, unless its Secret is not there; `problem`: why it cannot keep anything now."""

    keeper: Receipts | None
    secret_problem: str | None = None
    problem: str | None = None


class BindingReceipts:
    """The keepers of all bindings; one for each place."""

    def __init__(self, kube: Kube, own: ReceiptStore) -> None:
        self.own = Receipts(kube, own)
        self._kube = kube
        self._stores = ReceiptStores()
        self._keepers: dict[int, tuple[ReceiptStore, Receipts]] = {}

    async def of(self, binding: LedgerBinding) -> ReceiptsFound:
        """Looks at the place that the binding names."""
        spec, namespace = binding.spec.receipts, binding.metadata.namespace
        if spec is None:
            return ReceiptsFound(self.own)
        secret = None
        if spec.credentials_secret_ref is not None:
            name = spec.credentials_secret_ref.name
            secret = await self._kube.get(SECRET, namespace, name)
            problem = missing(WantedSecret("receipts.credentialsSecretRef", name, receipts_keys(spec)), secret)
            if problem:
                return ReceiptsFound(None, secret_problem=problem)
        store = self._stores.open(namespace, spec, secret)
        _, keeper = self._keepers.setdefault(id(store), (store, Receipts(self._kube, store)))
        try:
            await asyncio.to_thread(store.check)
        except OSError as error:
            return ReceiptsFound(keeper, problem=error.strerror or type(error).__name__)
        return ReceiptsFound(keeper)


def missing(wanted: WantedSecret, secret: Mapping[str, Any] | None) -> str | None:
    """What is wrong with a reference to a Secret, if anything."""
    if secret is None:
        return f"{wanted.field}: there is no Secret {wanted.name}"
    data = secret.get("data") or {}
    lacking = [key for key in wanted.keys if not data.get(key)]
    return f"{wanted.field}: Secret {wanted.name} has no key {lacking[0]!r}, or an empty one" if lacking else None
