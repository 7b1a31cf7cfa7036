"""The committed contract does on a real node what its interface says, with the signatures of this package."""

from __future__ import annotations

from typing import Any

import pytest
from eth_utils.crypto import keccak
from faceledger_contracts.abi import faceledger_artefact
from faceledger_contracts.batch import Batch
from faceledger_contracts.canonical import to_hex
from faceledger_contracts.consent import Action, Consent, sign_consent
from faceledger_contracts.eip712 import batch_hash, new_run_key, sign_batch
from web3.exceptions import ContractCustomError

pytestmark = pytest.mark.chain


def batch(count: int = 3) -> Batch:
    return Batch.of(keccak(number.to_bytes(4, "big")) for number in range(count))


def commit(ledger: Any, batch: Batch, key: str, secret: str) -> Any:
    signature = sign_batch(secret, batch.id, batch.root, batch.count, ledger.domain)
    return ledger.contract.functions.commitBatch(batch.id, batch.root, batch.count, key, signature)


@pytest.fixture
def run_key(ledger: Any) -> tuple[str, str]:
    """Address and secret of an authorised run key."""
    key, secret = new_run_key()
    ledger.authorise(key)
    return key, secret


def refusal(ledger: Any, call: Any, sender: str = "operator") -> str:
    """The name of the contract's custom error that answers a transaction."""
    with pytest.raises(ContractCustomError) as refused:
        ledger.send(call, sender)
    return next(
        entry["name"]
        for entry in faceledger_artefact().abi
        if entry["type"] == "error" and to_hex(error_selector(entry)) in str(refused.value)
    )


def error_selector(entry: Any) -> bytes:
    """The first four bytes by which an error is known (Solidity ABI)."""
    return keccak(text=f"{entry['name']}({','.join(item['type'] for item in entry['inputs'])})")[:4]


def test_a_batch_is_committed_and_read_back(ledger: Any, run_key: tuple[str, str]) -> None:
    mined = ledger.send(commit(ledger, batch(), *run_key))
    assert mined["status"] == 1
    assert ledger.contract.functions.committedRoot(batch().id).call() == batch().root
    (event,) = ledger.contract.events.BatchCommitted().process_receipt(mined)
    assert dict(event["args"]) == {
        "batchId": batch().id,
        "root": batch().root,
        "count": batch().count,
        "runKey": run_key[0],
    }


def test_the_contract_hashes_a_batch_as_this_package_does(ledger: Any) -> None:
    digest = ledger.contract.functions.batchDigest(batch().id, batch().root, 3).call()
    assert digest == batch_hash(batch().id, batch().root, 3, ledger.domain)


def test_the_code_on_chain_is_the_committed_one(ledger: Any) -> None:
    assert to_hex(keccak(ledger.web3.eth.get_code(ledger.address))) == faceledger_artefact().code_hash


def test_a_second_commit_of_a_batch_is_refused(ledger: Any, run_key: tuple[str, str]) -> None:
    ledger.send(commit(ledger, batch(), *run_key))
    assert refusal(ledger, commit(ledger, batch(), *run_key)) == "BatchAlreadyCommitted"


def test_an_unauthorised_key_is_refused(ledger: Any) -> None:
    assert refusal(ledger, commit(ledger, batch(), *new_run_key())) == "RunKeyNotAuthorised"


def test_an_expired_key_is_refused(ledger: Any, run_key: tuple[str, str]) -> None:
    ledger.pass_time(3601)
    assert refusal(ledger, commit(ledger, batch(), *run_key)) == "RunKeyNotAuthorised"


def test_a_revoked_key_is_refused(ledger: Any, run_key: tuple[str, str]) -> None:
    ledger.send(ledger.contract.functions.revokeRunKey(run_key[0]))
    assert refusal(ledger, commit(ledger, batch(), *run_key)) == "RunKeyNotAuthorised"


def test_another_keys_signature_is_refused(ledger: Any, run_key: tuple[str, str]) -> None:
    assert refusal(ledger, commit(ledger, batch(), run_key[0], new_run_key()[1])) == "InvalidBatchSignature"


def test_a_stranger_commits_nothing(ledger: Any, run_key: tuple[str, str]) -> None:
    assert refusal(ledger, commit(ledger, batch(), *run_key), "stranger") == "NotCommitter"


@pytest.mark.parametrize(("count", "most"), [(256, 300), (4096, 20)], ids=["256 records", "4,096 records"])
def test_a_record_costs_little_gas(ledger: Any, run_key: tuple[str, str], count: int, most: int) -> None:
    mined = ledger.send(commit(ledger, batch(count), *run_key))
    assert mined["gasUsed"] / count <= most


def test_an_identity_lives_by_its_wallets_signatures(ledger: Any) -> None:
    wallet, secret = new_run_key()
    functions = ledger.contract.functions
    commitment, newer, challenge = (keccak(text=text) for text in ("face", "newer face", "challenge"))

    def consent(action: Action, value: bytes) -> tuple[int, str]:
        deadline = ledger.now() + 60
        message = Consent(action, wallet, value, functions.nonces(wallet).call(), deadline)
        return deadline, sign_consent(secret, message, ledger.domain)

    ledger.send(functions.registerIdentity(wallet, commitment, *consent(Action.REGISTER, commitment)), "stranger")
    ledger.send(functions.updateIdentity(wallet, newer, *consent(Action.UPDATE, newer)), "stranger")
    ledger.send(functions.authenticate(wallet, challenge, *consent(Action.AUTHENTICATE, challenge)), "stranger")
    assert functions.identityOf(wallet).call() == [newer, 2, 0]
    ledger.send(functions.revokeIdentity(wallet, *consent(Action.REVOKE, newer)), "stranger")
    assert functions.identityOf(wallet).call() == [bytes(32), 2, ledger.now()]
    assert (
        refusal(ledger, functions.authenticate(wallet, challenge, *consent(Action.AUTHENTICATE, challenge)), "stranger")
        == "IdentityNotActive"
    )
