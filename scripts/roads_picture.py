"""Makes docs/images/roads.jpg: six frames of synthetic roads with the boxes of their objects.

python scripts/roads_picture.py
"""

from __future__ import annotations

from itertools import islice
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from askew.synth.render import frames
from askew.synth.table import CLASSES, SYNTHIA_AL, Sequence

TARGET = Path(__file__).resolve().parents[1] / "docs" / "images" / "roads.jpg"
COLOURS = ((60, 60, 255), (70, 220, 70), (255, 170, 60), (0, 200, 255))
SHOWN = (
    ("city", "spring", 11, 60),
    ("town", "fall", 3, 50),
    ("highway", "rain", 2, 40),
    ("town", "winter", 8, 30),
    ("highway", "night", 5, 60),
    ("city", "wheelchair", 6, 30),
)


def one(area: Any, condition: str, seed: int, number: int) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """Returns a frame, BGR, with its boxes."""
    row = next(one for one in SYNTHIA_AL if one.name == ("wheelchair" if condition == "wheelchair" else "default"))
    spawn = {name: p if name == "car" or area != "highway" else 0.0 for name, p in row.spawn.items()}
    when: Any = "spring" if condition == "wheelchair" else condition
    video = Sequence("picture", "train", area, when, spawn, number + 1, seed)
    frame = next(islice(frames(video), number, None))
    picture = np.ascontiguousarray(frame.picture[..., ::-1])
    for seen in frame.objects:
        left, top, right, bottom = seen.box
        cv2.rectangle(picture, (left - 1, top - 1), (right, bottom), COLOURS[seen.kind], 1)
    return picture


def main() -> None:
    """Writes the picture."""
    tiles = [one(*shown) for shown in SHOWN]
    rows = [np.concatenate(tiles[first : first + 3], axis=1) for first in (0, 3)]
    cv2.imwrite(str(TARGET), np.concatenate(rows), [cv2.IMWRITE_JPEG_QUALITY, 85])
    print(TARGET.name, ", ".join(CLASSES))


if __name__ == "__main__":
    main()
