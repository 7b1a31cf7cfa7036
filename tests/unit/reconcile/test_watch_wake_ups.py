"""Events wake the right resources, and writes that never come back betray a blind watch."""

from __future__ import annotations

from typing import Any

import pytest
from faceledger_operator.kube.kinds import FACE_DATASET, LEDGER_BINDING, RECOGNITION_JOB, Kind
from faceledger_operator.kube.labels import ATTEMPT
from faceledger_operator.reconcile.watch_audit import SEEN_LIMIT, WatchAudit
from faceledger_operator.reconcile.watches import CHILD_KINDS, Dependents, Watches, watch_settings
from subject_builders import DATASET_SPEC, JOB_SPEC


class Woken:
    def __init__(self) -> None:
        self.keys: list[tuple[str, str]] = []

    def __call__(self, kind: Kind, namespace: str, name: str) -> None:
        self.keys.append((kind.kind, name))


def watches(woken: Woken) -> Watches:
    return Watches(woken, WatchAudit(lambda: 0.0))


async def own_event(
    found: Watches, kind: Kind, name: str, spec: dict[str, Any], ready: str = "False", pending: int = 0
) -> None:
    status = {"conditions": [{"type": "Ready", "status": ready}], "pending": pending}
    handle = found._own_handler(kind)
    await handle(namespace="demo", name=name, type=None, spec=spec, status=status, meta={"resourceVersion": "1"})


async def test_a_gallery_wakes_the_jobs_that_wait_for_it() -> None:
    found = watches(woken := Woken())
    await own_event(found, RECOGNITION_JOB, "front-door", JOB_SPEC)
    await own_event(found, FACE_DATASET, "staff", DATASET_SPEC)
    assert woken.keys == [
        ("RecognitionJob", "front-door"),
        ("FaceDataset", "staff"),
        ("RecognitionJob", "front-door"),
    ]


async def test_a_ledger_wakes_all_that_commit_to_it() -> None:
    found = watches(woken := Woken())
    await own_event(found, RECOGNITION_JOB, "front-door", JOB_SPEC)
    await own_event(found, FACE_DATASET, "visitors", DATASET_SPEC)
    woken.keys.clear()
    await own_event(found, LEDGER_BINDING, "consortium", {})
    assert sorted(woken.keys) == [
        ("FaceDataset", "visitors"),
        ("LedgerBinding", "consortium"),
        ("RecognitionJob", "front-door"),
    ]


async def test_a_ledger_whose_counts_move_wakes_nobody_else() -> None:
    found = watches(woken := Woken())
    await own_event(found, RECOGNITION_JOB, "front-door", JOB_SPEC)
    for ready, pending in (("False", 0), ("False", 1), ("True", 1), ("True", 2)):
        await own_event(found, LEDGER_BINDING, "consortium", {}, ready, pending)
    assert woken.keys.count(("RecognitionJob", "front-door")) == 1 + 2


def test_who_is_deleted_or_refers_elsewhere_is_woken_no_more() -> None:
    dependents = Dependents()
    dependents.note(RECOGNITION_JOB, "demo", "front-door", JOB_SPEC)
    dependents.note(RECOGNITION_JOB, "demo", "front-door", {**JOB_SPEC, "galleryRef": {"name": "visitors"}})
    assert dependents.of(FACE_DATASET, "demo", "staff") == set()
    assert dependents.of(FACE_DATASET, "demo", "visitors") == {(RECOGNITION_JOB, "front-door")}
    dependents.note(RECOGNITION_JOB, "demo", "front-door", None)
    assert dependents.of(FACE_DATASET, "demo", "visitors") == set()


async def test_a_child_wakes_the_resource_that_it_is_labelled_with() -> None:
    found = watches(woken := Woken())
    subject = {"faceledger.dev/subject": "staff"}
    await found._child_handler(
        namespace="demo", labels={"faceledger.dev/subject-kind": "FaceDataset"}, annotations=subject
    )
    await found._child_handler(namespace="demo", labels={"faceledger.dev/subject-kind": "Pod"}, annotations=subject)
    await found._child_handler(namespace="demo", labels={}, annotations={})
    assert woken.keys == [("FaceDataset", "staff")]


def test_the_server_selects_children_by_their_label() -> None:
    settings = watch_settings()
    selected = {str(value) for value in settings.watching.label_selectors.values()}
    assert selected == {ATTEMPT}
    assert len(settings.watching.label_selectors) == len(CHILD_KINDS)
    assert not settings.posting.enabled


@pytest.mark.parametrize(
    ("version", "deleted", "age"),
    [
        pytest.param("7", False, 0.0, id="the write itself"),
        pytest.param("9", False, 0.0, id="a later state"),
        pytest.param("6", False, 10.0, id="an earlier state is not it"),
        pytest.param("6", True, 0.0, id="a deletion ends the waiting"),
    ],
)
def test_a_write_is_awaited_until_the_watch_shows_it(version: str, deleted: bool, age: float) -> None:
    now = [100.0]
    audit = WatchAudit(lambda: now[0])
    assert audit.age == 0.0
    audit.wrote(FACE_DATASET, {"metadata": {"namespace": "demo", "name": "staff", "resourceVersion": "7"}})
    now[0] += 10.0
    audit.saw(FACE_DATASET, "demo", "staff", version, deleted)
    assert audit.age == age


@pytest.mark.parametrize(
    ("version", "deleted", "age"),
    [
        pytest.param("7", False, 0.0, id="the write itself"),
        pytest.param("9", False, 0.0, id="a later state"),
        pytest.param("6", False, 10.0, id="an earlier state is not it"),
        pytest.param("6", True, 0.0, id="a deletion"),
    ],
)
def test_an_event_that_comes_before_the_answer_to_its_write_counts(version: str, deleted: bool, age: float) -> None:
    now = [100.0]
    audit = WatchAudit(lambda: now[0])
    audit.saw(FACE_DATASET, "demo", "staff", version, deleted)
    audit.wrote(FACE_DATASET, {"metadata": {"namespace": "demo", "name": "staff", "resourceVersion": "7"}})
    now[0] += 10.0
    assert audit.age == age


def test_a_resource_that_was_deleted_and_came_back_is_awaited_again() -> None:
    now = [100.0]
    audit = WatchAudit(lambda: now[0])
    audit.saw(FACE_DATASET, "demo", "staff", "5", True)
    audit.saw(FACE_DATASET, "demo", "staff", "6", False)
    audit.wrote(FACE_DATASET, {"metadata": {"namespace": "demo", "name": "staff", "resourceVersion": "7"}})
    now[0] += 10.0
    assert audit.age == 10.0


def test_what_was_seen_is_remembered_for_a_bounded_number_of_objects() -> None:
    audit = WatchAudit(lambda: 0.0)
    for number in range(SEEN_LIMIT + 10):
        audit.saw(FACE_DATASET, "demo", f"staff-{number}", "1", False)
    assert len(audit._seen) == SEEN_LIMIT
    assert ("FaceDataset", "demo", f"staff-{SEEN_LIMIT + 9}") in audit._seen
