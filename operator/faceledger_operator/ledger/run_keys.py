"""The private keys of attempts, read when something has to be signed and kept nowhere.

In: names of Secrets. Out: keys as 0x hex. Invariant: a key is answered only where it belongs to the address that the
record names.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence

from faceledger_contracts.eip712 import address_of

from ..kube.api import Kube
from ..kube.kinds import SECRET
from .journal import Entry

__all__ = ["RUN_KEY", "RunKeys"]

RUN_KEY = "private-key"
"""Key inside the Secret `<attempt>-run-key`."""


class RunKeys:
    """The run keys of one namespace."""

    def __init__(self, kube: Kube, namespace: str) -> None:
        self._kube = kube
        self._namespace = namespace

    async def read(self, secret_name: str, address: str) -> str | None:
        """The private key of `address`; None where the Secret is gone or holds another key."""
        secret = await self._kube.get(SECRET, self._namespace, secret_name)
        try:
            private_key = base64.b64decode(((secret or {}).get("data") or {})[RUN_KEY]).decode().strip()
            return private_key if address_of(private_key) == address else None
        except (KeyError, ValueError):
            return None

    async def first_of(self, group: Sequence[Entry]) -> dict[str, str]:
        """The first key of the group that is still there, by its attempt; empty if all are gone."""
        for entry in group:
            private_key = await self.read(entry.run_key_secret, entry.record.run_key)
            if private_key is not None:
                return {entry.attempt: private_key}
        return {}
