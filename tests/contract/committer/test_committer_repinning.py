"""What was committed stays on real IPFS nodes: a node that lost it gets it from another one, and a Job adds what none
has; the Job's own command is run here."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
import requests
from faceledger_contracts.cid import CHUNK_BYTES, RAW, block_cid, cid_of_bytes, encode_cid
from faceledger_contracts.kubo import Kubo
from faceledger_operator.api.ledgerbinding import LedgerBinding
from faceledger_operator.kube.events import EventRecorder
from faceledger_operator.kube.kinds import EVENT, FACE_DATASET, JOB, NETWORK_POLICY
from faceledger_operator.ledger.content import ContentNodes, check_content
from faceledger_operator.reconcile.repinning import Found, Repinning
from faceledger_workloads import repin

CONTENT = bytes(CHUNK_BYTES) + b"a second leaf"
CID = cid_of_bytes(CONTENT)
PATH = "staff-1/manifest.jsonl.enc"

BINDING = LedgerBinding.model_validate(
    {
        "metadata": {"namespace": "people", "name": "consortium", "uid": "uid-consortium", "generation": 1},
        "spec": {
            "network": {"chainId": 1, "rpc": {"urlSecretRef": {"name": "rpc"}}},
            "contract": {"deploy": {}},
            "signer": {"privateKeySecretRef": {"name": "key"}},
            "content": {"ipfs": {"api": "http://ipfs:5001"}},
        },
    }
)


def now() -> datetime:
    return datetime.now(UTC)


class Stage:
    """A namespace with one committed data set, and two nodes that have pinned it."""

    def __init__(self, kube: Any, folder: Path, urls: tuple[str, str]) -> None:
        self.kube, self.folder = kube, folder
        self.nodes = ContentNodes(urls, 2)
        self.woken: list[str] = []
        self.repinning = Repinning(
            kube, EventRecorder(kube, "test", now), "operator:1", (), lambda *one: self.woken.extend(one), now
        )
        (folder / PATH).parent.mkdir()
        (folder / PATH).write_bytes(CONTENT)
        spec = {"ledgerRef": {"name": "consortium"}, "output": {"persistentVolumeClaim": {"claimName": "faceledger"}}}
        artefacts = [{"name": "manifest.jsonl", "uri": f"ipfs://{CID}", "path": PATH}]
        status = {"artefacts": artefacts, "commitment": {"state": "Finalized"}}
        kube.put(FACE_DATASET, "staff", {"spec": spec, "status": status})

    async def look(self) -> Found:
        """The first look after an audit that begins now."""
        self.repinning.look(BINDING, self.nodes, ())
        self.repinning.look(BINDING, self.nodes, await check_content(self.nodes))
        for task in [task for task in asyncio.all_tasks() if task.get_name() == "audit people/consortium"]:
            await task
        return self.repinning.look(BINDING, self.nodes, ())

    def events(self) -> list[tuple[str, str]]:
        found = [body for (plural, _, _), body in self.kube.objects.items() if plural == EVENT.plural]
        return [(event["reason"], event["message"]) for event in found]

    def job(self) -> Any:
        return self.kube.objects.get((JOB.plural, "people", "staff-1-repin"))

    def run_job(self) -> int:
        """Its command, with the claim's folder in place of the mount."""
        (container,) = self.job()["spec"]["template"]["spec"]["containers"]
        arguments = [str(self.folder) if part == "/data/output" else part for part in container["args"]]
        return repin.main(arguments)

    def whole(self) -> list[bool]:
        """Of each node: whether it has pinned the file and has all of it."""
        answers = []
        for url in self.nodes.apis:
            out = BytesIO()
            with Kubo(url, timeout=10) as node:
                node.get(CID, out)
                answers.append(node.is_pinned(CID) and out.getvalue() == CONTENT)
        return answers


@pytest.fixture
def stage(bench_kube: Any, ipfs_node: Any, second_ipfs_node: Any, tmp_path: Path) -> Iterator[Stage]:
    stage = Stage(bench_kube, tmp_path, (ipfs_node.url, second_ipfs_node.url))
    for url in stage.nodes.apis:
        with Kubo(url, timeout=10) as node:
            node.add(tmp_path / PATH)
    yield stage
    stage.repinning.close()


def wipe(url: str) -> None:
    with Kubo(url, timeout=10) as node:
        node.unpin(CID)
    requests.post(f"{url}/api/v0/repo/gc", timeout=10).raise_for_status()


async def test_where_all_is_well_nothing_is_done(stage: Stage) -> None:
    assert await stage.look() == Found()
    assert (stage.events(), stage.job()) == ([], None)


async def test_a_wiped_node_is_given_the_artefact_by_the_other(stage: Stage) -> None:
    wipe(stage.nodes.apis[1])
    assert await stage.look() == Found()
    assert stage.whole() == [True, True]
    ((reason, note),) = stage.events()
    assert reason == "ArtefactsMended"
    assert note.startswith(f"{stage.nodes.apis[1]} was given back")


async def test_a_node_that_lies_about_a_leaf_is_named_and_mended(stage: Stage, second_ipfs_node: Any) -> None:
    second_ipfs_node.block_file(encode_cid(block_cid(RAW, CONTENT[CHUNK_BYTES:]))).write_bytes(b"")
    assert await stage.look() == Found()
    assert stage.whole() == [True, True]
    ((reason, note),) = stage.events()
    assert reason == "ArtefactsMended"
    assert second_ipfs_node.url in note


async def test_what_no_node_has_is_added_again_by_a_job(stage: Stage) -> None:
    for url in stage.nodes.apis:
        wipe(url)
    found = await stage.look()
    assert found.trouble is not None
    assert found.trouble.attempts == ("staff-1",)
    assert CID in found.trouble.message
    assert "Job staff-1-repin adds it again" in found.trouble.message
    assert stage.job()["metadata"]["ownerReferences"][0]["uid"] == "uid-staff"
    assert (NETWORK_POLICY.plural, "people", "staff-1-repin") in stage.kube.objects
    assert stage.woken == ["LedgerBinding", "people", "consortium"]
    assert stage.run_job() == 0
    assert await stage.look() == Found()
    assert stage.whole() == [True, True]
    assert [reason for reason, _ in stage.events()] == ["ArtefactsLost", "ArtefactsRepinned"]


async def test_a_job_that_cannot_add_it_is_told(stage: Stage) -> None:
    for url in stage.nodes.apis:
        wipe(url)
    await stage.look()
    (stage.folder / PATH).write_bytes(b"something else")
    assert stage.run_job() == 1
    stage.job()["status"] = {"conditions": [{"type": "Failed", "status": "True"}]}
    found = await stage.look()
    assert found.trouble is not None
    assert "Job staff-1-repin could not add it again: see its log" in found.trouble.message
