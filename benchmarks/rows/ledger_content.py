"""Figures of content: an artefact of 1 GiB goes to a real Kubo, comes back and is verified, little of it in memory.

In: a chain with a contract on it. Out: of each command, how much more memory its process needs at most for 1 GiB than
for 1 MiB, and how fast it was. Kubo is the one that the local cluster built, or FACELEDGER_KUBO.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, BinaryIO, cast

from faceledger_contracts.cid import cid_of_file
from faceledger_contracts.envelope import artefact_context, encrypt_stream
from faceledger_contracts.record import Artefact, draw_salts
from testbed.nodes import running_kubo

__all__ = ["rows"]

SMALL, BIG = 1 << 20, 1 << 30

KEY = bytes(range(32))

TELL = """
import atexit, pathlib, sys
def tell():
    lines = pathlib.Path("/proc/self/status").read_text().splitlines()
    print(next(line.split()[1] for line in lines if line.startswith("VmHWM:")))
atexit.register(tell)
"""
"""Ends what a process says with its peak in KiB. What getrusage calls so counts the process that it was forked from."""

ADD = """
from faceledger_contracts.replicas import Replicas
with Replicas.at([sys.argv[1]], 1) as nodes:
    nodes.add(sys.argv[2])
"""

CAT = """
from faceledger_contracts.kubo import Kubo
class Nowhere:
    def write(self, data): return len(data)
with Kubo(sys.argv[1]) as kubo:
    kubo.get(sys.argv[2], Nowhere())
"""

COMMAND = """
from faceledger_operator.cli import main
main()
"""


@dataclass(frozen=True)
class Spent:
    """What a process took: `peak` of its resident memory in MiB."""

    seconds: float
    peak: float


def rows(bench: Any) -> Iterator[dict[str, Any]]:
    """The figures; `bench` commits a record and writes its receipt."""
    with TemporaryDirectory() as folder, running_kubo(Path(folder)) as node:
        small, big = (_transfers(bench, node.url, Path(folder), size) for size in (SMALL, BIG))
    for name, spent in big.items():
        yield {
            "name": f"content_{name}_1gib_mib",
            "ours": spent.peak - small[name].peak,
            "unit": f"MiB of memory more for 1 GiB than for 1 MiB ({spent.peak:.0f} MiB in all), "
            f"{(BIG >> 20) / spent.seconds:.0f} MiB/s",
            "target": "<= 16",
        }


def _transfers(bench: Any, url: str, folder: Path, size: int) -> dict[str, Spent]:
    (record, _), *_ = bench.records(1)
    attempt, artefact = f"front-door-{size}", folder / "artefact"
    context = artefact_context(attempt, record.purpose, "faces.tar")
    with artefact.open("wb") as encrypted:
        written = encrypt_stream(cast("BinaryIO", _Zeros(size)), encrypted, KEY, context)
    cid = cid_of_file(artefact)
    held = Artefact(name="faces.tar", digest=written.digest, cid=cid, size=written.size)
    committed = record.model_copy(update={"attempt": attempt, "artefacts": (held,), "results_root": None})
    (folder / "receipt.json").write_bytes(bench.receipts([(committed, draw_salts())])[0])
    (folder / "key").write_bytes(KEY)
    bench.finalise(bench.web3.eth.block_number)
    options = ("--rpc", bench.url, "--ipfs", url, "--key-file", str(folder / "key"))
    return {
        "add": _run(ADD, url, str(artefact)),
        "cat": _run(CAT, url, cid),
        "verify": _run(COMMAND, "verify", str(folder / "receipt.json"), *options),
    }


def _run(script: str, *arguments: str) -> Spent:
    start = time.perf_counter()
    done = subprocess.run(
        (sys.executable, "-c", TELL + script, *arguments), capture_output=True, text=True, check=False
    )
    seconds = time.perf_counter() - start
    assert done.returncode == 0, done.stdout + done.stderr
    return Spent(seconds, int(done.stdout.split()[-1]) / 1024)


class _Zeros:
    """So many bytes to read; encrypted, no two blocks of them are alike."""

    def __init__(self, size: int) -> None:
        self._left = size

    def read(self, length: int = -1) -> bytes:
        length = self._left if length < 0 else min(length, self._left)
        self._left -= length
        return bytes(length)
