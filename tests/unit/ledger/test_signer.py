"""The keystore: opened once a version, and never shown."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from eth_account import Account
from faceledger_operator.ledger.signer import KeystoreError, Keystores, open_keystore

PRIVATE_KEY = "0x" + "11" * 32
KEYSTORE = json.dumps(Account.encrypt(PRIVATE_KEY, "secret", kdf="pbkdf2", iterations=1))


def secret(phrase: str = "secret", keystore: str = KEYSTORE, version: str = "1") -> dict[str, Any]:
    data = {"keystore.json": keystore, "password": phrase}
    encoded = {key: base64.b64encode(value.encode()).decode() for key, value in data.items()}
    return {"metadata": {"namespace": "people", "name": "key", "resourceVersion": version}, "data": encoded}


def test_a_signer_shows_its_address_and_nothing_else() -> None:
    signer = open_keystore(KEYSTORE, "secret")
    assert signer.address == Account.from_key(PRIVATE_KEY).address
    assert "11" * 8 not in repr(signer)


def test_a_transaction_is_signed_by_the_account() -> None:
    fields = {"chainId": 1, "nonce": 0, "gas": 21_000, "gasPrice": 1, "to": "0x" + "22" * 20, "value": 0}
    signed = open_keystore(KEYSTORE, "secret").sign(fields)
    assert Account.recover_transaction(signed.raw) == Account.from_key(PRIVATE_KEY).address


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
    with pytest.raises(KeystoreError, match=says) as error:
        open_keystore(keystore, password)
    assert "wrong" not in str(error.value)
    assert error.value.__cause__ is None


async def test_a_keystore_is_opened_once_a_version(monkeypatch: pytest.MonkeyPatch) -> None:
    opened = []
    real = Account.decrypt
    monkeypatch.setattr(Account, "decrypt", lambda *args: opened.append(1) or real(*args))
    keystores = Keystores()
    first = await keystores.open(secret(), "keystore.json")
    assert await keystores.open(secret(), "keystore.json") is first
    assert len(opened) == 1
    await keystores.open(secret(version="2"), "keystore.json")
    assert len(opened) == 2


async def test_a_failure_is_remembered_until_the_secret_changes() -> None:
    keystores = Keystores()
    for _ in range(2):
        with pytest.raises(KeystoreError):
            await keystores.open(secret("wrong"), "keystore.json")
    assert (await keystores.open(secret(version="2"), "keystore.json")).address


async def test_a_line_end_after_the_password_does_not_matter() -> None:
    assert (await Keystores().open(secret("secret\n"), "keystore.json")).address
