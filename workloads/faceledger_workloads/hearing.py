"""Judges probes shard by shard, and keeps of each one what the results, the contact sheet and the evaluation need.

In: shards of probes, compared with the enrolled or, where a run only encodes, with nobody. Out: result lines in order,
tiles, trials, embeddings. Invariants: a photo without a usable face is a line, too; a photo that is itself enrolled is
answered and marked, and tells nothing of accuracy.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import repeat

import numpy as np

from faceledger_workloads.embedding.rows import Embeddings
from faceledger_workloads.evaluation.answers import Answers, JudgedProbe
from faceledger_workloads.evaluation.trials import RANKS, TrialLog
from faceledger_workloads.face import Face, Unfit
from faceledger_workloads.images.source import Photo
from faceledger_workloads.judge import Judge, Verdict
from faceledger_workloads.matching.decision import Candidate
from faceledger_workloads.matching.scores import Scorer, Searched
from faceledger_workloads.results import ProbeOutcome, ResultLine, result_line
from faceledger_workloads.sheets.contact_sheet import MAX_TILES, Tile
from faceledger_workloads.work import Encoded, Matched, Seen

__all__ = ["Hearing"]

_Compared = tuple[Sequence[Candidate], float | None]


class Hearing:
    """Of all probes of a run. `scorer` is None where nobody is compared (Encode)."""

    def __init__(
        self,
        scorer: Scorer | None,
        judge: Judge,
        probes: int,
        top_k: int = 1,
        groups: Mapping[str, str] | None = None,
        enrolled_photos: Collection[str] = (),
    ) -> None:
        """`probes`: how many there are; `groups`: labels by path; `enrolled_photos`: digests of the gallery's files."""
        people = scorer.gallery.people if scorer else ()
        self.lines: list[bytes] = []
        self.outcomes: Counter[ProbeOutcome] = Counter()
        self._reasons: Counter[str] = Counter()
        self.tiles: list[Tile] = []
        self.answers = Answers(frozenset(people))
        self.trials = TrialLog(people, groups or {}, probes)
        self.embeddings: list[Embeddings] = []
        """Where nobody is compared: they are the result then."""
        self._scorer = scorer
        self._judge = judge
        self._depth = max(top_k, RANKS)
        self._people = {name: number for number, name in enumerate(people)}
        self._enrolled_photos = frozenset(enrolled_photos)
        self._faces = 0

    @property
    def depth(self) -> int:
        """How many people of each probe are looked at."""
        return self._depth

    def hear(self, shard: Matched | Encoded) -> None:
        """One shard's probes, in order: searched for to `depth`, or only encoded where there is no scorer."""
        if isinstance(shard, Matched):
            seen = shard.encoded.seen
            compared: Iterator[_Compared] = iter(self._compare(_faces(seen), shard.searched))
        else:
            seen = shard.seen
            compared = repeat(((), None))
            self.embeddings.append(shard.embeddings)
        for photo, found in zip(seen.photos, seen.found, strict=True):
            if isinstance(found, Unfit):
                self._dismiss(photo, found)
            else:
                ranking, own = next(compared)
                self._enter(photo, found, self._judge.judge(photo.identity, ranking, own))

    def rejected(self) -> dict[str, int]:
        """How many probes were rejected, by reason."""
        return dict(sorted(self._reasons.items()))

    def _compare(self, faces: Sequence[tuple[Photo, Face]], searched: Searched) -> list[_Compared]:
        assert self._scorer is not None, "nobody is compared"
        probes, nearest = searched.probes, searched.nearest
        claims = np.array([self._people.get(photo.identity or "", -1) for photo, _ in faces], dtype=np.intp)
        claimed = np.flatnonzero(claims >= 0)
        own = np.full(len(faces), np.nan)
        own[claimed] = self._scorer.compare(probes[claimed], claims[claimed])
        named = np.array([number for number, one in enumerate(faces) if self._tells(*one)], dtype=np.intp)
        if len(named):
            photos = [faces[number][0] for number in named]
            self.trials.searched(photos, self._scorer, probes[named], nearest[named], own[named])
        rankings = [
            tuple(Candidate(int(person), float(score)) for person, score in zip(*row, strict=True))
            for row in zip(nearest.owners, nearest.scores, strict=True)
        ]
        return [
            (ranking, None if np.isnan(score) else float(score)) for ranking, score in zip(rankings, own, strict=True)
        ]

    def _tells(self, photo: Photo, face: Face) -> bool:
        """Whether the probe says something of how right the answers are."""
        return photo.identity is not None and face.digest not in self._enrolled_photos

    def _dismiss(self, photo: Photo, unfit: Unfit) -> None:
        path, outcome = photo.shown_path, ProbeOutcome.REJECTED
        self._write(ResultLine(path=path, outcome=outcome, digest=unfit.digest, reason=unfit.reason))
        if photo.identity:
            self.answers.judged.append(JudgedProbe(photo.identity, None, None))
            self.trials.missed(photo)

    def _enter(self, photo: Photo, face: Face, verdict: Verdict) -> None:
        enrolled = face.digest in self._enrolled_photos
        self._write(_line(photo, face, verdict, self._faces, enrolled))
        self._faces += 1
        if enrolled:
            self.answers.gallery_photos += 1
        elif photo.identity:
            self.answers.judged.append(JudgedProbe(photo.identity, verdict.likest, verdict.identity))
        if len(self.tiles) < MAX_TILES:
            self.tiles.append(_tile(face, verdict))

    def _write(self, line: ResultLine) -> None:
        self.lines.append(result_line(line))
        self.outcomes[line.outcome] += 1
        if line.reason:
            self._reasons[line.reason] += 1


def _faces(seen: Seen) -> list[tuple[Photo, Face]]:
    return [(photo, found) for photo, found in zip(seen.photos, seen.found, strict=True) if isinstance(found, Face)]


def _line(photo: Photo, face: Face, verdict: Verdict, row: int, enrolled: bool) -> ResultLine:
    return ResultLine(
        path=photo.shown_path,
        outcome=verdict.outcome,
        digest=face.digest,
        identity=verdict.identity,
        reason=verdict.reason,
        enrolled_photo=True if enrolled else None,
        clarity=face.clarity,
        detection_score=face.detection_score,
        box=face.box.edges,
        landmarks=face.landmarks,
        candidates=verdict.candidates,
        row=row if verdict.outcome is ProbeOutcome.ENCODED else None,
    )


def _tile(face: Face, verdict: Verdict) -> Tile:
    """A name stands beside a face only where the run recognised it."""
    known = verdict.outcome in (ProbeOutcome.IDENTIFIED, ProbeOutcome.MATCH)
    name = (verdict.identity or "") if known else str(verdict.outcome)
    return Tile(face.chip_png, name, face.clarity, face.chip_landmarks, verdict.score, known)
