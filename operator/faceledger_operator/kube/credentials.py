"""What a resource wants of a Secret that opens something outside of the cluster, and what the Secret holds.

In: a Secret as the API server gives it. Out: what it lacks, its texts, access to AWS. Invariant: nothing here shows a
value, neither in a representation nor in a message.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

__all__ = ["AWS_KEYS", "AwsAccess", "WantedSecret", "secret_text", "secret_version"]

AWS_KEYS = ("accessKeyId", "secretAccessKey")
"""Keys of a Secret with AWS credentials; `sessionToken` may be there, too."""


@dataclass(frozen=True)
class WantedSecret:
    """The Secret that a field refers to, and the keys that it must have."""

    field: str
    name: str
    keys: tuple[str, ...] = ()

    def lacks(self, secret: Mapping[str, Any] | None) -> str | None:
        """What is wrong with what is there, if anything."""
        if secret is None:
            return f"{self.field}: there is no Secret {self.name}"
        data = secret.get("data") or {}
        lacking = [key for key in self.keys if not data.get(key)]
        return f"{self.field}: Secret {self.name} has no key {lacking[0]!r}, or an empty one" if lacking else None


@dataclass(frozen=True)
class AwsAccess:
    """Where AWS is and who asks. Without credentials: those that the operator's pod has by itself (IRSA, EKS Pod
    Identity, an instance's role)."""

    region: str | None = None
    endpoint: str | None = None
    key_id: str | None = field(default=None, repr=False)
    secret: str | None = field(default=None, repr=False)
    token: str | None = field(default=None, repr=False)

    @classmethod
    def of(cls, secret: Mapping[str, Any] | None, region: str | None, endpoint: str | None) -> AwsAccess:
        if secret is None:
            return cls(region, endpoint)
        given = secret.get("data") or {}
        token = secret_text(secret, "sessionToken") if "sessionToken" in given else None
        key_id, key = (secret_text(secret, name) for name in AWS_KEYS)
        return cls(region, endpoint, key_id, key, token)

    def options(self) -> dict[str, str | None]:
        """As boto3's clients take them."""
        return {
            "region_name": self.region,
            "endpoint_url": self.endpoint,
            "aws_access_key_id": self.key_id,
            "aws_secret_access_key": self.secret,
            "aws_session_token": self.token,
        }


def secret_text(secret: Mapping[str, Any], key: str) -> str:
    """The text under a key, without white space around it. KeyError if it is missing, ValueError if it is no text."""
    try:
        return base64.b64decode((secret.get("data") or {})[key]).decode().strip()
    except UnicodeDecodeError:
        raise ValueError(f"key {key!r} holds no UTF-8 text") from None


def secret_version(secret: Mapping[str, Any] | None) -> str:
    """Changes whenever the Secret does."""
    metadata = secret["metadata"] if secret else {}
    return f"{metadata.get('uid', '')}/{metadata.get('resourceVersion', '')}"
