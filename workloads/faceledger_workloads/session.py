"""What a workload works with: its workers, its artefacts, its voice.

In: a run spec and the edges (clock, content store, report sink). Out: a `Session`, and at its end an `Outcome`. It
reads the keys, and hands them to nobody but the two that need them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from faceledger_contracts.envelope import parse_data_key
from faceledger_contracts.results import results_root

from faceledger_workloads.artefacts import ArtefactStore
from faceledger_workloads.failures import RunFailed
from faceledger_workloads.report import Reporter
from faceledger_workloads.runspec import Artefact, DatasetSummary, FailureReason, RecognitionSummary
from faceledger_workloads.salts import line_salts
from faceledger_workloads.shards import Chain, Pool
from faceledger_workloads.work import WorkerSetup

__all__ = ["Outcome", "PoolMaker", "Session", "read_data_key"]

PoolMaker = Callable[[WorkerSetup, Callable[[bool], None]], Pool]
"""(what the workers have in common, called with "any worker is up" while a pool waits) -> the workers."""


@dataclass(frozen=True)
class Outcome:
    """What a successful run reports."""

    summary: DatasetSummary | RecognitionSummary
    artefacts: tuple[Artefact, ...]
    results_root: str
    model_digest: str


@dataclass
class Session:
    """One run's means. `artefacts` collects what was stored."""

    reporter: Reporter
    store: ArtefactStore
    data_key: bytes
    subject_uid: str
    make_pool: PoolMaker

    def __post_init__(self) -> None:
        self.artefacts: list[Artefact] = []

    def pool(self, setup: WorkerSetup) -> Pool:
        """Workers for this run; they start at once and come up while the driver goes on."""
        return self.make_pool(setup, self._waiting)

    def stage(self, pool: Pool, name: str, chain: Chain, shards: Iterable[Sequence[Any]], total: int) -> Iterator[Any]:
        """Results of the shards in order, with progress: `total` counts the items in all shards."""
        self.reporter.progress(name, 0, total)
        done, sizes = 0, []

        def counted() -> Iterator[Sequence[Any]]:
            for shard in shards:
                sizes.append(len(shard))
                yield shard

        for number, result in enumerate(pool.run(chain, counted())):
            done += sizes[number]
            self.reporter.progress(name, done, total)
            yield result

    def keep(self, name: str, chunks: Iterable[bytes]) -> None:
        """Stores an artefact."""
        self.artefacts.append(self.store.put(name, chunks))

    def keep_lines(self, name: str, salts_name: str, lines: Sequence[bytes]) -> str:
        """Stores JSON lines and their salts; answers the salted root (0x hex) that commits to each line."""
        salts = line_salts(self.data_key, self.subject_uid, lines)
        self.keep(name, (line + b"\n" for line in lines))
        self.keep(salts_name, salts)
        return "0x" + results_root(lines, salts).hex()

    def _waiting(self, any_worker: bool) -> None:
        if any_worker:
            self.reporter.flush()
        else:
            self.reporter.waiting("waiting for a worker")


def read_data_key(file: str, field: str) -> bytes:
    """The key, in any form of `parse_data_key`. Raises `RunFailed` (DataKeyInvalid) naming `field`."""
    try:
        return parse_data_key(Path(file).read_bytes())
    except OSError as error:
        message = f"{field}: {file} cannot be read: {error.strerror}"
        raise RunFailed(FailureReason.DATA_KEY_INVALID, message) from error
    except ValueError as error:
        raise RunFailed(FailureReason.DATA_KEY_INVALID, f"{field}: {file}: {error}") from error
