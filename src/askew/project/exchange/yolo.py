"""YOLO: a text file a picture, `class centre-x centre-y width height [confidence]` as shares of the picture.

Written as Ultralytics reads it: `data.yaml`, `train.txt` with the pictures, `labels/*.txt`. Read in that layout, that
of LabelImg and Label Studio (`classes.txt` beside the files or above them) and of Darknet (`obj.names`).
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from posixpath import splitext
from typing import Any

from askew.data.annotations.fields import text_of
from askew.data.annotations.yolo import NAMES, table_of
from askew.data.pictures import SUFFIXES
from askew.data.reading import decoding, plain_file, read_text
from askew.errors import DataNotFound, InputError, MissingExtra, one_line
from askew.project.exchange.rows import Box, Content, Holds, Row, about, classes_of, stems

HOLDS = Holds(frozenset(("boxes",)), unscored=False, who=False, hash=False, reason=False)

LISTS = ("train.txt", "val.txt", "valid.txt", "test.txt")
"""Files that list pictures."""

MOST_BYTES = 1_000_000
"""Of a file that names classes, or has the boxes of one picture."""

DIGITS = 10
"""Of shares: more than pixels of any picture need."""


def write(content: Content) -> dict[str, str]:
    """Returns the text of each file, by its path in the folder.

    The rows' sizes must be known.

    Raises:
        InputError: two pictures would share one file.
    """
    number = {name: place for place, name in enumerate(classes_of(content))}
    named = "".join(f"  {place}: {json.dumps(name, ensure_ascii=False)}\n" for name, place in number.items())
    files = {f"labels/{stem}.txt": _lines(row, number) for stem, row in stems(content.rows).items()}
    pictures = "".join(f"./images/{row.name}\n" for row in content.rows)
    about_it = f"path: .\ntrain: train.txt\nval: train.txt\nnames:\n{named}" if named else "names: {}\n"
    return {"data.yaml": about_it, "train.txt": pictures, **files}


def _lines(row: Row, number: dict[str, int]) -> str:
    if row.size is None:
        raise InputError(f"picture {one_line(row.name, 80)}: its size is not known, and YOLO needs shares of it")
    width, height = row.size
    out = []
    for box in row.boxes:
        centre = (box.left + box.right) / 2 / width, (box.top + box.bottom) / 2 / height
        shares = (*centre, (box.right - box.left) / width, (box.bottom - box.top) / height)
        sure = "" if box.score is None else f" {box.score!r}"
        out.append(f"{number[box.class_name]} {' '.join(f'{share:.{DIGITS}f}' for share in shares)}{sure}\n")
    return "".join(out)


def read(path: Path) -> Content:
    """Reads a folder of YOLO files; boxes are shares (see `rows.in_pixels`).

    A picture whose file is empty has no box. The endings of pictures are known where a list of pictures or the folder
    `images` tells them. Where lines have a confidence, they are a model's guesses.

    Raises:
        DataNotFound: no such files, or nothing that names the classes.
        InputError: a file that is not as said, or of a class that has no name.
        MissingExtra: there is a `data.yaml`, and PyYAML is not installed.
    """
    source, names = _classes(path)
    exact, below = _endings(path)
    rows = []
    for folder in _folders(path):
        for file in sorted(folder.rglob("*.txt")):
            if file == source or (file.parent == path and (file.name in LISTS or file.name.startswith("README"))):
                continue
            with about(file):
                stem = splitext(file.relative_to(folder).as_posix())[0]
                endings = exact.get(stem) or below.get(stem) or set()
                rows.append(_row(file, stem, next(iter(endings)) if len(endings) == 1 else "", names))
    if not rows:
        raise DataNotFound(f"{path}: has no .txt files with boxes")
    return Content(tuple(rows), tuple(dict.fromkeys(names)))


def _row(file: Path, stem: str, ending: str, names: list[str]) -> Row:
    _check_size(file)
    table = table_of(file).tolist()
    boxes, guess = [], False
    for kind, x, y, width, height, score in table:
        if int(kind) >= len(names):
            raise InputError(f"is of class {int(kind)}, and there are names for {len(names)}")
        sure = None if math.isnan(score) else score
        guess = guess or sure is not None
        sides = (x - width / 2, y - height / 2, x + width / 2, y + height / 2)
        boxes.append(Box(names[int(kind)], *sides, sure))
    return Row(stem + ending, "boxes", boxes=tuple(boxes), guess=guess, ending=ending != "", shares=True)


def _folders(path: Path) -> list[Path]:
    """Returns the folders of the files with boxes: those called so, none within another, else the whole."""
    found: list[Path] = []
    for one in sorted({*path.rglob("labels"), *path.glob("obj_*_data")}, key=lambda one: len(one.parts)):
        if one.is_dir() and not any(above in found for above in one.parents):
            found.append(one)
    return sorted(found) or [path]


def _endings(path: Path) -> tuple[dict[str, set[str]], dict[str, set[str]]]:
    """Returns the endings of pictures' files by their names without, and by the ends of these names."""
    listed = [line.strip("\r") for one in LISTS if (path / one).is_file() for line in text_of(path / one).split("\n")]
    listed = [line.removeprefix("./") for line in listed if line.strip()]
    for folder in (one for one in path.rglob("images") if one.is_dir()):
        listed += [one.relative_to(folder.parent).as_posix() for one in sorted(folder.rglob("*"))]
    exact, below = dict[str, set[str]](), dict[str, set[str]]()
    for line in listed:
        stem, ending = splitext(line if "/" in line else line.replace("\\", "/"))
        if ending.lower() not in SUFFIXES:
            continue
        parts = stem.split("/")
        first = parts[0] == "images" or parts[0].startswith("obj_")
        exact.setdefault("/".join(parts[first:]), set()).add(ending)
        for start in range(1, len(parts)):
            below.setdefault("/".join(parts[start:]), set()).add(ending)
    return exact, below


def _classes(path: Path) -> tuple[Path, list[str]]:
    """Returns the first of the files that name the classes, and the names."""
    for name in ("data.yaml", "data.yml", "dataset.yaml", "dataset.yml"):
        if (path / name).is_file():
            return path / name, _of_yaml(path / name)
    for name in (NAMES, "obj.names", f"labels/{NAMES}"):
        if (path / name).is_file():
            with about(path / name):
                _check_size(path / name)
                return path / name, [one.strip() for one in read_text(path / name).split("\n") if one.strip()]
    raise DataNotFound(f"{path}: nothing names its classes: expected data.yaml, {NAMES} or obj.names beside the boxes")


def _check_size(path: Path) -> None:
    if plain_file(path).st_size > MOST_BYTES:
        raise InputError(f"has {path.stat().st_size} bytes; expected {MOST_BYTES} at most")


def _of_yaml(path: Path) -> list[str]:
    """Returns `names` of Ultralytics' YAML, a list or a mapping from numbers; every scalar is taken as text."""
    try:
        import yaml
    except ImportError as error:
        raise MissingExtra("reading data.yaml", "label") from error
    with about(path):
        _check_size(path)
        with decoding(path, "YAML"):
            content: Any = yaml.load(read_text(path), Loader=yaml.BaseLoader)
        names = content.get("names") if isinstance(content, dict) else None
        if isinstance(names, dict):
            numbered = {int(key): name for key, name in names.items() if isinstance(key, str) and key.isdecimal()}
            if sorted(numbered) != list(range(len(names))):
                raise InputError("names: expected the numbers from 0, each with a name")
            names = [numbered[number] for number in range(len(numbered))]
        if not isinstance(names, list) or not all(isinstance(name, str) and name.strip() for name in names):
            raise InputError("expected names: a list of texts, or of numbers from 0 with a text each")
        return [name.strip() for name in names]
