"""Which frames are labelled, from tables such as the `picked.csv` that `askew video pick` writes."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath

import numpy as np

from askew.arrays import Mask
from askew.data.cells import unguarded
from askew.data.reading import decoding, read_text
from askew.errors import InputError


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


def read_names(paths: Sequence[str | Path]) -> dict[str, int]:
    """Returns which frame each picture is that the tables of one video name in a column `file`, by its file name.

    Raises:
        DataNotFound: no such file.
        InputError: a file that is no such table, or two frames with one picture.
    """
    out: dict[str, int] = {}
    for path in map(Path, paths):
        for number, row in _rows(path):
            name = PurePosixPath(unguarded(row.get("file") or "")).name
            frame = row.get("frame") or ""
            if not name or not frame.isascii() or not frame.isdigit():
                continue
            if out.setdefault(name, int(frame)) != int(frame):
                raise InputError(f"labeled: {path}, line {number}: {name[:200]!r} is frame {out[name]} in another line")
    return out


def _rows(path: Path) -> list[tuple[int, dict[str, str]]]:
    """Returns the rows of a table and the lines they end on."""
    what = f"labeled: {path}"
    reader = csv.DictReader(io.StringIO(read_text(path, what), newline=""), strict=True)
    with decoding(what, "a table"):
        if "frame" not in (reader.fieldnames or ()):
            raise InputError(f"{what}: expected a table with the columns video,frame")
        return [(reader.line_num, row) for row in reader]
