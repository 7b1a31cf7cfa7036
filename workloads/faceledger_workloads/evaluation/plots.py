"""Detection-error-tradeoff and cumulative-match curves as PNG.

In: trials. Out: image bytes. Invariant: equal trials give equal bytes: no date, no font but matplotlib's own, and no
setting of the machine.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import numpy as np

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
    figure, axes = _figure("False-match rate", "False non-match rate")
    own, others = np.sort(trials.own[trials.enrolled]), trials.impostor_scores
    at = np.unique(np.geomspace(1, len(others), MOST_POINTS).astype(np.intp))
    false_match = at / len(others)
    false_non_match = np.searchsorted(own, others[at - 1], side="left") / len(own)
    axes.plot(false_match, np.maximum(false_non_match, 0.5 / len(own)), color="#1f4e79")
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_title(f"{len(own)} comparisons with the right person, {len(others)} with others", fontsize=9)
    return _png(figure)


def draw_ranks(trials: Trials) -> bytes:
    """Share of enrolled people's probes whose person is among the first k."""
    figure, axes = _figure("Rank", "Share of probes found")
    last = min(RANKS, trials.people)
    weighted = plain(trials)
    shares = [rank_rate(k)(weighted) or 0.0 for k in range(1, last + 1)]
    axes.plot(range(1, last + 1), shares, color="#1f4e79", marker="o", markersize=3)
    axes.set_ylim(min(0.9, *shares, 0.9) - 0.02, 1.005)
    axes.set_title(f"{int(trials.enrolled.sum())} probes, {trials.people} people enrolled", fontsize=9)
    return _png(figure)


def _figure(across: str, up: str) -> tuple[Figure, Axes]:
    import matplotlib as mpl
    from matplotlib.figure import Figure

    with mpl.rc_context():
        mpl.rcdefaults()
        figure = Figure(figsize=(5, 4), dpi=120, layout="constrained")
        axes = figure.add_subplot()
    axes.set_xlabel(across)
    axes.set_ylabel(up)
    axes.grid(visible=True, which="both", color="#dddddd", linewidth=0.5)
    return figure, axes


def _png(figure: Figure) -> bytes:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", metadata={"Software": None})
    return buffer.getvalue()
