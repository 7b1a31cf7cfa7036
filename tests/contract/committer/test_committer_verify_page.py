"""The page docs/verify.md, followed to the letter: what it has a reader run runs, and finds a changed receipt."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from faceledger_contracts.canonical import from_hex, to_hex
from faceledger_contracts.nullifier import nullifier
from faceledger_contracts.receipt import encode_receipt
from faceledger_contracts.record import Artefact
from faceledger_operator.ledger.content import ContentNodes

pytestmark = pytest.mark.chain

PAGE = Path(__file__).parents[3] / "docs" / "verify.md"

Bench = Any
"""The fixture `bench` of conftest.py."""


needs_jq = pytest.mark.skipif(shutil.which("jq") is None, reason="the page's commands need jq")

TOOLS = Path(__file__).parents[3] / "contracts" / "node_modules" / ".bin"


def block_of_shell(heading: str) -> str:
    """The shell commands under a heading of the page."""
    section = PAGE.read_text("utf-8").split(heading, 1)[1].split("\n## ", 1)[0]
    return re.findall(r"```bash\n(.*?)```", section, re.DOTALL)[0]  # type: ignore[no-any-return]


def run_shell(commands: str, folder: Path, **environment: str) -> str:
    """What the commands print; a failed one fails the test."""
    path = f"{Path(sys.executable).parent}:{TOOLS}:{os.environ['PATH']}"
    script = f"set -euo pipefail\n{commands}"
    done = subprocess.run(
        ["bash", "-c", script],
        cwd=folder,
        env={**os.environ, "PATH": path, **environment},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def by_hand(receipt: Path, folder: Path) -> subprocess.CompletedProcess[str]:
    (code,) = re.findall(r"```python\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    assert "faceledger" not in code, "the page promises that no line of FaceLedger's code runs"
    script = folder / "by_hand.py"
    script.write_text(code, "utf-8")
    return subprocess.run([sys.executable, script, receipt], capture_output=True, text=True, timeout=60)


async def test_the_steps_by_hand_accept_a_receipt_and_refuse_a_changed_one(bench: Bench, tmp_path: Path) -> None:
    for pending in [await bench.attempt(name) for name in ("a", "b", "c")]:
        await bench.ledger.submit(pending)
    await bench.commit_all()
    path = tmp_path / "receipt.json"
    path.write_bytes(encode_receipt(bench.receipt("b")))
    accepted = by_hand(path, tmp_path)
    assert accepted.returncode == 0, accepted.stderr
    assert "its run keys signed" in accepted.stdout
    receipt = bench.receipt("b")
    assert to_hex(nullifier(from_hex(receipt.leaf, 32), receipt.salts)) in accepted.stdout
    document = json.loads(path.read_text("utf-8"))
    document["record"]["purpose"] = "Attendance"
    path.write_text(json.dumps(document), "utf-8")
    refused = by_hand(path, tmp_path)
    assert refused.returncode == 1
    assert "the record does not hash to the leaf" in refused.stderr


@needs_jq
async def test_cast_shows_what_the_receipt_says(bench: Bench, tmp_path: Path) -> None:
    await bench.ledger.submit(await bench.attempt("by-cast"))
    await bench.commit_all()
    receipt = bench.receipt("by-cast")
    (tmp_path / "receipt.json").write_bytes(encode_receipt(receipt))
    by_hand(tmp_path / "receipt.json", tmp_path)  # leaves by_hand.py there, as the page has a reader do
    commands = block_of_shell("### 2. The root is on the chain").replace("https://node.example.org", bench.url)
    shown = run_shell(commands, tmp_path).split("\n")
    window = [re.match(r"\d+", line) for line in shown[8:11]]
    assert shown[:3] == [str(receipt.chain_id), receipt.code_hash, receipt.root]
    assert shown[3:6] == ["0x1", receipt.transaction.block_hash, receipt.batch_id]
    assert shown[6] == receipt.transaction.block_hash
    assert int(shown[7]) >= receipt.transaction.block_number
    time, start, end = (int(found[0]) for found in window if found)
    assert start <= time < end
    assert shown[13] == "0"


@needs_jq
async def test_ipfs_shows_what_the_receipt_says(bench: Bench, ipfs_node: Any, store: Any, tmp_path: Path) -> None:
    bench = await bench.restarted(content=ContentNodes((ipfs_node.url,)))
    (tmp_path / "plain").write_bytes(b"an encrypted artefact")
    artefact = Artefact(name="results.jsonl", digest="sha256:" + "ab" * 32, cid=store.add(tmp_path / "plain"), size=1)
    await bench.ledger.submit(await bench.attempt("by-ipfs", artefacts=(artefact,)))
    await bench.commit_all()
    (tmp_path / "receipt.json").write_bytes(encode_receipt(bench.receipt("by-ipfs")))
    (tmp_path / "ipfs").symlink_to(ipfs_node.binary)
    commands = block_of_shell("### 3. The artefacts are what was committed")
    shown = run_shell(f'PATH="$PWD:$PATH"\n{commands}', tmp_path, IPFS_PATH=str(ipfs_node.repository))
    assert shown == f"results.jsonl: {artefact.cid} holds\n"
    assert (tmp_path / "results.jsonl.enc").read_bytes() == b"an encrypted artefact"
