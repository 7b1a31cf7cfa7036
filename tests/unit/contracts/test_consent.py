"""A consent is what a wallet signs by EIP-712, and counts for nothing but itself."""

from __future__ import annotations

import contextlib
from dataclasses import replace

import pytest
from eth_account import Account
from eth_account.messages import encode_typed_data
from faceledger_contracts.consent import Action, Consent, identity_commitment, recover_consent, sign_consent
from faceledger_contracts.eip712 import Domain, SignatureError, address_of

SECRET = "0x" + "11" * 32
WALLET = address_of(SECRET)
DOMAIN = Domain(1337, "0x5FbDB2315678afecb367f032d93F642f64180aa3")
CONSENT = Consent(Action.REGISTER, WALLET, b"\x05" * 32, nonce=0, deadline=1_700_000_000)


@pytest.mark.parametrize("action", Action)
def test_a_consent_is_the_one_that_a_wallet_makes(action: Action) -> None:
    value = "challenge" if action is Action.AUTHENTICATE else "commitment"
    fields = [("wallet", "address"), (value, "bytes32"), ("nonce", "uint256"), ("deadline", "uint256")]
    message = {"wallet": WALLET, value: CONSENT.value, "nonce": 7, "deadline": 2**255}
    domain = {
        "name": "FaceLedger",
        "version": "1",
        "chainId": DOMAIN.chain_id,
        "verifyingContract": DOMAIN.contract,
    }
    typed = encode_typed_data(domain, {action: [{"name": n, "type": t} for n, t in fields]}, message)
    wallet = "0x" + bytes(Account.sign_message(typed, SECRET).signature).hex()
    consent = Consent(action, WALLET, CONSENT.value, nonce=7, deadline=2**255)
    assert sign_consent(SECRET, consent, DOMAIN) == wallet
    assert recover_consent(consent, wallet, DOMAIN) == WALLET


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(replace(CONSENT, action=Action.UPDATE), id="to another action"),
        pytest.param(replace(CONSENT, wallet=DOMAIN.contract), id="of another wallet"),
        pytest.param(replace(CONSENT, value=bytes(32)), id="to another commitment"),
        pytest.param(replace(CONSENT, nonce=1), id="with another nonce"),
        pytest.param(replace(CONSENT, deadline=1_700_000_001), id="with another deadline"),
    ],
)
def test_a_consent_is_not_one(other: Consent) -> None:
    signature = sign_consent(SECRET, CONSENT, DOMAIN)
    with contextlib.suppress(SignatureError):
        assert recover_consent(other, signature, DOMAIN) != WALLET


def test_a_value_has_32_bytes() -> None:
    with pytest.raises(ValueError, match="not 31"):
        replace(CONSENT, value=bytes(31)).digest(DOMAIN)


def test_an_identity_is_committed_to_with_a_salt() -> None:
    salt, other = b"\x01" * 32, b"\x02" * 32
    assert identity_commitment({"b": 1, "a": 2}, salt) == identity_commitment({"a": 2, "b": 1}, salt)
    assert len({identity_commitment(value, s) for value in ("a", "b") for s in (salt, other)}) == 4
    with pytest.raises(ValueError, match="salt"):
        identity_commitment("a", salt[1:])
