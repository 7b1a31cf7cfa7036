"""The value types that records and receipts are made of, each with exactly one spelling.

In: strings from JSON. Out: the same strings, checked. Invariant: a value that passes has one byte form, so a record
that parses to equal fields hashes to an equal leaf.
"""

from __future__ import annotations

from datetime import datetime
from functools import lru_cache
from typing import Annotated

from eth_utils.address import to_checksum_address
from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

__all__ = ["Address", "Digest", "Frozen", "Hex32", "Hex65", "HexBytes", "JsonInt", "Timestamp"]


class Frozen(BaseModel):
    """An immutable JSON object with camelCase names that refuses unknown fields."""

    model_config = ConfigDict(frozen=True, extra="forbid", alias_generator=to_camel, populate_by_name=True)


@lru_cache(maxsize=4096)  # the same contract and the same run keys come again in receipt after receipt
def _checksummed(address: str) -> str:
    checksummed = to_checksum_address(address)
    if address[2:] not in (checksummed[2:], address[2:].lower(), address[2:].upper()):
        raise ValueError("the address has a wrong EIP-55 checksum")
    return checksummed


def _existing_moment(text: str) -> str:
    datetime.fromisoformat(text)
    return text


Digest = Annotated[str, Field(pattern=r"^sha256:[0-9a-f]{64}$", examples=["sha256:" + "0" * 64])]
"""A SHA-256 digest."""

Hex32 = Annotated[str, Field(pattern=r"^0x[0-9a-f]{64}$")]
"""32 bytes: a hash, a salt, a batch id."""

Hex65 = Annotated[str, Field(pattern=r"^0x[0-9a-f]{130}$")]
"""A recoverable secp256k1 signature: r, s, v."""

HexBytes = Annotated[str, Field(pattern=r"^0x([0-9a-f]{2})+$")]
"""One byte or more."""

JsonInt = Annotated[int, Field(ge=0, le=2**53 - 1)]
"""A number that every JSON reader holds exactly (RFC 8785)."""

Address = Annotated[str, Field(pattern=r"^0x[0-9a-fA-F]{40}$"), AfterValidator(_checksummed)]
"""An account or contract, written with its EIP-55 checksum; other casings are brought to it."""

Timestamp = Annotated[
    str,
    Field(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$", examples=["2025-01-31T12:00:00Z"]),
    AfterValidator(_existing_moment),
]
"""A moment as RFC 3339 in UTC, to the second."""
