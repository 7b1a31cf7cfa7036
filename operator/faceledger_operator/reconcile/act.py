"""Carries decisions out: where the reconcilers of FaceDataset and RecognitionJob write anything but status and events.

In: a step or removals. Out: how the step went. Invariants: every write may be repeated (what exists already is
adopted), and a RayJob is created last, when the contract knows its run key and everything that its pods mount is
there.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from faceledger_contracts.eip712 import new_run_key
from faceledger_contracts.randomness import RandomSource

from ..api.conditions import RunReason
from ..kube.api import Kube
from ..kube.errors import ApiRefusedError
from ..kube.kinds import CONFIG_MAP, RAY_JOB, ROLE, ROLE_BINDING, SECRET
from ..ledger.ledger import JournalFullError, Ledger, LedgerRefusedError, Ledgers, LedgerUnavailableError
from ..ray.overrides import OverrideRefusedError, check_overrides
from ..ray.pods import Placement, PodNeeds
from ..ray.rayjob import RayJobPlan, build_rayjob
from ..ray.shared import build_shared_rayjob, shared_cluster
from ..ray.status import parse_time
from .adoption import NotOursError, create_or_adopt
from .authorising import Authorisations, AuthorisingError
from .children import (
    Children,
    anchor_of,
    annotations_of,
    data_key_secret,
    labels_of,
    owner_reference,
    run_config_map,
    run_key_of,
)
from .decision import Removal, Start, Submit
from .outcome import Outcome, Started, Submitted, Trouble
from .plan import parse_duration
from .record import build_record, pending_record
from .standing import claim
from .subject import Inputs, Run, Subject

__all__ = ["Actor", "Images"]

KEY_LIFETIME = timedelta(days=7)
"""How long beyond its timeout an attempt's run key may sign: its result waits that long for a chain that is down."""

DATA_KEY_BYTES = 32

AUTHORISING_LOOK = 1.0
"""Seconds until a start looks again at an authorisation that is under way."""


PREPARED_LIMIT = 4096
"""Attempts that are remembered to lack nothing but the authorisation of their key, until they have their RayJob."""


@dataclass(frozen=True)
class _Prepared:
    """An attempt's objects are there: the uid of their anchor, the address of their run key."""

    anchor: str
    run_key: str


@dataclass(frozen=True)
class Images:
    """Images that attempts are made of, and the Secrets to pull them with."""

    workloads: str
    operator: str
    pull_secrets: tuple[str, ...] = ()


class Actor:
    """Writes to the API server and the ledger. `ApiUnavailableError` and `ApiConflictError` mean: look again."""

    def __init__(
        self, kube: Kube, ledgers: Ledgers, images: Images, random: RandomSource, now: Callable[[], datetime]
    ) -> None:
        self._kube = kube
        self._ledgers = ledgers
        self._images = images
        self._random = random
        self._now = now
        self._authorisations = Authorisations()
        self._prepared: OrderedDict[str, _Prepared] = OrderedDict()

    async def perform(self, subject: Subject, step: Start | Submit) -> Outcome:
        """Takes the step; what a person or time must mend comes back as `Trouble`."""
        name = subject.references.ledger
        ledger = self._ledgers.get(subject.metadata.namespace, name)
        if ledger is None:
            return Trouble(RunReason.LEDGER_NOT_READY, f"waiting for LedgerBinding {name} to be Ready")
        match step:
            case Start():
                return await self._start(subject, step, ledger)
            case Submit():
                return await self._submit(subject, step, ledger)

    async def remove(self, subject: Subject, removals: tuple[Removal, ...]) -> None:
        """An attempt's anchor last: by its labels the rest is found again, should a deletion fail."""
        for anchors in (False, True):
            chosen = [removal for removal in removals if (removal.kind == CONFIG_MAP) == anchors]
            await _together(*(self._delete(subject, removal) for removal in chosen))

    async def _delete(self, subject: Subject, removal: Removal) -> None:
        await self._kube.delete(removal.kind, subject.metadata.namespace, removal.name, uid=removal.uid)

    async def _start(self, subject: Subject, step: Start, ledger: Ledger) -> Outcome:
        try:
            run, plan = subject.run(step.inputs, step.attempt.name), self._rayjob_plan(subject, step)
            standing = shared_cluster(plan, step.inputs.content.apis) if subject.compute.mode == "Shared" else None
            cluster = standing.name if standing else None
            run_key = await self._prepare(subject, step.inputs, run, cluster)
            await self._authorise(subject, ledger, run_key)
            if standing:
                seconds = parse_duration(subject.compute.shared.idle_ttl)
                await claim(self._kube, standing, step.attempt.name, seconds)
            rayjob = build_shared_rayjob(plan, standing.name) if standing else build_rayjob(plan)
            job = await create_or_adopt(self._kube, RAY_JOB, rayjob)
            self._prepared.pop(step.attempt.name, None)
        except AuthorisingError as error:
            return Trouble(RunReason.AUTHORISING, _waiting(error), look_again=AUTHORISING_LOOK)
        except LedgerUnavailableError as error:
            return Trouble(RunReason.AUTHORISING, _waiting(error))
        except LedgerRefusedError as error:
            return Trouble(RunReason.LEDGER_NOT_READY, f"the run key is not authorised: {error}", stalled=True)
        except (NotOursError, OverrideRefusedError) as error:
            return Trouble(RunReason.ATTEMPT_INVALID, str(error), stalled=True)
        except ApiRefusedError as error:
            return _refused(error)
        return Started(run_key, parse_time(job["metadata"]["creationTimestamp"]), cluster)

    async def _submit(self, subject: Subject, step: Submit, ledger: Ledger) -> Outcome:
        record = build_record(step.run, step.signed, step.attempt)
        try:
            return Submitted(await ledger.submit(pending_record(record, step.signed, owner_reference(subject))))
        except JournalFullError as error:
            return Trouble(RunReason.JOURNAL_FULL, f"waiting for room in the journal: {error}")
        except LedgerUnavailableError as error:
            return Trouble(RunReason.LEDGER_NOT_READY, f"waiting for the ledger: {error}")
        except LedgerRefusedError as error:
            return Trouble(RunReason.LEDGER_NOT_READY, str(error), stalled=True)

    async def _prepare(self, subject: Subject, inputs: Inputs, run: Run, cluster: str | None) -> str:
        """The address of the attempt's key, once all is there that its pods mount.

        What was made at an earlier look, and stands, is not made again: a chain may take many looks to know the key.
        """
        prepared = self._prepared.get(run.attempt)
        if prepared is None or not await self._stands(subject, run.attempt, prepared):
            anchor = await create_or_adopt(self._kube, CONFIG_MAP, run_config_map(subject, run))
            children = Children(subject, run.attempt, anchor, cluster)
            _, run_key = await _together(self._create_others(children, inputs), self._run_key(children))
            prepared = self._prepared[run.attempt] = _Prepared(anchor["metadata"]["uid"], run_key)
            while len(self._prepared) > PREPARED_LIMIT:
                self._prepared.popitem(last=False)
        return prepared.run_key

    async def _stands(self, subject: Subject, attempt: str, prepared: _Prepared) -> bool:
        """Whether the attempt's anchor is the one that was made, with which the rest would have gone."""
        found = await self._kube.get(CONFIG_MAP, subject.metadata.namespace, anchor_of(attempt).name)
        metadata = found["metadata"] if found else {}
        return metadata.get("uid") == prepared.anchor and "deletionTimestamp" not in metadata

    async def _run_key(self, children: Children) -> str:
        _, private_key = new_run_key(self._random)
        return run_key_of(await create_or_adopt(self._kube, SECRET, children.run_key(private_key)))

    async def _authorise(self, subject: Subject, ledger: Ledger, run_key: str) -> None:
        """Returns once the contract knows the key."""
        timeout = timedelta(seconds=parse_duration(subject.compute.timeout))
        await self._authorisations.wait(ledger, run_key, _end_of_day(self._now() + timeout + KEY_LIFETIME))

    async def _create_others(self, children: Children, inputs: Inputs) -> None:
        others = children.others(inputs.content.apis)
        await _together(
            self._permit(children),
            self._provide_data_key(children.subject),
            *(create_or_adopt(self._kube, kind, body) for kind, body in others),
        )

    async def _provide_data_key(self, subject: Subject) -> None:
        """Made where the spec names none; a person may have made it beforehand."""
        own_key = subject.references.own_key
        if own_key:
            body = data_key_secret(subject, own_key, self._random(DATA_KEY_BYTES))
            await create_or_adopt(self._kube, SECRET, body, ownerless_too=True)

    async def _permit(self, children: Children) -> None:
        """The Role first: a binding to one that is not there yet is refused, lest it grant more than we may."""
        await create_or_adopt(self._kube, ROLE, children.role())
        await create_or_adopt(self._kube, ROLE_BINDING, children.role_binding())

    def _rayjob_plan(self, subject: Subject, step: Start) -> RayJobPlan:
        attempt, compute = step.attempt.name, subject.compute
        check_overrides(compute.pod_template)
        pods = PodNeeds(
            attempt=attempt,
            labels=labels_of(subject, attempt),
            annotations=annotations_of(subject),
            workloads_image=step.inputs.image,
            operator_image=self._images.operator,
            claims=subject.mounts(step.inputs),
            data_key=step.inputs.data_key,
            pull_secrets=(*self._images.pull_secrets, *(secret.name for secret in compute.image_pull_secrets)),
            placement=Placement(compute.node_selector, compute.tolerations, compute.priority_class_name),
            overrides=compute.pod_template,
        )
        return RayJobPlan(
            namespace=subject.metadata.namespace,
            owner=owner_reference(subject),
            pods=pods,
            workers=compute.workers,
            head_memory=compute.head_memory,
            timeout=parse_duration(compute.timeout),
            queue=compute.queue,
        )


def _end_of_day(moment: datetime) -> datetime:
    """So that a start that is repeated asks the contract for what it knows already."""
    return moment.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)


async def _together(*works: Coroutine[Any, Any, Any]) -> list[Any]:
    """What all of them return, in their order; the first error ends the others and is raised."""
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(work) for work in works]
    except ExceptionGroup as errors:
        raise errors.exceptions[0] from None
    return [task.result() for task in tasks]


def _waiting(error: LedgerUnavailableError) -> str:
    return f"waiting for the contract to know the run key: {error}"


def _refused(error: ApiRefusedError) -> Trouble:
    if "exceeded quota" in error.message:
        return Trouble(RunReason.QUOTA_EXCEEDED, error.message)
    return Trouble(RunReason.ATTEMPT_INVALID, error.message, stalled=True)
