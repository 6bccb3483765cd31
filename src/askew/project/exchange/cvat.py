"""CVAT for images 1.1: one XML file; boxes, and tags for the class of a whole picture.

What CVAT has no place for (who, when, the hash, that nobody can tell, that there is no box) stands in attributes
`askew-…` of an image, which CVAT passes over, and does not write when it exports.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import ParseError, XMLParser
from xml.sax.saxutils import escape, quoteattr

from askew.data.annotations.fields import box_sides
from askew.data.annotations.voc import DECLARED
from askew.data.reading import plain_file, reading
from askew.errors import InputError, one_line
from askew.project.exchange.rows import KINDS, Box, Content, Holds, Row, about, classes_of

HOLDS = Holds(frozenset(KINDS), scores=False, reason=False)

SIDES = ("xtl", "ytl", "xbr", "ybr")

TOLD = ("kind", "who", "at", "hash", "guess")
"""What stands in attributes `askew-…`."""

OTHER_SHAPES = frozenset(("polygon", "polyline", "points", "cuboid", "ellipse", "mask", "skeleton"))

BLOCK = 1 << 16


def write(content: Content) -> str:
    """Returns rows as a CVAT document; what a model guesses has the source `auto`."""
    lines = ['<?xml version="1.0" encoding="utf-8"?>', "<annotations>", "  <version>1.1</version>", "  <meta><task>"]
    lines.append(f"    <size>{len(content.rows)}</size><mode>annotation</mode><labels>")
    labels = classes_of(content)
    lines += [f"      <label><name>{escape(name)}</name><attributes></attributes></label>" for name in labels]
    lines.append("    </labels></task></meta>")
    for number, row in enumerate(content.rows):
        lines.append(f'  <image id="{number}" name={quoteattr(row.name)}{_attributes(row)}>')
        source = "auto" if row.guess else "manual"
        if row.class_name is not None:
            lines.append(f'    <tag label={quoteattr(row.class_name)} source="{source}"></tag>')
        for box in row.boxes:
            sides = zip(SIDES, box.sides, strict=True)
            corners = " ".join(f'{side}="{value!r}"' for side, value in sides)
            label = f'label={quoteattr(box.class_name)} source="{source}" occluded="0"'
            lines.append(f'    <box {label} {corners} z_order="0"></box>')
        lines.append("  </image>")
    return "\n".join([*lines, "</annotations>", ""])


def _attributes(row: Row) -> str:
    size = "" if row.size is None else f' width="{row.size[0]}" height="{row.size[1]}"'
    told = {"kind": row.kind, "who": row.who, "at": row.at, "hash": row.hash, "guess": "1" if row.guess else ""}
    return size + "".join(f" askew-{key}={quoteattr(text)}" for key, text in told.items() if text)


def read(path: Path) -> Content:
    """Reads a CVAT document, a part at a time.

    An image without a tag or a box has no label, unless askew wrote what it has. Shapes that are no boxes, and boxes
    that are turned, are left out. An image with boxes and tags, or with several tags, is several rows.

    Raises:
        DataNotFound: no such file.
        InputError: no such document, one for videos, or one that declares a document type.
    """
    plain_file(path)
    reader = _Reader()
    with reading(path), about(path), path.open("rb") as stream:
        parser = XMLParser(target=reader)
        try:
            while block := stream.read(BLOCK):
                parser.feed(block)
            parser.close()
        except InputError:
            raise
        except (ParseError, ValueError, LookupError) as error:
            raise InputError(f"not XML that can be read: {one_line(error, 100)}") from error
    classes = tuple(dict.fromkeys(reader.labels))
    return Content(tuple(reader.rows), classes, dict(reader.left_out))


class _Reader:
    """Is called by the parser for each tag, and keeps the rows."""

    def __init__(self) -> None:
        self.rows: list[Row] = []
        self.labels: list[str] = []
        self.left_out: Counter[str] = Counter()
        self._path: list[str] = []
        self._image: dict[str, str] = {}
        self._tags: list[str] = []
        self._boxes: list[Box] = []
        self._text: list[str] = []

    def doctype(self, name: str, pubid: str | None, system: str | None) -> None:  # noqa: ARG002  (the parser's call)
        """Refuses declared entities, which can grow without end or name other files."""
        raise InputError(DECLARED)

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        """Begins an element."""
        if not self._path and tag != "annotations":
            raise InputError(f"expected <annotations> of CVAT, got <{one_line(tag, 40)}>")
        if tag == "track":
            raise InputError("is CVAT for video: export the task as CVAT for images 1.1")
        inside = len(self._path) == 2 and self._path[-1] == "image"
        self._path.append(tag)
        if tag == "image":
            self._image, self._tags, self._boxes = attributes, [], []
        elif inside and tag == "tag":
            self._tags.append(attributes.get("label", "").strip())
        elif inside and tag == "box":
            self._box(attributes)
        elif inside and tag in OTHER_SHAPES:
            self.left_out["shapes that are no boxes"] += 1
        self._text.clear()

    def data(self, text: str) -> None:
        """Takes text; only names of labels are kept."""
        if self._path[-2:] == ["label", "name"]:
            self._text.append(text)

    def end(self, tag: str) -> None:
        """Ends an element."""
        if self._path[-2:] == ["label", "name"] and "".join(self._text).strip():
            self.labels.append("".join(self._text).strip())
        self._path.pop()
        if tag == "image" and self._path == ["annotations"]:
            self._keep()

    def close(self) -> None:
        """Ends the document."""

    def _box(self, attributes: dict[str, str]) -> None:
        if float(attributes.get("rotation", "0")) != 0:
            self.left_out["boxes that are turned"] += 1
            return
        name = attributes.get("label", "").strip()
        if not name:
            raise InputError(f"image {one_line(self._image.get('name', ''), 80)}: a box without a label")
        sides = box_sides("box", f"of {one_line(name, 40)}", [attributes.get(side) for side in SIDES])
        self._boxes.append(Box.of(name, sides))

    def _keep(self) -> None:
        image = self._image
        if "" in self._tags:
            raise InputError(f"image {one_line(image.get('name', ''), 80)}: a tag without a label")
        told = {key: image.get(f"askew-{key}", "") for key in TOLD}
        size = [image.get(side, "") for side in ("width", "height")]
        whole = all(one.isascii() and one.isdigit() and 0 < len(one) < 7 and int(one) > 0 for one in size)
        plain: dict[str, Any] = {
            "name": image.get("name", ""),
            "size": (int(size[0]), int(size[1])) if whole else None,
            **{key: told[key] for key in ("who", "at", "hash")},
        }
        guess = told["guess"] == "1"
        rows = [Row(**plain, kind="class", class_name=name, guess=guess) for name in dict.fromkeys(self._tags)]
        if self._boxes:
            rows.append(Row(**plain, kind="boxes", boxes=tuple(self._boxes), guess=guess))
        self.rows += rows or [Row(**plain, kind=told["kind"] or "none", guess=guess)]
