"""A learned doubt as a file: read and checked, and written whole."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from askew.arrays import is_number, is_whole
from askew.data.reading import decoding, plain_file, read_text
from askew.errors import InputError, one_line
from askew.files import write_whole
from askew.video.doubt import FEATURES, Doubt

VERSION = 1
"""Of the layout, and of what the features mean."""

LARGEST_BYTES = 1 << 16
"""A doubt is a few numbers."""


def write_doubt(path: str | Path, doubt: Doubt) -> None:
    """Writes a doubt as JSON: the version, the features by name, their weights, how many frames it was learned from.

    Raises:
        InputError: the file cannot be written.
    """
    content = {
        "askew": "doubt",
        "version": VERSION,
        "features": list(FEATURES),
        "weights": doubt.weights.tolist(),
        "n_frames": int(doubt.n_frames),
    }
    write_whole(path, json.dumps(content, indent=2) + "\n")


def read_doubt(path: str | Path) -> Doubt:
    """Reads what `write_doubt` wrote.

    Raises:
        DataNotFound: there is no such file.
        InputError: it is no doubt, is damaged, or is of another version.
    """
    name = one_line(path)
    size = plain_file(Path(path)).st_size
    if size > LARGEST_BYTES:
        raise InputError(f"{name}: is {size} bytes; expected a doubt, {LARGEST_BYTES} at most")
    text = read_text(Path(path))
    with decoding(name, "JSON"):
        content = json.loads(text)
    if not isinstance(content, dict) or content.get("askew") != "doubt":
        raise InputError(f"{name}: is no doubt: expected what --save-doubt or write_doubt wrote")
    if content.get("version") != VERSION or content.get("features") != list(FEATURES):
        raise InputError(
            f"{name}: is a doubt of version {one_line(content.get('version'))} or of other features; this askew reads "
            f"version {VERSION}: learn it again"
        )
    weights, frames = content.get("weights"), content.get("n_frames")
    if not (isinstance(weights, list) and all(map(_is_float, weights)) and is_whole(frames)):
        raise InputError(f"{name}: expected {len(FEATURES)} finite weights and a whole n_frames")
    with decoding(name, "a doubt"):
        try:
            return Doubt(weights, frames)  # type: ignore[arg-type]
        except InputError as error:
            raise InputError(f"{name}: {error}") from error


def _is_float(value: Any) -> bool:
    return is_number(value) and not isinstance(value, bool)
