"""Logs are read as the contract writes them, and other logs are left alone."""

from __future__ import annotations

import pytest
from faceledger_contracts.evidence import BATCH_COMMITTED, BatchCommitted, Block, RunKeyWindow, decode_batch_committed

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


@pytest.mark.parametrize(
    ("window", "block", "inside"),
    [
        pytest.param(RunKeyWindow(0, 0), Block(1, bytes(32), 0), False, id="a key that was never authorised"),
        pytest.param(RunKeyWindow(100, 200), Block(1, bytes(32), 99), False, id="before the window"),
        pytest.param(RunKeyWindow(100, 200), Block(1, bytes(32), 100), True, id="its first second"),
        pytest.param(RunKeyWindow(100, 200), Block(1, bytes(32), 199), True, id="its last second"),
        pytest.param(RunKeyWindow(100, 200), Block(1, bytes(32), 200), False, id="the second in which it ends"),
        pytest.param(RunKeyWindow(100, 200, 7), Block(6, bytes(32), 200), True, id="a block of the same second"),
        pytest.param(RunKeyWindow(100, 200, 7), Block(7, bytes(32), 200), True, id="earlier in the revoking block"),
        pytest.param(RunKeyWindow(100, 200, 7), Block(8, bytes(32), 200), False, id="a block after the revoking one"),
        pytest.param(RunKeyWindow(100, 200, 7), Block(8, bytes(32), 201), False, id="a second after the revoking one"),
    ],
)
def test_a_window_holds_a_block(window: RunKeyWindow, block: Block, inside: bool) -> None:
    assert window.contains(block) is inside
