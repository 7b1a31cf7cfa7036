"""A LedgerBinding on a real chain: what it needs, what it says when that is missing, and that it mends by itself."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from eth_account import Account
from faceledger_contracts.abi import faceledger_artefact
from faceledger_contracts.randomness import SYSTEM
from faceledger_operator.kube.kinds import LEDGER_BINDING
from faceledger_operator.ledger.journal_codec import decode_head, journal_of
from faceledger_operator.ledger.journal_store import JOURNAL_KEY
from faceledger_operator.ledger.ledger import Ledgers
from faceledger_operator.receipts.volume import ReceiptVolume
from faceledger_operator.reconcile.act import Images
from faceledger_operator.reconcile.ledgerbinding import BindingReconciler

pytestmark = pytest.mark.chain

Bench = Any
"""The fixture `bench` of conftest.py."""


class Binding:
    """The LedgerBinding `consortium` and its reconciler."""

    def __init__(self, bench: Bench, kubo: str) -> None:
        self.bench, self.kube, self.kubo = bench, bench.kube, kubo
        self.ledgers = Ledgers()
        self.woken: list[tuple[str, str, str]] = []
        self.reconciler = self.restarted()
        self.kube.put_secret("rpc", url=bench.url)
        self.kube.put_secret("key", key=_keystore(bench.account.key, "secret"), password="secret\n")
        self.spec = {
            "network": {"chainId": bench.chain_id, "rpc": {"urlSecretRef": {"name": "rpc", "key": "url"}}},
            "contract": {"address": bench.contract},
            "signer": {"keystoreSecretRef": {"name": "key", "key": "key"}},
            "content": {"ipfs": {"api": kubo}},
            "batching": {"maxDelay": "0s"},
        }

    def restarted(self) -> BindingReconciler:
        return BindingReconciler(
            self.kube,
            self.ledgers,
            lambda *resource: self.woken.append(resource),
            lambda: datetime.fromtimestamp(self.bench.clock(), UTC),
            SYSTEM,
            ReceiptVolume(self.bench.folder),
            Images(workloads="workloads", operator="operator"),
        )

    def apply(self, **spec: Any) -> None:
        self.spec = {**self.spec, **spec}
        old = self.kube.objects.get(("ledgerbindings", "people", "consortium"), {})
        generation = old.get("metadata", {}).get("generation", 0) + 1
        body = {"metadata": {"generation": generation}, "spec": self.spec, "status": old.get("status", {})}
        self.kube.put(LEDGER_BINDING, "consortium", body)

    async def look(self) -> float | None:
        return await self.reconciler("people", "consortium")

    @property
    def status(self) -> Any:
        return self.kube.objects["ledgerbindings", "people", "consortium"]["status"]

    @property
    def ready(self) -> tuple[str, str, str]:
        condition = next(x for x in self.status["conditions"] if x["type"] == "Ready")
        return condition["status"], condition["reason"], condition["message"]

    @property
    def journal(self) -> Any:
        """The journal as a new process would read it."""
        secret = self.kube.objects["secrets", "people", "consortium-ledger-journal"]
        return journal_of(decode_head(base64.b64decode(secret["data"][JOURNAL_KEY])), [])

    @property
    def events(self) -> list[tuple[str, str, str]]:
        """Type, reason and note of all events."""
        found = [body for kind, body in self.kube.objects.items() if kind[0] == "events"]
        return [(body["type"], body["reason"], body["message"]) for body in found]

    async def until(self, done: Callable[[], bool], seconds: float = 20.0) -> None:
        deadline = time.monotonic() + seconds
        await self.look()
        while not done():
            assert time.monotonic() < deadline, self.status
            await self.bench.mine()
            await self.look()


@pytest.fixture
async def binding(bench: Bench, ipfs_node: Any) -> Any:
    made = Binding(bench, ipfs_node.url)
    yield made
    await made.reconciler.close()


def _keystore(private_key: bytes, password: str) -> str:
    return json.dumps(Account.encrypt(private_key, password, kdf="scrypt", iterations=2))


async def test_a_binding_to_a_contract_that_is_there_is_ready_at_once(binding: Binding) -> None:
    binding.apply()
    assert await binding.look() == 30.0, binding.ready
    assert binding.ready[:2] == ("True", "Ready")
    assert binding.status["codeHash"] == faceledger_artefact().code_hash
    assert binding.ledgers.get("people", "consortium").contract == binding.bench.contract


async def test_a_binding_that_is_ready_and_idle_is_not_written_again(binding: Binding) -> None:
    binding.apply()
    await binding.look()
    writes = binding.kube.writes
    for _ in range(3):
        binding.bench.clock.ahead += 30
        await binding.bench.mine()
        await binding.look()
    assert binding.kube.writes == writes


async def test_a_contract_is_deployed_once_wherever_the_operator_dies(binding: Binding, until_step: Any) -> None:
    before = await binding.bench.connection.nonce(binding.bench.account.address)
    binding.apply(contract={"deploy": {}})
    step, finished = 0, False
    while not finished:
        step += 1
        doomed = until_step(binding.look(), step)
        await doomed
        finished = doomed.finished and binding.status.get("contract") is not None
        binding.reconciler = binding.restarted()
    await binding.until(lambda: binding.ready[1] == "Ready")
    assert await binding.bench.connection.nonce(binding.bench.account.address) == before + 1
    assert binding.status["deployTransaction"].startswith("0x")


async def test_a_record_goes_from_the_ledger_to_its_receipt_and_wakes_its_subject(binding: Binding) -> None:
    binding.apply()
    await binding.look()
    binding.bench.ledger = ledger = binding.ledgers.get("people", "consortium")
    await ledger.submit(await binding.bench.attempt("front-door"))
    assert ("LedgerBinding", "people", "consortium") in binding.woken
    await binding.until(lambda: binding.status.get("finalized") == 1)
    assert ("RecognitionJob", "people", "front-door") in binding.woken
    assert binding.bench.receipt("front-door") is not None
    assert binding.status["pending"] == 0


@pytest.mark.parametrize(
    ("break_it", "mend_it", "reason", "says"),
    [
        pytest.param(
            lambda b: b.kube.objects.pop(("secrets", "people", "rpc")),
            lambda b: b.kube.put_secret("rpc", url=b.bench.url),
            "SecretNotFound",
            "network.rpc.urlSecretRef: there is no Secret rpc",
            id="the Secret with the URL is missing",
        ),
        pytest.param(
            lambda b: b.kube.put_secret("key", password="secret"),
            lambda b: b.kube.put_secret("key", key=_keystore(b.bench.account.key, "x"), password="x"),
            "SecretNotFound",
            "signer.keystoreSecretRef: Secret key has no key 'key'",
            id="the keystore is missing in its Secret",
        ),
        pytest.param(
            lambda b: b.kube.put_secret("rpc", url="http://user:hunter22@127.0.0.1:1/v3/0123456789abcdef?key=zzzz"),
            lambda b: b.kube.put_secret("rpc", url=b.bench.url),
            "RPCUnreachable",
            "eth_chainId at http://127.0.0.1:1/…",
            id="the node is out of reach",
        ),
        pytest.param(
            lambda b: b.kube.put_secret("rpc", url="not a url"),
            lambda b: b.kube.put_secret("rpc", url=b.bench.url),
            "RPCUnreachable",
            "holds no http or https URL",
            id="the URL is none",
        ),
        pytest.param(
            lambda b: b.kube.put_secret("key", key=_keystore(b.bench.account.key, "right"), password="wrong"),
            lambda b: b.kube.put_secret("key", key=_keystore(b.bench.account.key, "right"), password="right"),
            "SignerInvalid",
            "the password in key 'password' does not open it",
            id="the password is wrong",
        ),
        pytest.param(
            lambda b: b.kube.put_secret("key", key="{}", password="x"),
            lambda b: b.kube.put_secret("key", key=_keystore(b.bench.account.key, "x"), password="x"),
            "SignerInvalid",
            "no keystore v3",
            id="the keystore is none",
        ),
        pytest.param(
            lambda b: b.kube.put_secret("key", key=_keystore(Account.create().key, "x"), password="x"),
            lambda b: b.kube.put_secret("key", key=_keystore(b.bench.account.key, "x"), password="x"),
            "SignerUnfunded",
            "send it some",
            id="the signer has nothing",
        ),
        pytest.param(
            lambda b: b.apply(network={**b.spec["network"], "chainId": 5}),
            lambda b: b.apply(network={**b.spec["network"], "chainId": b.bench.chain_id}),
            "WrongChainID",
            "5 is asked for, but the node is on chain 31337",
            id="the node is on another chain",
        ),
        pytest.param(
            lambda b: b.apply(contract={"address": "0x" + "42" * 20}),
            lambda b: b.apply(contract={"address": b.bench.contract}),
            "NoContractAtAddress",
            "contract.address: there is no code at 0x4242424242424242424242424242424242424242",
            id="there is nothing at the address",
        ),
        pytest.param(
            lambda b: b.apply(content={"ipfs": {"api": "http://127.0.0.1:1"}}),
            lambda b: b.apply(content={"ipfs": {"api": b.kubo}}),
            "ContentUnreachable",
            "content.ipfs",
            id="IPFS is out of reach",
        ),
    ],
)
async def test_what_is_wrong_is_named_and_mends_by_itself(
    binding: Binding, break_it: Any, mend_it: Any, reason: str, says: str
) -> None:
    binding.apply()
    break_it(binding)
    assert (await binding.look() or 0) <= 3.0
    status, found, message = binding.ready
    assert (status, found) == ("False", reason)
    assert says in message
    assert ("Warning", reason, message) in binding.events
    assert not [secret for secret in ("hunter22", "0123456789abcdef", "zzzz", "wrong") if secret in str(binding.status)]
    mend_it(binding)
    await binding.look()
    assert binding.ready[:2] == ("True", "Ready")
    assert [condition["type"] for condition in binding.status["conditions"]] == ["Ready"]


async def test_other_code_at_the_address_is_refused(binding: Binding) -> None:
    await binding.bench.rpc("anvil_setCode", "0x" + "43" * 20, "0x6001600101")
    binding.apply(contract={"address": "0x" + "43" * 20})
    await binding.look()
    assert binding.ready[:2] == ("False", "WrongContractCode")
    assert binding.ledgers.get("people", "consortium") is None


async def test_a_signer_without_the_role_is_told_which_one_it_lacks(binding: Binding, accounts: Any) -> None:
    binding.kube.put_secret("key", key=_keystore(accounts["stranger"].key, "x"), password="x")
    binding.apply()
    await binding.look()
    assert binding.ready[:2] == ("False", "SignerNotCommitter")
    assert "setCommitter" in binding.ready[2]


async def test_a_record_waits_while_the_node_is_away_and_says_so(binding: Binding) -> None:
    binding.apply()
    await binding.look()
    binding.bench.ledger = binding.ledgers.get("people", "consortium")
    pending = await binding.bench.attempt("waits")
    binding.kube.put_secret("rpc", url="http://127.0.0.1:1")
    binding.bench.clock.ahead += 30
    await binding.look()
    assert binding.ready[1] == "RPCUnreachable"
    commitment = await binding.ledgers.get("people", "consortium").submit(pending)
    assert commitment.state == "Pending"
    assert commitment.message.startswith("waiting: network.rpc.urlSecretRef")
    binding.kube.put_secret("rpc", url=binding.bench.url)
    await binding.until(lambda: binding.status["finalized"] == 1)


async def test_a_binding_that_this_release_cannot_read_says_which_field_and_takes_no_records(binding: Binding) -> None:
    binding.apply()
    await binding.look()
    before = binding.status
    binding.apply(gas={"budgetEthPerDay": "plenty"})
    assert await binding.look() is None
    assert binding.ledgers.get("people", "consortium") is None
    status, reason, message = binding.ready
    assert (status, reason) == ("False", "ResourceUnreadable")
    assert "spec.gas.budgetEthPerDay" in message
    assert ("Warning", reason, message) in binding.events
    assert {c["type"]: c["status"] for c in binding.status["conditions"]} == {"Ready": "False", "Stalled": "True"}
    assert binding.status["contract"] == before["contract"]
    writes = binding.kube.writes
    await binding.look()
    assert binding.kube.writes == writes
    binding.apply(gas={"budgetEthPerDay": "1"})
    await binding.look()
    assert binding.ready[:2] == ("True", "Ready")
    assert binding.ledgers.get("people", "consortium") is not None


async def test_a_paused_binding_is_left_alone(binding: Binding) -> None:
    binding.apply()
    body = binding.kube.objects["ledgerbindings", "people", "consortium"]
    body["metadata"]["annotations"] = {"faceledger.dev/reconcile": "disabled"}
    assert await binding.look() is None
    assert binding.ready[1] == "ReconciliationPaused"


async def test_a_chain_that_was_lost_before_anything_was_committed_gets_a_new_contract(binding: Binding) -> None:
    binding.apply(contract={"deploy": {}})
    await binding.until(lambda: binding.ready[1] == "Ready")
    await binding.until(lambda: not any(binding.journal.intents()))
    lost = binding.status["contract"]
    await binding.bench.rpc("anvil_setCode", lost, "0x")
    binding.bench.clock.ahead += 30
    await binding.look()
    await binding.until(lambda: binding.ready[1] == "Ready")
    assert binding.status["contract"] != lost


async def test_a_chain_that_was_lost_with_records_on_it_is_not_signed_for_any_more(binding: Binding) -> None:
    binding.apply(contract={"deploy": {}})
    await binding.until(lambda: binding.ready[1] == "Ready")
    binding.bench.ledger = ledger = binding.ledgers.get("people", "consortium")
    binding.bench.contract = ledger.contract
    await ledger.submit(await binding.bench.attempt("kept"))
    await binding.until(lambda: binding.status["finalized"] == 1)
    await binding.bench.rpc("anvil_setCode", ledger.contract, "0x")
    binding.bench.clock.ahead += 30
    nonce = await binding.bench.connection.nonce(binding.bench.account.address)
    for _ in range(3):
        await binding.look()
    assert binding.ready[:2] == ("False", "NoContractAtAddress")
    assert await binding.bench.connection.nonce(binding.bench.account.address) == nonce


async def test_a_deleted_binding_takes_its_empty_journal_along(binding: Binding) -> None:
    binding.apply(contract={"deploy": {}})
    await binding.until(lambda: binding.ready[1] == "Ready")
    assert ("secrets", "people", "consortium-ledger-journal") in binding.kube.objects
    del binding.kube.objects["ledgerbindings", "people", "consortium"]
    assert await binding.look() is None
    assert ("secrets", "people", "consortium-ledger-journal") not in binding.kube.objects
    assert binding.ledgers.get("people", "consortium") is None
