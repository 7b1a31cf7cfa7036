"""What attempts have used and how fast a run goes: counted once, added up, priced, and never guessed without a pace."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from faceledger_operator.api.base import AttemptStatus, CommitmentStatus, Compute, CostStatus, ProgressStatus
from faceledger_operator.api.facedataset import FaceDatasetStatus
from faceledger_operator.reconcile.accounting import FREE, Prices, asked_for, charged, end_between, used
from faceledger_operator.reconcile.pace import in_words, progress_of
from faceledger_workloads.runreport import Progress
from subject_builders import EARLIER, NOW

COMPUTE = Compute.model_validate({"workers": {"min": 2, "max": 2, "cpu": "500m", "gpu": 1}})
EDITED = Compute.model_validate({"workers": {"min": 8, "max": 8, "cpu": "4", "gpu": 0}, "timeout": "10s"})
PRICES = Prices(Decimal("0.36"), Decimal("3.6"), "EUR")


def attempt(name: str = "staff-1", **changes: Any) -> AttemptStatus:
    fields = {"name": name, "number": 1, "spec_hash": "x" * 32, "start_time": EARLIER}
    return AttemptStatus.model_validate({**fields, **changes})


def status(attempt: AttemptStatus | None = None, cost: CostStatus | None = None, done: bool = False) -> Any:
    commitment = CommitmentStatus(state="Pending") if done else None
    return FaceDatasetStatus(attempt=attempt, cost=cost, commitment=commitment)


ENDED = attempt(end_time=NOW, cpu_seconds=100, gpu_seconds=200)
PAID = CostStatus(cpu_seconds=100, gpu_seconds=200, estimate="0.21 EUR")


@pytest.mark.parametrize(
    ("before", "after", "cost"),
    [
        pytest.param(status(), status(attempt()), None, id="a start costs nothing yet"),
        pytest.param(status(attempt()), status(ENDED, done=True), PAID, id="an end is charged"),
        pytest.param(status(ENDED, PAID), status(ENDED, PAID), PAID, id="and is charged once"),
        pytest.param(status(ENDED, PAID), status(attempt("staff-2")), PAID, id="the next attempt keeps the account"),
        pytest.param(
            status(attempt("staff-2"), PAID),
            status(attempt("staff-2", end_time=NOW, cpu_seconds=10, gpu_seconds=0), PAID),
            CostStatus(cpu_seconds=110, gpu_seconds=200, estimate="0.21 EUR"),
            id="and adds to it",
        ),
        pytest.param(status(attempt()), status(attempt("staff-2")), PAID, id="an edit charges what it ended"),
    ],
)
def test_an_account(before: Any, after: Any, cost: CostStatus | None) -> None:
    assert charged(before, after, COMPUTE, PRICES, NOW).cost == cost


@pytest.mark.parametrize(
    ("before", "after", "committed", "end"),
    [
        pytest.param(attempt(), attempt(), False, None, id="one that runs on has not ended"),
        pytest.param(attempt(), ENDED, True, "Succeeded", id="a result"),
        pytest.param(
            attempt(),
            attempt(end_time=NOW, retry_at=NOW + timedelta(1)),
            False,
            "Retried",
            id="a failure that is retried",
        ),
        pytest.param(attempt(), ENDED, False, "Failed", id="a failure for good"),
        pytest.param(ENDED, ENDED, True, None, id="an end that was counted"),
        pytest.param(attempt("staff-0", end_time=NOW), ENDED, False, "Failed", id="another attempt's end"),
        pytest.param(ENDED, None, False, None, id="no attempt any more"),
    ],
)
def test_the_end_of_an_attempt_is_counted_once(
    before: AttemptStatus, after: AttemptStatus | None, committed: bool, end: str | None
) -> None:
    assert end_between(before, status(after, done=committed)) == end


def test_without_prices_there_are_seconds_and_no_estimate() -> None:
    charge = charged(status(attempt()), status(ENDED), COMPUTE, FREE, NOW).cost
    assert charge == CostStatus(cpu_seconds=100, gpu_seconds=200)


@pytest.mark.parametrize(
    ("seconds", "counted"),
    [
        pytest.param(100, (100, 200), id="workers times seconds"),
        pytest.param(10_000, (3600, 7200), id="no longer than an attempt may last"),
    ],
)
def test_what_workers_use(seconds: int, counted: tuple[int, int]) -> None:
    asked = attempt(start_time=NOW - timedelta(seconds=seconds), asked=asked_for(COMPUTE))
    assert used(asked, EDITED, NOW) == counted
    assert used(asked.model_copy(update={"asked": None}), COMPUTE, NOW) == counted
    assert used(asked.model_copy(update={"start_time": None}), COMPUTE, NOW) == (0, 0)


def test_an_edit_of_the_spec_changes_nothing_about_the_charge_of_the_attempt_that_it_ends() -> None:
    before = status(attempt(asked=asked_for(COMPUTE)))
    after = status(attempt("staff-2", asked=asked_for(EDITED)))
    assert charged(before, after, EDITED, PRICES, NOW).cost == PAID


def going(done: int, **changes: Any) -> ProgressStatus:
    fields = {"stage": "encoding", "done": done, "total": 1000, "percent": f"{done // 10}%", "since": EARLIER}
    return ProgressStatus.model_validate({**fields, **changes})


@pytest.mark.parametrize(
    ("before", "done", "left"),
    [
        pytest.param(None, 500, None, id="a stage that was just seen has no pace"),
        pytest.param(going(100, stage="detecting"), 500, None, id="nor has one after another stage"),
        pytest.param(going(100), 500, "1m40s", id="half of it in 100 seconds leaves 100"),
        pytest.param(going(500, done_then=400), 600, "3m20s", id="what was done when it was first seen does not count"),
        pytest.param(going(10), 50, "31m40s", id="minutes"),
        pytest.param(going(1, since=NOW - timedelta(hours=1)), 200, "4h", id="hours"),
        pytest.param(going(900), 1000, None, id="nothing is left of what is done"),
    ],
)
def test_a_pace(before: ProgressStatus | None, done: int, left: str | None) -> None:
    found = progress_of(before, Progress(stage="encoding", done=done, total=1000), NOW)
    assert found.remaining == left
    assert (f"about {left} left" in in_words(found)) == (left is not None)


def test_an_estimate_is_a_moment_too() -> None:
    found = progress_of(going(100), Progress(stage="encoding", done=500, total=1000), NOW)
    assert found.eta == NOW + timedelta(seconds=100)
    assert found.since == EARLIER


def test_too_small_a_step_writes_nothing() -> None:
    before = going(500)
    assert progress_of(before, Progress(stage="encoding", done=510, total=1000), NOW) is before
