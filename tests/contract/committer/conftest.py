"""A committer against a real node: everything is real but the API server, of which the journal needs five requests.

A `Bench` is one namespace on one contract. `restarted()` is what an operator finds that starts after another one died:
the same objects in the API server, the same chain, nothing in memory.
"""

from __future__ import annotations

import asyncio
import base64
import copy
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from eth_account.signers.local import LocalAccount
from faceledger_contracts.eip712 import Domain, new_run_key, sign_report
from faceledger_contracts.randomness import SYSTEM
from faceledger_contracts.receipt import Receipt, parse_receipt
from faceledger_contracts.record import Artefact, Record, Subject
from faceledger_operator.api.ledgerbinding import Finality
from faceledger_operator.kube.errors import ApiConflictError, ApiUnavailableError
from faceledger_operator.kube.kinds import RECOGNITION_JOB, SECRET, Kind
from faceledger_operator.ledger.binding_ledger import BindingLedger
from faceledger_operator.ledger.committer import Committer, Outcome, Terms
from faceledger_operator.ledger.connection import Connection, Endpoint
from faceledger_operator.ledger.content import ContentNodes
from faceledger_operator.ledger.journal import Entry, Journal
from faceledger_operator.ledger.journal_store import JournalStore
from faceledger_operator.ledger.lane import SignerLane
from faceledger_operator.ledger.ledger import PendingRecord
from faceledger_operator.ledger.moves import Policy
from faceledger_operator.ledger.nodes import Nodes
from faceledger_operator.ledger.run_keys import RunKeys
from faceledger_operator.ledger.signer import LocalSigner
from faceledger_operator.receipts.keeper import Receipts
from faceledger_operator.receipts.volume import ReceiptVolume

NAMESPACE = "people"
Object = dict[str, Any]


class MemoryKube:
    """Objects by kind, namespace and name, with the API server's conflicts. Every request is a point to die at."""

    def __init__(self) -> None:
        self.objects: dict[tuple[str, str, str], Object] = {}
        self.writes = 0
        self.down = False
        self._version = 0

    async def get(self, kind: Kind, namespace: str, name: str) -> Object | None:
        await self._request()
        return copy.deepcopy(self.objects.get((kind.plural, namespace, name)))

    async def list(self, kind: Kind, namespace: str) -> list[Object]:
        await self._request()
        places = sorted(place for place in self.objects if place[:2] == (kind.plural, namespace))
        return [copy.deepcopy(self.objects[place]) for place in places]

    async def create(self, kind: Kind, body: Object) -> Object:
        await self._request()
        if self._place(kind, body) in self.objects:
            raise ApiConflictError("exists")
        return await self._store(kind, body)

    async def replace(self, kind: Kind, body: Object) -> Object:
        await self._request()
        stored = self.objects[self._place(kind, body)]
        if stored["metadata"]["resourceVersion"] != body["metadata"]["resourceVersion"]:
            raise ApiConflictError("changed")
        return await self._store(kind, body)

    async def delete(self, kind: Kind, namespace: str, name: str) -> None:
        await self._request()
        self.objects.pop((kind.plural, namespace, name), None)

    async def patch_status(self, kind: Kind, namespace: str, name: str, status: Object, version: str | None) -> Object:
        await self._request()
        body = copy.deepcopy(self.objects[kind.plural, namespace, name])
        if version is not None and body["metadata"]["resourceVersion"] != version:
            raise ApiConflictError("changed")
        return await self._store(kind, {**body, "status": status})

    def put(self, kind: Kind, name: str, body: Object) -> None:
        """Stores an object as a user would."""
        self._version += 1
        metadata = {"uid": f"uid-{name}", **body.get("metadata", {}), "namespace": NAMESPACE, "name": name}
        metadata["resourceVersion"] = str(self._version)
        self.objects[kind.plural, NAMESPACE, name] = {**copy.deepcopy(body), "metadata": metadata}

    def put_secret(self, name: str, **data: str) -> None:
        encoded = {key: base64.b64encode(value.encode()).decode() for key, value in data.items()}
        self.put(SECRET, name, {"data": encoded})

    async def _request(self) -> None:
        await asyncio.sleep(0)
        if self.down:
            raise ApiUnavailableError("the API server is down")

    async def _store(self, kind: Kind, body: Object) -> Object:
        self.put(kind, body["metadata"]["name"], body)
        self.writes += 1
        await asyncio.sleep(0)  # the answer may be lost after the write
        return copy.deepcopy(self.objects[self._place(kind, body)])

    def _place(self, kind: Kind, body: Object) -> tuple[str, str, str]:
        return kind.plural, body["metadata"]["namespace"], body["metadata"]["name"]


@pytest.fixture
def bench_kube() -> MemoryKube:
    return MemoryKube()


@dataclass
class Clock:
    """Real time, which a test can let pass."""

    ahead: float = 0.0

    def __call__(self) -> float:
        return time.time() + self.ahead


@dataclass
class Bench:
    """One binding's ledger and committer, and what a test does to them."""

    url: str
    contract: str
    chain_id: int
    account: LocalAccount
    folder: Path
    content: ContentNodes = field(default_factory=lambda: ContentNodes(("http://127.0.0.1:9",)))
    kube: MemoryKube = field(default_factory=MemoryKube)
    clock: Clock = field(default_factory=Clock)
    lane: SignerLane = field(default_factory=SignerLane)
    policy: Policy = field(default_factory=lambda: Policy(max_records=8, max_delay=0, max_fee=10**12, budget=10**19))
    finality: Finality = field(default_factory=Finality)
    changes: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.connect(self.url)

    def connect(self, *urls: str) -> None:
        """Connects anew to nodes at these URLs, as a process does that starts, the journal read again."""
        kube: Any = self.kube
        connections = [Connection(Endpoint(url)) for url in urls]
        self.connection, self.nodes = connections[-1], Nodes(connections, self.clock)
        self.store = JournalStore(kube, NAMESPACE, "consortium")
        self.receipts = Receipts(kube, ReceiptVolume(self.folder))
        keys = RunKeys(kube, NAMESPACE)
        self.committer = Committer(
            binding=f"{NAMESPACE}/consortium",
            terms=Terms(self.chain_id, self.finality, self.policy, self.content),
            nodes=self.nodes,
            signer=LocalSigner.of(bytes(self.account.key)),
            lane=self.lane,
            store=self.store,
            run_keys=keys,
            receipts=self.receipts,
            now=self.clock,
            changed=self._changed,
        )
        self.ledger = BindingLedger(
            chain_id=self.chain_id,
            contract=self.contract,
            content=self.content,
            nodes=self.nodes,
            committer=self.committer,
            store=self.store,
            run_keys=keys,
            receipts=self.receipts,
            random=SYSTEM,
            now=self.clock,
            wake=lambda: None,
        )

    async def restarted(self, **changes: Any) -> Bench:
        """A new process over the same API server, volume and chain."""
        await self.nodes.close()
        return replace(self, **{"lane": SignerLane(), "changes": [], **changes})

    @property
    def journal(self) -> Journal:
        return self.store.current

    async def attempt(self, name: str, authorised: bool = True, artefacts: tuple[Artefact, ...] = ()) -> PendingRecord:
        """A finished attempt: its run key in a Secret and on the contract, its record, its resource."""
        address, private_key = new_run_key()
        self.kube.put_secret(f"{name}-run-key", **{"private-key": private_key})
        self.kube.put(RECOGNITION_JOB, name, {})
        if authorised:
            await self.authorise(address)
        record = Record(
            subject=Subject(kind="RecognitionJob", namespace=NAMESPACE, name=name, uid=f"uid-{name}", generation=1),
            attempt=name,
            purpose="AccessControl",
            run_key=address,
            report_digest="sha256:" + "ab" * 32,
            artefacts=artefacts,
            image_digest="localhost/faceledger/workloads:dev",
            created="2026-01-02T03:04:05Z",
        )
        signature = sign_report(private_key, name, record.report_digest, Domain(self.chain_id, self.contract))
        owner = {"apiVersion": "faceledger.dev/v1alpha1", "kind": "RecognitionJob", "name": name, "uid": f"uid-{name}"}
        return PendingRecord(name, record, signature, f"{name}-run-key", owner)

    async def authorise(self, address: str, hours: float = 24) -> None:
        until = datetime.fromtimestamp(self.clock(), UTC) + timedelta(hours=hours)
        await self.ledger.authorise_run_key(address, until)

    async def passes_until(self, done: Callable[[Bench], bool], seconds: float = 20.0) -> Outcome:
        """Runs passes until `done`, one block between two of them."""
        deadline = time.monotonic() + seconds
        outcome = await self.committer.run_pass()
        while not done(self):
            assert time.monotonic() < deadline, f"not in {seconds} s: {outcome} {self.journal}"
            await self.mine()
            outcome = await self.committer.run_pass()
        return outcome

    async def commit_all(self) -> None:
        """Until nothing waits any more."""
        await self.passes_until(lambda bench: not bench.journal.entries and not any(bench.journal.intents()))

    async def until_included(self, attempt: str, seconds: float = 20.0) -> None:
        """Runs passes until the attempt's record is in a block; none is made but those that anvil makes by itself."""
        deadline = time.monotonic() + seconds
        while (commitment := await self.ledger.commitment(attempt)) is None or commitment.state != "Included":
            assert time.monotonic() < deadline, f"not in {seconds} s: {commitment}"
            await self.committer.run_pass()

    async def mine(self, blocks: int = 1) -> None:
        await self.rpc("anvil_mine", hex(blocks))

    async def rpc(self, method: str, *parameters: Any) -> Any:
        answer = await self.connection._provider.make_request(method, list(parameters))  # type: ignore[arg-type]
        assert "error" not in answer, answer
        return answer["result"]

    async def foreign_transaction(self, nonce: int) -> None:
        """A transaction of the same account that the committer knows nothing of, in a block."""
        fields = {"chainId": self.chain_id, "nonce": nonce, "gas": 21_000, "to": self.account.address, "value": 1}
        signed = self.account.sign_transaction({**fields, "gasPrice": 10**12})
        await self.rpc("eth_sendRawTransaction", "0x" + bytes(signed.raw_transaction).hex())

    def batch_id(self, attempt: str) -> bytes:
        """Id of the batch that holds the attempt's record."""
        batch = self.journal.batch_of(attempt)
        assert batch is not None
        return bytes.fromhex(batch.id[2:])

    def receipt(self, attempt: str) -> Receipt | None:
        """The receipt in the Secret, which must be the one on the volume."""
        secret = self.kube.objects.get(("secrets", NAMESPACE, f"{attempt}-receipt"))
        if secret is None:
            return None
        data = base64.b64decode(secret["data"]["receipt.json"])
        kept = self.folder / NAMESPACE / "recognitionjob" / attempt / f"{attempt}.json"
        assert kept.read_bytes() == data
        return parse_receipt(data)

    def _changed(self, entry: Entry) -> None:
        self.changes.append(entry.attempt)


class UntilStep:
    """Runs a coroutine until it waits for the n-th time, and kills it there; `finished` if it ended before."""

    def __init__(self, work: Awaitable[Any], steps: int) -> None:
        self._work, self._steps = work, steps
        self.finished = False

    def __await__(self) -> Any:
        steps = self._work.__await__()
        for _ in range(self._steps):
            try:
                waited = next(steps)
            except StopIteration:
                self.finished = True
                return
            yield waited
        try:
            steps.throw(asyncio.CancelledError())
        except (asyncio.CancelledError, StopIteration):
            return


@pytest.fixture
async def bench(anvil: str, ledger: Any, accounts: dict[str, LocalAccount], tmp_path: Path) -> AsyncIterator[Bench]:
    """A committer of the account `operator` on a fresh contract."""
    made = Bench(anvil, ledger.address, 31337, accounts["operator"], tmp_path)
    yield made
    await made.connection.close()


@pytest.fixture
def until_step() -> type[UntilStep]:
    return UntilStep
