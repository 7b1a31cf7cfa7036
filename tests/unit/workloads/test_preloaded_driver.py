"""A driver that is a fork of a process with everything imported: its log, its end, and who may stop it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from faceledger_workloads.preloaded import run_preloaded, start_server

SERVER = """
import os, signal, sys, time
from pathlib import Path
from faceledger_workloads.preloaded import serve

def main(arguments):
    print("runs", os.environ["SAID"], flush=True)
    if arguments[0] == "wait":
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(7))
        print("waits as", os.getpid(), flush=True)
        signal.pause()
    return int(arguments[0])

def no_process():
    os.fork = forked
    raise BlockingIOError("no more processes")

forked, os.fork = os.fork, no_process if "full" in sys.argv else os.fork
print("serves", flush=True)
serve(main, Path(sys.argv[1]))
"""

CLIENT = """
import sys
from pathlib import Path
from faceledger_workloads.preloaded import run_preloaded
sys.exit(run_preloaded(sys.argv[2:], Path(sys.argv[1])))
"""


@contextmanager
def serving(path: Path, *arguments: str) -> Iterator[Path]:
    command = [sys.executable, "-c", SERVER, str(path), *arguments]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout
    assert process.stdout.readline() == "serves\n"
    while not path.exists():
        assert process.poll() is None
    yield path
    process.kill()
    process.communicate()


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Path]:
    with serving(tmp_path / "driver.sock") as path:
        yield path


def client(path: Path, *arguments: str) -> subprocess.Popen[str]:
    environment = {**os.environ, "SAID": "this"}
    command = [sys.executable, "-c", CLIENT, str(path), *arguments]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)


def test_a_driver_has_the_clients_environment_and_output_and_gives_it_its_exit_status(server: Path) -> None:
    process = client(server, "3")
    assert process.communicate(timeout=20)[0] == "runs this\n"
    assert process.returncode == 3


def test_a_stop_reaches_the_driver(server: Path) -> None:
    process = client(server, "wait")
    assert process.stdout
    assert [process.stdout.readline() for _ in range(2)][1].startswith("waits as")
    process.terminate()
    process.communicate(timeout=20)
    assert process.returncode == 7


def test_a_driver_whose_client_is_killed_ends_too(server: Path) -> None:
    process = client(server, "wait")
    assert process.stdout
    assert [process.stdout.readline() for _ in range(2)][1].startswith("waits as")
    process.send_signal(signal.SIGKILL)
    # The driver holds the other end of the client's output: it is closed when the driver ends.
    assert process.stdout.read() == ""
    process.wait(timeout=20)


def test_without_a_server_nothing_is_run(tmp_path: Path) -> None:
    assert run_preloaded(["3"], tmp_path / "none.sock") is None


def test_a_socket_whose_server_died_makes_room_for_the_next_server(tmp_path: Path) -> None:
    with serving(tmp_path / "driver.sock") as path:
        pass
    assert path.exists()
    assert run_preloaded(["3"], path) is None
    assert not path.exists()


def test_a_server_that_could_not_fork_serves_on(tmp_path: Path) -> None:
    with serving(tmp_path / "driver.sock", "full") as path:
        assert [client(path, "3").wait(timeout=20) for _ in range(2)] == [1, 3]


def test_starting_a_server_takes_no_other_childs_end(tmp_path: Path) -> None:
    other = os.fork()
    if other == 0:
        os._exit(7)
    os.waitid(os.P_PID, other, os.WEXITED | os.WNOWAIT)
    start_server("this", tmp_path / "driver.sock")  # which ends at once
    assert os.waitstatus_to_exitcode(os.waitpid(other, 0)[1]) == 7
