"""The likest owners among many entries are those of comparing everything."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from faceledger_workloads.matching import candidates, search
from faceledger_workloads.matching.candidates import Nearest
from faceledger_workloads.matching.entries import Entries, Queries, Scores
from faceledger_workloads.matching.search import Index
from faceledger_workloads.matching.sieve import ArraySieve, HalfSieve, Sieve
from numpy.typing import NDArray

Rows = NDArray[np.float32]
ENTRIES = 3000


def unit(seed: int, count: int, lean: float = 2.0) -> Rows:
    """Rows of length 1 that lean to one side, as faces do: most cosines are near 0.8."""
    rows = np.random.default_rng(seed).normal(size=(count, 32)) + lean
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def everything(entries: Entries, queries: Queries, owners: NDArray[np.intp]) -> Scores:
    products = queries.rows.astype(np.float64) @ entries.rows.astype(np.float64).T
    scores = products * (queries.weights[:, None].astype(np.float64) + entries.gains) - entries.offsets
    starts = np.searchsorted(owners, np.arange(owners[-1] + 1))
    best: Scores = np.maximum.reduceat(scores, starts, axis=1)
    return best


def assert_exact(found: Nearest, scores: Scores, k: int) -> None:
    expected = np.argsort(-scores, axis=1, kind="stable")[:, :k]
    assert np.array_equal(found.owners, expected)
    assert np.allclose(found.scores, np.take_along_axis(scores, expected, axis=1), rtol=0, atol=1e-12)


@pytest.fixture(params=["float32", "bfloat16"])
def arithmetic(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """bfloat16 is right on any machine; it is asked for by size and by what the machine has."""
    monkeypatch.setattr(search, "LARGE", 0 if request.param == "bfloat16" else 10**9)
    monkeypatch.setattr(search, "FEWEST_FOR_HALF", 0)
    monkeypatch.setattr(search, "half_is_fast", lambda _: True)
    return str(request.param)


@pytest.mark.usefixtures("arithmetic")
@pytest.mark.parametrize(
    ("queries", "k", "photos"),
    [
        pytest.param(1, 5, 1, id="one query"),
        pytest.param(20, 1, 1, id="the likest alone"),
        pytest.param(20, 5, 4, id="four entries an owner"),
        pytest.param(5, 120, 7, id="a long ranking"),
        pytest.param(3, 5000, 3, id="more than there are"),
        pytest.param(300, 2, 1, id="more queries than a batch"),
        pytest.param(0, 5, 1, id="no query"),
    ],
)
def test_the_nearest_are_those_of_comparing_everything(queries: int, k: int, photos: int) -> None:
    entries, owners = Entries.plain(unit(1, ENTRIES)), np.arange(ENTRIES) // photos
    probes = Queries.plain(unit(2, queries))
    assert_exact(Index(entries, owners).search(probes, k), everything(entries, probes, owners), k)


@pytest.mark.usefixtures("arithmetic")
def test_gains_offsets_and_weights_are_part_of_the_score() -> None:
    random = np.random.default_rng(3)
    terms = random.uniform(1, 40, size=(2, ENTRIES)).astype(np.float32)
    entries, owners = Entries(unit(1, ENTRIES), terms[0], terms[1]), np.arange(ENTRIES) // 2
    probes = Queries(unit(2, 30), random.uniform(20, 50, 30).astype(np.float32))
    assert_exact(Index(entries, owners).search(probes, 4), everything(entries, probes, owners), 4)


@pytest.mark.usefixtures("arithmetic")
def test_of_equal_scores_the_first_owner_is_the_likest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(candidates, "MOST_CANDIDATES", 100)
    rows = np.repeat(unit(1, 2), ENTRIES // 2, axis=0)
    found = Index(Entries.plain(rows), np.arange(ENTRIES)).search(Queries.plain(rows[-1:]), 3)
    assert found.owners.tolist() == [[ENTRIES // 2, ENTRIES // 2 + 1, ENTRIES // 2 + 2]]


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("lean", [0.0, 3.0], ids=["spread", "crowded"])
def test_cheap_scores_lie_within_their_slack(seed: int, lean: float) -> None:
    terms = np.random.default_rng(seed).uniform(0, 40, size=(2, 500)).astype(np.float32)
    entries = Entries(unit(seed, 500, lean), terms[0], terms[1])
    queries = Queries(unit(seed + 50, 40, lean), np.full(40, 30, dtype=np.float32))
    exact = everything(entries, queries, np.arange(500))
    sieves: tuple[Sieve, ...] = (ArraySieve(entries), HalfSieve(entries, "cpu"))
    for sieve in sieves:
        hits = sieve.above(queries, slice(0, 500), np.full(40, -np.inf))
        assert len(hits.scores) == exact.size
        wrong = np.abs(hits.scores - exact[hits.queries, hits.entries])
        assert np.all(wrong <= sieve.slack(queries)[hits.queries])


def test_a_gallery_may_be_a_memory_map(tmp_path: Path) -> None:
    rows = unit(1, ENTRIES)
    np.save(tmp_path / "rows.npy", rows)
    mapped = Entries.plain(np.load(tmp_path / "rows.npy", mmap_mode="r"))
    probes, owners = Queries.plain(unit(2, 4)), np.arange(ENTRIES)
    assert_exact(Index(mapped, owners).search(probes, 5), everything(mapped, probes, owners), 5)


def test_one_owner_is_compared_by_the_likest_of_their_entries() -> None:
    entries, owners = Entries.plain(unit(1, 90)), np.arange(90) // 3
    probes, chosen = Queries.plain(unit(2, 10)), np.array([0, 29, 3, 3, 7, 1, 2, 28, 15, 15])
    scores = Index(entries, owners).compare(probes, chosen)
    assert np.allclose(scores, everything(entries, probes, owners)[np.arange(10), chosen], rtol=0, atol=1e-12)


def test_a_pair_scores_the_same_whatever_is_scored_beside_it() -> None:
    index, probes = Index(Entries.plain(unit(1, 90)), np.arange(90)), Queries.plain(unit(2, 60))
    together = index.search(probes, 3)
    alone = [index.search(probes[row : row + 1], 3) for row in range(60)]
    assert np.array_equal(together.scores, np.concatenate([one.scores for one in alone]))
