"""What keeps a step from being taken is told with a reason of its own, and nothing is started behind it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import pytest
from faceledger_operator.api.conditions import RunReason
from faceledger_operator.kube.errors import ApiConflictError, ApiRefusedError
from faceledger_operator.kube.kinds import CONFIG_MAP, RAY_JOB, ROLE, SECRET, Kind
from faceledger_operator.ledger.ledger import (
    JournalFullError,
    LedgerRefusedError,
    Ledgers,
    LedgerUnavailableError,
)
from faceledger_operator.reconcile.act import Actor, Images
from faceledger_operator.reconcile.attempt import decide
from faceledger_operator.reconcile.decision import Start, Submit
from faceledger_operator.reconcile.outcome import Started, Submitted, Trouble, conclude
from memory_api import MemoryApi, Object
from simulated_cluster import SimulatedLedger
from subject_builders import INPUTS, NOW, dataset, observed, planned, running, started, success

STAFF = dataset()
START = Start(planned(STAFF), INPUTS)
ENDED = started(STAFF, end_time=NOW)
SUBMIT = Submit(STAFF.run(INPUTS, ENDED.name), success(), ENDED)


class RefusingApi(MemoryApi):
    """Refuses to create one kind, in the API server's words."""

    def __init__(self, kind: Kind | None = None, message: str = "") -> None:
        super().__init__()
        self._refused = kind
        self._message = message

    async def create(self, kind: Kind, body: Object) -> Object:
        if kind == self._refused:
            raise ApiRefusedError(422, self._message)
        return await super().create(kind, body)


class RaisingLedger(SimulatedLedger):
    def __init__(self, error: Exception | None = None) -> None:
        super().__init__()
        self._error = error

    def _call(self) -> None:
        if self._error:
            raise self._error


def actor(api: MemoryApi, ledger: SimulatedLedger | None, random: bytes = b"\x01") -> Actor:
    ledgers = Ledgers()
    if ledger:
        ledgers.put("demo", "consortium", ledger)
    kube: Any = api
    return Actor(kube, ledgers, Images("workloads:1", "operator:1"), lambda count: random * count, lambda: NOW)


@dataclass(frozen=True)
class Case:
    step: Start | Submit
    reason: RunReason
    says: str
    stalled: bool = False
    api: MemoryApi | None = None
    error: Exception | None = None
    ledger: bool = True


CASES = (
    pytest.param(
        Case(START, RunReason.AUTHORISING, "no answer", error=LedgerUnavailableError("no answer")),
        id="a chain that does not answer is waited for before the RayJob is created",
    ),
    pytest.param(
        Case(START, RunReason.LEDGER_NOT_READY, "revoked", stalled=True, error=LedgerRefusedError("key revoked")),
        id="a contract that refuses the run key needs a person",
    ),
    pytest.param(
        Case(START, RunReason.LEDGER_NOT_READY, "consortium", ledger=False),
        id="a ledger that is not connected is waited for",
    ),
    pytest.param(
        Case(START, RunReason.ATTEMPT_INVALID, "spec.x", stalled=True, api=RefusingApi(RAY_JOB, "spec.x: invalid")),
        id="a RayJob that the API server refuses needs a person",
    ),
    pytest.param(
        Case(START, RunReason.QUOTA_EXCEEDED, "rayjobs", api=RefusingApi(RAY_JOB, "exceeded quota: rayjobs")),
        id="a quota on objects clears by itself",
    ),
    pytest.param(
        Case(SUBMIT, RunReason.JOURNAL_FULL, "256 KiB", error=JournalFullError("256 KiB")),
        id="a full journal is waited for",
    ),
    pytest.param(
        Case(SUBMIT, RunReason.LEDGER_NOT_READY, "waiting", error=LedgerUnavailableError("no answer")),
        id="a ledger that does not answer keeps the result waiting",
    ),
    pytest.param(
        Case(SUBMIT, RunReason.LEDGER_NOT_READY, "spec.x", stalled=True, error=LedgerRefusedError("spec.x")),
        id="a ledger that refuses a record needs a person",
    ),
)


@pytest.mark.parametrize("case", CASES)
async def test_a_step_that_meets_trouble(case: Case) -> None:
    api = case.api or MemoryApi()
    outcome = await actor(api, RaisingLedger(case.error) if case.ledger else None).perform(STAFF, case.step)
    assert isinstance(outcome, Trouble)
    assert (outcome.reason, outcome.stalled) == (case.reason, case.stalled)
    assert case.says in outcome.message
    assert not api.of(RAY_JOB)


@pytest.mark.parametrize("case", CASES)
def test_trouble_seen_twice_is_written_once(case: Case) -> None:
    seen = running(STAFF, report=success()) if isinstance(case.step, Submit) else observed(STAFF, None, inputs=INPUTS)
    trouble = Trouble(case.reason, case.says, case.stalled)
    status = conclude(seen, decide(seen, NOW), trouble, NOW)
    ready = status.conditions[0]
    assert (ready.type, ready.status, ready.reason) == ("Ready", "False", case.reason)
    again = observed(STAFF, status.attempt, inputs=INPUTS, status=dict(status))
    later = NOW + timedelta(seconds=3)
    second = decide(again, later)
    if isinstance(case.step, Start):
        assert conclude(again, second, trouble, later) == status


async def test_a_start_creates_everything_and_authorises_the_key_before_the_rayjob() -> None:
    api, ledger = MemoryApi(), SimulatedLedger()
    outcome = await actor(api, ledger).perform(STAFF, START)
    assert isinstance(outcome, Started)
    assert ledger.authorised == {outcome.run_key}
    assert api.writes[-1] == "create RayJob"
    assert sorted(api.writes[:-1]) == [
        "create ConfigMap",
        "create ConfigMap",
        "create Role",
        "create RoleBinding",
        "create Secret",
        "create Secret",
        "create ServiceAccount",
    ]


async def test_a_role_is_there_before_it_is_bound() -> None:
    """The API server looks the Role up when it is bound, and refuses the binding where it finds none."""
    api = MemoryApi()
    await actor(api, SimulatedLedger()).perform(STAFF, START)
    assert api.writes.index("create Role") < api.writes.index("create RoleBinding")


async def test_a_start_that_is_repeated_adopts_what_is_there_with_its_key() -> None:
    api, ledger = MemoryApi(), SimulatedLedger()
    first = await actor(api, ledger).perform(STAFF, START)
    again = await actor(api, ledger, random=b"\x02").perform(STAFF, START)
    assert again == first
    assert len(api.of(RAY_JOB)) == 1


async def test_an_object_of_another_resource_is_never_adopted() -> None:
    api = MemoryApi()
    another = {"namespace": "demo", "name": "staff-data-key", "ownerReferences": [{"uid": "another"}]}
    await api.create(SECRET, {"metadata": another})
    with pytest.raises(ApiConflictError, match="staff-data-key"):
        await actor(api, SimulatedLedger()).perform(STAFF, START)


async def test_a_data_key_that_a_person_made_is_used_as_it_is() -> None:
    api = MemoryApi()
    await api.create(SECRET, {"metadata": {"namespace": "demo", "name": "staff-data-key"}, "data": {"key": "eA=="}})
    assert isinstance(await actor(api, SimulatedLedger()).perform(STAFF, START), Started)
    assert api.objects["Secret", "demo", "staff-data-key"]["data"] == {"key": "eA=="}


async def test_the_driver_may_patch_its_one_report_and_nothing_else() -> None:
    api = MemoryApi()
    await actor(api, SimulatedLedger()).perform(STAFF, START)
    (role,) = api.of(ROLE)
    name = f"{START.attempt.name}-report"
    assert role["rules"] == [
        {"apiGroups": [""], "resources": ["configmaps"], "resourceNames": [name], "verbs": ["get", "patch"]}
    ]
    assert name in {found["metadata"]["name"] for found in api.of(CONFIG_MAP)}


async def test_no_private_key_leaves_its_secret() -> None:
    api = MemoryApi()
    await actor(api, SimulatedLedger()).perform(STAFF, START)
    elsewhere = [found for found in api.objects.items() if found[0][0] != "Secret"]
    assert "01" * 32 not in str(elsewhere)


async def test_a_submission_carries_the_record_of_the_snapshot() -> None:
    ledger = SimulatedLedger()
    outcome = await actor(MemoryApi(), ledger).perform(replace(STAFF), SUBMIT)
    assert isinstance(outcome, Submitted)
    pending = ledger.records[ENDED.name]
    assert pending.run_key_secret == f"{ENDED.name}-run-key"
    assert pending.owner["uid"] == STAFF.metadata.uid
    record = pending.record
    assert (record.subject.name, record.subject.generation, record.purpose) == ("staff", 1, "AccessControl")
    assert (record.created, record.image_digest) == ("2026-01-02T12:00:00Z", INPUTS.image)
    assert record.report_digest == SUBMIT.signed.digest
