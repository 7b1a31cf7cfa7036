"""An account whose key never leaves AWS KMS (ECC_SECG_P256K1, SIGN_VERIFY).

In: a key id and what gives access to it. Out: a `Signer`. KMS answers a DER signature without the parity and with any
s: s is made low (EIP-2) and the parity found by recovery, so a signature that is not this key's is never passed on.
Invariant: KMS sees digests alone, and no message holds a credential.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, field
from typing import Any

from coincurve import PublicKey
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import SECP256K1, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_der_public_key

from ..kube.credentials import AwsAccess
from .signer import Signature, SignerInvalidError, SignerUnavailableError, address_of_public_key

__all__ = ["KmsSigner", "open_kms"]

# At DEBUG, botocore writes whole requests with their signatures.
for _library in ("boto3", "botocore", "urllib3"):
    logging.getLogger(_library).setLevel(logging.WARNING)

ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
"""Of secp256k1's group (SEC 2)."""

REQUEST_SECONDS = 5.0

_TRANSIENT = frozenset(
    {"ThrottlingException", "DependencyTimeoutException", "KMSInternalException", "KeyUnavailableException"}
)
"""KMS's errors that pass by themselves; with all others somebody must act."""


@dataclass(frozen=True)
class KmsSigner:
    """The account of one KMS key."""

    address: str
    key_id: str
    _point: bytes = field(repr=False)
    _client: Any = field(repr=False, compare=False)

    async def sign_digest(self, digest: bytes) -> Signature:
        answer = await asyncio.to_thread(
            _ask,
            self._client.sign,
            KeyId=self.key_id,
            Message=digest,
            MessageType="DIGEST",
            SigningAlgorithm="ECDSA_SHA_256",
        )
        r, s = decode_dss_signature(answer["Signature"])
        s = min(s, ORDER - s)
        for parity in (0, 1):
            if _recover(digest, Signature(r, s, parity)) == self._point:
                return Signature(r, s, parity)
        raise SignerInvalidError(f"KMS key {self.key_id} answers with another key's signature")


async def open_kms(key_id: str, access: AwsAccess) -> KmsSigner:
    """Reads the key's public half. SignerUnavailableError, or SignerInvalidError where it is no such key."""
    return await asyncio.to_thread(_open, key_id, access)


def _open(key_id: str, access: AwsAccess) -> KmsSigner:
    client = _client(access)
    try:
        public = load_der_public_key(_ask(client.get_public_key, KeyId=key_id)["PublicKey"])
    except (UnsupportedAlgorithm, ValueError):
        public = None
    if not isinstance(public, EllipticCurvePublicKey) or not isinstance(public.curve, SECP256K1):
        raise SignerInvalidError(f"KMS key {key_id} is no ECC_SECG_P256K1 key")
    point = public.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)[1:]
    return KmsSigner(address_of_public_key(point), key_id, point, client)


def _client(access: AwsAccess) -> Any:
    try:
        import boto3
        from botocore.config import Config
    except ImportError:
        raise SignerInvalidError("this operator was installed without the extra 'cloud'") from None
    # Once: whoever asks looks again by itself.
    once = {"total_max_attempts": 1}
    config = Config(connect_timeout=REQUEST_SECONDS, read_timeout=REQUEST_SECONDS, retries=once)
    return boto3.session.Session().client("kms", config=config, **access.options())


def _ask(method: Any, **request: Any) -> Any:
    """One request; the library's errors as ours. Their texts are AWS's own, which name the key and the caller alone."""
    from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError

    try:
        return method(**request)
    except ClientError as error:
        code, text = error.response["Error"].get("Code", ""), error.response["Error"].get("Message", "")
        failure = SignerUnavailableError if code in _TRANSIENT else SignerInvalidError
        raise failure(f"KMS answers {code}: {text}") from None
    except NoCredentialsError:
        raise SignerInvalidError(
            "KMS: there are no credentials, neither in a Secret nor of the operator's pod"
        ) from None
    except BotoCoreError as error:
        raise SignerUnavailableError(f"KMS does not answer: {type(error).__name__}") from None


def _recover(digest: bytes, signature: Signature) -> bytes | None:
    sealed = signature.encode()[:64] + bytes([signature.parity])
    try:
        return PublicKey.from_signature_and_message(sealed, digest, hasher=None).format(compressed=False)[1:]
    except ValueError:
        return None
