"""A chart's bytes depend on what is drawn alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import matplotlib as mpl
import pytest
from faceledger_workloads.charts import chart_png

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def _draw(figure: Figure) -> None:
    axes = figure.add_subplot()
    axes.plot([1, 2], [3, 4], label="a line")
    axes.legend()


@pytest.mark.parametrize(
    "setting",
    [
        pytest.param({"font.size": 25.0}, id="read when a text is made"),
        pytest.param({"lines.linewidth": 9.0}, id="read when a line is made"),
        pytest.param({"text.hinting": "none"}, id="read when text is painted"),
        pytest.param({"savefig.facecolor": "red", "savefig.bbox": "tight"}, id="read when the file is written"),
    ],
)
def test_a_setting_of_the_machine_changes_nothing(setting: dict[str, object]) -> None:
    expected = chart_png((2, 2), _draw)
    with mpl.rc_context(setting):  # type: ignore[arg-type]
        assert chart_png((2, 2), _draw) == expected
