"""The nodes that a LedgerBinding names: from spec.network.rpc and its Secrets to URLs and headers.

In: the spec, the Secrets as they are. Out: endpoints, the most wanted one first, or what is wrong with the first field
that is. Invariant: a message names fields, Secrets and keys, and no part of a value.
"""

from __future__ import annotations

import asyncio
import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass

from ..api.ledgerbinding import Rpc, RpcEndpoint
from ..kube.api import Kube, Object
from ..kube.kinds import SECRET
from ..ledger.connection import Endpoint

__all__ = ["NodeSecrets", "read_nodes"]


@dataclass(frozen=True)
class NodeSecrets:
    """`endpoints`, unless there is a problem: a Secret or key is missing, or a value is no URL or header."""

    endpoints: tuple[Endpoint, ...] = ()
    secret_problem: str | None = None
    value_problem: str | None = None


async def read_nodes(kube: Kube, namespace: str, rpc: Rpc) -> NodeSecrets:
    """Reads all of them at once."""
    fields = [("network.rpc", rpc), *((f"network.rpc.fallbacks[{i}]", x) for i, x in enumerate(rpc.fallbacks))]
    read = await asyncio.gather(*(_read(kube, namespace, field, endpoint) for field, endpoint in fields))
    for one in read:
        if not one.endpoints:
            return one
    return NodeSecrets(tuple(endpoint for one in read for endpoint in one.endpoints))


async def _read(kube: Kube, namespace: str, field: str, wanted: RpcEndpoint) -> NodeSecrets:
    reference, headers = wanted.url_secret_ref, wanted.headers_secret_ref
    secret = await kube.get(SECRET, namespace, reference.name)
    if secret is None:
        return NodeSecrets(secret_problem=f"{field}.urlSecretRef: there is no Secret {reference.name}")
    values = _values(secret)
    if not values.get(reference.key):
        what = f"Secret {reference.name} has no key {reference.key!r}, or an empty one"
        return NodeSecrets(secret_problem=f"{field}.urlSecretRef: {what}")
    url = values[reference.key].strip()
    if not re.match(r"^https?://[^\s/]", url):
        return NodeSecrets(value_problem=f"key {reference.key!r} of Secret {reference.name} holds no http or https URL")
    found = await kube.get(SECRET, namespace, headers.name) if headers else None
    if headers and found is None:
        return NodeSecrets(secret_problem=f"{field}.headersSecretRef: there is no Secret {headers.name}")
    sent = {name: value.strip() for name, value in _values(found or {}).items()}
    for name, value in sent.items():
        if not value or not value.isprintable():
            return NodeSecrets(value_problem=f"key {name!r} of Secret {headers.name if headers else ''} is no header")
    return NodeSecrets((Endpoint(url, tuple(sorted(sent.items()))),))


def _values(secret: Object | Mapping[str, object]) -> dict[str, str]:
    data: Mapping[str, str] = secret.get("data") or {}  # type: ignore[assignment]
    return {key: base64.b64decode(value).decode(errors="replace") for key, value in data.items()}
