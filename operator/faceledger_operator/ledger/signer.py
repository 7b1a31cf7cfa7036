"""Who pays and commits: an account that signs digests, wherever its key is kept.

In: a 32-byte digest. Out: a secp256k1 signature with low s (EIP-2), and from it signed transactions (EIP-155 and
EIP-1559). Invariant: the same digest by the same key gives a signature that recovers to `address`; a key is in no
representation, message or log.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NoReturn, Protocol

from coincurve import PrivateKey
from eth_utils.address import to_checksum_address
from faceledger_contracts import rlp
from faceledger_contracts.canonical import keccak256

__all__ = [
    "LocalSigner",
    "Signature",
    "SignedTransaction",
    "Signer",
    "SignerInvalidError",
    "SignerUnavailableError",
    "address_of_public_key",
    "parse_private_key",
    "sign_transaction",
]


class SignerInvalidError(Exception):
    """What should hold or lead to a key does not. The message names what is wrong, never a key or a password."""


class SignerUnavailableError(Exception):
    """The service that keeps the key does not answer now: try again later. The message holds no secret."""


@dataclass(frozen=True)
class Signature:
    """`parity` (0 or 1) tells which of two public keys signed."""

    r: int
    s: int
    parity: int

    def encode(self) -> bytes:
        """65 bytes as contracts and EIP-712 wallets take them: r, s, and 27 or 28."""
        return self.r.to_bytes(32, "big") + self.s.to_bytes(32, "big") + bytes([27 + self.parity])


class Signer(Protocol):
    """An account. `address` has a checksum (EIP-55)."""

    @property
    def address(self) -> str: ...

    async def sign_digest(self, digest: bytes) -> Signature:
        """Signs 32 bytes: a transaction's hash or an EIP-712 digest. Raises SignerUnavailableError, and
        SignerInvalidError where a person must act first."""
        ...


@dataclass(frozen=True)
class LocalSigner:
    """An account whose key is in this process's memory."""

    address: str
    _key: PrivateKey = field(repr=False, compare=False)

    @classmethod
    def of(cls, secret: bytes) -> LocalSigner:
        """The account of a private key of 32 bytes; SignerInvalidError for what is none."""
        try:
            key = PrivateKey(secret)
        except ValueError:
            raise SignerInvalidError("it is no private key of secp256k1") from None
        return cls(address_of_public_key(key.public_key.format(compressed=False)[1:]), key)

    async def sign_digest(self, digest: bytes) -> Signature:
        signed = self._key.sign_recoverable(digest, hasher=None)
        return Signature(int.from_bytes(signed[:32], "big"), int.from_bytes(signed[32:64], "big"), signed[64])

    def __reduce__(self) -> NoReturn:
        raise TypeError("a signer is never written anywhere")


@dataclass(frozen=True)
class SignedTransaction:
    """A transaction as it is broadcast: 0x hex of its bytes, and its hash."""

    raw: str
    hash: str


async def sign_transaction(signer: Signer, transaction: Mapping[str, Any]) -> SignedTransaction:
    """Signs a whole transaction: chainId, nonce, gas, value, data, `to` unless it deploys, and either gasPrice
    (EIP-155) or maxFeePerGas and maxPriorityFeePerGas (EIP-1559)."""
    raw = await (_dynamic_fee if "maxFeePerGas" in transaction else _legacy)(signer, transaction)
    return SignedTransaction("0x" + raw.hex(), "0x" + keccak256(raw).hex())


def parse_private_key(text: str) -> bytes:
    """The 32 bytes of a key that is written as 64 hexadecimal digits, with or without 0x; SignerInvalidError."""
    digits = text.strip().removeprefix("0x")
    try:
        secret = bytes.fromhex(digits)
    except ValueError:
        secret = b""
    if len(digits) != 64 or len(secret) != 32:
        raise SignerInvalidError("it is not 64 hexadecimal digits")
    return secret


def address_of_public_key(point: bytes) -> str:
    """The checksum address of a public key, given as the 64 bytes of its coordinates."""
    return to_checksum_address(keccak256(point)[-20:])


async def _legacy(signer: Signer, transaction: Mapping[str, Any]) -> bytes:
    fields = [*_numbers(transaction, "nonce", "gasPrice", "gas"), *_call(transaction)]
    chain = int(transaction["chainId"])
    signature = await signer.sign_digest(keccak256(rlp.encode([*fields, rlp.number_bytes(chain), b"", b""])))
    seal = (35 + 2 * chain + signature.parity, signature.r, signature.s)
    return rlp.encode([*fields, *map(rlp.number_bytes, seal)])


async def _dynamic_fee(signer: Signer, transaction: Mapping[str, Any]) -> bytes:
    names = ("chainId", "nonce", "maxPriorityFeePerGas", "maxFeePerGas", "gas")
    fields: list[rlp.Item] = [*_numbers(transaction, *names), *_call(transaction), []]
    signature = await signer.sign_digest(keccak256(b"\x02" + rlp.encode(fields)))
    return b"\x02" + rlp.encode([*fields, *map(rlp.number_bytes, (signature.parity, signature.r, signature.s))])


def _numbers(transaction: Mapping[str, Any], *names: str) -> list[bytes]:
    return [rlp.number_bytes(int(transaction[name])) for name in names]


def _call(transaction: Mapping[str, Any]) -> list[bytes]:
    to = bytes.fromhex(str(transaction.get("to") or "0x")[2:])
    data = transaction.get("data", b"")
    return [to, *_numbers(transaction, "value"), bytes.fromhex(data[2:]) if isinstance(data, str) else bytes(data)]
