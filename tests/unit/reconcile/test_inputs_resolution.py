"""What a subject refers to is looked up; what is missing is named with its field, the fault of a person first."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from faceledger_operator.api.conditions import RunReason
from faceledger_operator.kube.kinds import FACE_DATASET, LEDGER_BINDING, PERSISTENT_VOLUME_CLAIM, SECRET, Kind
from faceledger_operator.ledger.ledger import Ledgers
from faceledger_operator.ray.pods import SecretItem
from faceledger_operator.reconcile.resolve import Resolver
from faceledger_operator.reconcile.subject import Inputs, Missing, Subject
from memory_api import MemoryApi
from simulated_cluster import SimulatedLedger
from subject_builders import DATASET_SPEC, DIGEST, body, dataset, merged, recognition

READY = {"type": "Ready", "status": "True", "reason": "Ready", "message": "Chain 1337"}
DOWN = {"type": "Ready", "status": "False", "reason": "RPCUnreachable", "message": "the node does not answer"}


def condition(kind: str, status: str = "True", message: str = "", generation: int = 1) -> dict[str, Any]:
    return {
        "type": kind,
        "status": status,
        "reason": "Succeeded",
        "message": message,
        "observedGeneration": generation,
        "lastTransitionTime": "2026-01-02T12:00:00Z",
    }


def gallery(*conditions: dict[str, Any], generation: int = 1) -> dict[str, Any]:
    artefacts = [
        {"name": name, "uri": "ipfs://b", "digest": DIGEST, "path": f"staff-0123456789-1/{name}.enc"}
        for name in ("manifest.jsonl", "faces.tar")
    ]
    made = body("FaceDataset", "staff", DATASET_SPEC, generation=generation, uid="gallery-uid")
    return made | {"status": {"conditions": list(conditions), "artefacts": artefacts, "manifest": artefacts[0]}}


class World:
    """Everything that a FaceDataset and a RecognitionJob refer to; tests take parts away."""

    def __init__(self) -> None:
        self.api, self.ledgers = MemoryApi(), Ledgers()
        self.ledgers.put("demo", "consortium", SimulatedLedger())
        for claim in ("staff-photos", "faceledger", "camera"):
            self.put(PERSISTENT_VOLUME_CLAIM, claim)
        self.put(LEDGER_BINDING, "consortium", status={"conditions": [READY]})
        self.put(SECRET, "staff-data-key", data={"key": base64.b64encode(bytes(32)).decode()})
        self.api.objects["FaceDataset", "demo", "staff"] = gallery(condition("Ready"), condition("Synthesized"))

    def put(self, kind: Kind, name: str, **parts: Any) -> None:
        self.api.objects[kind.kind, "demo", name] = {"metadata": {"name": name, "namespace": "demo"}, **parts}

    def drop(self, kind: Kind, name: str) -> None:
        del self.api.objects[kind.kind, "demo", name]

    async def resolve(self, subject: Subject) -> Inputs | Missing:
        kube: Any = self.api
        return await Resolver(kube, self.ledgers, "workloads:1").resolve(subject)


async def test_a_dataset_with_everything_there_is_fixed_to_it() -> None:
    found = await World().resolve(dataset())
    assert isinstance(found, Inputs)
    assert (found.image, found.chain_id, found.data_key) == ("workloads:1", 1337, SecretItem("staff-data-key", "key"))


async def test_an_image_in_the_spec_is_used() -> None:
    found = await World().resolve(dataset(compute={"image": "mine:2"}))
    assert isinstance(found, Inputs)
    assert found.image == "mine:2"


async def test_a_job_is_fixed_to_its_gallerys_digests_key_and_purpose() -> None:
    found = await World().resolve(recognition())
    assert isinstance(found, Inputs)
    assert found.gallery is not None
    assert (found.gallery.folder, found.gallery.manifest_digest) == ("staff-0123456789-1", DIGEST)
    assert (found.gallery.purpose, found.gallery.output_claim) == ("AccessControl", "faceledger")
    assert found.data_key == SecretItem("staff-data-key", "key")


async def test_a_datasets_own_key_need_not_be_there_yet() -> None:
    world = World()
    world.drop(SECRET, "staff-data-key")
    assert isinstance(await world.resolve(dataset()), Inputs)


KEY_OF_MINE = dataset(privacy={"encryption": {"keySecretRef": {"name": "mine", "key": "k"}}})


@pytest.mark.parametrize(
    ("subject", "kind", "name", "reason", "says"),
    [
        pytest.param(dataset(), LEDGER_BINDING, "consortium", RunReason.LEDGER_NOT_FOUND,
                     "spec.ledgerRef.name: LedgerBinding consortium", id="no LedgerBinding"),
        pytest.param(dataset(), PERSISTENT_VOLUME_CLAIM, "staff-photos", RunReason.CLAIM_NOT_FOUND,
                     "spec.source.persistentVolumeClaim.claimName: PersistentVolumeClaim staff-photos", id="no source"),
        pytest.param(dataset(), PERSISTENT_VOLUME_CLAIM, "faceledger", RunReason.CLAIM_NOT_FOUND, "spec.output",
                     id="no output"),
        pytest.param(recognition(), PERSISTENT_VOLUME_CLAIM, "camera", RunReason.CLAIM_NOT_FOUND, "spec.probes",
                     id="no probes"),
        pytest.param(recognition(), FACE_DATASET, "staff", RunReason.GALLERY_NOT_FOUND,
                     "spec.galleryRef.name: FaceDataset staff", id="no gallery"),
        pytest.param(recognition(), SECRET, "staff-data-key", RunReason.SECRET_NOT_FOUND, "spec.privacy.encryption",
                     id="the gallery's key is gone"),
        pytest.param(recognition(), PERSISTENT_VOLUME_CLAIM, "faceledger", RunReason.CLAIM_NOT_FOUND, "spec.output",
                     id="the gallery's volume is gone"),
    ],
)  # fmt: skip
async def test_what_does_not_exist_is_named_with_its_field(
    subject: Subject, kind: Kind, name: str, reason: RunReason, says: str
) -> None:
    world = World()
    world.drop(kind, name)
    found = await world.resolve(subject)
    assert isinstance(found, Missing)
    assert (found.reason, found.stalled) == (reason, True)
    assert says in found.message


async def test_a_users_secret_without_the_key_is_named() -> None:
    world = World()
    assert "Secret mine does not exist" in (await world.resolve(KEY_OF_MINE)).message  # type: ignore[union-attr]
    world.put(SECRET, "mine", data={"other": "eA=="})
    assert "has no key k" in (await world.resolve(KEY_OF_MINE)).message  # type: ignore[union-attr]


@pytest.mark.parametrize(
    "unready",
    [
        pytest.param(gallery(condition("Ready", "False", "RayJob staff-1 is starting")), id="a gallery under way"),
        pytest.param(gallery(condition("Synthesized", generation=1), generation=2), id="a result of an older spec"),
        pytest.param(gallery(), id="a gallery that nobody looked at"),
        pytest.param(gallery() | {"spec": merged(DATASET_SPEC, {"ledgerRef": 1})}, id="an unreadable gallery"),
    ],
)
async def test_a_gallery_without_its_manifest_is_waited_for(unready: dict[str, Any]) -> None:
    world = World()
    world.api.objects["FaceDataset", "demo", "staff"] = unready
    found = await world.resolve(recognition())
    assert isinstance(found, Missing)
    assert (found.reason, found.stalled) == (RunReason.GALLERY_NOT_READY, False)
    assert "staff" in found.message


async def test_what_a_stalled_gallery_needs_is_told_and_what_a_busy_one_counts_is_not() -> None:
    world = World()
    busy = condition("Ready", "False", "detecting faces: 1 of 2") | {"reason": "Running"}
    world.api.objects["FaceDataset", "demo", "staff"] = gallery(busy)
    assert (await world.resolve(recognition())).message == "waiting for FaceDataset staff: it is Running"  # type: ignore[union-attr]
    world.api.objects["FaceDataset", "demo", "staff"] = gallery(busy, condition("Stalled", message="no image"))
    assert (await world.resolve(recognition())).message == "waiting for FaceDataset staff: no image"  # type: ignore[union-attr]


async def test_a_ledger_that_is_not_ready_is_waited_for_with_its_own_words() -> None:
    world = World()
    world.put(LEDGER_BINDING, "consortium", status={"conditions": [DOWN]})
    found = await world.resolve(dataset())
    assert found == Missing(
        RunReason.LEDGER_NOT_READY, "waiting for LedgerBinding consortium: the node does not answer", stalled=False
    )


async def test_a_ready_ledger_that_this_process_has_not_connected_yet_is_waited_for() -> None:
    world = World()
    world.ledgers.remove("demo", "consortium")
    found = await world.resolve(dataset())
    assert isinstance(found, Missing)
    assert found.reason is RunReason.LEDGER_NOT_READY


async def test_what_a_person_must_create_comes_before_what_needs_time() -> None:
    world = World()
    world.put(LEDGER_BINDING, "consortium", status={"conditions": [DOWN]})
    world.drop(PERSISTENT_VOLUME_CLAIM, "faceledger")
    found = await world.resolve(dataset())
    assert isinstance(found, Missing)
    assert found.reason is RunReason.CLAIM_NOT_FOUND
