"""What `faceledger status` shows: one line a resource, or one resource with its conditions and its story.

In: resources, and the events of one. Out: text, or one JSON document. Invariant: events are told in the order in which
things happened.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from .cluster import Cluster
from .errors import CommandError
from .finding import Found
from .printing import print_json
from .standing import standing_document, standing_of
from .targets import OWN_KINDS, Resource

__all__ = ["list_resources", "print_list", "print_one", "story_of"]

_STYLES = {"Ready": "green", "Reconciling": "cyan", "Stalled": "bold red", "Paused": "yellow", "New": "dim"}


def list_resources(cluster: Cluster, namespace: str | None) -> list[dict[str, Any]]:
    """All resources of the three kinds in a namespace (None: in all of them), kind by kind."""
    return [
        {**body, "kind": kind.kind}
        for kind in OWN_KINDS
        for body in sorted(cluster.find_all(kind, namespace), key=lambda body: _place(body["metadata"]))
    ]


def story_of(cluster: Cluster, found: Found) -> list[dict[str, str]]:
    """The events of a resource, the oldest first; what happened again is told when it happened last."""
    events = [
        {
            "time": _time(event),
            "type": event.get("type") or "Normal",
            "reason": event.get("reason") or "",
            "note": event.get("message") or "",
        }
        for event in cluster.events(found.namespace, found.body["metadata"]["uid"])
    ]
    return sorted(events, key=lambda event: event["time"])


def print_list(bodies: Sequence[dict[str, Any]], as_json: bool, console: Console) -> None:
    """CommandError where there is nothing to show, unless a program asks."""
    if as_json:
        print_json([standing_document(body) for body in bodies], console)
        return
    if not bodies:
        raise CommandError("there are no resources of FaceLedger here; look elsewhere with -n or -A")
    table = Table(box=box.SIMPLE_HEAD)
    for column in ("namespace", "resource", "state", "progress", "committed"):
        table.add_column(column, no_wrap=True)
    table.add_column("message", overflow="fold")
    for body in bodies:
        status, standing = body.get("status") or {}, standing_of(body)
        table.add_row(
            body["metadata"]["namespace"],
            f"{body['kind'].lower()}/{body['metadata']['name']}",
            Text(standing.state, _STYLES[standing.state]),
            _progress(status),
            (status.get("commitment") or {}).get("state", ""),
            Text(standing.message),
        )
    console.print(table)


def print_one(found: Found, story: Sequence[dict[str, str]], as_json: bool, console: Console) -> None:
    """One resource: how it stands, what it has cost, its conditions, its events."""
    if as_json:
        print_json({**standing_document(found.body), "events": list(story)}, console)
        return
    standing, status = standing_of(found.body), found.body.get("status") or {}
    console.print(_headline(found.resource, found.namespace, standing.state), highlight=False)
    console.print(_facts(status, standing.message))
    console.print(_conditions(status))
    if story:
        console.print(_events(story))


def _headline(resource: Resource, namespace: str, state: str) -> Text:
    return Text.assemble((f"{resource} in {namespace}: ", "bold"), (state, _STYLES[state]))


def _facts(status: dict[str, Any], message: str) -> Table:
    attempt, commitment, cost = (status.get(part) or {} for part in ("attempt", "commitment", "cost"))
    facts = {
        "message": message,
        "progress": _progress(status),
        "attempt": attempt.get("name", ""),
        "started": attempt.get("startTime", ""),
        "ended": attempt.get("endTime", ""),
        "next try": attempt.get("retryAt", ""),
        "compute": _compute(cost),
        "commitment": commitment.get("state", ""),
        "receipt": commitment.get("receipt", ""),
        "contract": status.get("contract", ""),
    }
    table = Table.grid(padding=(0, 2))
    for name, fact in facts.items():
        if fact:
            table.add_row(Text(f"  {name}", "dim"), Text(str(fact)))
    return table


def _compute(cost: dict[str, Any]) -> str:
    words = [f"{cost.get('cpuSeconds', 0)} CPU-seconds, {cost.get('gpuSeconds', 0)} GPU-seconds"] if cost else []
    if cost.get("estimate"):
        words.append(f"about {cost['estimate']}")
    return ", ".join(words)


def _progress(status: dict[str, Any]) -> str:
    progress = status.get("progress") or {}
    return ", ".join(part for part in (progress.get("percent", ""), progress.get("stage", "")) if part)


def _conditions(status: dict[str, Any]) -> Table:
    table = Table("condition", "status", "reason", "since", box=box.SIMPLE_HEAD)
    for condition in status.get("conditions") or ():
        since = condition.get("lastTransitionTime") or ""
        table.add_row(condition["type"], condition["status"], condition["reason"], since)
    return table


def _events(story: Sequence[dict[str, str]]) -> Table:
    table = Table(box=box.SIMPLE_HEAD)
    for column in ("time", "event"):
        table.add_column(column, no_wrap=True)
    table.add_column("what happened", overflow="fold")
    for event in story:
        style = "yellow" if event["type"] == "Warning" else ""
        table.add_row(_clock(event["time"]), Text(event["reason"], style), Text(event["note"]))
    return table


def _place(metadata: dict[str, Any]) -> tuple[str, str]:
    return metadata["namespace"], metadata["name"]


def _time(event: dict[str, Any]) -> str:
    series = event.get("series") or {}
    named = (series.get("lastObservedTime"), event.get("eventTime"), event.get("lastTimestamp"))
    return next((time for time in named if time), event["metadata"].get("creationTimestamp") or "")


def _clock(time: str) -> str:
    return datetime.fromisoformat(time).strftime("%m-%d %H:%M:%S") if time else ""
