"""Receipts in S3 and Google Drive, as on a volume: written once, read back, and no credential is ever said."""

from __future__ import annotations

import base64
import json
import re
import subprocess
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import boto3
import pytest
import requests
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from faceledger_contracts.record import Subject
from faceledger_operator.api.ledgerbinding import Receipts as ReceiptsSpec
from faceledger_operator.kube.credentials import AwsAccess
from faceledger_operator.receipts.drive import DriveReceipts
from faceledger_operator.receipts.s3 import S3Receipts
from faceledger_operator.receipts.store import ObjectReceipts, ReceiptConflictError
from faceledger_operator.receipts.stores import ReceiptStores

CONTRACTS = Path(__file__).parents[3] / "contracts"
BLOCK, OTHER_BLOCK = "0x" + "ab" * 32, "0x" + "cd" * 32
FIRST, SECOND, THIRD = (json.dumps({"receipt": number}, separators=(",", ":")).encode() for number in (1, 2, 3))
# The mock keeps what reads as JSON as JSON, so these are in the spelling that it writes.

Make = Callable[[], ObjectReceipts]


def subject(name: str) -> Subject:
    return Subject(kind="RecognitionJob", namespace="people", name=name, uid="u", generation=1)


class _Tokens(BaseHTTPRequestHandler):
    """Gives a token to any service account, as Google's token endpoint does."""

    def do_POST(self) -> None:
        body = b'{"access_token": "valid-token", "expires_in": 3600, "token_type": "Bearer"}'
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Says nothing."""


@pytest.fixture(scope="session")
def drive() -> Iterator[str]:
    process = subprocess.Popen(
        ["make", "--silent", "-C", CONTRACTS, "drive"], stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    try:
        assert process.stdout is not None
        port = next(found[1] for line in process.stdout if (found := re.search(r"listens on (\d+)", line)))
        yield f"http://127.0.0.1:{port}"
    finally:
        subprocess.run(["kill", "--", f"-{process.pid}"], check=False)
        process.wait(10)


@pytest.fixture(scope="session")
def account() -> Iterator[dict[str, str]]:
    """A service account's key, and the endpoint that believes it."""
    server = HTTPServer(("127.0.0.1", 0), _Tokens)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    key = generate_private_key(65537, 2048).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    yield {
        "type": "service_account",
        "client_email": "receipts@example.iam.gserviceaccount.com",
        "private_key": key,
        "token_uri": f"http://127.0.0.1:{server.server_port}/token",
    }
    server.shutdown()


@pytest.fixture
def in_drive(drive: str, account: dict[str, str]) -> Make:
    body = {"name": "receipts", "mimeType": "application/vnd.google-apps.folder"}
    headers = {"Authorization": "Bearer valid-token"}
    folder = requests.post(f"{drive}/drive/v3/files", json=body, headers=headers, timeout=10).json()["id"]
    return lambda: DriveReceipts(folder, account, drive)


@pytest.fixture
def in_bucket(aws: str, access: AwsAccess, request: pytest.FixtureRequest) -> Make:
    name = "receipts-" + re.sub("[^a-z0-9]+", "-", request.node.name.lower()).strip("-")[:50].strip("-")
    place = {"LocationConstraint": "eu-central-1"}
    boto3.client("s3", **access.options()).create_bucket(Bucket=name, CreateBucketConfiguration=place)
    return lambda: S3Receipts(name, "of/people", access)


@pytest.fixture(params=["in_bucket", "in_drive"], ids=["S3", "Google Drive"])
def make(request: pytest.FixtureRequest) -> Make:
    made: Make = request.getfixturevalue(request.param)
    return made


def test_a_receipt_comes_back_to_another_process(make: Make) -> None:
    make().put(subject("front-door"), "front-door-1", BLOCK, FIRST)
    assert make().get(subject("front-door"), "front-door-1") == FIRST


def test_a_receipt_that_is_not_there_is_none(make: Make) -> None:
    store = make()
    store.check()
    assert store.get(subject("front-door"), "front-door-1") is None


def test_the_same_receipt_may_come_twice(make: Make) -> None:
    for _ in range(2):
        make().put(subject("front-door"), "front-door-1", BLOCK, FIRST)
    assert make().get(subject("front-door"), "front-door-1") == FIRST


def test_a_receipt_of_another_block_gets_a_name_of_its_own_and_is_the_one_that_holds(make: Make) -> None:
    store = make()
    store.put(subject("front-door"), "front-door-1", BLOCK, FIRST)
    store.put(subject("front-door"), "front-door-1", OTHER_BLOCK, SECOND)
    assert store._read("people/recognitionjob/front-door/front-door-1.json") == FIRST
    assert store._read("people/recognitionjob/front-door/front-door-1.cdcdcdcd.json") == SECOND
    assert store.get(subject("front-door"), "front-door-1") == SECOND


def test_what_was_kept_is_never_changed(make: Make) -> None:
    store = make()
    for block, data in ((BLOCK, FIRST), (OTHER_BLOCK, SECOND)):
        store.put(subject("front-door"), "front-door-1", block, data)
    with pytest.raises(ReceiptConflictError, match=r"front-door-1\.cdcdcdcd\.json in .* is another receipt"):
        store.put(subject("front-door"), "front-door-1", OTHER_BLOCK, THIRD)
    assert store.get(subject("front-door"), "front-door-1") == SECOND


def test_attempts_whose_names_begin_alike_are_told_apart(make: Make) -> None:
    store = make()
    store.put(subject("door"), "door-11", BLOCK, SECOND)
    assert store.get(subject("door"), "door-1") is None


def test_of_writers_at_the_same_time_one_wins(in_bucket: Make) -> None:
    stores = [in_bucket() for _ in range(4)]
    with ThreadPoolExecutor(4) as four:
        made = list(four.map(lambda store: store._create("name.json", id(store).to_bytes(8, "big")), stores))
    assert made.count(True) == 1
    winner = stores[made.index(True)]
    assert in_bucket()._read("name.json") == id(winner).to_bytes(8, "big")


def test_a_younger_file_of_the_same_name_does_not_count(in_drive: Make) -> None:
    store, seen = in_drive(), in_drive()
    store._create("name.json", FIRST)
    real, answers = seen._find, iter([[]])
    seen._find = lambda name: next(answers, None) or real(name)  # type: ignore[method-assign]
    assert not seen._create("name.json", SECOND)
    assert (store._read("name.json"), len(store._find("name.json"))) == (FIRST, 1)


@pytest.mark.parametrize(
    "changes",
    [{"name": "../../etc"}, {"namespace": ".."}, {"name": ".hidden"}],
    ids=["slashes", "a namespace that leads up", "a hidden name"],
)
def test_no_name_leads_elsewhere(in_bucket: Make, changes: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="no Kubernetes name"):
        in_bucket().put(subject("door").model_copy(update=changes), "door-1", BLOCK, FIRST)


def opened(url: str, endpoint: str | None, **secret: str) -> Any:
    spec = {"url": url, "endpoint": endpoint, "region": "eu-central-1", "credentialsSecretRef": {"name": "key"}}
    data = {key: base64.b64encode(value.encode()).decode() for key, value in secret.items()}
    stored = {"metadata": {"resourceVersion": "1"}, "data": data}
    return ReceiptStores().open("people", ReceiptsSpec.model_validate(spec), stored)


AWS = {"accessKeyId": "AKIAEXAMPLE", "secretAccessKey": "very secret"}


@pytest.mark.parametrize(
    ("url", "endpoint", "secret", "says"),
    [
        pytest.param("s3://no-such-bucket", "aws", AWS, "s3://no-such-bucket cannot be used: NoSuchBucket", id="S3"),
        pytest.param("s3://bucket", "http://127.0.0.1:1", AWS, "EndpointConnectionError", id="S3 is away"),
        pytest.param(
            "gdrive://folder", "http://127.0.0.1:1", "account", "gdrive://folder cannot be used: ", id="Drive is away"
        ),
        pytest.param(
            "gdrive://folder", None, {"service-account.json": "very secret"}, "is no JSON object", id="no JSON"
        ),
        pytest.param(
            "gdrive://folder", None, {"service-account.json": '{"a": "very secret"}'}, "is no service account's key",
            id="another JSON",
        ),
    ],
)  # fmt: skip
def test_a_place_that_cannot_be_used_is_named_without_its_credentials(
    aws: str, account: dict[str, str], url: str, endpoint: str, secret: Any, says: str
) -> None:
    given = {"service-account.json": json.dumps(account)} if secret == "account" else secret
    store = opened(url, aws if endpoint == "aws" else endpoint, **given)
    for ask in (store.check, lambda: store.put(subject("door"), "door-1", BLOCK, FIRST)):
        with pytest.raises(OSError) as error:
            ask()
        assert says in error.value.strerror
        assert "very secret" not in f"{error.value}{error.value.__cause__!r}{error.value.__context__ and ''}"


def test_a_store_is_opened_once_a_version(aws: str) -> None:
    stores, spec = ReceiptStores(), ReceiptsSpec.model_validate({"url": "s3://bucket", "endpoint": aws})
    secret = {"metadata": {"resourceVersion": "1"}, "data": {k: base64.b64encode(b"x").decode() for k in AWS}}
    first = stores.open("people", spec, secret)
    assert stores.open("people", spec, secret) is first
    assert stores.open("people", spec, {**secret, "metadata": {"resourceVersion": "2"}}) is not first
    assert stores.open("others", spec, secret) is not first
