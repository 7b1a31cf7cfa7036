"""All that a verification needs in one file: receipts of one batch, each with its block's header and the proof that
leads there, and the encrypted artefacts.

In: receipts and a content store. Out: a ZIP archive of `bundle.json` and `artefacts/CID`, nothing in it compressed; and
from such a file a content store again. Invariant: whoever made it is believed about nothing: a CID is recomputed from
the bytes, and the block's hash has to come from elsewhere.
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, cast

from faceledger_contracts.bundle import encode_bundle, pack, parse_bundle, unpack
from faceledger_contracts.cid import cid_of_stream, decode_cid
from faceledger_contracts.content import ContentCorrupt, ContentReader, ContentUnavailable
from faceledger_contracts.receipt import Receipt, ReceiptError

__all__ = ["Parcel", "is_parcel", "write_parcel"]

RECEIPTS = "bundle.json"
ARTEFACTS = "artefacts/"

LARGEST_RECEIPTS = 64 << 20
"""Bytes of receipts that are read into memory: 4,096 of them take a third of it."""

_MADE = (1980, 1, 1, 0, 0, 0)
"""The time of every entry, so that the same contents make the same file."""


def write_parcel(path: Path, receipts: Sequence[Receipt], content: ContentReader) -> None:
    """Writes the file, whole or not at all. ValueError unless the receipts are of one batch and have a proof of their
    block; ContentError for an artefact that cannot be had."""
    if any(receipt.inclusion is None for receipt in receipts):
        raise ValueError("a receipt of version 1 has no header of its block: it is verified with a node alone")
    aside = path.with_name(f".{path.name}.part")
    try:
        with zipfile.ZipFile(aside, "w", zipfile.ZIP_STORED) as archive:
            archive.writestr(zipfile.ZipInfo(RECEIPTS, _MADE), encode_bundle(pack(receipts)))
            cids = (artefact.cid for receipt in receipts for artefact in receipt.record.artefacts)
            for cid in dict.fromkeys(cids):
                with archive.open(zipfile.ZipInfo(ARTEFACTS + cid, _MADE), "w", force_zip64=True) as entry:
                    content.get(cid, cast("BinaryIO", entry))
        aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)


def is_parcel(path: Path) -> bool:
    """Whether the file begins as one."""
    with path.open("rb") as file:
        return file.read(4) == b"PK\x03\x04"


class Parcel:
    """An open file. ReceiptError where it is none."""

    def __init__(self, path: Path) -> None:
        with _damage_as(ReceiptError):
            self._archive = zipfile.ZipFile(path)

    def __enter__(self) -> Parcel:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._archive.close()

    def receipts(self) -> list[Receipt]:
        """The receipts, to be verified as such; ReceiptError if they cannot be read."""
        with _damage_as(ReceiptError):
            if self._entry(RECEIPTS).file_size > LARGEST_RECEIPTS:
                raise ReceiptError(f"{RECEIPTS} is longer than {LARGEST_RECEIPTS} bytes")
            return unpack(parse_bundle(self._archive.read(RECEIPTS)))

    def get(self, cid: str, writer: BinaryIO) -> None:
        """Writes the artefact; see `ContentReader`. ContentCorrupt comes after the last byte."""
        decode_cid(cid)
        with _damage_as(ContentCorrupt):
            try:
                entry = self._entry(ARTEFACTS + cid)
            except KeyError:
                raise ContentUnavailable(f"{cid}: is not in the file") from None
            with self._archive.open(entry) as reader:
                found = cid_of_stream(cast("BinaryIO", _Passing(cast("BinaryIO", reader), writer)))
        if found != cid:
            raise ContentCorrupt(f"{cid}: the file holds {found} in its place")

    def _entry(self, name: str) -> zipfile.ZipInfo:
        entry = self._archive.getinfo(name)
        if entry.compress_type != zipfile.ZIP_STORED:
            raise zipfile.BadZipFile(f"{name} is compressed")
        return entry


class _Passing:
    """A reader that writes down what it reads."""

    def __init__(self, reader: BinaryIO, writer: BinaryIO) -> None:
        self._reader, self._writer = reader, writer

    def read(self, length: int) -> bytes:
        data = self._reader.read(length)
        self._writer.write(data)
        return data


@contextmanager
def _damage_as(kind: type[Exception]) -> Iterator[None]:
    """What is wrong with the archive itself, as an error of ours."""
    try:
        yield
    except (zipfile.BadZipFile, EOFError, KeyError, NotImplementedError, RuntimeError) as error:
        raise kind(f"no parcel of receipts and artefacts: {error}") from None
