"""Judges probes shard by shard, and keeps of each one what the results, the contact sheet and the evaluation need.

In: shards of encoded probes. Out: result lines in order, tiles, judged probes, embeddings. Invariant: a photo without
a usable face is a line, too.
"""

from __future__ import annotations

from collections import Counter

from faceledger_workloads.embedding.rows import Embeddings
from faceledger_workloads.face import Face, Unfit
from faceledger_workloads.images.source import Photo
from faceledger_workloads.judge import Judge, Verdict
from faceledger_workloads.matching.evaluation import JudgedProbe
from faceledger_workloads.matching.scores import Scorer
from faceledger_workloads.results import ProbeOutcome, ResultLine
from faceledger_workloads.sheets.contact_sheet import MAX_TILES, Tile
from faceledger_workloads.work import Encoded

__all__ = ["Hearing"]


class Hearing:
    """Of all probes of a run."""

    def __init__(self, scorer: Scorer, judge: Judge) -> None:
        self.lines: list[ResultLine] = []
        self.tiles: list[Tile] = []
        self.judged: list[JudgedProbe] = []
        self.embeddings: list[Embeddings] = []
        self._scorer = scorer
        self._judge = judge
        self._faces = 0

    def hear(self, shard: Encoded) -> None:
        """One shard's probes, in order."""
        scores = iter(self._scorer.probe_scores(shard.embeddings))
        self.embeddings.append(shard.embeddings)
        for photo, found in zip(shard.seen.photos, shard.seen.found, strict=True):
            if isinstance(found, Unfit):
                self._dismiss(photo, found)
            else:
                self._enter(photo, found, self._judge.judge(photo.identity, next(scores)))

    def outcomes(self) -> Counter[ProbeOutcome]:
        """How many probes met which outcome."""
        return Counter(line.outcome for line in self.lines)

    def rejected(self) -> dict[str, int]:
        """How many probes were rejected, by reason."""
        return dict(sorted(Counter(line.reason for line in self.lines if line.reason).items()))

    def _dismiss(self, photo: Photo, unfit: Unfit) -> None:
        path, outcome = photo.shown_path, ProbeOutcome.REJECTED
        self.lines.append(ResultLine(path=path, outcome=outcome, digest=unfit.digest, reason=unfit.reason))
        if photo.identity:
            self.judged.append(JudgedProbe(photo.identity, None, None))

    def _enter(self, photo: Photo, face: Face, verdict: Verdict) -> None:
        self.lines.append(_line(photo, face, verdict, self._faces))
        self._faces += 1
        if photo.identity:
            self.judged.append(JudgedProbe(photo.identity, verdict.likest, verdict.identity))
        if len(self.tiles) < MAX_TILES:
            self.tiles.append(_tile(face, verdict))


def _line(photo: Photo, face: Face, verdict: Verdict, row: int) -> ResultLine:
    return ResultLine(
        path=photo.shown_path,
        outcome=verdict.outcome,
        digest=face.digest,
        identity=verdict.identity,
        reason=verdict.reason,
        clarity=face.clarity,
        detection_score=face.detection_score,
        box=(face.box.left, face.box.top, face.box.right, face.box.bottom),
        landmarks=face.landmarks,
        candidates=verdict.candidates,
        row=row if verdict.outcome is ProbeOutcome.ENCODED else None,
    )


def _tile(face: Face, verdict: Verdict) -> Tile:
    """A name stands beside a face only where the run recognised it."""
    known = verdict.outcome in (ProbeOutcome.IDENTIFIED, ProbeOutcome.MATCH)
    name = (verdict.identity or "") if known else str(verdict.outcome)
    return Tile(face.chip_png, name, face.clarity, face.chip_landmarks, verdict.score, known)
