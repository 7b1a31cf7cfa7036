"""Watches a namespace over the whole soak: what came, what changed, what went, however shortly it was there.

In: the events of the API server, from as many connections as it takes. Out: transitions, runs, events, secrets and
contracts as plain values. Invariant: a connection that breaks is opened again with a list, so that nothing which
stayed is missed, and what went meanwhile ends when that is noticed.
"""

from __future__ import annotations

import base64
import json
import re
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

from kubernetes.client.exceptions import ApiException
from kubernetes.dynamic.exceptions import DynamicApiError
from testbed.cluster import SEVERAL_VERSIONS, Cluster, Manifest
from urllib3.exceptions import HTTPError

from .seen import Run, Text, Transition

__all__ = ["BREAKS", "OWN_KINDS", "Log", "needles_of", "watching"]

OWN_KINDS = ("FaceDataset", "RecognitionJob", "LedgerBinding")

KINDS = (*OWN_KINDS, "RayJob", "Secret", "Event")

BREAKS = (ApiException, DynamicApiError, HTTPError, OSError)
"""How a call or a connection fails while its server is away."""

RECONNECT_SECONDS = 0.5
WATCH_SECONDS = 60

NEEDLE_LENGTH = 20
"""Characters of a secret below which it could stand in a text by chance."""

_OVER = frozenset({"Complete", "Failed", "ValidationFailed"})


class Log:
    """What the watches noted. One thread writes each kind, another reads at the end."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.transitions: list[Transition] = []
        self.runs: dict[str, Run] = {}
        self.written: dict[str, Text] = {}
        """Events, and statuses at each of their versions."""
        self.needles: set[str] = set()
        self.contracts: set[str] = set()
        self.submitted: set[str] = set()
        self._conditions: dict[tuple[str, str], tuple[str, str]] = {}
        self._clock = clock

    def note(self, kind: str, body: Manifest, *, gone: bool = False) -> None:
        """What an object of `kind` is now."""
        match kind:
            case "RayJob":
                self._note_run(body, gone=gone)
            case "Secret":
                self.needles |= needles_of(body)
            case "Event":
                self.written[body["metadata"]["uid"]] = Text(f"event {body['reason']}", body.get("note") or "")
            case _:
                self._note_own(kind, body)

    def forget_others(self, kind: str, uids: Iterable[str]) -> None:
        """Of `kind` only `uids` are left."""
        left = set(uids)
        if kind == "RayJob":
            for run in [run for run in self.runs.values() if run.uid not in left]:
                self._end(run)

    def _note_run(self, body: Manifest, *, gone: bool) -> None:
        metadata, uid = body["metadata"], body["metadata"]["uid"]
        subject = (metadata.get("labels") or {}).get("faceledger.dev/subject-uid", "")
        run = self.runs.setdefault(uid, Run(metadata["name"], uid, subject, self._clock()))
        state = (body.get("status") or {}).get("jobDeploymentStatus")
        if gone or metadata.get("deletionTimestamp") or state in _OVER:
            self._end(run)

    def _end(self, run: Run) -> None:
        if run.end is None:
            self.runs[run.uid] = Run(run.name, run.uid, run.subject, run.start, self._clock())

    def _note_own(self, kind: str, body: Manifest) -> None:
        metadata, status = body["metadata"], body.get("status") or {}
        version = f"{metadata['uid']} {metadata.get('resourceVersion')}"
        self.written[version] = Text(f"status of {kind}/{metadata['name']}", json.dumps(status))
        if contract := status.get("contract"):
            self.contracts.add(contract)
        if status.get("commitment") and status.get("attempt"):
            self.submitted.add(status["attempt"]["name"])
        now = {c["type"]: (c["status"], c["reason"]) for c in status.get("conditions") or ()}
        known = {type_ for uid, type_ in self._conditions if uid == metadata["uid"]}
        for type_ in now.keys() | known:
            self._note_condition(f"{kind}/{metadata['name']}", metadata["uid"], type_, now.get(type_, ("", "")))

    def _note_condition(self, resource: str, uid: str, type_: str, found: tuple[str, str]) -> None:
        if self._conditions.get((uid, type_), ("", "")) != found:
            self._conditions[uid, type_] = found
            self.transitions.append(Transition(self._clock(), resource, type_, *found))


def needles_of(secret: Manifest) -> set[str]:
    """Texts that no log or event may hold, if `secret` is one: its values as they are and as they are commonly
    spelt. Receipts are no secrets."""
    if secret["metadata"]["name"].endswith("-receipt"):
        return set()
    values = [base64.b64decode(value) for value in (secret.get("data") or {}).values()]
    return {needle for value in values for needle in _spellings(value) if len(needle) >= NEEDLE_LENGTH}


def _spellings(value: bytes) -> Iterator[str]:
    yield base64.b64encode(value).decode()
    yield value.hex()
    try:
        text = value.decode().strip()
    except UnicodeDecodeError:
        return
    yield text
    if not text.startswith("{"):  # a keystore and a journal hold addresses, which are public
        yield from re.findall(r"\w+", text.removeprefix("0x"))


@contextmanager
def watching(namespace: str) -> Iterator[Log]:
    """A log of the namespace that is kept for as long as the context is open."""
    log, closing = Log(), threading.Event()
    threads = [
        threading.Thread(target=_watch, args=(Cluster(), kind, namespace, log, closing), daemon=True) for kind in KINDS
    ]
    for thread in threads:
        thread.start()
    try:
        yield log
    finally:
        closing.set()
        for thread in threads:
            thread.join(timeout=5)


def _watch(cluster: Cluster, kind: str, namespace: str, log: Log, closing: threading.Event) -> None:
    while not closing.is_set():
        try:
            for body, gone in _events(cluster, kind, namespace, log):
                log.note(kind, body, gone=gone)
                if closing.is_set():
                    return
        except BREAKS:
            closing.wait(RECONNECT_SECONDS)


def _events(cluster: Cluster, kind: str, namespace: str, log: Log) -> Iterator[tuple[Manifest, bool]]:
    """All objects, then what changes, until the server ends the connection."""
    resource = cluster.resource(kind, SEVERAL_VERSIONS.get(kind, "v1" if kind == "Secret" else None))
    listed = resource.get(namespace=namespace).to_dict()
    log.forget_others(kind, (body["metadata"]["uid"] for body in listed["items"]))
    yield from ((body, False) for body in listed["items"])
    version = listed["metadata"]["resourceVersion"]
    for event in resource.watch(namespace=namespace, resource_version=version, timeout=WATCH_SECONDS):
        if event["type"] == "ERROR":  # the version is too old by now: list again
            return
        yield event["raw_object"], event["type"] == "DELETED"
