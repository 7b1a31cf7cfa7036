"""Figures of the ledger that need no cluster: `make bench B=ledger`, one JSON object a line.

Needs the contract's toolchain (`make -C contracts install`), of which it starts an anvil of its own. Every figure is
measured here and now, except the gas of others' contracts, which is given below.
"""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar

import structlog
from eth_account import Account
from faceledger_contracts.abi import faceledger_artefact
from faceledger_contracts.batch import Batch
from faceledger_contracts.canonical import sha256_digest, to_hex
from faceledger_contracts.chain import ChainReader
from faceledger_contracts.eip712 import Domain, new_run_key, sign_batch, sign_report
from faceledger_contracts.receipt import Receipt, Transaction, encode_receipt
from faceledger_contracts.record import Artefact, Record, RecordSalts, Subject, draw_salts, leaf
from faceledger_contracts.results import results_root
from web3 import HTTPProvider, Web3

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "hack"))
sys.path.append(str(Path(__file__).resolve().parent))

import committing
from rows import ledger_content
from testbed.figures import print_figure
from testbed.nodes import CHAIN_ID, running_anvil
from testbed.one_committer import Payer

EAS_GAS, FIREFLY_GAS = 165_600, 1_089
"""Gas a record on the same anvil: EAS's multiAttest of 100, FireFly's pinBatch of 200."""

BATCH = 4_096
TRANSACTION_GAS, BLOCK_GAS = 200_000, 30_000_000
"""What each transaction may use at most, and all of a block."""

DEPLOYER = "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80"
"""First account of anvil's well-known test mnemonic: owner, committer and registrar."""

_Item = TypeVar("_Item")

PEER = """
import secrets, sys, time
from pymerkle import InmemoryTree
lines = [b'{"probe":"%d","identity":"unknown"}' % i for i in range(int(sys.argv[1]))]
start = time.perf_counter()
tree = InmemoryTree(algorithm="sha256")
for line in lines:
    tree.append_entry(secrets.token_bytes(32) + line)
tree.get_state()
print(len(lines) / (time.perf_counter() - start))
"""
"""The same lines, salted, in a tree of pymerkle."""


def main() -> None:
    # Lines of the code that is measured are no figures.
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    _leaves_per_second()
    with _anvil() as url:
        bench = Bench.deploy(url)
        _gas(bench)
        _records_per_second(bench)
    with _anvil() as url:  # another one: thousands of keys in its state make it slower
        _verify(Bench.deploy(url))
    _commit_latency()
    _crash_points()
    _content()


def _leaves_per_second(count: int = 100_000) -> None:
    lines = [b'{"probe":"%d","identity":"unknown"}' % number for number in range(count)]
    start = time.perf_counter()
    drawn = secrets.token_bytes(32 * count)
    results_root(lines, [drawn[32 * at : 32 * at + 32] for at in range(count)])
    ours = count / (time.perf_counter() - start)
    peer = ("uv", "run", "--quiet", "--no-project", "--with", "pymerkle==6.1.0", "python", "-c", PEER, str(count))
    theirs = float(subprocess.run(peer, capture_output=True, text=True, check=True).stdout)
    print_figure("leaves_per_s", ours=ours, theirs=theirs, ratio=ours / theirs, unit="salted lines", target=">= 5x")


def _gas(bench: Bench) -> None:
    for count, theirs, target in ((4_096, EAS_GAS, "<= 20"), (256, FIREFLY_GAS, "<= 300")):
        gas = bench.wait(bench.send(bench.batch(bench.records(count)))).gas_used / count
        print_figure(f"gas_per_record_{count}", ours=gas, theirs=theirs, ratio=gas / theirs, unit="gas", target=target)


def _records_per_second(bench: Bench, singles: int = 400) -> None:
    """Records that are accepted already, hashed and signed for, until the block of the last of them is final."""
    calls = [bench.call(bench.batch([record])) for record in bench.records(singles)]
    start = time.perf_counter()
    for call in calls:
        last = bench.send_call(call)
    bench.finalise(bench.wait(last).block_number)
    one_by_one = singles / (time.perf_counter() - start)
    rates = committing.records_per_second(bench.committer, bench.mine)
    print_figure(
        "records_per_s",
        ours=rates.final,
        theirs=one_by_one,
        ratio=rates.final / one_by_one,
        unit=f"records from the journal into final batches of {BATCH}, one key, anvil",
        target=">= 40x and >= 20000",
    )
    print_figure(
        "receipts_per_s", ours=rates.receipts, unit="receipts kept, a synced file and a Secret each", target="-"
    )


def _commit_latency() -> None:
    with _anvil("--block-time", "1") as url:
        seconds = committing.commit_latency(Bench.deploy(url).committer)
    print_figure("commit_latency_s", ours=seconds, unit="s to Included, blocks of 1 s", target="<= 2 blocks + 0.5 s")


def _crash_points(points: int = 50, records: int = 500) -> None:
    """Points of those runs alone whose records are each proved once, so that one record that is lost shows."""
    with _anvil() as url:
        runs = committing.crash_points(Bench.deploy(url).committer, points, records)
    sound = [run for run in runs if run.is_sound]
    proved, lost, twice = (sum(getattr(run, name) for run in runs) for name in ("proved", "lost", "twice"))
    became = f"of {records} records {proved} are proved, {lost} lost and {twice} committed twice"
    unit = f"kills in the {len(sound)} of {len(runs)} runs that lost and doubled nothing; {became}"
    print_figure("crash_points_survived", ours=sum(run.points for run in sound), unit=unit, target=f"{points}")
    taken_back = sum(run.reorganisations for run in runs)
    print_figure(
        "reorgs_survived",
        ours=sum(run.reorganisations for run in sound),
        unit=f"reorganisations of depth 1 to 6 in the same sound runs, of {taken_back} in all",
        target=f"{taken_back}",
    )


def _verify(bench: Bench, count: int = 10_000) -> None:
    """The command itself, from its start to its last line, over a folder of receipts of version 2, each with a run key
    of its own, as runs have them."""
    with TemporaryDirectory() as folder:
        for part, records in enumerate(_parts(bench.records(count, bench.authorised(count)), BATCH)):
            for number, receipt in enumerate(bench.receipts(records)):
                (Path(folder) / f"{part}-{number:04}.json").write_bytes(receipt)
        bench.finalise(bench.web3.eth.block_number)
        command = [str(Path(sys.executable).with_name("faceledger")), "verify", folder, "--rpc", bench.url]
        # As an installed command: its modules are compiled once, by the first run, and not by each.
        environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
        with TemporaryDirectory() as compiled:
            environment["PYTHONPYCACHEPREFIX"] = compiled
            subprocess.run([command[0], "--help"], stdout=subprocess.DEVNULL, check=True, env=environment)
            start = time.perf_counter()
            told = subprocess.run(command, capture_output=True, text=True, check=True, env=environment).stdout
            seconds = time.perf_counter() - start
    assert f"{count} receipts, {count} verified, 0 not" in told
    print_figure("verify_10000_receipts_s", ours=seconds, unit="s of `faceledger verify FOLDER`", target="<= 5")


def _content() -> None:
    """Last of all: a disk that writes a gigabyte is no place for the others' timings."""
    with _anvil() as url:
        for row in ledger_content.rows(Bench.deploy(url)):
            print_figure(**row)


@dataclass(frozen=True)
class Mined:
    """What became of a commit."""

    block_number: int
    block_hash: bytes
    gas_used: int


class Bench:
    """A fresh contract on `url` with one authorised run key, and the one account that commits to it."""

    def __init__(self, url: str, address: str) -> None:
        self.url = url
        self.web3 = Web3(HTTPProvider(url))
        self.reader = ChainReader(url)
        self.contract: Any = self.web3.eth.contract(Web3.to_checksum_address(address), abi=faceledger_artefact().abi)
        self.domain = Domain(CHAIN_ID, str(self.contract.address))
        self.account = Account.from_key(DEPLOYER)
        self.nonce = self.web3.eth.get_transaction_count(self.account.address)
        self.secrets: dict[str, str] = {}
        (self.run_key,) = self.authorised(1)

    def authorised(self, count: int) -> list[str]:
        """The addresses of new run keys that may commit."""
        new = dict(new_run_key() for _ in range(count))
        self.web3.provider.make_request("evm_setAutomine", [False])  # type: ignore[arg-type]
        for key in new:
            last = self.send_call(self.contract.encode_abi("authoriseRunKey", [key, 2**40]))
        self.mine(-(-count * TRANSACTION_GAS // BLOCK_GAS))
        self.web3.provider.make_request("evm_setAutomine", [True])  # type: ignore[arg-type]
        self.wait(last)
        self.secrets |= new
        return list(new)

    @classmethod
    def deploy(cls, url: str) -> Bench:
        web3, artefact, account = Web3(HTTPProvider(url)), faceledger_artefact(), Account.from_key(DEPLOYER)
        factory = web3.eth.contract(abi=artefact.abi, bytecode=artefact.bytecode)
        request = factory.constructor(account.address, account.address).build_transaction(
            {"from": account.address, "nonce": 0}
        )
        sent = web3.eth.send_raw_transaction(account.sign_transaction(request).raw_transaction)
        return cls(url, str(web3.eth.wait_for_transaction_receipt(sent)["contractAddress"]))

    def records(self, count: int, keys: Sequence[str] | None = None) -> list[tuple[Record, RecordSalts]]:
        """Different records of one day's jobs, and their salts; of runs with `keys`, or all with one."""
        artefact = Artefact(
            name="results.jsonl", digest=sha256_digest(b"results"), cid="bafkreib" + "a" * 51, size=1_000
        )
        return [
            (
                Record(
                    subject=Subject(
                        kind="RecognitionJob", namespace="doors", name="front-door", uid="4f7a", generation=1
                    ),
                    attempt=f"front-door-{number}",
                    purpose="AccessControl",
                    run_key=keys[number] if keys else self.run_key,
                    report_digest=sha256_digest(b"report"),
                    artefacts=(artefact,),
                    results_root="0x" + "ef" * 32,
                    image_digest="sha256:" + "23" * 32,
                    created="2025-01-31T12:00:00Z",
                ),
                draw_salts(),
            )
            for number in range(count)
        ]

    def batch(self, records: Sequence[tuple[Record, RecordSalts]]) -> Batch:
        return Batch.of(leaf(record, salts) for record, salts in records)

    def send(self, batch: Batch) -> bytes:
        """Signs and sends a commit; the transaction's hash."""
        return self.send_call(self.call(batch))

    def call(self, batch: Batch) -> str:
        """The data of a transaction that commits `batch`, with the run key's signature."""
        signature = sign_batch(self.secrets[self.run_key], batch.id, batch.root, batch.count, self.domain)
        arguments = [batch.id, batch.root, batch.count, self.run_key, signature]
        return str(self.contract.encode_abi("commitBatch", arguments))

    def send_call(self, data: str) -> bytes:
        request = {
            "to": self.contract.address,
            "data": data,
            "gas": TRANSACTION_GAS,
            "nonce": self.nonce,
            "chainId": CHAIN_ID,
            "maxFeePerGas": 10**10,
            "maxPriorityFeePerGas": 0,
        }
        self.nonce += 1
        return bytes(self.web3.eth.send_raw_transaction(self.account.sign_transaction(request).raw_transaction))

    def wait(self, transaction: bytes) -> Mined:
        mined = self.web3.eth.wait_for_transaction_receipt(to_hex(transaction), poll_latency=0.01)
        assert mined["status"] == 1, f"transaction {to_hex(transaction)} failed"
        return Mined(mined["blockNumber"], bytes(mined["blockHash"]), mined["gasUsed"])

    @property
    def committer(self) -> Payer:
        """The account, for a committer of its own."""
        return Payer(self.url, self.domain.contract, CHAIN_ID, DEPLOYER)

    def mine(self, blocks: int) -> None:
        self.web3.provider.make_request("anvil_mine", [hex(blocks)])  # type: ignore[arg-type]

    def finalise(self, block: int) -> None:
        """Makes blocks until `block` is final, as time would."""
        while (self.reader.tagged("finalized") or 0) < block:
            self.web3.provider.make_request("evm_mine", [])  # type: ignore[arg-type]

    def receipts(self, records: Sequence[tuple[Record, RecordSalts]]) -> list[bytes]:
        """Commits `records` and writes the receipt of each, with its inclusion."""
        leaves = [leaf(record, salts) for record, salts in records]
        batch = Batch.of(leaves)
        transaction = self.send(batch)
        mined, proofs = self.wait(transaction), batch.proofs()
        shared = {
            "version": 2,
            "inclusion": self.reader.inclusion(transaction),
            "batch_id": to_hex(batch.id),
            "root": to_hex(batch.root),
            "count": batch.count,
            "chain_id": CHAIN_ID,
            "contract": self.domain.contract,
            "code_hash": faceledger_artefact().code_hash,
            "transaction": Transaction(
                hash=to_hex(transaction), block_number=mined.block_number, block_hash=to_hex(mined.block_hash)
            ),
            "batch_run_key": self.run_key,
            "batch_signature": sign_batch(self.secrets[self.run_key], batch.id, batch.root, batch.count, self.domain),
        }
        return [
            encode_receipt(
                Receipt(
                    record=record,
                    salts=salts,
                    leaf=to_hex(mine),
                    proof=tuple(map(to_hex, proofs[mine])),
                    report_signature=sign_report(
                        self.secrets[record.run_key], record.attempt, record.report_digest, self.domain
                    ),
                    **shared,
                )
            )
            for (record, salts), mine in zip(records, leaves, strict=True)
        ]


def _parts(items: Sequence[_Item], size: int) -> Iterator[Sequence[_Item]]:
    return (items[at : at + size] for at in range(0, len(items), size))


@contextmanager
def _anvil(*options: str) -> Iterator[str]:
    with TemporaryDirectory() as folder, running_anvil(Path(folder), *options) as url:
        yield url


if __name__ == "__main__":
    main()
