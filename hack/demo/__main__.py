"""`make demo`: the whole story on a real cluster, told as it happens.

Sets up a cluster, installs the operator, enrols 35 people of the ORL faces with five photos each and recognises their
other five among five strangers; then verifies what was committed and shows that a changed byte is refused. Leaves
out/demo/. Exit 0 only where every step held.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from testbed import install, orl
from testbed.cluster import Cluster, DeadlineMissedError, condition, until
from testbed.timing import Stopwatch

NAMESPACE = "faceledger-demo"

RESOURCES = (("LedgerBinding", "consortium"), ("FaceDataset", "staff"), ("RecognitionJob", "front-door"))

DEADLINE_S = 600
"""From apply until all three are Ready."""

QUICKSTART = install.REPOSITORY / "examples" / "quickstart"
OUT = install.REPOSITORY / "out" / "demo"
FACELEDGER = Path(sys.executable).parent / "faceledger"


def main() -> int:
    parser = argparse.ArgumentParser(prog="demo", description=__doc__)
    parser.add_argument("--check", action="store_true", help="only check that the cluster has what is needed")
    parser.add_argument("--clean", action="store_true", help="remove the demo's resources")
    arguments = parser.parse_args()
    if arguments.clean:
        return _clean()
    if arguments.check:
        return _check(Cluster())
    watch = Stopwatch("demo")
    try:
        _demo(watch)
    except (DeadlineMissedError, RuntimeError, subprocess.CalledProcessError) as error:
        print(f"\ndemo: {error}", file=sys.stderr)
        return 1
    watch.write()
    return 0


def _demo(watch: Stopwatch) -> None:
    if os.environ.get("CLUSTER", "local") == "local":
        with watch.stage("a real single-node Kubernetes, and the images"):
            _local_cluster("up", "--load", "all")
    cluster = Cluster()
    if _check(cluster):
        raise RuntimeError("the cluster lacks what is named above")
    with watch.stage("helm install faceledger charts/faceledger"):
        install.install(cluster)
    with watch.stage("photographs of 40 people on two volumes"):
        _start_afresh(cluster)
        cluster.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}}, namespace="")
        cluster.apply_folder(QUICKSTART / "volumes", namespace=NAMESPACE)
        install.fill_claims(cluster, NAMESPACE, {"staff-photos": orl.gallery(), "camera": orl.probes()})
    with watch.stage("kubectl apply -f examples/quickstart/"):
        print(cluster.kubectl("apply", "-n", NAMESPACE, "-f", str(QUICKSTART)), end="")
    with watch.stage("three resources become Ready"):
        _follow(cluster, watch)
    print(cluster.kubectl("get", "facedatasets,recognitionjobs,ledgerbindings", "-n", NAMESPACE))
    with watch.stage("a stranger verifies"):
        _verify()
    _closing_words()


def _follow(cluster: Cluster, watch: Stopwatch) -> None:
    """Prints each change of a Ready message until all three are Ready."""
    said: dict[str, str] = {}

    def look() -> bool:
        ready = 0
        for kind, name in RESOURCES:
            resource = cluster.get(kind, name, NAMESPACE)
            now = condition(resource, "Ready")
            line = f"{_percent(resource):>5} {now['reason']}: {now['message']}"
            if now["message"] and said.get(kind) != line:
                said[kind] = line
                print(f"[{watch.seconds:6.1f} s]   {kind}/{name} {line}", flush=True)
            ready += now["status"] == "True"
        return ready == len(RESOURCES)

    until("LedgerBinding, FaceDataset and RecognitionJob are Ready", look, DEADLINE_S, lambda: f"Last seen: {said}")


def _percent(resource: dict[str, Any] | None) -> str:
    progress = ((resource or {}).get("status") or {}).get("progress") or {}
    return str(progress.get("percent", ""))


def _verify() -> None:
    OUT.mkdir(parents=True, exist_ok=True)
    for kind, name in RESOURCES[1:]:
        _faceledger("results", f"{kind.lower()}/{name}", "-n", NAMESPACE, "-o", str(OUT / name))
        _faceledger("verify", f"{kind.lower()}/{name}", "-n", NAMESPACE)
    tampered = OUT / "tampered-results.jsonl"
    content = bytearray((OUT / "front-door" / "results.jsonl").read_bytes())
    content[len(content) // 2] ^= 1
    tampered.write_bytes(content)
    print("\nNow one bit of a copy of the results is flipped, and the copy is shown to the same check:")
    command = ("verify", "recognitionjob/front-door", "-n", NAMESPACE, "--artefact", f"results.jsonl={tampered}")
    done = subprocess.run([FACELEDGER, *command, "--json"], capture_output=True, text=True, check=False)
    refused = [step for checked in json.loads(done.stdout)["receipts"] for step in checked["steps"] if not step["ok"]]
    if done.returncode != 1 or [step["name"] for step in refused] != ["copy of results.jsonl"]:
        raise RuntimeError(
            f"faceledger verify did not refuse the changed copy, and it alone: {done.stdout}{done.stderr}"
        )
    print(f"It is refused: {refused[0]['name']}: {refused[0]['detail']}")


def _faceledger(*arguments: str) -> None:
    subprocess.run([FACELEDGER, *arguments], check=True)


def _local_cluster(*arguments: str) -> None:
    subprocess.run([sys.executable, str(install.REPOSITORY / "hack" / "cluster"), *arguments], check=True)


def _check(cluster: Cluster) -> int:
    missing = install.missing_parts(cluster)
    for part in missing:
        print(f"the cluster lacks {part}", file=sys.stderr)
    return len(missing)


def _start_afresh(cluster: Cluster) -> None:
    if cluster.get("Namespace", NAMESPACE, "") is None:
        return
    cluster.delete("Namespace", NAMESPACE, "")
    until("the last demo's namespace is gone", lambda: cluster.get("Namespace", NAMESPACE, "") is None, 120)


def _clean() -> int:
    try:
        _start_afresh(Cluster())
    except Exception as error:  # no cluster at all is clean, too
        print(f"nothing to clean: {type(error).__name__}")
    return 0


def _closing_words() -> None:
    shown = OUT.relative_to(install.REPOSITORY)
    local = "KUBECONFIG=.cluster/kubeconfig " if os.environ.get("CLUSTER", "local") == "local" else ""
    print(
        f"""
Done, {time.strftime("%H:%M")}. Look further:
  {shown}/front-door/contact-sheet.png   who was recognised
  {shown}/staff/synthetic-grid.png       the synthetic faces
  {shown}/front-door/receipt.json        what a stranger needs to verify
  {local}kubectl describe recognitionjob front-door -n {NAMESPACE}
  {local}.venv/bin/faceledger verify {shown}/front-door/receipt.json --help
Clean up: make clean (resources), make cluster-down (the cluster)"""
    )


if __name__ == "__main__":
    sys.exit(main())
