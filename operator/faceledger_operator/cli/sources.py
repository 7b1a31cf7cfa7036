"""Where a result's evidence is, for a resource of the cluster: its receipt, its chain, its artefacts, its data key.

In: a resource. Out: `Evidence`. Invariant: everything comes from the resource, its LedgerBinding and the Secrets that
they name; what the user may not read is left out and said, never guessed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from faceledger_contracts.chain import ChainReader
from faceledger_contracts.content import ContentReader
from faceledger_contracts.envelope import parse_data_key
from faceledger_contracts.evidence import Chain
from faceledger_contracts.verify import Finality

from ..api.ledgerbinding import LedgerBinding
from ..kube.kinds import FACE_DATASET, LEDGER_BINDING
from ..receipts.store import RECEIPT_KEY
from .cluster import Cluster
from .errors import CommandError
from .finding import Found
from .ipfs import open_content
from .targets import Resource

__all__ = ["Evidence", "data_key_of", "evidence_of"]


@dataclass(frozen=True)
class Evidence:
    """What a verification needs. `key` None: decryption is not checked, for the reason in `key_problem`."""

    receipt: bytes
    chain: Chain
    content: ContentReader
    finality: Finality
    key: bytes | None
    key_problem: str | None
    uid: str
    contract: str | None


def evidence_of(cluster: Cluster, found: Found) -> Evidence:
    """Reads all of it; CommandError where there is no receipt (yet) or something is missing."""
    resource, namespace, body = found.resource, found.namespace, found.body
    receipt = _receipt(cluster, body, resource, namespace)
    name = body["spec"]["ledgerRef"]["name"]
    binding = LedgerBinding.parse(cluster.get(LEDGER_BINDING, namespace, name))
    reference = binding.spec.network.rpc.url_secret_ref
    url = cluster.secret(namespace, reference.name, reference.key).decode().strip()
    node = cluster.endpoint(url, namespace)
    key, problem = data_key_of(cluster, body, namespace)
    return Evidence(
        receipt=receipt,
        chain=ChainReader(node.url, session=node.session),
        content=open_content(*(cluster.endpoint(api, namespace) for api in binding.spec.content.ipfs.all_apis)),
        finality=_finality(binding),
        key=key,
        key_problem=problem,
        uid=body["metadata"]["uid"],
        contract=binding.status.contract,
    )


def data_key_of(cluster: Cluster, body: dict[str, Any], namespace: str) -> tuple[bytes | None, str | None]:
    """The key that encrypts a resource's artefacts; None and the reason where it cannot be read."""
    try:
        gallery = body["spec"].get("galleryRef")
        dataset = cluster.get(FACE_DATASET, namespace, gallery["name"]) if gallery else body
        given = (dataset["spec"]["privacy"].get("encryption") or {}).get("keySecretRef") or {}
        secret = given.get("name") or (dataset.get("status") or {}).get("dataKey")
        if not secret:
            return None, f"FaceDataset {dataset['metadata']['name']} names no data key"
        return parse_data_key(cluster.secret(namespace, secret, given.get("key") or "key")), None
    except (CommandError, ValueError) as error:
        return None, str(error)


def _receipt(cluster: Cluster, body: dict[str, Any], resource: Resource, namespace: str) -> bytes:
    commitment = (body.get("status") or {}).get("commitment") or {}
    secret = commitment.get("receipt")
    if not secret:
        state = commitment.get("state", "none yet")
        raise CommandError(f"{resource} has no receipt: its commitment is {state}; a receipt is written at Finalized")
    return cluster.secret(namespace, secret, RECEIPT_KEY)


def _finality(binding: LedgerBinding) -> Finality:
    finality = binding.spec.network.finality
    if finality.mode == "Confirmations":
        return finality.confirmations or 0
    return finality.tag
