"""What may be named on the command line, and how copies are given."""

from __future__ import annotations

from pathlib import Path

import pytest
from faceledger_operator.cli.errors import CommandError
from faceledger_operator.cli.targets import parse_pairs, parse_resource, receipt_files


@pytest.mark.parametrize(
    ("target", "shown"),
    [
        pytest.param("recognitionjob/front-door", "recognitionjob/front-door", id="a kind"),
        pytest.param("RecognitionJob/front-door", "recognitionjob/front-door", id="as it is written in YAML"),
        pytest.param("recognitionjobs.faceledger.dev/x", "recognitionjob/x", id="as kubectl prints it"),
        pytest.param("recjob/front-door", "recognitionjob/front-door", id="a short name"),
        pytest.param("fds/staff", "facedataset/staff", id="the other kind"),
    ],
)
def test_a_resource_is_named_by(target: str, shown: str) -> None:
    assert str(parse_resource(target)) == shown


@pytest.mark.parametrize("target", ["front-door", "pod/front-door", "recognitionjob/", "/front-door", ""])
def test_anything_else_is_refused(target: str) -> None:
    with pytest.raises(CommandError, match="recognitionjob/NAME"):
        parse_resource(target)


def test_a_folder_stands_for_all_receipts_below_it(tmp_path: Path) -> None:
    for name in ("b.json", "a/c.json", "a/notes.txt"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("{}")
    assert receipt_files(tmp_path) == [tmp_path / "a/c.json", tmp_path / "b.json"]
    assert receipt_files(tmp_path / "b.json") == [tmp_path / "b.json"]


def test_an_empty_folder_is_no_success(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="holds no receipt"):
        receipt_files(tmp_path)


@pytest.mark.parametrize("pair", ["results.jsonl", "=x", "results.jsonl=/no/such/file"])
def test_a_copy_must_be_a_name_and_a_file(pair: str) -> None:
    with pytest.raises(CommandError, match="NAME=PATH"):
        parse_pairs([pair])
