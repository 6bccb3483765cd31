"""A picture for the page: the very bytes that the project knows, decoded with care, upright, and encoded anew."""

from __future__ import annotations

import hashlib
import io
from pathlib import Path

from PIL import Image

from askew.data.pictures import decode_within
from askew.data.reading import plain_file, reading
from askew.errors import InputError

LONGEST_PX = 1600
"""The longer side of what is sent: enough for a large screen, little enough for a phone's connection."""

LOSSLESS_PX = 128
"""Pictures up to this size are sent without loss, since JPEG shows in them."""


def encoded(path: Path, digest: str) -> tuple[bytes, str]:
    """Returns a picture as bytes of JPEG or PNG, and their media type; nothing of the file itself goes through.

    Args:
        path: where it lies.
        digest: the SHA-256 of its bytes, in hex, as the project knows it.

    Raises:
        InputError: there is no such file, its bytes are not those of the item any more, or they are no picture.
    """
    plain_file(path, path.name)
    with reading(path.name):
        data = path.read_bytes()
    if hashlib.sha256(data).hexdigest() != digest:
        raise InputError(f"{path.name}: has changed since it was added: run `askew add` again")
    image = Image.fromarray(decode_within(data, LONGEST_PX))
    kind, options = ("PNG", {}) if max(image.size) <= LOSSLESS_PX else ("JPEG", {"quality": 88})
    sink = io.BytesIO()
    image.save(sink, kind, **options)
    return sink.getvalue(), f"image/{kind.lower()}"
