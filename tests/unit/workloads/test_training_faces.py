"""How many faces a generator is trained on at most."""

from __future__ import annotations

import pytest
from faceledger_workloads.training_faces import MAX_BYTES, MAX_FACES, most_faces


@pytest.mark.parametrize("resolution", [16, 64, 128, 256, 512, 1024])
def test_faces_are_bounded_by_number_and_by_bytes(resolution: int) -> None:
    most = most_faces(resolution)
    assert most <= MAX_FACES
    assert most * 3 * resolution**2 <= MAX_BYTES
    assert most == MAX_FACES or (most + 1) * 3 * resolution**2 > MAX_BYTES
