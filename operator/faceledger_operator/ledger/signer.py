"""Who pays and commits: a keystore v3 in a Secret, opened once.

In: the Secret's data. Out: a `Signer` that signs transactions. Invariant: the private key is in memory only, in no
representation, message or log; opening (scrypt takes 0.7 s) happens once for each version of the Secret, also when it
fails.
"""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from eth_account import Account
from eth_account.signers.local import LocalAccount

__all__ = ["PASSWORD_KEY", "KeystoreError", "Keystores", "SignedTransaction", "Signer", "open_keystore"]

PASSWORD_KEY = "password"  # noqa: S105 - the name of the key inside the Secret
"""Key that holds the keystore's password, in the same Secret."""


class KeystoreError(Exception):
    """The keystore does not open. The message names what is wrong, never the key or the password."""


@dataclass(frozen=True)
class SignedTransaction:
    """A transaction as it is broadcast: 0x hex of its bytes, and its hash."""

    raw: str
    hash: str


@dataclass(frozen=True)
class Signer:
    """An account: its checksum `address`, and the key that is never shown."""

    address: str
    _account: LocalAccount = field(repr=False)

    def sign(self, transaction: Mapping[str, Any]) -> SignedTransaction:
        """Signs a whole transaction (nonce, gas, fees, chainId, to, data, value)."""
        signed = self._account.sign_transaction(dict(transaction))
        return SignedTransaction("0x" + bytes(signed.raw_transaction).hex(), "0x" + bytes(signed.hash).hex())


class Keystores:
    """The signers that were opened, by Secret and its resourceVersion."""

    def __init__(self) -> None:
        self._opened: dict[tuple[str, str, str], tuple[str, Signer | KeystoreError]] = {}
        # One at a time: scrypt at its usual cost takes 256 MiB, and the operator's pod has twice that.
        self._lock = asyncio.Lock()

    async def open(self, secret: Mapping[str, Any], key: str) -> Signer:
        """The signer in a Secret's `key`; KeystoreError where it does not open."""
        metadata = secret["metadata"]
        place, version = (metadata["namespace"], metadata["name"], key), metadata.get("resourceVersion", "")
        async with self._lock:
            known = self._opened.get(place)
            if known is None or known[0] != version:
                known = version, await asyncio.to_thread(_try_open, secret, key)
                self._opened[place] = known
        if isinstance(known[1], KeystoreError):
            raise known[1]
        return known[1]


def open_keystore(keystore: str, password: str) -> Signer:
    """Opens a keystore v3 (JSON text); KeystoreError names what is wrong with it."""
    try:
        document = json.loads(keystore)
        private_key = Account.decrypt(document, password)
    except (json.JSONDecodeError, KeyError, TypeError, NotImplementedError):
        raise KeystoreError("it is no keystore v3 (JSON)") from None
    except ValueError:
        raise KeystoreError(f"the password in key {PASSWORD_KEY!r} does not open it") from None
    account = Account.from_key(private_key)
    return Signer(account.address, account)


def _try_open(secret: Mapping[str, Any], key: str) -> Signer | KeystoreError:
    data = secret.get("data") or {}
    try:
        keystore = base64.b64decode(data[key]).decode()
        password = base64.b64decode(data[PASSWORD_KEY]).decode()
    except UnicodeDecodeError:
        return KeystoreError("keystore or password is no UTF-8 text")
    try:
        return open_keystore(keystore, password.rstrip("\r\n"))
    except KeystoreError as error:
        return error
