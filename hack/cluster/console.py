"""What a person sees while the cluster is made, and how its commands are run.

Every line carries the seconds since the start; a command that fails raises with the end of what it printed.
"""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

__all__ = ["ClusterError", "run", "say", "step", "wait_until"]

_STARTED: Final = time.monotonic()
_LOCK: Final = threading.Lock()


class ClusterError(Exception):
    """The cluster cannot be brought to the wanted state; the message says what the user can do."""


def say(text: str) -> None:
    """Print one line with the seconds since the start."""
    with _LOCK:
        print(f"[{time.monotonic() - _STARTED:6.1f}s] {text}", file=sys.stderr, flush=True)


@contextmanager
def step(text: str) -> Iterator[None]:
    """Say that a piece of work begins, and how long it took until it was done or had failed."""
    say(f"{text} ...")
    begun = time.monotonic()
    outcome = "failed after"
    try:
        yield
        outcome = "done in"
    finally:
        say(f"{text}: {outcome} {time.monotonic() - begun:.1f} s")


def run(
    argv: Sequence[str | Path],
    *,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    stdin: str | None = None,
    timeout: float | None = None,
) -> str:
    """Run a command to its end and return its standard output.

    `env` adds to the environment. Raises ClusterError with the last lines of both streams when it exits non-zero.
    """
    words = [str(word) for word in argv]
    done = subprocess.run(
        words,
        cwd=cwd,
        env={**os.environ, **(env or {})},
        input=stdin,
        stdin=subprocess.DEVNULL if stdin is None else None,
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )
    if done.returncode != 0:
        tail = "\n".join((done.stdout + done.stderr).strip().splitlines()[-25:])
        raise ClusterError(f"{' '.join(words[:6])} exited with {done.returncode}:\n{tail}")
    return done.stdout


def wait_until(what: str, ready: Callable[[], bool], *, seconds: float, hint: str) -> None:
    """Ask `ready` again and again until it says yes; raise ClusterError naming `what` and `hint` after `seconds`."""
    deadline = time.monotonic() + seconds
    while not ready():
        if time.monotonic() > deadline:
            raise ClusterError(f"{what} was not ready within {seconds:.0f} s; {hint}")
        time.sleep(0.1)
