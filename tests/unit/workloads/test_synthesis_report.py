"""The quality report tells what the screening saw, and invents no figure."""

from __future__ import annotations

import io
import json

import numpy as np
import pytest
from faceledger_workloads.synthesis.screening import ScreeningReason
from faceledger_workloads.synthesis_report import SynthesisTally, report_html, report_json, report_png
from PIL import Image

RANDOM = np.random.default_rng(4)
REAL = RANDOM.normal(0, 0.1, (40, 128)).astype(np.float32)


def tally_of(people: int, offset: float = 0.0) -> SynthesisTally:
    tally = SynthesisTally()
    for row in RANDOM.normal(offset, 0.1, (people, 128)).astype(np.float32):
        tally.add(0, None, row)
    return tally


def test_draws_are_counted_by_what_became_of_them() -> None:
    tally = tally_of(6)
    tally.add(0, ScreeningReason.UNDETECTED, None)
    tally.add(0, ScreeningReason.NEAR_REAL_IDENTITY, REAL[0])
    for reason in (None, None, None, ScreeningReason.IDENTITY_CHANGED):
        tally.add(1, reason, REAL[1])
    figures = tally.figures(REAL)
    assert (figures.drawn, figures.accepted) == (12, 9)
    assert figures.rejected == {"IdentityChanged": 1, "NearRealIdentity": 1, "Undetected": 1}
    assert figures.detection_rate == pytest.approx(11 / 12, abs=1e-4)
    assert figures.identity_retention == 0.75


def test_faces_like_the_real_ones_score_better_than_others() -> None:
    like, unlike = tally_of(40).figures(REAL), tally_of(40, offset=1.0).figures(REAL)
    assert like.frechet_distance is not None
    assert unlike.frechet_distance is not None
    assert like.frechet_distance < unlike.frechet_distance
    assert like.precision is not None
    assert unlike.precision == unlike.coverage == 0.0 < like.precision


def test_too_few_faces_give_no_figure() -> None:
    figures = tally_of(1).figures(REAL)
    assert figures.frechet_distance is figures.precision is figures.identity_spread is None
    assert json.loads(report_json(figures))["identity_retention"] is None
    assert SynthesisTally().figures(REAL).detection_rate is None


def test_the_page_holds_all_it_shows_and_is_the_same_each_time() -> None:
    tally = tally_of(8)
    tally.add(0, ScreeningReason.DUPLICATE, REAL[0])
    figures = tally.figures(REAL)
    chart = report_png(figures)
    assert chart == report_png(figures)
    assert Image.open(io.BytesIO(chart)).width == 1000
    page = report_html(figures, chart, None).decode()
    assert "<td>Duplicate</td><td>1</td>" in page
    assert "http" not in page
    assert page.count("data:image/png;base64,") == 1
