"""Stored encodings: a second job over the same gallery encodes nothing, and no bad row is ever used."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from faceledger_contracts.canonical import sha256_digest
from faceledger_workloads.artefacts import write_whole
from faceledger_workloads.embedding.pipeline import chip_pipeline, pipeline_digest
from faceledger_workloads.encodings import EncodingFault, read_encodings, write_encodings
from faceledger_workloads.runreport import EncodingWork, RecognitionSummary
from faceledger_workloads.runspec import DatasetRun, Encoder, RecognitionRun
from faceledger_workloads.sealing import Plain, Sealed
from faceledger_workloads.session import Outcome
from numpy.typing import NDArray
from safetensors.numpy import save

if TYPE_CHECKING:
    from conftest import RunBuilder

CopyPhotos = Callable[[Path, Mapping[int, range]], None]
Perform = Callable[[DatasetRun | RecognitionRun], Outcome]

SEAL = Sealed(bytes(range(32)), "sha256:" + "a" * 64, "AccessControl")
ROWS = {sha256_digest(bytes([i])): np.full(128, i + 0.5, dtype=np.float32) for i in range(3)}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "encodings" / "some.safetensors.enc"


def test_rows_come_back_as_they_went(file: Path) -> None:
    write_encodings(file, SEAL, ROWS)
    stored = read_encodings(file, SEAL)
    assert stored.rows.keys() == ROWS.keys()
    assert all(np.array_equal(stored.rows[digest], row) for digest, row in ROWS.items())
    assert not stored.faults


def test_no_row_is_readable_without_the_key(file: Path) -> None:
    write_encodings(file, SEAL, ROWS)
    content = file.read_bytes()
    assert not any(row.tobytes() in content or bytes.fromhex(digest[7:]) in content for digest, row in ROWS.items())


def test_where_nothing_was_stored_nothing_is_wrong(file: Path) -> None:
    assert read_encodings(file, SEAL) == read_encodings(file.with_name("other"), SEAL)
    assert not read_encodings(file, SEAL).faults


@pytest.mark.parametrize(
    "seal",
    [
        pytest.param(Sealed(SEAL.key, "sha256:" + "b" * 64, SEAL.purpose), id="another pipeline"),
        pytest.param(Sealed(SEAL.key, SEAL.attempt, "Marketing"), id="another purpose"),
        pytest.param(Sealed(bytes(32), SEAL.attempt, SEAL.purpose), id="another key"),
    ],
)
def test_rows_of_another_provenance_are_not_used(seal: Sealed, file: Path) -> None:
    write_encodings(file, SEAL, ROWS)
    stored = read_encodings(file, seal)
    assert (dict(stored.rows), stored.faults) == ({}, Counter([EncodingFault.UNREADABLE]))


@pytest.mark.parametrize("bad", [np.nan, np.inf, 0.0])
def test_a_row_that_has_no_direction_is_not_used(bad: float, file: Path) -> None:
    spoilt = {digest: row.copy() for digest, row in ROWS.items()}
    first = next(iter(spoilt))
    if bad == 0:
        spoilt[first][:] = 0
    else:
        spoilt[first][7] = bad
    write_encodings(file, SEAL, spoilt)
    stored = read_encodings(file, SEAL)
    assert stored.rows.keys() == ROWS.keys() - {first}
    assert stored.faults == Counter([EncodingFault.NOT_FINITE])


def tensors(**overrides: NDArray[np.generic]) -> bytes:
    whole = {"digests": np.zeros((2, 32), dtype=np.uint8), "rows": np.ones((2, 128), dtype=np.float32)}
    return save({**whole, **overrides})


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"no tensors", id="no tensors"),
        pytest.param(b"", id="empty"),
        pytest.param(save({"rows": np.ones((2, 128), dtype=np.float32)}), id="no digests"),
        pytest.param(tensors(rows=np.ones((2, 64), dtype=np.float32)), id="another width"),
        pytest.param(tensors(rows=np.ones((3, 128), dtype=np.float32)), id="more rows than digests"),
        pytest.param(tensors(rows=np.ones((2, 128), dtype=np.float64)), id="another type"),
    ],
)
def test_what_is_no_file_of_encodings_is_not_used(content: bytes, file: Path) -> None:
    write_whole(file, Plain("p"), "encodings.safetensors", [content])
    assert read_encodings(file, Plain("p")).faults == Counter([EncodingFault.UNREADABLE])


class Counting:
    """Runs jobs over one small gallery; `work` of the last one."""

    def __init__(self, builder: RunBuilder, copy_photos: CopyPhotos, perform: Perform) -> None:
        self.builder, self._copy, self._perform = builder, copy_photos, perform
        self._attempt = 0
        copy_photos(builder.root / "photos", {1: range(1, 4), 2: range(1, 4)})
        copy_photos(builder.root / "probes", {1: range(6, 7)})
        self.enrol()

    def enrol(self, **settings: Any) -> None:
        """Makes the gallery from the photos as they are."""
        self._attempt += 1
        run = self.builder.dataset(attempt=f"staff-{self._attempt}", **settings)
        digests = {one.name: one.digest for one in self._perform(run).artefacts}
        self._gallery = {
            "path": str(Path(run.output, run.attempt)),
            "manifestDigest": digests["manifest.jsonl"],
            "facesDigest": digests["faces.tar"],
        }

    def job(self, **overrides: Any) -> tuple[EncodingWork, dict[str, str]]:
        """What the templates took, and the digests of the results."""
        settings = {"probes": {"path": str(self.builder.root / "probes")}, "matching": {"threshold": "0.93"}}
        run = self.builder.recognition(gallery=self._gallery, **settings | overrides)
        outcome = self._perform(run)
        assert isinstance(outcome.summary, RecognitionSummary)
        assert outcome.summary.gallery_encodings is not None
        return outcome.summary.gallery_encodings, {one.name: one.digest for one in outcome.artefacts}

    @property
    def stored(self) -> list[Path]:
        return sorted((self.builder.root / "output" / "encodings").iterdir())


@pytest.fixture
def jobs(run_builder: RunBuilder, copy_photos: CopyPhotos, perform_run: Perform) -> Counting:
    return Counting(run_builder, copy_photos, perform_run)


def test_a_second_job_encodes_nothing_and_finds_the_same(jobs: Counting) -> None:
    first, results = jobs.job()
    again, same_results = jobs.job()
    assert (first, again) == (EncodingWork(encoded=6), EncodingWork(reused=6))
    assert same_results == results


def test_a_second_job_does_not_even_read_the_faces(jobs: Counting) -> None:
    jobs.job()
    (jobs.builder.root / "output" / "staff-1" / "faces.tar.enc").unlink()
    assert jobs.job()[0].reused == 6


def test_only_new_faces_are_encoded_and_what_left_the_gallery_leaves_the_store(
    jobs: Counting, copy_photos: CopyPhotos
) -> None:
    jobs.job()
    copy_photos(jobs.builder.root / "photos", {3: range(1, 3)})
    shutil.rmtree(jobs.builder.root / "photos" / "person-01")
    jobs.enrol()
    assert jobs.job()[0] == EncodingWork(encoded=2, reused=3)
    (file,) = jobs.stored
    assert jobs.job()[0] == EncodingWork(reused=5)
    assert file.stat().st_size < 5 * 700


def test_another_pipeline_never_sees_these_rows(jobs: Counting) -> None:
    jobs.job()
    assert jobs.job(encoder={"precision": "BFloat16"})[0] == EncodingWork(encoded=6)
    assert jobs.job()[0] == EncodingWork(reused=6)
    one, other = jobs.stored
    shutil.copy(one, other)
    work = {job.model_dump_json() for job in (jobs.job()[0], jobs.job(encoder={"precision": "BFloat16"})[0])}
    refused = EncodingWork(encoded=6, discarded={"Unreadable": 1})
    assert work == {EncodingWork(reused=6).model_dump_json(), refused.model_dump_json()}


def test_a_damaged_store_is_said_and_made_anew(jobs: Counting) -> None:
    results = jobs.job()[1]
    (file,) = jobs.stored
    content = bytearray(file.read_bytes())
    content[-40] ^= 1
    file.write_bytes(content)
    assert jobs.job() == (EncodingWork(encoded=6, discarded={"Unreadable": 1}), results)
    assert jobs.job() == (EncodingWork(reused=6), results)


def test_what_a_data_set_encoded_to_screen_it_no_job_encodes_again(jobs: Counting) -> None:
    jobs.enrol(
        synthesis={
            "generator": "StyleGAN2",
            "checkpoint": {"bundled": "faces-64"},
            "faces": 2,
            "truncation": "1.0",
            "seed": 42,
        }
    )
    (file,) = jobs.stored
    seal = Sealed(SEAL.key, pipeline_digest(chip_pipeline(Encoder(), "cpu")), SEAL.purpose)
    by_data_set = read_encodings(file, seal).rows
    assert jobs.job()[0] == EncodingWork(reused=8)
    file.unlink()
    assert jobs.job()[0] == EncodingWork(encoded=8)
    by_job = read_encodings(file, seal).rows
    assert {digest: row.tobytes() for digest, row in by_job.items()} == {
        digest: row.tobytes() for digest, row in by_data_set.items()
    }
