"""Processes of a test or a benchmark: ended with their context, or with whoever started them, if that is killed.

In: a command and where its output goes. Out: a handle to signal it, and what it said. Invariant: a process is ended by
its own handle, never by its name.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType

from .cluster import until

__all__ = ["Process", "free_port"]


class Process:
    """Runs from `start`, or from entering the context, until the context is left."""

    def __init__(
        self,
        command: Iterable[str | Path],
        log: Path,
        environment: Mapping[str, str] | None = None,
        *,
        gently: bool = True,
    ) -> None:
        """`gently`: it is asked to end; one that has nothing to keep is killed."""
        outlived_by_nobody = ["setpriv", "--pdeathsig", "KILL"] if shutil.which("setpriv") else []
        self.log = log
        self._command = [*outlived_by_nobody, *map(str, command)]
        self._environment = {**os.environ, **(environment or {})}
        self._gently = gently
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Process:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.end()

    def start(self) -> None:
        """Its output is added to the log, so that what an earlier run said stays."""
        with self.log.open("ab") as output:
            self._process = subprocess.Popen(
                self._command, stdout=output, stderr=subprocess.STDOUT, env=self._environment, start_new_session=True
            )

    @property
    def pid(self) -> int:
        assert self._process, "it was started"
        return self._process.pid

    @property
    def alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def rss_mib(self) -> float:
        """Its resident memory."""
        text = Path(f"/proc/{self.pid}/status").read_text()
        found = re.search(r"VmRSS:\s+(\d+) kB", text)
        assert found
        return int(found[1]) / 1024

    def signal(self, number: signal.Signals) -> None:
        os.kill(self.pid, number)

    def wait(self, seconds: float) -> int:
        """The exit code: negative where a signal ended it."""
        assert self._process
        return self._process.wait(seconds)

    def end(self) -> None:
        """Asks it to end; one that does not is killed."""
        if self._process is None:
            return
        if not self._gently:
            self._process.kill()
        self._process.terminate()
        # One that is stopped takes no request to end before it goes on.
        with suppress(ProcessLookupError):
            self._process.send_signal(signal.SIGCONT)
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def said(self, pattern: str, seconds: float = 30) -> str:
        """What the first group of `pattern` matches in its output, once it is there."""

        def look() -> str | None:
            found = re.search(pattern, self.log.read_text(errors="replace"))
            return found[1] if found else None

        return until(f"{pattern!r} is said", look, seconds, lambda: self.log.read_text(errors="replace")[-2000:])


def free_port() -> int:
    """A port of the loopback interface that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
