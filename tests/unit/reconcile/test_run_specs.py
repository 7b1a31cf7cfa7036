"""What a run is asked to do: the spec's own words, the paths as the pod sees them, the digests that were found."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from faceledger_operator.api.conditions import ConditionType
from faceledger_operator.api.facedataset import TrainingStatus
from faceledger_operator.ray.pods import ClaimMount, SecretItem
from faceledger_operator.reconcile.children import run_config_map
from faceledger_operator.reconcile.subject import SecretReference
from faceledger_workloads.runreport import (
    Calibration,
    DatasetSummary,
    EncodingWork,
    Evaluation,
    ModelUsed,
    TrainingSummary,
)
from faceledger_workloads.runspec import (
    EnrolmentGate,
    FaceSearch,
    FacesPolicy,
    Images,
    Matching,
    Templates,
    Training,
    parse_run_spec,
)
from subject_builders import DIGEST, GALLERY, INPUTS, MANIFEST, SUMMARY, dataset, recognition, recognition_success

RECOGNITION_INPUTS = replace(INPUTS, gallery=GALLERY)


def test_a_run_spec_survives_its_config_map() -> None:
    for subject, inputs in ((dataset(), INPUTS), (recognition(), RECOGNITION_INPUTS)):
        run = subject.run(inputs, "attempt-1")
        stored = run_config_map(subject, run)
        assert stored["immutable"]
        assert parse_run_spec(stored["data"]["run.json"]) == run


def test_a_dataset_run_sees_its_folders_below_the_mounts() -> None:
    run = dataset(synthesis={"checkpoint": {"bundled": "faces-64"}, "faces": 4, "seed": 42}).run(INPUTS, "attempt-1")
    fast = dataset(synthesis={"checkpoint": {"bundled": "faces-64"}, "faces": 4, "precision": "BFloat16"})
    assert [one.synthesis and one.synthesis.precision for one in (run, fast.run(INPUTS, "attempt-1"))] == [
        "Float32",
        "BFloat16",
    ]
    assert run.source.path == "/data/source/2026"
    assert run.output == "/data/output/results"
    assert run.synthesis is not None
    assert (run.synthesis.faces, run.synthesis.seed, str(run.synthesis.truncation)) == (4, 42, "0.7")
    assert run.report_config_map == "attempt-1-report"
    assert (run.purpose, run.chain_id, run.image_digest) == ("AccessControl", 1337, "faceledger/workloads:1")


def test_a_checkpoint_file_is_mounted_for_reading() -> None:
    file = {"claimName": "weights", "path": "/g.safetensors"}
    subject = dataset(synthesis={"checkpoint": {"file": file, "sha256": "ab" * 32}, "faces": 4})
    run = subject.run(INPUTS, "attempt-1")
    assert run.synthesis is not None
    assert run.synthesis.checkpoint is not None
    assert run.synthesis.checkpoint.path == "/data/checkpoint/g.safetensors"
    assert ClaimMount("weights", "/data/checkpoint", read_only=True) in subject.mounts(INPUTS)
    assert [claim.name for claim in subject.references.claims] == ["staff-photos", "faceledger", "weights"]


def test_a_generator_that_is_trained_sees_its_images_below_their_mount() -> None:
    train = {
        "images": {"persistentVolumeClaim": {"claimName": "portraits", "path": "/small"}, "layout": "Flat"},
        "kimg": 500,
        "learningRate": "0.002",
        "checkpointEvery": 8,
    }
    subject = dataset(synthesis={"generator": "MGAN", "train": train, "faces": 4})
    run = subject.run(INPUTS, "attempt-1")
    assert run.synthesis is not None
    assert run.synthesis.checkpoint is None
    images = Images(path="/data/training/small", layout="Flat")
    assert run.synthesis.train == Training(
        images=images, kimg=Decimal(500), learning_rate=Decimal("0.002"), checkpoint_every=Decimal(8)
    )
    assert ClaimMount("portraits", "/data/training", read_only=True) in subject.mounts(INPUTS)
    assert [claim.name for claim in subject.references.claims] == ["staff-photos", "faceledger", "portraits"]


def test_how_a_generator_was_trained_goes_into_the_status() -> None:
    subject = dataset()
    training = TrainingSummary(kimg=Decimal(500), images=900, frechet_distance=Decimal("0.21"))
    summary = DatasetSummary(images=3, real=1, synthetic=2, identities=1, training=training)
    status = subject.with_result(subject.status, summary, ())
    assert status.training == TrainingStatus(kimg="500", images=900, frechet_distance="0.21")


def test_a_recognition_run_reads_its_gallery_where_the_dataset_wrote_it() -> None:
    subject = recognition(matching={"threshold": "0.93", "topK": 7})
    run = subject.run(RECOGNITION_INPUTS, "attempt-1")
    assert run.gallery.path == "/data/output/results/staff-0123456789-1"
    assert (run.gallery.manifest_digest, run.gallery.faces_digest) == (DIGEST, GALLERY.faces_digest)
    assert run.purpose == GALLERY.purpose
    assert (str(run.matching.threshold), run.matching.top_k) == ("0.93", 7)
    assert subject.mounts(RECOGNITION_INPUTS)[1] == ClaimMount("faceledger", "/data/output", read_only=False)


def test_how_faces_are_looked_for_and_enrolled_goes_into_the_run() -> None:
    search = {"detector": "Hog", "faces": "All", "rotations": False}
    run = dataset(search=search, gate={"mode": "ReportOnly", "minEyeDistance": "24"}).run(INPUTS, "attempt-1")
    assert run.search == FaceSearch(detector="Hog", faces=FacesPolicy.ALL, rotations=False)
    assert run.gate == EnrolmentGate(mode="ReportOnly", min_eye_distance=Decimal(24))


def test_a_spec_that_says_nothing_of_faces_means_the_runs_own_defaults() -> None:
    enrolled = dataset().run(INPUTS, "attempt-1")
    recognised = recognition().run(RECOGNITION_INPUTS, "attempt-1")
    assert (enrolled.search, enrolled.gate) == (FaceSearch(), EnrolmentGate())
    assert (recognised.search, recognised.matching) == (FaceSearch(), Matching())


def test_how_people_are_matched_goes_into_the_run() -> None:
    matching = {
        "templates": "Mean",
        "targetFalsePositiveIdentificationRate": "0.01",
        "impostors": "GalleryAndSynthetic",
    }
    run = recognition(matching=matching, labels="labels.csv", search={"faces": "Largest"}).run(
        RECOGNITION_INPUTS, "a-1"
    )
    assert run.matching == Matching(
        templates=Templates.MEAN,
        target_false_positive_identification_rate=Decimal("0.01"),
        impostors="GalleryAndSynthetic",
    )
    assert run.probes.labels == "labels.csv"
    assert run.search.faces is FacesPolicy.LARGEST


def test_a_result_tells_its_models_and_what_its_templates_took() -> None:
    model = ModelUsed(name="some.dat", source="somewhere", licence="CC0-1.0", sha256="ab" * 32)
    subject = recognition()
    summary = recognition_success(
        models=(model,), gallery_encodings=EncodingWork(encoded=1, reused=199, discarded={"NotFinite": 1})
    )
    status = subject.with_result(subject.status, summary, ())
    assert [(shown.name, shown.licence) for shown in status.models] == [("some.dat", "CC0-1.0")]
    assert status.gallery_encodings is not None
    assert (status.gallery_encodings.encoded, status.gallery_encodings.reused) == (1, 199)
    enrolled = dataset()
    told = enrolled.with_result(enrolled.status, SUMMARY.model_copy(update={"models": (model,)}), (MANIFEST,))
    assert [shown.sha256 for shown in told.models] == ["ab" * 32]


def test_a_data_key_is_the_users_or_one_of_our_own() -> None:
    ours = dataset().references
    theirs = dataset(privacy={"encryption": {"keySecretRef": {"name": "mine", "key": "k"}}}).references
    assert (ours.data_key, ours.own_key) == (None, SecretItem("staff-data-key", "key"))
    assert theirs.own_key is None
    assert theirs.data_key == SecretReference("spec.privacy.encryption.keySecretRef", SecretItem("mine", "k"))


def test_a_datasets_result_is_counted_and_told() -> None:
    subject = dataset()
    summary = DatasetSummary(**{**SUMMARY.model_dump(), "screened": {"Duplicate": 2, "NoFaceFound": 1}})
    status = subject.with_result(subject.status, summary, (MANIFEST,))
    assert (status.real, status.synthetic, status.identities) == (200, 400, 40)
    assert (status.rejected, status.rejections) == (6, {"NoFaceFound": 4, "Duplicate": 2})
    assert status.manifest is not None
    assert status.manifest.uri == f"ipfs://{MANIFEST.cid}"
    assert subject.result_message(status) == "600 images, manifest bafkreiby44j…"


def test_a_recognitions_result_is_counted_and_told() -> None:
    evaluation = Evaluation(
        enrolled_probes=150, rank1="0.98", correctly_identified=147, unenrolled_probes=50, unenrolled_accepted=1
    )
    calibration = Calibration(
        threshold="0.93",
        source="GalleryImpostors",
        measured_false_match_rate="0.0009",
        false_match_rate_low="0.0005",
        false_match_rate_high="0.0015",
        impostor_pairs=14_900,
        gallery_digest=DIGEST,
    )
    subject = recognition()
    summary = recognition_success(evaluation=evaluation, calibration=calibration, rejected={"NoFace": 2})
    status = subject.with_result(subject.status, summary, ())
    assert (status.probes, status.identified, status.unknown, status.rejected) == (200, 197, 3, 2)
    assert (status.rank1, status.unenrolled_probes, status.unenrolled_accepted) == ("0.98", 50, 1)
    assert status.calibration is not None
    assert (status.calibration.threshold, status.calibration.interval95) == ("0.93", "0.0005 - 0.0015")
    assert subject.result_message(status) == "197 identified, 3 unknown"


def test_each_task_tells_its_own_result() -> None:
    verify, encode = recognition(task="Verify"), recognition(task="Encode")
    verified = verify.with_result(
        verify.status, recognition_success(identified=0, unknown=0, matched=9, non_matched=1), ()
    )
    encoded = encode.with_result(encode.status, recognition_success(probes=10, rejected={"NoFace": 1}), ())
    assert verify.result_message(verified) == "9 are whom their folder names, 1 are not"
    assert encode.result_message(encoded) == "9 encoded"
    assert encode.milestones == (ConditionType.ENCODED,)
    assert verify.milestones == (ConditionType.ENCODED, ConditionType.MATCHED)
