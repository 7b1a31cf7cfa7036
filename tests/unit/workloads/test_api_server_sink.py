"""Patching the ConfigMap of a run report, against a real TLS server that answers as it is told."""

from __future__ import annotations

import datetime
import ipaddress
import json
import ssl
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from faceledger_workloads.api_server import ConfigMapSink
from faceledger_workloads.report import ReportUnavailable

if TYPE_CHECKING:
    from conftest import FakeClock


@dataclass
class ApiServer:
    """Answers in turn with `statuses`, then with 200; 0 hangs up without an answer."""

    url: str
    statuses: list[int] = field(default_factory=list)
    requests: list[dict[str, Any]] = field(default_factory=list)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a self-signed certificate for 127.0.0.1 as `ca.crt`, its key, and a token."""
    folder = tmp_path_factory.mktemp("serviceaccount")
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "api server")])
    now = datetime.datetime.now(datetime.UTC)
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    (folder / "ca.crt").write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    (folder / "key.pem").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    (folder / "token").write_text("first-token\n")
    return folder


@pytest.fixture
def api_server(certificate: Path) -> Iterator[ApiServer]:
    class Handler(BaseHTTPRequestHandler):
        def do_PATCH(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            state.requests.append({"path": self.path, "headers": dict(self.headers), "body": json.loads(body)})
            status = state.statuses.pop(0) if state.statuses else 200
            if status:
                self.send_response(status)
                self.send_header("Content-Length", "0")
                self.end_headers()

        def log_message(self, *_: object) -> None:
            """Tests read `state` instead."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate / "ca.crt", certificate / "key.pem")
    server.socket = context.wrap_socket(server.socket, server_side=True)
    state = ApiServer(f"https://127.0.0.1:{server.server_address[1]}")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield state
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def sink(api_server: ApiServer, certificate: Path, clock: FakeClock) -> ConfigMapSink:
    return ConfigMapSink(api_server.url, "demo", "staff-report", clock, certificate)


def test_values_are_merged_into_the_one_configmap(sink: ConfigMapSink, api_server: ApiServer) -> None:
    sink.write({"report.json": "{}", "signature": "0x1"}, 10.0)
    (request,) = api_server.requests
    assert request["path"] == "/api/v1/namespaces/demo/configmaps/staff-report"
    assert request["headers"]["Content-Type"] == "application/merge-patch+json"
    assert request["headers"]["Authorization"] == "Bearer first-token"
    assert request["body"] == {"data": {"report.json": "{}", "signature": "0x1"}}


@pytest.mark.parametrize("status", [0, 401, 409, 429, 500, 503])
def test_what_may_pass_is_tried_again_with_back_off(
    status: int, sink: ConfigMapSink, api_server: ApiServer, clock: FakeClock
) -> None:
    api_server.statuses += [status, status]
    sink.write({"signature": "0x1"}, 10.0)
    assert len(api_server.requests) == 3
    assert clock.sleeps == [0.25, 0.5]


@pytest.mark.parametrize("status", [403, 404, 422])
def test_a_refusal_is_not_tried_again(status: int, sink: ConfigMapSink, api_server: ApiServer) -> None:
    api_server.statuses.append(status)
    with pytest.raises(ReportUnavailable, match=f"ConfigMap demo/staff-report: HTTP {status}"):
        sink.write({"signature": "0x1"}, 10.0)
    assert len(api_server.requests) == 1


def test_the_deadline_ends_the_tries(sink: ConfigMapSink, api_server: ApiServer, clock: FakeClock) -> None:
    api_server.statuses += [503] * 100
    with pytest.raises(ReportUnavailable, match="HTTP 503"):
        sink.write({"signature": "0x1"}, 60.0)
    assert sum(clock.sleeps) <= 60.0


def test_a_renewed_token_is_used(
    sink: ConfigMapSink, api_server: ApiServer, certificate: Path, clock: FakeClock
) -> None:
    api_server.statuses.append(401)
    (certificate / "token").write_text("second-token")
    sink.write({"signature": "0x1"}, 10.0)
    assert api_server.requests[-1]["headers"]["Authorization"] == "Bearer second-token"
    (certificate / "token").write_text("first-token\n")


def test_a_server_with_another_certificate_gets_no_token(
    api_server: ApiServer, certificate: Path, clock: FakeClock, tmp_path: Path
) -> None:
    (tmp_path / "token").write_text("secret")
    (tmp_path / "ca.crt").write_bytes((certificate / "ca.crt").read_bytes())
    other = ConfigMapSink(api_server.url.replace("127.0.0.1", "localhost"), "demo", "report", clock, tmp_path)
    with pytest.raises(ReportUnavailable):
        other.write({"signature": "0x1"}, 1.0)
    assert api_server.requests == []
