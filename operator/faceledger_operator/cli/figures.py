"""What `faceledger report` shows: the figures of a result, in sections, as its status has them.

In: a resource whose result is known. Out: sections of names and values, as text or as one JSON document. Invariant: it
computes nothing; whoever doubts a figure verifies the result.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from .errors import CommandError
from .finding import Found
from .printing import print_json
from .standing import standing_of

__all__ = ["figures_of", "print_figures"]

_ELSEWHERE = frozenset({"conditions", "observedGeneration", "progress"})
"""Parts of a status that are no figures of a result."""


def figures_of(found: Found) -> dict[str, Any]:
    """Section -> figures; CommandError where there is no result (yet)."""
    status = {name: value for name, value in (found.body.get("status") or {}).items() if name not in _ELSEWHERE}
    if "commitment" not in status and "chainId" not in status:
        standing = standing_of(found.body)
        raise CommandError(f"{found.resource} has no result yet; it is {standing.state}: {standing.message}")
    plain = {name: value for name, value in status.items() if not isinstance(value, dict | list)}
    nested = {name: value for name, value in status.items() if isinstance(value, dict | list) and value}
    return {"result": plain, **nested}


def print_figures(found: Found, as_json: bool, console: Console) -> None:
    figures = figures_of(found)
    if as_json:
        named = {"kind": found.resource.kind.kind, "namespace": found.namespace, "name": found.resource.name}
        print_json({**named, **figures}, console)
        return
    for title, section in figures.items():
        table = Table("", "", title=_words(title), title_justify="left", box=box.SIMPLE, show_header=False)
        for name, value in _rows(section):
            table.add_row(Text(name), Text(value))
        console.print(table)


def _rows(section: Any, prefix: str = "") -> Iterator[tuple[str, str]]:
    """Names, with those of their sections before them, and values; entries of a list are told by their names."""
    if isinstance(section, list):
        for number, entry in enumerate(section, start=1):
            name = entry.get("name", str(number)) if isinstance(entry, dict) else str(number)
            yield from _rows(entry, f"{prefix}{name} ") if isinstance(entry, dict) else [(prefix + name, str(entry))]
        return
    for name, value in section.items():
        if isinstance(value, dict | list):
            yield from _rows(value, f"{prefix}{_words(name)} ")
        elif not (prefix and name == "name"):
            yield prefix + _words(name), str(value)


def _words(name: str) -> str:
    """`falseMatchRate` as `false match rate`."""
    return "".join(f" {letter.lower()}" if letter.isupper() else letter for letter in name)
