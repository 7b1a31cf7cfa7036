"""LedgerBinding: where results are committed (an EVM contract and IPFS), by whom, and when they count as final."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import ConfigDict, Field, model_validator

from .base import AmountText, ApiModel, Condition, Duration, LocalObject, ObjectMeta, SecretKey
from .rules import NAME_LENGTH_RULE, Rule, Says, cel

__all__ = ["LedgerBinding", "LedgerBindingSpec", "LedgerBindingStatus"]


class UrlSecretKey(SecretKey):
    key: str = Field(default="url", min_length=1, max_length=253, description="Key inside the Secret.")


class KeystoreSecretKey(SecretKey):
    key: str = Field(default="keystore.json", min_length=1, max_length=253, description="Key inside the Secret.")


class PrivateKeySecretKey(SecretKey):
    key: str = Field(default="private-key", min_length=1, max_length=253, description="Key inside the Secret.")


Endpoint = Annotated[
    str, Field(pattern=r"^https?://[^@/\s]+/?$"), Says("must be http(s)://host:port, without credentials and path")
]

KuboApi = Annotated[str, Field(pattern=r"^https?://[^@/]+$"), Says("must be http(s)://host:port, without a path")]

ReceiptsUrl = Annotated[
    str,
    Field(pattern=r"^(s3://[a-z0-9][-.a-z0-9]{1,61}[a-z0-9](/[-_.a-zA-Z0-9/]*)?|gdrive://[-_a-zA-Z0-9]{1,128})$"),
    Says("must be s3://BUCKET/PREFIX or gdrive://FOLDER-ID"),
]


class RpcEndpoint(ApiModel):
    """One JSON-RPC endpoint of the chain."""

    url_secret_ref: UrlSecretKey = Field(description="JSON-RPC URL, with its credentials; it is never shown.")
    headers_secret_ref: LocalObject | None = Field(
        default=None, description="Secret whose keys and values are headers of each request, e.g. `Authorization`."
    )


class Rpc(RpcEndpoint):
    fallbacks: tuple[RpcEndpoint, ...] = Field(
        default=(),
        max_length=4,
        description="Nodes of the same chain: the next one is asked where one does not answer, and all must agree.",
    )


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


class AwsKms(ApiModel):
    """A key of AWS KMS that never leaves it."""

    key_id: str = Field(
        min_length=1,
        max_length=2048,
        description="Id, ARN or alias of an ECC_SECG_P256K1 key for signing.",
        examples=["alias/faceledger"],
    )
    region: str = Field(min_length=1, max_length=63, description="AWS region.", examples=["eu-central-1"])
    endpoint: Endpoint | None = Field(
        default=None, max_length=512, description="Another endpoint than AWS's own.", examples=["https://kms.internal"]
    )
    credentials_secret_ref: LocalObject | None = Field(
        default=None,
        description="Secret with the keys `accessKeyId`, `secretAccessKey` and, if there is one, `sessionToken`; left "
        "out: the identity of the operator's pod (IRSA, Pod Identity, an instance's role).",
    )


class Signer(ApiModel):
    """Exactly one of the three."""

    model_config = ConfigDict(
        json_schema_extra=cel(
            (
                "[has(self.keystoreSecretRef), has(self.privateKeySecretRef), has(self.awsKms)].filter(x, x).size()==1",
                "signer: give exactly one of keystoreSecretRef, privateKeySecretRef and awsKms",
            ),
        )
    )

    keystore_secret_ref: KeystoreSecretKey | None = Field(
        default=None, description="Keystore v3 JSON; its password is the key `password` of the same Secret."
    )
    private_key_secret_ref: PrivateKeySecretKey | None = Field(
        default=None, description="A private key as 64 hexadecimal digits, with or without 0x."
    )
    aws_kms: AwsKms | None = Field(default=None, description="A key in AWS KMS.")

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        if sum(x is not None for x in (self.keystore_secret_ref, self.private_key_secret_ref, self.aws_kms)) != 1:
            raise ValueError("give exactly one of keystoreSecretRef, privateKeySecretRef and awsKms")
        return self


class Ipfs(ApiModel):
    """One or several IPFS nodes: artefacts are added to each and pinned on each."""

    model_config = ConfigDict(
        json_schema_extra=cel(
            ("has(self.api) != has(self.apis)", "content.ipfs: give exactly one of api and apis"),
            (
                "!has(self.quorum) || (has(self.apis) && self.quorum <= self.apis.size())",
                "content.ipfs.quorum: only with apis, and not above their number",
            ),
        )
    )

    api: KuboApi | None = Field(
        default=None,
        max_length=512,
        description="Kubo's RPC API, without credentials.",
        examples=["http://ipfs:5001"],
    )
    apis: (
        tuple[
            Annotated[
                KuboApi,
                Field(max_length=512, description="Kubo's RPC API.", examples=["http://ipfs-0.ipfs:5001"]),
            ],
            ...,
        ]
        | None
    ) = Field(
        default=None,
        min_length=1,
        max_length=8,
        description="Several of them, in place of `api`; reads take the first that has what is asked for.",
    )
    quorum: int | None = Field(
        default=None,
        ge=1,
        le=8,
        description="On how many of `apis` artefacts must be pinned before they are committed to; left out: on more "
        "than half. The others get them as soon as they can.",
    )

    @property
    def all_apis(self) -> tuple[str, ...]:
        """Those of `apis`, or the one of `api`, each once."""
        given = self.apis or ((self.api,) if self.api else ())
        return tuple(dict.fromkeys(url.rstrip("/") for url in given))

    @property
    def needed(self) -> int:
        """How many of them must have an artefact."""
        count = len(self.all_apis)
        return min(self.quorum or count // 2 + 1, count)


class Content(ApiModel):
    ipfs: Ipfs = Field(description="Where encrypted artefacts are added and pinned.")


class Receipts(ApiModel):
    """Where receipts are kept besides the Secret beside the resource. Each is written once and never changed."""

    url: ReceiptsUrl = Field(
        max_length=1024,
        description="`s3://BUCKET/PREFIX`, or `gdrive://FOLDER-ID`, a folder of Google Drive that the service account "
        "may write to.",
        examples=["s3://receipts/people", "gdrive://1x3S0bJ8pKq"],
    )
    endpoint: Endpoint | None = Field(
        default=None,
        max_length=512,
        description="Another endpoint than AWS's or Google's own, for example of MinIO.",
        examples=["https://minio.example.org"],
    )
    region: str | None = Field(default=None, min_length=1, max_length=63, description="AWS region, for s3://.")
    credentials_secret_ref: LocalObject | None = Field(
        default=None,
        description="Secret with `accessKeyId` and `secretAccessKey` (s3://), or with a service account's key in "
        "`service-account.json` (gdrive://); left out: the identity of the operator's pod.",
    )


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
    receipts: Receipts | None = Field(
        default=None, description="Where receipts are kept; left out: on the volume of the operator's installation."
    )


class LedgerBindingStatus(ApiModel):
    observed_generation: int = -1
    conditions: tuple[Condition, ...] = ()
    chain_id: int | None = None
    contract: str | None = Field(default=None, description="Address of the contract in use.")
    code_hash: str | None = Field(default=None, description="Keccak-256 of the contract's code on the chain.")
    deploy_transaction: str | None = None
    signer: str | None = Field(default=None, description="Address that pays and commits.")
    balance: str | None = Field(default=None, description="Its balance in ETH, rounded to two places.")
    budget_left: str | None = Field(default=None, description="What may still be spent today, in ETH.")
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
