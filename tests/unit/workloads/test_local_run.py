"""FaceLedger on a laptop: two run files, no cluster, no keys, no ledger."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import ray
import structlog
from faceledger_workloads.__main__ import main

EXAMPLES = Path(__file__).resolve().parents[3] / "examples" / "local"

CopyPhotos = Callable[[Path, Mapping[int, range]], None]


@pytest.fixture(autouse=True)
def own_logging() -> Iterator[None]:
    """The command logs to this test's standard error, which ends with it."""
    yield
    structlog.reset_defaults()


@pytest.fixture
def desk(tmp_path: Path, copy_photos: CopyPhotos) -> Path:
    """A folder with the examples' run files and the photos that they speak of."""
    for file in EXAMPLES.glob("*.json"):
        shutil.copy(file, tmp_path)
    copy_photos(tmp_path / "photos" / "staff", {person: range(1, 6) for person in range(1, 7)})
    copy_photos(tmp_path / "photos" / "camera", {person: range(6, 8) for person in (1, 2, 3, 39, 40)})
    return tmp_path


def overwrite(file: Path, **fields: Any) -> None:
    file.write_text(json.dumps(json.loads(file.read_text()) | fields))


def run(desk: Path, work: str) -> int:
    return main([work, "--run", str(desk / f"{work}.json")])


def test_the_examples_enrol_and_recognise(desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(desk, "dataset") == 0
    assert json.loads(capsys.readouterr().out)["real"] == 30
    assert run(desk, "recognize") == 0
    told = capsys.readouterr()
    assert json.loads(told.out)["evaluation"]["rank1"] == "1.0000"
    assert "encoding gallery: 0 of 30" in told.err
    lines = [json.loads(line) for line in (desk / "results/front-door/results.jsonl").read_text().splitlines()]
    assert [line["path"] for line in lines] == sorted(line["path"] for line in lines)
    assert {line["identity"] for line in lines if line["outcome"] == "Identified"} <= {
        f"person-{person:02d}" for person in range(1, 4)
    }


def test_results_are_encrypted_with_a_key_and_then_need_it(desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (desk / "key").write_bytes(bytes(range(32)))
    for work in ("dataset", "recognize"):
        overwrite(desk / f"{work}.json", dataKeyFile="key")
        assert run(desk, work) == 0
    left = [file for file in (desk / "results").rglob("*") if file.is_file() and file.name != "report.json"]
    assert left
    assert {file.suffix for file in left} == {".enc"}
    overwrite(desk / "recognize.json", dataKeyFile=None)
    assert run(desk, "recognize") == 1
    assert "manifest.jsonl cannot be read" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("fields", "status", "words"),
    [
        pytest.param({"gallery": {"path": "nowhere"}}, 1, "gallery.path nowhere", id="no gallery"),
        pytest.param({"probes": {"path": "nowhere"}}, 1, "probes.path", id="no probes"),
        pytest.param({"dataKeyFile": "nowhere"}, 1, "dataKeyFile", id="no key"),
        pytest.param({"workers": -1}, 2, "workers", id="fewer than no workers"),
        pytest.param({"chainId": 1}, 2, "chainId", id="a field that there is not"),
        pytest.param({"kind": "FaceDataset"}, 2, "source", id="another kind"),
    ],
)
def test_what_is_wrong_is_named(
    fields: dict[str, Any], status: int, words: str, desk: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(desk, "dataset") == 0
    overwrite(desk / "recognize.json", **fields)
    assert run(desk, "recognize") == status
    assert words in capsys.readouterr().err


def test_a_ray_that_does_not_start_is_reported(desk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(**settings: object) -> None:
        raise ConnectionError

    monkeypatch.setattr(ray, "init", broken)
    overwrite(desk / "dataset.json", workers=1)
    assert run(desk, "dataset") == 1
    (report,) = (desk / "results").rglob("report.json")
    assert json.loads(report.read_text())["failure"]["reason"] == "InfrastructureFailed"


def test_a_run_file_is_for_its_own_work(desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["recognize", "--run", str(desk / "dataset.json")]) == 2
    assert "kind" in capsys.readouterr().err
    assert main(["dataset", "--run", str(desk / "absent.json")]) == 2
