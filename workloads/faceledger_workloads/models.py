"""Where the published model files are on this machine, and the proof that they are the ones this code was tested with.

In: a model's file name. Out: its path, after its SHA-256 was compared with the pinned one. The package that carries the
files is never imported: its `__init__` needs setuptools' pkg_resources, which new Python environments lack.
"""

from __future__ import annotations

import functools
import hashlib
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

__all__ = ["FACE_RESNET", "FIVE_POINTS", "MMOD", "SIXTY_EIGHT_POINTS", "ModelFile", "ModelFileError"]

_PACKAGE = "face_recognition_models"


class ModelFileError(Exception):
    """A model file is missing or is not the pinned one; the message names the file and both digests."""


@dataclass(frozen=True)
class ModelFile:
    """A file of the package face_recognition_models, its source and its terms."""

    name: str
    sha256: str
    licence: str
    source: str

    @property
    def digest(self) -> str:
        return f"sha256:{self.sha256}"

    def read(self) -> bytes:
        """The file's bytes. Raises `ModelFileError`."""
        return self.path().read_bytes()

    def path(self) -> Path:
        """The file's place, checked once a process. Raises `ModelFileError`."""
        return _checked(self)


FACE_RESNET = ModelFile(
    name="dlib_face_recognition_resnet_model_v1.dat",
    sha256="55533b28a95800a551ba546ba62fe69625c7e95a7061c338adffead08719da30",
    licence="CC0-1.0",
    source="davisking/dlib-models",
)
FIVE_POINTS = ModelFile(
    name="shape_predictor_5_face_landmarks.dat",
    sha256="c4b1e9804792707d3a405c2c16a80a20269e6675021f64a41d30fffafbc41888",
    licence="CC0-1.0",
    source="davisking/dlib-models",
)
MMOD = ModelFile(
    name="mmod_human_face_detector.dat",
    sha256="4cb19393e2fbaf2b1609a9319ad5386618c886a6234ec1b971f3e87c85d87fe6",
    licence="CC0-1.0",
    source="davisking/dlib-models",
)
SIXTY_EIGHT_POINTS = ModelFile(
    name="shape_predictor_68_face_landmarks.dat",
    sha256="fbdc2cb80eb9aa7a758672cbfdda32ba6300efe9b6e6c7a299ff7e736b11b92f",
    licence="non-commercial: trained on iBUG 300-W",
    source="davisking/dlib-models",
)


@functools.cache
def _checked(model: ModelFile) -> Path:
    spec = find_spec(_PACKAGE)
    folders = spec.submodule_search_locations if spec else None
    if not folders:
        raise ModelFileError(f"{model.name}: the package {_PACKAGE} is not installed")
    path = Path(folders[0]) / "models" / model.name
    if not path.is_file():
        raise ModelFileError(f"{model.name}: missing from the package {_PACKAGE}")
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    if found != model.sha256:
        raise ModelFileError(f"{model.name}: sha256 is {found}, pinned is {model.sha256}")
    return path
