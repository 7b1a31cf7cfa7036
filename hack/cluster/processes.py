"""Daemons that outlive the command that started them, found again by pid AND start time, never by name.

Every process of the cluster, pods included, also lives in one control group of our own. Membership is inherited and
cannot be left by accident, so emptying that group ends whatever a killed run has left, even with every record lost.
"""

import json
import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Final

import cgroup
from console import wait_until
from packages import SYSTEM_PATH
from places import LOGS, STATE

__all__ = ["Daemon", "Record", "kill_everything", "recorded", "start", "stop"]

_RECORDS: Final = STATE / "daemons"
_JOIN_GROUP_AND_EXEC: Final = 'echo $$ > "$1"; shift; exec "$@"'


@dataclass(frozen=True)
class Daemon:
    """A command that runs until it is stopped."""

    name: str
    argv: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Record:
    """A daemon that was started: the process and the clock tick it was born in tell it from any other."""

    name: str
    pid: int
    born: int
    since: float

    @property
    def alive(self) -> bool:
        """Whether that very process still runs."""
        return _birth(self.pid) == self.born


def start(daemon: Daemon) -> Record:
    """Start a daemon in its own session and in the cluster's control group, and record it."""
    LOGS.mkdir(parents=True, exist_ok=True)
    _RECORDS.mkdir(parents=True, exist_ok=True)
    environment = {"PATH": SYSTEM_PATH, "HOME": "/root", "LANG": "C.UTF-8", **daemon.environment}
    with (LOGS / f"{daemon.name}.log").open("wb") as log:
        process = subprocess.Popen(
            ["/bin/sh", "-c", _JOIN_GROUP_AND_EXEC, daemon.name, str(cgroup.daemons()), *daemon.argv],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env=environment,
            cwd="/",
            start_new_session=True,
        )
    record = Record(daemon.name, process.pid, _birth(process.pid) or 0, time.time())
    path = _RECORDS / f"{daemon.name}.json"
    path.with_suffix(".new").write_text(json.dumps(asdict(record)))
    path.with_suffix(".new").replace(path)
    return record


def recorded() -> dict[str, Record]:
    """Every daemon that was started and not stopped, alive or not, by name."""
    records = [Record(**json.loads(path.read_text())) for path in sorted(_RECORDS.glob("*.json"))]
    return {record.name: record for record in records}


def stop(name: str, *, seconds: float = 10) -> None:
    """Ask one daemon to end, wait for it, and forget it; one that does not is killed."""
    record = recorded().get(name)
    if record is None:
        return
    for number in (signal.SIGTERM, signal.SIGKILL):
        if record.alive:
            with suppress(ProcessLookupError):
                os.kill(record.pid, number)
            with suppress(Exception):
                wait_until(name, lambda: not record.alive, seconds=seconds, hint="it is killed")
    (_RECORDS / f"{name}.json").unlink(missing_ok=True)


def kill_everything(*, seconds: float = 20) -> None:
    """End every process in the cluster's control group, pods and shims included, and forget all records."""

    def empty() -> bool:
        for pid in cgroup.members():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        _reap()
        return not cgroup.members()

    wait_until("an empty control group", empty, seconds=seconds, hint="a process cannot be killed")
    for path in _RECORDS.glob("*.json"):
        path.unlink()


def _birth(pid: int) -> int | None:
    """The start time of a process in clock ticks since boot; None when it is gone or a zombie."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    state, born = fields[0], int(fields[19])
    return None if state in "ZX" else born


def _reap() -> None:
    """Collect children of this very command that have ended."""
    with suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
