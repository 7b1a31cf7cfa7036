"""Names of attempts: valid for KubeRay at every length, the same for the same, different for whatever differs."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from faceledger_operator.api.base import ObjectMeta
from faceledger_operator.kube.labels import REQUESTED_AT
from faceledger_operator.reconcile.plan import (
    SpecHash,
    attempt_name,
    parse_duration,
    parse_quantity,
    request_hash,
    serves,
    spec_hash,
)
from pydantic import ValidationError
from subject_builders import GALLERY, INPUTS, LONGEST, dataset, planned, recognition

DNS_1035 = re.compile(r"^[a-z]([-a-z0-9]*[a-z0-9])?$")
KUBERAY_LIMIT = 47


@pytest.mark.parametrize(
    "name",
    [
        pytest.param("a", id="one letter"),
        pytest.param("n" * 63, id="as long as a name may be"),
        pytest.param("n" * 27 + "-" + "x" * 35, id="a dash where the name is cut"),
        pytest.param("n" * 20 + "-" * 10 + "x", id="many dashes where the name is cut"),
    ],
)
@pytest.mark.parametrize("number", [1, 9_999_999])
def test_a_name_is_one_that_kuberay_looks_at(name: str, number: int) -> None:
    hashed = spec_hash(dataset(name), INPUTS, "0" * 8)
    found = attempt_name(name, hashed, number)
    assert len(found) <= KUBERAY_LIMIT
    assert DNS_1035.match(found)


def test_the_same_resource_has_the_same_name_again() -> None:
    assert planned(dataset()).name == planned(dataset()).name == "staff-" + planned(dataset()).name[6:16] + "-1"


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(planned(dataset(metadata={"uid": "another"})), id="a resource of the same name, made anew"),
        pytest.param(planned(dataset(metadata={"generation": 2})), id="another generation"),
        pytest.param(planned(dataset(compute={"workers": {"max": 2}})), id="another number of workers"),
        pytest.param(planned(dataset(), replace(INPUTS, image="faceledger/workloads:2")), id="another image"),
        pytest.param(planned(dataset(), replace(INPUTS, chain_id=1)), id="another chain"),
        pytest.param(planned(dataset(), replace(INPUTS, gallery=GALLERY)), id="another gallery"),
        pytest.param(planned(dataset(metadata={"annotations": {REQUESTED_AT: "now"}})), id="a request to try again"),
        pytest.param(planned(dataset(), number=2), id="another number"),
    ],
)
def test_another_attempt_has_another_name(other: object) -> None:
    assert planned(dataset()).name != other.name  # type: ignore[attr-defined]


def test_an_attempt_serves_its_generation_alone() -> None:
    attempt = planned(dataset())
    assert serves(attempt, dataset(compute={"timeout": "2h"}).metadata)
    assert not serves(attempt, dataset(metadata={"generation": 2}).metadata)
    assert not serves(attempt, dataset(metadata={"uid": "another"}).metadata)


def test_a_hash_is_read_as_it_was_written() -> None:
    hashed = spec_hash(recognition(), replace(INPUTS, gallery=GALLERY), "12345678")
    assert SpecHash.parse(str(hashed)) == hashed


def test_no_request_is_zeros() -> None:
    assert request_hash(ObjectMeta(name="staff")) == "00000000"


@pytest.mark.parametrize(("text", "seconds"), [("5s", 5), ("1h", 3600), ("1h30m", 5400), ("1h1m1s", 3661)])
def test_durations(text: str, seconds: int) -> None:
    assert parse_duration(text) == seconds


def test_the_longest_duration_fits_into_kuberays_field() -> None:
    assert parse_duration(LONGEST) <= 2**31 - 1


@pytest.mark.parametrize("text", ["100000h", "1000000m", "100000000s", "99999999999999999h"])
def test_a_duration_beyond_it_is_refused(text: str) -> None:
    with pytest.raises(ValidationError, match="timeout"):
        dataset(compute={"timeout": text})


@pytest.mark.parametrize(
    ("text", "number"), [("1", "1"), ("500m", "0.5"), ("2Gi", "2147483648"), ("1.5k", "1500"), ("200m", "0.2")]
)
def test_quantities(text: str, number: str) -> None:
    assert str(parse_quantity(text).normalize().__format__("f")) == number
