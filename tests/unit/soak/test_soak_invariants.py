"""What a soak calls a violation: each rule is broken once by what it must see, and not by what looks like it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from soak.invariants import RULES, violations
from soak.seen import Batch, Child, Condition, Kept, MemorySample, Resource, Run, Seen, Text, Transition

READY = (Condition("Ready", "True", "Succeeded", "6 images"),)
STALLED = (Condition("Ready", "False", "SourceEmpty", "no image"), Condition("Stalled", "True", "SourceEmpty", "none"))


def resource(name: str = "staff", **fields: object) -> Resource:
    return replace(Resource("FaceDataset", name, f"uid-{name}", READY, attempt=f"{name}-1"), **fields)


def waiting(message: str) -> Resource:
    return resource("door", conditions=(Condition("Ready", "False", "GalleryNotReady", message),))


def changes(*times: float, words: tuple[str, ...] = ("Running", "Starting")) -> tuple[Transition, ...]:
    """A condition that takes the reasons in turn, at these times."""
    return tuple(
        Transition(at, "FaceDataset/staff", "Ready", "False", words[n % len(words)]) for n, at in enumerate(times)
    )


def life(*mib: float, every: float = 10.0) -> tuple[MemorySample, ...]:
    return tuple(MemorySample("faceledger-1#0", n * every, value) for n, value in enumerate(mib))


RAYJOB = Child("RayJob", "staff-1", "uid-job", "uid-staff", ("uid-staff",))
POD = Child("Pod", "staff-1-head", "uid-pod", "uid-staff", ("uid-job",))
RUN = Run("staff-1", "uid-job", "uid-staff", 10.0, 40.0)
KEPT = Kept("0xA", "0xb1", "0xl1", "staff-1")

SOUND = Seen(
    resources=(resource(), resource("empty", conditions=STALLED)),
    children=(RAYJOB, Child("Secret", "staff-1-receipt", "uid-receipt", "uid-staff", ("uid-staff",))),
    runs=(RUN, Run("staff-2", "uid-job-2", "uid-staff", 40.0, 70.0)),
    transitions=changes(0, 5, 20, 25, 40, 45),
    memory=life(40, 80, 90, *([100] * 9)),
    texts=(Text("log of the operator", "RayJob staff-1 started"),),
    needles=("0123456789abcdef0123456789abcdef",),
    batches=(Batch("0xA", "0xb1", 1),),
    receipts=(KEPT,),
    submitted=frozenset({"staff-1"}),
)
"""A soak in which everything held."""


def test_a_sound_soak_has_no_violation() -> None:
    assert violations(SOUND) == []


BREACHES = (
    pytest.param(
        "orphaned", {"resources": (resource("empty"),)}, "belongs to a resource that is gone", id="its subject"
    ),
    pytest.param("orphaned", {"children": (replace(RAYJOB, owners=()),)}, "has no owner", id="nobody's"),
    pytest.param("orphaned", {"children": (POD,)}, "the owner of Pod/staff-1-head is gone", id="a pod of a lost job"),
    pytest.param("left after deletion", {"remains": (POD,)}, "Pod/staff-1-head", id="a pod after all was deleted"),
    pytest.param(
        "left after the end", {"children": (RAYJOB, POD)}, "Pod/staff-1-head is left", id="a pod of a run that is over"
    ),
    pytest.param(
        "doubled run",
        {"runs": (RUN, replace(RUN, uid="other", start=50.0))},
        "had 2 RayJobs",
        id="one attempt, two jobs",
    ),
    pytest.param(
        "doubled run",
        {"runs": (RUN, Run("staff-2", "uid-2", "uid-staff", 39.0))},
        "staff-2 began while staff-1 still ran",
        id="two at a time",
    ),
    pytest.param(
        "doubled run",
        {"runs": (replace(RUN, end=None), Run("staff-2", "uid-2", "uid-staff", 99.0))},
        "staff-2 began while staff-1 still ran",
        id="one that never ended",
    ),
    pytest.param(
        "doubled commitment",
        {"batches": (Batch("0xA", "0xb1", 2),)},
        "2 leaves are on the chain, of 1",
        id="a leaf more",
    ),
    pytest.param(
        "doubled commitment",
        {"receipts": (KEPT, KEPT)},
        "attempt staff-1 has 2 receipts",
        id="an attempt, two receipts",
    ),
    pytest.param(
        "doubled commitment", {"batches": ()}, "1 receipts and 0 leaves on the chain", id="a receipt without a commit"
    ),
    pytest.param(
        "neither Ready nor Stalled",
        {"resources": (resource(conditions=(Condition("Ready", "False", "Starting", "…"),)), *SOUND.resources[1:])},
        "FaceDataset/staff is neither",
        id="one that starts for ever",
    ),
    pytest.param(
        "neither Ready nor Stalled",
        {"resources": (resource(current=False), *SOUND.resources[1:])},
        "FaceDataset/staff is neither",
        id="Ready for an older spec",
    ),
    pytest.param(
        "neither Ready nor Stalled",
        {"resources": (*SOUND.resources, waiting("waiting for FaceDataset staff: 6 images"))},
        "FaceDataset/door is neither",
        id="waits for one that is Ready",
    ),
    pytest.param(
        "not verified",
        {"resources": (resource(verified=False), *SOUND.resources[1:])},
        "does not convince",
        id="a receipt",
    ),
    pytest.param(
        "flapping", {"transitions": changes(0, 3, 6, 9, 12)}, "Ready of FaceDataset/staff flaps", id="to and fro"
    ),
    pytest.param("memory", {"memory": life(*range(50, 150, 5))}, "grew by", id="memory that grows"),
    pytest.param("memory", {"memory": life(250)}, "held 250 MiB", id="memory that is too much"),
    pytest.param(
        "leak",
        {"texts": (Text("an event", f"key {SOUND.needles[0]}!"),)},
        "an event holds a secret",
        id="a key in an event",
    ),
    pytest.param("nothing seen", {"runs": ()}, "no runs were seen", id="blind watches"),
)


@pytest.mark.parametrize(("rule", "change", "words"), BREACHES)
def test_a_breach_is_named(rule: str, change: dict[str, object], words: str) -> None:
    found = [violation for violation in violations(replace(SOUND, **change)) if violation.rule == rule]
    assert found, f"{rule} saw nothing"
    assert any(words in violation.what for violation in found), found


def test_every_rule_has_a_breach() -> None:
    assert {breach.values[0] for breach in BREACHES} == set(RULES)


def test_who_waits_for_a_stalled_one_is_settled() -> None:
    seen = replace(SOUND, resources=(*SOUND.resources, waiting("waiting for FaceDataset empty: no image")))
    assert violations(seen) == []


def test_the_secret_itself_is_not_repeated() -> None:
    (found,) = violations(replace(SOUND, texts=(Text("log", SOUND.needles[0]),)))
    assert SOUND.needles[0] not in str(found)
