"""The images of the local cluster: what each is made from, and building one with buildah.

An image's key is the hash of all that goes into it, so an image whose key is already loaded needs no work at all.
Layers are never compressed: they travel a few centimetres.
"""

import hashlib
import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import binaries
import packages
from console import ClusterError, run, say, step
from places import CACHE, HERE, REPOSITORY
from versions import KUBERAY, KUEUE

__all__ = ["EXTRA_IMAGES", "IMAGES", "SYSTEM_IMAGES", "Image", "build", "buildah", "export", "key", "prune"]

SYSTEM_IMAGES: Final = ("pause", "kuberay-operator")
"""What the cluster itself needs; the others are the product's."""

EXTRA_IMAGES: Final = ("kueue",)
"""What runs on the cluster only where it is asked for."""

_BASE_PACKAGES: Final = "python3,ca-certificates,wget,procps,libgomp1,fonts-dejavu-core"
_STORAGE: Final = CACHE / "buildah"
_RUN_STORAGE: Final = CACHE / "buildah-run"
_CA_BUNDLE: Final = Path("/etc/ssl/certs/ca-certificates.crt")


@dataclass(frozen=True)
class Image:
    """One image: its Containerfile, the folder COPY reads from, and the files that decide what it holds.

    `binaries` fetches the programs it carries; they are linked into a context of their own.
    """

    name: str
    containerfile: Path
    sources: Sequence[str] = ()
    binaries: Mapping[str, Callable[[], Path]] = field(default_factory=dict)
    based: bool = True
    tag: str = "dev"

    @property
    def reference(self) -> str:
        """The name pods use."""
        return f"localhost/faceledger/{self.name}:{self.tag}"


def _here(name: str) -> Path:
    return HERE / "images" / f"{name}.Containerfile"


_LOCK: Final = ("pyproject.toml", "uv.lock")

_KUBERAY: Final = Image(
    "kuberay-operator", _here("kuberay-operator"), binaries={"manager": binaries.kuberay}, based=False, tag=KUBERAY
)

IMAGES: Final = {
    image.name: image
    for image in (
        Image("pause", _here("pause"), binaries={"pause": binaries.kube}, based=False),
        _KUBERAY,
        Image("kueue", _here("kueue"), binaries={"manager": binaries.kueue}, based=False, tag=KUEUE),
        Image("anvil", _here("anvil"), binaries={"anvil": binaries.anvil}),
        Image("kubo", _here("kubo"), binaries={"ipfs": binaries.kubo, "start-kubo": lambda: HERE / "images"}),
        Image(
            "operator",
            REPOSITORY / "operator" / "Containerfile",
            (
                *_LOCK,
                "contracts/faceledger_contracts",
                "workloads/faceledger_workloads",
                "operator/faceledger_operator",
            ),
        ),
        Image(
            "workloads",
            REPOSITORY / "workloads" / "Containerfile",
            (*_LOCK, "contracts/faceledger_contracts", "workloads/faceledger_workloads"),
        ),
    )
}
"""Every image by name."""


def key(image: Image) -> str:
    """The hash of everything that decides what the image holds."""
    digest = hashlib.sha256(_base_name().encode() if image.based else b"")
    for path in [image.containerfile, *_files(image.sources)]:
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    for name, fetch in image.binaries.items():
        digest.update(name.encode() + str(fetch()).encode())
        if fetch() == HERE / "images":
            digest.update((fetch() / name).read_bytes())
    return digest.hexdigest()


def build(image: Image) -> None:
    """Build the image into buildah's storage under its reference; layers that are there already are reused."""
    base = [f"--build-arg=BASE={_base()}"] if image.based else []
    context = _binary_context(image) if image.binaries else REPOSITORY
    with step(f"building image {image.name}"):
        buildah(
            "build", "--layers", "--isolation=chroot", "--pull-never", *base, *_dependency_cache(image),
            f"--file={image.containerfile}", f"--tag={image.reference}", context,
        )  # fmt: skip


def buildah(*words: str | Path) -> str:
    """Run buildah on a storage of our own, beside any the host has."""
    return run(["buildah", "--storage-driver=overlay", "--root", _STORAGE, "--runroot", _RUN_STORAGE, *words])


def export(image: Image, layout: Path) -> None:
    """Copy the built image into an OCI layout, layers as they are; those that lie there already are not written."""
    source = f"containers-storage:[overlay@{_STORAGE}+{_RUN_STORAGE}]{image.reference}"
    run(["skopeo", "copy", "--quiet", "--dest-oci-accept-uncompressed-layers", source, f"oci:{layout}:latest"])


def prune() -> None:
    """Remove what no tagged image uses any more (a replaced layer of dependencies is gigabytes) and killed builds.

    Never while an image is being built: what a build has made so far has no name yet.
    """
    buildah("rm", "--all")
    buildah("rmi", "--prune")


def _files(sources: Sequence[str]) -> list[Path]:
    """Every source file, in a fixed order, caches left out."""
    found: list[Path] = []
    for source in sources:
        path = REPOSITORY / source
        inside = path.rglob("*") if path.is_dir() else [path]
        found += sorted(one for one in inside if one.is_file() and "__pycache__" not in one.parts)
    return found


def _binary_context(image: Image) -> Path:
    context = CACHE / "contexts" / image.name
    shutil.rmtree(context, ignore_errors=True)
    context.mkdir(parents=True)
    for name, fetch in image.binaries.items():
        shutil.copy2(fetch() / name, context / name)
    return context


def _dependency_cache(image: Image) -> list[str]:
    """Arguments that lend the build the host's uv, its wheels and its certificates; none stays in the image."""
    if not image.sources:
        return []
    cache = Path(os.environ.get("UV_CACHE_DIR") or CACHE.parents[1] / "uv")
    cache.mkdir(parents=True, exist_ok=True)
    arguments = [
        f"--volume={packages.uv()}:/opt/uv/uv:ro",
        f"--volume={cache}:/var/cache/uv:rw",
        "--build-arg=UV_CACHE_FLAGS=--cache-dir /var/cache/uv",
    ]
    if _CA_BUNDLE.exists():
        arguments += [f"--volume={_CA_BUNDLE}:{_CA_BUNDLE}:ro", f"--build-arg=SSL_CERT_FILE={_CA_BUNDLE}"]
    return arguments


def _base_name() -> str:
    packages = hashlib.sha256(_BASE_PACKAGES.encode()).hexdigest()[:8]
    return f"localhost/faceledger/base:{_release()['VERSION_CODENAME']}-{packages}"


def _base() -> str:
    """The image every other stands on: the host's own release with Python, made by debootstrap once."""
    name = _base_name()
    if name in buildah("images", "--format", "{{.Name}}:{{.Tag}}").split():
        return name
    with step("building the base image"):
        try:
            container = _bootstrapped()
        except ClusterError as error:
            say(f"debootstrap is tried once more: {str(error).splitlines()[-1]}")
            container = _bootstrapped()
        root = Path(buildah("mount", container).strip())
        for litter in ("var/cache/apt", "var/lib/apt/lists", "var/log", "usr/share/doc", "usr/share/locale"):
            shutil.rmtree(root / litter, ignore_errors=True)
        buildah("umount", container)
        buildah("config", "--env", "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", container)
        buildah("commit", "--rm", container, name)
    return name


def _bootstrapped() -> str:
    """A mounted container with the host's release. Packages are kept, so a second try after a lost one is short."""
    packages = CACHE / "debs"
    packages.mkdir(parents=True, exist_ok=True)
    components = "main,universe" if _release()["ID"] == "ubuntu" else "main"
    options = ("--variant=minbase", f"--include={_BASE_PACKAGES}", f"--components={components}")
    container = buildah("from", "scratch").strip()
    root = buildah("mount", container).strip()
    try:
        run(["debootstrap", f"--cache-dir={packages}", *options, _release()["VERSION_CODENAME"], root, _mirror()])
    except ClusterError:
        buildah("rm", container)
        raise
    return container


def _release() -> dict[str, str]:
    pairs = (line.split("=", 1) for line in Path("/etc/os-release").read_text().splitlines() if "=" in line)
    return {name: value.strip('"') for name, value in pairs}


def _mirror() -> str:
    """The place the host itself gets its release's packages from."""
    wanted = _release()["VERSION_CODENAME"]
    listing = run(["apt-get", "indextargets", "--format", "$(SITE) $(CODENAME) $(COMPONENT)", "Created-By: Packages"])
    for line in listing.splitlines():
        site, codename, component = line.split()
        if codename == wanted and component == "main":
            return site
    raise ClusterError(f"no apt source of this host offers {wanted} main; the base image is made from it")
