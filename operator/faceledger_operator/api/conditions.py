"""Condition types, the reasons that they carry, and how a list of conditions changes (kstatus).

Reasons are data: each member says what happened and what the user does about it; the reference page is written from
them. In: the old list and what holds now. Out: the new list, the same object values where nothing changed.
Invariant: `Ready` is always there; `Reconciling` and `Stalled` are there only while true, and never both.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Literal, Self

from .base import Condition

__all__ = ["BindingReason", "Claim", "ConditionType", "Reason", "RunReason", "merge_conditions"]


class ConditionType(StrEnum):
    READY = "Ready"
    RECONCILING = "Reconciling"
    STALLED = "Stalled"
    SYNTHESIZED = "Synthesized"
    ENCODED = "Encoded"
    MATCHED = "Matched"
    COMMITTED = "Committed"


class Reason(StrEnum):
    """A reason with its explanation: `what` happened and what mends it (`mend`, empty where nothing need be done)."""

    what: str
    mend: str

    def __new__(cls, value: str, what: str = "", mend: str = "") -> Self:
        member = str.__new__(cls, value)
        member._value_ = value
        member.what = what
        member.mend = mend
        return member


class RunReason(Reason):
    """Reasons of FaceDataset and RecognitionJob."""

    SUCCEEDED = "Succeeded", "The result is known, committed and final."
    PENDING = "Pending", "Nothing was started yet."
    PAUSED = (
        "ReconciliationPaused",
        "The annotation faceledger.dev/reconcile: disabled is set.",
        "Remove the annotation.",
    )
    LEDGER_NOT_FOUND = "LedgerNotFound", "spec.ledgerRef names no LedgerBinding.", "Create it or correct the name."
    LEDGER_NOT_READY = "LedgerNotReady", "The LedgerBinding is not Ready.", "See the LedgerBinding's own message."
    GALLERY_NOT_FOUND = "GalleryNotFound", "spec.galleryRef names no FaceDataset.", "Create it or correct the name."
    GALLERY_NOT_READY = (
        "GalleryNotReady",
        "The gallery's manifest is not known yet.",
        "See the FaceDataset's own message.",
    )
    CLAIM_NOT_FOUND = "ClaimNotFound", "A PersistentVolumeClaim is missing.", "Create the claim or correct the name."
    SECRET_NOT_FOUND = "SecretNotFound", "A Secret or its key is missing.", "Create the Secret with that key."
    AUTHORISING = "AuthorisingRunKey", "The attempt's run key is being authorised on the contract."
    QUEUED = (
        "Queued",
        "The attempt's RayJob is suspended: it waits for its queue, or was put back into it.",
        "Look at the queue's Workloads, or resume the RayJob if a person suspended it.",
    )
    STARTING = "Starting", "The Ray cluster is starting."
    RUNNING = "Running", "The workload is running."
    IMAGE_PULL_FAILED = (
        "ImagePullFailed",
        "An image of the attempt cannot be pulled.",
        "Make the image available or correct its name.",
    )
    UNSCHEDULABLE = "Unschedulable", "A pod of the attempt finds no node.", "Add capacity or ask for less."
    QUOTA_EXCEEDED = (
        "QuotaExceeded",
        "A ResourceQuota refuses a pod of the attempt.",
        "Raise the quota or ask for less.",
    )
    POD_START_FAILED = "PodStartFailed", "A container of the attempt cannot be started.", "See the message of the pod."
    ATTEMPT_INVALID = (
        "AttemptInvalid",
        "KubeRay or the API server refused the RayJob.",
        "Correct what the message names.",
    )
    RETRYING = "Retrying", "The infrastructure failed; a new attempt follows after a pause."
    RETRIES_EXHAUSTED = (
        "RetriesExhausted",
        "The infrastructure failed more often than spec.compute.retries.",
        "See the message; then change the spec or set faceledger.dev/reconcile-requested-at.",
    )
    REPORT_REFUSED = (
        "ReportRefused",
        "The run report is not signed by the authorised run key.",
        "Find out who wrote it; delete the attempt's RayJob to run again.",
    )
    SOURCE_EMPTY = "SourceEmpty", "The folder holds no image.", "Correct the path or add images."
    NO_FACE_FOUND = "NoFaceFound", "No image holds a usable face.", "Check the images; the manifest names each one."
    CHECKPOINT_DIGEST_MISMATCH = (
        "CheckpointDigestMismatch",
        "The checkpoint is not the one that sha256 pins.",
        "Correct the file or the digest.",
    )
    CHECKPOINT_UNREADABLE = (
        "CheckpointUnreadable",
        "The checkpoint is missing or no generator of this kind.",
        "Correct spec.synthesis.checkpoint.",
    )
    GENERATOR_UNSUPPORTED = (
        "GeneratorUnsupported",
        "This image has no such generator.",
        "Correct spec.synthesis.generator.",
    )
    TOO_FEW_IMAGES = (
        "TooFewImages",
        "There are too few faces to train a generator on.",
        "Add photographs, name others in spec.synthesis.train.images, or use a checkpoint.",
    )
    TRAINING_DIVERGED = (
        "TrainingDiverged",
        "A loss is not a number; the message names the step. The last good checkpoint is kept.",
        "Lower spec.synthesis.train.learningRate, use Float32, or train on more faces.",
    )
    OUTPUT_FULL = (
        "OutputFull",
        "The output volume is full; nothing that is half written is listed anywhere.",
        "Make room or enlarge the claim; then set faceledger.dev/reconcile-requested-at.",
    )
    GALLERY_CHANGED = (
        "GalleryChanged",
        "The gallery's files are not those that its manifest digest names.",
        "Find out who changed the volume; run the FaceDataset again.",
    )
    GALLERY_TOO_SMALL = (
        "GalleryTooSmall",
        "The gallery has too few pairs for the asked rate.",
        "Enrol more people, raise targetFalseMatchRate, or set a threshold.",
    )
    DATA_KEY_INVALID = (
        "DataKeyInvalid",
        "The data key is not 32 bytes or does not open the gallery.",
        "Correct the Secret.",
    )
    RUN_SPEC_INVALID = "RunSpecInvalid", "The workload does not understand its run spec.", "Use images of one release."
    CONTENT_UNAVAILABLE = (
        "ContentUnavailable",
        "IPFS does not answer or does not have the artefacts.",
        "See that Kubo runs; nothing is lost meanwhile.",
    )
    COMMITTING = "Committing", "The result is known and on its way to the chain."
    JOURNAL_FULL = (
        "JournalFull",
        "The ledger's journal has no room until earlier records are final.",
        "See the LedgerBinding.",
    )


class BindingReason(Reason):
    """Reasons of LedgerBinding."""

    READY = "Ready", "Chain, contract, signer and content store answer."
    PAUSED = (
        "ReconciliationPaused",
        "The annotation faceledger.dev/reconcile: disabled is set.",
        "Remove the annotation.",
    )
    UNREADABLE = "ResourceUnreadable", "This release cannot read what is stored.", "Correct the fields that are named."
    SECRET_NOT_FOUND = "SecretNotFound", "A Secret or its key is missing.", "Create the Secret with that key."
    RPC_UNREACHABLE = "RPCUnreachable", "The node does not answer.", "Check the URL in the Secret and the node."
    WRONG_CHAIN_ID = "WrongChainID", "The node is on another chain.", "Correct network.chainId or the URL."
    SIGNER_INVALID = "SignerInvalid", "The signer's key cannot be used.", "Correct the Secret or the key's policy."
    SIGNER_UNREACHABLE = "SignerUnreachable", "The service that keeps the signer's key does not answer.", "Check it."
    SIGNER_UNFUNDED = "SignerUnfunded", "The signer cannot pay a transaction.", "Send ETH to status.signer."
    DEPLOYING = "DeployingContract", "The contract is being deployed."
    NO_CONTRACT = "NoContractAtAddress", "There is no code at contract.address.", "Correct the address or the chain."
    WRONG_CONTRACT = (
        "WrongContractCode",
        "The code at the address is not FaceLedger's.",
        "Correct the address, or deploy.",
    )
    NOT_COMMITTER = "SignerNotCommitter", "The contract does not let the signer commit.", "Grant it the committer role."
    FINALITY_UNSUPPORTED = (
        "FinalityUnsupported",
        "The node does not know the finality tag.",
        "Use finality.mode Confirmations.",
    )
    CHAIN_REPLACED = (
        "ChainReplaced",
        "The node's chain lacks a block that was final: it lost its state, is behind, or is another chain.",
        "Restore the node or correct the URL; to begin anew on a new chain, create another LedgerBinding.",
    )
    CHAIN_CONTRADICTED = (
        "ChainContradicted",
        "What a node says does not fit its own blocks, or not what another node says.",
        "Remove the node that is wrong from network.rpc.",
    )
    CONTENT_UNREACHABLE = "ContentUnreachable", "IPFS does not answer.", "Check content.ipfs and Kubo."
    RECEIPTS_UNREACHABLE = (
        "ReceiptsUnreachable",
        "Receipts cannot be kept, so records stay in the journal.",
        "Check spec.receipts, its Secret and its store.",
    )
    BUDGET_SPENT = "BudgetSpent", "gas.budgetEthPerDay is spent.", "Wait or raise the budget."
    FEE_ABOVE_CAP = "FeeAboveCap", "The network asks more than gas.maxFeePerGasGwei.", "Wait or raise the cap."


@dataclass(frozen=True)
class Claim:
    """What holds now about one condition."""

    type: ConditionType
    status: Literal["True", "False", "Unknown"]
    reason: Reason
    message: str


def merge_conditions(
    old: Sequence[Condition], claims: Iterable[Claim], generation: int, now: datetime
) -> tuple[Condition, ...]:
    """The new list: one condition a claim; `lastTransitionTime` moves only where the status does."""
    before = {condition.type: condition for condition in old}
    return tuple(_condition(before.get(claim.type), claim, generation, now) for claim in claims)


def _condition(before: Condition | None, claim: Claim, generation: int, now: datetime) -> Condition:
    since = before.last_transition_time if before and before.status == claim.status else now
    return Condition(
        type=claim.type,
        status=claim.status,
        observed_generation=generation,
        last_transition_time=since,
        reason=claim.reason,
        message=claim.message,
    )
