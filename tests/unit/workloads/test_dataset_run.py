"""A FaceDataset from photos to encrypted artefacts: in this process, and by Ray workers."""

from __future__ import annotations

import errno
import hashlib
import io
import json
import os
import shutil
import struct
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from faceledger_workloads.artefacts import open_artefact, read_artefact
from faceledger_workloads.chips import read_chips
from faceledger_workloads.embedding.pipeline import chip_pipeline, pipeline_digest
from faceledger_workloads.encodings import read_encodings
from faceledger_workloads.failures import RunFailed
from faceledger_workloads.images.decode import decode_image
from faceledger_workloads.images.scale import encode_png, enlarged
from faceledger_workloads.runreport import DatasetSummary, FailureReason
from faceledger_workloads.runspec import DatasetRun, Encoder
from faceledger_workloads.sealing import Sealed
from faceledger_workloads.session import Outcome
from faceledger_workloads.synthesis.checkpoint import write_checkpoint
from faceledger_workloads.synthesis.config import StyleGAN2Config
from faceledger_workloads.synthesis.stylegan2 import GeneratorNetwork
from faceledger_workloads.vault import Vault, read_data_key
from PIL import Image

if TYPE_CHECKING:
    from conftest import RunBuilder

pytestmark = pytest.mark.timeout(300)

CopyPhotos = Callable[[Path, Mapping[int, range]], None]
Perform = Callable[[DatasetRun], Outcome]
SEALED = Sealed(bytes(range(32)), "staff-1", "AccessControl")


def png_chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


BOMB = (
    b"\x89PNG\r\n\x1a\n"
    + png_chunk(b"IHDR", struct.pack(">IIBBBBB", 30_000, 30_000, 8, 2, 0, 0, 0))
    + png_chunk(b"IDAT", zlib.compress(b""))
)
"""A file of a few bytes that says it has 900 megapixels."""


def add_bad_files(folder: Path, portrait: Path) -> dict[str, str]:
    """File name to the reason that it must be rejected with."""
    folder.mkdir(exist_ok=True)
    pixels = enlarged(decode_image(portrait.read_bytes(), 10**6), 300)[0]
    jpeg = io.BytesIO()
    Image.fromarray(pixels).save(jpeg, "JPEG")
    files = {
        "empty.jpg": (b"", "Empty"),
        "text.jpg": (b"Dear photographer,", "NotAnImage"),
        "cut.jpg": (jpeg.getvalue()[:900], "Unreadable"),
        "bomb.png": (BOMB, "TooManyPixels"),
        "wall.png": (encode_png(np.full((300, 200, 3), 99, dtype=np.uint8)), "NoFaceFound"),
        "pair.png": (encode_png(np.concatenate([pixels, pixels], axis=1)), "SeveralFaces"),
    }
    for name, (data, _) in files.items():
        (folder / name).write_bytes(data)
    return {name: reason for name, (_, reason) in files.items()}


def manifest(run: DatasetRun, outcome: Outcome) -> list[dict[str, Any]]:
    (artefact,) = (one for one in outcome.artefacts if one.name == "manifest.jsonl")
    data = read_artefact(Path(run.output, run.attempt), "manifest.jsonl", SEALED, artefact.digest)
    return [json.loads(line) for line in data.splitlines()]


def test_good_photos_are_kept_and_bad_files_are_named(
    run_builder: RunBuilder, copy_photos: CopyPhotos, orl_photo: Callable[[int, int], Path], perform_run: Perform
) -> None:
    photos = run_builder.root / "photos"
    copy_photos(photos, {person: range(1, 6) for person in range(1, 8)})
    reasons = add_bad_files(photos / "person-03", orl_photo(3, 1))
    run = run_builder.dataset()
    outcome = perform_run(run)
    assert isinstance(outcome.summary, DatasetSummary)
    assert (outcome.summary.real, outcome.summary.synthetic, outcome.summary.identities) == (35, 0, 7)
    assert outcome.summary.rejected == dict.fromkeys(sorted(reasons.values()), 1)
    assert [model.licence for model in outcome.summary.models] == ["CC0-1.0"]
    rows = manifest(run, outcome)
    assert [row["path"] for row in rows] == sorted(row["path"] for row in rows)
    rejected = {row["path"].removeprefix("person-03/"): row["reason"] for row in rows if row["kind"] == "Rejected"}
    assert rejected == reasons
    assert {artefact.name for artefact in outcome.artefacts} == {
        "faces.tar",
        "manifest.jsonl",
        "manifest-salts.bin",
        "contact-sheet.png",
    }


def test_a_file_that_was_there_before_is_left_out_and_told(
    run_builder: RunBuilder, copy_photos: CopyPhotos, perform_run: Perform
) -> None:
    photos = run_builder.root / "photos"
    copy_photos(photos, {1: range(1, 3), 2: range(1, 3)})
    shutil.copy(photos / "person-01" / "01.pgm", photos / "person-01" / "again.pgm")
    shutil.copy(photos / "person-01" / "01.pgm", photos / "person-02" / "stolen.pgm")
    run = run_builder.dataset()
    outcome = perform_run(run)
    rejected = {row["path"]: row["reason"] for row in manifest(run, outcome) if row["kind"] == "Rejected"}
    assert rejected == {"person-01/again.pgm": "DuplicateImage", "person-02/stolen.pgm": "ClaimedTwice"}


def test_the_gate_rejects_or_only_reports(
    run_builder: RunBuilder, copy_photos: CopyPhotos, perform_run: Perform
) -> None:
    copy_photos(run_builder.root / "photos", {1: range(1, 4)})
    gate = {"minClarity": "100000", "minEyeDistance": "1000"}
    run = run_builder.dataset(gate={**gate, "mode": "ReportOnly"})
    rows = manifest(run, perform_run(run))
    assert [row["faults"] for row in rows] == [["FaceTooSmall", "Blurred"]] * 3
    assert all(0 < row["quality"]["clarity"] < 100_000 for row in rows)
    with pytest.raises(RunFailed, match=r"no usable face in any of 3 files: 3 FaceTooSmall") as caught:
        perform_run(run_builder.dataset(gate={**gate, "mode": "Enforce"}))
    assert caught.value.failure.reason is FailureReason.NO_FACE_FOUND


@pytest.mark.parametrize(("faces", "rows"), [("Largest", 1), ("All", 2)])
def test_a_photo_of_two_people_gives_what_the_policy_says(
    faces: str, rows: int, run_builder: RunBuilder, orl_photo: Callable[[int, int], Path], perform_run: Perform
) -> None:
    people = [enlarged(decode_image(orl_photo(person, 1).read_bytes(), 10**6), 300)[0] for person in (3, 4)]
    pair = run_builder.root / "photos" / "two" / "pair.png"
    pair.parent.mkdir()
    pair.write_bytes(encode_png(np.concatenate(people, axis=1)))
    run = run_builder.dataset(search={"faces": faces})
    found = manifest(run, perform_run(run))
    assert [row["path"] for row in found] == ["two/pair.png"] * rows
    assert len({tuple(row["box"]) for row in found}) == len({row["chip"] for row in found}) == rows


def test_every_manifest_row_has_its_chip(
    run_builder: RunBuilder, copy_photos: CopyPhotos, perform_run: Perform
) -> None:
    copy_photos(run_builder.root / "photos", {1: range(1, 3)})
    run = run_builder.dataset(preprocessing={"size": 96})
    outcome = perform_run(run)
    (artefact,) = (one for one in outcome.artefacts if one.name == "faces.tar")
    chips = dict(read_chips(open_artefact(Path(run.output, run.attempt), "faces.tar", SEALED, artefact.digest)))
    assert list(chips) == [row["chip"] for row in manifest(run, outcome)]
    assert {decode_image(chip, 10**6).shape for chip in chips.values()} == {(96, 96, 3)}


@pytest.fixture
def random_checkpoint(tmp_path: Path) -> Path:
    path = tmp_path / "random.safetensors"
    write_checkpoint(path, GeneratorNetwork(StyleGAN2Config(img_resolution=32, channel_max=32)), kimg=0, data="none")
    return path


def synthesis(checkpoint: Mapping[str, str], **overrides: Any) -> dict[str, Any]:
    settings = {"generator": "StyleGAN2", "checkpoint": checkpoint, "faces": 3, "truncation": "0.7", "seed": 42}
    return settings | overrides


def test_an_untrained_generator_is_screened_out_face_by_face(
    run_builder: RunBuilder, copy_photos: CopyPhotos, perform_run: Perform, random_checkpoint: Path
) -> None:
    copy_photos(run_builder.root / "photos", {1: range(1, 3), 2: range(1, 3)})
    sha256 = hashlib.sha256(random_checkpoint.read_bytes()).hexdigest()
    run = run_builder.dataset(synthesis=synthesis({"path": str(random_checkpoint), "sha256": sha256}))
    outcome = perform_run(run)
    assert isinstance(outcome.summary, DatasetSummary)
    assert (outcome.summary.real, outcome.summary.synthetic) == (4, 0)
    assert outcome.summary.screened == {"Undetected": 12}
    screened = [row for row in manifest(run, outcome) if row["kind"] == "Screened"]
    assert [row["index"] for row in screened] == list(range(12))


@pytest.mark.ray
@pytest.mark.parametrize("precision", ["Float32", "BFloat16"])
def test_synthetic_faces_join_the_real_ones_whatever_the_number_of_workers(
    run_builder: RunBuilder, copy_photos: CopyPhotos, perform_run: Perform, perform_on_ray: Perform, precision: str
) -> None:
    copy_photos(run_builder.root / "photos", {1: range(1, 3), 2: range(1, 3)})
    settings = synthesis({"bundled": "faces-64"}, faces=4, variationsPerIdentity=1, truncation="1.0")
    settings |= {"precision": precision}
    one = perform_run(run_builder.dataset(synthesis=settings))
    two = perform_on_ray(run_builder.dataset(synthesis=settings, workers={"min": 1, "max": 2, "cpu": "1"}))
    assert one.summary == two.summary
    assert isinstance(one.summary, DatasetSummary)
    assert one.summary.synthetic == 4
    assert {artefact.name: artefact.digest for artefact in one.artefacts} == {
        artefact.name: artefact.digest for artefact in two.artefacts
    }
    assert one.results_root == two.results_root
    rows = [row for row in manifest(run_builder.dataset(), one) if row["kind"] == "Synthetic"]
    assert [(row["index"], row["variation"]) for row in rows] == sorted(
        (row["index"], row["variation"]) for row in rows
    )
    assert {row["identity"] for row in rows} == {f"synthetic-{row['index']:06d}" for row in rows}
    assert {(row["checkpoint"], row["precision"]) for row in rows} == {(one.model_digest, precision)}


def test_a_translating_generator_is_trained_and_varies_the_people_of_the_data_set(
    run_builder: RunBuilder, copy_photos: CopyPhotos, perform_run: Perform
) -> None:
    photos, others = run_builder.root / "photos", run_builder.root / "others"
    copy_photos(photos, {1: range(1, 3), 2: range(1, 3)})
    copy_photos(others, {person: range(1, 8) for person in range(10, 20)})
    train = {"kimg": "0.016", "checkpointEvery": "0.008", "resolution": 64, "channels": 16, "batch": 2}
    settings = {"generator": "CycleGAN", "train": train | {"images": {"path": str(others)}}, "faces": 0}
    run = run_builder.dataset(synthesis=settings | {"variationsPerIdentity": 1, "truncation": "1.0", "seed": 3})
    outcome = perform_run(run)
    assert isinstance(outcome.summary, DatasetSummary)
    assert outcome.summary.training is not None
    assert outcome.summary.training.images >= 64
    assert outcome.summary.real == 4
    assert outcome.summary.synthetic + sum(outcome.summary.screened.values()) == 4
    rows = [row for row in manifest(run, outcome) if row["kind"] in {"Synthetic", "Screened"}]
    assert [(row["made"], row["index"], row["variation"]) for row in rows] == [
        ("Translated", number, 1) for number in range(4)
    ]
    names = {artefact.name for artefact in outcome.artefacts}
    assert names >= {"generator.safetensors", "training-curves.png", "training.tfevents", "quality.html"}


def stored_digests(run: DatasetRun) -> set[str]:
    """Chips whose encodings the run left for the jobs over its gallery."""
    assert run.synthesis is not None
    pipeline = pipeline_digest(chip_pipeline(Encoder(precision=run.synthesis.precision), "cpu"))
    vault = Vault(Path(run.output), read_data_key(run.data_key_file, "dataKeyFile"), run.purpose)
    return set(read_encodings(*vault.encodings(pipeline)).rows)


def test_enrolled_people_are_varied_beside_new_ones_and_stay_themselves(
    run_builder: RunBuilder, copy_photos: CopyPhotos, perform_run: Perform
) -> None:
    copy_photos(run_builder.root / "photos", {1: range(1, 3), 2: range(1, 3)})
    settings = synthesis({"bundled": "faces-64"}, faces=1, enrolledVariations=2)
    run = run_builder.dataset(synthesis=settings)
    outcome = perform_run(run)
    rows = manifest(run, outcome)
    assert isinstance(outcome.summary, DatasetSummary)
    real = [row["identity"] for row in rows if row["kind"] == "Real"]
    varied = [row for row in rows if row["kind"] in {"Synthetic", "Screened"} and row["made"] == "Augmented"]
    assert [(row["index"], row["variation"]) for row in varied] == [(n, k) for n in range(4) for k in (1, 2)]
    kept = [row for row in varied if row["kind"] == "Synthetic"]
    assert len(kept) >= 4
    assert all(row["identity"] == real[row["index"]] and row["checkpoint"] is None for row in kept)
    chips = {row["chip"]: row["chipDigest"] for row in rows if "chip" in row}
    assert len(chips) == len(set(chips.values())) == outcome.summary.images
    # A gallery enrols no variation, so nothing of one may be stored for it.
    assert stored_digests(run) == set(chips.values()) - {row["chipDigest"] for row in kept}


def test_no_faces_can_be_asked_for(run_builder: RunBuilder, copy_photos: CopyPhotos, perform_run: Perform) -> None:
    copy_photos(run_builder.root / "photos", {1: range(1, 2)})
    run = run_builder.dataset(synthesis=synthesis({"bundled": "faces-64"}, faces=0))
    outcome = perform_run(run)
    assert isinstance(outcome.summary, DatasetSummary)
    assert (outcome.summary.real, outcome.summary.synthetic, outcome.summary.screened) == (1, 0, {})
    assert [row["kind"] for row in manifest(run, outcome)] == ["Real"]


def test_a_full_disk_is_named_and_nothing_half_written_is_left(
    run_builder: RunBuilder, copy_photos: CopyPhotos, perform_run: Perform, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy_photos(run_builder.root / "photos", {1: range(1, 2)})
    run = run_builder.dataset()

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(RunFailed, match=r"output: .+: No space left") as failed:
        perform_run(run)
    assert failed.value.failure.reason is FailureReason.OUTPUT_FULL
    assert [path for path in Path(run.output).rglob("*") if path.is_file()] == []


@pytest.mark.parametrize(
    ("overrides", "reason", "words"),
    [
        pytest.param(
            {"synthesis": synthesis({"bundled": "faces-64"}, generator="ProGAN")},
            FailureReason.GENERATOR_UNSUPPORTED,
            "synthesis.generator is ProGAN, and the checkpoint holds a StyleGAN2",
            id="a checkpoint of another kind of generator",
        ),
        pytest.param(
            {"synthesis": "random checkpoint with a wrong digest"},
            FailureReason.CHECKPOINT_DIGEST_MISMATCH,
            "synthesis.checkpoint",
            id="a checkpoint with another digest",
        ),
        pytest.param(
            {"source": {"path": "/no/such/folder"}}, FailureReason.SOURCE_EMPTY, "source.path", id="no source"
        ),
        pytest.param({"dataKeyFile": "/no/such/key"}, FailureReason.DATA_KEY_INVALID, "dataKeyFile", id="no key"),
    ],
)
def test_what_a_person_must_mend_names_the_field(
    overrides: dict[str, Any],
    reason: FailureReason,
    words: str,
    run_builder: RunBuilder,
    copy_photos: CopyPhotos,
    perform_run: Perform,
    random_checkpoint: Path,
) -> None:
    copy_photos(run_builder.root / "photos", {1: range(1, 2)})
    if isinstance(overrides.get("synthesis"), str):
        overrides = {"synthesis": synthesis({"path": str(random_checkpoint), "sha256": "0" * 64})}
    with pytest.raises(RunFailed) as caught:
        perform_run(run_builder.dataset(**overrides))
    assert caught.value.failure.reason is reason
    assert words in caught.value.failure.message
    assert not caught.value.failure.retryable


def test_a_source_without_any_face_fails_with_the_counts(run_builder: RunBuilder, perform_run: Perform) -> None:
    folder = run_builder.root / "photos" / "ada"
    folder.mkdir()
    (folder / "1.png").write_bytes(encode_png(np.zeros((300, 300, 3), dtype=np.uint8)))
    (folder / "2.txt").write_text("no photo")
    with pytest.raises(RunFailed) as caught:
        perform_run(run_builder.dataset())
    assert caught.value.failure.reason is FailureReason.NO_FACE_FOUND
    assert caught.value.failure.message == (
        "source.path: no usable face in any of 2 files: 1 NoFaceFound, 1 NotAnImage"
    )
    assert "ada" not in caught.value.failure.message
