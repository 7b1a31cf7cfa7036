"""The nodes that a LedgerBinding names: from spec.network.rpc and its Secrets to URLs and headers.

In: the spec, the Secrets as they are. Out: endpoints, the most wanted one first, or what is wrong with the first field
that is. Invariant: a message names fields, Secrets and keys, and no part of a value.
"""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass

from ..api.ledgerbinding import Rpc, RpcEndpoint
from ..kube.api import Kube, Object
from ..kube.credentials import WantedSecret, secret_text
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
    if problem := WantedSecret(f"{field}.urlSecretRef", reference.name, (reference.key,)).lacks(secret):
        return NodeSecrets(secret_problem=problem)
    found = await kube.get(SECRET, namespace, headers.name) if headers else None
    if headers and (problem := WantedSecret(f"{field}.headersSecretRef", headers.name).lacks(found)):
        return NodeSecrets(secret_problem=problem)
    url = _text(secret, reference.key)
    if not url or not re.match(r"^https?://[^\s/]", url):
        return NodeSecrets(value_problem=f"key {reference.key!r} of Secret {reference.name} holds no http or https URL")
    sent = {name: _text(found, name) for name in (found or {}).get("data") or ()}
    for name, value in sent.items():
        if not value or not value.isprintable():
            return NodeSecrets(value_problem=f"key {name!r} of Secret {headers.name if headers else ''} is no header")
    return NodeSecrets((Endpoint(url, tuple((name, value) for name, value in sorted(sent.items()) if value)),))


def _text(secret: Object | None, key: str) -> str | None:
    """None for what is no text."""
    try:
        return secret_text(secret or {}, key)
    except ValueError:
        return None
