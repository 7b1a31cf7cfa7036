"""Nothing is committed before a real IPFS node has what the record names."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from faceledger_contracts.canonical import sha256_digest
from faceledger_contracts.chain import ChainReader
from faceledger_contracts.cid import cid_of_bytes
from faceledger_contracts.envelope import artefact_context, encrypt_stream
from faceledger_contracts.kubo import Kubo
from faceledger_contracts.record import Artefact
from faceledger_contracts.verify import is_verified, verify_receipt
from faceledger_operator.api.conditions import BindingReason

pytestmark = pytest.mark.chain

Bench = Any
"""The fixture `bench` of conftest.py."""


KEY = bytes(range(32))
PLAINTEXT = b"results"


def encrypted(attempt: str) -> bytes:
    """The artefact `results.jsonl` of an attempt, as a workload adds it to IPFS."""
    written = BytesIO()
    encrypt_stream(BytesIO(PLAINTEXT), written, KEY, artefact_context(attempt, "AccessControl", "results.jsonl"))
    return written.getvalue()


def artefact(content: bytes) -> Artefact:
    digest, cid = sha256_digest(PLAINTEXT), cid_of_bytes(content)
    return Artefact(name="results.jsonl", digest=digest, cid=cid, size=len(PLAINTEXT))


def add(store: Kubo, folder: Path, content: bytes) -> None:
    path = folder / "artefact"
    path.write_bytes(content)
    store.add(path)


async def test_a_record_waits_for_its_artefacts_and_says_for_which(
    bench: Bench, ipfs_node: Any, store: Kubo, reader: ChainReader, tmp_path: Path
) -> None:
    bench = await bench.restarted(ipfs_api=ipfs_node.url)
    content = encrypted("waits")
    await bench.ledger.submit(await bench.attempt("waits", artefacts=(artefact(content),)))
    outcome = await bench.committer.run_pass()
    assert outcome.trouble.reason is BindingReason.CONTENT_UNREACHABLE
    assert artefact(content).cid in outcome.trouble.message
    assert (await bench.ledger.commitment("waits")).state == "Pending"
    add(store, tmp_path, content)
    await bench.commit_all()
    steps = verify_receipt(bench.receipt("waits"), reader, store, KEY)
    assert is_verified(steps), [step for step in steps if not step.ok]


async def test_what_was_unpinned_is_pinned_again(bench: Bench, ipfs_node: Any, store: Kubo, tmp_path: Path) -> None:
    bench = await bench.restarted(ipfs_api=ipfs_node.url)
    content = b"unpinned results"
    add(store, tmp_path, content)
    store.unpin(artefact(content).cid)
    await bench.ledger.submit(await bench.attempt("unpinned", artefacts=(artefact(content),)))
    await bench.commit_all()
    assert store.is_pinned(artefact(content).cid)


async def test_a_store_that_is_away_holds_up_no_authorisation_and_no_record_that_is_pinned(bench: Bench) -> None:
    await bench.ledger.submit(await bench.attempt("pinned"))
    await bench.committer.run_pass()
    away = await bench.restarted(ipfs_api="http://127.0.0.1:1")
    await away.ledger.submit(await away.attempt("later", artefacts=(artefact(b"x"),)))
    outcome = await away.passes_until(lambda bench: bench.journal.finalized == 1)
    assert outcome.trouble.reason is BindingReason.CONTENT_UNREACHABLE
    assert (await away.ledger.commitment("later")).state == "Pending"


async def test_a_full_receipts_volume_keeps_the_record_in_the_journal(bench: Bench, tmp_path: Path) -> None:
    blocked = tmp_path / "blocked"
    blocked.write_bytes(b"a file where a folder should be")
    await bench.ledger.submit(await bench.attempt("kept"))
    bench = await bench.restarted(folder=blocked)
    for _ in range(4):
        outcome = await bench.committer.run_pass()
        await bench.mine()
    assert "receipts volume" in outcome.trouble.message
    assert (await bench.ledger.commitment("kept")).state == "Included"
    mended = await bench.restarted(folder=tmp_path / "mended")
    await mended.commit_all()
    assert mended.receipt("kept") is not None
