"""The RecognitionJob workload: encode, then identify or verify (algorithm 2 of the paper).

In: a gallery and a folder of probes. Out: results.jsonl, summary.json and a contact sheet, encrypted. Invariant:
every probe has a line, one a face where the run takes several, with a decision or with the reason that there is none.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, assert_never

from faceledger_contracts.canonical import canonical_json
from safetensors.numpy import save

from faceledger_workloads.embedding.rows import joined
from faceledger_workloads.enrolled import Enrolled, open_gallery
from faceledger_workloads.evaluation import EvaluationReport, read_groups, report
from faceledger_workloads.failures import RunFailed
from faceledger_workloads.gallery_encodings import encode_gallery
from faceledger_workloads.hearing import Hearing
from faceledger_workloads.images.source import list_photos
from faceledger_workloads.judge import EncodeJudge, IdentifyJudge, Judge, VerifyJudge
from faceledger_workloads.matching.calibration import determine_threshold
from faceledger_workloads.matching.impostors import gather_impostors
from faceledger_workloads.matching.scores import Scorer, make_scorer
from faceledger_workloads.models import FACE_RESNET
from faceledger_workloads.models_used import models_used
from faceledger_workloads.results import ProbeOutcome
from faceledger_workloads.results_table import parquet_table
from faceledger_workloads.runreport import Calibration, EncodingWork, FailureReason, ModelUsed, RecognitionSummary
from faceledger_workloads.runspec import Gallery, RecognitionRun
from faceledger_workloads.session import Outcome, Session
from faceledger_workloads.shards import PHOTOS, Chain, Pool, cut, matching
from faceledger_workloads.sheets.contact_sheet import draw_sheet
from faceledger_workloads.vault import Vault, read_data_key
from faceledger_workloads.work import WorkerSetup

__all__ = ["PROBE_CHIP_SIZE", "run_recognition"]

PROBE_CHIP_SIZE = 150
"""Pixels: probes are aligned at the network's own size."""


def run_recognition(session: Session, run: RecognitionRun) -> Outcome:
    """The whole workload. Raises `RunFailed`."""
    photos, groups = list_photos(run.probes, "probes"), read_groups(run.probes)
    vault = _gallery_vault(session.vault, run.gallery)
    enrolled = open_gallery(run.gallery, vault.seal(run.gallery.attempt or Path(run.gallery.path).name))
    setup = WorkerSetup(
        source=run.probes,
        search=run.search,
        chip_size=PROBE_CHIP_SIZE,
        encoder=run.encoder,
        threads=max(1, int(run.workers.cpu)),
        device="cuda" if run.workers.gpu else "cpu",
    )
    pool = session.pool(setup)
    try:
        bench = _prepare(session, pool, run, enrolled, vault, setup)
        files = {row.digest for row in enrolled.people}
        hearing = Hearing(bench.scorer, bench.judge, len(photos), run.matching.top_k, groups, files)
        for shard in session.stage(pool, *_stage(pool, bench, hearing), cut(photos), len(photos)):
            hearing.hear(shard)
    finally:
        pool.close()
    return _publish(session, run, bench, hearing)


def _stage(pool: Pool, bench: _Bench, hearing: Hearing) -> tuple[str, Chain]:
    """Whoever encodes a probe searches for it, too, where anybody is to be found."""
    if bench.scorer is None:
        return "encoding probes", PHOTOS
    return "matching probes", matching(pool.share(bench.scorer), hearing.depth)


@dataclass(frozen=True)
class _Bench:
    """What decides: scores, threshold, task."""

    scorer: Scorer | None
    judge: Judge
    people: tuple[str, ...]
    gallery_images: int
    work: EncodingWork
    calibration: Calibration | None
    models: tuple[ModelUsed, ...]


def _prepare(
    session: Session, pool: Pool, run: RecognitionRun, enrolled: Enrolled, vault: Vault, setup: WorkerSetup
) -> _Bench:
    gallery, work = encode_gallery(session, pool, enrolled, vault, run.encoder, setup.device, run.matching.templates)
    matching, people = run.matching, gallery.people
    scorer, calibration, threshold = None, None, 0.0
    if run.task != "Encode":
        session.reporter.progress("calibrating", 0, 1)
        scorer = make_scorer(matching.score, gallery, setup.device)
        impostors = gather_impostors(scorer, matching.impostors == "GalleryAndSynthetic")
        calibration = determine_threshold(matching, impostors, len(gallery.templates), run.gallery.manifest_digest)
        threshold = float(calibration.threshold)
    judge: Judge
    match run.task:
        case "Identify":
            judge = IdentifyJudge(people, threshold, matching.top_k, matching.include_scores)
        case "Verify":
            judge = VerifyJudge(threshold, matching.include_scores)
        case "Encode":
            judge = EncodeJudge()
        case _:
            assert_never(run.task)
    return _Bench(scorer, judge, people, len(gallery.photos), work, calibration, models_used(setup))


def _gallery_vault(own: Vault, gallery: Gallery) -> Vault:
    """The run's, unless the data set has a key of its own."""
    if gallery.data_key_file is None:
        return own
    return replace(own, key=read_data_key(gallery.data_key_file, "gallery.dataKeyFile"))


def _publish(session: Session, run: RecognitionRun, bench: _Bench, hearing: Hearing) -> Outcome:
    if not hearing.tiles:
        message = f"probes.path: no usable face in any of {len(hearing.lines)} files: {hearing.rejected()}"
        raise RunFailed(FailureReason.NO_FACE_FOUND, message)
    session.reporter.progress("publishing results", 0, 1)
    evaluated = _evaluated(bench, hearing)
    summary = _summary(bench, hearing, evaluated)
    root = session.keep_lines("results.jsonl", "results-salts.bin", hearing.lines)
    session.keep("results.parquet", [parquet_table(hearing.lines)])
    session.keep("summary.json", [canonical_json(_told(summary))])
    session.keep("contact-sheet.png", [draw_sheet(hearing.tiles)])
    for name, content in evaluated.files.items() if evaluated else ():
        session.keep(name, [content])
    if run.task == "Encode":
        session.keep("encodings.safetensors", [save({"embeddings": joined(hearing.embeddings)})])
    return Outcome(summary, tuple(session.artefacts), root, FACE_RESNET.digest)


def _told(summary: RecognitionSummary) -> dict[str, Any]:
    """Without what it took to get there, so that the same input gives the same file."""
    return summary.model_dump(mode="json", by_alias=True, exclude_none=True, exclude={"gallery_encodings"})


def _evaluated(bench: _Bench, hearing: Hearing) -> EvaluationReport | None:
    """Where somebody was looked for in photos whose folders name people."""
    trials = hearing.trials.trials()
    if trials is None or bench.calibration is None or not isinstance(bench.judge, IdentifyJudge):
        return None
    return report(trials, hearing.answers, float(bench.calibration.threshold))


def _summary(bench: _Bench, hearing: Hearing, evaluated: EvaluationReport | None) -> RecognitionSummary:
    counts = hearing.outcomes
    return RecognitionSummary(
        probes=len(hearing.lines),
        identified=counts[ProbeOutcome.IDENTIFIED],
        unknown=counts[ProbeOutcome.UNKNOWN],
        matched=counts[ProbeOutcome.MATCH],
        non_matched=counts[ProbeOutcome.NON_MATCH],
        encoded=counts[ProbeOutcome.ENCODED],
        gallery_images=bench.gallery_images,
        gallery_people=len(bench.people),
        rejected=hearing.rejected(),
        gallery_encodings=bench.work,
        calibration=bench.calibration,
        models=bench.models,
        evaluation=evaluated.summary if evaluated else None,
    )
