"""Signatures are those of EIP-712 as wallets make them, and each has one accepted form."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

import pytest
from eth_account import Account
from eth_account.messages import encode_typed_data
from faceledger_contracts.eip712 import (
    HALF_ORDER,
    Domain,
    SignatureError,
    address_of,
    new_run_key,
    recover_batch,
    recover_report,
    sign_batch,
    sign_report,
)

SECRET = "0x" + "11" * 32
DOMAIN = Domain(1337, "0x5FbDB2315678afecb367f032d93F642f64180aa3")
ID, ROOT, COUNT = b"\x01" * 32, b"\x02" * 32, 256
ATTEMPT, DIGEST = "front-door-é", "sha256:" + "ab" * 32
ORDER = 2 * HALF_ORDER + 1

DOMAIN_FIELDS = [
    {"name": "name", "type": "string"},
    {"name": "version", "type": "string"},
    {"name": "chainId", "type": "uint256"},
    {"name": "verifyingContract", "type": "address"},
]


def wallet_signature(primary: str, fields: list[dict[str, str]], message: dict[str, Any]) -> str:
    typed = {
        "types": {"EIP712Domain": DOMAIN_FIELDS, primary: fields},
        "primaryType": primary,
        "domain": {
            "name": "FaceLedger",
            "version": "1",
            "chainId": DOMAIN.chain_id,
            "verifyingContract": DOMAIN.contract,
        },
        "message": message,
    }
    return "0x" + bytes(Account.sign_message(encode_typed_data(full_message=typed), SECRET).signature).hex()


def test_a_batch_signature_is_the_one_that_a_wallet_makes() -> None:
    fields = [
        {"name": "batchId", "type": "bytes32"},
        {"name": "root", "type": "bytes32"},
        {"name": "count", "type": "uint32"},
    ]
    wallet = wallet_signature("Batch", fields, {"batchId": ID, "root": ROOT, "count": COUNT})
    assert sign_batch(SECRET, ID, ROOT, COUNT, DOMAIN) == wallet
    assert recover_batch(ID, ROOT, COUNT, wallet, DOMAIN) == Account.from_key(SECRET).address


def test_a_report_signature_is_the_one_that_a_wallet_makes() -> None:
    fields = [{"name": "attempt", "type": "string"}, {"name": "digest", "type": "bytes32"}]
    wallet = wallet_signature("RunReport", fields, {"attempt": ATTEMPT, "digest": bytes.fromhex("ab" * 32)})
    assert sign_report(SECRET, ATTEMPT, DIGEST, DOMAIN) == wallet
    assert recover_report(ATTEMPT, DIGEST, wallet, DOMAIN) == Account.from_key(SECRET).address


@pytest.mark.parametrize(
    ("attempt", "digest", "domain"),
    [
        pytest.param("front-door-f", DIGEST, DOMAIN, id="of another attempt"),
        pytest.param(ATTEMPT, "sha256:" + "ac" * 32, DOMAIN, id="of another report"),
        pytest.param(ATTEMPT, DIGEST, Domain(1, DOMAIN.contract), id="on another chain"),
        pytest.param(ATTEMPT, DIGEST, Domain(1337, "0x" + "00" * 20), id="at another contract"),
    ],
)
def test_a_signature_is_not_one_of_something_else(attempt: str, digest: str, domain: Domain) -> None:
    signature = sign_report(SECRET, ATTEMPT, DIGEST, DOMAIN)
    with contextlib.suppress(SignatureError):
        assert recover_report(attempt, digest, signature, domain) != address_of(SECRET)


def with_v(signature: str, v: int) -> str:
    return signature[:-2] + f"{v:02x}"


def high_s(signature: str) -> str:
    s = ORDER - int(signature[66:130], 16)
    return signature[:66] + f"{s:064x}" + f"{55 - int(signature[130:], 16):02x}"


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        pytest.param(lambda s: s[:-2], "hex digits", id="64 bytes"),
        pytest.param(lambda s: s[2:], "expected 0x", id="no 0x"),
        pytest.param(lambda s: with_v(s, 0), "v=0", id="v is 0"),
        pytest.param(lambda s: with_v(s, 29), "v=29", id="v is 29"),
        pytest.param(high_s, "high s", id="the high form of a true signature"),
        pytest.param(lambda s: "0x" + "00" * 64 + "1b", "no key", id="r and s are zero"),
        pytest.param(lambda s: "0x" + "ff" * 32 + s[66:], "no key", id="r is beyond the order"),
    ],
)
def test_a_signature_of_another_form_is_refused(spoil: Callable[[str], str], reason: str) -> None:
    with pytest.raises(SignatureError, match=reason):
        recover_report(ATTEMPT, DIGEST, spoil(sign_report(SECRET, ATTEMPT, DIGEST, DOMAIN)), DOMAIN)


def test_a_run_key_is_what_its_source_gives(random: Callable[[int], bytes]) -> None:
    address, secret = new_run_key(random)
    assert Account.from_key(secret).address == address
    assert address_of(secret) == address


def test_run_keys_differ() -> None:
    assert new_run_key() != new_run_key()


@pytest.mark.parametrize("digest", ["ab" * 32, "sha256:ab", "md5:" + "ab" * 32])
def test_only_a_sha256_digest_is_signed(digest: str) -> None:
    with pytest.raises(ValueError):
        sign_report(SECRET, ATTEMPT, digest, DOMAIN)


def test_only_words_of_32_bytes_are_signed() -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        sign_batch(SECRET, ID[1:], ROOT, COUNT, DOMAIN)
