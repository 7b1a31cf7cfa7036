"""A RecognitionJob over a finished FaceDataset: in this process, and by any number of Ray workers."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from faceledger_contracts.canonical import to_hex
from faceledger_contracts.results import results_root
from faceledger_workloads.artefacts import read_artefact
from faceledger_workloads.failures import RunFailed
from faceledger_workloads.images.decode import decode_image
from faceledger_workloads.images.scale import encode_png
from faceledger_workloads.runreport import FailureReason, RecognitionSummary
from faceledger_workloads.runspec import DatasetRun, RecognitionRun
from faceledger_workloads.sealing import Sealed
from faceledger_workloads.session import Outcome
from safetensors.numpy import load

if TYPE_CHECKING:
    from conftest import RunBuilder

pytestmark = pytest.mark.timeout(300)

CopyPhotos = Callable[[Path, Mapping[int, range]], None]
Perform = Callable[[DatasetRun | RecognitionRun], Outcome]
ENROLLED = range(1, 9)
STRANGERS = range(39, 41)


@dataclass(frozen=True)
class Hall:
    """A finished gallery of eight people with five photos each, and probes of these and of two strangers."""

    builder: RunBuilder
    gallery: Mapping[str, Any]

    def run(self, **overrides: Any) -> RecognitionRun:
        settings: dict[str, Any] = {
            "gallery": self.gallery,
            "probes": {"path": str(self.builder.root / "probes")},
            "matching": {"targetFalseMatchRate": "0.02"},
        }
        return self.builder.recognition(**settings | overrides)


@pytest.fixture(scope="module")
def hall(
    tmp_path_factory: pytest.TempPathFactory,
    make_run_builder: Callable[[Path], RunBuilder],
    copy_photos: CopyPhotos,
    perform_run: Perform,
) -> Hall:
    builder = make_run_builder(tmp_path_factory.mktemp("hall"))
    copy_photos(builder.root / "photos", {person: range(1, 6) for person in ENROLLED})
    copy_photos(builder.root / "probes", {person: range(6, 8) for person in (*ENROLLED, *STRANGERS)})
    (builder.root / "probes" / "wall.png").write_bytes(encode_png(np.zeros((300, 200, 3), dtype=np.uint8)))
    run = builder.dataset()
    digests = {one.name: one.digest for one in perform_run(run).artefacts}
    folder = str(Path(run.output, run.attempt))
    gallery = {"path": folder, "manifestDigest": digests["manifest.jsonl"], "facesDigest": digests["faces.tar"]}
    return Hall(builder, gallery)


@pytest.fixture(scope="module")
def identified(hall: Hall, perform_run: Perform) -> tuple[RecognitionRun, Outcome]:
    """The usual job, done in this process."""
    run = hall.run()
    return run, perform_run(run)


def plaintext(run: RecognitionRun, outcome: Outcome, name: str) -> bytes:
    (artefact,) = (one for one in outcome.artefacts if one.name == name)
    sealed = Sealed(bytes(range(32)), run.attempt, run.purpose)
    return read_artefact(Path(run.output, run.attempt), name, sealed, artefact.digest)


def results(run: RecognitionRun, outcome: Outcome) -> list[dict[str, Any]]:
    return [json.loads(line) for line in plaintext(run, outcome, "results.jsonl").splitlines()]


def summary_of(outcome: Outcome) -> RecognitionSummary:
    assert isinstance(outcome.summary, RecognitionSummary)
    return outcome.summary


def digests(outcome: Outcome) -> dict[str, str]:
    return {one.name: one.digest for one in outcome.artefacts}


def test_enrolled_people_are_identified_and_strangers_stay_unknown(
    hall: Hall, identified: tuple[RecognitionRun, Outcome]
) -> None:
    summary = summary_of(identified[1])
    assert summary.evaluation is not None
    assert summary.calibration is not None
    assert summary.evaluation.rank1 == 1
    assert summary.evaluation.unenrolled_accepted == 0
    assert summary.rejected == {"NoFaceFound": 1}
    assert summary.calibration.impostor_pairs == 40 * 7
    assert summary.calibration.gallery_digest == hall.gallery["manifestDigest"]


def test_every_probe_has_a_line_without_scores(identified: tuple[RecognitionRun, Outcome]) -> None:
    lines, summary = results(*identified), summary_of(identified[1])
    assert len(lines) == summary.probes == 21
    named = [line for line in lines if line["outcome"] == "Identified"]
    assert len(named) == summary.identified
    assert all(line["path"].startswith(line["identity"] + "/") for line in named)
    assert not any("candidates" in line for line in lines)
    assert [line["path"] for line in lines] == sorted(line["path"] for line in lines)


def test_the_results_root_commits_to_each_line(identified: tuple[RecognitionRun, Outcome]) -> None:
    lines = plaintext(*identified, "results.jsonl").splitlines()
    salts = plaintext(*identified, "results-salts.bin")
    each = [salts[start : start + 32] for start in range(0, len(salts), 32)]
    assert to_hex(results_root(lines, each)) == identified[1].results_root


def test_the_contact_sheet_is_a_picture(identified: tuple[RecognitionRun, Outcome]) -> None:
    height, width, _ = decode_image(plaintext(*identified, "contact-sheet.png"), 10**8).shape
    assert (height, width) == (2 * 176 + 8, 15 * 136 + 8)


@pytest.mark.ray
@pytest.mark.parametrize("workers", [1, 3])
def test_results_do_not_depend_on_the_number_of_workers(
    workers: int, hall: Hall, identified: tuple[RecognitionRun, Outcome], perform_on_ray: Perform
) -> None:
    outcome = perform_on_ray(hall.run(workers={"min": 1, "max": workers, "cpu": "1"}))
    assert digests(outcome) == digests(identified[1])
    assert outcome.results_root == identified[1].results_root
    assert summary_of(outcome).calibration == summary_of(identified[1]).calibration


def test_scores_are_given_when_asked_for(hall: Hall, perform_run: Perform) -> None:
    run = hall.run(matching={"threshold": "0.93", "topK": 2, "includeScores": True})
    lines = [line for line in results(run, perform_run(run)) if line["outcome"] != "Rejected"]
    for line in lines:
        first, second = line["candidates"]
        assert first["score"] >= second["score"]
        assert (first["score"] > 0.93) == (line["outcome"] == "Identified")


def test_verification_compares_with_the_claimed_person(hall: Hall, perform_run: Perform) -> None:
    run = hall.run(task="Verify", matching={"threshold": "0.93"})
    outcome = perform_run(run)
    summary = summary_of(outcome)
    strangers = {f"person-{person:02d}" for person in STRANGERS}
    outcomes = {line["path"]: line["outcome"] for line in results(run, outcome)}
    assert {outcomes[path] for path in outcomes if path.partition("/")[0] in strangers} == {"NonMatch"}
    assert summary.matched + summary.non_matched == 20
    assert summary.matched >= 14
    assert summary.evaluation is None


def test_encoding_gives_one_row_a_face(hall: Hall, perform_run: Perform) -> None:
    run = hall.run(task="Encode")
    outcome = perform_run(run)
    embeddings = load(plaintext(run, outcome, "encodings.safetensors"))["embeddings"]
    rows = [line["row"] for line in results(run, outcome) if line["outcome"] == "Encoded"]
    assert rows == list(range(20))
    assert embeddings.shape == (20, 128)
    assert summary_of(outcome).encoded == 20
    assert summary_of(outcome).calibration is None


@pytest.mark.parametrize(
    "overrides",
    [
        pytest.param({"encoder": {"backend": "Dlib"}}, id="dlib itself as the encoder"),
        pytest.param({"matching": {"score": "ASNorm", "targetFalseMatchRate": "0.02"}}, id="normalised scores"),
    ],
)
def test_other_encoders_and_scores_identify_as_well(
    overrides: dict[str, Any], hall: Hall, perform_run: Perform
) -> None:
    evaluation = summary_of(perform_run(hall.run(**overrides))).evaluation
    assert evaluation is not None
    assert evaluation.rank1 == 1
    assert evaluation.unenrolled_accepted <= 1


@pytest.mark.parametrize(
    ("overrides", "reason", "words"),
    [
        pytest.param({"manifestDigest": "sha256:" + "0" * 64}, FailureReason.GALLERY_CHANGED, "manifest.jsonl", id="m"),
        pytest.param({"facesDigest": "sha256:" + "0" * 64}, FailureReason.GALLERY_CHANGED, "faces.tar", id="f"),
        pytest.param({"attempt": "staff-2"}, FailureReason.GALLERY_CHANGED, "associated data", id="another attempt"),
        pytest.param({"path": "/no/such"}, FailureReason.GALLERY_CHANGED, "cannot be read", id="no gallery"),
        pytest.param({"dataKeyFile": "/no/key"}, FailureReason.DATA_KEY_INVALID, "gallery.dataKeyFile", id="no key"),
    ],
)
def test_a_gallery_that_is_not_the_named_one_is_refused(
    overrides: dict[str, Any], reason: FailureReason, words: str, hall: Hall, perform_run: Perform
) -> None:
    with pytest.raises(RunFailed, match=words) as caught:
        # Another precision: its encodings are not stored, so the faces themselves are read.
        perform_run(hall.run(gallery={**hall.gallery, **overrides}, encoder={"precision": "BFloat16"}, task="Encode"))
    assert caught.value.failure.reason is reason


def test_a_gallery_cannot_serve_another_purpose(hall: Hall, perform_run: Perform) -> None:
    with pytest.raises(RunFailed, match="associated data differ"):
        perform_run(hall.run(purpose="Marketing"))


def test_a_small_gallery_cannot_support_a_small_rate(hall: Hall, perform_run: Perform) -> None:
    with pytest.raises(RunFailed, match="needs 3000 comparisons") as caught:
        perform_run(hall.run(matching={}))
    assert caught.value.failure.reason is FailureReason.GALLERY_TOO_SMALL


def test_probes_without_any_face_fail_with_the_counts(hall: Hall, perform_run: Perform, tmp_path: Path) -> None:
    (tmp_path / "wall.png").write_bytes(encode_png(np.zeros((300, 200, 3), dtype=np.uint8)))
    with pytest.raises(RunFailed, match=r"probes.path: no usable face in any of 1 files") as caught:
        perform_run(hall.run(probes={"path": str(tmp_path)}, task="Encode"))
    assert caught.value.failure.reason is FailureReason.NO_FACE_FOUND
