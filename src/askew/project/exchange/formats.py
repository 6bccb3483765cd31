"""The formats by name, and which of them a file or a folder is, by what is in it."""

from __future__ import annotations

import re
import shutil
import stat
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from askew.data import pictures
from askew.data.annotations.voc import DECLARED
from askew.data.reading import decoding, plain_file, reading
from askew.errors import DataNotFound, InputError, one_line, unknown
from askew.project.exchange import coco, csv_file, cvat, fiftyone, folders, voc, yolo
from askew.project.exchange.rows import Content, Holds, about, check_inside


@dataclass(frozen=True)
class Format:
    """A format.

    Attributes:
        holds: what of rows it can hold.
        read: returns what a path says; None where a format is only written.
        suffix: of its file; "" for a folder.
    """

    holds: Holds
    read: Callable[[Path], Content] | None
    suffix: str = ""


FORMATS = {
    "csv": Format(csv_file.HOLDS, csv_file.read, ".csv"),
    "coco": Format(coco.HOLDS, coco.read, ".json"),
    "cvat": Format(cvat.HOLDS, cvat.read, ".xml"),
    "voc": Format(voc.HOLDS, voc.read),
    "yolo": Format(yolo.HOLDS, yolo.read),
    "fiftyone": Format(fiftyone.HOLDS, None),
    "folders": Format(folders.HOLDS, folders.read),
}

READ = tuple(name for name, one in FORMATS.items() if one.read is not None)

WRITTEN = tuple(FORMATS)

NAMED = ("data.yaml", "data.yml", "dataset.yaml", "dataset.yml", "classes.txt", "obj.names", "labels/classes.txt")
"""Files that name the classes of YOLO."""

COCO_KEYS = (b'"images"', b'"annotations"', b'"categories"', b'"info"')

BEGIN_BYTES = 1 << 16
"""How much of a file tells what it is."""

UNPACKED = frozenset((".xml", ".json", ".csv", ".txt", ".yaml", ".yml", ".names", ".data"))
"""Endings of what is taken out of an archive: no pictures."""

MOST_UNPACKED_BYTES = 4_000_000_000


def read(path: Path, kind: str | None = None) -> tuple[str, Content]:
    """Returns the format of a file, a folder or a zip archive of either, and what it says.

    Args:
        path: what to read.
        kind: the format, of `READ`; what is in it tells if left out.

    Raises:
        DataNotFound: nothing is there.
        InputError: an unknown format, or content that cannot be read as it.
    """
    if kind is not None and kind not in READ:
        raise unknown("format", kind, READ)
    if not path.is_dir():
        plain_file(path)
        with reading(path), path.open("rb") as stream:
            packed = stream.read(4) == b"PK\3\4"
        if packed:
            with unpacked(path) as folder, about(path):
                return _read(folder, kind)
    return _read(path, kind)


def _read(path: Path, kind: str | None) -> tuple[str, Content]:
    found = kind or recognised(path)
    reader = FORMATS[found].read
    if reader is None:
        raise unknown("format", found, READ)
    if kind is not None and path.is_dir() and FORMATS[found].suffix:
        path = _only(path, FORMATS[found].suffix)
    with reading(path):
        return found, reader(_file_of(path, found))


def recognised(path: Path) -> str:
    """Returns the format of a file or a folder.

    Raises:
        InputError: it is none of those that are read, or may be several.
    """
    if not path.is_dir():
        return _of_file(path)
    with reading(path):
        if any((path / name).is_file() for name in NAMED):
            return "yolo"
        for kind in ("voc", "cvat", "coco"):
            if _file_of(path, kind) != path:
                return kind
        if any(path.glob("*.xml")):
            return "voc"
        if pictures.find(path):
            return "folders"
    raise InputError(
        f"{one_line(path)}: holds none of the formats that are read: {', '.join(READ)}: say which with --format"
    )


def _file_of(path: Path, kind: str) -> Path:
    """Returns the file of a folder that a format is read from, where it stands where it usually does."""
    if not path.is_dir():
        return path
    if kind == "voc" and any((path / voc.FOLDER).rglob("*.xml")):
        return path / voc.FOLDER
    if kind == "cvat" and (path / "annotations.xml").is_file():
        return path / "annotations.xml"
    if kind == "coco":
        found = [one for one in (*path.glob("*.json"), *path.glob("annotations/*.json")) if one.name[0] != "."]
        if len(found) == 1 and any(key in _begin(found[0]) for key in COCO_KEYS):
            return found[0]
    return path


def _only(path: Path, suffix: str) -> Path:
    found = sorted(path.rglob(f"*{suffix}"))
    if len(found) != 1:
        raise InputError(f"{one_line(path)}: holds {len(found)} {suffix} files: name the one to read")
    return found[0]


def _begin(path: Path) -> bytes:
    plain_file(path)
    with reading(path), path.open("rb") as stream:
        return stream.read(BEGIN_BYTES).removeprefix(b"\xef\xbb\xbf").lstrip()


def _of_file(path: Path) -> str:
    begin = _begin(path)
    if begin.startswith(b"{"):
        return "coco"
    if begin.startswith(b"["):
        studio = b'"annotations"' in begin or b'"predictions"' in begin
        way = ": if Label Studio wrote it, export COCO there, or take its answers by askew label-studio pull"
        raise InputError(f"{one_line(path)}: is a JSON list, which none of {', '.join(READ)} is{way if studio else ''}")
    if not begin.startswith(b"<"):
        return "csv"
    if b"<!DOCTYPE" in begin:
        raise InputError(f"{one_line(path)}: {DECLARED}")
    tag = re.search(rb"<\s*(annotations?)[\s>]", begin)
    if tag is None:
        raise InputError(f"{one_line(path)}: is XML, and neither of CVAT nor of Pascal VOC")
    return "cvat" if tag[1] == b"annotations" else "voc"


@contextmanager
def unpacked(path: Path) -> Iterator[Path]:
    """Gives a folder with the annotations of a zip archive, which is removed at the end; pictures stay packed.

    Raises:
        InputError: it is damaged or encrypted, larger than any annotations, or names files outside of its folder.
    """
    with tempfile.TemporaryDirectory(prefix="askew-") as name:
        folder = Path(name)
        with reading(path), about(path), decoding(path, "a zip archive"), zipfile.ZipFile(path) as archive:
            wanted = [one for one in archive.infolist() if not one.is_dir()]
            for one in wanted:
                check_inside(one.filename)
                if stat.S_ISLNK(one.external_attr >> 16):
                    raise InputError(f"{one_line(one.filename, 80)!r} is a link: take it out")
            wanted = [one for one in wanted if Path(one.filename).suffix.lower() in UNPACKED]
            total = sum(one.file_size for one in wanted)
            if total > MOST_UNPACKED_BYTES:
                raise InputError(f"would take {total / 1e9:,.1f} GB unpacked: unpack it, and name the folder")
            for one in wanted:
                place = folder / one.filename
                place.parent.mkdir(parents=True, exist_ok=True)
                with archive.open(one) as source, place.open("xb") as sink:
                    shutil.copyfileobj(source, sink)
        inside = list(folder.iterdir())
        if not inside:
            raise DataNotFound(f"{one_line(path)}: holds no annotations")
        yield inside[0] if len(inside) == 1 else folder
