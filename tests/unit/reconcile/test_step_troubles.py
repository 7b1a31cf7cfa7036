"""What keeps a step from being taken is told with a reason of its own, and nothing is started behind it."""

from __future__ import annotations

import asyncio
import base64
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from faceledger_contracts.eip712 import address_of
from faceledger_operator.api.conditions import RunReason
from faceledger_operator.kube.errors import ApiConflictError, ApiRefusedError, ApiUnavailableError
from faceledger_operator.kube.kinds import (
    CONFIG_MAP,
    NETWORK_POLICY,
    RAY_JOB,
    ROLE,
    ROLE_BINDING,
    SECRET,
    SERVICE_ACCOUNT,
    Kind,
)
from faceledger_operator.kube.labels import ATTEMPT as ATTEMPT_LABEL
from faceledger_operator.ledger.ledger import (
    JournalFullError,
    LedgerRefusedError,
    Ledgers,
    LedgerUnavailableError,
)
from faceledger_operator.reconcile.act import Actor, Images
from faceledger_operator.reconcile.attempt import decide
from faceledger_operator.reconcile.authorising import Authorisations, AuthorisingError
from faceledger_operator.reconcile.children import anchor_of
from faceledger_operator.reconcile.decision import Removal, Start, Submit
from faceledger_operator.reconcile.outcome import Started, Submitted, Trouble, conclude
from faceledger_operator.reconcile.record import build_record
from memory_api import MemoryApi, Object
from simulated_cluster import SimulatedLedger
from subject_builders import DIGEST, INPUTS, LONGEST, NOW, dataset, observed, planned, running, started, success

STAFF = dataset()
START = Start(planned(STAFF), INPUTS)
ENDED = started(STAFF, end_time=NOW)
ANOTHER = {"kind": "FaceDataset", "name": "visitors", "uid": "another"}
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
        "create NetworkPolicy",
        "create NetworkPolicy",
        "create Role",
        "create RoleBinding",
        "create Secret",
        "create Secret",
        "create ServiceAccount",
    ]


async def test_the_longest_timeout_has_an_end_that_a_calendar_knows() -> None:
    patient, api, ledger = dataset(compute={"timeout": LONGEST}), MemoryApi(), SimulatedLedger()
    step = Start(planned(patient), INPUTS)
    assert isinstance(await actor(api, ledger).perform(patient, step), Started)
    (job,) = api.of(RAY_JOB)
    assert job["spec"]["activeDeadlineSeconds"] == 519_996_339


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


ATTEMPT = START.attempt.name


@pytest.mark.parametrize(
    ("kind", "name", "owners"),
    [
        pytest.param(SECRET, "staff-data-key", [ANOTHER], id="a data key of another resource"),
        pytest.param(SECRET, f"{ATTEMPT}-run-key", [ANOTHER], id="a run key of another resource"),
        pytest.param(SECRET, f"{ATTEMPT}-run-key", [], id="a run key of nobody"),
        pytest.param(CONFIG_MAP, f"{ATTEMPT}-run", [], id="a run spec of nobody"),
        pytest.param(CONFIG_MAP, f"{ATTEMPT}-report", [], id="a report of nobody"),
        pytest.param(SERVICE_ACCOUNT, ATTEMPT, [], id="a service account of nobody"),
        pytest.param(ROLE, ATTEMPT, [], id="a role of nobody"),
        pytest.param(ROLE_BINDING, ATTEMPT, [], id="a binding of nobody"),
        pytest.param(RAY_JOB, ATTEMPT, [], id="a RayJob of nobody"),
    ],
)
async def test_what_others_put_under_a_name_of_ours_is_never_adopted(
    kind: Kind, name: str, owners: list[Object]
) -> None:
    api, ledger = MemoryApi(), SimulatedLedger()
    planted = base64.b64encode(b"0x" + b"07" * 32).decode()
    metadata = {"namespace": "demo", "name": name, "ownerReferences": owners}
    await api.create(kind, {"metadata": metadata, "data": {"private-key": planted}})
    outcome = await actor(api, ledger).perform(STAFF, START)
    assert isinstance(outcome, Trouble)
    assert (outcome.reason, outcome.stalled) == (RunReason.ATTEMPT_INVALID, True)
    assert name in outcome.message
    assert address_of("0x" + "07" * 32) not in ledger.authorised
    assert len(api.of(RAY_JOB)) == (kind == RAY_JOB)


async def test_what_an_earlier_resource_of_the_name_left_is_waited_for() -> None:
    api = MemoryApi()
    earlier = {"kind": "FaceDataset", "name": "staff", "uid": "earlier"}
    metadata = {"namespace": "demo", "name": "staff-data-key", "ownerReferences": [earlier]}
    await api.create(SECRET, {"metadata": metadata})
    with pytest.raises(ApiConflictError, match="staff-data-key"):
        await actor(api, SimulatedLedger()).perform(STAFF, START)


@pytest.mark.parametrize("data", [None, {}, {"private-key": "eA=="}, {"private-key": "?"}])
async def test_a_run_key_secret_without_a_key_is_named(data: Object | None) -> None:
    api = MemoryApi()
    acting = actor(api, SimulatedLedger())
    await acting.perform(STAFF, START)
    api.objects["Secret", "demo", f"{ATTEMPT}-run-key"]["data"] = data
    outcome = await actor(api, SimulatedLedger()).perform(STAFF, START)
    assert isinstance(outcome, Trouble)
    assert outcome.stalled
    assert f"Secret {ATTEMPT}-run-key: private-key" in outcome.message


class SlowLedger(SimulatedLedger):
    """Has a block only when the test says so."""

    def __init__(self) -> None:
        super().__init__()
        self.block = asyncio.Event()

    async def authorise_run_key(self, address: str, valid_until: datetime) -> None:
        self._call()
        await self.block.wait()
        self.authorised.add(address)


async def test_a_slow_block_is_looked_for_again_soon_and_holds_no_place(monkeypatch: pytest.MonkeyPatch) -> None:
    api, ledger = MemoryApi(), SlowLedger()
    acting = actor(api, ledger)
    monkeypatch.setattr(acting._authorisations, "_patience", 0.001)
    for _ in range(3):
        outcome = await acting.perform(STAFF, START)
        assert isinstance(outcome, Trouble)
        assert (outcome.reason, outcome.stalled, outcome.look_again) == (RunReason.AUTHORISING, False, 1.0)
    assert len(api.of(CONFIG_MAP)) == 2
    assert not api.of(RAY_JOB)
    assert ledger.calls == 1
    monkeypatch.setattr(acting._authorisations, "_patience", 2.0)
    ledger.block.set()
    assert isinstance(await acting.perform(STAFF, START), Started)


async def test_an_authorisation_that_failed_while_nobody_waited_is_begun_anew() -> None:
    ledger = SlowLedger()
    found = Authorisations(patience=0.001)
    with pytest.raises(AuthorisingError):
        await found.wait(ledger, "0xkey", NOW)
    (task,) = found._under_way.values()
    task.cancel()
    await asyncio.wait({task})
    assert not found._under_way
    ledger.block.set()
    await Authorisations.wait(found, ledger, "0xkey", NOW)
    assert (ledger.calls, ledger.authorised) == (2, {"0xkey"})


class HalfDeafApi(MemoryApi):
    """Loses its connection when the report is created, and takes for ever over service accounts."""

    def __init__(self) -> None:
        super().__init__()
        self.ended = False

    async def create(self, kind: Kind, body: Object) -> Object:
        if kind == SERVICE_ACCOUNT:
            try:
                await asyncio.Event().wait()
            finally:
                self.ended = True
        if body["metadata"]["name"] == f"{ATTEMPT}-report":
            await asyncio.sleep(0)
            raise ApiUnavailableError("the connection was lost")
        return await super().create(kind, body)


async def test_one_write_that_fails_ends_the_others_before_the_next_look() -> None:
    api = HalfDeafApi()
    with pytest.raises(ApiUnavailableError):
        await actor(api, SimulatedLedger()).perform(STAFF, START)
    assert api.ended


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


async def test_a_deletion_that_fails_leaves_what_the_rest_is_found_again_by() -> None:
    api = MemoryApi()
    acting = actor(api, SimulatedLedger())
    await acting.perform(STAFF, START)
    anchor = anchor_of(ATTEMPT)
    (job,) = api.of(RAY_JOB)
    removals = (Removal(anchor.kind, anchor.name), Removal(RAY_JOB, job["metadata"]["name"]))
    api.fail = (api.calls, "before")
    with pytest.raises(ApiUnavailableError):
        await acting.remove(STAFF, removals)
    assert api.of(CONFIG_MAP)
    await acting.remove(STAFF, removals)
    assert not api.of(CONFIG_MAP)


async def test_one_deletion_removes_all_that_an_attempt_consists_of_but_not_the_data_key() -> None:
    api = MemoryApi()
    acting = actor(api, SimulatedLedger())
    await acting.perform(STAFF, START)
    api.writes.clear()
    await acting.remove(STAFF, (Removal(CONFIG_MAP, anchor_of(ATTEMPT).name),))
    assert api.writes == ["delete ConfigMap"]
    assert {name for _, _, name in api.objects} == {ATTEMPT, "staff-data-key"}
    assert [kind for kind, _, name in api.objects if name == ATTEMPT] == ["RayJob"]


async def test_workers_reach_their_own_attempt_alone_and_the_driver_the_api_server_and_ipfs_too() -> None:
    api = MemoryApi()
    await actor(api, SimulatedLedger()).perform(STAFF, START)
    among, driver = (policy["spec"] for policy in api.of(NETWORK_POLICY))
    own = {"podSelector": {"matchLabels": {ATTEMPT_LABEL: ATTEMPT}}}
    assert among["podSelector"] == own["podSelector"]
    assert among["policyTypes"] == ["Ingress", "Egress"]
    assert [rule for rule in among["egress"] if "to" in rule] == [{"to": [own]}]
    assert {port["port"] for rule in among["egress"] for port in rule.get("ports", ())} == {53}
    assert driver["podSelector"]["matchLabels"] == {ATTEMPT_LABEL: ATTEMPT, "ray.io/node-type": "head"}
    assert driver["egress"] == [{"ports": [{"port": 443}, {"port": 5001}, {"port": 6443}]}]


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
    known = replace(SUBMIT, attempt=ENDED.model_copy(update={"name": "again", "image_digest": DIGEST}))
    assert build_record(known.run, known.signed, known.attempt).image_digest == DIGEST
    assert record.report_digest == SUBMIT.signed.digest
