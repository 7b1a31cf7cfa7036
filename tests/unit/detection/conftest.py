"""A portrait from a public collection."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from faceledger_workloads.images.decode import Pixels, decode_image
from faceledger_workloads.images.scale import enlarged


@pytest.fixture
def portrait(orl_photo: Callable[[int, int], Path]) -> Pixels:
    """246 x 300 pixels, one face."""
    return enlarged(decode_image(orl_photo(1, 1).read_bytes(), 10**6), 300)[0]
