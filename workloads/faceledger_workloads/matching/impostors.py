"""How people who are not whom they are compared with score: what a threshold is calibrated on.

In: a gallery, as a scorer. Out: scores of its photos with other people, and each photo's best one. Invariant: the
photo's own person counts as not enrolled, so every score is one that a stranger's probe could get.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from faceledger_workloads.matching.entries import PART, Scores
from faceledger_workloads.matching.normalisation import NOBODY
from faceledger_workloads.matching.scores import Probes, Scorer

__all__ = ["MOST_PAIRS", "MOST_SEARCHES", "Impostors", "gather_impostors", "others"]

MOST_SEARCHES = 20_000
"""Photos that are searched with; more are drawn from. They tell a rate of 0.001 within 0.0005."""

MOST_PAIRS = 500_000
"""Pairs that are compared; the people for each photo are drawn where there are more."""

_SEED = 20_190_521
"""Of all draws here: the same gallery always gives the same threshold."""


@dataclass(frozen=True)
class Impostors:
    """Impostor trials. People are indices into the gallery's; synthetic faces follow them."""

    people: int
    """Enrolled."""
    pair_scores: Scores
    """(m,)"""
    pair_faces: NDArray[np.intp]
    """(m,): who the photo shows."""
    pair_people: NDArray[np.intp]
    """(m,): whom it was compared with."""
    best_scores: Scores
    """(s,): the highest score of a photo with any other person of the gallery."""
    best_faces: NDArray[np.intp]
    """(s,): who the photo shows."""


def gather_impostors(scorer: Scorer, synthetic: bool) -> Impostors:
    """`synthetic`: the gallery's synthetic faces are impostors, too. Empty where there is but one person."""
    gallery, random = scorer.gallery, np.random.default_rng(_SEED)
    people = len(gallery.people)
    rows, faces = gallery.photos, gallery.photo_owners
    if synthetic:
        rows = np.concatenate([rows, gallery.cohort])
        faces = np.concatenate([faces, people + np.arange(len(gallery.cohort))])
    if people == 1:
        rows, faces = rows[faces != 0], faces[faces != 0]
    if len(rows) > MOST_SEARCHES:
        drawn = np.sort(random.choice(len(rows), MOST_SEARCHES, replace=False))
        rows, faces = rows[drawn], faces[drawn]
    probes = scorer.prepare(rows, np.where(faces < people, faces, NOBODY))
    photo, person = others(np.where(faces < people, faces, NOBODY), people, MOST_PAIRS, random)
    parts = [slice(start, start + PART) for start in range(0, len(photo), PART)]
    scores = [scorer.compare(probes[photo[part]], person[part]) for part in parts]
    return Impostors(
        people, np.concatenate([np.empty(0), *scores]), faces[photo], person, _best(scorer, probes, faces), faces
    )


def others(
    own: NDArray[np.intp], people: int, most: int, random: np.random.Generator
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Pairs of a face, as an index into `own` (its person, or `NOBODY`), and a person who is another: all of them, or
    about `most` in which every face meets the same number of people, drawn with replacement."""
    each = most // max(1, len(own))
    if people <= each:
        face = np.repeat(np.arange(len(own)), people)
        person = np.tile(np.arange(people), len(own))
        different = person != own[face]
        return face[different], person[different]
    face = np.repeat(np.arange(len(own)), max(1, each))
    enrolled = own[face] != NOBODY
    drawn = random.integers(0, people - enrolled)
    return face, drawn + (enrolled & (drawn >= own[face]))


def _best(scorer: Scorer, probes: Probes, faces: NDArray[np.intp]) -> Scores:
    """The own person is among the two likest, or neither of them is."""
    if not len(probes):
        return np.empty(0)
    nearest = scorer.search(probes, 2)
    own_first = nearest.owners[:, 0] == faces
    best: Scores = np.where(own_first, nearest.scores[:, -1], nearest.scores[:, 0])
    return best
