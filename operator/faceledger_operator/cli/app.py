"""The commands, their arguments and exit codes: 0 all is well, 1 something is not, 2 the command line is wrong.

Installed twice: as `faceledger`, and as `kubectl-faceledger`, which kubectl runs for `kubectl faceledger`.

Invariant: a failure is one line on standard error that says what to do, never a traceback.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer
from faceledger_contracts.chain import ChainReader
from faceledger_contracts.envelope import parse_data_key
from faceledger_contracts.parcel import is_parcel
from faceledger_contracts.verify import Finality
from rich.console import Console

from .attesting import attest_file, read_attestation
from .cluster import Cluster, Endpoint
from .errors import CommandError
from .finding import find_resource
from .ipfs import open_content
from .operating import add_commands
from .options import AsJson, Context, Kubeconfig, Namespace
from .parcels import bundle_resource, verify_parcel
from .printing import open_console, print_files
from .report import print_reports
from .results import fetch_results
from .sources import evidence_of
from .targets import RUN_KINDS, parse_pairs, receipt_files
from .verification import Held, verify_files, verify_resource

__all__ = ["app", "main"]

app = typer.Typer(
    name="faceledger",
    help="Operates resources of FaceLedger, and verifies and fetches the results that it committed.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

add_commands(app)

KeyFile = Annotated[
    Path | None,
    typer.Option(exists=True, dir_okay=False, help="File with the data key (32 bytes, hex or base64) to decrypt with."),
]


@app.command()
def verify(
    target: Annotated[
        str, typer.Argument(metavar="NAME|KIND/NAME|RECEIPT.json|BUNDLE.json|BUNDLE.zip|FOLDER", help="What to verify.")
    ],
    namespace: Namespace = None,
    rpc: Annotated[str | None, typer.Option(help="RPC URL of a node, for receipts in files.")] = None,
    ipfs: Annotated[
        list[str] | None,
        typer.Option(help="URL of an IPFS node's RPC API, for receipts in files; may be repeated."),
    ] = None,
    confirmations: Annotated[
        int | None, typer.Option(min=0, help="Blocks on top that count as final, where the chain has no tag for it.")
    ] = None,
    block_hash: Annotated[
        str | None, typer.Option(help="Hash of the block, as you know it, to verify a BUNDLE.zip without a node.")
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
    as_json: AsJson = False,
    kubeconfig: Kubeconfig = None,
    context: Context = None,
) -> None:
    """Recomputes a result's commitment from the chain and IPFS. Exit status 0: every step held."""
    held = Held(parse_pairs(artefact or []), read_attestation(attestation, attester))
    key = _read_key(key_file)
    finality: Finality = "finalized" if confirmations is None else confirmations
    parcel = Path(target).is_file() and is_parcel(Path(target))
    if block_hash is not None and (rpc is not None or not parcel):
        raise CommandError("--block-hash is for a BUNDLE.zip without --rpc; nothing else is compared with it")
    if parcel:
        reports = verify_parcel(Path(target), rpc, block_hash, key, finality, held)
    elif Path(target).exists():
        if rpc is None:
            raise CommandError("a receipt in a file needs --rpc, the URL of a node of its chain")
        content = open_content(*map(Endpoint, ipfs)) if ipfs else None
        reports = verify_files(receipt_files(Path(target)), ChainReader(rpc), content, key, finality, held)
    else:
        cluster = Cluster.connect(kubeconfig, context)
        found = find_resource(cluster, target, namespace, RUN_KINDS)
        evidence = evidence_of(cluster, found)
        reports = [verify_resource(evidence, found.resource, found.namespace, key, held)]
    print_reports(reports, as_json, open_console())
    if not all(report.verified for report in reports):
        raise typer.Exit(1)


@app.command()
def results(
    target: Annotated[str, typer.Argument(metavar="NAME|KIND/NAME", help="Whose results to fetch.")],
    output: Annotated[Path, typer.Option("--output", "-o", file_okay=False, help="Folder for the files.")],
    namespace: Namespace = None,
    key_file: KeyFile = None,
    as_json: AsJson = False,
    kubeconfig: Kubeconfig = None,
    context: Context = None,
) -> None:
    """Fetches a result's artefacts from IPFS, decrypts them and compares them with what was committed."""
    cluster = Cluster.connect(kubeconfig, context)
    found = find_resource(cluster, target, namespace, RUN_KINDS)
    evidence = evidence_of(cluster, found)
    written = fetch_results(evidence, found.resource, output, _read_key(key_file))
    print_files(written, as_json, open_console())


@app.command()
def bundle(
    target: Annotated[str, typer.Argument(metavar="NAME|KIND/NAME", help="Whose result to bundle.")],
    output: Annotated[Path, typer.Option("--output", "-o", dir_okay=False, help="File to write, usually NAME.zip.")],
    namespace: Namespace = None,
    kubeconfig: Kubeconfig = None,
    context: Context = None,
) -> None:
    """Puts a result's receipt and its encrypted artefacts into one file that `verify` reads without cluster or IPFS."""
    cluster = Cluster.connect(kubeconfig, context)
    found = find_resource(cluster, target, namespace, RUN_KINDS)
    bundle_resource(evidence_of(cluster, found), found.resource, output)
    print_files([output], False, open_console())


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
    print_files([output], False, open_console())


def main() -> None:
    """Entry point of `faceledger` and of `kubectl-faceledger`."""
    try:
        app(prog_name=Path(sys.argv[0]).name.replace("kubectl-", "kubectl "))
    except (CommandError, OSError) as error:
        Console(stderr=True).print(
            f"faceledger: {error}", style="bold red", highlight=False, markup=False, soft_wrap=True
        )
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)


def _read_key(path: Path | None) -> bytes | None:
    if path is None:
        return None
    try:
        return parse_data_key(path.read_bytes())
    except ValueError as error:
        raise CommandError(f"--key-file {path}: {error}") from None
