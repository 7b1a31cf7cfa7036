"""What a run says of its own accuracy: figures with intervals, overall and by group, and two curves.

In: trials, the answers that the run gave and its threshold. Out: the short form for the run's summary, and the
artefacts evaluation.json, det.png and cmc.png. Invariant: equal trials give equal bytes; a figure that the probes are
too few for is left out, and every figure stands beside the size of the gallery that it holds for.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import numpy as np
from faceledger_contracts.canonical import canonical_json

from faceledger_workloads.evaluation.answers import Answers
from faceledger_workloads.evaluation.equal_error import equal_error_rate
from faceledger_workloads.evaluation.identification import (
    false_positive_rate_above,
    strangers_alone,
    true_positive_rate_above,
    true_positive_rate_at,
)
from faceledger_workloads.evaluation.plots import draw_det, draw_ranks
from faceledger_workloads.evaluation.ranks import rank_rate
from faceledger_workloads.evaluation.trials import Trials
from faceledger_workloads.evaluation.verification import (
    false_match_rate_above,
    true_match_rate_above,
    true_match_rate_at,
)
from faceledger_workloads.evaluation.weights import Figure, drawn, plain
from faceledger_workloads.runreport import Estimate, Evaluation

__all__ = ["EvaluationReport", "report"]

_RANK1 = "rank1"
_TRUE_MATCH = "trueMatchRateAtFalseMatchRate0.001"
_TRUE_POSITIVE = "truePositiveIdentificationRateAtFalsePositiveIdentificationRate0.01"
_EQUAL_ERROR = "equalErrorRate"

_CURVES: Mapping[str, Figure] = {
    _RANK1: rank_rate(1),
    "rank5": rank_rate(5),
    "rank10": rank_rate(10),
    "trueMatchRateAtFalseMatchRate0.01": true_match_rate_at(1e-2),
    _TRUE_MATCH: true_match_rate_at(1e-3),
    "trueMatchRateAtFalseMatchRate0.0001": true_match_rate_at(1e-4),
    _EQUAL_ERROR: equal_error_rate,
    _TRUE_POSITIVE: true_positive_rate_at(1e-2),
}
"""Figures that need no threshold."""


@dataclass(frozen=True)
class EvaluationReport:
    """`summary` for the run report, `files` (name -> content) for the artefacts."""

    summary: Evaluation
    files: Mapping[str, bytes]


def report(trials: Trials, answers: Answers, threshold: float) -> EvaluationReport:
    """`threshold` is the run's T: the rates at it are reported beside the curves."""
    figures = {**_CURVES, **_at(threshold)}
    overall = _estimates(trials, figures)
    labels = sorted({label for label in trials.groups if label is not None})
    document = {
        "version": 1,
        "interval": "95 %, bootstrap over identities, 500 sets",
        "threshold": round(threshold, 6),
        "people": trials.people,
        **_described(trials, overall),
        "groups": {label: _described(part, _estimates(part, figures)) for label, part in _parts(trials, labels)},
    }
    files = {"evaluation.json": canonical_json(document)}
    if trials.enrolled.any():
        files["cmc.png"] = draw_ranks(trials)
        if len(trials.impostor_scores):
            files["det.png"] = draw_det(trials)
    return EvaluationReport(_summary(answers, overall), files)


def _at(threshold: float) -> Mapping[str, Figure]:
    return {
        "falseMatchRate": false_match_rate_above(threshold),
        "trueMatchRate": true_match_rate_above(threshold),
        "falsePositiveIdentificationRate": false_positive_rate_above(threshold),
        "truePositiveIdentificationRate": true_positive_rate_above(threshold),
    }


def _parts(trials: Trials, labels: list[str]) -> list[tuple[str, Trials]]:
    return [(label, trials.of(label)) for label in labels]


def _described(trials: Trials, estimates: Mapping[str, Estimate]) -> dict[str, Any]:
    return {
        "enrolledProbes": int(trials.enrolled.sum()),
        "enrolledProbesPeople": len(np.unique(trials.faces[trials.enrolled])),
        "unenrolledProbes": int((~trials.enrolled).sum()),
        "unenrolledProbesPeople": len(np.unique(trials.faces[~trials.enrolled])),
        "comparisonsWithOthers": len(trials.impostor_scores),
        "falsePositiveSearches": "Strangers" if strangers_alone(trials) else "StrangersAndOwnPersonLeftOut",
        "figures": {
            name: {"value": float(one.value), "low": float(one.low), "high": float(one.high)}
            for name, one in estimates.items()
        },
    }


def _estimates(trials: Trials, figures: Mapping[str, Figure]) -> dict[str, Estimate]:
    """A figure that some of the resampled sets do not give is taken from those that do."""
    values = {name: figure(plain(trials)) for name, figure in figures.items()}
    known = {name: value for name, value in values.items() if value is not None}
    samples: dict[str, list[float]] = {name: [] for name in known}
    for weighted in drawn(trials):
        for name in known:
            value = figures[name](weighted)
            if value is not None:
                samples[name].append(value)
    return {name: _estimate(value, samples[name]) for name, value in known.items()}


def _estimate(value: float, sample: list[float]) -> Estimate:
    low, high = np.quantile(sample or [value], [0.025, 0.975])
    return Estimate(value=_rounded(value), low=_rounded(min(low, value)), high=_rounded(max(high, value)))


def _rounded(value: float) -> Decimal:
    return Decimal(f"{value:.6f}")


def _summary(answers: Answers, overall: Mapping[str, Estimate]) -> Evaluation:
    return answers.counted().model_copy(
        update={
            "rank1_estimate": overall.get(_RANK1),
            "true_match_rate": overall.get(_TRUE_MATCH),
            "equal_error_rate": overall.get(_EQUAL_ERROR),
            "true_positive_identification_rate": overall.get(_TRUE_POSITIVE),
        }
    )
