"""A person's consent as a file: what they agreed to, and their wallet's signature over its salted hash.

In: the file that the consent page saves. Out: the record (ISO/IEC TS 27560:2023 in DPV JSON-LD), the wallet, and
whether the record permits a purpose at a moment. Invariant: a consent that parses is signed by the wallet that the
record names, over the commitment that the contract's registry holds while the consent stands (see consent.py).
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from faceledger_contracts.canonical import canonical_json, from_hex, to_hex
from faceledger_contracts.consent import Action, Consent, identity_commitment, recover_consent
from faceledger_contracts.eip712 import Domain, SignatureError
from faceledger_contracts.values import Address, Frozen, Hex32, Hex65, JsonInt, Timestamp

__all__ = ["ConsentError", "ConsentRecord", "GivenConsent", "Withdrawal", "parse_consent"]


class ConsentError(ValueError):
    """A file is no consent, or nobody's; the message names each field that is wrong."""


class _Linked(BaseModel):
    """A JSON-LD object whose names carry their vocabulary."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


class _Controller(_Linked):
    type: Literal["dpv:DataController"] = Field(alias="@type")
    contact: str = Field(alias="dpv:hasContact", min_length=1, max_length=500)
    name: str = Field(alias="dpv:hasName", min_length=1, max_length=500)


class _Subject(_Linked):
    id: str = Field(alias="@id", pattern=r"^did:pkh:eip155:[1-9]\d*:0x[0-9a-fA-F]{40}$")
    type: Literal["dpv:DataSubject"] = Field(alias="@type")


class _Storage(_Linked):
    type: Literal["dpv:StorageDuration"] = Field(alias="@type")
    duration: str = Field(alias="dpv:hasDuration", pattern=r"^P[1-9]\d{0,4}D$")


class _Process(_Linked):
    type: Literal["dpv:Process"] = Field(alias="@type")
    dataset: str = Field(alias="dct:title", pattern=r"^[a-z0-9.-]+/[a-z0-9.-]+$")
    data: tuple[Literal["pd:FacialPrint"], Literal["pd:Picture"]] = Field(alias="dpv:hasPersonalData")
    purposes: tuple[Annotated[str, Field(pattern=r"^faceledger:[A-Za-z]+$")], ...] = Field(
        alias="dpv:hasPurpose", min_length=1
    )
    recipients: tuple[str, ...] = Field(alias="dpv:hasRecipient")
    storage: _Storage = Field(alias="dpv:hasStorageCondition")


class ConsentRecord(_Linked):
    """What a person agreed to. Purposes are those of a FaceDataset's `privacy.purpose`."""

    context: dict[str, str] = Field(alias="@context")
    id: str = Field(alias="@id", pattern=r"^urn:uuid:[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$")
    type: Literal["dpv:ConsentRecord"] = Field(alias="@type")
    conforms_to: Literal["https://w3id.org/dpv/schema/dpv-27560#record"] = Field(alias="dct:conformsTo")
    created: Timestamp = Field(alias="dct:created")
    status: Literal["dpv:ConsentGiven"] = Field(alias="dpv:hasConsentStatus")
    controller: _Controller = Field(alias="dpv:hasDataController")
    subject: _Subject = Field(alias="dpv:hasDataSubject")
    legal_basis: tuple[Literal["eu-gdpr:A6-1-a"], Literal["eu-gdpr:A9-2-a"]] = Field(alias="dpv:hasLegalBasis")
    notice: str = Field(alias="dpv:hasNotice", pattern=r"^https?://\S+$")
    process: _Process = Field(alias="dpv:hasProcess")

    def permits(self, dataset: str, purpose: str, at: datetime) -> bool:
        """Whether the face may be used in `dataset` (namespace/name) for `purpose` at the moment `at` (with a zone)."""
        given = datetime.fromisoformat(self.created)
        ends = given + timedelta(days=int(self.process.storage.duration[1:-1]))
        asked_for = dataset == self.process.dataset and f"faceledger:{purpose}" in self.process.purposes
        return asked_for and given <= at < ends


class _Signed(Frozen):
    version: Literal[1]
    wallet: Address
    chain_id: JsonInt
    contract: Address
    nonce: JsonInt
    deadline: JsonInt
    signature: Hex65

    @property
    def domain(self) -> Domain:
        """Where the signature counts."""
        return Domain(self.chain_id, self.contract)

    def _check_signature(self, action: Action, value: str) -> None:
        consent = Consent(action, self.wallet, from_hex(value, 32), self.nonce, self.deadline)
        try:
            signer = recover_consent(consent, self.signature, self.domain)
        except SignatureError as error:
            raise ValueError(f"the signature is malformed: {error}") from None
        if signer != self.wallet:
            raise ValueError(f"signed by {signer}, not by the wallet {self.wallet}")


class GivenConsent(_Signed):
    """A consent as its holder keeps it. Without `salt` nobody can link the chain's commitment to the record."""

    action: Literal[Action.REGISTER, Action.UPDATE]
    record: ConsentRecord
    salt: Hex32

    @property
    def commitment(self) -> str:
        """What the contract's registry holds for the wallet while this consent stands."""
        record = self.record.model_dump(mode="json", by_alias=True)
        return to_hex(identity_commitment(record, from_hex(self.salt, 32)))

    @model_validator(mode="after")
    def _is_the_wallets_own(self) -> Self:
        if self.record.subject.id != f"did:pkh:eip155:{self.chain_id}:{self.wallet}":
            raise ValueError("the record is about another wallet or chain")
        self._check_signature(self.action, self.commitment)
        return self


class Withdrawal(_Signed):
    """The end of a consent, for anyone to bring to the contract's `revokeIdentity`."""

    action: Literal[Action.REVOKE]
    commitment: Hex32

    @model_validator(mode="after")
    def _is_the_wallets_own(self) -> Self:
        self._check_signature(self.action, self.commitment)
        return self


def parse_consent(data: bytes) -> GivenConsent:
    """Reads a consent in its only spelling (RFC 8785); ConsentError names what is wrong."""
    try:
        given = GivenConsent.model_validate_json(data)
    except ValidationError as error:
        raise ConsentError(_named_fields(error.errors())) from None
    if canonical_json(given.model_dump(mode="json", by_alias=True)) != data:
        raise ConsentError("consent: not in canonical form (RFC 8785, addresses with checksum, no line end)")
    return given


def _named_fields(errors: list[Any]) -> str:
    problems = [(".".join(str(part) for part in each["loc"]) or "consent", each["msg"]) for each in errors]
    return "; ".join(f"{field}: {message}" for field, message in problems)
