"""A project that asks for boxes, as a user types its commands: what each does, or says in one line to do instead."""

from __future__ import annotations

import json
from pathlib import Path
from threading import Event, Timer
from typing import Any

import pytest

pytest.importorskip("sqlalchemy")
pytest.importorskip("torch")
pytest.importorskip("timm")

from tests.project.birds import COLOURS, paint

from askew.cli.main import main
from askew.project.asking import Exhausted, ask
from askew.project.folder import open_project
from askew.project.items import item
from askew.project.labels import Answer, record
from askew.project.questions import open_questions, rounds
from askew.project.watch import BOXES, step, watch

CLASSES = ",".join(COLOURS)


@pytest.fixture
def film(tmp_path: Path, word: str, capsys: Any) -> Path:
    """A project of nine pictures that asks for boxes, as `askew init --boxes` makes it."""
    paint(tmp_path / "frames", 9)
    words = ["--images", str(tmp_path / "frames"), "--classes", CLASSES, "--features", word]
    assert main(["init", str(tmp_path / "film"), *words, "--boxes"]) == 0
    out, err = capsys.readouterr()
    assert "FILE --ask, with what a detector found" in out
    assert "kept to measure" not in err
    return tmp_path / "film"


def found(film: Path, n: int = 3) -> Path:
    """What a detector found in the first n pictures, as COCO: a box in each, one suspected, and one missed."""
    images, annotations = [], []
    for number, path in enumerate(sorted((film.parent / "frames").iterdir())[:n], start=1):
        images.append({"id": number, "file_name": path.name, "width": 24, "height": 24})
        for left, kind in ((0, "kept"), (6, "suspected"), (12, "missed")):
            box = {"bbox": [left, 2, 5, 9], "category_id": 1, "score": 0.5, "attributes": {"askew": kind}}
            annotations.append({"id": len(annotations) + 1, "image_id": number, **box})
    document = {"images": images, "annotations": annotations, "categories": [{"id": 1, "name": "heron"}]}
    (film.parent / "found.json").write_text(json.dumps(document))
    return film.parent / "found.json"


def answer(film: Path, *boxes: list[float]) -> None:
    """Answers the first open question with boxes of herons."""
    project = open_project(film)
    first = open_questions(project.store)[0]
    detail = json.dumps([{"class": "heron", "box": box} for box in boxes])
    record(project.store, [Answer(first.item_id, "boxes", detail=detail, who="ann", question_id=first.id)])
    project.close()


def test_query_asks_for_boxes_of_pictures_that_cover_the_others(film: Path, capsys: Any) -> None:
    assert main(["query", str(film), "-n", "4"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("round 1: 4 questions by maxherding. Boxes are asked, and no model of them is here")
    project = open_project(film)
    asked = open_questions(project.store)
    assert [(one.detail, one.guess) for one in asked] == [("[]", None)] * 4
    assert all(one.reason.startswith("covers ") for one in asked)
    project.close()
    answer(film, [1, 1, 9, 9])
    assert main(["query", str(film), "-n", "9"]) == 0
    assert "round 2: 5 questions" in capsys.readouterr().out, "what has boxes or is asked already is not asked again"


def test_the_pictures_that_are_asked_differ_as_the_classes_do(film: Path) -> None:
    project = open_project(film)
    ask(project, 3)
    places = [item(project.store, one.item_id).path for one in open_questions(project.store)]
    assert {str(path.stem).split("-")[1] for path in places if path} == set(COLOURS)
    project.close()


@pytest.mark.parametrize("command", [["train"], ["predict", "--out", "labels.csv"], ["report"]])
def test_what_needs_a_model_of_classes_says_what_to_do_instead(film: Path, command: list[str], capsys: Any) -> None:
    assert main([command[0], str(film), *command[1:]]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    assert "no model of askew learns them: askew export" in err
    assert not (film / "report").exists()


def test_status_says_how_right_the_detector_was(film: Path, capsys: Any) -> None:
    assert main(["status", str(film)]) == 0
    assert f"next: askew import {film} FILE --ask" in capsys.readouterr().out
    assert main(["import", str(film), str(found(film)), "--ask"]) == 0
    answer(film, [0, 2, 5, 11], [12, 2, 17, 11])  # as suspected
    answer(film, [0, 2, 5, 13], [6, 2, 11, 11], [18, 12, 23, 23])  # one moved, the suspicion wrong, another one drawn
    capsys.readouterr()
    assert main(["status", str(film)]) == 0
    told = capsys.readouterr().out
    assert told.splitlines()[:5] == [
        f"{film}: 9 pictures, 2 labelled (22.2%)",
        "  5 boxes in 2 pictures, 1 of them added",
        "  2 detected: 1 kept, 1 changed, 0 out",
        "  2 probably wrong: 1 kept, 0 changed, 1 out",
        "  2 probably missed: 1 kept, 0 changed, 1 out",
    ]
    assert "model: none yet" not in told
    assert f"next: askew label {film}" in told
    answer(film)
    assert main(["status", str(film), "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["reviewed"]["fates"]["missed"] == {"kept": 1, "changed": 0, "out": 2}
    assert said["next"] == f"askew export {film} --to coco --out boxes.json"


def test_watch_asks_where_people_draw_all_boxes(film: Path) -> None:
    project = open_project(film)
    assert step(project)
    assert not step(project)
    asked = open_questions(project.store)
    for one in asked[: len(asked) // 2 + 1]:
        record(project.store, [Answer(one.item_id, "boxes", detail="[]", who="ann", question_id=one.id)])
    with pytest.raises(Exhausted, match="of 9 pictures 5 are labelled, 4 are asked already"):
        step(project)
    project.close()


def test_watch_leaves_the_boxes_of_a_file_alone(film: Path) -> None:
    assert main(["import", str(film), str(found(film)), "--ask"]) == 0
    for _ in range(3):
        answer(film)
    project = open_project(film)
    stop, told = Event(), list[Any]()
    Timer(0.5, stop.set).start()
    watch(project, stop, told=told.append, poll_s=0.05)
    assert told == [BOXES]
    assert len(rounds(project.store)) == 1
    project.close()


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["--test-share", "0.2"], "--test-share: no model learns boxes here"),
        (["--labels-from-folders"], "--boxes: class folders and tables of classes hold no boxes"),
    ],
)
def test_options_about_classes_are_refused(tmp_path: Path, word: str, words: list[str], line: str, capsys: Any) -> None:
    paint(tmp_path / "frames", 3)
    given = ["--images", str(tmp_path / "frames"), "--classes", CLASSES, "--features", word, "--boxes", *words]
    assert main(["init", str(tmp_path / "film"), *given]) == 2
    assert line in capsys.readouterr().err
    assert not (tmp_path / "film").exists()


def test_a_task_that_is_none_is_refused(film: Path, capsys: Any) -> None:
    config = film / "askew.toml"
    config.write_text(config.read_text().replace('task = "boxes"', 'task = "boxen"'))
    assert main(["status", str(film)]) == 2
    assert "unknown task 'boxen'" in capsys.readouterr().err
