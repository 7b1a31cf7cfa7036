"""What a run key signs: the report of its run, and the batch that carries its results. Consents are in consent.py.

In: a private key, the message's fields, the domain (chain and contract). Out: 65-byte signatures as 0x hex, and the
address that a signature belongs to. Source: EIP-712, EIP-2098's low-s rule. Invariant: one signer, message and domain
have exactly one accepted signature; a high s or a v other than 27 and 28 is refused.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from coincurve import PrivateKey, PublicKey
from eth_utils.address import to_checksum_address

from faceledger_contracts.canonical import from_hex, keccak256, to_hex
from faceledger_contracts.randomness import SYSTEM, RandomSource

__all__ = [
    "Domain",
    "SignatureError",
    "address_of",
    "address_word",
    "batch_hash",
    "new_run_key",
    "number_word",
    "recover_batch",
    "recover_report",
    "recover_typed",
    "report_hash",
    "sign_batch",
    "sign_report",
    "sign_typed",
    "typed_hash",
]

HALF_ORDER = 0x7FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF5D576E7357A4501DDFE92F46681B20A0
"""Half the order of secp256k1: a signature's s may not exceed it."""


class SignatureError(ValueError):
    """A signature is not one, or not in its only accepted form."""


@dataclass(frozen=True)
class Domain:
    """Where a signature counts: `chain_id`, and the `contract` address that verifies it."""

    chain_id: int
    contract: str

    def separator(self) -> bytes:
        """The 32-byte domain separator of FaceLedger, version 1, on this chain at this contract."""
        return _separator(self)


def new_run_key(random: RandomSource = SYSTEM) -> tuple[str, str]:
    """A fresh key: its checksum address and the private key as 0x hex."""
    private_key = to_hex(random(32))
    return address_of(private_key), private_key


def address_of(private_key: str) -> str:
    """The checksum address of a private key (0x hex, 32 bytes); ValueError if it is none."""
    return _address(PrivateKey(from_hex(private_key, 32)).public_key)


def sign_batch(private_key: str, batch_id: bytes, root: bytes, count: int, domain: Domain) -> str:
    """The signature that `commitBatch` asks for."""
    return sign_typed(private_key, batch_hash(batch_id, root, count, domain))


@lru_cache(maxsize=4096)  # every receipt of a batch asks the same
def recover_batch(batch_id: bytes, root: bytes, count: int, signature: str, domain: Domain) -> str:
    """The checksum address that signed this batch; SignatureError if the signature is malformed."""
    return recover_typed(batch_hash(batch_id, root, count, domain), signature)


def sign_report(private_key: str, attempt: str, digest: str, domain: Domain) -> str:
    """Signs a run report by the SHA-256 (`sha256:<hex>`) of its canonical JSON."""
    return sign_typed(private_key, report_hash(attempt, digest, domain))


def recover_report(attempt: str, digest: str, signature: str, domain: Domain) -> str:
    """The checksum address that signed this run report; SignatureError if the signature is malformed."""
    return recover_typed(report_hash(attempt, digest, domain), signature)


def batch_hash(batch_id: bytes, root: bytes, count: int, domain: Domain) -> bytes:
    """The 32 bytes that are signed for a batch."""
    if len(batch_id) != 32 or len(root) != 32:
        raise ValueError("batch id and root are 32 bytes each")
    return typed_hash(domain, _BATCH_TYPE + batch_id + root + number_word(count))


def report_hash(attempt: str, digest: str, domain: Domain) -> bytes:
    """The 32 bytes that are signed for a run report."""
    if not digest.startswith("sha256:"):
        raise ValueError("a report's digest begins with sha256:")
    digest_word = from_hex("0x" + digest.removeprefix("sha256:"), 32)
    return typed_hash(domain, _REPORT_TYPE + keccak256(attempt.encode()) + digest_word)


def typed_hash(domain: Domain, encoded_struct: bytes) -> bytes:
    """The 32 bytes that are signed for a struct: its type's hash and its members, 32 bytes each."""
    return keccak256(b"\x19\x01" + domain.separator() + keccak256(encoded_struct))


def number_word(number: int) -> bytes:
    """A number as 32 bytes."""
    return number.to_bytes(32, "big")


def address_word(address: str) -> bytes:
    """An address (0x hex) as 32 bytes."""
    return bytes(12) + from_hex(address, 20)


def sign_typed(private_key: str, digest: bytes) -> str:
    """The signature of a `typed_hash`."""
    signature = PrivateKey(from_hex(private_key, 32)).sign_recoverable(digest, hasher=None)
    return to_hex(signature[:64] + bytes([27 + signature[64]]))


def recover_typed(digest: bytes, signature: str) -> str:
    """The checksum address that signed a `typed_hash`; SignatureError if the signature is malformed."""
    try:
        raw = from_hex(signature, 65)
    except ValueError as error:
        raise SignatureError(f"signature: {error}") from error
    if raw[64] not in (27, 28):
        raise SignatureError(f"signature ends in v={raw[64]}, not 27 or 28")
    if int.from_bytes(raw[32:64], "big") > HALF_ORDER:
        raise SignatureError("signature has a high s; only the low one is accepted")
    try:
        key = PublicKey.from_signature_and_message(raw[:64] + bytes([raw[64] - 27]), digest, hasher=None)
    except Exception as error:  # coincurve raises bare Exception when no key can be recovered
        raise SignatureError("no key can have made this signature") from error
    return _address(key)


@lru_cache(maxsize=64)
def _separator(domain: Domain) -> bytes:
    place = number_word(domain.chain_id) + address_word(domain.contract)
    return keccak256(_DOMAIN_TYPE + _NAME + _VERSION + place)


def _address(key: PublicKey) -> str:
    return to_checksum_address(keccak256(key.format(compressed=False)[1:])[-20:])


_DOMAIN_TYPE = keccak256(b"EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)")
_NAME = keccak256(b"FaceLedger")
_VERSION = keccak256(b"1")
_BATCH_TYPE = keccak256(b"Batch(bytes32 batchId,bytes32 root,uint32 count)")
_REPORT_TYPE = keccak256(b"RunReport(string attempt,bytes32 digest)")
