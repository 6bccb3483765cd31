"""Rows to a file and back: nothing that the format holds is lost, whatever the names, boxes and classes."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from posixpath import splitext

import pytest

pytest.importorskip("PIL")
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from askew.project.exchange import coco, csv_file, cvat, voc, yolo
from askew.project.exchange.rows import Box, Content, Holds, Row, fitting, in_pixels

LETTERS = st.characters(exclude_categories=("Cc", "Cs", "Zl", "Zp", "Cn"), exclude_characters="/")
PARTS = st.text(LETTERS, min_size=1, max_size=9).filter(lambda part: part not in (".", ".."))
NAMES = st.builds(
    lambda parts, ending: "/".join(parts) + ending,
    st.lists(PARTS, min_size=1, max_size=3),
    st.sampled_from([".jpg", ".PNG"]),
).filter(lambda name: splitext(name)[1] != "" and not (name[1:2] == ":" and name[0].isalpha()) and "\\" not in name)
CLASSES = st.text(LETTERS, min_size=1, max_size=9).map(str.strip).filter(bool)
TEXTS = st.text(LETTERS, max_size=9)
SCORES = st.floats(0, 1)


@st.composite
def rows(draw: st.DrawFn, name: str) -> Row:
    width, height = draw(st.tuples(st.integers(1, 20_000), st.integers(1, 20_000)))
    kind = draw(st.sampled_from(["class", "boxes", "cannot_tell", "none"]))
    guess = kind in ("class", "boxes") and draw(st.booleans())
    row = Row(name, size=(width, height), who=draw(TEXTS), at=draw(TEXTS), hash=draw(TEXTS), reason=draw(TEXTS))
    if kind == "class":
        score = draw(st.none() | SCORES) if guess else None
        return replace(row, kind=kind, class_name=draw(CLASSES), guess=guess, score=score)
    boxes = []
    for _ in range(draw(st.integers(0, 4)) if kind == "boxes" else 0):
        x = sorted(draw(st.tuples(st.integers(0, width * 10_000), st.integers(0, width * 10_000))))
        y = sorted(draw(st.tuples(st.integers(0, height * 10_000), st.integers(0, height * 10_000))))
        sides = [value / 10_000 for value in (x[0], y[0], x[1], y[1])]
        boxes.append(Box.of(draw(CLASSES), sides, draw(st.none() | SCORES) if guess else None))
    return replace(row, kind=kind, boxes=tuple(boxes), guess=guess)


@st.composite
def contents(draw: st.DrawFn) -> Content:
    names = draw(st.lists(NAMES, max_size=5, unique_by=lambda name: splitext(name)[0]))
    return Content(tuple(draw(rows(name)) for name in names), tuple(draw(st.lists(CLASSES, max_size=3, unique=True))))


def to_file(
    write: Callable[[Content], str], read: Callable[[Path], Content], suffix: str
) -> Callable[[Content], Content]:
    def there_and_back(content: Content) -> Content:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / f"labels{suffix}"
            path.write_text(write(content), encoding="utf-8")
            return read(path)

    return there_and_back


def to_folder(
    write: Callable[[Content], dict[str, str]], read: Callable[[Path], Content]
) -> Callable[[Content], Content]:
    def there_and_back(content: Content) -> Content:
        with tempfile.TemporaryDirectory() as folder:
            for name, text in write(content).items():
                path = Path(folder) / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text, encoding="utf-8")
            return read(Path(folder)) if content.rows else Content(())

    return there_and_back


ROUTES = {
    "csv": (csv_file.HOLDS, to_file(csv_file.write, csv_file.read, ".csv")),
    "coco": (coco.HOLDS, to_file(coco.write, coco.read, ".json")),
    "cvat": (cvat.HOLDS, to_file(cvat.write, cvat.read, ".xml")),
    "voc": (voc.HOLDS, to_folder(voc.write, voc.read)),
    "yolo": (replace(yolo.HOLDS, size=True), to_folder(yolo.write, yolo.read)),
}


@pytest.mark.parametrize("route", ROUTES)
@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(content=contents())
@example(content=Content((Row("=1+1.jpg", "class", "@SUM(A1)", who="'-x", at="+1"), Row("'=a.jpg", "class", "'=b"))))
@example(
    content=Content((Row(" a b .jpg", "boxes", size=(3, 2)), Row("labels/labels/train.jpg", "boxes", size=(3, 2))))
)
@example(content=Content((Row("classes.jpg", "boxes", size=(1, 1)), Row("a\u0301ä&<>\"'.jpg", "boxes", size=(1, 1)))))
def test_what_a_format_holds_comes_back(route: str, content: Content) -> None:
    holds, there_and_back = ROUTES[route]
    given = fitting(content, holds)
    back = there_and_back(given)
    sizes = {row.name: row.size for row in given.rows}
    found = [replace(in_pixels(row, sizes[row.name]), size=sizes[row.name]) for row in back.rows]
    assert sorted(found, key=lambda row: row.name) == sorted(given.rows, key=lambda row: row.name)
    assert not back.left_out


def test_what_a_format_does_not_hold_is_counted() -> None:
    boxes = Row("a.jpg", "boxes", boxes=(Box.of("car", (0, 0, 1, 1)),), size=(4, 4))
    guess = Row("d.jpg", "boxes", boxes=(Box.of("car", (0, 0, 1, 1), 0.5),), guess=True)
    unsure = Row("e.jpg", "boxes", boxes=(Box.of("car", (0, 0, 1, 1)),), guess=True)
    content = Content((boxes, Row("b.jpg", "cannot_tell"), Row("c.jpg", "class", "car"), guess, unsure))
    told = fitting(content, voc.HOLDS)
    assert [row.name for row in told.rows] == ["a.jpg"]
    assert told.left_out == {
        "pictures of which nobody can tell": 1,
        "pictures with one class": 1,
        "guesses of the model": 2,
    }
    assert fitting(content, yolo.HOLDS).left_out["guesses without a confidence"] == 1
    assert fitting(content, Holds(frozenset(("boxes",)), empty=False)).left_out["pictures with one class"] == 1


def test_boxes_are_kept_to_a_ten_thousandth_of_a_pixel() -> None:
    assert Box.of("car", (1 / 3, 0, 2 / 3, 1)) == Box("car", 0.3333, 0.0, 0.6667, 1.0)
