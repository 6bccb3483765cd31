"""Labels, questions and predictions out, in each format; nothing that is there is written over."""

from __future__ import annotations

import os
import shutil
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from askew.data.reading import reading
from askew.errors import InputError, one_line, unknown
from askew.files import output_folder, write_whole
from askew.project.exchange import coco, csv_file, cvat, fiftyone, folders, voc, yolo
from askew.project.exchange.boxes import boxes_of
from askew.project.exchange.formats import FORMATS, WRITTEN
from askew.project.exchange.matching import Place, relative_names
from askew.project.exchange.places import places_of
from askew.project.exchange.rows import Content, Row, fitting
from askew.project.folder import Project
from askew.project.labels import current
from askew.project.questions import open_questions
from askew.project.store import class_names

if TYPE_CHECKING:
    from askew.project.predicting import Prediction

PICTURES = ("copy", "link")

IMAGES = {"yolo": "images", "voc": "JPEGImages", "fiftyone": "data", "folders": ""}
"""Where each format that is a folder has its pictures."""


def labels_of(project: Project) -> Content:
    """Returns the present label of every item that has one."""
    names, sizes = _items(project)
    rows = []
    for item_id, label in sorted(current(project.store).items()):
        boxes = boxes_of(label.detail) if label.kind == "boxes" else ()
        told = Row(names[item_id], size=sizes[item_id].size, hash=sizes[item_id].hash, who=label.who, at=label.at)
        rows.append(replace(told, kind=label.kind, class_name=label.class_name, boxes=boxes))
    return Content(tuple(rows), class_names(project.store))


def questions_of(project: Project) -> Content:
    """Returns the open questions with what the model guesses, the first to ask first; each item once."""
    names, items = _items(project)
    rows: dict[int, Row] = {}
    for one in open_questions(project.store):
        plain = Row(names[one.item_id], size=items[one.item_id].size, hash=items[one.item_id].hash, reason=one.reason)
        boxes = boxes_of(one.detail) if one.detail is not None else ()
        guess = plain
        if boxes:
            guess = replace(plain, kind="boxes", boxes=boxes, guess=True)
        elif one.guess is not None:
            guess = replace(plain, kind="class", class_name=one.guess, score=one.confidence, guess=True)
        rows.setdefault(one.item_id, guess)
    return Content(tuple(rows.values()), class_names(project.store))


def predictions_of(project: Project, predictions: Sequence[Prediction]) -> Content:
    """Returns what people say of pictures, and of the others what the model predicts, as guesses; each item once."""
    labels = labels_of(project)
    names, items = _items(project)
    said = {row.name for row in labels.rows if row.kind != "cannot_tell"}
    number = {place.path: place.item_id for place in places_of(project.store)}
    rows = {row.name: row for row in labels.rows if row.name in said}
    for one in predictions:
        name, place = names[number[one.path]], items[number[one.path]]
        told = Row(name, size=place.size, hash=place.hash)
        if one.source == "model" and name not in said:
            rows[name] = replace(told, kind="class", class_name=one.class_name, score=one.confidence, guess=True)
    return Content(tuple(rows.values()), labels.classes)


def _items(project: Project) -> tuple[dict[int, str], dict[int, Place]]:
    """Returns how each item is called outside, and a file of each: one that is there, if any is."""
    found: dict[int, Place] = {}
    for place in places_of(project.store):
        if place.item_id not in found or (found[place.item_id].gone and not place.gone):
            found[place.item_id] = place
    return outside_names(found, [str(folder) for folder in project.config.images]), found


def outside_names(places: Mapping[int, Place], folders: Sequence[str]) -> dict[int, str]:
    """Returns a name for each item: its path relative to a folder of the project, with more before it if it is twice.

    >>> places = [Place(i, "", (1, 1), path) for i, path in enumerate(["/p/a.jpg", "/q/a.jpg", "/p/b.jpg"])]
    >>> outside_names(dict(enumerate(places)), ["/p", "/q"])
    {0: 'p/a.jpg', 1: 'q/a.jpg', 2: 'b.jpg'}
    """
    parts = {number: Path(place.path).as_posix().lstrip("/").split("/") for number, place in places.items()}
    length = {}
    for number, place in places.items():
        names = relative_names(place.path, folders)
        length[number] = names[-1].count("/") + 1 if names else 1
    while True:
        called = {number: "/".join(parts[number][-length[number] :]) for number in parts}
        shared = {name for name, count in Counter(called.values()).items() if count > 1}
        grown = [number for number, name in called.items() if name in shared and length[number] < len(parts[number])]
        if not grown:
            return called
        for number in grown:
            length[number] += 1


def only(content: Content, kind: str | None) -> Content:
    """Returns the rows of one kind ("class" or "boxes"), and those that say neither; all without a kind."""
    if kind is None:
        return content
    return replace(content, rows=tuple(row for row in content.rows if row.kind in (kind, "cannot_tell", "none")))


def give(project: Project, content: Content, kind: str, out: Path, *, pictures: str | None = None) -> Content:
    """Writes rows to a new file or folder and returns what was written; `left_out` says what the format does not hold.

    Args:
        project: whose pictures they are of.
        content: see `labels_of` and `questions_of`.
        kind: the format.
        out: a name that is not there, or an empty folder.
        pictures: "copy" or "link" puts the pictures into a format that is a folder.

    Raises:
        InputError: an unknown format; `out` is there; nothing that the format holds; or names that it cannot hold.
    """
    if kind not in FORMATS:
        raise unknown("format", kind, WRITTEN)
    if pictures is not None and kind not in IMAGES:
        raise InputError(f"--pictures: {kind} is one file; the pictures stay where they are")
    _check_out(kind, out)
    fit = fitting(content, FORMATS[kind].holds)
    if not fit.rows:
        why = "; ".join(f"{count} {what}" for what, count in fit.left_out.items()) or "there is none"
        raise InputError(f"{kind} holds nothing of what is to be exported: {why}")
    if FORMATS[kind].suffix:
        _write_file(fit, kind, out)
        return fit
    names, items = _items(project)
    there = {names[number]: Path(place.path) for number, place in items.items() if not place.gone}
    gone = [row.name for row in fit.rows if row.name not in there]
    if gone and (pictures is not None or kind in ("fiftyone", "folders")):
        raise InputError(f"{len(gone)} pictures are gone, first {one_line(gone[0], 80)}: export to csv, coco or cvat")
    _write_folder(fit, kind, out, there, pictures)
    return fit


def _write_file(content: Content, kind: str, out: Path) -> None:
    write = {"csv": csv_file.write, "coco": coco.write, "cvat": cvat.write}[kind]
    write_whole(out, write(content))


def _write_folder(content: Content, kind: str, out: Path, pictures: Mapping[str, Path], how: str | None) -> None:
    goes = {row.name: f"{IMAGES[kind]}/{row.name}" for row in content.rows}
    files: dict[str, str] = {}
    if kind == "folders":
        goes, how = folders.write(content), how or "link"
    elif kind == "fiftyone":
        files = fiftyone.write(content, pictures)
        if how is not None:
            goes = {name: f"{IMAGES[kind]}/{key}" for name, (_, key) in fiftyone.keys(list(goes)).items()}
            del files["data.json"]
    else:
        files = {"voc": voc.write, "yolo": yolo.write}[kind](content)
    with output_folder(out) as folder:
        for name, text in files.items():
            place = folder / name
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(text, encoding="utf-8", newline="")
        for name, goal in goes.items() if how is not None else ():
            _put(pictures[name], folder / goal, link=how == "link")


def _put(source: Path, place: Path, *, link: bool) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    with reading(source):
        if link:
            place.symlink_to(source)
        else:
            shutil.copyfile(source, place)


def _check_out(kind: str, out: Path) -> None:
    suffix = FORMATS[kind].suffix
    if suffix and out.suffix.lower() != suffix:
        raise InputError(f"--out: expected a {suffix} file for {kind}, got {one_line(out)}")
    empty = not suffix and out.is_dir() and not any(out.iterdir())
    if os.path.lexists(out) and not empty:
        raise InputError(f"--out: {one_line(out)} is there already: choose another name")
