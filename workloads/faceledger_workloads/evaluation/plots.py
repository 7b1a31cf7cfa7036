"""Detection-error-tradeoff and cumulative-match curves as PNG.

In: trials. Out: image bytes. Invariant: equal trials give equal bytes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from faceledger_workloads.charts import chart_png
from faceledger_workloads.evaluation.ranks import rank_rate
from faceledger_workloads.evaluation.trials import RANKS, Trials
from faceledger_workloads.evaluation.weights import plain

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["draw_det", "draw_ranks"]

MOST_POINTS = 2_000
"""Of a curve: more cannot be seen."""


def draw_det(trials: Trials) -> bytes:
    """False non-match rate over false-match rate, both logarithmic; needs comparisons of both kinds."""
    return chart_png(_INCHES, lambda figure: _draw_det(figure, trials), _DPI)


def draw_ranks(trials: Trials) -> bytes:
    """Share of enrolled people's probes whose person is among the first k."""
    return chart_png(_INCHES, lambda figure: _draw_ranks(figure, trials), _DPI)


def _draw_det(figure: Figure, trials: Trials) -> None:
    axes = _axes(figure, "False-match rate", "False non-match rate")
    own, others = np.sort(trials.own[trials.enrolled]), trials.impostor_scores
    at = np.unique(np.geomspace(1, len(others), MOST_POINTS).astype(np.intp))
    false_match = at / len(others)
    false_non_match = np.searchsorted(own, others[at - 1], side="left") / len(own)
    axes.plot(false_match, np.maximum(false_non_match, 0.5 / len(own)), color="#1f4e79")
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_title(f"{len(own)} comparisons with the right person, {len(others)} with others", fontsize=9)


def _draw_ranks(figure: Figure, trials: Trials) -> None:
    axes = _axes(figure, "Rank", "Share of probes found")
    last = min(RANKS, trials.people)
    weighted = plain(trials)
    shares = [rank_rate(k)(weighted) or 0.0 for k in range(1, last + 1)]
    axes.plot(range(1, last + 1), shares, color="#1f4e79", marker="o", markersize=3)
    axes.set_ylim(min(0.9, *shares, 0.9) - 0.02, 1.005)
    axes.set_title(f"{int(trials.enrolled.sum())} probes, {trials.people} people enrolled", fontsize=9)


def _axes(figure: Figure, across: str, up: str) -> Axes:
    axes = figure.add_subplot()
    axes.set_xlabel(across)
    axes.set_ylabel(up)
    axes.grid(visible=True, which="both", color="#dddddd", linewidth=0.5)
    return axes


_INCHES, _DPI = (5, 4), 120
