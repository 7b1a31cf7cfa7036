"""A leaf binds every field and its salt, and opens one field at a time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from faceledger_contracts.canonical import from_hex
from faceledger_contracts.record import (
    FIELDS,
    Artefact,
    Record,
    RecordSalts,
    draw_salts,
    field_is_in,
    field_leaf,
    field_proof,
    leaf,
)
from pydantic import ValidationError

OTHER_VALUES: dict[str, Any] = {
    "subject": lambda record: record.subject.model_copy(update={"name": "back-door"}),
    "attempt": lambda _: "front-door-000000",
    "purpose": lambda _: "Attendance",
    "run_key": lambda _: "0x" + "00" * 20,
    "report_digest": lambda _: "sha256:" + "00" * 32,
    "artefacts": lambda record: (*record.artefacts, record.artefacts[0]),
    "results_root": lambda _: None,
    "model_digest": lambda _: None,
    "image_digest": lambda _: "sha256:" + "00" * 32,
    "created": lambda _: "2025-01-31T12:00:01Z",
}


def test_the_leaf_of_a_known_record_stays_what_it_is(record: Record, salts: RecordSalts) -> None:
    assert leaf(record, salts).hex() == "7921e9331644e8009699515098e905cee66b6a3b1a3eb583a13c047ab7f94cd1"


@pytest.mark.parametrize("name", OTHER_VALUES)
def test_another_value_of_any_field_gives_another_leaf(record: Record, salts: RecordSalts, name: str) -> None:
    changed = record.model_copy(update={name: OTHER_VALUES[name](record)})
    assert leaf(changed, salts) != leaf(record, salts)


@pytest.mark.parametrize("name", FIELDS)
def test_another_salt_of_any_field_gives_another_leaf(record: Record, salts: RecordSalts, name: str) -> None:
    changed = salts.model_copy(update={name: "0x" + "00" * 32})
    assert leaf(record, changed) != leaf(record, salts)


@pytest.mark.parametrize("name", FIELDS)
def test_one_field_is_shown_without_the_others(record: Record, salts: RecordSalts, name: str) -> None:
    value = record.model_dump(mode="json", include={name}, by_alias=True).popitem()[1]
    commitment = field_leaf(name, value, from_hex(getattr(salts, name), 32))
    path = field_proof(record, salts, name)
    assert field_is_in(commitment, path, leaf(record, salts))
    assert not field_is_in(
        field_leaf(name, "another value", from_hex(getattr(salts, name), 32)), path, leaf(record, salts)
    )


def test_a_value_of_one_field_does_not_pass_for_another_field() -> None:
    assert field_leaf("attempt", "x", bytes(32)) != field_leaf("purpose", "x", bytes(32))


def test_every_field_has_a_salt_of_its_own(random: Callable[[int], bytes]) -> None:
    salts = draw_salts(random)
    assert tuple(RecordSalts.model_fields) == FIELDS
    assert len({getattr(salts, name) for name in FIELDS}) == len(FIELDS)


def test_salts_come_from_the_system_unless_told_otherwise() -> None:
    assert draw_salts() != draw_salts()


def test_an_address_in_another_casing_is_the_same_record(record: Record, salts: RecordSalts) -> None:
    lower = Record.model_validate({**record.model_dump(), "run_key": record.run_key.lower()})
    assert leaf(lower, salts) == leaf(record, salts)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        pytest.param("created", "2025-01-31T12:00:00+01:00", id="a moment that is not in UTC"),
        pytest.param("created", "2025-02-30T12:00:00Z", id="a day that does not exist"),
        pytest.param("report_digest", "sha256:" + "AB" * 32, id="a digest in upper case"),
        pytest.param("run_key", "0x" + "zz" * 20, id="an address that is none"),
        pytest.param("run_key", "0x5fbDB2315678afecb367f032d93F642f64180aa3", id="an address with a wrong checksum"),
        pytest.param("attempt", "", id="an attempt without a name"),
        pytest.param("version", 2, id="a version that this code does not know"),
        pytest.param("results_root", "0x00", id="a root that is too short"),
    ],
)
def test_a_malformed_field_is_refused_by_its_name(record: Record, field: str, value: object) -> None:
    with pytest.raises(ValidationError) as refusal:
        Record.model_validate({**record.model_dump(), field: value})
    assert [error["loc"][0] for error in refusal.value.errors()] in ([field], [Record.model_fields[field].alias])


def test_an_unknown_field_is_refused(record: Record) -> None:
    with pytest.raises(ValidationError):
        Record.model_validate({**record.model_dump(), "score": 0.9})


def test_an_artefact_has_no_negative_size() -> None:
    with pytest.raises(ValidationError, match="size"):
        Artefact(name="a", digest="sha256:" + "0" * 64, cid="b", size=-1)
