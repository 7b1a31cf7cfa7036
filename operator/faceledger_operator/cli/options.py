"""Options that several commands share, each with the words that `--help` shows."""

from __future__ import annotations

from typing import Annotated

import typer

__all__ = ["AsJson", "Context", "Kubeconfig", "Namespace"]

Namespace = Annotated[
    str | None, typer.Option("--namespace", "-n", help="Namespace of the resource; the context's if left out.")
]
Kubeconfig = Annotated[str | None, typer.Option(help="Kubeconfig file; as kubectl finds it if left out.")]
Context = Annotated[str | None, typer.Option(help="Context of the kubeconfig.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]
