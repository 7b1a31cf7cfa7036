"""What `faceledger results` does: fetches a result's artefacts, decrypts them, and leaves plain files in a folder.

In: a resource. Out: files, each compared with the digest that was committed. Invariant: a file appears under its name
only whole and only if it is what the record says; ciphertext and half files never stay.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import BinaryIO, cast

from faceledger_contracts.content import ContentError, ContentReader
from faceledger_contracts.envelope import EncryptedFileError, artefact_context, decrypt_stream
from faceledger_contracts.receipt import Receipt, ReceiptError, parse_receipt
from faceledger_contracts.record import Artefact

from .errors import CommandError
from .sources import Evidence
from .targets import Resource

__all__ = ["fetch_results"]

IN_MEMORY_BYTES = 8 << 20


def fetch_results(evidence: Evidence, resource: Resource, folder: Path, key: bytes | None) -> list[Path]:
    """Writes every artefact and the receipt into `folder`; the paths in the order in which they were written."""
    chosen = key or evidence.key
    if chosen is None:
        raise CommandError(f"{resource}: no data key, {evidence.key_problem}; give one with --key-file")
    try:
        receipt = parse_receipt(evidence.receipt)
    except ReceiptError as error:
        raise CommandError(f"{resource}: its receipt is none: {error}") from None
    folder.mkdir(parents=True, exist_ok=True)
    written = [_fetch(receipt, artefact, evidence.content, chosen, folder) for artefact in receipt.record.artefacts]
    path = folder / "receipt.json"
    path.write_bytes(evidence.receipt)
    return [*written, path]


def _fetch(receipt: Receipt, artefact: Artefact, content: ContentReader, key: bytes, folder: Path) -> Path:
    if Path(artefact.name).name != artefact.name:
        raise CommandError(f"artefact {artefact.name!r}: its name would leave the folder")
    context = artefact_context(receipt.record.attempt, receipt.record.purpose, artefact.name)
    target = folder / artefact.name
    with tempfile.SpooledTemporaryFile(max_size=IN_MEMORY_BYTES) as spooled:
        encrypted = cast("BinaryIO", spooled)
        aside = target.with_name(f".{target.name}.part")
        try:
            content.get(artefact.cid, encrypted)
            encrypted.seek(0)
            aside.touch(mode=0o600)  # it holds the names of people
            with aside.open("wb") as file:
                found = decrypt_stream(encrypted, file, key, context)
            if found.digest != artefact.digest:
                raise CommandError(f"artefact {artefact.name}: {artefact.digest} was committed, found {found.digest}")
            return aside.replace(target)
        except (ContentError, EncryptedFileError, ValueError) as error:
            raise CommandError(f"artefact {artefact.name}: {error}") from None
        finally:
            aside.unlink(missing_ok=True)
