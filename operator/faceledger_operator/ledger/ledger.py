"""What the reconcilers of FaceDataset and RecognitionJob ask of a ledger, and how they find theirs.

In: records whose results are known. Out: where each stands on its way to a final block. Invariant: a record that
`submit` has accepted is in the journal and is committed exactly once, whatever happens to its resource afterwards.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from faceledger_contracts.record import Record

from ..api.base import CommitmentState
from .content import ContentNodes

__all__ = [
    "ChainContradictedError",
    "ChainReplacedError",
    "Commitment",
    "JournalFullError",
    "Ledger",
    "LedgerRefusedError",
    "LedgerUnavailableError",
    "Ledgers",
    "PendingRecord",
]


class LedgerUnavailableError(Exception):
    """The chain or the content store does not answer now: try again later. The message holds no secret."""


class ChainReplacedError(LedgerUnavailableError):
    """The node's chain lacks a block that was final: it lost its state, is behind, or is another chain."""


class ChainContradictedError(Exception):
    """What a node says does not fit its own blocks, or not what another node says. The message names the hosts."""


class LedgerRefusedError(Exception):
    """The contract or the signer refuses: a person must act. The message names the field."""


class JournalFullError(Exception):
    """The journal has no room until earlier records are final: try again later."""


@dataclass(frozen=True)
class PendingRecord:
    """A result to commit: its record, the report signature that proves who made it, and the owner of its receipt."""

    attempt: str
    record: Record
    report_signature: str
    run_key_secret: str
    owner: dict[str, Any]


@dataclass(frozen=True)
class Commitment:
    """Where a record is; `receipt` names the Secret with the receipt once the record is final."""

    state: CommitmentState
    leaf: str
    batch: str | None = None
    transaction: str | None = None
    block: int | None = None
    receipt: str | None = None
    message: str = ""


class Ledger(Protocol):
    """One LedgerBinding that is Ready."""

    chain_id: int
    contract: str
    content: ContentNodes

    async def authorise_run_key(self, address: str, valid_until: datetime) -> None:
        """Returns once the contract knows the key (in a block); does nothing where it already does."""

    async def submit(self, pending: PendingRecord) -> Commitment:
        """Journals the record, once an attempt; raises `JournalFullError` where there is no room."""

    async def commitment(self, attempt: str) -> Commitment | None:
        """Where the attempt's record is, from the journal; None where the journal does not hold it (any more)."""


class Ledgers:
    """The ledgers in use, by (namespace, LedgerBinding name): entered and removed by the LedgerBinding's reconciler."""

    def __init__(self) -> None:
        self._ledgers: dict[tuple[str, str], Ledger] = {}

    def put(self, namespace: str, name: str, ledger: Ledger) -> None:
        self._ledgers[namespace, name] = ledger

    def remove(self, namespace: str, name: str) -> None:
        self._ledgers.pop((namespace, name), None)

    def get(self, namespace: str, name: str) -> Ledger | None:
        return self._ledgers.get((namespace, name))
