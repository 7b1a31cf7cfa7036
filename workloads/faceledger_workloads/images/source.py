"""Which image files a folder holds, and whom each one shows.

In: the folder and its layout. Out: the files in one fixed order, each with its path below the folder and its identity.
Invariant: the order depends on the names alone, no link leads out of the folder, and nothing is passed over because it
cannot be read: a folder that cannot be listed stands for its files, and whoever reads it finds it unreadable.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from faceledger_workloads.failures import RunFailed
from faceledger_workloads.runreport import FailureReason
from faceledger_workloads.runspec import Images

__all__ = ["Photo", "list_photos", "shown"]


@dataclass(frozen=True)
class Photo:
    """An image file that has not been looked at."""

    path: str
    """Below the source folder, with forward slashes."""
    identity: str | None
    """The person, or None where the layout does not say."""

    @property
    def shown_path(self) -> str:
        """`path` for a manifest: bytes that are not UTF-8 are written as escapes."""
        return shown(self.path)


def list_photos(images: Images, field: str) -> tuple[Photo, ...]:
    """All regular, visible files. Raises `RunFailed` (SourceEmpty) naming `field` when there is none."""
    root = Path(images.path)
    unlisted: list[OSError] = []
    files = _files(root, unlisted.append)
    photos = [Photo(path, _identity(path, images.layout)) for path in files if path != images.labels]
    for error in unlisted:
        if Path(error.filename) == root:
            absent = isinstance(error, FileNotFoundError | NotADirectoryError)
            problem = "is not a folder" if absent else f"cannot be read: {error.strerror}"
            raise RunFailed(FailureReason.SOURCE_EMPTY, f"{field}.path {images.path} {problem}") from error
        folder = Path(error.filename).relative_to(root).as_posix()
        photos.append(Photo(folder, _identity(f"{folder}/", images.layout)))
    if not photos:
        raise RunFailed(FailureReason.SOURCE_EMPTY, f"{field}.path {images.path} holds no file")
    return tuple(sorted(photos, key=lambda photo: os.fsencode(photo.path)))


def shown(name: str) -> str:
    """A file name as text that every JSON reader accepts."""
    return os.fsencode(name).decode("utf-8", errors="backslashreplace")


def _files(root: Path, unlisted: Callable[[OSError], None]) -> Iterator[str]:
    """Names that begin with a dot are the file system's or a volume plugin's own."""
    real_root = root.resolve()
    for folder, subfolders, names in os.walk(root, onerror=unlisted):
        subfolders[:] = [name for name in subfolders if not name.startswith(".") and name != "lost+found"]
        for name in names:
            file = Path(folder, name)
            if not name.startswith(".") and _may_be_photo(file, real_root):
                yield file.relative_to(root).as_posix()


def _may_be_photo(file: Path, real_root: Path) -> bool:
    """False for what is no regular file, or lies outside. What cannot be looked at is for the reader to reject."""
    try:
        return file.is_file() and file.resolve().is_relative_to(real_root)
    except OSError:
        return True


def _identity(path: str, layout: str) -> str | None:
    folder, slash, _ = path.partition("/")
    return shown(folder) if slash and layout == "IdentityFolders" else None
