"""What an embedding depends on besides the image: the key under which it may be used again.

In: how a run encodes chips. Out: the pipeline as plain JSON and its SHA-256. Invariant: two embeddings with one chip
digest and one pipeline digest are interchangeable; whatever could make them differ (weights, libraries that resize or
multiply, precision, device, this code) is part of the digest. How a chip was found and cut is not: its bytes are the
outcome of that. CPU models are not: between them, rows differ by rounding alone. No model is loaded to compute it, so
the driver can.
"""

from __future__ import annotations

from importlib import metadata

from faceledger_contracts.canonical import canonical_json, sha256_digest

from faceledger_workloads.models import FACE_RESNET
from faceledger_workloads.runspec import Encoder

__all__ = ["REVISION", "Pipeline", "chip_pipeline", "pipeline_digest"]

REVISION = 2
"""Of the encoder's code. Raise it in the commit that makes it give other rows: stored encodings of the older revision
are then made anew instead of being mixed with the new ones."""

Pipeline = dict[str, object]
"""JSON: stage -> whatever its output depends on."""


def chip_pipeline(encoder: Encoder, device: str) -> Pipeline:
    """From an aligned chip (keyed by the chip's digest) to an embedding, on `device` (`cpu` or `cuda`)."""
    torch = encoder.backend == "Torch"
    return {
        "encode": {
            "revision": REVISION,
            "model": FACE_RESNET.sha256,
            "backend": encoder.backend,
            "precision": encoder.precision,
            "library": _version("torch" if torch else "dlib-bin"),
            "compiler": _version("triton") if torch and device != "cpu" and encoder.compile else None,
            "resampling": _version("Pillow"),
            "device": device if torch else "cpu",
        }
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
