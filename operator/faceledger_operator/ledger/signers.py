"""Opens the signer that a LedgerBinding names, once for each version of its Secret.

In: spec.signer and the Secret that it refers to. Out: a `Signer`. Invariant: what cannot be opened is remembered until
the Secret or the spec changes, since a keystore takes 0.7 s; a KMS that is away is asked again at each look.
"""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Mapping
from typing import Any

from ..api.base import SecretKey
from ..api.ledgerbinding import Signer as SignerSpec
from ..kube.credentials import AWS_KEYS, AwsAccess, WantedSecret, secret_text, secret_version
from .keystore import PASSWORD_KEY, open_keystore
from .kms import open_kms
from .signer import LocalSigner, Signer, SignerInvalidError, parse_private_key

__all__ = ["Signers", "signer_field", "wanted_secret"]


def signer_field(spec: SignerSpec) -> str:
    """The field that names the signer, for messages."""
    if spec.aws_kms is not None:
        return "signer.awsKms"
    return "signer.privateKeySecretRef" if spec.private_key_secret_ref else "signer.keystoreSecretRef"


def wanted_secret(spec: SignerSpec) -> WantedSecret | None:
    """None where the operator's own identity opens the signer."""
    if spec.aws_kms is not None:
        reference = spec.aws_kms.credentials_secret_ref
        return WantedSecret("signer.awsKms.credentialsSecretRef", reference.name, AWS_KEYS) if reference else None
    given = _reference(spec)
    keys = (given.key,) if spec.private_key_secret_ref else (given.key, PASSWORD_KEY)
    return WantedSecret(signer_field(spec), given.name, keys)


class Signers:
    """The signers that were opened, by namespace, spec and the Secret's resourceVersion."""

    def __init__(self) -> None:
        self._opened: dict[tuple[str, str], tuple[str, Signer | SignerInvalidError]] = {}
        # Keystores one at a time: scrypt at its usual cost takes 256 MiB, and the operator's pod has twice that.
        self._lock = asyncio.Lock()

    async def open(self, namespace: str, spec: SignerSpec, secret: Mapping[str, Any] | None) -> Signer:
        """Raises SignerInvalidError, SignerUnavailableError. `secret` is the one of `wanted_secret`, with its keys."""
        place, version = (namespace, spec.model_dump_json()), secret_version(secret)
        known = self._opened.get(place)
        if known is None or known[0] != version:
            known = self._opened[place] = version, await self._try_open(spec, secret)
        if isinstance(known[1], SignerInvalidError):
            raise SignerInvalidError(str(known[1]))
        return known[1]

    def forget(self, namespace: str) -> None:
        """Keeps no key of the namespace, where a binding is gone; those of its other bindings are opened again."""
        self._opened = {place: known for place, known in self._opened.items() if place[0] != namespace}

    async def _try_open(self, spec: SignerSpec, secret: Mapping[str, Any] | None) -> Signer | SignerInvalidError:
        try:
            if spec.aws_kms is not None:
                return await open_kms(spec.aws_kms.key_id, _access(spec, secret))
            assert secret is not None
            async with self._lock:
                return await asyncio.to_thread(_open_local, spec, secret)
        except SignerInvalidError as error:
            wanted = wanted_secret(spec)
            where = f"Secret {wanted.name}: " if wanted else ""
            return SignerInvalidError(f"{where}{error}")


def _open_local(spec: SignerSpec, secret: Mapping[str, Any]) -> LocalSigner:
    reference = _reference(spec)
    try:
        text = secret_text(secret, reference.key)
        if spec.private_key_secret_ref is not None:
            return LocalSigner.of(parse_private_key(text))
        password = base64.b64decode(secret["data"][PASSWORD_KEY]).decode()
    except ValueError:
        raise SignerInvalidError("it holds no UTF-8 text") from None
    return open_keystore(text, password.rstrip("\r\n"))


def _access(spec: SignerSpec, secret: Mapping[str, Any] | None) -> AwsAccess:
    assert spec.aws_kms is not None
    try:
        return AwsAccess.of(secret, spec.aws_kms.region, spec.aws_kms.endpoint)
    except ValueError as error:
        raise SignerInvalidError(str(error)) from None


def _reference(spec: SignerSpec) -> SecretKey:
    reference = spec.private_key_secret_ref or spec.keystore_secret_ref
    assert reference is not None
    return reference
