"""A process on the head of a standing cluster that has imported all that a driver needs: a driver is a fork of it.

    client (the job's process) --command line, environment, stdout and stderr--> server --fork--> driver
           <---------------------------------- exit status ---------------------------+

In: attempts by name, over a socket of this user alone. Out: exit statuses. Invariants: nothing of a run is ever in the
server, which only forks; SIGTERM to the client reaches the driver; a client that is killed takes its driver with it.
This module imports the standard library alone, so that a client starts at once.
"""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading
import traceback
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

__all__ = ["SOCKET", "run_preloaded", "serve", "start_server"]

SOCKET = Path("/dev/shm/faceledger/driver.sock")  # noqa: S108 - in the head pod's memory, of one user

MAX_REQUEST = 1 << 16
"""Bytes of a command line and an environment."""

Main = Callable[[list[str]], int]


def run_preloaded(arguments: list[str], path: Path = SOCKET) -> int | None:
    """Has the server run a driver; its exit status. None where there is no server, or the request is too long."""
    request = json.dumps({"arguments": arguments, "environment": dict(os.environ)}).encode()
    if len(request) > MAX_REQUEST:
        return None
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    try:
        connection.connect(str(path))
    except OSError as error:
        connection.close()
        if isinstance(error, ConnectionRefusedError):  # its server died: in its place the next one is started
            path.unlink(missing_ok=True)
        return None
    with connection:
        signal.signal(signal.SIGTERM, lambda *_: connection.send(b"stop"))
        socket.send_fds(connection, [request], [1, 2])
        answer = connection.recv(16)
        return int(answer) if answer else 1


def start_server(main: str, path: Path = SOCKET) -> None:
    """Starts the server, for the next run, where there is none; it outlives this process. `main`: its module."""
    if path.exists():
        return
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    command = [sys.executable, "-m", main, "--serve"]
    child = os.fork()
    if child == 0:  # twice removed, so that Ray does not take it for a part of this job
        subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, start_new_session=True)
        os._exit(0)
    os.waitpid(child, 0)


def serve(main: Main, path: Path = SOCKET) -> None:
    """Serves for good; returns where another server does."""
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    try:
        listener.bind(str(path))
    except OSError:
        return
    listener.listen()
    while True:
        connection, _ = listener.accept()
        try:
            child = _forked(main, connection, listener)
        except OSError:  # the client, which is hung up on, says that nothing was run
            connection.close()
            continue
        threading.Thread(target=_attend, args=(connection, child), daemon=True).start()


def _forked(main: Main, connection: socket.socket, listener: socket.socket) -> int:
    """The process id of a driver as the client asks for it."""
    request, descriptors, _, _ = socket.recv_fds(connection, MAX_REQUEST, 2)
    child = -1
    try:
        child = os.fork()
    finally:
        if child:
            for descriptor in descriptors:
                os.close(descriptor)
    if child:
        return child
    status = 1
    try:
        listener.close()
        connection.close()
        for place, descriptor in zip((1, 2), descriptors, strict=True):
            os.dup2(descriptor, place)
        asked = json.loads(request)
        os.environ.clear()
        os.environ.update(asked["environment"])
        status = main(asked["arguments"])
    except SystemExit as ended:
        status = ended.code if isinstance(ended.code, int) else 1
    except Exception:  # as the interpreter would say it; a fork must not return into the server
        traceback.print_exc()
    finally:
        with suppress(OSError):  # a client that is gone reads nothing
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(status)


def _attend(connection: socket.socket, child: int) -> None:
    """Passes a stop on, ends a driver whose client is gone, and says how the driver ended."""
    ended = os.pidfd_open(child)
    with connection:
        while True:
            ready, _, _ = select.select([connection.fileno(), ended], [], [])
            if ended in ready:
                break
            with suppress(ProcessLookupError):
                os.kill(child, signal.SIGTERM if connection.recv(16) else signal.SIGKILL)
        os.close(ended)
        _, status = os.waitpid(child, 0)
        with suppress(OSError):
            connection.send(str(os.waitstatus_to_exitcode(status) & 0xFF).encode())
