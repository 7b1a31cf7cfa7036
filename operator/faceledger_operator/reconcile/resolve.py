"""Looks behind a subject's references: what an attempt would be fixed to, or the first thing that is missing.

In: references. Out: `Inputs` or `Missing`. Invariant: what a person must create is named before what only needs time,
with the field that refers to it.
"""

from __future__ import annotations

import asyncio
from posixpath import dirname

from pydantic import ValidationError

from ..api.base import ArtefactStatus, Condition
from ..api.conditions import ConditionType, RunReason
from ..api.facedataset import FaceDataset
from ..kube.api import Kube, Object
from ..kube.kinds import FACE_DATASET, LEDGER_BINDING, PERSISTENT_VOLUME_CLAIM, SECRET
from ..ledger.ledger import Ledger, Ledgers
from .facedataset import FACES_ARTEFACT, MANIFEST_ARTEFACT, DatasetSubject
from .subject import ClaimReference, GalleryInput, Inputs, Missing, SecretReference, Subject

__all__ = ["Resolver", "binding_message"]


class Resolver:
    """Reads what references name. `workloads_image` is used where the spec names none."""

    def __init__(self, kube: Kube, ledgers: Ledgers, workloads_image: str) -> None:
        self._kube = kube
        self._ledgers = ledgers
        self._image = workloads_image

    async def resolve(self, subject: Subject) -> Inputs | Missing:
        references, namespace = subject.references, subject.metadata.namespace
        gallery = await self._gallery(namespace, references.gallery) if references.gallery else None
        claims, keys = list(references.claims), [references.data_key] if references.data_key else []
        if isinstance(gallery, FaceDataset):
            claims.append(_gallery_claim(gallery))
            keys.append(_gallery_key(gallery))
        found = await asyncio.gather(
            *(self._missing_claim(namespace, claim) for claim in claims),
            *(self._missing_key(namespace, key) for key in keys),
            self._missing_ledger(namespace, references.ledger),
        )
        faults = [fault for fault in (*found, gallery) if isinstance(fault, Missing)]
        if faults:
            return min(faults, key=lambda fault: not fault.stalled)
        ledger = self._ledgers.get(namespace, references.ledger)
        assert ledger
        return self._inputs(subject, ledger, gallery if isinstance(gallery, FaceDataset) else None)

    def _inputs(self, subject: Subject, ledger: Ledger, gallery: FaceDataset | None) -> Inputs:
        references = subject.references
        key = references.data_key.item if references.data_key else references.own_key
        if gallery:
            key = _gallery_key(gallery).item
        assert key
        return Inputs(
            image=subject.compute.image or self._image,
            chain_id=ledger.chain_id,
            contract=ledger.contract,
            content=ledger.content,
            data_key=key,
            gallery=_gallery_input(gallery) if gallery else None,
        )

    async def _gallery(self, namespace: str, name: str) -> FaceDataset | Missing:
        """The gallery, once its manifest is known."""
        body = await self._kube.get(FACE_DATASET, namespace, name)
        if body is None:
            message = f"spec.galleryRef.name: FaceDataset {name} does not exist"
            return Missing(RunReason.GALLERY_NOT_FOUND, message, stalled=True)
        try:
            gallery = FaceDataset.parse(body)
        except ValidationError:
            return _gallery_unready(name, "this release cannot read it")
        if _is_synthesized(gallery) and _artefact(gallery, MANIFEST_ARTEFACT) and _artefact(gallery, FACES_ARTEFACT):
            return gallery
        return _gallery_unready(name, _said(gallery))

    async def _missing_claim(self, namespace: str, claim: ClaimReference) -> Missing | None:
        if await self._kube.get(PERSISTENT_VOLUME_CLAIM, namespace, claim.name):
            return None
        message = f"{claim.field}: PersistentVolumeClaim {claim.name} does not exist"
        return Missing(RunReason.CLAIM_NOT_FOUND, message, stalled=True)

    async def _missing_key(self, namespace: str, key: SecretReference) -> Missing | None:
        item = key.item
        secret = await self._kube.get(SECRET, namespace, item.name)
        if secret and item.key in (secret.get("data") or {}):
            return None
        what = f"Secret {item.name} has no key {item.key}" if secret else f"Secret {item.name} does not exist"
        return Missing(RunReason.SECRET_NOT_FOUND, f"{key.field}: {what}", stalled=True)

    async def _missing_ledger(self, namespace: str, name: str) -> Missing | None:
        binding = await self._kube.get(LEDGER_BINDING, namespace, name)
        if binding is None:
            message = f"spec.ledgerRef.name: LedgerBinding {name} does not exist"
            return Missing(RunReason.LEDGER_NOT_FOUND, message, stalled=True)
        status, words = binding_message(binding)
        if status == "True" and self._ledgers.get(namespace, name):
            return None
        return Missing(RunReason.LEDGER_NOT_READY, f"waiting for LedgerBinding {name}: {words}", stalled=False)


def binding_message(binding: Object) -> tuple[str, str]:
    """Status and message of a LedgerBinding's Ready condition."""
    for condition in (binding.get("status") or {}).get("conditions") or []:
        if condition["type"] == ConditionType.READY and condition["status"] != "True":
            return condition["status"], condition.get("message") or condition["reason"]
        if condition["type"] == ConditionType.READY:
            return "True", "it is being connected"
    return "Unknown", "it was not looked at yet"


def _gallery_claim(gallery: FaceDataset) -> ClaimReference:
    field = f"spec.galleryRef.name: {gallery.metadata.name}.spec.output.persistentVolumeClaim.claimName"
    return ClaimReference(field, gallery.spec.output.persistent_volume_claim.claim_name)


def _gallery_key(gallery: FaceDataset) -> SecretReference:
    references = DatasetSubject(gallery).references
    field = f"spec.galleryRef.name: {gallery.metadata.name}.spec.privacy.encryption"
    if references.data_key:
        return SecretReference(field, references.data_key.item)
    assert references.own_key
    return SecretReference(field, references.own_key)


def _gallery_unready(name: str, said: str) -> Missing:
    return Missing(RunReason.GALLERY_NOT_READY, f"waiting for FaceDataset {name}: {said}", stalled=False)


def _said(gallery: FaceDataset) -> str:
    """The whole sentence where a person must act; else the reason alone, which does not change with every image."""
    stalled, ready = _condition(gallery, ConditionType.STALLED), _condition(gallery, ConditionType.READY)
    if stalled:
        return stalled.message
    return f"it is {ready.reason}" if ready else "it was not looked at yet"


def _is_synthesized(gallery: FaceDataset) -> bool:
    condition = _condition(gallery, ConditionType.SYNTHESIZED)
    return bool(
        condition and condition.status == "True" and condition.observed_generation == gallery.metadata.generation
    )


def _condition(gallery: FaceDataset, wanted: ConditionType) -> Condition | None:
    return next((condition for condition in gallery.status.conditions if condition.type == wanted), None)


def _artefact(gallery: FaceDataset, name: str) -> ArtefactStatus | None:
    return next((artefact for artefact in gallery.status.artefacts if artefact.name == name), None)


def _gallery_input(gallery: FaceDataset) -> GalleryInput:
    manifest, faces = _artefact(gallery, MANIFEST_ARTEFACT), _artefact(gallery, FACES_ARTEFACT)
    assert manifest
    assert faces
    output = gallery.spec.output.persistent_volume_claim
    folder = dirname(manifest.path)
    return GalleryInput(
        attempt=folder,
        purpose=gallery.spec.privacy.purpose,
        manifest_digest=manifest.digest,
        faces_digest=faces.digest,
        output_claim=output.claim_name,
        output_path=output.path,
        folder=folder,
    )
