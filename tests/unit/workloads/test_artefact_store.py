"""Encrypted artefacts: what stands on the volume, and what happens while IPFS is away."""

from __future__ import annotations

import base64
import hashlib
import io
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from faceledger_contracts.cid import cid_of_file
from faceledger_contracts.content import ContentCorrupt, ContentUnavailable
from faceledger_workloads.artefacts import CONTENT_DEADLINE_S, ArtefactStore, LocalContent, read_artefact
from faceledger_workloads.chips import read_chips, write_chips
from faceledger_workloads.failures import RunFailed
from faceledger_workloads.runreport import FailureReason
from faceledger_workloads.sealing import Plain, Sealed
from faceledger_workloads.vault import read_data_key

if TYPE_CHECKING:
    from conftest import FakeClock

SEALED = Sealed(bytes(range(32)), "staff-1", "AccessControl")
SECRET = b"a name that must not be readable"


class Flaky:
    """A content store that fails as it is told, then answers."""

    def __init__(self, *errors: Exception) -> None:
        self._errors = list(errors)

    def add(self, path: str | Path) -> str:
        if self._errors:
            raise self._errors.pop(0)
        return cid_of_file(path)


def digest(data: bytes) -> str:
    return "sha256:" + hashlib.sha256(data).hexdigest()


@pytest.fixture
def waits() -> list[str]:
    return []


def store(root: Path, clock: FakeClock, waits: list[str], *errors: Exception) -> ArtefactStore:
    return ArtefactStore(root, SEALED, Flaky(*errors), clock, waits.append)


def test_an_artefact_is_named_by_its_plaintext_and_stored_encrypted(
    tmp_path: Path, clock: FakeClock, waits: list[str]
) -> None:
    artefact = store(tmp_path, clock, waits).put("notes.txt", [SECRET[:10], b"", SECRET[10:]])
    file = tmp_path / artefact.path
    assert artefact.path == "staff-1/notes.txt.enc"
    assert (artefact.digest, artefact.size) == (digest(SECRET), len(SECRET))
    assert artefact.cid == cid_of_file(file)
    assert SECRET not in file.read_bytes()
    assert read_artefact(file.parent, "notes.txt", SEALED, digest(SECRET)) == SECRET


def test_a_large_artefact_is_streamed_through(tmp_path: Path, clock: FakeClock, waits: list[str]) -> None:
    artefact = store(tmp_path, clock, waits).put("big", (bytes([i]) * 700_000 for i in range(5)))
    assert artefact.size == 3_500_000
    plaintext = read_artefact(tmp_path / "staff-1", "big", SEALED, artefact.digest)
    assert plaintext == b"".join(bytes([i]) * 700_000 for i in range(5))


def test_chunks_that_end_in_an_error_leave_no_file(tmp_path: Path, clock: FakeClock, waits: list[str]) -> None:
    def broken() -> Iterator[bytes]:
        yield SECRET
        raise RunFailed(FailureReason.NO_FACE_FOUND, "none")

    with pytest.raises(RunFailed):
        store(tmp_path, clock, waits).put("notes.txt", broken())
    assert list((tmp_path / "staff-1").iterdir()) == []


def test_an_absent_ipfs_node_is_waited_for_and_said_so(tmp_path: Path, clock: FakeClock, waits: list[str]) -> None:
    away = [ContentUnavailable("no connection")] * 3
    artefact = store(tmp_path, clock, waits, *away).put("notes.txt", [SECRET])
    assert artefact.cid.startswith("baf")
    assert waits == ["waiting for IPFS"] * 3
    assert clock.sleeps == [0.25, 0.5, 1.0]


@pytest.mark.parametrize(
    ("error", "words"),
    [
        pytest.param(ContentUnavailable("no connection"), "within 600 s", id="out of reach for too long"),
        pytest.param(ContentCorrupt("stored as another file"), "stored as another file", id="stores something else"),
    ],
)
def test_a_useless_ipfs_node_fails_the_run_to_be_tried_later(
    error: Exception, words: str, tmp_path: Path, clock: FakeClock, waits: list[str]
) -> None:
    with pytest.raises(RunFailed, match=words) as caught:
        store(tmp_path, clock, waits, *[error] * 1000).put("notes.txt", [SECRET])
    assert caught.value.failure.reason is FailureReason.CONTENT_UNAVAILABLE
    assert caught.value.failure.retryable
    assert sum(clock.sleeps) <= CONTENT_DEADLINE_S


@pytest.mark.parametrize(
    ("sealed", "expected", "words"),
    [
        pytest.param(SEALED, digest(b"other"), f"has digest {digest(SECRET)}", id="another content"),
        pytest.param(Sealed(bytes(32), "staff-1", "AccessControl"), digest(SECRET), "encrypted with key", id="key"),
        pytest.param(Sealed(SEALED.key, "staff-1", "Marketing"), digest(SECRET), "associated data", id="purpose"),
        pytest.param(Sealed(SEALED.key, "staff-2", "AccessControl"), digest(SECRET), "associated data", id="attempt"),
    ],
)
def test_an_artefact_that_is_not_the_expected_one_is_refused(
    sealed: Sealed, expected: str, words: str, tmp_path: Path, clock: FakeClock, waits: list[str]
) -> None:
    store(tmp_path, clock, waits).put("notes.txt", [SECRET])
    with pytest.raises(RunFailed, match=words) as caught:
        read_artefact(tmp_path / "staff-1", "notes.txt", sealed, expected)
    assert caught.value.failure.reason is FailureReason.GALLERY_CHANGED
    assert not caught.value.failure.retryable


def test_a_run_without_a_key_leaves_its_files_open(tmp_path: Path, clock: FakeClock) -> None:
    plain = ArtefactStore(tmp_path, Plain("staff-1"), LocalContent(), clock, lambda _: None)
    artefact = plain.put("notes.txt", [SECRET[:3], SECRET[3:]])
    assert (tmp_path / artefact.path).read_bytes() == SECRET
    assert artefact.path == "staff-1/notes.txt"
    assert read_artefact(tmp_path / "staff-1", "notes.txt", Plain("staff-1"), digest(SECRET)) == SECRET


def test_a_missing_artefact_is_named(tmp_path: Path) -> None:
    with pytest.raises(RunFailed, match=r"faces\.tar cannot be read: No such file"):
        read_artefact(tmp_path, "faces.tar", SEALED, digest(b""))


def test_without_a_node_a_cid_is_computed(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"hello\n")
    assert LocalContent().add(tmp_path / "file") == cid_of_file(tmp_path / "file")


CHIPS = [("real/00000000.png", b"first"), ("synthetic/000001-00.png", b"x" * 1000), ("empty.png", b"")]


def test_a_chip_archive_is_a_tar_file_that_depends_on_its_chips_alone() -> None:
    archive = b"".join(write_chips(CHIPS))
    assert list(read_chips([archive])) == CHIPS
    assert list(read_chips(archive[i : i + 7] for i in range(0, len(archive), 7))) == CHIPS
    assert b"".join(write_chips(iter(CHIPS))) == archive
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        assert [(entry.name, entry.mtime, entry.uid, entry.uname) for entry in tar] == [
            (name, 0, 0, "") for name, _ in CHIPS
        ]


@pytest.mark.parametrize("archive", [b"no archive at all", b"".join(write_chips(CHIPS))[:600]])
def test_what_is_no_chip_archive_is_refused(archive: bytes) -> None:
    with pytest.raises(ValueError, match="not an archive of chips"):
        list(read_chips([archive]))


@pytest.mark.parametrize(
    ("content", "valid"),
    [
        pytest.param(bytes(range(32)), True, id="32 bytes"),
        pytest.param(bytes(range(32)).hex().encode() + b"\n", True, id="64 hex digits and a line end"),
        pytest.param(b"0x" + bytes(range(32)).hex().encode(), True, id="0x and hex digits"),
        pytest.param(base64.b64encode(bytes(range(32))) + b"\n", True, id="base64 and a line end"),
        pytest.param(bytes(31), False, id="a byte short"),
        pytest.param(b"password", False, id="a password"),
        pytest.param(b"", False, id="nothing"),
    ],
)
def test_a_data_key_is_32_bytes_in_one_form_or_the_other(content: bytes, valid: bool, tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_bytes(content)
    if valid:
        assert read_data_key(str(file), "dataKeyFile") == bytes(range(32))
        return
    with pytest.raises(RunFailed, match="dataKeyFile") as caught:
        read_data_key(str(file), "dataKeyFile")
    assert caught.value.failure.reason is FailureReason.DATA_KEY_INVALID
    assert content.decode() not in caught.value.failure.message or not content


def test_a_missing_data_key_names_the_field() -> None:
    with pytest.raises(RunFailed, match="dataKeyFile: /no/such/key cannot be read"):
        read_data_key("/no/such/key", "dataKeyFile")
