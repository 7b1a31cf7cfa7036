"""Exact search among a million templates, beside faiss' exact index, in one run on the same data and threads.

Out: search_ratio_64, search_ratio_1 and search_exact. Both sides answer the same queries in turns; a neighbour counts
as the same if it is, or if the two scores differ by less than float32 sums do.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from faceledger_workloads.matching.entries import Entries, Queries
from faceledger_workloads.matching.search import Index

__all__ = ["rows"]

TEMPLATES, DIMENSIONS, TOP, THREADS, ROUNDS = 1_000_000, 128, 5, 2, 7
TIE = 1e-6

PEER = """
import json, sys, time
import faiss, numpy as np
faiss.omp_set_num_threads(int(sys.argv[2]))
templates, queries = np.load(sys.argv[1] + "/templates.npy"), np.load(sys.argv[1] + "/queries.npy")
index = faiss.IndexFlatIP(templates.shape[1])
index.add(templates)
print("ready", flush=True)
for line in sys.stdin:
    count = int(line)
    start = time.perf_counter()
    scores, found = index.search(queries[:count], int(sys.argv[3]))
    seconds = time.perf_counter() - start
    print(json.dumps({"seconds": seconds, "found": found.tolist(), "scores": scores.tolist()}), flush=True)
"""


def rows() -> Iterator[dict[str, Any]]:
    """One figure a dictionary, for `testbed.figures.print_figure`."""
    import torch

    torch.set_num_threads(THREADS)
    random = np.random.default_rng(1)
    templates, queries = _unit(random, TEMPLATES), _unit(random, 64)
    index = Index(Entries.plain(templates), np.arange(TEMPLATES))
    with tempfile.TemporaryDirectory() as folder:
        np.save(Path(folder, "templates.npy"), templates)
        np.save(Path(folder, "queries.npy"), queries)
        command = ("uv", "run", "--quiet", "--no-project", "--python", "3.11", "--with", "faiss-cpu==1.15.1")
        peer = subprocess.Popen(
            (*command, "python", "-c", PEER, folder, str(THREADS), str(TOP)),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        try:
            assert peer.stdout is not None
            assert peer.stdout.readline() == "ready\n", "faiss did not start"
            same = True
            for count in (64, 1):
                figure, agrees = _race(index, queries[:count], peer)
                same = same and agrees
                yield figure
            yield {"name": "search_exact", "ours": same, "unit": "neighbours of IndexFlatIP", "target": "== true"}
        finally:
            peer.kill()
            peer.wait()


def _race(index: Index, queries: np.ndarray, peer: subprocess.Popen[str]) -> tuple[dict[str, Any], bool]:
    """Seconds of both sides in turns; the first round warms up."""
    assert peer.stdin is not None
    assert peer.stdout is not None
    ours, theirs, same = [], [], True
    for _ in range(ROUNDS + 1):
        start = time.perf_counter()
        found = index.search(Queries.plain(queries), TOP)
        ours.append(time.perf_counter() - start)
        print(len(queries), file=peer.stdin, flush=True)
        answer = json.loads(peer.stdout.readline())
        theirs.append(answer["seconds"])
        equal = found.owners == np.array(answer["found"])
        same = same and bool(np.all(equal | (np.abs(found.scores - np.array(answer["scores"])) < TIE)))
    mine, other = (statistics.median(times[1:]) * 1e3 / len(queries) for times in (ours, theirs))
    figure = {
        "name": f"search_ratio_{len(queries)}",
        "ours": mine,
        "theirs": other,
        "ratio": other / mine,
        "unit": f"ms a probe, {TEMPLATES:,} x {DIMENSIONS}, top {TOP}, {len(queries)} at once, {THREADS} threads",
        "target": ">= 5x" if len(queries) == 64 else "said",
    }
    return figure, same


def _unit(random: np.random.Generator, count: int) -> np.ndarray:
    drawn = random.standard_normal((count, DIMENSIONS), dtype=np.float32)
    return drawn / np.linalg.norm(drawn, axis=1, keepdims=True)
