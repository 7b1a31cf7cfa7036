"""A real EVM node and the contract on it, and a real IPFS node where there is one.

Each node is started on a free port of the loopback interface that the system chooses, and stopped by its own handle.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from eth_account import Account
from eth_account.signers.local import LocalAccount
from faceledger_contracts.abi import faceledger_artefact
from faceledger_contracts.batch import Batch
from faceledger_contracts.canonical import sha256_digest, to_hex
from faceledger_contracts.chain import ChainReader
from faceledger_contracts.eip712 import Domain, new_run_key, sign_batch, sign_report
from faceledger_contracts.kubo import Kubo
from faceledger_contracts.receipt import Receipt, Transaction
from faceledger_contracts.record import Artefact, Record, Subject, draw_salts, leaf
from testbed.nodes import CHAIN_ID, IpfsNode, find_kubo, running_anvil, running_kubo
from web3 import HTTPProvider, Web3
from web3.types import TxReceipt

CONTRACTS = Path(__file__).parents[2] / "contracts"


@pytest.fixture(scope="session")
def anvil(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The RPC URL of an anvil that makes a block for each transaction and calls all but the last two blocks final."""
    with running_anvil(tmp_path_factory.mktemp("anvil")) as url:
        yield url


@pytest.fixture(scope="session")
def ipfs_node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[IpfsNode]:
    """A real Kubo."""
    with _kubo(tmp_path_factory.mktemp("kubo")) as node:
        yield node


@pytest.fixture(scope="session")
def second_ipfs_node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[IpfsNode]:
    """Another one, that knows nothing of the first."""
    with _kubo(tmp_path_factory.mktemp("kubo")) as node:
        yield node


@contextmanager
def _kubo(folder: Path) -> Iterator[IpfsNode]:
    if find_kubo() is None:
        pytest.skip("no Kubo binary: `make cluster-up` builds one, or name it in FACELEDGER_KUBO")
    with running_kubo(folder) as node:
        yield node


@pytest.fixture
def store(ipfs_node: IpfsNode) -> Iterator[Kubo]:
    """A client of the IPFS node."""
    with Kubo(ipfs_node.url, timeout=10) as client:
        yield client


@pytest.fixture(scope="session")
def accounts() -> dict[str, LocalAccount]:
    """Funded accounts of anvil's well-known test mnemonic."""
    secrets = {
        "owner": "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80",
        "operator": "0x59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d",
        "stranger": "0x5de4111afa1a4b94908f83103eb1f1706367c2e68ca870fc3fb9a804cdab365a",
    }
    return {name: Account.from_key(secret) for name, secret in secrets.items()}


@dataclass(frozen=True)
class Ledger:
    """The contract on a running chain, and transactions to it."""

    web3: Web3
    contract: Any
    accounts: dict[str, LocalAccount]

    @property
    def address(self) -> str:
        return str(self.contract.address)

    @property
    def domain(self) -> Domain:
        return Domain(CHAIN_ID, self.address)

    def now(self) -> int:
        """Time of the latest block, in seconds since 1970."""
        return int(self.web3.eth.get_block("latest")["timestamp"])

    def send(self, call: Any, sender: str = "operator") -> TxReceipt:
        """Sends `call` (a bound contract function or a constructor) and waits until it is in a block."""
        account = self.accounts[sender]
        request = call.build_transaction(
            {"from": account.address, "nonce": self.web3.eth.get_transaction_count(account.address)}
        )
        raw = account.sign_transaction(request).raw_transaction
        return self.web3.eth.wait_for_transaction_receipt(self.web3.eth.send_raw_transaction(raw), timeout=30)

    def authorise(self, key: str, seconds: int = 3600) -> TxReceipt:
        return self.send(self.contract.functions.authoriseRunKey(key, self.now() + seconds))

    def commit_result(self, *artefacts: Artefact) -> Receipt:
        """The receipt of a run that made `artefacts`, committed by a run key of its own."""
        run_key, secret = new_run_key()
        self.authorise(run_key)
        record = Record(
            subject=Subject(kind="RecognitionJob", namespace="doors", name="front-door", uid="4f7a", generation=1),
            attempt="front-door-1",
            purpose="AccessControl",
            run_key=run_key,
            report_digest=sha256_digest(b"report"),
            artefacts=artefacts,
            image_digest="sha256:" + "23" * 32,
            created="2025-01-31T12:00:00Z",
        )
        return self.commit(record, secret)

    def commit(self, record: Record, secret: str) -> Receipt:
        """Commits `record` with two other leaves, by its run key, and writes its receipt from what the node answers."""
        salts = draw_salts()
        mine = leaf(record, salts)
        batch = Batch.of([mine, bytes(31) + b"\1", bytes(31) + b"\2"])
        signature = sign_batch(secret, batch.id, batch.root, batch.count, self.domain)
        commit = self.contract.functions.commitBatch(batch.id, batch.root, batch.count, record.run_key, signature)
        mined = self.send(commit)
        return Receipt(
            record=record,
            salts=salts,
            leaf=to_hex(mine),
            proof=tuple(map(to_hex, batch.proof(mine))),
            batch_id=to_hex(batch.id),
            root=to_hex(batch.root),
            count=batch.count,
            chain_id=self.domain.chain_id,
            contract=self.address,
            code_hash=faceledger_artefact().code_hash,
            transaction=Transaction(
                hash=to_hex(mined["transactionHash"]),
                block_number=mined["blockNumber"],
                block_hash=to_hex(mined["blockHash"]),
            ),
            report_signature=sign_report(secret, record.attempt, record.report_digest, self.domain),
            batch_run_key=record.run_key,
            batch_signature=signature,
        )

    def mine(self, blocks: int) -> None:
        self.web3.provider.make_request("anvil_mine", [hex(blocks)])  # type: ignore[arg-type]

    def reorganise(self, depth: int) -> None:
        """Replaces the last `depth` blocks by empty ones."""
        self.web3.provider.make_request("anvil_reorg", [depth, []])  # type: ignore[arg-type]

    def pass_time(self, seconds: int) -> None:
        self.web3.provider.make_request("evm_increaseTime", [seconds])  # type: ignore[arg-type]
        self.mine(1)


@pytest.fixture
def ledger(anvil: str, accounts: dict[str, LocalAccount]) -> Ledger:
    """A fresh contract whose owner is `owner` and whose committer and registrar is `operator`."""
    web3 = Web3(HTTPProvider(anvil))
    artefact = faceledger_artefact()
    factory = web3.eth.contract(abi=artefact.abi, bytecode=artefact.bytecode)
    bare = Ledger(web3, factory, accounts)
    deployment = bare.send(factory.constructor(accounts["owner"].address, accounts["operator"].address), "owner")
    return Ledger(web3, web3.eth.contract(deployment["contractAddress"], abi=artefact.abi), accounts)


@pytest.fixture
def reader(anvil: str) -> ChainReader:
    return ChainReader(anvil)
