"""Where a LedgerBinding's receipts go: the store that it names, or the operator's own volume.

In: spec.receipts and its Secret as they are. Out: a keeper, and what is wrong with its place. Invariant: a binding that
names a place never falls back to another one: while it cannot be used, its records stay in the journal.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from ..api.ledgerbinding import LedgerBinding
from ..kube.api import Kube
from ..kube.credentials import WantedSecret
from ..kube.kinds import SECRET
from ..receipts.keeper import Receipts
from ..receipts.store import ReceiptStore
from ..receipts.stores import ReceiptStores, receipts_keys

__all__ = ["BindingReceipts", "ReceiptsFound"]


@dataclass(frozen=True)
class ReceiptsFound:
    """`keeper`, unless its Secret is not there; `problem`: why it cannot keep anything now."""

    keeper: Receipts | None
    secret_problem: str | None = None
    problem: str | None = None


class BindingReceipts:
    """The keepers of all bindings."""

    def __init__(self, kube: Kube, own: ReceiptStore) -> None:
        self.own = Receipts(kube, own)
        self._kube = kube
        self._stores = ReceiptStores()

    async def of(self, binding: LedgerBinding) -> ReceiptsFound:
        """Looks at the place that the binding names."""
        spec, namespace = binding.spec.receipts, binding.metadata.namespace
        if spec is None:
            return ReceiptsFound(self.own)
        secret = None
        if spec.credentials_secret_ref is not None:
            name = spec.credentials_secret_ref.name
            secret = await self._kube.get(SECRET, namespace, name)
            problem = WantedSecret("receipts.credentialsSecretRef", name, receipts_keys(spec)).lacks(secret)
            if problem:
                return ReceiptsFound(None, secret_problem=problem)
        store = self._stores.open(namespace, spec, secret)
        keeper = Receipts(self._kube, store)
        try:
            await asyncio.to_thread(store.check)
        except OSError as error:
            return ReceiptsFound(keeper, problem=error.strerror or type(error).__name__)
        return ReceiptsFound(keeper)

    def forget(self, namespace: str) -> None:
        """See `ReceiptStores`."""
        self._stores.forget(namespace)
