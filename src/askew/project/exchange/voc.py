"""Pascal VOC: `Annotations/*.xml`, a file a picture, with its objects and their boxes in pixels.

Coordinates are written as they are, with fractions, as labelling tools do; VOC's own counted pixels from 1.
"""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from xml.etree.ElementTree import Element
from xml.sax.saxutils import escape

from askew.data.annotations.voc import declared_size, objects_of, read_xml
from askew.data.reading import plain_file, reading
from askew.errors import DataNotFound, InputError
from askew.project.exchange.rows import Box, Content, Holds, Row, about, classes_of, stems

HOLDS = Holds(frozenset(("boxes",)), guesses=False, scores=False, who=False, hash=False, reason=False)

FOLDER = "Annotations"

SIDES = ("xmin", "ymin", "xmax", "ymax")


def write(content: Content) -> dict[str, str]:
    """Returns the text of each file, by its path in the folder."""
    return {f"{FOLDER}/{stem}.xml": _text(row) for stem, row in stems(content.rows).items()}


def _text(row: Row) -> str:
    lines = ["<annotation>", f"  <filename>{escape(row.name)}</filename>"]
    if row.size is not None:
        width, height = row.size
        lines.append(f"  <size><width>{width}</width><height>{height}</height><depth>3</depth></size>")
    lines.append("  <segmented>0</segmented>")
    for box in row.boxes:
        sides = zip(SIDES, box.sides, strict=True)
        corners = "".join(f"<{side}>{value!r}</{side}>" for side, value in sides)
        name = f"<name>{escape(box.class_name)}</name><pose>Unspecified</pose><truncated>0</truncated>"
        lines.append(f"  <object>{name}<difficult>0</difficult><bndbox>{corners}</bndbox></object>")
    return "\n".join([*lines, "</annotation>", ""])


def read(path: Path) -> Content:
    """Reads one VOC file, or all of a folder or of its `Annotations`.

    A picture is called by `filename`, below the folder that its file lies in; one without `filename` as its file is.
    A file without objects says that its picture has none.

    Raises:
        DataNotFound: no files.
        InputError: a file that is no VOC annotation.
    """
    root = path / FOLDER if (path / FOLDER).is_dir() else path
    files = sorted(root.rglob("*.xml")) if path.is_dir() else [path]
    if not files:
        raise DataNotFound(f"{path}: has no .xml files")
    rows = []
    for file in files:
        plain_file(file)
        with reading(file), about(file):
            rows.append(_row(file, read_xml(file), file.relative_to(root).parent if path.is_dir() else Path()))
    content = Content(tuple(rows))
    return Content(content.rows, classes_of(content))


def _row(path: Path, root: Element, folder: Path) -> Row:
    if root.tag != "annotation":
        raise InputError(f"expected <annotation> of Pascal VOC, got <{root.tag[:40]}>")
    boxes = tuple(Box.of(name, sides) for sides, name in objects_of(path, root))
    name = root.findtext("filename") or ""
    name = name.strip() if "\n" in name else name
    if name and "/" not in name and folder.parts:
        name = (PurePosixPath(folder.as_posix()) / name).as_posix()
    called = name or (folder / path.stem).as_posix()
    return Row(called, "boxes", boxes=boxes, size=declared_size(root), ending=bool(name))
