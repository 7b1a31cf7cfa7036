"""Logs are read as the contract writes them, and other logs are left alone."""

from __future__ import annotations

import pytest
from faceledger_contracts.evidence import BATCH_COMMITTED, BatchCommitted, RunKeyWindow, decode_batch_committed

KEY = "0x5FbDB2315678afecb367f032d93F642f64180aa3"
TOPICS = [BATCH_COMMITTED, b"\x01" * 32, bytes(12) + bytes.fromhex(KEY[2:])]
DATA = b"\x02" * 32 + (256).to_bytes(32, "big")


def test_a_commit_is_read() -> None:
    assert decode_batch_committed(TOPICS, DATA) == BatchCommitted(b"\x01" * 32, b"\x02" * 32, 256, KEY)


@pytest.mark.parametrize(
    ("topics", "data"),
    [
        pytest.param([], b"", id="an anonymous event"),
        pytest.param([bytes(32), *TOPICS[1:]], DATA, id="another event"),
        pytest.param(TOPICS[:2], DATA, id="a topic too few"),
        pytest.param(TOPICS, DATA + bytes(32), id="a word too many"),
    ],
)
def test_another_log_is_no_commit(topics: list[bytes], data: bytes) -> None:
    assert decode_batch_committed(topics, data) is None


@pytest.mark.parametrize(("at", "inside"), [(99, False), (100, True), (199, True), (200, False)])
def test_a_window_holds_its_beginning_and_not_its_end(at: int, inside: bool) -> None:
    assert RunKeyWindow(100, 200).contains(at) is inside
