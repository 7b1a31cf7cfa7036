"""Signers of every kind: opened once a version, equal in what they sign, and never shown."""

from __future__ import annotations

import base64
import copy
import io
import json
import logging
import pickle
import traceback
from typing import Any

import pytest
import structlog
from eth_account import Account
from faceledger_operator.api.ledgerbinding import Signer as SignerSpec
from faceledger_operator.ledger.keystore import open_keystore
from faceledger_operator.ledger.signer import (
    LocalSigner,
    Signature,
    SignerInvalidError,
    parse_private_key,
    sign_transaction,
)
from faceledger_operator.ledger.signers import Signers, signer_field, wanted_secret
from faceledger_operator.logs import configure_logs

PRIVATE_KEY = "0x" + "11" * 31 + "13"
ADDRESS = Account.from_key(PRIVATE_KEY).address
KEYSTORE = json.dumps(Account.encrypt(PRIVATE_KEY, "secret", kdf="pbkdf2", iterations=1))
SPELLINGS = (PRIVATE_KEY[2:], str(bytes.fromhex(PRIVATE_KEY[2:])), str(int(PRIVATE_KEY, 16)), PRIVATE_KEY[2:34])


def secret(version: str = "1", **data: str) -> dict[str, Any]:
    encoded = {key: base64.b64encode(value.encode()).decode() for key, value in data.items()}
    return {"metadata": {"namespace": "people", "name": "key", "resourceVersion": version}, "data": encoded}


def keystore(phrase: str = "secret", version: str = "1") -> dict[str, Any]:
    return secret(version, **{"keystore.json": KEYSTORE, "password": phrase})


IN_KEYSTORE = SignerSpec.model_validate({"keystoreSecretRef": {"name": "key"}})
RAW = SignerSpec.model_validate({"privateKeySecretRef": {"name": "key"}})
IN_KMS = SignerSpec.model_validate({"awsKms": {"keyId": "alias/k", "region": "eu-central-1"}})


def transaction(**fields: Any) -> dict[str, Any]:
    return {"chainId": 1337, "nonce": 0, "gas": 21_000, "to": "0x" + "22" * 20, "value": 5, "data": "0xab01", **fields}


@pytest.mark.parametrize(
    "fields",
    [
        pytest.param({"gasPrice": 0}, id="legacy at price 0"),
        pytest.param({"gasPrice": 10**9, "nonce": 300}, id="legacy"),
        pytest.param({"gasPrice": 1, "chainId": 2**50}, id="a long chain id"),
        pytest.param({"maxFeePerGas": 10**9, "maxPriorityFeePerGas": 0}, id="EIP-1559 without a tip"),
        pytest.param({"maxFeePerGas": 2**70, "maxPriorityFeePerGas": 7, "value": 0}, id="EIP-1559"),
    ],
)
async def test_a_transaction_is_byte_for_byte_that_of_eth_account(fields: dict[str, Any]) -> None:
    mine = await sign_transaction(open_keystore(KEYSTORE, "secret"), transaction(**fields))
    theirs = Account.from_key(PRIVATE_KEY).sign_transaction(transaction(**fields))
    assert (mine.raw, mine.hash) == ("0x" + bytes(theirs.raw_transaction).hex(), "0x" + bytes(theirs.hash).hex())


async def test_a_deployment_has_no_recipient() -> None:
    fields = {name: value for name, value in transaction(gasPrice=1, data=b"\x60\x00").items() if name != "to"}
    mine = await sign_transaction(LocalSigner.of(bytes.fromhex(PRIVATE_KEY[2:])), fields)
    assert mine.raw == "0x" + bytes(Account.from_key(PRIVATE_KEY).sign_transaction(fields).raw_transaction).hex()


async def test_a_digest_of_eip_712_is_signed_as_wallets_sign_it() -> None:
    message = {"primaryType": "Ping", "types": {"EIP712Domain": [], "Ping": [{"name": "n", "type": "uint256"}]}}
    signed = Account.from_key(PRIVATE_KEY).sign_typed_data(full_message={**message, "domain": {}, "message": {"n": 1}})
    mine = await LocalSigner.of(bytes.fromhex(PRIVATE_KEY[2:])).sign_digest(bytes(signed.message_hash))
    assert mine.encode() == bytes(signed.signature)


@pytest.mark.parametrize(
    ("keystore", "password", "says"),
    [
        pytest.param(KEYSTORE, "wrong", "password", id="a wrong password"),
        pytest.param("no json", "secret", "no keystore v3", id="what is no JSON"),
        pytest.param("{}", "secret", "no keystore v3", id="what is no keystore"),
        pytest.param('{"version": 1}', "secret", "no keystore v3", id="a keystore of another version"),
    ],
)
def test_what_does_not_open_is_explained_without_its_content(keystore: str, password: str, says: str) -> None:
    with pytest.raises(SignerInvalidError, match=says) as error:
        open_keystore(keystore, password)
    assert "wrong" not in str(error.value)
    assert error.value.__cause__ is None


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="nothing"),
        pytest.param("11" * 31, id="too short"),
        pytest.param("0x" + "1g" * 32, id="no hexadecimal digits"),
        pytest.param("11" * 15 + " " * 4 + "11" * 15, id="spaces inside"),
        pytest.param("00" * 32, id="zero"),
        pytest.param("ff" * 32, id="beyond the group's order"),
    ],
)
def test_what_is_no_private_key_is_refused_without_being_quoted(text: str) -> None:
    with pytest.raises(SignerInvalidError) as error:
        LocalSigner.of(parse_private_key(text))
    assert text == "" or text not in str(error.value)


@pytest.mark.parametrize("spelling", [PRIVATE_KEY, PRIVATE_KEY[2:], PRIVATE_KEY.upper().replace("X", "x") + "\n"])
async def test_a_raw_key_opens_in_each_spelling(spelling: str) -> None:
    assert (await Signers().open("people", RAW, secret(**{"private-key": spelling}))).address == ADDRESS


async def test_a_signer_is_opened_once_a_version(monkeypatch: pytest.MonkeyPatch) -> None:
    opened = []
    real = Account.decrypt
    monkeypatch.setattr(Account, "decrypt", lambda *args: opened.append(1) or real(*args))
    signers = Signers()
    first = await signers.open("people", IN_KEYSTORE, keystore())
    assert await signers.open("people", IN_KEYSTORE, keystore()) is first
    signers.forget("others")
    assert await signers.open("people", IN_KEYSTORE, keystore()) is first
    signers.forget("people")
    assert not signers._opened
    assert len(opened) == 1
    await signers.open("people", IN_KEYSTORE, keystore(version="2"))
    assert len(opened) == 2


async def test_a_failure_is_remembered_until_the_secret_changes() -> None:
    signers = Signers()
    for _ in range(2):
        with pytest.raises(SignerInvalidError, match=r"^Secret key: the password"):
            await signers.open("people", IN_KEYSTORE, keystore("wrong"))
    assert (await signers.open("people", IN_KEYSTORE, keystore(version="2"))).address == ADDRESS


async def test_another_namespace_is_another_signer() -> None:
    signers, other = Signers(), secret(**{"private-key": "22" * 32})
    assert (await signers.open("people", RAW, secret(**{"private-key": PRIVATE_KEY}))).address == ADDRESS
    assert (await signers.open("others", RAW, other)).address != ADDRESS


async def test_a_line_end_after_the_password_does_not_matter() -> None:
    assert (await Signers().open("people", IN_KEYSTORE, keystore("secret\n"))).address == ADDRESS


def test_a_field_tells_which_secret_it_wants() -> None:
    assert [signer_field(spec) for spec in (IN_KEYSTORE, RAW, IN_KMS)] == [
        "signer.keystoreSecretRef",
        "signer.privateKeySecretRef",
        "signer.awsKms",
    ]
    wanted = [wanted_secret(spec) for spec in (IN_KEYSTORE, RAW, IN_KMS)]
    assert [(x.name, x.keys) if x else None for x in wanted] == [
        ("key", ("keystore.json", "password")),
        ("key", ("private-key",)),
        None,
    ]


@pytest.mark.parametrize("given", [{}, {"keystoreSecretRef": {"name": "a"}, "privateKeySecretRef": {"name": "b"}}])
def test_none_and_two_signers_are_refused(given: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="exactly one"):
        SignerSpec.model_validate(given)


async def opened(spec: SignerSpec, given: dict[str, Any]) -> Any:
    return await Signers().open("people", spec, given)


@pytest.mark.parametrize(
    ("spec", "given"),
    [
        pytest.param(IN_KEYSTORE, keystore(), id="keystore"),
        pytest.param(RAW, secret(**{"private-key": PRIVATE_KEY}), id="raw key"),
    ],
)
async def test_the_key_is_in_no_log_representation_or_traceback(
    spec: SignerSpec, given: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    signer, said = await opened(spec, given), io.StringIO()
    monkeypatch.setattr("sys.stdout", said)
    configure_logs("DEBUG")
    try:
        await sign_transaction(signer, transaction(gasPrice=1))
        structlog.get_logger().info("signer", signer=signer, signers=[signer])
        try:
            await signer.sign_digest(b"no digest")
        except ValueError as error:
            structlog.get_logger().exception("refused", exc_info=error)
            told = traceback.TracebackException.from_exception(error, capture_locals=True)
            said.write("".join(told.format()))
    finally:
        logging.basicConfig(handlers=[], force=True)
        structlog.reset_defaults()
    shown = said.getvalue() + repr(signer) + str(vars(signer)) + str(Signature(1, 2, 0))
    assert ADDRESS in shown
    assert "refused" in shown
    assert [spelling for spelling in SPELLINGS if spelling in shown] == []


@pytest.mark.parametrize("write", [pickle.dumps, copy.deepcopy], ids=["pickled", "copied"])
def test_a_signer_is_written_nowhere(write: Any) -> None:
    with pytest.raises(TypeError, match="never written"):
        write(LocalSigner.of(bytes.fromhex(PRIVATE_KEY[2:])))
