"""SYNTHIA-AL, the synthetic road videos that the thesis made for active learning.

The layout is that of public readers of the data set, which agree on it; the data itself was not at hand to try it on:
`<split>/<subset>/<sequence>/RGB/000000.png`, and beside RGB a folder `labels_kitti` with a text file a frame, a line an
object in KITTI's columns, of which 0 is the class and 4 to 7 are left, top, right and bottom in pixels.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from askew.data.annotations.fields import box_sides, files_of, text_of
from askew.data.annotations.frames import VideoBoxes, by_frame, frame_of, places_of
from askew.data.film.reader import PICTURES, natural
from askew.errors import DataNotFound

LABELS, FRAMES = "labels_kitti", "RGB"
CLASSES = ("Pedestrian", "Cyclist", "Car", "Wheelchair")
"""The four classes of Table 2.1; names in the files are compared without regard to case."""


def read_synthia_al(
    root: str | Path, split: str = "train", *, classes: Sequence[str] = CLASSES
) -> dict[str, VideoBoxes]:
    """Reads the boxes of all sequences of a split, by `<subset>/<sequence>`; objects of other classes are left out.

    Raises:
        DataNotFound: there are no sequences.
        InputError: a line that is not KITTI's, or labels of a frame that does not exist.
    """
    base = Path(root) / split
    folders = sorted(path for path in base.glob(f"*/*/{LABELS}") if path.is_dir())
    if not folders:
        raise DataNotFound(f"SYNTHIA-AL: no <subset>/<sequence>/{LABELS} under {base}")
    return {folder.parent.relative_to(base).as_posix(): _sequence(folder, classes) for folder in folders}


def _sequence(folder: Path, classes: Sequence[str]) -> VideoBoxes:
    rgb = folder.parent / FRAMES
    pictures = [path.name for path in rgb.iterdir() if path.suffix.lower() in PICTURES] if rgb.is_dir() else []
    texts = sorted(files_of(folder, ".txt"), key=lambda path: natural(path.name))
    names = sorted(pictures, key=natural) or [f"{path.stem}.png" for path in texts]
    places = places_of([Path(name).stem for name in names])
    numbers = {name.lower(): number for number, name in enumerate(classes)}
    frames, boxes, kinds = [], [], []
    for path in texts:
        frame = frame_of(path, places, None, first=0)
        for number, line in enumerate(text_of(path).split("\n"), start=1):
            parts = line.split()
            if not parts or parts[0].lower() not in numbers:
                continue
            boxes.append(box_sides(path, f"line {number}: sides in KITTI's columns", parts[4:8]))
            frames.append(frame)
            kinds.append(numbers[parts[0].lower()])
    found = by_frame(
        folder,
        np.array(frames, dtype=np.int64),
        np.array(boxes, dtype=np.float64).reshape(-1, 4),
        np.ones(len(kinds)),
        np.array(kinds, dtype=np.int64),
        len(names),
    )
    return VideoBoxes(found, tuple(classes), tuple(names))
