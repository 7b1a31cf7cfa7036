"""Reasons are data: each one that a data set or a job can show has a case, or it is not a reason."""

from __future__ import annotations

from faceledger_operator.api.conditions import RunReason
from test_attempt_decisions import CASES as DECISIONS
from test_step_troubles import CASES as TROUBLES


def test_every_reason_has_a_case() -> None:
    shown = {param.values[0].reason for param in (*DECISIONS, *TROUBLES)}  # type: ignore[union-attr]
    assert set(RunReason) - shown == set()


def test_every_reason_says_what_happened() -> None:
    assert all(reason.what.endswith(".") for reason in RunReason)
