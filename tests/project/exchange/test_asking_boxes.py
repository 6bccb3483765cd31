"""`askew import --ask`: a detector's boxes become questions, never labels, and come back as COCO."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from threading import Event, Timer
from typing import Any

import numpy as np
import pytest

from askew.boxes import Detections
from askew.cli.main import main
from askew.errors import InputError
from askew.export.preannotation import Guess, preannotations
from askew.project import questions, watch
from askew.project.exchange import coco, csv_file, cvat, voc, yolo
from askew.project.exchange.asking import ask_about
from askew.project.exchange.boxes import boxes_of, detail_of
from askew.project.exchange.formats import read
from askew.project.exchange.giving import give, labels_of, questions_of
from askew.project.exchange.rows import Box, Content, Row
from askew.project.exchange.taking import Rules, take
from askew.project.folder import Project, create
from askew.project.items import all_items
from askew.project.labels import Answer, current, history, record
from askew.project.scan import scan


def detections(*boxes: list[float]) -> Detections:
    sides = np.array(boxes, dtype=np.float64).reshape(-1, 4)
    return Detections(sides, np.full(len(sides), 0.8), np.zeros(len(sides), dtype=np.int64))


def found(project: Project, name: str = "found.json") -> Path:
    """Writes what `askew video pick` writes of two frames, the second without a box."""
    two = detections([1, 2, 11, 12], [20, 5, 30, 25])
    first = Guess("frames/a.png", "clip", 0, 40, 30, two, np.array([False, True]), detections([5, 6, 9, 29]))
    empty = Guess("frames/b.png", "clip", 9, 40, 30, detections(), np.zeros(0, dtype=bool), detections())
    path = project.folder.parent / name
    path.write_text(preannotations([first, empty], ["heron"], "coco"))
    return path


def names(project: Project) -> dict[int, str]:
    return {one.id: one.path.name for one in all_items(project.store) if one.path}


def test_guessed_boxes_become_questions_and_no_labels(project: Project) -> None:
    out = ask_about(project, found(project))
    assert history(project.store) == []
    asked = questions.open_questions(project.store)
    assert [names(project)[one.item_id] for one in asked] == ["a.png", "b.png"]
    assert [one.reason for one in asked] == [
        "3 boxes: 1 probably wrong, 1 probably missed by the detector",
        "no box was found",
    ]
    boxes = boxes_of(asked[0].detail)
    assert [(box.sides, box.kind) for box in boxes] == [
        ((1, 2, 11, 12), "detected"),
        ((20, 5, 30, 25), "suspected"),
        ((5, 6, 9, 29), "missed"),
    ]
    assert boxes_of(asked[1].detail) == ()
    assert out.round is not None
    assert (out.round.strategy, out.round.n) == ("import:coco", 2)


def test_the_same_file_twice_asks_nothing_more_and_labels_are_left_alone(project: Project) -> None:
    ask_about(project, found(project))
    again = ask_about(project, found(project))
    assert (again.round, again.same) == (None, 2)
    item = questions.open_questions(project.store)[0].item_id
    record(project.store, [Answer(item, "boxes", detail="[]", who="ann")])
    later = ask_about(project, found(project))
    assert (later.round, later.same) == (None, 1)
    assert list(later.told.values()) == [["frames/a.png"]]


def test_what_is_thought_of_a_box_goes_out_as_coco_and_comes_back(project: Project, tmp_path: Path) -> None:
    ask_about(project, found(project))
    give(project, questions_of(project), "coco", tmp_path / "open.json")
    _, content = read(tmp_path / "open.json", None)
    assert [box.kind for box in content.rows[0].boxes] == ["detected", "suspected", "missed"]
    assert ask_about(project, tmp_path / "open.json").same == 2


BOXES = (Box("heron", 1, 2, 11, 12), Box("gull", 20, 5, 30, 25))


def written(kind: str, where: Path, *, zipped: bool) -> Path:
    """Writes a detector's boxes of two pictures, the second without any, in a format; maybe as an archive."""
    size, sure = (40, 30), tuple(replace(box, score=0.5) for box in BOXES)
    guess = kind not in ("voc", "cvat")  # these have no place for a confidence, so theirs read as a person's
    first = Row("a.png", "boxes", boxes=sure if guess else BOXES, size=size, guess=guess)
    content = Content((first, Row("b.png", "boxes", size=size)), ("heron", "gull"))
    writers = {"csv": csv_file.write, "coco": coco.write, "cvat": cvat.write, "voc": voc.write, "yolo": yolo.write}
    said = writers[kind](content)
    alone = {"csv": "a.csv", "coco": "a.json", "cvat": "annotations.xml"}
    files = said if isinstance(said, dict) else {alone[kind]: said}
    for name, text in files.items():
        place = where / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text, encoding="utf-8")
    if zipped:
        return Path(shutil.make_archive(str(where), "zip", where))
    return where if len(files) > 1 else where / next(iter(files))


@pytest.mark.parametrize("zipped", [False, True])
@pytest.mark.parametrize("kind", ["csv", "coco", "cvat", "voc", "yolo"])
def test_boxes_of_every_format_become_questions(project: Project, tmp_path: Path, kind: str, zipped: bool) -> None:
    path = written(kind, tmp_path / "from-tool", zipped=zipped)
    out = ask_about(project, path)
    assert (out.format, out.told) == (kind, {})
    asked = questions.open_questions(project.store)
    assert [names(project)[one.item_id] for one in asked] == ["a.png", "b.png"]
    assert [one.reason for one in asked] == ["2 boxes", "no box was found"]
    assert [(box.class_name, box.sides) for box in boxes_of(asked[0].detail)] == [
        (b.class_name, b.sides) for b in BOXES
    ]
    assert history(project.store) == []
    assert ask_about(project, path).same == 2


def test_what_video_pick_writes_for_cvat_is_asked_about_too(project: Project, tmp_path: Path) -> None:
    two = detections([1, 2, 11, 12], [20, 5, 30, 25])
    frame = Guess("frames/a.png", "clip", 0, 40, 30, two, np.array([False, True]), detections([5, 6, 9, 29]))
    (tmp_path / "preannotations.xml").write_text(preannotations([frame], ["heron"], "cvat"))
    ask_about(project, tmp_path / "preannotations.xml")
    (asked,) = questions.open_questions(project.store)
    assert [box.sides for box in boxes_of(asked.detail)] == [(1, 2, 11, 12), (20, 5, 30, 25), (5, 6, 9, 29)]


def test_what_label_studio_writes_says_the_way(project: Project, tmp_path: Path) -> None:
    (tmp_path / "export.json").write_text('[{"id": 1, "annotations": [], "data": {}}]')
    with pytest.raises(InputError, match="export COCO there, or take its answers by askew label-studio pull"):
        ask_about(project, tmp_path / "export.json")


@pytest.mark.parametrize("kind", ["csv", "coco", "cvat", "voc", "yolo"])
def test_boxes_that_people_drew_go_through_every_format_into_another_project(
    project: Project, tmp_path: Path, kind: str
) -> None:
    ask_about(project, found(project))
    first, second = questions.open_questions(project.store)
    drawn = detail_of(BOXES)
    record(project.store, [Answer(first.item_id, "boxes", detail=drawn, who="ann", question_id=first.id)])
    record(project.store, [Answer(second.item_id, "boxes", detail="[]", who="ann", question_id=second.id)])
    out = tmp_path / {"csv": "a.csv", "coco": "a.json", "cvat": "a.xml"}.get(kind, kind)
    give(project, labels_of(project), kind, out)
    other = create(tmp_path / "other", images=project.config.images, classes=["heron", "gull"], task="boxes")
    scan(other.store, other.config.images, test_share=0.0)
    take(other, out, rules=Rules())
    came = {names(other)[item]: boxes_of(one.detail) for item, one in current(other.store).items()}
    other.close()
    assert came == {"a.png": BOXES, "b.png": ()}


def test_a_class_that_the_project_does_not_have_is_refused_or_added(project: Project) -> None:
    path = found(project)
    path.write_text(path.read_text().replace("heron", "stork"))
    with pytest.raises(InputError, match="'stork': pass --add-classes"):
        ask_about(project, path)
    assert questions.rounds(project.store) == []
    assert len(ask_about(project, path, add_classes=True).questions) == 2


def test_the_command_asks_and_says_so(project: Project, capsys: Any) -> None:
    path = found(project)
    assert main(["import", str(project.folder), str(path), "--ask"]) == 0
    assert "coco, 2 questions; next: askew label" in capsys.readouterr().err
    assert main(["import", str(project.folder), str(path), "--ask", "--guesses"]) == 2
    assert "--guesses is about labels, and --ask takes none" in capsys.readouterr().err
    assert current(project.store) == {}


def test_watch_does_not_learn_boxes_and_says_so_once(project: Project) -> None:
    ask_about(project, found(project))
    for one in questions.open_questions(project.store):
        record(project.store, [Answer(one.item_id, "boxes", detail="[]", who="ann", question_id=one.id)])
    told: list[Any] = []
    stop = Event()
    Timer(0.5, stop.set).start()
    watch.watch(project, stop, told=told.append, poll_s=0.05)
    assert told == [watch.BOXES]
    assert len(questions.rounds(project.store)) == 1


@pytest.mark.parametrize("kind", ["sure", 7, ["missed"]])
def test_a_kind_of_box_that_is_none_is_refused(kind: Any) -> None:
    with pytest.raises(InputError, match="kind of box"):
        boxes_of(json.dumps([{"class": "heron", "box": [1, 2, 3, 4], "kind": kind}]))
