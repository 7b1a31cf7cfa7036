"""The commands with which people operate their resources: status, logs, report, retry, pause, resume.

In: the command line. Out: text or JSON. Invariant: each does what `kubectl` could do with the same rights, in one word.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Annotated

import typer

from .cluster import Cluster
from .figures import print_figures
from .finding import Found, find_resource
from .intervening import pause, resume, retry
from .logs import attempt_of, submitter_of
from .options import AsJson, Context, Kubeconfig, Namespace
from .printing import open_console, print_json
from .status import list_resources, print_list, print_one, story_of

__all__ = ["add_commands"]

Target = Annotated[str, typer.Argument(metavar="NAME|KIND/NAME", help="The resource.")]


def add_commands(app: typer.Typer) -> None:
    """Adds all of them to the program."""
    app.command("status")(show_status)
    app.command("logs")(show_logs)
    app.command("report")(show_report)
    app.command("retry", help="Lets a resource that has failed try again.")(_intervention(_retry_now))
    app.command("pause", help="Has the operator leave a resource alone.")(_intervention(pause))
    app.command("resume", help="Has the operator go on with a resource that was paused.")(_intervention(resume))


def show_status(
    target: Annotated[
        str | None, typer.Argument(metavar="[NAME|KIND/NAME]", help="One resource; left out: all of a namespace.")
    ] = None,
    namespace: Namespace = None,
    everywhere: Annotated[bool, typer.Option("--all-namespaces", "-A", help="Of all namespaces.")] = False,
    as_json: AsJson = False,
    kubeconfig: Kubeconfig = None,
    context: Context = None,
) -> None:
    """Shows how resources stand; of one resource also what happened, in order."""
    cluster, console = Cluster.connect(kubeconfig, context), open_console()
    if target is None:
        home = None if everywhere else namespace or cluster.namespace
        print_list(list_resources(cluster, home), as_json, console)
        return
    found = find_resource(cluster, target, namespace)
    print_one(found, story_of(cluster, found), as_json, console)


def show_logs(
    target: Target,
    namespace: Namespace = None,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on until the run ends.")] = False,
    tail: Annotated[int | None, typer.Option(min=0, help="The last lines alone.")] = None,
    attempt: Annotated[str | None, typer.Option(help="Another attempt than the latest one.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object a line.")] = False,
    kubeconfig: Kubeconfig = None,
    context: Context = None,
) -> None:
    """Shows the log of the latest attempt's run. It names no person."""
    cluster = Cluster.connect(kubeconfig, context)
    found = find_resource(cluster, target, namespace)
    chosen = attempt or attempt_of(found)
    pod = submitter_of(cluster, found.namespace, chosen)
    for line in cluster.log(found.namespace, pod, follow, tail):
        typer.echo(_as_json_line(chosen, pod, line) if as_json else line)


def show_report(
    target: Target,
    namespace: Namespace = None,
    as_json: AsJson = False,
    kubeconfig: Kubeconfig = None,
    context: Context = None,
) -> None:
    """Shows the figures of a result: counts, error rates, models, artefacts, commitment."""
    found = find_resource(Cluster.connect(kubeconfig, context), target, namespace)
    print_figures(found, as_json, open_console())


def _intervention(intervene: Callable[[Cluster, Found], str]) -> Callable[..., None]:
    """The command that does something to a resource and tells what came of it."""

    def command(
        target: Target,
        namespace: Namespace = None,
        as_json: AsJson = False,
        kubeconfig: Kubeconfig = None,
        context: Context = None,
    ) -> None:
        cluster = Cluster.connect(kubeconfig, context)
        found = find_resource(cluster, target, namespace)
        _tell(found, intervene(cluster, found), as_json)

    return command


def _retry_now(cluster: Cluster, found: Found) -> str:
    return retry(cluster, found, datetime.now(UTC))


def _tell(found: Found, outcome: str, as_json: bool) -> None:
    console, resource = open_console(), found.resource
    if as_json:
        named = {"kind": resource.kind.kind, "namespace": found.namespace, "name": resource.name}
        print_json({**named, "outcome": outcome}, console)
    else:
        console.print(f"{resource}: {outcome}", highlight=False, markup=False, soft_wrap=True)


def _as_json_line(attempt: str, pod: str, line: str) -> str:
    return json.dumps({"attempt": attempt, "pod": pod, "line": line}, ensure_ascii=False)
