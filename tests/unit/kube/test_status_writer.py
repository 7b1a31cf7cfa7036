"""A status is written where it says something new, and never else."""

from __future__ import annotations

from typing import Any

from faceledger_operator.api.base import CommitmentStatus
from faceledger_operator.api.facedataset import FaceDatasetStatus
from faceledger_operator.kube.kinds import FACE_DATASET
from faceledger_operator.kube.status import as_status, write_status

METADATA = {"name": "staff", "namespace": "demo", "resourceVersion": "7"}
STATUS = FaceDatasetStatus(observed_generation=1, real=2, commitment=CommitmentStatus(state="Pending"))


class StatusApi:
    def __init__(self) -> None:
        self.written: list[tuple[Any, ...]] = []

    async def patch_status(self, *arguments: Any) -> dict[str, Any]:
        self.written.append(arguments)
        return {"metadata": METADATA, "status": arguments[3]}


def test_a_stored_status_has_the_yamls_names_and_no_empty_fields() -> None:
    assert as_status(STATUS) == {
        "observedGeneration": 1,
        "conditions": [],
        "real": 2,
        "rejections": {},
        "artefacts": [],
        "models": [],
        "commitment": {"state": "Pending"},
    }


async def test_a_status_that_is_there_already_is_not_written() -> None:
    api: Any = StatusApi()
    body = {"metadata": METADATA, "status": as_status(STATUS)}
    assert await write_status(api, FACE_DATASET, body, STATUS) is body
    assert api.written == []


async def test_a_new_status_is_written_against_the_version_that_was_read() -> None:
    api: Any = StatusApi()
    body = {"metadata": METADATA, "status": {"observedGeneration": -1}}
    await write_status(api, FACE_DATASET, body, STATUS)
    assert api.written == [(FACE_DATASET, "demo", "staff", as_status(STATUS), "7")]
