"""Attestations on the command line: `faceledger attest` makes one, `faceledger verify --attestation` compares one.

In: files, and the address that the user trusts. Out: an envelope, or a step. Invariant: an attestation vouches for one
receipt and is worth what its signer is worth, so it never counts without an address that the user names.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from eth_utils.address import is_address, to_checksum_address
from faceledger_contracts.attestation import attest, check_attestation
from faceledger_contracts.canonical import from_hex
from faceledger_contracts.dsse import EnvelopeError
from faceledger_contracts.receipt import Receipt, ReceiptError, parse_receipt
from faceledger_contracts.verify import Step

from .errors import CommandError

__all__ = ["Attestation", "attest_file", "read_attestation"]


@dataclass(frozen=True)
class Attestation:
    """An envelope, and whose signature is asked for in it."""

    path: Path
    envelope: bytes
    attester: str

    def check(self, receipt: Receipt | None) -> Step:
        """Whether it vouches for this receipt (None: for one that could not be read)."""
        if receipt is None:
            return Step("attestation", False, "there is no receipt to compare it with")
        try:
            check_attestation(self.envelope, receipt, self.attester)
        except EnvelopeError as error:
            return Step("attestation", False, f"{self.path}: {error}")
        return Step("attestation", True, f"{self.path}, signed by {self.attester}")


def read_attestation(path: Path | None, attester: str | None) -> Attestation | None:
    """The two options of the command line, which go together."""
    if path is None and attester is None:
        return None
    if path is None or attester is None:
        raise CommandError("--attestation and --attester go together: the file, and the address that you trust")
    if not is_address(attester):
        raise CommandError(f"--attester {attester}: expected an address, 0x and 40 hexadecimal digits")
    return Attestation(path, path.read_bytes(), to_checksum_address(attester))


def attest_file(path: Path, key_file: Path) -> bytes:
    """The envelope for the receipt at `path`, signed by the private key (64 hex digits) in `key_file`."""
    try:
        receipt = parse_receipt(path.read_bytes())
    except ReceiptError as error:
        raise CommandError(f"{path}: {error}") from None
    try:
        private_key = "0x" + key_file.read_text().strip().removeprefix("0x")
        from_hex(private_key, 32)
        return attest(receipt, private_key)
    except ValueError:
        # The library's own words could repeat the key.
        raise CommandError(f"--signing-key {key_file}: expected a secp256k1 key, 64 hexadecimal digits") from None
