"""What the evaluation knows of a run: one search a probe whose folder names a person, and a sample of comparisons.

In: the scores of probes, shard by shard. Out: arrays over which every figure is a pure function. Invariants: memory
grows with the number of faces alone, each of which has its share of `MOST_COMPARISONS` comparisons, one at least; a
probe without a usable face is a search that finds nobody.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from faceledger_workloads.images.source import Photo
from faceledger_workloads.matching.candidates import Nearest
from faceledger_workloads.matching.entries import Scores
from faceledger_workloads.matching.impostors import others
from faceledger_workloads.matching.normalisation import NOBODY
from faceledger_workloads.matching.scores import Probes, Scorer

__all__ = ["MOST_COMPARISONS", "RANKS", "TrialLog", "Trials"]

RANKS = 20
"""Ranks that are told apart; a person who comes later has rank 0."""

MOST_COMPARISONS = 200_000
"""Comparisons of a probe with another person that are kept, the people drawn for each probe where there are more: at a
false-match rate of 0.0001 twenty of them match."""

_SEED = 20_190_521


@dataclass(frozen=True)
class Trials:
    """n searches and m comparisons with other people. People are indices: enrolled ones first, then strangers."""

    people: int
    """Enrolled."""
    identities: int
    """Enrolled people and strangers."""
    faces: NDArray[np.intp]
    """(n,): whom the probe shows."""
    own: Scores
    """(n,): score with the right person; -inf where no face was found, NaN for a stranger."""
    rank: NDArray[np.intp]
    """(n,): the right person's, from 1; 0 beyond `RANKS` and for strangers."""
    other: Scores
    """(n,): highest score of any other person; -inf where no face was found or nobody else is enrolled."""
    groups: tuple[str | None, ...]
    """(n,): the label of each probe."""
    impostor_scores: Scores
    """(m,), falling."""
    impostor_probes: NDArray[np.intp]
    """(m,): the search that each belongs to."""
    impostor_people: NDArray[np.intp]
    """(m,): whom the probe was compared with."""

    @property
    def enrolled(self) -> NDArray[np.bool_]:
        """(n,): whether the probe's person is enrolled."""
        mated: NDArray[np.bool_] = self.faces < self.people
        return mated

    def of(self, group: str) -> Trials:
        """The searches of probes with this label, and their comparisons."""
        chosen = np.array([label == group for label in self.groups], dtype=bool)
        number = np.cumsum(chosen) - 1
        kept = chosen[self.impostor_probes]
        return replace(
            self,
            faces=self.faces[chosen],
            own=self.own[chosen],
            rank=self.rank[chosen],
            other=self.other[chosen],
            groups=(group,) * int(chosen.sum()),
            impostor_scores=self.impostor_scores[kept],
            impostor_probes=number[self.impostor_probes[kept]],
            impostor_people=self.impostor_people[kept],
        )


@dataclass
class _Shard:
    faces: NDArray[np.intp]
    own: Scores
    rank: NDArray[np.intp]
    other: Scores
    scores: Scores = field(default_factory=lambda: np.empty(0))
    probes: NDArray[np.intp] = field(default_factory=lambda: np.empty(0, dtype=np.intp))
    people: NDArray[np.intp] = field(default_factory=lambda: np.empty(0, dtype=np.intp))


class TrialLog:
    """Collects trials. `groups` labels paths and folders, `probes` is how many there may be at most."""

    def __init__(self, people: Sequence[str], groups: Mapping[str, str], probes: int) -> None:
        self._numbers = {name: number for number, name in enumerate(people)}
        self._people = len(people)
        self._groups = groups
        self._labels: list[str | None] = []
        self._most = max(1, MOST_COMPARISONS // max(1, probes))
        self._random = np.random.default_rng(_SEED)
        self._shards: list[_Shard] = []

    def missed(self, photo: Photo) -> None:
        """A probe in whose photo no usable face was found."""
        face = self._face(photo)
        none, own = np.array([-np.inf]), np.array([-np.inf if face < self._people else np.nan])
        self._shards.append(_Shard(np.array([face]), own, np.zeros(1, dtype=np.intp), none))
        self._labels.append(self._label(photo))

    def searched(self, photos: Sequence[Photo], scorer: Scorer, probes: Probes, nearest: Nearest, own: Scores) -> None:
        """Probes (p,) with the `RANKS` or more likest people of each, and their scores with their own person."""
        faces = np.array([self._face(photo) for photo in photos], dtype=np.intp)
        right = nearest.owners == faces[:, None]
        rank = np.where(right[:, :RANKS].any(axis=1), right.argmax(axis=1) + 1, 0)
        other = np.where(right, -np.inf, nearest.scores).max(axis=1)
        enrolled = np.where(faces < self._people, faces, NOBODY)
        probe, person = others(enrolled, self._people, self._most * len(photos), self._random)
        scores = scorer.compare(probes[probe], person)
        first = len(self._labels)
        self._shards.append(_Shard(faces, own, rank, other, scores, first + probe, person))
        self._labels += map(self._label, photos)

    def trials(self) -> Trials | None:
        """None when no probe's person is known."""
        shards = self._shards
        if not shards:
            return None
        scores = np.concatenate([shard.scores for shard in shards])
        order = np.argsort(-scores, kind="stable")
        return Trials(
            people=self._people,
            identities=len(self._numbers),
            faces=np.concatenate([shard.faces for shard in shards]),
            own=np.concatenate([shard.own for shard in shards]),
            rank=np.concatenate([shard.rank for shard in shards]),
            other=np.concatenate([shard.other for shard in shards]),
            groups=tuple(self._labels),
            impostor_scores=scores[order],
            impostor_probes=np.concatenate([shard.probes for shard in shards])[order],
            impostor_people=np.concatenate([shard.people for shard in shards])[order],
        )

    def _face(self, photo: Photo) -> int:
        return self._numbers.setdefault(photo.identity or "", len(self._numbers))

    def _label(self, photo: Photo) -> str | None:
        return self._groups.get(photo.shown_path) or self._groups.get(photo.identity or "")
