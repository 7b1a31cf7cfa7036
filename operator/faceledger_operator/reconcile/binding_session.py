"""What stays in memory for a LedgerBinding between two looks: its nodes, its committer and its ledger.

In: endpoints, signer, contract and terms as they are now. Out: the same objects for as long as these stay the same.
Invariant: nothing in here is needed after a restart; all that counts is in the journal.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from faceledger_contracts.randomness import RandomSource

from ..api.base import ObjectMeta
from ..kube.api import Kube
from ..ledger.binding_ledger import BindingLedger
from ..ledger.committer import Committer, Terms
from ..ledger.connection import Connection, Endpoint
from ..ledger.finalisation import ReceiptKeeper
from ..ledger.health import Health
from ..ledger.journal import Entry
from ..ledger.journal_store import JournalStore
from ..ledger.lane import SignerLane, SignerLanes
from ..ledger.nodes import Nodes
from ..ledger.run_keys import RunKeys
from ..ledger.signer import Signer

__all__ = ["Session", "Surroundings"]

Wake = Callable[[str, str, str], None]
"""Called with kind, namespace and name of a resource that should be looked at now."""


@dataclass(frozen=True)
class Surroundings:
    """What all sessions of a process share."""

    kube: Kube
    lanes: SignerLanes
    receipts: ReceiptKeeper
    wake: Wake
    now: Callable[[], float]
    random: RandomSource


class Session:
    """One LedgerBinding's session."""

    def __init__(self, around: Surroundings, metadata: ObjectMeta) -> None:
        self.store = JournalStore(around.kube, metadata.namespace, metadata.name)
        self.nodes: Nodes | None = None
        self.signer: Signer | None = None
        self.committer: Committer | None = None
        self.ledger: BindingLedger | None = None
        self.health: tuple[int, float, Health] | None = None
        """Generation, when it was looked at, and what was found, while all is well."""
        self._around = around
        self._namespace, self._name = metadata.namespace, metadata.name
        self._binding = f"{metadata.namespace}/{metadata.name}"
        self._lane: SignerLane | None = None
        self._endpoints: tuple[Endpoint, ...] = ()
        self._committing: tuple[Signer, Terms, ReceiptKeeper] | None = None
        self.receipts: ReceiptKeeper = around.receipts
        """Where this binding's receipts are kept: the operator's own volume, unless it names another place."""

    async def connect(self, endpoints: tuple[Endpoint, ...]) -> Nodes:
        """The nodes at these endpoints; connections to others are closed."""
        if self.nodes is None or self._endpoints != endpoints:
            await self.close()
            self.nodes, self._endpoints = Nodes([Connection(x) for x in endpoints], self._around.now), endpoints
        return self.nodes

    async def close(self) -> None:
        """Lets go of the nodes. What is under way there fails, and is tried again."""
        self._stop_committing()
        if self.nodes is not None:
            await self.nodes.close()
        self.nodes = self.ledger = None

    def commit_as(self, signer: Signer, terms: Terms) -> Committer:
        """The committer for this signer and these terms."""
        wanted = signer, terms, self.receipts
        if self.committer is None or self._committing != wanted:
            assert self.nodes is not None
            self._stop_committing()
            self._lane = self._around.lanes.of(terms.chain_id, signer.address)
            self.committer = Committer(
                binding=self._binding,
                terms=terms,
                nodes=self.nodes,
                signer=signer,
                lane=self._lane,
                store=self.store,
                run_keys=RunKeys(self._around.kube, self._namespace),
                receipts=self.receipts,
                now=self._around.now,
                changed=self._wake_subject,
            )
            self._committing, self.ledger = wanted, None
        return self.committer

    def ledger_at(self, contract: str) -> BindingLedger:
        """The ledger at this contract, for the committer in use."""
        if self.ledger is None or self.ledger.contract != contract:
            assert self.nodes is not None
            assert self.committer is not None
            assert self._committing is not None
            _, terms, _ = self._committing
            self.ledger = BindingLedger(
                chain_id=terms.chain_id,
                contract=contract,
                content=terms.content,
                nodes=self.nodes,
                committer=self.committer,
                store=self.store,
                run_keys=RunKeys(self._around.kube, self._namespace),
                receipts=self.receipts,
                random=self._around.random,
                now=self._around.now,
                wake=self._wake_binding,
            )
        return self.ledger

    def wake_subjects(self) -> None:
        """Has all resources looked at whose records the journal holds."""
        for entry in self.store.current.entries.values():
            self._wake_subject(entry)

    def _stop_committing(self) -> None:
        if self.committer is not None:
            self.committer.close()
            self.committer = None
        if self._lane is not None:
            self._lane.release(self._binding)
            self._lane = None

    def _wake_subject(self, entry: Entry) -> None:
        subject = entry.record.subject
        self._around.wake(subject.kind, subject.namespace, subject.name)

    def _wake_binding(self) -> None:
        self._around.wake("LedgerBinding", self._namespace, self._name)
