"""From buildah's storage into containerd's, moving only what containerd lacks.

skopeo writes an OCI layout, in which every layer that containerd already holds stands as a link to containerd's own
copy: skopeo skips what is there. The rest is streamed to the import as a tar, whose index still names all of it.
"""

import json
import shutil
import subprocess
import tarfile
from pathlib import Path
from typing import IO, Final

import images
import runtime
from console import ClusterError, step
from images import IMAGES, Image
from places import STATE

__all__ = ["load", "loaded", "tidy"]

_LAYOUTS: Final = STATE / "layouts"
_RECORDS: Final = STATE / "images"
_CONTENT: Final = STATE / "containerd" / "io.containerd.content.v1.content" / "blobs" / "sha256"


def load(name: str) -> bool:
    """Have containerd hold the image as its inputs are now; False when it already does and nothing was to do."""
    image = IMAGES[name]
    if not runtime.serves():
        raise ClusterError("the cluster is not up; start it with: python3 hack/cluster up")
    wanted = images.key(image)
    record = _record(name)
    if record.get("key") == wanted and loaded().get(image.reference) == record.get("digest"):
        return False
    images.build(image)
    with step(f"loading image {name}"):
        digest = _transfer(image)
    _RECORDS.mkdir(parents=True, exist_ok=True)
    (_RECORDS / f"{name}.json").write_text(json.dumps({"key": wanted, "digest": digest}))
    return True


def tidy() -> None:
    """Free what replaced images took, here and in buildah's storage; never while an image is being built."""
    _forget_replaced()
    images.prune()


def loaded() -> dict[str, str]:
    """The digest of every image containerd holds, by reference."""
    lines = runtime.ctr("images", "list").splitlines()[1:]
    return {fields[0]: fields[2] for fields in (line.split() for line in lines)}


def _record(name: str) -> dict[str, str]:
    path = _RECORDS / f"{name}.json"
    return json.loads(path.read_text()) if path.exists() else {}


def _transfer(image: Image) -> str:
    """Move the built image into containerd; returns its digest."""
    layout = _LAYOUTS / image.name
    shutil.rmtree(layout, ignore_errors=True)
    blobs = layout / "blobs" / "sha256"
    blobs.mkdir(parents=True)
    held = _held_blobs()
    for digest in held:
        (blobs / digest).symlink_to(_CONTENT / digest)
    images.export(image, layout)
    (manifest,) = json.loads((layout / "index.json").read_text())["manifests"]
    manifest["annotations"] = {"io.containerd.image.name": image.reference}
    (layout / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [manifest]}))
    with subprocess.Popen(
        runtime.ctr_command("images", "import", "-"),
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    ) as importer:  # fmt: skip
        assert importer.stdin is not None
        assert importer.stdout is not None
        _stream(layout, importer.stdin)
        output = importer.stdout.read().decode()
    if importer.returncode != 0:
        raise ClusterError(f"containerd did not take the image {image.name}: {output}")
    shutil.rmtree(layout)
    return str(manifest["digest"])


def _forget_replaced() -> None:
    """Drop images that have lost their name to a newer one, so that their layers are collected.

    The kubelet knows each image by its id too (`sha256:...`), and that name would keep it for good.
    """
    held = loaded()
    named = {digest for reference, digest in held.items() if not reference.startswith("sha256:")}
    replaced = [reference for reference, digest in held.items() if digest not in named]
    if replaced:
        runtime.ctr("images", "remove", *replaced)


def _held_blobs() -> list[str]:
    """The blobs containerd knows of and has whole."""
    names = runtime.ctr("content", "list", "--quiet").split()
    return [name.removeprefix("sha256:") for name in names]


def _stream(layout: Path, target: IO[bytes]) -> None:
    with target, tarfile.open(fileobj=target, mode="w|", bufsize=1 << 20) as tar:
        for path in [layout / "oci-layout", layout / "index.json", *sorted((layout / "blobs" / "sha256").iterdir())]:
            if not path.is_symlink():
                tar.add(path, arcname=str(path.relative_to(layout)))
