"""Figures of the committer, each through the operator's own journal and committer on an anvil: see ledger.py.

In: an anvil with a contract. Out: rows. Invariant: what is counted is what the committer itself takes for final or
included, by the log that it read back.
"""

from __future__ import annotations

import asyncio
import statistics
import time
from base64 import b64encode
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, cast

from faceledger_contracts.canonical import to_hex
from faceledger_contracts.eip712 import Domain, new_run_key, sign_report
from faceledger_contracts.receipt import Receipt
from faceledger_contracts.record import Record, Subject, leaf
from faceledger_operator.api.ledgerbinding import Finality
from faceledger_operator.kube.kinds import SECRET
from faceledger_operator.ledger.batching import sign_alone
from faceledger_operator.ledger.journal import Entry, salts_of
from faceledger_operator.ledger.ledger import PendingRecord
from faceledger_operator.ledger.run_keys import RUN_KEY
from faceledger_operator.receipts.keeper import Receipts
from faceledger_operator.receipts.volume import ReceiptVolume
from testbed.folder_kube import FolderKube
from testbed.one_committer import NAMESPACE, Payer, assemble
from testbed.ordeal import Ordeal, Survived, undergo

__all__ = ["commit_latency", "crash_points", "records_per_second"]

BATCH = 4_096

RECEIPTS = 1_000
"""So many receipts are written out and timed; a file each, synced to the disk, and a Secret."""


@dataclass(frozen=True)
class Rates:
    """`final`: records a second from their journalling until the committer finds the last of them final."""

    final: float
    receipts: float


@dataclass
class _Gate:
    """A keeper of receipts that notes when the first one of each batch comes, which is then final and proved."""

    inner: Receipts
    batches: int
    final_at: dict[str, float] = field(default_factory=dict)
    opened: asyncio.Event = field(default_factory=asyncio.Event)
    enough: asyncio.Event = field(default_factory=asyncio.Event)
    kept: int = 0

    async def keep(self, receipt: Receipt, owner: dict[str, Any]) -> None:
        self.final_at.setdefault(receipt.batch_id, time.perf_counter())
        if len(self.final_at) == self.batches:
            self.opened.set()
        await self.opened.wait()
        if self.kept < RECEIPTS:
            self.kept += 1
            await self.inner.keep(receipt, owner)
        else:
            self.enough.set()

    async def find(self, _: Subject, __: str) -> Receipt | None:
        return None

    def name_of(self, attempt: str) -> str:
        return self.inner.name_of(attempt)


def records_per_second(account: Payer, mine: Callable[[int], None], count: int = 10 * BATCH) -> Rates:
    """Records that are accepted already: hashed, and signed for. `mine` makes so many blocks."""
    with TemporaryDirectory() as folder:
        return asyncio.run(_records_per_second(account, mine, count, Path(folder)))


def commit_latency(account: Payer, times: int = 7) -> float:
    """Median seconds from the submission of one record until the committer finds it in a block."""
    with TemporaryDirectory() as folder:
        return asyncio.run(_commit_latency(account, times, Path(folder)))


def crash_points(account: Payer, points: int = 50, records: int = 500, runs: int = 5, seed: int = 50) -> list[Survived]:
    """`points` processes killed while `records` are committed, shared evenly among `runs`, each with a key and a folder
    of its own: what became of the records of each run. Both numbers must be multiples of `runs`."""
    survived = []
    for run in range(runs):
        with TemporaryDirectory() as folder:
            ordeal = Ordeal(account.url, account.contract, account.chain_id, account.signer, new_run_key()[1], folder)
            survived.append(undergo(ordeal, points // runs, records // runs, seed + run))
    return survived


async def _records_per_second(account: Payer, mine: Callable[[int], None], count: int, folder: Path) -> Rates:
    kube = FolderKube(folder / "kube")
    gate = _Gate(Receipts(cast("Any", kube), ReceiptVolume(folder / "receipts")), -(-count // BATCH))
    parts = assemble(account, kube, Finality(), gate, max_records=BATCH)
    address, secret = new_run_key()
    await parts.ledger.authorise_run_key(address, _tomorrow())
    mine(3)
    await parts.committer.run_pass()
    entries = [_entry(account, kube, address, secret, number, number % BATCH == 0) for number in range(count)]
    start = time.perf_counter()
    for part in (entries[at : at + BATCH] for at in range(0, count, BATCH)):
        await parts.store.update(_adding(part), accepts_entry=True)
    while len(gate.final_at) < gate.batches:
        await parts.committer.run_pass()
        mine(1)
    final = max(gate.final_at.values())
    await gate.enough.wait()
    kept = time.perf_counter()
    while parts.store.current.entries:
        await parts.committer.run_pass()
    await parts.nodes.close()
    return Rates(count / (final - start), RECEIPTS / (kept - final))


async def _commit_latency(account: Payer, times: int, folder: Path) -> float:
    kube, seconds = FolderKube(folder / "kube"), []
    parts = assemble(account, kube, Finality(), Receipts(cast("Any", kube), ReceiptVolume(folder / "receipts")))
    address, secret = new_run_key()
    await parts.ledger.authorise_run_key(address, _tomorrow())
    for number in range(times):
        entry = _entry(account, kube, address, secret, number, True)
        pending = PendingRecord(
            entry.attempt, entry.record, entry.report_signature, f"{entry.attempt}-run-key", entry.owner
        )
        await asyncio.sleep(number / times)  # at another moment between two blocks each time
        start = time.perf_counter()
        await parts.ledger.submit(pending)
        while (found := await parts.ledger.commitment(entry.attempt)) is not None and found.state != "Included":
            outcome = await parts.committer.run_pass()
            if (await parts.ledger.commitment(entry.attempt)).state != "Included":  # type: ignore[union-attr]
                await asyncio.sleep(outcome.next_look or 0.05)
        seconds.append(time.perf_counter() - start)
    await parts.nodes.close()
    return statistics.median(seconds)


def _adding(entries: Sequence[Entry]) -> Any:
    return lambda journal: journal.with_entries(entries)


def _entry(account: Payer, kube: FolderKube, address: str, secret: str, number: int, with_key: bool) -> Entry:
    """A record as the journal holds it; its key's Secret, of which a batch needs one, where asked for."""
    name, domain = f"front-door-{number:06x}-1", Domain(account.chain_id, account.contract)
    record = Record(
        subject=Subject(kind="RecognitionJob", namespace=NAMESPACE, name=name, uid=f"uid-{name}", generation=1),
        attempt=name,
        purpose="AccessControl",
        run_key=address,
        report_digest=f"sha256:{number:064x}",
        results_root="0x" + "ef" * 32,
        image_digest="sha256:" + "23" * 32,
        created="2025-01-31T12:00:00Z",
    )
    bare = Entry(
        attempt=name,
        record=record,
        salt_seed=to_hex(number.to_bytes(32, "big")),
        leaf="",
        report_signature=sign_report(secret, name, record.report_digest, domain),
        solo_signature="",
        run_key_secret=f"{name}-run-key",
        owner={"apiVersion": "faceledger.dev/v1alpha1", "kind": "RecognitionJob", "name": name, "uid": f"uid-{name}"},
        contract=account.contract,
    )
    if with_key:
        _put_key(kube, f"{name}-run-key", secret)
    own = to_hex(leaf(record, salts_of(bare)))
    return bare.model_copy(update={"leaf": own, "solo_signature": sign_alone(secret, own, domain)})


def _put_key(kube: FolderKube, name: str, secret: str) -> None:
    data = {RUN_KEY: b64encode(secret.encode()).decode()}
    kube.put(SECRET, {"metadata": {"namespace": NAMESPACE, "name": name}, "data": data})


def _tomorrow() -> datetime:
    return datetime.now(UTC) + timedelta(days=1)
