"""Ray on this machine, demo folders, run specs and the edges of a run."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import ray

from faceledger_contracts.eip712 import Domain
from faceledger_workloads.report import Reporter, run_key_signer
from faceledger_workloads.runspec import DatasetRun, RecognitionRun, parse_run_spec

CONTRACT = "0x" + "1f" * 20
PRIVATE_KEY = "0x" + "42" * 32
DATA_KEY = bytes(range(32))

OrlPhoto = Callable[[int, int], Path]


@pytest.fixture(scope="session")
def local_ray() -> Iterator[None]:
    """Ray with room for three workers of one CPU: they wait for the two cores, not for each other."""
    os.environ["RAY_AUTH_MODE"] = "disabled"
    ray.init(num_cpus=3, include_dashboard=False, log_to_driver=False, object_store_memory=200 * 1024**2)
    yield
    ray.shutdown()


@dataclass
class FakeClock:
    """Time that passes when somebody sleeps, and `step` seconds at each look."""

    time: float = 1000.0
    step: float = 0.0
    sleeps: list[float] = field(default_factory=list)

    def now(self) -> float:
        self.time += self.step
        return self.time

    def sleep(self, seconds: float) -> None:
        self.sleeps.append(seconds)
        self.time += seconds


@dataclass
class Mailbox:
    """A report sink that keeps what it is given, and fails as often as it is told to."""

    values: list[Mapping[str, str]] = field(default_factory=list)
    failures: list[Exception] = field(default_factory=list)

    def write(self, values: Mapping[str, str], deadline_s: float) -> None:
        if self.failures:
            raise self.failures.pop(0)
        self.values.append(values)

    @property
    def reports(self) -> list[dict[str, Any]]:
        return [json.loads(values["report.json"]) for values in self.values]


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def mailbox() -> Mailbox:
    return Mailbox()


@pytest.fixture
def reporter(mailbox: Mailbox, clock: FakeClock) -> Reporter:
    return Reporter("staff-1", run_key_signer(PRIVATE_KEY, "staff-1", Domain(1337, CONTRACT)), mailbox, clock)


@pytest.fixture
def copy_photos(orl_photo: OrlPhoto) -> Callable[[Path, Mapping[int, range]], None]:
    """Fills a folder: {person: photos} become person-NN/NN.pgm."""

    def copy(root: Path, people: Mapping[int, range]) -> None:
        for person, photos in people.items():
            folder = root / f"person-{person:02d}"
            folder.mkdir(parents=True, exist_ok=True)
            for photo in photos:
                shutil.copy(orl_photo(person, photo), folder / f"{photo:02d}.pgm")

    return copy


@dataclass(frozen=True)
class RunBuilder:
    """Makes run specs whose files lie under `root`."""

    root: Path

    def dataset(self, **overrides: Any) -> DatasetRun:
        run = parse_run_spec(json.dumps(self._common("FaceDataset", "staff-1") | self._dataset() | overrides))
        assert isinstance(run, DatasetRun)
        return run

    def recognition(self, **overrides: Any) -> RecognitionRun:
        run = parse_run_spec(json.dumps(self._common("RecognitionJob", "door-1") | overrides))
        assert isinstance(run, RecognitionRun)
        return run

    def _dataset(self) -> dict[str, Any]:
        return {"source": {"path": str(self.root / "photos")}, "preprocessing": {"size": 128}}

    def _common(self, kind: str, attempt: str) -> dict[str, Any]:
        return {
            "kind": kind,
            "attempt": attempt,
            "subject": {"kind": kind, "namespace": "demo", "name": "one", "uid": f"uid-{kind}", "generation": 1},
            "purpose": "AccessControl",
            "chainId": 1337,
            "contract": CONTRACT,
            "ipfsApi": "",
            "imageDigest": "sha256:" + "0" * 64,
            "reportConfigMap": "report",
            "runKeyFile": str(self.root / "run.key"),
            "dataKeyFile": str(self.root / "data.key"),
            "output": str(self.root / "output"),
            "workers": {"min": 1, "max": 2, "cpu": "1"},
        }


@pytest.fixture
def run_builder(tmp_path: Path) -> RunBuilder:
    (tmp_path / "run.key").write_text(PRIVATE_KEY)
    (tmp_path / "data.key").write_bytes(DATA_KEY)
    (tmp_path / "photos").mkdir()
    return RunBuilder(tmp_path)
