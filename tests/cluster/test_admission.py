"""What the API server refuses at apply, and the words it uses; what it fills in; what `kubectl explain` says."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from testbed.cluster import Cluster, Manifest
from testbed.sandbox import Sandbox, merged

pytestmark = pytest.mark.timeout(60)

Overrides = dict[str, Any]


@pytest.fixture(scope="session")
def room(cluster: Cluster) -> Iterator[Sandbox]:
    """A namespace in which nothing is stored but by the tests of what cannot be changed."""
    made = Sandbox(cluster)
    yield made
    made.close()


def try_to_apply(room: Sandbox, manifest: Manifest) -> str:
    """What `kubectl apply` would answer, without storing anything."""
    arguments = ("apply", "--dry-run=server", "-n", room.namespace, "-f", "-")
    return room.cluster.kubectl(*arguments, stdin=yaml.safe_dump(manifest).encode())


def build(room: Sandbox, kind: str, overrides: Overrides) -> Manifest:
    match kind:
        case "FaceDataset":
            return room.dataset(**overrides)
        case "RecognitionJob":
            return room.job(**overrides)
        case _:
            return room.binding(overrides)


def synthesis(**fields: Any) -> Overrides:
    return {"synthesis": {"checkpoint": {"bundled": "faces-64"}, "faces": 4} | fields}


FILE = {"claimName": "weights", "path": "/faces.safetensors"}

BAD_DATASETS = (
    pytest.param({"gate": {"maxRoll": "200"}}, "spec.gate.maxRoll", "at most 180", id="tilted beyond upside down"),
    pytest.param({"gate": {"minClarity": "-1"}}, "spec.gate.minClarity", "not negative", id="less than no clarity"),
    pytest.param(synthesis(generator="DeepFake9000"), "spec.synthesis.generator", "StyleGAN2", id="unknown generator"),
    pytest.param(synthesis(faces=-1), "spec.synthesis.faces", "greater than or equal to 0", id="fewer than no faces"),
    pytest.param(
        synthesis(truncation="1.5"), "spec.synthesis.truncation", "a number from 0 to 1", id="truncation above 1"
    ),
    pytest.param(synthesis(truncation="0.0"), "spec.synthesis.truncation", "above 0", id="truncation of zero"),
    pytest.param(synthesis(truncation=0.7), "spec.synthesis.truncation", "string", id="a number that is not text"),
    pytest.param(
        synthesis(screening={"maxSimilarityToReal": "high"}),
        "spec.synthesis.screening.maxSimilarityToReal",
        "Auto or a number from 0 to 1",
        id="similarity in words",
    ),
    pytest.param(synthesis(train={"kimg": 1}), "spec.synthesis", "exactly one of", id="a checkpoint and training"),
    pytest.param(synthesis(generator="CycleGAN"), "spec.synthesis", "makes no people", id="people by translation"),
    pytest.param(
        synthesis(generator="ProGAN", precision="BFloat16"),
        "spec.synthesis",
        "BFloat16 is for StyleGAN2 alone",
        id="a precision that the generator does not have",
    ),
    pytest.param(synthesis(seed=-1), "spec.synthesis.seed", "greater than or equal to 0", id="a seed below zero"),
    pytest.param(synthesis(seed=2**32), "spec.synthesis.seed", "less than or equal to 4294967295", id="a huge seed"),
    pytest.param(synthesis(checkpoint={}), "spec.synthesis.checkpoint", "exactly one of", id="no checkpoint"),
    pytest.param(
        synthesis(checkpoint={"bundled": "faces-64", "file": FILE, "sha256": "ab" * 32}),
        "spec.synthesis.checkpoint",
        "exactly one of bundled and file",
        id="two checkpoints",
    ),
    pytest.param(
        synthesis(checkpoint={"file": FILE}), "spec.synthesis.checkpoint", "checkpoint.sha256: required", id="no digest"
    ),
    pytest.param(
        synthesis(checkpoint={"file": FILE, "sha256": "abc"}),
        "spec.synthesis.checkpoint.sha256",
        "64 hexadecimal digits",
        id="half a digest",
    ),
    pytest.param(
        {"source": {"persistentVolumeClaim": {"path": "/a/../../etc"}}},
        "spec.source.persistentVolumeClaim.path",
        "no '..' among its folders",
        id="a path that leaves the volume",
    ),
    pytest.param({"source": {"layout": "Tree"}}, "spec.source.layout", "IdentityFolders", id="unknown layout"),
    pytest.param({"source": None}, "spec.source", "Required", id="no source"),
    pytest.param({"privacy": {"purpose": None}}, "spec.privacy.purpose", "Required", id="no purpose"),
    pytest.param({"privacy": {"purpose": "Fun"}}, "spec.privacy.purpose", "AccessControl", id="unknown purpose"),
    pytest.param({"privacy": {"retention": "30 days"}}, "spec.privacy.retention", "1h30m", id="retention in words"),
    pytest.param({"preprocessing": {"size": 8}}, "spec.preprocessing.size", "64", id="chips of 8 pixels"),
    pytest.param(
        {"compute": {"workers": {"min": 3, "max": 2}}},
        "spec.compute.workers",
        "min must not be above max",
        id="more workers at least than at most",
    ),
    pytest.param({"compute": {"workers": {"gpu": -1}}}, "spec.compute.workers.gpu", "0", id="fewer than no GPUs"),
    pytest.param({"compute": {"workers": {"gpu": 17}}}, "spec.compute.workers.gpu", "16", id="seventeen GPUs a pod"),
    pytest.param(
        {"compute": {"workers": {"memory": "lots"}}},
        "spec.compute.workers.memory",
        "a Kubernetes quantity",
        id="memory in words",
    ),
    pytest.param({"compute": {"workers": {"cpu": "0"}}}, "spec.compute.workers.cpu", "above zero", id="no processor"),
    pytest.param(
        {"compute": {"timeout": "99999999999999999h"}}, "spec.compute.timeout", "at most 99999h", id="time without end"
    ),
    pytest.param({"compute": {"timeout": "0s"}}, "spec.compute.timeout", "longer than zero", id="no time at all"),
    pytest.param({"compute": {"retries": 11}}, "spec.compute.retries", "10", id="eleven retries"),
    pytest.param(
        {"compute": {"mode": "Shared", "queue": "team-a"}},
        "spec.compute",
        "Kueue cannot hold back the jobs of a standing cluster",
        id="a queue for a standing cluster",
    ),
    pytest.param(
        {"compute": {"queue": "team-a", "workers": {"min": 1, "max": 2}}},
        "spec.compute",
        "Kueue admits a fixed number of workers",
        id="workers that scale in a queue",
    ),
    pytest.param({"compute": {"shared": {"idleTTL": "0s"}}}, "idleTTL", "longer than zero", id="no time to be idle"),
)

BAD_JOBS = (
    pytest.param({"matching": {"threshold": "1.01"}}, "matching.threshold", "score Cosine", id="a cosine above 1"),
    pytest.param({"matching": {"threshold": "-0.2"}}, "spec.matching.threshold", "from 0 up", id="T below 0"),
    pytest.param({"matching": {"threshold": "auto"}}, "spec.matching.threshold", "Auto or a number", id="T misspelt"),
    pytest.param(
        {"matching": {"targetFalseMatchRate": "0.000"}},
        "spec.matching.targetFalseMatchRate",
        "above 0 and below 1",
        id="a rate of zero",
    ),
    pytest.param(
        {"matching": {"targetFalseMatchRate": "1"}},
        "spec.matching.targetFalseMatchRate",
        "above 0 and below 1",
        id="a rate of one",
    ),
    pytest.param(
        {"matching": {"targetFalseMatchRate": "0.001", "targetFalsePositiveIdentificationRate": "0.01"}},
        "spec.matching",
        "not both",
        id="two rates",
    ),
    pytest.param(
        {"search": {"landmarks": "SixtyEightPoint"}}, "spec.search", "acceptLicense must be true", id="a licence"
    ),
    pytest.param({"matching": {"topK": 0}}, "spec.matching.topK", "1", id="no candidates"),
    pytest.param({"matching": {"score": "Guess"}}, "spec.matching.score", "Cosine", id="unknown score"),
    pytest.param({"task": "Spy"}, "spec.task", "Identify", id="unknown task"),
    pytest.param(
        {"encoder": {"backend": "Dlib", "precision": "BFloat16"}},
        "spec.encoder",
        "Dlib computes in Float32 only",
        id="a precision that the backend lacks",
    ),
    pytest.param({"galleryRef": None}, "spec.galleryRef", "Required", id="no gallery"),
    pytest.param(
        {"probes": {"persistentVolumeClaim": {"path": ".."}}},
        "spec.probes.persistentVolumeClaim.path",
        "no '..' among its folders",
        id="probes outside the volume",
    ),
)

KMS = {"keyId": "alias/faceledger", "region": "eu-central-1"}
NODES = ["http://ipfs-0.ipfs:5001", "http://ipfs-1.ipfs:5001"]

BAD_BINDINGS = (
    pytest.param({"network": {"chainId": 0}}, "spec.network.chainId", "1", id="chain id of zero"),
    pytest.param({"contract": {"deploy": None}}, "spec.contract", "exactly one of", id="neither deploy nor address"),
    pytest.param(
        {"contract": {"address": "0x" + "00" * 20}}, "spec.contract", "exactly one of", id="both deploy and address"
    ),
    pytest.param(
        {"contract": {"deploy": None, "address": "0xabc"}},
        "spec.contract.address",
        "40 hexadecimal digits",
        id="a short address",
    ),
    pytest.param(
        {"network": {"finality": {"mode": "Confirmations"}}},
        "spec.network.finality",
        "finality.confirmations: required",
        id="confirmations without a number",
    ),
    pytest.param(
        {"network": {"finality": {"confirmations": 3}}},
        "spec.network.finality",
        "only with mode Confirmations",
        id="a number of confirmations that means nothing",
    ),
    pytest.param(
        {"content": {"ipfs": {"api": "http://user:password@ipfs:5001"}}},
        "spec.content.ipfs.api",
        "must be http(s)://host:port",
        id="credentials in the address of IPFS",
    ),
    pytest.param({"signer": {"keystoreSecretRef": None}}, "spec.signer", "exactly one of", id="nobody who signs"),
    pytest.param(
        {"signer": {"privateKeySecretRef": {"name": "key"}}}, "spec.signer", "exactly one of", id="two who sign"
    ),
    pytest.param(
        {"signer": {"keystoreSecretRef": None, "awsKms": {"keyId": "alias/faceledger"}}},
        "spec.signer.awsKms.region",
        "Required",
        id="a key service without a region",
    ),
    pytest.param(
        {"signer": {"keystoreSecretRef": None, "awsKms": KMS | {"endpoint": "https://user:secret@kms"}}},
        "spec.signer.awsKms.endpoint",
        "without credentials",
        id="credentials in the address of a key service",
    ),
    pytest.param({"receipts": {"url": "ftp://host/path"}}, "spec.receipts.url", "s3://BUCKET", id="receipts by FTP"),
    pytest.param({"receipts": {"url": "s3://"}}, "spec.receipts.url", "s3://BUCKET/PREFIX", id="no bucket"),
    pytest.param({"receipts": {"url": "gdrive://a/b"}}, "spec.receipts.url", "FOLDER-ID", id="a path in Google Drive"),
    pytest.param({"receipts": {"region": "eu-central-1"}}, "spec.receipts.url", "Required", id="receipts nowhere"),
    pytest.param({"content": {"ipfs": {"api": None}}}, "spec.content.ipfs", "exactly one of", id="no IPFS node"),
    pytest.param({"content": {"ipfs": {"apis": NODES}}}, "spec.content.ipfs", "exactly one of", id="one node and two"),
    pytest.param(
        {"content": {"ipfs": {"quorum": 1}}}, "spec.content.ipfs", "only with apis", id="a quorum of a single node"
    ),
    pytest.param(
        {"content": {"ipfs": {"api": None, "apis": NODES, "quorum": 3}}},
        "spec.content.ipfs",
        "not above their number",
        id="a quorum of three among two",
    ),
    pytest.param(
        {"content": {"ipfs": {"api": None, "apis": []}}},
        "spec.content.ipfs.apis",
        "at least 1",
        id="a list of no nodes",
    ),
    pytest.param(
        {"content": {"ipfs": {"api": None, "apis": ["http://ipfs:5001/api"]}}},
        "spec.content.ipfs.apis[0]",
        "without a path",
        id="one of several nodes with a path",
    ),
    pytest.param(
        {"network": {"rpc": {"fallbacks": [{"headersSecretRef": {"name": "headers"}}]}}},
        "spec.network.rpc.fallbacks[0].urlSecretRef",
        "Required",
        id="a fallback without a URL",
    ),
    pytest.param(
        {"network": {"rpc": {"fallbacks": [{"urlSecretRef": {"name": f"rpc-{n}"}} for n in range(5)]}}},
        "spec.network.rpc.fallbacks",
        "at most 4",
        id="five fallbacks",
    ),
    pytest.param({"batching": {"maxRecords": 0}}, "spec.batching.maxRecords", "1", id="batches of nothing"),
    pytest.param({"batching": {"maxDelay": "soon"}}, "spec.batching.maxDelay", "1h30m or 5s", id="a delay in words"),
    pytest.param({"gas": {"maxFeePerGasGwei": "-1"}}, "spec.gas.maxFeePerGasGwei", "not negative", id="a negative fee"),
    pytest.param({"gas": {"budgetEthPerDay": "lots"}}, "spec.gas.budgetEthPerDay", "decimal", id="a budget in words"),
)


@pytest.mark.parametrize(("overrides", "field", "words"), BAD_DATASETS)
def test_a_facedataset_is_refused_by_field(room: Sandbox, overrides: Overrides, field: str, words: str) -> None:
    refused = _refusal(room, room.dataset(**overrides))
    assert field in refused
    assert words in refused


@pytest.mark.parametrize(("overrides", "field", "words"), BAD_JOBS)
def test_a_recognitionjob_is_refused_by_field(room: Sandbox, overrides: Overrides, field: str, words: str) -> None:
    refused = _refusal(room, room.job(**overrides))
    assert field in refused
    assert words in refused


@pytest.mark.parametrize(("overrides", "field", "words"), BAD_BINDINGS)
def test_a_ledgerbinding_is_refused_by_field(room: Sandbox, overrides: Overrides, field: str, words: str) -> None:
    refused = _refusal(room, room.binding(overrides))
    assert field in refused
    assert words in refused


@pytest.mark.parametrize(
    "overrides",
    [
        pytest.param({"signer": {"keystoreSecretRef": None, "awsKms": KMS}}, id="a key service"),
        pytest.param({"signer": {"keystoreSecretRef": None, "privateKeySecretRef": {"name": "key"}}}, id="a bare key"),
        pytest.param({"content": {"ipfs": {"api": None, "apis": NODES, "quorum": 2}}}, id="a quorum of all nodes"),
        pytest.param({"receipts": {"url": "s3://receipts.example/people"}}, id="receipts in a bucket"),
        pytest.param({"receipts": {"url": "gdrive://1x3S0bJ8pKq"}}, id="receipts in Google Drive"),
        pytest.param(
            {
                "network": {
                    "rpc": {"fallbacks": [{"urlSecretRef": {"name": "other"}, "headersSecretRef": {"name": "h"}}]}
                }
            },
            id="a fallback with headers",
        ),
    ],
)
def test_a_ledgerbinding_is_accepted_with(room: Sandbox, overrides: Overrides) -> None:
    assert "created" in try_to_apply(room, room.binding(overrides))


@pytest.mark.parametrize(
    ("name", "words"),
    [
        pytest.param("n" * 64, "at most 63 characters", id="longer than a label may be"),
        pytest.param("7-dwarfs", "begin with a letter", id="beginning with a digit"),
        pytest.param("front.door", "letters, digits and '-' alone", id="with a dot"),
    ],
)
@pytest.mark.parametrize("kind", ["FaceDataset", "RecognitionJob"])
def test_a_name_that_ray_could_not_bear_is_refused(room: Sandbox, kind: str, name: str, words: str) -> None:
    refused = _refusal(room, merged(build(room, kind, {}), {"metadata": {"name": name}}))
    assert "metadata.name" in refused
    assert words in refused


@pytest.mark.parametrize(
    ("kind", "change", "field"),
    [
        pytest.param("LedgerBinding", {"network": {"chainId": 5}}, "spec.network.chainId", id="another chain"),
        pytest.param("FaceDataset", {"privacy": {"purpose": "Research"}}, "spec.privacy.purpose", id="another purpose"),
    ],
)
def test_what_cannot_be_changed_is_refused(room: Sandbox, kind: str, change: Overrides, field: str) -> None:
    paused = {"metadata": {"name": "fixed", "annotations": {"faceledger.dev/reconcile": "disabled"}}}
    room.apply(merged(build(room, kind, {}), paused))
    refused = _refusal(room, merged(build(room, kind, change), paused))
    assert field in refused
    assert "cannot be changed" in refused


@pytest.mark.parametrize("kind", ["FaceDataset", "RecognitionJob", "LedgerBinding"])
def test_what_a_user_leaves_out_is_filled_in(room: Sandbox, kind: str) -> None:
    manifest = build(room, kind, {})
    arguments = ("apply", "--dry-run=server", "-n", room.namespace, "-o", "json", "-f", "-")
    stored = json.loads(room.cluster.kubectl(*arguments, stdin=yaml.safe_dump(manifest).encode()))
    assert stored["status"] == {"observedGeneration": -1}
    assert stored["spec"] == merged(DEFAULTS[kind], manifest["spec"])


PLACEMENT: Overrides = {"nodeSelector": {}, "tolerations": []}
COMPUTE: Overrides = {
    "mode": "Ephemeral",
    "shared": {"idleTTL": "10m"},
    "workers": {"min": 1, "max": 1, "cpu": "1", "memory": "2Gi", "gpu": 0, **PLACEMENT},
    "imagePullSecrets": [],
    **PLACEMENT,
    "headMemory": "2Gi",
    "timeout": "1h",
    "retries": 3,
    "podTemplate": {},
    "ttlAfterFinished": "24h",
}
SEARCH: Overrides = {
    "detector": "Auto",
    "faces": "Reject",
    "rotations": True,
    "landmarks": "FivePoint",
    "acceptLicense": False,
}

DEFAULTS: dict[str, Overrides] = {
    "FaceDataset": {
        "source": {"persistentVolumeClaim": {"path": "/"}, "layout": "IdentityFolders"},
        "preprocessing": {"size": 150, "alignment": "FivePoint"},
        "search": SEARCH,
        "gate": {
            "mode": "Enforce",
            "minEyeDistance": "12",
            "minClarity": "5",
            "maxRoll": "35",
            "maxTurn": "0.5",
            "minBrightness": "30",
            "maxBrightness": "225",
            "maxClipped": "0.4",
        },
        "compute": COMPUTE,
        "output": {"persistentVolumeClaim": {"path": "/"}},
    },
    "RecognitionJob": {
        "probes": {"persistentVolumeClaim": {"path": "/"}, "layout": "IdentityFolders"},
        "search": SEARCH,
        "task": "Identify",
        "encoder": {"model": "dlib-resnet-v1", "backend": "Torch", "precision": "Float32", "compile": False},
        "matching": {
            "score": "Cosine",
            "threshold": "Auto",
            "templates": "Max",
            "impostors": "Gallery",
            "topK": 5,
            "includeScores": False,
        },
        "compute": COMPUTE,
    },
    "LedgerBinding": {
        "network": {"rpc": {"fallbacks": []}, "finality": {"mode": "Tag", "tag": "finalized"}},
        "batching": {"maxRecords": 256},
        "gas": {"maxFeePerGasGwei": "50"},
    },
}


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("facedataset", "Joins real face images"),
        ("facedataset.spec.privacy.purpose", "What these faces may be used for"),
        ("recognitionjob.spec.matching.threshold", "S > T"),
        ("recognitionjob.status.calibration.interval95", "Wilson"),
        ("ledgerbinding.spec.network.chainId", "EIP-155"),
    ],
)
def test_kubectl_explain_says(room: Sandbox, path: str, words: str) -> None:
    assert words in " ".join(room.cluster.kubectl("explain", path).split())


def test_one_category_lists_all_three_kinds(room: Sandbox) -> None:
    listed = room.cluster.kubectl("api-resources", "--categories=faceledger", "-o", "name").split()
    assert sorted(name.partition(".")[0] for name in listed) == ["facedatasets", "ledgerbindings", "recognitionjobs"]


def _refusal(room: Sandbox, manifest: Manifest) -> str:
    """What the API server says against the manifest."""
    with pytest.raises(RuntimeError, match="is invalid") as refused:
        try_to_apply(room, manifest)
    return str(refused.value)
