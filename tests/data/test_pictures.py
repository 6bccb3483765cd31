"""Picture files of every kind become upright RGB squares; damaged ones are named."""

from __future__ import annotations

import io
import re
import struct
import threading
from pathlib import Path

import numpy as np
import pytest

from askew.data import pictures
from askew.errors import InputError

Image = pytest.importorskip("PIL.Image")
features = pytest.importorskip("PIL.features")

RED, GREEN, BLUE, WHITE = [255, 0, 0], [0, 255, 0], [0, 0, 255], [255, 255, 255]


def halves(top, bottom, size=(8, 8)):
    """A picture whose upper half has one colour and whose lower half another."""
    array = np.empty((size[1], size[0], 3), dtype=np.uint8)
    array[: size[1] // 2], array[size[1] // 2 :] = top, bottom
    return array


@pytest.mark.parametrize("suffix", [".png", ".bmp", ".webp", ".PNG", ".tif", ".gif", ".ppm"])
def test_lossless_files_keep_their_pixels(tmp_path, suffix):
    path = tmp_path / f"a{suffix}"
    Image.fromarray(halves(RED, BLUE)).save(path, **({"lossless": True} if suffix == ".webp" else {}))
    assert np.array_equal(pictures.read_square(path, 8), halves(RED, BLUE))


@pytest.mark.parametrize("suffix", [".jpg", ".jpeg", ".JFIF", ".avif"])
def test_lossy_files_keep_their_colours(tmp_path, suffix):
    path, kind = tmp_path / f"a{suffix}", "AVIF" if suffix == ".avif" else "JPEG"
    if kind == "AVIF" and not features.check("avif"):
        pytest.skip("this Pillow reads no AVIF")
    Image.fromarray(halves(RED, BLUE, (32, 32))).save(path, kind, quality=95)
    seen = pictures.read_square(path, 32).astype(int)
    assert np.abs(seen[4] - RED).max() < 16
    assert np.abs(seen[-4] - BLUE).max() < 16


def test_the_page_about_data_names_the_endings_that_are_read_and_those_that_are_not(tmp_path):
    page = (Path(__file__).parents[2] / "docs" / "data.md").read_text(encoding="utf-8")
    read, passed_over = (
        set(re.findall(r"`(\.\w+)`", re.search(words, page, re.DOTALL)[0]))
        for words in (r"Read are files that end in .*?, in any case", r"Not read are .*?PDF")
    )
    for suffix in {*read, *passed_over, ".svg", ".jp2", ".psd", ".pdf"}:
        (tmp_path / f"a{suffix}").touch()
    assert {path.suffix for path in pictures.find(tmp_path)} == read == pictures.SUFFIXES


def test_gray_becomes_three_equal_channels(tmp_path):
    gray = np.arange(64, dtype=np.uint8).reshape(8, 8)
    Image.fromarray(gray).save(tmp_path / "a.png")
    assert np.array_equal(pictures.read_square(tmp_path / "a.png", 8), np.repeat(gray[..., None], 3, axis=2))


def test_sixteen_bit_gray_keeps_its_upper_byte(tmp_path):
    wide = (np.arange(64).reshape(8, 8) * 1000).astype(np.uint16)
    Image.fromarray(wide).save(tmp_path / "a.png")
    assert np.array_equal(pictures.read_square(tmp_path / "a.png", 8)[..., 0], (wide >> 8).astype(np.uint8))


def test_transparent_parts_turn_white_with_alpha_and_with_palette(tmp_path):
    rgba = np.zeros((8, 8, 4), dtype=np.uint8)
    rgba[:4] = [255, 0, 0, 255]
    Image.fromarray(rgba).save(tmp_path / "alpha.png")
    palette = Image.fromarray((np.arange(64).reshape(8, 8) >= 32).astype(np.uint8), mode=None).convert("P")
    palette.putpalette([255, 0, 0, 0, 0, 0])
    palette.save(tmp_path / "palette.png", transparency=1)
    for name in ("alpha.png", "palette.png"):
        assert np.array_equal(pictures.read_square(tmp_path / name, 8), halves(RED, WHITE)), name


def test_cmyk_is_converted(tmp_path):
    Image.new("CMYK", (8, 8), (0, 255, 255, 0)).save(tmp_path / "a.jpg", quality=100)
    assert np.abs(pictures.read_square(tmp_path / "a.jpg", 8).astype(int) - RED).max() < 12


def test_camera_orientation_is_applied(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 3  # stored upside down
    Image.fromarray(halves(RED, BLUE, (16, 16))).save(tmp_path / "a.jpg", exif=exif, quality=100, subsampling=0)
    seen = pictures.read_square(tmp_path / "a.jpg", 16).astype(int)
    assert np.abs(seen[2, 8] - BLUE).max() < 12
    assert np.abs(seen[13, 8] - RED).max() < 12


def test_the_shorter_side_is_resized_and_the_centre_kept(tmp_path):
    wide = np.concatenate([np.full((10, 10, 3), c, dtype=np.uint8) for c in (RED, GREEN, BLUE)], axis=1)
    Image.fromarray(wide).save(tmp_path / "a.png")
    assert np.array_equal(pictures.read_square(tmp_path / "a.png", 10), np.full((10, 10, 3), GREEN))
    assert pictures.read_square(tmp_path / "a.png", 5)[2, 2].tolist() == GREEN


def test_a_jpeg_decoded_at_a_lower_scale_is_still_large_enough(tmp_path):
    ramp = np.repeat(np.linspace(0, 255, 400).astype(np.uint8)[None, :, None], 400, axis=0).repeat(3, axis=2)
    Image.fromarray(ramp).save(tmp_path / "a.jpg", quality=95)
    small = pictures.read_square(tmp_path / "a.jpg", 40)
    assert small.shape == (40, 40, 3)
    assert np.abs(small[20, :, 0].astype(float) - np.linspace(3, 252, 40)).max() < 4


@pytest.mark.parametrize("keep", [0, 10, 300, -200])
def test_cut_files_are_named(tmp_path, keep):
    path = tmp_path / "cut.jpg"
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    Image.fromarray(noise).save(path)
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(InputError, match=r"cut\.jpg: cannot be read as a picture") as caught:
        pictures.read_square(path, 8)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("content", [b"not a picture", b"\x89PNG\r\n\x1a\n" + b"\0" * 50])
def test_what_is_no_picture_is_named(tmp_path, content):
    (tmp_path / "x.png").write_bytes(content)
    with pytest.raises(InputError, match=r"x\.png"):
        pictures.read_square(tmp_path / "x.png", 8)


def test_no_flipped_byte_of_a_png_raises_anything_but_an_input_error():
    buffer = io.BytesIO()
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (16, 16, 3), dtype=np.uint8)).save(buffer, "PNG")
    good = buffer.getvalue()
    refused = 0
    for at in range(0, len(good), 7):
        raw = bytearray(good)
        raw[at] ^= 0xFF
        try:
            pictures.decode_bytes(bytes(raw), 8)
        except InputError:
            refused += 1
    assert refused > len(good) // 7 // 2


def test_find_passes_hidden_files_other_kinds_and_takes_any_case(tmp_path):
    for name in ("a.JPG", "b.txt", ".hidden.png", "._c.jpg", "sub/d.webp", ".git/e.png", "__MACOSX/f.png", "Thumbs.db"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    assert [p.relative_to(tmp_path).as_posix() for p in pictures.find(tmp_path)] == ["a.JPG", "sub/d.webp"]


def test_in_threads_keeps_the_order_beyond_one_window(monkeypatch):
    monkeypatch.setattr(pictures, "WINDOW", 7)
    seen = set()

    def square(value):
        seen.add(threading.get_ident())
        return value * value

    assert list(pictures.in_threads(square, range(50))) == [v * v for v in range(50)]
    assert threading.get_ident() not in seen


def test_a_small_file_that_declares_a_huge_picture_reserves_nothing(tmp_path):
    buffer = io.BytesIO()
    Image.new("L", (7, 9)).save(buffer, "BMP")
    raw = bytearray(buffer.getvalue())
    raw[18:26] = struct.pack("<ii", 7, 16_000_000)  # width and height
    (tmp_path / "a.bmp").write_bytes(raw)
    for read in (lambda: pictures.read_square(tmp_path / "a.bmp", 8), lambda: pictures.decode_bytes(bytes(raw))):
        with pytest.raises(InputError, match=f"its {len(raw)} bytes declare 7 × 16000000 pixels"):
            read()
    Image.new("1", (5000, 5000)).save(tmp_path / "white.png")  # real, and as dense as pictures are
    assert pictures.read_square(tmp_path / "white.png", 8).shape == (8, 8, 3)
