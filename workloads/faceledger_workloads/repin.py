"""Gives IPFS nodes back what they lost: `python -m faceledger_workloads.repin`, in a pod that sees the output volume.

In: the nodes, and files below a folder with the CIDs that they must have. Out: exit status 0 once enough nodes have
pinned all of them, every block hashed here. Invariant: the files are ciphertexts and are only read; one that has not
its CID reaches no node.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import structlog
from faceledger_contracts.content import ContentError
from faceledger_contracts.replicas import Replicas

__all__ = ["main", "repin"]

_log = structlog.get_logger()

REQUEST_SECONDS = 30.0
"""Of silence, until a node counts as away: it may have to write a block to a slow disk."""


def main(arguments: Sequence[str]) -> int:
    """Repins what the command line names; 1 where something could not be."""
    parser = argparse.ArgumentParser(prog="python -m faceledger_workloads.repin", description="Pins artefacts again.")
    parser.add_argument("--api", action="append", required=True, metavar="URL", help="an IPFS node's RPC API")
    parser.add_argument("--needed", type=int, default=1, help="on how many of the nodes the files must be")
    parser.add_argument("--folder", type=Path, required=True, help="where the files are")
    parser.add_argument("files", nargs="+", metavar="CID=PATH", help="a file below the folder, and its CID")
    options = parser.parse_args(arguments)
    structlog.configure(processors=[structlog.processors.add_log_level, structlog.processors.JSONRenderer()])
    files = dict(named.split("=", 1) for named in options.files)
    with Replicas.at(options.api, options.needed, REQUEST_SECONDS) as replicas:
        problems = [repin(replicas, options.folder, cid, path) for cid, path in files.items()]
    return int(any(problems))


def repin(replicas: Replicas, folder: Path, cid: str, path: str) -> str | None:
    """Repins one file and says so; what kept it from being, if anything."""
    try:
        mended = replicas.restore(cid, folder / path)
    except (ContentError, OSError) as error:
        problem = str(error) if isinstance(error, ContentError) else error.strerror or type(error).__name__
        _log.error("not pinned", file=path, problem=problem)
        return problem
    _log.info("pinned", file=path, mended={node: str(found) for node, found in mended.items()})
    return None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
