"""Pictures go to Label Studio as they are, or in a form that browsers show; what is not the item's picture does not."""

from __future__ import annotations

import hashlib
import io
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("PIL")

from PIL import Image

from askew.errors import InputError
from askew.project.label_studio.uploads import upload_of

PIXELS = np.random.default_rng(0).integers(0, 256, (9, 12, 3), dtype=np.uint8)


def written(path: Path, **more: object) -> tuple[Path, str]:
    Image.fromarray(PIXELS).save(path, **more)
    return path, hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.parametrize(("ending", "expected"), [("jpg", "jpg"), ("png", "png"), ("webp", "webp"), ("gif", "gif")])
def test_what_browsers_show_goes_byte_for_byte(tmp_path: Path, ending: str, expected: str) -> None:
    path, hashed = written(tmp_path / f"a.{ending}")
    found = upload_of(path, hashed)
    assert (found.name, found.data) == (f"{hashed}.{expected}", path.read_bytes())


def test_the_ending_is_that_of_the_format_and_not_of_the_name(tmp_path: Path) -> None:
    path, hashed = written(tmp_path / "a.png", format="JPEG")
    assert upload_of(path, hashed).name == f"{hashed}.jpg"


def test_tiff_becomes_png_with_the_same_pixels(tmp_path: Path) -> None:
    path, hashed = written(tmp_path / "a.tif")
    found = upload_of(path, hashed)
    assert found.name == f"{hashed}.png"
    np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(found.data))), PIXELS)


def test_a_file_that_was_changed_since_is_refused(tmp_path: Path) -> None:
    path, hashed = written(tmp_path / "a.png")
    path.write_bytes(path.read_bytes() + b" ")
    with pytest.raises(InputError, match="was changed since it was added"):
        upload_of(path, hashed)


def test_what_is_no_picture_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    path.write_bytes(b"<svg onload='alert(1)'/>")
    with pytest.raises(InputError, match="picture"):
        upload_of(path, hashlib.sha256(path.read_bytes()).hexdigest())


def test_a_file_that_is_gone_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"a\.jpg"):
        upload_of(tmp_path / "a.jpg", "")
