"""LedgerBinding: where results are committed (an EVM contract and IPFS), by whom, and when they count as final."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field

from .base import AmountText, ApiModel, Condition, Duration, ObjectMeta, SecretKey
from .rules import NAME_LENGTH_RULE, Rule, Says, cel

__all__ = ["LedgerBinding", "LedgerBindingSpec", "LedgerBindingStatus"]


class UrlSecretKey(SecretKey):
    key: str = Field(default="url", min_length=1, max_length=253, description="Key inside the Secret.")


class KeystoreSecretKey(SecretKey):
    key: str = Field(default="keystore.json", min_length=1, max_length=253, description="Key inside the Secret.")


class Rpc(ApiModel):
    url_secret_ref: UrlSecretKey = Field(description="JSON-RPC URL, with its credentials; it is never shown.")


class Finality(ApiModel):
    model_config = ConfigDict(
        json_schema_extra=cel(
            (
                "self.mode != 'Confirmations' || has(self.confirmations)",
                "finality.confirmations: required with mode Confirmations",
            ),
            ("self.mode != 'Tag' || !has(self.confirmations)", "finality.confirmations: only with mode Confirmations"),
        )
    )

    mode: Literal["Tag", "Confirmations"] = Field(
        default="Tag", description="Tag: the node's own tag. Confirmations: blocks on top."
    )
    tag: Literal["safe", "finalized"] = Field(default="finalized", description="Block tag, with mode Tag.")
    confirmations: int | None = Field(
        default=None, ge=1, le=10_000, description="Blocks on top, with mode Confirmations."
    )


class Network(ApiModel):
    chain_id: Annotated[int, Rule("self == oldSelf", "cannot be changed; create another LedgerBinding")] = Field(
        ge=1,
        le=9007199254740991,
        description="Chain id (EIP-155); a node with another one is refused.",
        examples=[1337],
    )
    rpc: Rpc = Field(description="The node.")
    finality: Finality = Field(default_factory=Finality, description="When a block counts as final.")


class Deploy(ApiModel):
    """Deploy a contract of our own; nothing to set."""


class Contract(ApiModel):
    model_config = ConfigDict(
        json_schema_extra=cel(
            ("has(self.deploy) != has(self.address)", "contract: give exactly one of deploy and address"),
        )
    )

    deploy: Deploy | None = Field(default=None, description="Deploy the contract once, owned by the signer.")
    address: (
        Annotated[
            str, Field(pattern=r"^0x[0-9a-fA-F]{40}$", max_length=42), Says("must be 0x and 40 hexadecimal digits")
        ]
        | None
    ) = Field(default=None, description="A contract that is already there.")


class Signer(ApiModel):
    keystore_secret_ref: KeystoreSecretKey = Field(
        description="Keystore v3 JSON; its password is the key `password` of the same Secret."
    )


class Ipfs(ApiModel):
    api: Annotated[str, Field(pattern=r"^https?://[^@/]+$"), Says("must be http(s)://host:port, without a path")] = (
        Field(max_length=512, description="Kubo's RPC API, without credentials.", examples=["http://ipfs:5001"])
    )


class Content(ApiModel):
    ipfs: Ipfs = Field(description="Where encrypted artefacts are added and pinned.")


class Batching(ApiModel):
    max_records: int = Field(default=256, ge=1, le=4096, description="Records in one transaction at most.")
    max_delay: Duration = Field(default="5s", description="A record waits no longer for company.")


class Gas(ApiModel):
    max_fee_per_gas_gwei: AmountText = Field(default="50", description="Fee cap (EIP-1559), in gwei.")
    budget_eth_per_day: AmountText = Field(default="0.05", description="Most that may be spent in 24 hours, in ETH.")


class LedgerBindingSpec(ApiModel):
    """Which chain, which contract, who signs, where artefacts go."""

    network: Network = Field(description="The chain.")
    contract: Contract = Field(description="The contract that keeps the commitments.")
    signer: Signer = Field(description="Who pays and commits.")
    content: Content = Field(description="Where encrypted artefacts go.")
    batching: Batching = Field(default_factory=Batching, description="How records share a transaction.")
    gas: Gas = Field(default_factory=Gas, description="What a transaction may cost.")


class LedgerBindingStatus(ApiModel):
    observed_generation: int = -1
    conditions: tuple[Condition, ...] = ()
    chain_id: int | None = None
    contract: str | None = Field(default=None, description="Address of the contract in use.")
    code_hash: str | None = Field(default=None, description="Keccak-256 of the contract's code on the chain.")
    deploy_transaction: str | None = None
    signer: str | None = Field(default=None, description="Address that pays and commits.")
    balance: str | None = Field(default=None, description="Its balance in ETH, rounded to two places.")
    pending: int | None = Field(default=None, description="Records that are not final yet.")
    finalized: int | None = Field(default=None, description="Records that are final.")
    committed_batches: int | None = None


class LedgerBinding(ApiModel):
    """Binds a namespace's results to an Ethereum contract and to IPFS."""

    model_config = ConfigDict(json_schema_extra=cel(NAME_LENGTH_RULE))

    api_version: str = ""
    kind: Literal["LedgerBinding"] = "LedgerBinding"
    metadata: ObjectMeta
    spec: LedgerBindingSpec
    status: LedgerBindingStatus = LedgerBindingStatus()

    @classmethod
    def parse(cls, body: dict[str, Any]) -> LedgerBinding:
        return cls.model_validate(body)
