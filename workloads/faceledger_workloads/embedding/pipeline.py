"""What an embedding depends on besides the image: the key under which it may be used again.

In: how a run looks for faces and encodes them. Out: the pipeline as plain JSON and its SHA-256. Invariant: two
embeddings with one image digest and one pipeline digest are interchangeable; whatever could make them differ (weights,
libraries that decode, detect, align or multiply, precision, device, this code) is part of the digest. CPU models are
not: between them, rows differ by rounding alone. No model is loaded to compute it, so the driver can.
"""

from __future__ import annotations

from importlib import metadata

from faceledger_contracts.canonical import canonical_json, sha256_digest
from PIL import features

from faceledger_workloads.models import FACE_RESNET, FIVE_POINTS, MMOD
from faceledger_workloads.runspec import Encoder, FaceSearch

__all__ = ["REVISIONS", "Pipeline", "chip_pipeline", "photo_pipeline", "pipeline_digest"]

REVISIONS = {"decode": 2, "detect": 3, "align": 1, "encode": 2}
"""Revision of each stage's code. Raise one in the commit that makes its stage give other pixels, boxes or rows: stored
encodings of the older revision are then made anew instead of being mixed with the new ones."""

_DECODERS = ("libjpeg_turbo", "jpg", "webp", "avif", "libtiff", "zlib")
"""Libraries behind Pillow: another version may round a decoded pixel differently."""

Pipeline = dict[str, object]
"""JSON: stage -> whatever its output depends on."""


def chip_pipeline(encoder: Encoder, device: str) -> Pipeline:
    """From an aligned chip (keyed by the chip's digest) to an embedding, on `device` (`cpu` or `cuda`)."""
    torch = encoder.backend == "Torch"
    return {
        "encode": {
            "revision": REVISIONS["encode"],
            "model": FACE_RESNET.sha256,
            "backend": encoder.backend,
            "precision": encoder.precision,
            "library": _version("torch" if torch else "dlib-bin"),
            "compiler": _version("triton") if torch and device != "cpu" and encoder.compile else None,
            "resampling": _version("Pillow"),
            "device": device if torch else "cpu",
        }
    }


def photo_pipeline(search: FaceSearch, chip_size: int, encoder: Encoder, device: str) -> Pipeline:
    """From a photo's bytes (keyed by the file's digest) to an embedding, by way of a chip of `chip_size` pixels. Which
    landmarks are told plays no part: chips are aligned by five always."""
    return {
        "decode": {
            "revision": REVISIONS["decode"],
            "Pillow": _version("Pillow"),
            "pillow-heif": _version("pillow-heif"),
            **{name: features.version(name) for name in _DECODERS},
        },
        "detect": {
            "revision": REVISIONS["detect"],
            "library": _version("dlib-bin"),
            "search": search.model_dump(mode="json", by_alias=True, exclude={"landmarks", "accept_license"}),
            "cnn": MMOD.sha256,
            "device": device,
        },
        "align": {"revision": REVISIONS["align"], "model": FIVE_POINTS.sha256, "size": chip_size},
        **chip_pipeline(encoder, device),
    }


def pipeline_digest(pipeline: Pipeline) -> str:
    """`sha256:<hex>` over the pipeline as canonical JSON (RFC 8785)."""
    return sha256_digest(canonical_json(pipeline))


def _version(distribution: str) -> str | None:
    """The installed version; None where the distribution is absent (an optional one)."""
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return None
