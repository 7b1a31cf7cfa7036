"""A key in AWS KMS signs what a key in memory would sign, and every way in which KMS refuses is told apart."""

from __future__ import annotations

import base64
import io
import logging
import secrets
import socket
from typing import Any

import boto3
import pytest
from eth_account import Account
from faceledger_operator.api.ledgerbinding import Signer as SignerSpec
from faceledger_operator.kube.credentials import AwsAccess
from faceledger_operator.ledger import kms
from faceledger_operator.ledger.kms import ORDER, KmsSigner, open_kms
from faceledger_operator.ledger.signer import SignerInvalidError, SignerUnavailableError, sign_transaction
from faceledger_operator.ledger.signers import Signers
from faceledger_operator.logs import configure_logs

pytestmark = pytest.mark.usefixtures("kms_signs_digests")


@pytest.fixture(scope="module")
def client(aws: str) -> Any:
    access = AwsAccess("eu-central-1", aws, "AKIAEXAMPLE", "very secret indeed")
    return boto3.client("kms", **access.options())


def make_key(client: Any, spec: str = "ECC_SECG_P256K1", usage: str = "SIGN_VERIFY") -> str:
    return str(client.create_key(KeySpec=spec, KeyUsage=usage)["KeyMetadata"]["KeyId"])


@pytest.fixture
async def signer(client: Any, access: AwsAccess) -> KmsSigner:
    return await open_kms(make_key(client), access)


@pytest.mark.parametrize(
    "fees",
    [{"gasPrice": 10**9}, {"maxFeePerGas": 10**9, "maxPriorityFeePerGas": 1}],
    ids=["legacy", "EIP-1559"],
)
async def test_a_transaction_recovers_to_the_keys_address(signer: KmsSigner, fees: dict[str, int]) -> None:
    fields = {"chainId": 1337, "nonce": 3, "gas": 21_000, "to": "0x" + "22" * 20, "value": 1, "data": "0x", **fees}
    signed = await sign_transaction(signer, fields)
    assert Account.recover_transaction(signed.raw) == signer.address


async def test_every_signature_has_a_low_s_and_recovers(signer: KmsSigner) -> None:
    for _ in range(20):  # KMS gives a high s half of the time
        digest = secrets.token_bytes(32)
        signature = await signer.sign_digest(digest)
        assert signature.s <= ORDER // 2
        recovered = Account._recover_hash(digest, signature=signature.encode())
        assert recovered == signer.address


async def test_a_digest_of_eip_712_recovers_as_wallets_recover_it(signer: KmsSigner) -> None:
    types = {"EIP712Domain": [], "Ping": [{"name": "n", "type": "uint256"}]}
    message = {"primaryType": "Ping", "types": types, "domain": {}, "message": {"n": 1}}
    from eth_account.messages import _hash_eip191_message, encode_typed_data

    typed = encode_typed_data(full_message=message)
    signature = await signer.sign_digest(bytes(_hash_eip191_message(typed)))
    assert Account.recover_message(typed, signature=signature.encode()) == signer.address


async def test_an_alias_leads_to_the_key(client: Any, access: AwsAccess) -> None:
    key = make_key(client)
    client.create_alias(AliasName="alias/faceledger", TargetKeyId=key)
    assert (await open_kms("alias/faceledger", access)).address == (await open_kms(key, access)).address


@pytest.mark.parametrize(
    ("spec", "usage"),
    [
        pytest.param("ECC_NIST_P256", "SIGN_VERIFY", id="another curve"),
        pytest.param("RSA_2048", "SIGN_VERIFY", id="RSA"),
    ],
)
async def test_a_key_of_another_kind_is_refused_by_name(client: Any, access: AwsAccess, spec: str, usage: str) -> None:
    key = make_key(client, spec, usage)
    with pytest.raises(SignerInvalidError, match=f"KMS key {key} is no ECC_SECG_P256K1 key"):
        await open_kms(key, access)


async def test_a_key_that_is_not_there_is_the_users_to_mend(access: AwsAccess) -> None:
    with pytest.raises(SignerInvalidError, match="NotFoundException"):
        await open_kms("alias/nobody", access)


async def test_a_kms_that_is_away_is_waited_for() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        access = AwsAccess("eu-central-1", f"http://127.0.0.1:{unused.getsockname()[1]}", "id", "secret")
    with pytest.raises(SignerUnavailableError, match="EndpointConnectionError"):
        await open_kms("alias/any", access)


async def test_no_credentials_are_told_apart(aws: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    with pytest.raises(SignerInvalidError, match="there are no credentials"):
        await open_kms("alias/any", AwsAccess("eu-central-1", aws))


async def test_another_keys_signature_is_never_passed_on(signer: KmsSigner, client: Any) -> None:
    other = KmsSigner(signer.address, make_key(client), signer._point, client)
    with pytest.raises(SignerInvalidError, match="another key's signature"):
        await other.sign_digest(bytes(32))


async def test_the_binding_opens_it_with_a_secret_or_with_its_own_identity(
    client: Any, aws: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = make_key(client)
    spec = {"keyId": key, "region": "eu-central-1", "endpoint": aws}
    named = SignerSpec.model_validate({"awsKms": {**spec, "credentialsSecretRef": {"name": "aws"}}})
    data = {"accessKeyId": "AKIAEXAMPLE", "secretAccessKey": "very secret indeed", "sessionToken": "token"}
    encoded = {name: base64.b64encode(value.encode()).decode() for name, value in data.items()}
    by_secret = await Signers().open("people", named, {"metadata": {"resourceVersion": "1"}, "data": encoded})
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAPOD")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "the pod's own")
    by_identity = await Signers().open("people", SignerSpec.model_validate({"awsKms": spec}), None)
    assert by_secret.address == by_identity.address


async def test_no_credential_is_in_a_log_a_representation_or_a_message(
    client: Any, access: AwsAccess, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = io.StringIO()
    monkeypatch.setattr("sys.stdout", said)
    configure_logs("DEBUG")
    try:
        signer = await open_kms(make_key(client), access)
        await signer.sign_digest(bytes(32))
        with pytest.raises(SignerInvalidError) as refused:
            await open_kms("alias/nobody", access)
    finally:
        logging.basicConfig(handlers=[], force=True)
    shown = f"{said.getvalue()}{signer!r}{access!r}{refused.value!r}{refused.value.__cause__}"
    assert "very secret" not in shown
    assert "AKIAEXAMPLE" not in shown


def test_the_order_is_that_of_the_curve() -> None:
    from coincurve import PrivateKey

    assert PrivateKey.from_int(kms.ORDER - 1)
    with pytest.raises(ValueError):
        PrivateKey.from_int(kms.ORDER)
