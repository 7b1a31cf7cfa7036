"""What a workload works with: its workers, its artefacts, its voice.

In: a run spec and the edges (vault, content store, report sink). Out: a `Session`, and at its end an `Outcome`.
Invariant: workers are handed no key.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from faceledger_contracts.results import results_root

from faceledger_workloads.artefacts import ArtefactStore
from faceledger_workloads.report import Reporter
from faceledger_workloads.runreport import Artefact, DatasetSummary, RecognitionSummary
from faceledger_workloads.salts import line_salts
from faceledger_workloads.shards import Chain, Pool
from faceledger_workloads.vault import Vault
from faceledger_workloads.work import WorkerSetup

__all__ = ["Outcome", "PoolMaker", "Session"]

PoolMaker = Callable[[WorkerSetup, Callable[[bool], None]], Pool]
"""(what the workers have in common, called with "any worker is up" while a pool waits) -> the workers."""


@dataclass(frozen=True)
class Outcome:
    """What a successful run reports."""

    summary: DatasetSummary | RecognitionSummary
    artefacts: tuple[Artefact, ...]
    results_root: str | None
    model_digest: str


@dataclass
class Session:
    """One run's means. `artefacts` collects what was stored."""

    reporter: Reporter
    store: ArtefactStore
    vault: Vault
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

    def keep_lines(self, name: str, salts_name: str, lines: Sequence[bytes]) -> str | None:
        """Stores JSON lines and their salts; answers the salted root (0x hex) that commits to each line. Without a
        key there is nothing to hide the lines with: no salts and no root."""
        self.keep(name, (line + b"\n" for line in lines))
        if self.vault.key is None:
            return None
        salts = line_salts(self.vault.key, self.subject_uid, lines)
        self.keep(salts_name, salts)
        return "0x" + results_root(lines, salts).hex()

    def _waiting(self, any_worker: bool) -> None:
        if any_worker:
            self.reporter.flush()
        else:
            self.reporter.waiting("waiting for a worker")
