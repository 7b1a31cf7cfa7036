"""Nothing is committed before a real IPFS node has what the record names."""

from __future__ import annotations

import time
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from faceledger_contracts.canonical import sha256_digest
from faceledger_contracts.chain import ChainReader
from faceledger_contracts.cid import cid_of_bytes
from faceledger_contracts.content import ContentStoreUnreachable
from faceledger_contracts.envelope import artefact_context, encrypt_stream
from faceledger_contracts.kubo import Kubo
from faceledger_contracts.record import Artefact
from faceledger_contracts.verify import is_verified, verify_receipt
from faceledger_operator.api.conditions import BindingReason
from faceledger_operator.kube.errors import ApiRefusedError
from faceledger_operator.kube.kinds import Kind
from faceledger_operator.ledger.content import ContentNodes, check_content, ensure_pinned

pytestmark = pytest.mark.chain

Bench = Any
"""The fixture `bench` of conftest.py."""


KEY = bytes(range(32))
PLAINTEXT = b"results"
REFUSAL_SECONDS = 20.0
"""A node may look for a block until the request's time is over."""


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
    bench = await bench.restarted(content=ContentNodes((ipfs_node.url,)))
    content = encrypted("waits")
    await bench.ledger.submit(await bench.attempt("waits", artefacts=(artefact(content),)))
    bench.ledger.trouble = (await refused(bench)).trouble
    assert bench.ledger.trouble.reason is BindingReason.READY
    waits = await bench.ledger.commitment("waits")
    assert waits.state == "Pending"
    assert artefact(content).cid in waits.message
    add(store, tmp_path, content)
    await bench.commit_all()
    steps = verify_receipt(bench.receipt("waits"), reader, store, KEY)
    assert is_verified(steps), [step for step in steps if not step.ok]


async def test_a_record_whose_artefacts_nobody_has_holds_up_no_later_one(bench: Bench, ipfs_node: Any) -> None:
    bench = await bench.restarted(content=ContentNodes((ipfs_node.url,)))
    await bench.ledger.submit(await bench.attempt("lost", artefacts=(artefact(b"nobody has this"),)))
    await bench.ledger.submit(await bench.attempt("behind"))
    await bench.passes_until(lambda bench: bench.journal.finalized == 1)
    assert bench.receipt("behind") is not None
    bench.ledger.trouble = (await refused(bench)).trouble
    await bench.ledger.submit(await bench.attempt("later"))
    assert (await bench.ledger.commitment("lost")).message.startswith("waiting: content.ipfs: lost: ")
    assert (await bench.ledger.commitment("later")).message == ""


async def refused(bench: Bench) -> Any:
    """The outcome of the first pass that says what the store lacks."""
    deadline = time.monotonic() + REFUSAL_SECONDS
    while (outcome := await bench.committer.run_pass()).trouble is None:
        assert time.monotonic() < deadline, f"no answer about an absent block in {REFUSAL_SECONDS} s"
    return outcome


async def test_what_was_unpinned_is_pinned_again(bench: Bench, ipfs_node: Any, store: Kubo, tmp_path: Path) -> None:
    bench = await bench.restarted(content=ContentNodes((ipfs_node.url,)))
    content = b"unpinned results"
    add(store, tmp_path, content)
    store.unpin(artefact(content).cid)
    await bench.ledger.submit(await bench.attempt("unpinned", artefacts=(artefact(content),)))
    await bench.commit_all()
    assert store.is_pinned(artefact(content).cid)


async def test_the_operator_asks_as_many_nodes_as_it_needs(ipfs_node: Any, store: Kubo, tmp_path: Path) -> None:
    content = b"for the operator"
    add(store, tmp_path, content)
    cid = cid_of_bytes(content)
    await ensure_pinned(ContentNodes(("http://127.0.0.1:1", ipfs_node.url), 1), [cid])
    await check_content(ContentNodes(("http://127.0.0.1:1", ipfs_node.url), 1))
    with pytest.raises(ContentStoreUnreachable, match=r"127\.0\.0\.1:1"):
        await check_content(ContentNodes(("http://127.0.0.1:1", ipfs_node.url), 2))


async def test_a_store_that_is_away_holds_up_no_authorisation_and_no_record_that_is_pinned(bench: Bench) -> None:
    await bench.ledger.submit(await bench.attempt("pinned"))
    await bench.committer.run_pass()
    away = await bench.restarted(content=ContentNodes(("http://127.0.0.1:1",)))
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
    assert "receipts: " in outcome.trouble.message
    assert (await bench.ledger.commitment("kept")).state == "Included"
    mended = await bench.restarted(folder=tmp_path / "mended")
    await mended.commit_all()
    assert mended.receipt("kept") is not None


async def test_a_receipt_that_is_refused_holds_up_no_other_batch(bench: Bench) -> None:
    bench = await bench.restarted(policy=replace(bench.policy, max_records=1))
    create = bench.kube.create

    async def create_unless_refused(kind: Kind, body: dict[str, Any]) -> dict[str, Any]:
        if body["metadata"]["name"] == "first-receipt":
            raise ApiRefusedError(403, "exceeded quota: secrets")
        return await create(kind, body)

    bench.kube.create = create_unless_refused
    for name in ("first", "second"):
        await bench.ledger.submit(await bench.attempt(name))
    outcome = await bench.passes_until(lambda bench: bench.receipt("second") is not None)
    assert (await bench.ledger.commitment("first")).state == "Included"
    assert outcome.trouble.reason is BindingReason.READY
    assert outcome.trouble.attempts == ("first",)
    assert "exceeded quota" in outcome.trouble.message
    bench.kube.create = create
    await bench.commit_all()
    assert bench.receipt("first") is not None


async def test_a_secret_that_is_no_receipt_is_left_alone_and_named(bench: Bench) -> None:
    bench.kube.put_secret("taken-receipt", password="mine")
    await bench.ledger.submit(await bench.attempt("taken"))
    outcome = await bench.passes_until(lambda bench: any(batch.place for batch in bench.journal.batches))
    while outcome.trouble is None:
        await bench.mine()
        outcome = await bench.committer.run_pass()
    assert "Secret people/taken-receipt holds something else" in outcome.trouble.message
    assert "password" in bench.kube.objects["secrets", "people", "taken-receipt"]["data"]
