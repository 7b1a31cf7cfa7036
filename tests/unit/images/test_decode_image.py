"""What becomes of an image file, sound or not."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from faceledger_workloads.images.decode import FORMATS, decode_at_least, decode_image, measure, read_file
from faceledger_workloads.images.rejects import ImageReject, RejectedImage
from PIL import Image

LIMIT = 1_000_000


def encoded(image: Image.Image, form: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, form, **options)
    return buffer.getvalue()


def gradient(mode: str = "RGB") -> Image.Image:
    values = np.arange(40 * 30 * 3, dtype=np.uint32).reshape(30, 40, 3) % 256
    return Image.fromarray(values.astype(np.uint8)).convert(mode)


def bomb(side: int) -> bytes:
    """A PNG of a few bytes that says it has side x side pixels."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        pytest.param(b"Dear photographer,", ImageReject.NOT_AN_IMAGE, id="text is not an image"),
        pytest.param(b"%!PS-Adobe-3.0 EPSF-3.0\n", ImageReject.NOT_AN_IMAGE, id="PostScript reaches no interpreter"),
        pytest.param(encoded(gradient(), "JPEG")[:500], ImageReject.UNREADABLE, id="a truncated JPEG is unreadable"),
        pytest.param(encoded(gradient(), "PNG")[:-60], ImageReject.UNREADABLE, id="a truncated PNG is unreadable"),
        pytest.param(bomb(30_000), ImageReject.TOO_MANY_PIXELS, id="a 30,000 px bomb is refused by its header"),
        pytest.param(encoded(Image.new("L", (1001, 1000)), "PNG"), ImageReject.TOO_MANY_PIXELS, id="one row too many"),
    ],
)
def test_bytes_that_are_no_usable_image_are_rejected_by_name(data: bytes, reason: ImageReject) -> None:
    with pytest.raises(RejectedImage) as caught:
        decode_image(data, LIMIT)
    assert caught.value.reason is reason


@pytest.mark.parametrize("form", FORMATS)
def test_every_format_that_is_offered_is_decoded(form: str) -> None:
    assert decode_image(encoded(gradient(), form), LIMIT).shape == (30, 40, 3)


@pytest.mark.parametrize(
    ("image", "form"),
    [
        pytest.param(gradient("L"), "PNG", id="grey"),
        pytest.param(gradient("1"), "PNG", id="black and white"),
        pytest.param(gradient("P"), "PNG", id="palette"),
        pytest.param(gradient("RGBA"), "PNG", id="alpha"),
        pytest.param(gradient("LA"), "PNG", id="grey with alpha"),
        pytest.param(gradient("RGBA").quantize(16), "PNG", id="palette with alpha"),
        pytest.param(Image.new("CMYK", (40, 30), (200, 20, 90, 10)), "JPEG", id="CMYK"),
        pytest.param(gradient("L").convert("F"), "TIFF", id="floating point"),
    ],
)
def test_other_modes_become_eight_bit_rgb(image: Image.Image, form: str) -> None:
    pixels = decode_image(encoded(image, form), LIMIT)
    assert pixels.dtype == np.uint8
    assert pixels.shape == (30, 40, 3)
    difference = np.abs(pixels.astype(int) - np.asarray(image.convert("RGB"), dtype=int))
    assert difference.max() <= (2 if form == "JPEG" else 0)


def test_sixteen_bits_keep_their_high_byte() -> None:
    levels = np.array([[0, 257, 32896, 65535]], dtype=np.uint16)
    pixels = decode_image(encoded(Image.fromarray(levels), "PNG"), LIMIT)
    assert pixels[0, :, 0].tolist() == [0, 1, 128, 255]


def test_the_exif_orientation_is_applied() -> None:
    image = gradient()
    exif = Image.Exif()
    exif[0x0112] = 6  # taken with the camera on its side
    data = encoded(image, "PNG", exif=exif)
    assert np.array_equal(decode_image(data, LIMIT), np.rot90(np.asarray(image), k=-1))


def test_damaged_exif_does_not_cost_the_image() -> None:
    data = encoded(gradient(), "JPEG", exif=b"Exif\x00\x00II*\x00\xff\xff\xff\xff")
    assert decode_image(data, LIMIT).shape == (30, 40, 3)


@pytest.mark.parametrize("form", ["GIF", "WEBP", "PNG"])
def test_an_animation_shows_its_first_frame(form: str) -> None:
    frames = [Image.new("RGB", (8, 8), "white"), Image.new("RGB", (8, 8), "black")]
    data = encoded(frames[0], form, save_all=True, append_images=frames[1:])
    assert decode_image(data, LIMIT).min() == 255


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        pytest.param(lambda file: file.touch(), ImageReject.EMPTY, id="0 bytes"),
        pytest.param(lambda file: file.write_bytes(bytes(11)), ImageReject.TOO_MANY_BYTES, id="over the limit"),
        pytest.param(lambda file: file.mkdir(), ImageReject.UNREADABLE, id="a folder"),
        pytest.param(lambda _: None, ImageReject.UNREADABLE, id="gone since it was listed"),
    ],
)
def test_files_are_rejected_before_they_are_decoded(
    make: Callable[[Path], object], reason: ImageReject, tmp_path: Path
) -> None:
    file = tmp_path / "photo.jpg"
    make(file)
    with pytest.raises(RejectedImage) as caught:
        read_file(file, max_bytes=10)
    assert caught.value.reason is reason


def test_a_file_of_the_largest_size_is_read(tmp_path: Path) -> None:
    file = tmp_path / "photo.jpg"
    file.write_bytes(b"0123456789")
    assert read_file(file, max_bytes=10) == b"0123456789"


@pytest.mark.parametrize(("side", "shape"), [(1, (50, 38)), (50, (50, 38)), (51, (100, 75)), (400, (400, 300))])
@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
def test_a_jpeg_is_decoded_no_larger_than_needed(mode: str, side: int, shape: tuple[int, int]) -> None:
    data = encoded(Image.new(mode, (300, 400)), "JPEG")
    assert decode_at_least(data, side).shape == (*shape, 3)


def test_what_has_no_scales_is_decoded_whole() -> None:
    assert decode_at_least(encoded(gradient(), "PNG"), 10).shape == (30, 40, 3)


@pytest.mark.parametrize("form", ["JPEG", "AVIF"])
def test_a_photo_taken_with_the_camera_on_its_side_is_measured_and_decoded_upright(form: str) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    data = encoded(Image.new("RGB", (64, 48)), form, exif=exif)
    assert measure(data, LIMIT) == (48, 64)
    assert decode_at_least(data, 64).shape == (64, 48, 3)
