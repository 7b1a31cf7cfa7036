"""The consent page in a real headless browser, with a wallet that really signs and a real chain (web/)."""

from __future__ import annotations

import base64
import json
import subprocess
import threading
import time
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from eth_account import Account
from eth_account.signers.local import LocalAccount
from faceledger_contracts.canonical import canonical_json, from_hex, to_hex
from faceledger_contracts.consent import Action, Consent, recover_consent
from faceledger_contracts.consent_record import GivenConsent, Withdrawal, parse_consent
from faceledger_contracts.receipt import Receipt, encode_receipt
from testbed.nodes import running_anvil

from .conftest import Ledger

pytestmark = pytest.mark.chain

WEB = Path(__file__).parents[2] / "web"
DOWNLOAD_SECONDS = 10.0
DATASET = "doors/staff"


@pytest.fixture(scope="module")
def anvil(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A chain of this module's own: browsers take the time from the machine, so the chain must have the same."""
    with running_anvil(tmp_path_factory.mktemp("anvil")) as url:
        yield url


@pytest.fixture(scope="module")
def page_url() -> Iterator[str]:
    """Where the built page is served."""
    subprocess.run(["make", "--silent", "-C", str(WEB), "build"], check=True, capture_output=True, timeout=240)
    handler = partial(_QuietHandler, directory=str(WEB / "dist"))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


class _QuietHandler(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Says nothing."""


class Browser:
    """A person at the page: each method is one thing that they do or see."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process

    def enter(self, chain: str, person: LocalAccount, downloads: Path) -> None:
        """Somebody opens a browser that has never been here."""
        downloads.mkdir(exist_ok=True)
        self.downloads = downloads
        self("enter", {"rpc": chain, "key": to_hex(bytes(person.key)), "downloads": str(downloads)})

    def __call__(self, command: str, *arguments: object) -> Any:
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.write(json.dumps([command, *arguments]) + "\n")
        self.process.stdin.flush()
        answer = json.loads(self.process.stdout.readline())
        assert "error" not in answer, f"{command} {arguments}: {answer['error']}; page: {self._message(command)}"
        return answer["ok"]

    def _message(self, command: str) -> Any:
        return None if command in ("enter", "text") else self("text", "#message")

    def does(self, element: str, expected: str) -> None:
        """Clicks, and waits for the page to say what came of it."""
        self("click", element)
        self("said", expected)

    def loads(self, element: str, content: bytes, expected: str) -> None:
        path = self.downloads / "given.json"
        path.write_bytes(content)
        self("upload", element, str(path))
        self("said", expected)

    def saved(self, name: str) -> bytes:
        """The file that the page saved, taken away so that the next one of this name is another."""
        path = self.downloads / name
        deadline = time.monotonic() + DOWNLOAD_SECONDS
        while not (path.exists() and path.read_bytes().endswith(b"}")):
            assert time.monotonic() < deadline, f"{name} was not saved: {list(self.downloads.iterdir())}"
            time.sleep(0.02)
        content = path.read_bytes()
        path.unlink()
        return content


@pytest.fixture(scope="module")
def opened_browser() -> Iterator[Browser]:
    """One browser for all: each person that enters has cookies, files and a wallet of their own."""
    command = ["make", "--silent", "-C", str(WEB), "browser"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        yield Browser(process)
        assert process.stdin
        process.stdin.close()
        process.wait(20)


@pytest.fixture
def person(ledger: Ledger) -> LocalAccount:
    """Somebody with a wallet of their own and enough for a few transactions."""
    account: LocalAccount = Account.create()
    ledger.web3.provider.make_request("anvil_setBalance", [account.address, hex(10**18)])  # type: ignore[arg-type]
    return account


@pytest.fixture
def browser(anvil: str, opened_browser: Browser, page_url: str, person: LocalAccount, tmp_path: Path) -> Browser:
    """The person's browser, at the page."""
    opened_browser.enter(anvil, person, tmp_path)
    opened_browser("open", page_url)
    return opened_browser


def request(ledger: Ledger, **fields: Any) -> dict[str, Any]:
    """What a controller asks for."""
    return {
        "version": 1,
        "controller": {"name": "Example Laboratory", "contact": "privacy@example.org"},
        "dataset": DATASET,
        "purposes": ["AccessControl"],
        "retention": "P365D",
        "recipients": ["The building's owner"],
        "notice": "https://example.org/notice",
        "chainId": ledger.domain.chain_id,
        "contract": ledger.address,
        **fields,
    }


def connect(browser: Browser, asked: dict[str, Any]) -> None:
    browser.does("#wallets button", "Connected to Test Wallet")
    browser.loads("#request-file", json.dumps(asked).encode(), "Read it with care")


def given_consent(browser: Browser, ledger: Ledger) -> GivenConsent:
    connect(browser, request(ledger))
    browser("click", "#agree")
    browser.does("#give", "Your consent is recorded")
    return parse_consent(browser.saved("consent.json"))


def identity(ledger: Ledger, person: LocalAccount) -> tuple[str, int, bool]:
    """Commitment, version and whether it ended, as the contract has them."""
    commitment, version, revoked_at = ledger.contract.functions.identityOf(person.address).call()
    return to_hex(commitment), version, revoked_at > 0


def test_a_person_gives_consent_and_the_chain_holds_its_commitment(
    browser: Browser, ledger: Ledger, person: LocalAccount
) -> None:
    given = given_consent(browser, ledger)
    assert (given.wallet, given.record.process.dataset) == (person.address, DATASET)
    assert given.record.process.purposes == ("faceledger:AccessControl",)
    assert identity(ledger, person) == (given.commitment, 1, False)
    assert browser("text", "#held-chain") == "recorded"


def test_a_second_consent_replaces_the_first(browser: Browser, ledger: Ledger, person: LocalAccount) -> None:
    given_consent(browser, ledger)
    browser.loads("#request-file", json.dumps(request(ledger, purposes=["Research"])).encode(), "Read it with care")
    browser("click", "#agree")
    browser.does("#give", "Your consent is recorded")
    second = parse_consent(browser.saved("consent.json"))
    assert second.action is Action.UPDATE
    assert identity(ledger, person) == (second.commitment, 2, False)


def test_a_consent_is_signed_by_the_person_and_brought_to_the_chain_by_the_controller(
    browser: Browser, ledger: Ledger, person: LocalAccount
) -> None:
    connect(browser, request(ledger))
    browser("click", "#agree")
    browser.does("#give-file", "Signed")
    given = parse_consent(browser.saved("consent.json"))
    assert identity(ledger, person)[1] == 0, "the page itself sent nothing"
    functions = ledger.contract.functions
    ledger.send(
        functions.registerIdentity(
            given.wallet, from_hex(given.commitment, 32), given.deadline, from_hex(given.signature, 65)
        )
    )
    assert identity(ledger, person) == (given.commitment, 1, False)


def test_consent_is_withdrawn_for_ever(browser: Browser, ledger: Ledger, person: LocalAccount) -> None:
    given_consent(browser, ledger)
    browser.does("#withdraw", "Your consent is withdrawn")
    assert identity(ledger, person)[2]
    assert "was withdrawn on" in browser("text", "#standing")
    assert browser("text", "#held-chain") == "withdrawn"
    assert browser("disabled", "#give")
    assert browser("disabled", "#withdraw")


def test_a_withdrawal_is_signed_for_the_controller(browser: Browser, ledger: Ledger, person: LocalAccount) -> None:
    given_consent(browser, ledger)
    browser.does("#withdraw-file", "Signed")
    withdrawal = Withdrawal.model_validate_json(browser.saved("withdrawal.json"))
    assert not identity(ledger, person)[2], "the page itself sent nothing"
    revoke = ledger.contract.functions.revokeIdentity
    ledger.send(revoke(withdrawal.wallet, withdrawal.deadline, from_hex(withdrawal.signature, 65)), "stranger")
    assert identity(ledger, person)[2]


def test_a_person_proves_that_a_consent_is_theirs(browser: Browser, ledger: Ledger, person: LocalAccount) -> None:
    given_consent(browser, ledger)
    challenge = "0x" + "5a" * 32
    browser("type", "#challenge", challenge)
    browser.does("#prove", "Signed")
    proof = json.loads(browser.saved("proof.json"))
    asked = Consent(Action.AUTHENTICATE, person.address, from_hex(challenge, 32), proof["nonce"], proof["deadline"])
    assert proof["challenge"] == challenge
    assert recover_consent(asked, proof["signature"], ledger.domain) == person.address


def test_a_kept_consent_is_seen_again_later(
    anvil: str, page_url: str, browser: Browser, ledger: Ledger, person: LocalAccount, tmp_path: Path
) -> None:
    given = given_consent(browser, ledger)
    browser.enter(anvil, person, tmp_path / "later")
    browser("open", page_url)
    browser.does("#wallets button", "Connected")
    kept = canonical_json(given.model_dump(mode="json", by_alias=True))
    browser.loads("#consent-file", kept, "Your consent file is loaded")
    assert browser("text", "#held-controller") == "Example Laboratory"
    assert browser("text", "#held-chain") == "recorded"


def test_a_request_comes_in_a_link_and_the_page_opens_no_connection(
    browser: Browser, ledger: Ledger, page_url: str
) -> None:
    link = base64.urlsafe_b64encode(json.dumps(request(ledger)).encode()).decode().rstrip("=")
    browser("open", "about:blank")
    browser("open", f"{page_url}#request={link}")
    browser("said", "Read it with care")
    assert browser("texts", "#purposes li") == ["AccessControl: opening doors or devices for you"]
    asked = {url.split("#")[0] for url in browser("requests") if not url.startswith(("about:", "data:"))}
    assert asked <= {
        page_url,
        f"{page_url}style.css",
        f"{page_url}page.js",
        f"{page_url}favicon.ico",
    }


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        pytest.param({"purposes": ["Policing"]}, "purposes: Policing is none of", id="a purpose unknown here"),
        pytest.param({"purposes": []}, "purposes: one or more", id="no purpose"),
        pytest.param({"retention": "for ever"}, "retention: days", id="no end"),
        pytest.param({"contract": "0x12"}, "contract: an address", id="a contract that is no address"),
        pytest.param({"notice": "javascript:alert(1)"}, "notice: an address", id="a notice that would run code"),
        pytest.param({"hidden": "clause"}, "hidden: not a field", id="a field that would not be shown"),
    ],
)
def test_a_wrong_request_is_refused_by_the_name_of_its_field(
    browser: Browser, ledger: Ledger, fields: dict[str, Any], message: str
) -> None:
    browser.loads("#request-file", json.dumps(request(ledger, **fields)).encode(), message)
    assert browser("disabled", "#agree")


def test_a_person_who_declines_in_the_wallet_has_given_nothing(
    browser: Browser, ledger: Ledger, person: LocalAccount
) -> None:
    connect(browser, request(ledger))
    browser("click", "#agree")
    browser("refuse", "eth_signTypedData_v4")
    browser.does("#give", "rejected")
    assert identity(ledger, person)[1] == 0
    assert not list(browser.downloads.glob("consent*.json"))


def test_a_receipt_is_checked_against_the_chain(browser: Browser, ledger: Ledger) -> None:
    browser.does("#wallets button", "Connected")
    receipt = ledger.commit_result()
    browser.loads("#receipt-file", encode_receipt(receipt), "The receipt holds")
    forged: Receipt = receipt.model_copy(update={"record": receipt.record.model_copy(update={"purpose": "Research"})})
    browser.loads("#receipt-file", encode_receipt(forged), "The receipt does not hold")
    assert browser("texts", "#checks td.bad") == [
        "NOT so: the record and its salts give the leaf",
        "NOT so: the proof leads from the leaf to the root",
    ]
