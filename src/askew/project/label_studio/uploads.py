"""The picture files of a project as Label Studio is given them: the bytes that were hashed, shown by browsers."""

from __future__ import annotations

import hashlib
import io
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from askew.data.pictures import decode_bytes
from askew.data.reading import plain_file, reading
from askew.errors import InputError

SHOWN = {"JPEG": ".jpg", "MPO": ".jpg", "PNG": ".png", "GIF": ".gif", "BMP": ".bmp", "WEBP": ".webp"}
"""Formats, as Pillow calls them, that every browser shows and Label Studio takes, and the ending it expects."""


@dataclass(frozen=True, eq=False)
class Upload:
    """A picture to upload; its name is the content hash of the item, so that it is found again."""

    name: str
    data: bytes


def upload_of(path: Path, hashed: str) -> Upload:
    """Returns the file of an item for Label Studio.

    Its bytes go as they are, with what a camera wrote into them; TIFF and other formats that browsers do not show
    become PNG, upright and in RGB.

    Args:
        path: the file.
        hashed: the content hash of the item, SHA-256 in hex.

    Raises:
        InputError: the file cannot be read, or is not what it was when the item was added.
    """
    plain_file(path)
    with reading(path):
        data = path.read_bytes()
    if hashlib.sha256(data).hexdigest() != hashed:
        raise InputError(f"{path}: was changed since it was added: askew add PROJECT looks through the folders anew")
    ending = SHOWN.get(_format(data))
    if ending is not None:
        return Upload(hashed + ending, data)
    drawn = io.BytesIO()
    Image.fromarray(decode_bytes(data)).save(drawn, "PNG")
    return Upload(f"{hashed}.png", drawn.getvalue())


def _format(data: bytes) -> str:
    """Returns the format by the file's first bytes; "" for what is no picture."""
    from PIL import UnidentifiedImageError

    try:
        with Image.open(io.BytesIO(data)) as image:
            return image.format or ""
    except (UnidentifiedImageError, Image.DecompressionBombError, OSError, ValueError):
        return ""
