"""Bad input: each fault is named in the condition and in an event, and goes away by itself once it is mended."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from testbed import install, orl
from testbed.cluster import condition, until
from testbed.sandbox import DEVELOPMENT_KEY, PASSWORD, Sandbox, keystore_secret, secret

pytestmark = pytest.mark.timeout(300)


@dataclass(frozen=True)
class BindingFault:
    """A LedgerBinding that cannot work: what is wrong, what it says, what it must not show."""

    reason: str
    names: str
    overrides: Callable[[Sandbox], dict[str, Any]] = lambda _: {}
    key: str = DEVELOPMENT_KEY
    stored_password: str = PASSWORD
    url: str = f"http://anvil.{install.NAMESPACE}:8545"
    never_shows: str = "s3cret-in-the-url"


NOT_OURS = "0x000000000000000000000000000000000000dEaD"

FAULTS = (
    pytest.param(
        BindingFault("WrongChainID", "network.chainId", lambda _: {"network": {"chainId": 4242}}), id="wrong chain id"
    ),
    pytest.param(
        BindingFault(
            "NoContractAtAddress", "contract.address", lambda _: {"contract": {"deploy": None, "address": NOT_OURS}}
        ),
        id="no contract at the address",
    ),
    pytest.param(BindingFault("SignerUnfunded", "signer", key="0x" + secrets.token_hex(32)), id="signer without funds"),
    pytest.param(
        BindingFault("SignerInvalid", "keystoreSecretRef", stored_password="wrong"), id="bad keystore password"
    ),
    pytest.param(
        BindingFault("RPCUnreachable", "urlSecretRef", url="http://user:s3cret-in-the-url@nowhere.invalid:8545/s3cret"),
        id="unreachable node, secret in its URL",
    ),
    pytest.param(
        BindingFault(
            "ContentUnreachable",
            "content.ipfs",
            lambda _: {"content": {"ipfs": {"api": "http://nowhere.invalid:5001"}}},
        ),
        id="unreachable IPFS",
    ),
)


@pytest.mark.parametrize("fault", FAULTS)
def test_a_ledger_binding_names_its_fault(sandbox: Sandbox, fault: BindingFault) -> None:
    sandbox.apply(
        secret("consortium-rpc", {"url": fault.url}),
        keystore_secret("consortium-key", fault.key, PASSWORD, fault.stored_password),
        sandbox.binding(fault.overrides(sandbox)),
    )
    shown = sandbox.shows("LedgerBinding", "consortium", "Ready", fault.reason, 60)
    assert fault.names in shown["message"]
    binding = sandbox.get("LedgerBinding", "consortium")
    assert condition(binding, "Stalled")["status"] == "True"
    events = until(
        "an event names it",
        lambda: [e for e in sandbox.cluster.events("consortium", sandbox.namespace) if e["reason"] == fault.reason],
        20,
    )
    assert fault.never_shows not in str(binding["status"]) + str(events)  # type: ignore[index]
    logs = sandbox.cluster.kubectl("logs", "-n", install.NAMESPACE, "deployment/faceledger", "--tail", "-1")
    assert fault.never_shows not in logs


def test_another_contract_at_the_address_is_refused(sandbox: Sandbox) -> None:
    sandbox.with_ledger()
    binding = sandbox.ready("LedgerBinding", "consortium", 90)
    other = _deploy_something_else(sandbox)
    sandbox.apply(sandbox.binding({"contract": {"deploy": None, "address": other}}))
    shown = sandbox.shows("LedgerBinding", "consortium", "Ready", "WrongContractCode")
    assert "contract.address" in shown["message"]
    sandbox.apply(sandbox.binding({"contract": {"deploy": None, "address": binding["status"]["contract"]}}))
    sandbox.ready("LedgerBinding", "consortium", 60)


def test_a_missing_secret_is_named_and_its_arrival_mends_the_binding(sandbox: Sandbox) -> None:
    sandbox.apply(sandbox.binding({}))
    shown = sandbox.shows("LedgerBinding", "consortium", "Ready", "SecretNotFound", 30)
    assert "consortium-rpc" in shown["message"]
    sandbox.with_ledger()
    sandbox.ready("LedgerBinding", "consortium", 60)


def test_a_missing_claim_is_named_within_seconds(sandbox: Sandbox) -> None:
    sandbox.with_ledger()
    sandbox.claims("faceledger")
    sandbox.apply(sandbox.dataset())
    shown = sandbox.shows("FaceDataset", "staff", "Ready", "ClaimNotFound", 60)
    assert "staff-photos" in shown["message"]
    assert "source" in shown["message"]
    assert not sandbox.rayjobs()


def test_a_gallery_that_is_not_ready_is_waited_for(sandbox: Sandbox) -> None:
    sandbox.with_ledger()
    sandbox.claims("camera", "faceledger")
    sandbox.apply(sandbox.job())
    assert "staff" in sandbox.shows("RecognitionJob", "front-door", "Ready", "GalleryNotFound")["message"]
    sandbox.apply(sandbox.dataset())
    assert "staff" in sandbox.shows("RecognitionJob", "front-door", "Ready", "GalleryNotReady")["message"]


def test_an_empty_folder_is_named(sandbox: Sandbox) -> None:
    sandbox.with_ledger()
    sandbox.claims("staff-photos", "faceledger")
    sandbox.apply(sandbox.dataset())
    shown = sandbox.shows("FaceDataset", "staff", "Stalled", "SourceEmpty", 200)
    assert "source" in shown["message"]


def test_files_without_any_face_are_named(sandbox: Sandbox) -> None:
    sandbox.with_ledger()
    sandbox.claims("staff-photos", "faceledger")
    sandbox.fill({"staff-photos": {"ann/1.pgm": _grey_photo(), "bob/1.pgm": _grey_photo()}})
    sandbox.apply(sandbox.dataset())
    shown = sandbox.shows("FaceDataset", "staff", "Stalled", "NoFaceFound", 200)
    assert "source" in shown["message"]


def test_bad_images_are_counted_and_the_rest_goes_on(sandbox: Sandbox) -> None:
    sandbox.with_ledger()
    sandbox.claims("staff-photos", "faceledger")
    good = orl.gallery(range(1, 4), 2)
    bad = {
        "s01/empty.jpg": b"",
        "s01/text.jpg": b"not an image at all",
        "s02/cut.pgm": orl.photo(2, 9)[:400],
        "s03/bomb.pgm": b"P5 30000 30000 255\n" + bytes(64),
        "s03/wall.pgm": _grey_photo(),
    }
    sandbox.fill({"staff-photos": good | bad})
    sandbox.apply(sandbox.dataset())
    status = sandbox.ready("FaceDataset", "staff", 240)["status"]
    assert status["real"] == len(good)
    assert status["rejected"] == len(bad)
    assert sum(status["rejections"].values()) == len(bad)
    assert len(status["rejections"]) >= 4, "each kind of fault has its own reason"


def test_a_checkpoint_with_another_digest_is_refused(sandbox: Sandbox) -> None:
    sandbox.with_ledger()
    sandbox.with_photographs(people=2, photos=2, strangers=0)
    sandbox.fill({"faceledger": {"weights/other.safetensors": b"\x08\x00\x00\x00\x00\x00\x00\x00{}      "}})
    checkpoint = {"file": {"claimName": "faceledger", "path": "/weights/other.safetensors"}, "sha256": "ab" * 32}
    sandbox.apply(sandbox.dataset(synthesis={"checkpoint": checkpoint, "faces": 2}))
    shown = sandbox.shows("FaceDataset", "staff", "Stalled", "CheckpointDigestMismatch", 200)
    assert "checkpoint" in shown["message"]
    assert "abababab" in shown["message"]


def _grey_photo() -> bytes:
    return b"P5 92 112 255\n" + bytes([128]) * (92 * 112)


def _deploy_something_else(sandbox: Sandbox) -> str:
    """Puts a contract of five bytes on the trial chain, from its first unlocked account; returns its address."""
    accounts = sandbox.cluster.rpc("eth_accounts")
    transaction = {"from": accounts[1], "data": "0x6005600c60003960056000f36000600055"}
    sent = sandbox.cluster.rpc("eth_sendTransaction", transaction)
    receipt = until("the other contract is there", lambda: sandbox.cluster.rpc("eth_getTransactionReceipt", sent), 30)
    return str(receipt["contractAddress"])
