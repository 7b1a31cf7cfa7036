"""Charts as PNG: drawn by matplotlib with its own defaults, whatever the machine's settings are.

In: a size, and a function that draws into an empty figure. Out: image bytes. Invariant: equal drawings give equal
bytes: no date, no version, no font but matplotlib's own, no `matplotlibrc`. Figures stay in here, because matplotlib
reads its settings when it draws and when it writes the file, not only when a figure is made.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["chart_png"]


def chart_png(inches: tuple[float, float], draw: Callable[[Figure], None], dpi: int = 100) -> bytes:
    """`inches`: width and height. matplotlib is loaded here, by those who draw alone."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    image = io.BytesIO()
    with mpl.rc_context():
        mpl.rcdefaults()
        figure = Figure(figsize=inches, dpi=dpi, layout="constrained")
        draw(figure)
        # matplotlib's version in the file would change its digest with every release.
        figure.savefig(image, format="png", dpi=dpi, metadata={"Software": None})
    return image.getvalue()
