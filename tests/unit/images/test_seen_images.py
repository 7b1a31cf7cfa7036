"""The same image twice."""

from __future__ import annotations

from faceledger_workloads.images.duplicates import SeenImages
from faceledger_workloads.images.rejects import ImageReject

ONE, OTHER = "sha256:" + "1" * 64, "sha256:" + "2" * 64


def test_different_images_pass() -> None:
    seen = SeenImages()
    assert [seen.fault(ONE, "ada"), seen.fault(OTHER, "ada")] == [None, None]


def test_a_second_copy_of_a_persons_photo_is_a_duplicate() -> None:
    seen = SeenImages()
    assert [seen.fault(ONE, "ada") for _ in range(3)] == [None, *[ImageReject.DUPLICATE_IMAGE] * 2]


def test_a_photo_in_two_peoples_folders_is_claimed_twice() -> None:
    seen = SeenImages()
    assert [seen.fault(ONE, "ada"), seen.fault(ONE, "bob")] == [None, ImageReject.CLAIMED_TWICE]
