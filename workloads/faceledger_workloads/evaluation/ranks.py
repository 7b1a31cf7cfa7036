"""One against many, closed set: how early the right person comes (cumulative match characteristic).

In: weighted trials. Out: the share of enrolled people's probes whose right person is among the first k. Invariant: it
never falls with k, and a photo without a usable face finds nobody.
"""

from __future__ import annotations

from faceledger_workloads.evaluation.weights import Figure, Weighted

__all__ = ["rank_rate"]


def rank_rate(k: int) -> Figure:
    """Rank-k, for k up to `trials.RANKS`."""

    def figure(weighted: Weighted) -> float | None:
        trials, mated = weighted.trials, weighted.searches * weighted.trials.enrolled
        found = (trials.rank >= 1) & (trials.rank <= k)
        return float(mated[found].sum() / mated.sum()) if mated.sum() else None

    return figure
