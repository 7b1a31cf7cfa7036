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
from faceledger_workloads.artefacts import LocalContent
from faceledger_workloads.clock import SystemClock
from faceledger_workloads.driver import perform
from faceledger_workloads.own_process import OwnProcess
from faceledger_workloads.report import Reporter, run_key_signer
from faceledger_workloads.run import actors
from faceledger_workloads.runspec import DatasetRun, RecognitionRun, parse_run_spec
from faceledger_workloads.session import Outcome, PoolMaker
from faceledger_workloads.vault import Vault, read_data_key
from faceledger_workloads.worker import FaceWorker

CONTRACT = "0x" + "1f" * 20
PRIVATE_KEY = "0x" + "42" * 32
DATA_KEY = bytes(range(32))

OrlPhoto = Callable[[int, int], Path]


@pytest.fixture(scope="session")
def local_ray() -> Iterator[None]:
    """Ray with room for three workers of one CPU: they wait for the two cores, not for each other."""
    os.environ["RAY_AUTH_MODE"] = "disabled"
    # 15, which is usual, would put the workers behind everything else that runs here.
    os.environ["RAY_worker_niceness"] = "0"  # noqa: SIM112 - Ray spells it so
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
    return make_reporter(mailbox, clock)


def make_reporter(mailbox: Mailbox, clock: FakeClock) -> Reporter:
    return Reporter("staff-1", run_key_signer(PRIVATE_KEY, "staff-1", Domain(1337, CONTRACT)), mailbox, clock)


@pytest.fixture(scope="session")
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
            "ipfsApis": [],
            "imageDigest": "sha256:" + "0" * 64,
            "reportConfigMap": "report",
            "runKeyFile": str(self.root / "run.key"),
            "dataKeyFile": str(self.root / "data.key"),
            "output": str(self.root / "output"),
            "workers": {"min": 1, "max": 1, "cpu": "1"},
        }


@pytest.fixture(scope="session")
def make_run_builder() -> Callable[[Path], RunBuilder]:
    """Lays the keys and an empty folder `photos` into a folder."""

    def make(root: Path) -> RunBuilder:
        (root / "run.key").write_text(PRIVATE_KEY)
        (root / "data.key").write_bytes(DATA_KEY)
        (root / "photos").mkdir()
        return RunBuilder(root)

    return make


@pytest.fixture
def run_builder(make_run_builder: Callable[[Path], RunBuilder], tmp_path: Path) -> RunBuilder:
    return make_run_builder(tmp_path)


@pytest.fixture(scope="session")
def perform_run() -> Callable[[DatasetRun | RecognitionRun], Outcome]:
    """Performs a run in this process, without an IPFS node; its reports go nowhere."""
    return lambda run: _perform(run, lambda setup, _: OwnProcess(FaceWorker(setup)))


@pytest.fixture(scope="session")
def perform_on_ray(local_ray: None) -> Callable[[DatasetRun | RecognitionRun], Outcome]:
    """The same by as many Ray actors as the run asks for."""
    return lambda run: _perform(run, actors(run.workers))


def _perform(run: DatasetRun | RecognitionRun, make_pool: PoolMaker) -> Outcome:
    vault = Vault(Path(run.output), read_data_key(run.data_key_file, "dataKeyFile"), run.purpose)
    return perform(run, vault, make_reporter(Mailbox(), FakeClock()), LocalContent(), SystemClock(), make_pool)
