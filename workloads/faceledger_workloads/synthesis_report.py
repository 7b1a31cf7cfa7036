"""The quality report of a data set's synthetic faces: numbers as JSON, a picture of them, and a page that shows both.

In: embeddings of the real and the accepted synthetic faces, every draw's outcome, a grid of faces. Out: the bytes of
three artefacts. Real people appear in it as numbers alone.
Invariant: a function of what goes in, byte for byte; a figure that too few faces allow is null, never invented.
"""

from __future__ import annotations

import base64
import html
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import numpy as np
from faceledger_contracts.canonical import canonical_json
from numpy.typing import NDArray

from faceledger_workloads.charts import chart_png
from faceledger_workloads.embedding.rows import joined
from faceledger_workloads.synthesis.distances import (
    NEIGHBOURS,
    compare_manifolds,
    frechet_distance,
    share_closer_than,
)
from faceledger_workloads.synthesis.screening import ScreeningReason

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["MAX_COMPARED", "SynthesisFigures", "SynthesisTally", "measure", "report_html", "report_json", "report_png"]

MAX_COMPARED = 2000
"""Faces of each side that are compared, evenly taken: the neighbourhoods of more would take gigabytes."""

Rows = NDArray[np.float32]


@dataclass(frozen=True)
class SynthesisFigures:
    """Distances are in dlib's embedding space; None where there are too few faces to tell."""

    drawn: int
    accepted: int
    detection_rate: float | None
    """Of all draws, those in which a face was found."""
    frechet_distance: float | None
    precision: float | None
    recall: float | None
    density: float | None
    coverage: float | None
    identity_spread: float | None
    """Pairs of accepted people that are closer than dlib's 0.6, as a share of all pairs: smaller is more diverse."""
    identity_retention: float | None
    """Of the variations in which a face was found, those that pass for their own person."""
    rejected: Mapping[str, int]


class SynthesisTally:
    """What is remembered of the draws of a run: outcomes, and the embeddings of accepted people."""

    def __init__(self) -> None:
        self._outcomes: Counter[str] = Counter()
        self._people: list[Rows] = []
        self._variations = 0
        self._kept_identity = 0

    def add(self, variation: int, reason: ScreeningReason | None, embedding: Rows | None) -> None:
        """One draw; `embedding` (128,) is None where no face was found."""
        self._outcomes["" if reason is None else str(reason)] += 1
        if embedding is None:
            return
        if variation:
            self._variations += 1
            self._kept_identity += reason is not ScreeningReason.IDENTITY_CHANGED
        elif reason is None:
            self._people.append(embedding)

    def figures(self, real: Rows) -> SynthesisFigures:
        """`real` (n, 128): embeddings of the data set's real faces."""
        people = joined([row[None] for row in self._people])
        return measure(real, people, self._outcomes, variations=self._variations, kept_identity=self._kept_identity)


def measure(
    real: Rows, people: Rows, outcomes: Mapping[str, int], *, variations: int, kept_identity: int
) -> SynthesisFigures:
    """`people` (m, 128): accepted faces, no variations; `outcomes`: draws by reason, "" for accepted ones;
    `variations`: those with a face, of which `kept_identity` are still their person."""
    drawn, accepted = sum(outcomes.values()), outcomes.get("", 0)
    real, people = _thinned(real), _thinned(people)
    compared = compare_manifolds(real, people) if min(len(real), len(people)) > NEIGHBOURS else None
    shares = {name: _rounded(value) for name, value in asdict(compared).items()} if compared else {}
    return SynthesisFigures(
        drawn=drawn,
        accepted=accepted,
        detection_rate=_rounded(1 - outcomes.get("Undetected", 0) / drawn) if drawn else None,
        frechet_distance=_rounded(frechet_distance(real, people)) if min(len(real), len(people)) > 1 else None,
        precision=shares.get("precision"),
        recall=shares.get("recall"),
        density=shares.get("density"),
        coverage=shares.get("coverage"),
        identity_spread=_rounded(share_closer_than(people)) if len(people) > 1 else None,
        identity_retention=_rounded(kept_identity / variations) if variations else None,
        rejected={reason: count for reason, count in sorted(outcomes.items()) if reason},
    )


def report_json(figures: SynthesisFigures) -> bytes:
    """Canonical JSON."""
    return canonical_json(asdict(figures))


def report_png(figures: SynthesisFigures) -> bytes:
    """Bars: the shares on the left, the reasons of rejection on the right."""
    return chart_png((10, 4), lambda figure: _draw_bars(figure, figures))


def report_html(figures: SynthesisFigures, chart: bytes, grid: bytes | None) -> bytes:
    """One page without anything from elsewhere; `grid` is a PNG of synthetic faces."""
    numbers = {name: value for name, value in asdict(figures).items() if name != "rejected"}
    pictures = [_picture(chart, "figures"), _picture(grid, "synthetic faces") if grid else ""]
    return f"""<!doctype html>
<html lang="en"><meta charset="utf-8"><title>Synthetic faces</title>
<style>
body{{font:16px sans-serif;max-width:64rem;margin:2rem auto}} td{{padding:.2rem 1rem}} img{{max-width:100%}}
</style>
<h1>Synthetic faces</h1>
<p>Distances and shares are between people, in the embedding space of dlib's face network.</p>
{_table(numbers)}
<h2>Left out</h2>
{_table(figures.rejected)}
{"".join(pictures)}
</html>
""".encode()


def _draw_bars(figure: Figure, figures: SynthesisFigures) -> None:
    left, right = figure.subplots(1, 2)
    shown = {name: value for name, value in asdict(figures).items() if isinstance(value, float)}
    left.barh([name.replace("_", " ") for name in shown], list(shown.values()))
    left.set(title="synthetic against real faces")
    right.barh(list(figures.rejected) or ["none"], list(figures.rejected.values()) or [0])
    right.set(title=f"left out, of {figures.drawn} draws")


def _table(cells: Mapping[str, object]) -> str:
    shown = {name.replace("_", " "): "—" if value is None else str(value) for name, value in cells.items()}
    rows = (f"<tr><td>{html.escape(name)}</td><td>{html.escape(value)}</td></tr>" for name, value in shown.items())
    return f"<table>{''.join(rows)}</table>"


def _picture(png: bytes, words: str) -> str:
    return f'<p><img alt="{words}" src="data:image/png;base64,{base64.b64encode(png).decode()}"></p>\n'


def _thinned(rows: Rows) -> Rows:
    if len(rows) <= MAX_COMPARED:
        return rows
    thinned: Rows = rows[np.linspace(0, len(rows) - 1, MAX_COMPARED).astype(int)]
    return thinned


def _rounded(value: float) -> float:
    """So that the last bits of an embedding, which differ between processors, do not show."""
    return round(value, 4)
