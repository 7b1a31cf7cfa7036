"""Processes that are killed while the chain takes blocks back: no record is lost, and none is committed twice."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from faceledger_contracts.eip712 import new_run_key
from testbed.ordeal import Ordeal, undergo

pytestmark = pytest.mark.chain

POINTS, RECORDS = 5, 40


@pytest.mark.parametrize("seed", [1])
def test_nothing_is_lost_or_doubled_when_processes_are_killed_at_random(
    anvil: str, ledger: Any, accounts: Any, tmp_path: Path, seed: int
) -> None:
    signer = "0x" + bytes(accounts["operator"].key).hex()
    ordeal = Ordeal(anvil, ledger.address, 31337, signer, new_run_key()[1], str(tmp_path))
    survived = undergo(ordeal, POINTS, RECORDS, seed)
    assert (survived.points, survived.proved) == (POINTS, RECORDS)
    assert (survived.lost, survived.twice) == (0, 0)
    assert survived.reorganisations
