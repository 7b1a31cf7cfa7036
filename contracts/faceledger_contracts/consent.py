"""What the holder of an identity signs: each use of it, once, until a deadline.

In: an action, the wallet, a 32-byte value (commitment or challenge), the wallet's next nonce, a deadline. Out: the
EIP-712 digest and signature that the contract's `registerIdentity`, `updateIdentity`, `revokeIdentity` and
`authenticate` ask for. Invariant: a signature to one action is none to another, and none with another nonce.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from faceledger_contracts import merkle
from faceledger_contracts.canonical import canonical_json, keccak256
from faceledger_contracts.eip712 import Domain, address_word, number_word, recover_typed, sign_typed, typed_hash

__all__ = ["Action", "Consent", "identity_commitment", "recover_consent", "sign_consent"]


class Action(StrEnum):
    """The EIP-712 type of what is consented to."""

    REGISTER = "RegisterIdentity"
    """Give the wallet an identity; the value is its commitment."""

    UPDATE = "UpdateIdentity"
    """Replace the commitment; the value is the new one."""

    REVOKE = "RevokeIdentity"
    """End the identity for ever; the value is the commitment that is withdrawn."""

    AUTHENTICATE = "Authenticate"
    """Prove the identity; the value is the challenge."""


@dataclass(frozen=True)
class Consent:
    """One message: `value` has 32 bytes, `nonce` is `nonces(wallet)`, `deadline` is in seconds since 1970."""

    action: Action
    wallet: str
    value: bytes
    nonce: int
    deadline: int

    def digest(self, domain: Domain) -> bytes:
        """The 32 bytes that are signed; a contract wallet gets them by EIP-1271."""
        if len(self.value) != 32:
            raise ValueError(f"the value of a consent has 32 bytes, not {len(self.value)}")
        words = address_word(self.wallet) + self.value + number_word(self.nonce) + number_word(self.deadline)
        return typed_hash(domain, _TYPES[self.action] + words)


def identity_commitment(value: object, salt: bytes) -> bytes:
    """The salted commitment to a JSON `value` (say, a template's digest). `salt`: 32 random bytes, used once."""
    if len(salt) != 32:
        raise ValueError(f"the salt of an identity has 32 bytes, not {len(salt)}")
    return merkle.leaf_hash(_IDENTITY_TAG, salt + canonical_json(value))


def sign_consent(private_key: str, consent: Consent, domain: Domain) -> str:
    """The 65-byte signature, as 0x hex, that the contract accepts from a wallet which is a key."""
    return sign_typed(private_key, consent.digest(domain))


def recover_consent(consent: Consent, signature: str, domain: Domain) -> str:
    """The checksum address that signed; SignatureError if the signature is malformed."""
    return recover_typed(consent.digest(domain), signature)


_IDENTITY_TAG = merkle.type_tag("FaceLedger identity v1")
_VALUE_NAMES = {action: "challenge" if action is Action.AUTHENTICATE else "commitment" for action in Action}
_TYPES = {
    action: keccak256(f"{action}(address wallet,bytes32 {name},uint256 nonce,uint256 deadline)".encode())
    for action, name in _VALUE_NAMES.items()
}
