"""No key, password or token of a URL is ever shown."""

from __future__ import annotations

import pytest
from faceledger_contracts.redaction import redact, redact_url


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        pytest.param("http://127.0.0.1:8545", "http://127.0.0.1:8545", id="nothing to hide"),
        pytest.param("https://user:secret@node.example", "https://node.example", id="user info"),
        pytest.param("https://node.example/v3/0123456789abcdef", "https://node.example/…", id="a key in the path"),
        pytest.param("https://node.example:443/?token=s", "https://node.example:443/…", id="a token in the query"),
        pytest.param("http://[::1]:8545/", "http://[::1]:8545", id="an IPv6 address"),
        pytest.param("secret", "<unreadable URL>", id="no URL"),
        pytest.param("http://host:port", "<unreadable URL>", id="a port that is none"),
    ],
)
def test_a_url_shows_scheme_host_and_port(url: str, shown: str) -> None:
    assert redact_url(url) == shown


@pytest.mark.parametrize(
    "secret", ["someone", "s3cr3t@#", "s3cr3t%40%23", "0123456789abcdef", "t0k3n"], ids=lambda text: text
)
def test_a_text_shows_no_part_of_a_url(secret: str) -> None:
    url = "https://someone:s3cr3t%40%23@node.example/v3/0123456789abcdef?token=t0k3n"
    assert secret not in redact(f"cannot reach {url}: {secret} refused", url)


def test_the_rest_of_a_text_stays() -> None:
    assert redact("429 for project abcdef1", "https://node.example/v3/abcdef1") == "429 for project …"
