"""The chart on a real API server: installed with the narrowest rights, uninstalled, installed over what it left."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest
from testbed import tools
from testbed.bare import OPERATOR, BareControlPlane, control_plane
from testbed.cluster import Cluster, condition, until
from testbed.install import NAMESPACE, REPOSITORY

CHART = REPOSITORY / "charts" / "faceledger"

DIGEST = "@sha256:" + "ab" * 32

DATASET: dict[str, Any] = {
    "apiVersion": "faceledger.dev/v1alpha1",
    "kind": "FaceDataset",
    "metadata": {"name": "staff"},
    "spec": {
        "source": {"persistentVolumeClaim": {"claimName": "staff-photos"}},
        "privacy": {"purpose": "AccessControl"},
        "output": {"persistentVolumeClaim": {"claimName": "faceledger"}},
        "ledgerRef": {"name": "consortium"},
    },
}


@pytest.fixture(scope="module")
def plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BareControlPlane]:
    """An API server on which the chart is installed for the namespace `people` alone, images by digest."""
    if tools.binary("kube-*/kube") is None:
        pytest.skip("no control plane of one's own: the local cluster's binaries are not there")
    with control_plane(tmp_path_factory.mktemp("plane")) as found:
        for name in (NAMESPACE, "people", "strangers"):
            found.kubectl("create", "namespace", name)
        install(found)
        yield found


def helm(plane: BareControlPlane, *arguments: str) -> str:
    environment = {**os.environ, "KUBECONFIG": str(plane.kubeconfig()), "HELM_CACHE_HOME": str(plane.folder / "helm")}
    command = (str(tools.helm()), *arguments, "--namespace", NAMESPACE)
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def install(plane: BareControlPlane) -> None:
    values = ("watchNamespaces={people}", "images.requireDigests=true", "userRoles.enabled=false")
    images = (f"images.operator=op{DIGEST}", f"images.workloads=work{DIGEST}")
    settings = [part for value in (*values, *images) for part in ("--set", value)]
    helm(plane, "upgrade", "--install", "faceledger", str(CHART), *settings)
    cluster = Cluster(str(plane.kubeconfig()))

    def knows_kinds() -> bool:
        found = cluster.list("CustomResourceDefinition", "")
        return len(found) == 3 and all(condition(one, "Established")["status"] == "True" for one in found)

    until("the kinds are known", knows_kinds, 30)


def apply(plane: BareControlPlane, manifest: dict[str, Any]) -> str:
    return plane.kubectl("apply", "-n", "people", "-f", "-", stdin=json.dumps(manifest))


@pytest.mark.parametrize(
    ("namespace", "answer"), [pytest.param("people", "yes", id="its own"), pytest.param("strangers", "no", id="others")]
)
def test_an_operator_of_one_namespace_may_do_nothing_elsewhere(
    plane: BareControlPlane, namespace: str, answer: str
) -> None:
    for verb, kind in (("create", "rayjobs.ray.io"), ("get", "secrets"), ("watch", "facedatasets.faceledger.dev")):
        question = {
            "namespace": namespace,
            "verb": verb,
            "group": kind.partition(".")[2],
            "resource": kind.split(".")[0],
        }
        review = {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SubjectAccessReview",
            "spec": {"user": OPERATOR, "resourceAttributes": question},
        }
        told = json.loads(plane.kubectl("create", "-o", "json", "-f", "-", stdin=json.dumps(review)))
        assert told["status"]["allowed"] is (answer == "yes"), (verb, kind)


def test_an_image_by_tag_is_refused_and_one_by_digest_is_not(plane: BareControlPlane) -> None:
    tagged = {**DATASET, "spec": {**DATASET["spec"], "compute": {"image": "work:1"}}}

    def refused() -> bool:
        """The policy is in force some moments after it was made."""
        try:
            apply(plane, tagged)
        except Exception as error:
            return "must name a digest" in str(error)
        return False

    until("tags are refused", refused, 30)
    pinned = {**DATASET, "spec": {**DATASET["spec"], "compute": {"image": f"work{DIGEST}"}}}
    assert "facedataset.faceledger.dev/staff" in apply(plane, pinned)


def test_an_uninstall_keeps_kinds_resources_and_receipts_and_a_new_installation_finds_them(
    plane: BareControlPlane,
) -> None:
    apply(plane, DATASET)
    kept = ("facedataset/staff", "-n", "people"), ("pvc/faceledger-receipts", "-n", NAMESPACE)
    before = [plane.kubectl("get", *what, "-o", "jsonpath={.metadata.uid}") for what in kept]
    helm(plane, "uninstall", "faceledger")
    assert (
        plane.kubectl("get", "deployments,roles", "-A", "-o", "name", "-l", "app.kubernetes.io/name=faceledger") == ""
    )
    install(plane)
    assert [plane.kubectl("get", *what, "-o", "jsonpath={.metadata.uid}") for what in kept] == before
