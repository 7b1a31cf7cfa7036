"""An AWS and a Google Drive of this machine, which speak the real ones' HTTP."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.hashes import SHA256
from faceledger_operator.kube.credentials import AwsAccess
from moto.kms.utils import ECDSAPrivateKey
from moto.server import ThreadedMotoServer

REGION = "eu-central-1"


@pytest.fixture(scope="session")
def aws() -> Iterator[str]:
    """The URL of moto's server."""
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    # What the machine has of AWS's is none of the tests' business.
    kept = {name: os.environ.pop(name) for name in list(os.environ) if name.startswith("AWS_")}
    os.environ["AWS_EC2_METADATA_DISABLED"] = "true"
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()
    os.environ.pop("AWS_EC2_METADATA_DISABLED")
    os.environ.update(kept)


@pytest.fixture(scope="session")
def kms_signs_digests(aws: str) -> Iterator[None]:
    """moto hashes what it signs, also a message of type DIGEST, which AWS takes for a hash."""

    def sign(self: ECDSAPrivateKey, message: bytes, signing_algorithm: str) -> bytes:
        assert (len(message), signing_algorithm) == (32, "ECDSA_SHA_256")
        return bytes(self.private_key.sign(message, ECDSA(Prehashed(SHA256()))))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ECDSAPrivateKey, "sign", sign)
        yield


@pytest.fixture
def access(aws: str) -> AwsAccess:
    return AwsAccess(REGION, aws, "AKIAEXAMPLE", "very secret indeed")
