"""Opens a keystore v3 (Web3 Secret Storage Definition): a private key under a password.

In: its JSON and the password. Out: a `LocalSigner`. Invariant: an error quotes neither.
"""

from __future__ import annotations

import json

from eth_account import Account

from .signer import LocalSigner, SignerInvalidError

__all__ = ["PASSWORD_KEY", "open_keystore"]

PASSWORD_KEY = "password"  # noqa: S105 - the name of the key inside the Secret
"""Key that holds the keystore's password, in the same Secret."""


def open_keystore(keystore: str, password: str) -> LocalSigner:
    """SignerInvalidError names what is wrong. Takes 0.7 s and 256 MiB where scrypt has its usual cost."""
    try:
        secret = bytes(Account.decrypt(json.loads(keystore), password))
    except (json.JSONDecodeError, KeyError, TypeError, NotImplementedError):
        raise SignerInvalidError("it is no keystore v3 (JSON)") from None
    except ValueError:
        raise SignerInvalidError(f"the password in key {PASSWORD_KEY!r} does not open it") from None
    return LocalSigner.of(secret)
