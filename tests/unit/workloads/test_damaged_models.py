"""A worker whose model files are not the published ones does not begin."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest
from faceledger_workloads import models
from faceledger_workloads.failures import RunFailed
from faceledger_workloads.models import FACE_RESNET, FIVE_POINTS, MMOD, ModelFile
from faceledger_workloads.runreport import FailureReason
from faceledger_workloads.runspec import Encoder, FaceSearch, Images
from faceledger_workloads.work import WorkerSetup
from faceledger_workloads.worker import FaceWorker


@pytest.mark.parametrize("damaged", [FACE_RESNET, FIVE_POINTS, MMOD], ids=lambda model: model.name)
def test_a_corrupted_model_file_ends_the_run_naming_it(
    damaged: ModelFile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "models").mkdir()
    for model in (FACE_RESNET, FIVE_POINTS, MMOD):
        (tmp_path / "models" / model.name).symlink_to(model.path())
    data = bytearray(damaged.read())
    data[len(data) // 2] ^= 1
    (tmp_path / "models" / damaged.name).unlink()
    (tmp_path / "models" / damaged.name).write_bytes(data)
    monkeypatch.setattr(models, "find_spec", lambda _: SimpleNamespace(submodule_search_locations=[str(tmp_path)]))
    monkeypatch.setattr(models, "_checked", models._checked.__wrapped__)
    setup = WorkerSetup(Images(path="."), 150, Encoder(), 1, "cpu", FaceSearch(detector="Mmod"))
    with pytest.raises(RunFailed, match=f"{damaged.name}: sha256 is") as caught:
        FaceWorker(setup).ready()
    assert caught.value.failure.reason is FailureReason.INFRASTRUCTURE_FAILED
