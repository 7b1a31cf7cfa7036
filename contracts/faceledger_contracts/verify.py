"""The verification of a receipt: what it says is recomputed, or compared with the chain, with IPFS and its signatures.

In: a receipt, a chain, a content store, a data key. Out: one step for each thing that was checked, the failed ones with
what differs. Invariant: whatever the receipt holds, no exception escapes; a changed byte fails at least one step.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from tempfile import SpooledTemporaryFile
from typing import BinaryIO, cast

from faceledger_contracts import merkle
from faceledger_contracts.abi import faceledger_artefact
from faceledger_contracts.batch import batch_id_of
from faceledger_contracts.canonical import from_hex, to_hex
from faceledger_contracts.content import ContentError, ContentReader
from faceledger_contracts.eip712 import recover_batch, recover_report
from faceledger_contracts.envelope import Plaintext, artefact_context, decrypt_stream, encrypted_size
from faceledger_contracts.evidence import BatchCommitted, Block, Chain, ChainUnavailable, FinalityTag, Outcome
from faceledger_contracts.inclusion import proved_outcome
from faceledger_contracts.nullifier import nullifier
from faceledger_contracts.receipt import Committed, Receipt, ReceiptError, parse_receipt
from faceledger_contracts.record import Artefact, leaf
from faceledger_contracts.results import LineLeaves
from faceledger_contracts.snapshot import Snapshot

__all__ = ["Finality", "Step", "is_verified", "verify_at", "verify_receipt", "verify_receipts"]

Finality = FinalityTag | int
"""When a block counts as final: the chain's own tag, or this many blocks on top of it."""

AT_ONCE = 1_000
"""Receipts whose revocations, or whose run keys, are asked for in one call: it reads 2.2 million gas of state, far
below any node's cap."""

IN_MEMORY_BYTES = 8 << 20
"""An encrypted artefact larger than this waits in a temporary file; plaintext is hashed and never stored."""

SALTS_SUFFIX = "-salts.bin"
"""NAME-salts.bin holds the salts of the lines of NAME.jsonl, 32 bytes each, in their order."""


@dataclass(frozen=True)
class Step:
    """One check: its name, whether it held, and what was seen (if it failed, what differs and from what)."""

    name: str
    ok: bool
    detail: str


def is_verified(steps: list[Step]) -> bool:
    """Whether everything held. A verification without a step has checked nothing, so nothing is verified."""
    return bool(steps) and all(step.ok for step in steps)


def verify_receipts(
    receipts: Iterable[bytes | Receipt | ReceiptError],
    chain: Chain,
    content: ContentReader | None = None,
    key: bytes | None = None,
    finality: Finality = "finalized",
) -> Iterator[list[Step]]:
    """The steps of each receipt, all judged by one snapshot of the chain. See `verify_receipt`.

    A ReceiptError stands for a file that was found to be none, and fails as such.
    """
    judge, rest = _Judge(Snapshot(chain), finality), iter(receipts)
    while part := [_parsed(given) for given in islice(rest, AT_ONCE)]:
        _ask_at_once(part, judge.chain)
        for receipt in part:
            yield _verify(receipt, judge, content, key)


def verify_receipt(
    receipt: bytes | Receipt,
    chain: Chain,
    content: ContentReader | None = None,
    key: bytes | None = None,
    finality: Finality = "finalized",
) -> list[Step]:
    """Checks one receipt, given as its file's bytes or parsed.

    Without `content` there are no artefact steps; without `key` (32 bytes, the data key) no decryption steps and no
    results root. A node that is out of reach fails the steps that needed it.
    """
    return _verify(_parsed(receipt), _Judge(Snapshot(chain), finality), content, key)


def verify_at(
    receipt: Receipt, block_hash: str, content: ContentReader | None = None, key: bytes | None = None
) -> list[Step]:
    """Checks one receipt without a node, given the hash (0x hex) of the block in which it was committed.

    The caller must know from elsewhere that this block is final on the receipt's chain. What only a node can tell is
    not among the steps: the contract's code, the run keys' windows and revocations.
    """
    steps = [
        *_own_steps(receipt),
        *_batch_steps(receipt),
        _step("code hash", lambda: _known_code(receipt)),
        _step("transaction", lambda: _proved_transaction(receipt)),
        _step("block", lambda: _same("transaction.blockHash", receipt.transaction.block_hash, block_hash.lower())),
    ]
    return steps if content is None else [*steps, *_content_steps(receipt, content, key)]


def _parsed(given: bytes | Receipt | ReceiptError) -> Receipt | ReceiptError:
    try:
        return parse_receipt(given) if isinstance(given, bytes) else given
    except ReceiptError as error:
        return error


def _ask_at_once(receipts: Iterable[Receipt | ReceiptError], chain: Chain) -> None:
    """Lets a snapshot ask for what each receipt has of its own; what it does not get fails the step of each."""
    by_contract: dict[str, list[Receipt]] = {}
    for receipt in receipts:
        if isinstance(receipt, Receipt):
            by_contract.setdefault(receipt.contract, []).append(receipt)
    for contract, those in by_contract.items():
        with suppress(ChainUnavailable):
            chain.revoked_at(contract, [_nullifier(receipt) for receipt in those])
        with suppress(ChainUnavailable):
            chain.run_key_windows(contract, [receipt.record.run_key for receipt in those])


def _verify(
    receipt: Receipt | ReceiptError, judge: _Judge, content: ContentReader | None, key: bytes | None
) -> list[Step]:
    if isinstance(receipt, ReceiptError):
        return [Step("receipt", False, str(receipt))]
    steps = [
        *_own_steps(receipt),
        *judge.batch_steps(receipt),
        _step("run key", lambda: _run_keys(receipt, judge.chain)),
        _step("revocation", lambda: _revocation(receipt, judge.chain)),
    ]
    return steps if content is None else [*steps, *_content_steps(receipt, content, key)]


def _own_steps(receipt: Receipt) -> list[Step]:
    """What a receipt shows of itself."""
    return [
        Step("receipt", True, f"version {receipt.version}, attempt {receipt.record.attempt}"),
        _step("leaf", lambda: _leaf(receipt)),
        _step("proof", lambda: _proof(receipt)),
        _step("report signature", lambda: _report_signature(receipt)),
    ]


def _batch_steps(receipt: Committed) -> list[Step]:
    """What it shows of its batch."""
    inclusion = [] if receipt.inclusion is None else [_step("inclusion", lambda: _inclusion(receipt))]
    return [
        _step("batch id", lambda: _batch_id(receipt)),
        _step("batch signature", lambda: _batch_signature(receipt)),
        *inclusion,  # None for version 1: there the node has to know the transaction still.
    ]


class _Judge:
    """Receipts of one batch have most of what they say in common: equal values are judged once, by one snapshot."""

    def __init__(self, chain: Chain, finality: Finality) -> None:
        self.chain = chain
        self._finality = finality
        self._judged: dict[tuple[object, ...], list[Step]] = {}

    def batch_steps(self, receipt: Receipt) -> list[Step]:
        """The steps that look at nothing but the fields of `Committed`, and at the chain."""
        values = tuple(map(receipt.__dict__.__getitem__, Committed.model_fields))
        if values not in self._judged:
            self._judged[values] = [*_batch_steps(receipt), *self._chain_steps(receipt)]
        return self._judged[values]

    def _chain_steps(self, receipt: Committed) -> list[Step]:
        chain = self.chain
        return [
            _step("chain id", lambda: _same("chain id", receipt.chain_id, chain.chain_id())),
            _step("contract code", lambda: _contract_code(receipt, chain)),
            _step("transaction", lambda: _transaction(receipt, chain)),
            _step("canonical block", lambda: _canonical_block(receipt, chain)),
            _step("finality", lambda: _finality(receipt, chain, self._finality)),
        ]


class _DiffersError(Exception):
    """A check did not hold; the message says what was expected and what was found."""


def _step(name: str, check: Callable[[], str]) -> Step:
    try:
        return Step(name, True, check())
    except (_DiffersError, ChainUnavailable, ContentError, ValueError) as error:
        return Step(name, False, str(error))


def _same(what: str, recorded: object, found: object) -> str:
    if recorded != found:
        raise _DiffersError(f"{what}: the receipt says {recorded}, found {found}")
    return f"{found}"


def _leaf(receipt: Receipt) -> str:
    return _same("leaf", receipt.leaf, to_hex(leaf(receipt.record, receipt.salts)))


def _proof(receipt: Receipt) -> str:
    nodes = [from_hex(node, 32) for node in receipt.proof]
    if not merkle.verify_proof(from_hex(receipt.leaf, 32), nodes, from_hex(receipt.root, 32)):
        raise _DiffersError(f"proof: its {len(nodes)} nodes do not lead from the leaf to root {receipt.root}")
    return f"{len(nodes)} nodes lead to {receipt.root}"


def _batch_id(receipt: Committed) -> str:
    return _same("batchId", receipt.batch_id, to_hex(batch_id_of(from_hex(receipt.root, 32), receipt.count)))


def _report_signature(receipt: Receipt) -> str:
    record = receipt.record
    signer = recover_report(record.attempt, record.report_digest, receipt.report_signature, receipt.domain)
    return _same("record.runKey", record.run_key, signer)


def _batch_signature(receipt: Committed) -> str:
    batch, root = from_hex(receipt.batch_id, 32), from_hex(receipt.root, 32)
    signer = recover_batch(batch, root, receipt.count, receipt.batch_signature, receipt.domain)
    return _same("batchRunKey", receipt.batch_run_key, signer)


def _inclusion(receipt: Committed) -> str:
    return f"header and proofs show the transaction in block {_proved(receipt).block_number}"


def _proved(receipt: Committed) -> Outcome:
    assert receipt.inclusion is not None
    place = receipt.transaction
    return proved_outcome(receipt.inclusion, from_hex(place.block_hash, 32), from_hex(place.hash, 32), receipt.contract)


def _contract_code(receipt: Committed, chain: Chain) -> str:
    _same("codeHash", receipt.code_hash, to_hex(chain.code_hash(receipt.contract)))
    _known_code(receipt)
    return f"FaceLedger at {receipt.contract}"


def _known_code(receipt: Committed) -> str:
    known = faceledger_artefact().code_hash
    if receipt.code_hash != known:
        raise _DiffersError(f"codeHash: {receipt.code_hash} is not the code of FaceLedger, {known}")
    return f"{known} is the code of FaceLedger"


def _proved_transaction(receipt: Committed) -> str:
    if receipt.inclusion is None:
        raise _DiffersError("transaction: a receipt of version 1 proves none; a node has to be asked")
    outcome = _proved(receipt)
    _same("transaction.blockNumber", receipt.transaction.block_number, outcome.block_number)
    return _committed_by(outcome, receipt)


def _transaction(receipt: Committed, chain: Chain) -> str:
    return _committed_by(_included(receipt, chain), receipt)


def _committed_by(outcome: Outcome, receipt: Committed) -> str:
    if not outcome.succeeded:
        raise _DiffersError(f"transaction: {receipt.transaction.hash} failed")
    expected = BatchCommitted(
        from_hex(receipt.batch_id, 32), from_hex(receipt.root, 32), receipt.count, receipt.batch_run_key
    )
    if expected not in outcome.commits:
        raise _DiffersError(f"transaction: {receipt.transaction.hash} committed no such batch at {receipt.contract}")
    return f"{receipt.transaction.hash} committed {receipt.count} leaves under the root"


def _canonical_block(receipt: Committed, chain: Chain) -> str:
    outcome, block, recorded = _included(receipt, chain), _committing_block(receipt, chain), receipt.transaction
    _same("transaction.blockNumber", recorded.block_number, outcome.block_number)
    _same("transaction.blockHash", recorded.block_hash, to_hex(outcome.block_hash))
    _same("transaction.blockHash on the canonical chain", recorded.block_hash, to_hex(block.hash))
    return f"block {block.number}, {to_hex(block.hash)}"


def _finality(receipt: Committed, chain: Chain, finality: Finality) -> str:
    number, head = _included(receipt, chain).block_number, chain.head()
    if isinstance(finality, int):
        if head - number < finality:
            raise _DiffersError(f"finality: {max(head - number, 0)} of {finality} blocks lie on top of block {number}")
        return f"{head - number} blocks on top, {finality} asked for"
    final = chain.tagged(finality)
    if final is None:
        raise _DiffersError(f"finality: this chain names no {finality} block; ask for a number of confirmations")
    if number > final:
        raise _DiffersError(f"finality: block {number} lies after the {finality} block {final}")
    return f"block {number} is within the {finality} block {final}"


def _run_keys(receipt: Receipt, chain: Chain) -> str:
    block = _committing_block(receipt, chain)
    keys = receipt.record.run_key, receipt.batch_run_key
    windows = chain.run_key_windows(receipt.contract, keys)
    for field, key, window in zip(("record.runKey", "batchRunKey"), keys, windows, strict=True):
        if not window.contains(block):
            raise _DiffersError(
                f"{field}: {key} was not authorised when block {block.number} was made: "
                f"its window is [{window.start}, {window.end}), the block's time {block.timestamp}"
            )
    return f"{receipt.record.run_key} was authorised"


def _revocation(receipt: Receipt, chain: Chain) -> str:
    (time,) = chain.revoked_at(receipt.contract, [_nullifier(receipt)])
    if time:
        raise _DiffersError(f"the commitment was revoked at {datetime.fromtimestamp(time, UTC):%Y-%m-%dT%H:%M:%SZ}")
    return "the commitment was not revoked"


def _nullifier(receipt: Receipt) -> bytes:
    return nullifier(from_hex(receipt.leaf, 32), receipt.salts)


def _included(receipt: Committed, chain: Chain) -> Outcome:
    if receipt.inclusion is not None:
        return _proved(receipt)
    outcome = chain.outcome(from_hex(receipt.transaction.hash, 32), receipt.contract)
    if outcome is None:
        raise _DiffersError(f"transaction: {receipt.transaction.hash} is in no block")
    return outcome


def _committing_block(receipt: Committed, chain: Chain) -> Block:
    number = receipt.transaction.block_number
    block = chain.block(number)
    if block is None:
        raise _DiffersError(f"transaction.blockNumber: the chain has no block {number}")
    return block


def _content_steps(receipt: Receipt, content: ContentReader, key: bytes | None) -> Iterator[Step]:
    """The steps of each artefact, and then that of the root over the lines of one of them."""
    names = _root_artefacts(receipt)
    with ExitStack() as kept:
        files: dict[str, BinaryIO] = {}
        for artefact in receipt.record.artefacts:
            with ExitStack() as passing:
                stack = kept if artefact.name in names and key is not None else passing
                encrypted = cast("BinaryIO", stack.enter_context(SpooledTemporaryFile(max_size=IN_MEMORY_BYTES)))
                steps = _artefact_steps(receipt, artefact, content, key, encrypted)
                if all(step.ok for step in steps):
                    files[artefact.name] = encrypted
                yield from steps
        if key is not None and receipt.record.results_root is not None:
            yield _step("results root", lambda: _results_root(receipt, names, files, key))


def _artefact_steps(
    receipt: Receipt, artefact: Artefact, content: ContentReader, key: bytes | None, encrypted: BinaryIO
) -> list[Step]:
    steps = [_step(f"artefact {artefact.name}", lambda: _present(artefact, content, encrypted))]
    name = f"decryption {artefact.name}"
    if key is not None and not steps[0].ok:
        steps.append(Step(name, False, "not tried: the encrypted file is not there as a whole"))
    elif key is not None:
        steps.append(_step(name, lambda: _decrypts(receipt, artefact, encrypted, key)))
    return steps


def _present(artefact: Artefact, content: ContentReader, encrypted: BinaryIO) -> str:
    expected = encrypted_size(artefact.size)
    content.get(artefact.cid, cast("BinaryIO", _Bounded(encrypted, expected)))
    _same(f"artefacts.{artefact.name}: encrypted bytes", expected, encrypted.tell())
    return f"{artefact.cid}, {expected} bytes, every block has its hash"


def _decrypts(receipt: Receipt, artefact: Artefact, encrypted: BinaryIO, key: bytes) -> str:
    plaintext = _decrypt(receipt, artefact.name, encrypted, key, cast("BinaryIO", _Discard()))
    _same(f"artefacts.{artefact.name}.digest", artefact.digest, plaintext.digest)
    _same(f"artefacts.{artefact.name}.size", artefact.size, plaintext.size)
    return plaintext.digest


def _decrypt(receipt: Receipt, name: str, encrypted: BinaryIO, key: bytes, writer: BinaryIO) -> Plaintext:
    encrypted.seek(0)
    return decrypt_stream(
        encrypted, writer, key, artefact_context(receipt.record.attempt, receipt.record.purpose, name)
    )


def _root_artefacts(receipt: Receipt) -> tuple[str, ...]:
    """Names of the lines that `resultsRoot` commits to and of their salts; empty where the record has none."""
    names = {artefact.name for artefact in receipt.record.artefacts}
    stems = (name.removesuffix(SALTS_SUFFIX) for name in sorted(names) if name.endswith(SALTS_SUFFIX))
    return next(((f"{stem}.jsonl", stem + SALTS_SUFFIX) for stem in stems if f"{stem}.jsonl" in names), ())


def _results_root(receipt: Receipt, names: tuple[str, ...], files: Mapping[str, BinaryIO], key: bytes) -> str:
    if not names:
        raise _DiffersError(f"record.resultsRoot: the record has no artefacts NAME.jsonl and NAME{SALTS_SUFFIX}")
    missing = [name for name in names if name not in files]
    if missing:
        raise _DiffersError(f"not tried: {' and '.join(missing)} did not hold")
    lines, salts = names
    salt_bytes = io.BytesIO()
    _decrypt(receipt, salts, files[salts], key, salt_bytes)
    leaves = LineLeaves(salt_bytes.getvalue())
    _decrypt(receipt, lines, files[lines], key, cast("BinaryIO", leaves))
    _same("record.resultsRoot", receipt.record.results_root, to_hex(leaves.root()))
    return f"{leaves.count} lines of {lines} lead to it"


class _Bounded(io.RawIOBase):
    """Passes on at most `most` bytes: a CID of a few bytes can stand for more than any disk holds."""

    def __init__(self, writer: BinaryIO, most: int) -> None:
        self._writer, self._left, self._most = writer, most, most

    def write(self, data: object) -> int:
        self._left -= len(cast("bytes", data))
        if self._left < 0:
            raise _DiffersError(f"the content is longer than the {self._most} bytes that the receipt's sizes make")
        return self._writer.write(cast("bytes", data))


class _Discard(io.RawIOBase):
    """Takes plaintext and keeps nothing: verification needs its digest alone."""

    def write(self, data: object) -> int:
        return len(cast("bytes", data))
