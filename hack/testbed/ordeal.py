"""Kills a committer's process again and again, takes blocks back beneath it, and counts what becomes of its records.

    this process --line--> nursery (has imported everything) --fork--> a life: submits, commits, keeps receipts
         '------------------------------ kill -9 at a random moment -------------^

In: a node that can take blocks back (anvil), a contract, an account, how often to kill. Out: how many records are
final and proved, have no receipt (lost), or are on the chain more than once. Invariant: what a life knows is in the
folder and on the chain alone. Limits: whole processes die, the machine does not, so nothing is said of unsynced disks;
twice is counted over all commits of the contract since the start, so the contract must have no other user meanwhile.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import subprocess
import sys
import time
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import structlog
from faceledger_contracts.canonical import keccak256
from faceledger_contracts.chain import ChainReader
from faceledger_contracts.eip712 import Domain, address_of, sign_report
from faceledger_contracts.evidence import BATCH_COMMITTED
from faceledger_contracts.record import Record, Subject
from faceledger_contracts.verify import is_verified, verify_receipts
from faceledger_operator.api.ledgerbinding import Finality
from faceledger_operator.kube.kinds import RECOGNITION_JOB, SECRET
from faceledger_operator.ledger.ledger import LedgerUnavailableError, PendingRecord
from faceledger_operator.ledger.run_keys import RUN_KEY
from faceledger_operator.receipts.keeper import Receipts
from faceledger_operator.receipts.volume import ReceiptVolume
from web3 import HTTPProvider, Web3

from .folder_kube import FolderKube
from .one_committer import NAMESPACE, Payer, assemble

__all__ = ["CONFIRMATIONS", "Ordeal", "Survived", "undergo"]

CONFIRMATIONS = 8
"""Blocks on top that make one final here: more than the deepest reorganisation takes back."""

DEEPEST = 6

LIFE_SECONDS = 0.5
"""No process lives longer: about what ten records need from their submission to their receipts."""

END_SECONDS = 120.0
"""The last process, which nobody kills, may take so long."""


@dataclass(frozen=True)
class Ordeal:
    """What a life needs to know. `signer` and `run_key` are private keys, 0x hex; the last life ends with its work."""

    url: str
    contract: str
    chain_id: int
    signer: str
    run_key: str
    folder: str
    records: int = 0
    last: bool = False


@dataclass(frozen=True)
class Survived:
    """What became of the records of a run in which `points` processes were killed at work, not ended by themselves.

    A record is `proved` by its receipt, against the final chain; `records` is how many there were.
    `odd`: commits on the chain, as batch, block and transaction, of which no receipt speaks or that are not the first.
    """

    points: int
    records: int
    reorganisations: int
    proved: int
    lost: int
    twice: int
    odd: tuple[str, ...] = ()

    @property
    def is_sound(self) -> bool:
        """Every record is proved, and none is on the chain twice."""
        return self.lost == self.twice == 0 and self.proved == self.records


def undergo(ordeal: Ordeal, points: int, records: int, seed: int) -> Survived:
    """Kills `points` processes while `records` are committed; the last process may end its work."""
    chance = random.Random(seed)  # noqa: S311 - to be repeated, not to be secret
    chain, reorganisations = Web3(HTTPProvider(ordeal.url)), 0
    ends: list[int] = []
    _prepare(ordeal, records)
    first = chain.eth.block_number
    with _nursery() as nursery:
        for point in range(points):
            released = records * (point + 1) // points
            with _life(nursery, replace(ordeal, records=released), ends) as process:
                dies, falls = time.monotonic() + chance.uniform(0, LIFE_SECONDS), chance.random()
                depth = chance.randint(1, DEEPEST) if falls < 0.5 else 0
                while (left := dies - time.monotonic()) > 0:
                    _ask(chain, "anvil_mine", "0x1")
                    if depth and left < LIFE_SECONDS * falls:
                        reorganisations += _take_back(chain, depth, first)
                        depth = 0
                    time.sleep(min(left, 0.02))
                _kill(process)
            reorganisations += _take_back(chain, depth, first)
        killed = ends.count(signal.SIGKILL)
        _end(nursery, ordeal, records, chain)
    return _count(ordeal, chain, first, killed, records, reorganisations)


def _prepare(ordeal: Ordeal, records: int) -> None:
    kube = FolderKube(Path(ordeal.folder) / "kube")
    key = {"data": {RUN_KEY: _base64(ordeal.run_key)}}
    for number in range(records):
        name = f"record-{number}"
        kube.put(RECOGNITION_JOB, {"metadata": {"namespace": NAMESPACE, "name": name}})
        kube.put(SECRET, {"metadata": {"namespace": NAMESPACE, "name": f"{name}-run-key"}, **key})


def _end(nursery: subprocess.Popen[str], ordeal: Ordeal, records: int, chain: Web3) -> None:
    """A process that lives until all records are final, or its time is over: then the missing ones are counted."""
    deadline = time.monotonic() + END_SECONDS
    with _life(nursery, replace(ordeal, records=records, last=True), []) as process:
        while _runs(process) and time.monotonic() < deadline:
            _ask(chain, "anvil_mine", "0x1")
            time.sleep(0.02)
        _kill(process)


def _kill(process: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(process, signal.SIGKILL)


def _count(ordeal: Ordeal, chain: Web3, first: int, points: int, records: int, reorganisations: int) -> Survived:
    files = sorted((Path(ordeal.folder) / "receipts").rglob("*.json"))
    told = verify_receipts([file.read_bytes() for file in files], ChainReader(ordeal.url), finality=CONFIRMATIONS)
    proved = sum(map(is_verified, told))
    logs = chain.eth.get_logs(
        {
            "address": Web3.to_checksum_address(ordeal.contract),
            "topics": [cast("Any", "0x" + BATCH_COMMITTED.hex())],
            "fromBlock": first,
            "toBlock": chain.eth.block_number,
        }
    )
    committed = sum(int.from_bytes(bytes(log["data"])[32:], "big") for log in logs)
    kept = {file.parent.name for file in files}
    known = {str(json.loads(file.read_bytes())["batchId"]) for file in files}
    odd = []
    for log in logs:
        batch = "0x" + bytes(log["topics"][1]).hex()
        if batch not in known:
            odd.append(f"{batch} in block {log['blockNumber']} by 0x{bytes(log['transactionHash']).hex()}")
        known.discard(batch)
    lost, twice = records - len(kept), max(0, committed - records)
    return Survived(points, records, reorganisations, proved, lost, twice, tuple(odd))


def _take_back(chain: Web3, depth: int, first: int) -> int:
    if not depth or chain.eth.block_number - first <= depth:
        return 0
    _ask(chain, "anvil_reorg", depth, [])
    return 1


def _ask(chain: Web3, method: str, *parameters: Any) -> None:
    answer = chain.provider.make_request(method, list(parameters))  # type: ignore[arg-type]
    assert "error" not in answer, answer


@contextmanager
def _nursery() -> Iterator[subprocess.Popen[str]]:
    """A process that forks a life for each line: imports, which take seconds, are made once."""
    hack = str(Path(__file__).parents[1])
    environment = {**os.environ, "PYTHONPATH": hack}
    command = [sys.executable, "-m", "testbed.ordeal"]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
    ) as process:
        yield process
        assert process.stdin is not None
        process.stdin.close()


@contextmanager
def _life(nursery: subprocess.Popen[str], ordeal: Ordeal, ends: list[int]) -> Iterator[int]:
    """The id of a process that lives; it is dead, and nobody's zombie, at the end. `ends` gets its wait status."""
    assert nursery.stdin is not None
    assert nursery.stdout is not None
    nursery.stdin.write(json.dumps(asdict(ordeal)) + "\n")
    nursery.stdin.flush()
    yield int(nursery.stdout.readline())
    ends.append(int(nursery.stdout.readline()))


def _runs(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def _breed() -> None:
    """The nursery: for each line a fork, its id, and once it has ended its status."""
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))  # the other stream is an answer
    for line in sys.stdin:
        process = os.fork()
        if process == 0:
            asyncio.run(_live(Ordeal(**json.loads(line))))
            os._exit(0)
        print(process, flush=True)
        print(os.waitpid(process, 0)[1], flush=True)


async def _live(ordeal: Ordeal) -> None:
    """Submits whatever is not known yet, and goes on until all of it is final."""
    receipts, kube = ReceiptVolume(Path(ordeal.folder) / "receipts"), FolderKube(Path(ordeal.folder) / "kube")
    finality = Finality(mode="Confirmations", confirmations=CONFIRMATIONS)
    account = Payer(ordeal.url, ordeal.contract, ordeal.chain_id, ordeal.signer)
    parts = assemble(account, kube, finality, Receipts(cast("Any", kube), receipts))
    committer, ledger, store = parts.committer, parts.ledger, parts.store
    until = datetime.now(UTC) + timedelta(days=1)
    key = address_of(ordeal.run_key)
    pending = [_pending(ordeal, key, number) for number in range(ordeal.records)]
    while True:
        try:
            await ledger.authorise_run_key(key, until.replace(hour=0, minute=0, second=0, microsecond=0))
            unsubmitted = [one for one in pending if (await ledger.submit(one)).state != "Finalized"]
            await committer.run_pass()
            if ordeal.last and not unsubmitted and not any(store.current.intents()):
                return
            pending = unsubmitted
        except LedgerUnavailableError:
            pass
        await asyncio.sleep(0.01)


def _pending(ordeal: Ordeal, key: str, number: int) -> PendingRecord:
    name = f"record-{number}"
    record = Record(
        subject=Subject(kind="RecognitionJob", namespace=NAMESPACE, name=name, uid=f"uid-{name}", generation=1),
        attempt=name,
        purpose="AccessControl",
        run_key=key,
        report_digest="sha256:" + keccak256(name.encode()).hex(),
        image_digest="localhost/faceledger/workloads:dev",
        created="2026-01-02T03:04:05Z",
    )
    signature = sign_report(ordeal.run_key, name, record.report_digest, Domain(ordeal.chain_id, ordeal.contract))
    owner = {"apiVersion": "faceledger.dev/v1alpha1", "kind": "RecognitionJob", "name": name, "uid": f"uid-{name}"}
    return PendingRecord(name, record, signature, f"{name}-run-key", owner)


def _base64(text: str) -> str:
    return b64encode(text.encode()).decode()


if __name__ == "__main__":
    _breed()
