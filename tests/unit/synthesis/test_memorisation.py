"""A generator that copies is told from one that does not, by similarities to the training set alone."""

from __future__ import annotations

import numpy as np
import pytest
from faceledger_workloads.synthesis.memorisation import report_memorisation
from numpy.typing import NDArray


def _people(count: int, seed: int) -> NDArray[np.float32]:
    rows = np.random.RandomState(seed).standard_normal((count, 32)).astype(np.float32)
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), dtype=np.float32)


def test_people_who_were_never_seen_are_not_called_memorised() -> None:
    report = report_memorisation(_people(600, 1), _people(600, 2), _people(600, 3))
    assert report.memorised <= 0.01
    assert report.generated == 600


def test_copies_are_counted() -> None:
    training = _people(600, 2)
    generated = np.concatenate([_people(300, 1), training[:100]])
    report = report_memorisation(generated, training, _people(600, 3))
    assert report.memorised == pytest.approx(0.25, abs=0.01)
    assert report.generated_highest == pytest.approx(1, abs=1e-5)
    assert report.held_out_highest < 0.9


@pytest.mark.parametrize("empty", ["generated", "training", "held_out"])
def test_nothing_can_be_said_without_faces(empty: str) -> None:
    rows = {name: _people(3, 1) for name in ("generated", "training", "held_out")} | {empty: _people(0, 1)}
    with pytest.raises(ValueError, match=empty):
        report_memorisation(**rows)
