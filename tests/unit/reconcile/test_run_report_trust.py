"""A run report is believed with the signature of the attempt's run key, and otherwise refused."""

from __future__ import annotations

import pytest
from faceledger_contracts.canonical import canonical_json, sha256_digest
from faceledger_contracts.eip712 import Domain, address_of, sign_report
from faceledger_operator.reconcile.report import RefusedReport, SignedReport, read_report
from subject_builders import CONTRACT, INPUTS, dataset, success

ATTEMPT = "staff-0123456789-1"
KEY = "0x" + "11" * 32
DOMAIN = Domain(1337, CONTRACT)
RUN = dataset().run(INPUTS, ATTEMPT)


def written(
    attempt: str = ATTEMPT, key: str = KEY, domain: Domain = DOMAIN, signed_as: str = ATTEMPT
) -> dict[str, str]:
    said = success().report.model_copy(update={"attempt": attempt})
    text = canonical_json(said.model_dump(mode="json", by_alias=True)).decode()
    return {"report.json": text, "signature": sign_report(key, signed_as, sha256_digest(text.encode()), domain)}


def read(data: dict[str, str]) -> SignedReport | RefusedReport | None:
    return read_report(data, RUN, address_of(KEY))


def test_a_report_with_the_run_keys_signature_is_believed() -> None:
    found = read(written())
    assert isinstance(found, SignedReport)
    assert found.final
    assert found.digest == sha256_digest(written()["report.json"].encode())


def test_an_empty_config_map_is_no_report_yet() -> None:
    assert read({}) is None


@pytest.mark.parametrize(
    ("data", "says"),
    [
        pytest.param(written(key="0x" + "22" * 32), "not by the run key", id="signed by another key"),
        pytest.param(written(domain=Domain(1, CONTRACT)), "not by the run key", id="signed for another chain"),
        pytest.param(written(signed_as="another"), "not by the run key", id="signed for another attempt"),
        pytest.param(
            {**written(), "report.json": written()["report.json"].replace("600", "601")},
            "not by the run key",
            id="changed after it was signed",
        ),
        pytest.param({"report.json": written()["report.json"]}, "belong together", id="without a signature"),
        pytest.param({**written(), "signature": "0x00"}, "signature", id="with something else for a signature"),
        pytest.param(written(attempt="another"), "speaks of attempt another", id="signed, and about another attempt"),
    ],
)
def test_any_other_report_is_refused(data: dict[str, str], says: str) -> None:
    found = read(data)
    assert isinstance(found, RefusedReport)
    assert says in found.message
    assert f"{ATTEMPT}-report" in found.message


def test_a_report_of_another_release_is_refused_with_its_fields() -> None:
    text = '{"attempt":"x","version":2}'
    signature = sign_report(KEY, ATTEMPT, sha256_digest(text.encode()), DOMAIN)
    found = read({"report.json": text, "signature": signature})
    assert isinstance(found, RefusedReport)
    assert "version" in found.message
