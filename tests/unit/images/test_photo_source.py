"""Which files of a folder are photos, of whom, and in which order."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import pytest
from faceledger_workloads.failures import RunFailed
from faceledger_workloads.images.source import Photo, list_photos
from faceledger_workloads.runreport import FailureReason
from faceledger_workloads.runspec import Images


def make(root: Path, *names: str) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"x")


def photos(root: Path, layout: Literal["IdentityFolders", "Flat"] = "IdentityFolders") -> tuple[Photo, ...]:
    return list_photos(Images(path=str(root), layout=layout), "source")


Refuse = Callable[[str, Path], None]


@pytest.fixture
def refuse(monkeypatch: pytest.MonkeyPatch) -> Refuse:
    """Lets a function of `os` refuse one path, as the system does unless the tests run as root."""

    def refuse_one(function: str, path: Path) -> None:
        real = getattr(os, function)

        def refusing(given: Any, *arguments: Any, **options: Any) -> Any:
            if not isinstance(given, int) and Path(given) == path:
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(given))
            return real(given, *arguments, **options)

        monkeypatch.setattr(os, function, refusing)

    return refuse_one


def test_a_folder_names_the_person(tmp_path: Path) -> None:
    make(tmp_path, "ada/1.jpg", "ada/more/2.jpg", "stray.jpg")
    assert photos(tmp_path) == (Photo("ada/1.jpg", "ada"), Photo("ada/more/2.jpg", "ada"), Photo("stray.jpg", None))


def test_a_flat_layout_names_nobody(tmp_path: Path) -> None:
    make(tmp_path, "ada/1.jpg")
    assert photos(tmp_path, "Flat") == (Photo("ada/1.jpg", None),)


def test_the_order_is_that_of_the_bytes_of_the_names(tmp_path: Path) -> None:
    make(tmp_path, "é/1.jpg", "b/1.jpg", "B/1.jpg", "a/2.jpg", "a/10.jpg")
    assert [photo.path for photo in photos(tmp_path)] == ["B/1.jpg", "a/10.jpg", "a/2.jpg", "b/1.jpg", "é/1.jpg"]


def test_hidden_and_file_system_files_are_passed_over(tmp_path: Path) -> None:
    make(tmp_path, "ada/1.jpg", "ada/.DS_Store", ".snapshot/1.jpg", "lost+found/1")
    assert [photo.path for photo in photos(tmp_path)] == ["ada/1.jpg"]


def test_a_folder_that_cannot_be_listed_stands_for_its_files(tmp_path: Path, refuse: Refuse) -> None:
    make(tmp_path, "ada/1.jpg", "bob/1.jpg", "bob/more/2.jpg")
    refuse("scandir", tmp_path / "bob")
    assert photos(tmp_path) == (Photo("ada/1.jpg", "ada"), Photo("bob", "bob"))


def test_a_file_that_cannot_be_looked_at_is_left_to_whoever_reads_it(tmp_path: Path, refuse: Refuse) -> None:
    make(tmp_path, "ada/1.jpg", "ada/2.jpg")
    refuse("stat", tmp_path / "ada/2.jpg")
    assert photos(tmp_path) == (Photo("ada/1.jpg", "ada"), Photo("ada/2.jpg", "ada"))


def test_a_source_that_cannot_be_listed_says_why(tmp_path: Path, refuse: Refuse) -> None:
    make(tmp_path, "ada/1.jpg")
    refuse("scandir", tmp_path)
    with pytest.raises(RunFailed, match=r"source\.path .* cannot be read: Permission denied"):
        photos(tmp_path)


def test_a_link_out_of_the_folder_is_not_followed(tmp_path: Path) -> None:
    make(tmp_path, "secret", "source/ada/1.jpg")
    (tmp_path / "source/ada/2.jpg").symlink_to(tmp_path / "secret")
    (tmp_path / "source/ada/3.jpg").symlink_to(tmp_path / "source/ada/1.jpg")
    assert [photo.path for photo in photos(tmp_path / "source")] == ["ada/1.jpg", "ada/3.jpg"]


def test_a_name_that_is_not_utf8_is_escaped_in_the_manifest(tmp_path: Path) -> None:
    make(tmp_path, "ada/\udcff.jpg")
    (photo,) = photos(tmp_path)
    assert photo.shown_path == r"ada/\xff.jpg"


@pytest.mark.parametrize(
    ("folder", "words"),
    [
        pytest.param("empty", "holds no file", id="an empty folder"),
        pytest.param("missing", "is not a folder", id="a folder that is not there"),
    ],
)
def test_a_source_without_files_names_its_field(folder: str, words: str, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(RunFailed) as caught:
        photos(tmp_path / folder)
    assert caught.value.failure.reason is FailureReason.SOURCE_EMPTY
    assert "source.path" in caught.value.failure.message
    assert words in caught.value.failure.message
    assert not caught.value.failure.retryable
