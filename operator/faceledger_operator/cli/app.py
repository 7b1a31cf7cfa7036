"""The commands, their arguments and exit codes: 0 all is well, 1 something is not, 2 the command line is wrong.

Invariant: a failure is one line on standard error that says what to do, never a traceback.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer
from faceledger_contracts.chain import ChainReader
from faceledger_contracts.envelope import parse_data_key
from faceledger_contracts.verify import Finality
from rich.console import Console

from .attesting import attest_file, read_attestation
from .cluster import Cluster, Endpoint
from .errors import CommandError
from .ipfs import open_content
from .report import print_reports
from .results import fetch_results
from .sources import evidence_of
from .targets import parse_pairs, parse_resource, receipt_files
from .verification import Held, verify_files, verify_resource

__all__ = ["app", "main"]

app = typer.Typer(
    name="faceledger",
    help="Verifies and fetches results that FaceLedger committed.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

PIPED_WIDTH = 140
"""Columns where the output goes into a file or a pipe."""

Namespace = Annotated[
    str | None, typer.Option("--namespace", "-n", help="Namespace of the resource; the context's if left out.")
]
Kubeconfig = Annotated[str | None, typer.Option(help="Kubeconfig file; as kubectl finds it if left out.")]
Context = Annotated[str | None, typer.Option(help="Context of the kubeconfig.")]
KeyFile = Annotated[
    Path | None,
    typer.Option(exists=True, dir_okay=False, help="File with the data key (32 bytes, hex or base64) to decrypt with."),
]


@app.command()
def verify(
    target: Annotated[str, typer.Argument(metavar="KIND/NAME|RECEIPT.json|BUNDLE.json|FOLDER", help="What to verify.")],
    namespace: Namespace = None,
    rpc: Annotated[str | None, typer.Option(help="RPC URL of a node, for receipts in files.")] = None,
    ipfs: Annotated[
        list[str] | None,
        typer.Option(help="URL of an IPFS node's RPC API, for receipts in files; may be repeated."),
    ] = None,
    confirmations: Annotated[
        int | None, typer.Option(min=0, help="Blocks on top that count as final, where the chain has no tag for it.")
    ] = None,
    key_file: KeyFile = None,
    artefact: Annotated[
        list[str] | None, typer.Option(metavar="NAME=PATH", help="Your own copy of an artefact, to be compared.")
    ] = None,
    attestation: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, help="An attestation of the receipt, to be compared.")
    ] = None,
    attester: Annotated[
        str | None, typer.Option(metavar="ADDRESS", help="Whose signature the attestation must bear.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
    kubeconfig: Kubeconfig = None,
    context: Context = None,
) -> None:
    """Recomputes a result's commitment from the chain and IPFS. Exit status 0: every step held."""
    held = Held(parse_pairs(artefact or []), read_attestation(attestation, attester))
    key = _read_key(key_file)
    if Path(target).exists():
        if rpc is None:
            raise CommandError("a receipt in a file needs --rpc, the URL of a node of its chain")
        content = open_content(*map(Endpoint, ipfs)) if ipfs else None
        finality: Finality = "finalized" if confirmations is None else confirmations
        reports = verify_files(receipt_files(Path(target)), ChainReader(rpc), content, key, finality, held)
    else:
        resource, cluster = parse_resource(target), Cluster.connect(kubeconfig, context)
        home = namespace or cluster.namespace
        reports = [verify_resource(evidence_of(cluster, resource, home), resource, home, key, held)]
    print_reports(reports, as_json, _console())
    if not all(report.verified for report in reports):
        raise typer.Exit(1)


@app.command()
def results(
    target: Annotated[str, typer.Argument(metavar="KIND/NAME", help="Whose results to fetch.")],
    output: Annotated[Path, typer.Option("--output", "-o", file_okay=False, help="Folder for the files.")],
    namespace: Namespace = None,
    key_file: KeyFile = None,
    kubeconfig: Kubeconfig = None,
    context: Context = None,
) -> None:
    """Fetches a result's artefacts from IPFS, decrypts them and compares them with what was committed."""
    resource, cluster = parse_resource(target), Cluster.connect(kubeconfig, context)
    console = _console()
    evidence = evidence_of(cluster, resource, namespace or cluster.namespace)
    for path in fetch_results(evidence, resource, output, _read_key(key_file)):
        console.print(f"{path}  {path.stat().st_size} bytes", highlight=False, soft_wrap=True)


@app.command(name="attest")
def attest_receipt(
    receipt: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="File of the receipt.")],
    signing_key: Annotated[
        Path, typer.Option(exists=True, dir_okay=False, help="File with your secp256k1 private key, 64 hex digits.")
    ],
    output: Annotated[Path, typer.Option("--output", "-o", dir_okay=False, help="File for the attestation.")],
) -> None:
    """Vouches for a receipt that you verified: in-toto SLSA provenance in a DSSE envelope, signed by your key."""
    output.write_bytes(attest_file(receipt, signing_key))
    _console().print(f"{output}  {output.stat().st_size} bytes", highlight=False, soft_wrap=True)


def main() -> None:
    """Entry point of the `faceledger` command."""
    try:
        app()
    except (CommandError, OSError) as error:
        Console(stderr=True).print(
            f"faceledger: {error}", style="bold red", highlight=False, markup=False, soft_wrap=True
        )
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)


def _console() -> Console:
    """Standard output; wide enough for a hash beside its name where it is no terminal."""
    return Console(width=None if sys.stdout.isatty() else PIPED_WIDTH)


def _read_key(path: Path | None) -> bytes | None:
    if path is None:
        return None
    try:
        return parse_data_key(path.read_bytes())
    except ValueError as error:
        raise CommandError(f"--key-file {path}: {error}") from None
