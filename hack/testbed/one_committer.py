"""A committer and its ledger without an operator around them, as benchmarks and ordeals run them.

In: an account on a contract, objects, a place for receipts. Out: the parts, wired as a binding's session wires them.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any, cast

from faceledger_contracts.randomness import SYSTEM
from faceledger_operator.api.ledgerbinding import Finality
from faceledger_operator.ledger.binding_ledger import BindingLedger
from faceledger_operator.ledger.committer import Committer, Terms
from faceledger_operator.ledger.connection import Connection, Endpoint
from faceledger_operator.ledger.content import ContentNodes
from faceledger_operator.ledger.finalisation import ReceiptKeeper
from faceledger_operator.ledger.journal_store import JournalStore
from faceledger_operator.ledger.lane import SignerLane
from faceledger_operator.ledger.moves import Policy
from faceledger_operator.ledger.nodes import Nodes
from faceledger_operator.ledger.run_keys import RunKeys
from faceledger_operator.ledger.signer import LocalSigner

from .folder_kube import FolderKube

__all__ = ["BINDING", "NAMESPACE", "Parts", "Payer", "assemble"]

NAMESPACE, BINDING = "people", "consortium"


@dataclass(frozen=True)
class Payer:
    """Who commits where. `signer` is a private key, 0x hex."""

    url: str
    contract: str
    chain_id: int
    signer: str = field(repr=False)


@dataclass(frozen=True)
class Parts:
    nodes: Nodes
    store: JournalStore
    committer: Committer
    ledger: BindingLedger


def assemble(
    account: Payer, kube: FolderKube, finality: Finality, receipts: ReceiptKeeper, max_records: int = 8
) -> Parts:
    """With limits that nothing here meets; nothing that is committed has artefacts, so no content store is asked."""
    api = cast("Any", kube)
    nodes, content = Nodes([Connection(Endpoint(account.url))], time.monotonic), ContentNodes(("http://127.0.0.1:9",))
    store, keys = JournalStore(api, NAMESPACE, BINDING), RunKeys(api, NAMESPACE)
    policy = Policy(max_records=max_records, max_delay=0, max_fee=10**12, budget=10**20)
    committer = Committer(
        binding=f"{NAMESPACE}/{BINDING}",
        terms=Terms(account.chain_id, finality, policy, content),
        nodes=nodes,
        signer=LocalSigner.of(bytes.fromhex(account.signer[2:])),
        lane=SignerLane(),
        store=store,
        run_keys=keys,
        receipts=receipts,
        now=time.time,
        changed=lambda _: None,
    )
    ledger = BindingLedger(
        chain_id=account.chain_id,
        contract=account.contract,
        content=content,
        nodes=nodes,
        committer=committer,
        store=store,
        run_keys=keys,
        receipts=receipts,
        random=SYSTEM,
        now=time.time,
        wake=lambda: None,
    )
    return Parts(nodes, store, committer, ledger)
