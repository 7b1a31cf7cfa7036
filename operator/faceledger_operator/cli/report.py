"""How a verification reads: one table a receipt, or one JSON document.

In: what was checked. Out: text. Invariant: every failed step is shown, and named again after them; what was not
checked is never silent, and is said once for all.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from faceledger_contracts.verify import Step, is_verified
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from .printing import print_json

__all__ = ["Checked", "print_reports"]

GOOD, BAD = "bold green", "bold red"


@dataclass(frozen=True)
class Checked:
    """One receipt's verification: `source` is what was asked for, `unchecked` what could not be looked at and why."""

    source: str
    steps: Sequence[Step]
    unchecked: Sequence[str] = ()

    @property
    def verified(self) -> bool:
        return is_verified(list(self.steps))

    @property
    def failed(self) -> list[str]:
        return [step.name for step in self.steps if not step.ok]


def print_reports(reports: Sequence[Checked], as_json: bool, console: Console) -> None:
    """Writes the reports to the console."""
    if as_json:
        print_json({"verified": _all(reports), "receipts": [_document(x) for x in reports]}, console)
        return
    for in_brief, alike in groupby(reports, lambda report: len(reports) > 1 and report.verified):
        if in_brief:
            # In one piece: a console needs a tenth of a millisecond for each, and there may be ten thousand.
            console.out("\n".join(map(_verdict, alike)), style=GOOD, highlight=False)
            continue
        for report in alike:
            console.print(_table(report))
            console.out(_verdict(report), style=GOOD if report.verified else BAD, highlight=False)
    for line in dict.fromkeys(line for report in reports for line in report.unchecked):
        console.out(f"not checked: {line}", style="yellow", highlight=False)
    if len(reports) > 1:
        failed = sum(not report.verified for report in reports)
        console.print(f"{len(reports)} receipts, {len(reports) - failed} verified, {failed} not")


def _all(reports: Sequence[Checked]) -> bool:
    return bool(reports) and all(report.verified for report in reports)


def _document(report: Checked) -> dict[str, object]:
    return {
        "source": report.source,
        "verified": report.verified,
        "failed": report.failed,
        "steps": [{"name": step.name, "ok": step.ok, "detail": step.detail} for step in report.steps],
        "unchecked": list(report.unchecked),
    }


def _table(report: Checked) -> Table:
    table = Table(title=report.source, title_justify="left", box=box.SIMPLE_HEAD)
    table.add_column("")
    table.add_column("step", no_wrap=True)
    table.add_column("detail", overflow="fold")
    for step in report.steps:
        mark = Text("ok", "green") if step.ok else Text("FAILED", "bold red")
        table.add_row(mark, Text(step.name), Text(step.detail, "" if step.ok else "red"))
    return table


def _verdict(report: Checked) -> str:
    if report.verified:
        return f"{report.source}: verified, {len(report.steps)} steps"
    return f"{report.source}: NOT verified; failed: {', '.join(report.failed) or 'all'}"
