"""Which frames are labelled, from tables such as the `picked.csv` that `askew video pick` writes."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from askew.arrays import Mask
from askew.data.cells import unguarded
from askew.errors import DataNotFound, InputError


def read_labeled(paths: Sequence[str | Path], lengths: Mapping[str, int]) -> Mask:
    """Returns which frames are labelled, over all frames of all videos in order, from CSV files with `video,frame`.

    Frames count from 0; the column `video` may be missing if there is one video.

    Args:
        paths: the files.
        lengths: the number of frames of each video, by its name.

    Raises:
        DataNotFound: no such file.
        InputError: a file that is no such table, or a video or frame that does not exist.
    """
    starts = dict(zip(lengths, np.cumsum([0, *lengths.values()]).tolist(), strict=False))
    out = np.zeros(sum(lengths.values()), bool)
    for path in map(Path, paths):
        for number, row in _rows(path):
            video = unguarded(row.get("video") or "") or (next(iter(lengths)) if len(lengths) == 1 else "")
            text = row.get("frame") or ""
            digits = text.isascii() and text.isdigit() and len(text) <= 18
            if video not in starts or not digits or int(text) >= lengths[video]:
                raise InputError(
                    f"labeled: {path}, line {number}: no frame {text[:40]!r} of video {video[:200]!r} here"
                )
            out[starts[video] + int(text)] = True
    return out


def _rows(path: Path) -> list[tuple[int, dict[str, str]]]:
    """Returns the rows of a table and the lines they end on."""
    if not path.is_file():
        raise DataNotFound(f"labeled: no file {path}")
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file, strict=True)
            if "frame" not in (reader.fieldnames or ()):
                raise InputError(f"labeled: {path}: expected a table with the columns video,frame")
            return [(reader.line_num, row) for row in reader]
    except (UnicodeDecodeError, csv.Error, OSError) as error:
        raise InputError(f"labeled: {path} is not a table that can be read: {' '.join(str(error).split())}") from error
