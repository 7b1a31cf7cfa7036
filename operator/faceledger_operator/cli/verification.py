"""What `faceledger verify` does: collects the evidence, has it checked, and adds what only the command can compare.

In: what the user named. Out: one `Checked` a receipt. Invariant: the checks are those of faceledger_contracts; this
adds the resource that a receipt must be of, and the user's own copies of results.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import tee
from pathlib import Path

from faceledger_contracts.bundle import parse_bundle, unpack
from faceledger_contracts.chain import ChainReader
from faceledger_contracts.content import ContentReader
from faceledger_contracts.receipt import Receipt, ReceiptError, parse_receipt
from faceledger_contracts.verify import Finality, Step, verify_receipt, verify_receipts

from .attesting import Attestation
from .report import Checked
from .sources import Evidence
from .targets import Resource

__all__ = ["Held", "check_copies", "verify_files", "verify_resource"]

BUNDLE_MARK = b'"bundle":'
"""What tells a bundle from a receipt: a key of canonical JSON, which no text inside of it can look like."""

Given = bytes | Receipt | ReceiptError


@dataclass(frozen=True)
class Held:
    """What the user has of a result: copies of artefacts by name, and what somebody vouched for."""

    copies: Mapping[str, Path] = field(default_factory=dict)
    attestation: Attestation | None = None

    def compare(self, given: Given) -> list[Step]:
        """The steps that compare it with a receipt; none where the user has nothing."""
        if not self.copies and self.attestation is None:
            return []
        receipt = _parsed(given)
        attested = [self.attestation.check(receipt)] if self.attestation else []
        return [*check_copies(receipt, self.copies), *attested]


def verify_resource(evidence: Evidence, resource: Resource, namespace: str, key: bytes | None, held: Held) -> Checked:
    """Verifies a resource's result by the evidence that its LedgerBinding leads to."""
    chosen = key or evidence.key
    steps = verify_receipt(evidence.receipt, evidence.chain, evidence.content, chosen, evidence.finality)
    receipt = _parsed(evidence.receipt)
    if receipt is not None:
        steps.append(_same_subject(receipt, resource, namespace, evidence.uid))
        steps.append(_same_contract(receipt, evidence.contract))
    steps += held.compare(evidence.receipt)
    unchecked = [f"decryption, results root ({evidence.key_problem})"] if chosen is None else []
    return Checked(str(resource), steps, unchecked)


def verify_files(
    files: Sequence[Path],
    chain: ChainReader,
    content: ContentReader | None,
    key: bytes | None,
    finality: Finality,
    held: Held,
) -> list[Checked]:
    """Verifies files of receipts and of bundles, all by one look at the chain."""
    unchecked = ["artefacts on IPFS (no --ipfs)"] if content is None else []
    if key is None:
        unchecked.append("decryption of the artefacts, results root (no --key-file)")
    elif content is None:
        unchecked.append("decryption of the artefacts, results root (no --ipfs)")
    # Twice the same sequence, each file read once: its sources are taken while its steps are made.
    named, given = tee(_receipts_in(files))
    steps = verify_receipts((receipt for _, receipt in given), chain, content, key, finality)
    return [
        Checked(source, [*checked, *held.compare(receipt)], unchecked)
        for (source, receipt), checked in zip(named, steps, strict=True)
    ]


def _receipts_in(files: Sequence[Path]) -> Iterator[tuple[str, Given]]:
    """Each receipt with its source; a bundle that cannot be read as what is wrong with it."""
    for file in files:
        data = file.read_bytes()
        if BUNDLE_MARK not in data:
            yield str(file), data
            continue
        try:
            bundled = unpack(parse_bundle(data))
        except ReceiptError as error:
            yield str(file), error
            continue
        yield from ((f"{file} {receipt.record.attempt}", receipt) for receipt in bundled)


def check_copies(receipt: Receipt | None, copies: Mapping[str, Path]) -> list[Step]:
    """One step for each of the user's own files: whether its SHA-256 is the one that was committed."""
    recorded = {artefact.name: artefact.digest for artefact in receipt.record.artefacts} if receipt else {}
    return [_copy(name, path, recorded) for name, path in copies.items()]


def _copy(name: str, path: Path, recorded: Mapping[str, str]) -> Step:
    step = f"copy of {name}"
    if name not in recorded:
        return Step(step, False, f"the record has no artefact {name}; it has {', '.join(recorded) or 'none'}")
    with path.open("rb") as file:
        found = "sha256:" + hashlib.file_digest(file, "sha256").hexdigest()
    if found != recorded[name]:
        return Step(step, False, f"{path} is not what was committed: {recorded[name]} was, this is {found}")
    return Step(step, True, f"{path}, {found}")


def _same_subject(receipt: Receipt, resource: Resource, namespace: str, uid: str) -> Step:
    subject = receipt.record.subject
    wanted = (resource.kind.kind, namespace, resource.name, uid)
    found = (subject.kind, subject.namespace, subject.name, subject.uid)
    if wanted != found:
        return Step("subject", False, f"the record is of {'/'.join(found)}, not of {'/'.join(wanted)}")
    return Step("subject", True, f"{'/'.join(found)}, generation {subject.generation}")


def _same_contract(receipt: Receipt, contract: str | None) -> Step:
    if receipt.contract != contract:
        return Step("ledger", False, f"the receipt is of contract {receipt.contract}, the LedgerBinding has {contract}")
    return Step("ledger", True, f"the LedgerBinding's contract on chain {receipt.chain_id}")


def _parsed(given: Given) -> Receipt | None:
    try:
        receipt = parse_receipt(given) if isinstance(given, bytes) else given
        return receipt if isinstance(receipt, Receipt) else None
    except ReceiptError:
        return None
