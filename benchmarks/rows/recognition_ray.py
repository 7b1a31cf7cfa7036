"""Ray's workers beside one process of the same code, and their memory over a hundred thousand photos.

Out: ray_scaling_2, and beside it what two processes reach without Ray, which is what the machine has to give while
whatever else runs on it takes its share; peak_rss_mib and driver_peak_rss_mib. All sides look at the same photos with
one thread a process, in turns, their models loaded before. The photos are the ORL faces (92 x 112 px), each encoded
anew as a JPEG of another brightness and quality until there are enough of them: no two are the same file.
`FACELEDGER_STREAM` sets how many are streamed.
"""

from __future__ import annotations

import contextlib
import io
import os
import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from decimal import Decimal
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import ray
from faceledger_workloads.artefacts import LocalContent
from faceledger_workloads.clock import SystemClock
from faceledger_workloads.driver import perform
from faceledger_workloads.images.source import Photo, list_photos
from faceledger_workloads.local import LocalDataset, LocalGallery, LocalRecognition, Plan, plan_run
from faceledger_workloads.own_process import OwnProcess
from faceledger_workloads.report import FileSink, Reporter
from faceledger_workloads.run import actors
from faceledger_workloads.runreport import REPORT_KEY, RunReport, RunState
from faceledger_workloads.runspec import Encoder, Images, Matching, Workers
from faceledger_workloads.shards import PHOTOS, SHARD, Pool, cut
from faceledger_workloads.work import WorkerSetup
from faceledger_workloads.worker import FaceWorker
from PIL import Image
from testbed import orl

__all__ = ["rows"]

SCALED, ROUNDS = 40 * SHARD, 3
"""Photos of a timing: of fewer, the last shard, which one worker waits for alone, would be a share of its own."""
STREAMED = int(os.environ.get("FACELEDGER_STREAM", "100000"))
WORKERS = 2
TITLES = (b"ray::FaceWorker", b"ray::detect_faces", b"ray::extract_encodings", b"ray::match_probes")
"""How Ray names a worker's process: after its class, and while it works, after the task."""


def rows() -> Iterator[dict[str, Any]]:
    """One figure a dictionary, for `testbed.figures.print_figure`."""
    os.environ.setdefault("RAY_worker_niceness", "0")
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        _write_photos(root / "some", SCALED)
        _write_photos(root / "all", STREAMED)
        ray.init(num_cpus=WORKERS, include_dashboard=False, log_to_driver=False, object_store_memory=300 * 1024**2)
        try:
            # First, while this process has loaded no model of its own: its memory is the driver's.
            yield from _memory(root)
            yield from _scaling(root / "some")
        finally:
            ray.shutdown()


def _scaling(folder: Path) -> Iterator[dict[str, Any]]:
    source = Images(path=str(folder), layout="Flat")
    setup = WorkerSetup(source=source, chip_size=150, encoder=Encoder(), threads=1, device="cpu")
    photos = list_photos(source, "source")
    pool = actors(Workers(min=0, max=WORKERS, cpu=Decimal(1)))(setup, lambda _: None)
    alone = OwnProcess(FaceWorker(setup))
    with ProcessPoolExecutor(WORKERS, get_context("spawn"), _begin, (setup,)) as processes:
        sides: tuple[Side, ...] = (
            lambda shards: alone.run(PHOTOS, shards),
            lambda shards: pool.run(PHOTOS, shards),
            lambda shards: processes.map(_encoded, shards),
        )
        for side in sides:
            _seconds(side, photos[: 8 * SHARD])
        times = [[_seconds(side, photos) for side in sides] for _ in range(ROUNDS)]
    pool.close()
    one, by_ray, by_processes = (statistics.median(side) for side in zip(*times, strict=True))
    for name, many, how, target in (
        ("ray_scaling_2", by_ray, "Ray workers", ">= 1.9"),
        ("process_scaling_2", by_processes, "processes without Ray", "what this machine has to give"),
    ):
        yield {
            "name": name,
            "ours": one / many,
            "unit": f"times one process: {len(photos) / many:.0f} against {len(photos) / one:.0f} photos/s, {WORKERS} "
            f"{how}, one thread each, median of {ROUNDS}",
            "target": target,
        }


Side = Callable[[Iterable[Sequence[Photo]]], Iterable[Any]]
"""Shards of photos to their answers."""

_worker: list[Pool] = []
"""Of a process without Ray, once it has begun."""


def _begin(setup: WorkerSetup) -> None:
    _worker.append(OwnProcess(FaceWorker(setup)))


def _encoded(shard: Sequence[Photo]) -> Any:
    return next(iter(_worker[0].run(PHOTOS, [shard])))


def _seconds(side: Side, photos: Sequence[Photo]) -> float:
    start = time.perf_counter()
    for _ in side(cut(photos)):
        """Results are taken as a run takes them."""
    return time.perf_counter() - start


def _memory(root: Path) -> Iterator[dict[str, Any]]:
    """A whole recognition job over all photos, against a gallery of some of them."""
    gallery = LocalDataset(name="gallery", output="out", source=Images(path="some"), workers=WORKERS)
    job = LocalRecognition(
        name="job",
        output="out",
        gallery=LocalGallery(path="out/gallery"),
        probes=Images(path="all", layout="Flat"),
        matching=Matching(threshold=Decimal("0.93")),
        workers=WORKERS,
    )
    with _peaks() as peaks:
        for local in (gallery, job):
            _performed(plan_run(local, root))
    unit = f"MiB, resident at most, {STREAMED:,} photos streamed through {WORKERS} workers"
    yield {"name": "peak_rss_mib", "ours": peaks["worker"], "unit": unit, "target": "<= 2048"}
    yield {"name": "driver_peak_rss_mib", "ours": peaks["driver"], "unit": unit, "target": "<= 2048"}


def _performed(plan: Plan) -> None:
    """The run, with the report that a later one reads."""
    run, clock = plan.run, SystemClock()
    sink = FileSink(plan.vault.folder / run.attempt)
    reporter = Reporter(run.attempt, lambda _: "", sink, clock)
    done = perform(run, plan.vault, reporter, LocalContent(), clock, actors(run.workers))
    progress = reporter.last_progress
    report = RunReport(attempt=run.attempt, state=RunState.SUCCEEDED, progress=progress, artefacts=done.artefacts)
    sink.write({REPORT_KEY: report.model_dump_json(by_alias=True)}, 1)


@contextlib.contextmanager
def _peaks() -> Iterator[dict[str, int]]:
    """Looks twice a second at the high-water marks of all workers and of this process."""
    peaks, over = {"worker": 0, "driver": 0}, threading.Event()

    def watch() -> None:
        while not over.wait(0.5):
            for process in Path("/proc").glob("[0-9]*"):
                with contextlib.suppress(OSError):
                    if (process / "cmdline").read_bytes().startswith(TITLES):
                        peaks["worker"] = max(peaks["worker"], _high_water(process))
            peaks["driver"] = max(peaks["driver"], _high_water(Path("/proc/self")))

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield peaks
    finally:
        over.set()
        watcher.join()


def _high_water(process: Path) -> int:
    """MiB; the object store's pages that it has touched are counted in."""
    lines = (process / "status").read_text().splitlines()
    return next((int(line.split()[1]) // 1024 for line in lines if line.startswith("VmHWM")), 0)


def _write_photos(folder: Path, count: int) -> None:
    """`count` different JPEG files in folders of a person each."""
    for number in range(count):
        person, photo, turn = number % 40 + 1, number // 40 % 10 + 1, number // 400
        source = orl.folder() / f"s{person}" / f"{photo}.pgm"
        with Image.open(source) as image:
            changed = image.point(lambda value, lift=turn % 16: min(255, value + lift))
            buffer = io.BytesIO()
            changed.save(buffer, "JPEG", quality=75 + turn // 16)
        file = folder / f"person-{person:02d}" / f"{number:06d}.jpg"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(buffer.getvalue())
