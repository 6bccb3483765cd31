"""Boxes to a server and back: the stand-in, and Label Studio itself where it is installed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.project.label_studio.conftest import CLASSES, Person
from tests.project.label_studio.standin import EMAIL

from askew.errors import InputError
from askew.project.exchange.boxes import detail_of
from askew.project.exchange.rows import Box
from askew.project.folder import Project, create
from askew.project.label_studio.client import Server
from askew.project.label_studio.pull import pull
from askew.project.label_studio.push import push
from askew.project.labels import current
from askew.project.questions import NewQuestion, put
from askew.project.scan import scan

FOUND = (
    Box("heron", 1, 2, 7, 8, 0.75),
    Box(CLASSES[1], 6, 1, 11, 5, 0.4, "suspected"),
    Box("heron", 0, 0, 3, 9, 0.5, "missed"),
)


@pytest.fixture
def film(project: Project, tmp_path: Path) -> Iterator[Project]:
    """A project of the same six pictures of 12 × 9 px that asks for boxes: of item 4 three were found, of 2 none."""
    made = create(tmp_path / "film", images=[tmp_path / "photos"], classes=CLASSES, task="boxes")
    scan(made.store, made.config.images, test_share=0.0)
    asked = [NewQuestion(4, detail=detail_of(FOUND)), NewQuestion(2, detail="[]")]
    put(made.store, asked, strategy="import:coco", n_labeled=0, seed=0)
    yield made
    made.close()


def boxes(project: Project) -> dict[int, Any]:
    found = current(project.store).items()
    return {item: [(b["class"], b["box"]) for b in json.loads(one.detail or "null")] for item, one in found}


def rectangle(name: str, x: float, y: float, width: float, height: float) -> dict[str, Any]:
    value = {"x": x, "y": y, "width": width, "height": height, "rotation": 0, "rectanglelabels": [name]}
    about = {"original_width": 12, "original_height": 9, "image_rotation": 0}
    return {"from_name": "label", "to_name": "image", "type": "rectanglelabels", **about, "value": value}


def test_boxes_are_pre_annotations_and_come_back_as_boxes(
    film: Project, server: Server, person: Person, title: str
) -> None:
    done = push(film, server, title)
    assert (done.made, done.new, done.left_out) == (True, 2, ())
    first, second = person.tasks(title)
    shown = first["predictions"][0]["result"]
    assert [(one["value"]["rectanglelabels"], one.get("score")) for one in shown] == [
        (["heron"], 0.75),
        (["heron"], 0.5),
    ]
    assert shown[0]["value"]["x"] == pytest.approx(100 / 12, abs=1e-5)
    assert second["predictions"][0]["result"] == []
    again = push(film, server, title)
    assert (again.new, again.told_anew, again.as_before) == (0, 0, 2), "the server changes nothing of a prediction"
    drawn = person.draw(first["id"], [*shown, rectangle(CLASSES[1], 50, 0, 25, 100)])
    person.draw(second["id"], [])
    pulled = pull(film, server, title)
    assert (len(pulled.labels), pulled.odd, pulled.empty) == (2, 0, 0)
    assert {one.who for one in pulled.labels} == {EMAIL}
    assert boxes(film)[4] == [
        ("heron", pytest.approx([1, 2, 7, 8], abs=1e-4)),
        ("heron", pytest.approx([0, 0, 3, 9], abs=1e-4)),
        (CLASSES[1], [6, 0, 9, 9]),
    ]
    assert boxes(film)[2] == []
    assert pull(film, server, title).labels == ()
    person.redraw(drawn, [rectangle("heron", 0, 0, 50, 50)])
    assert [one.item_id for one in pull(film, server, title).labels] == [4]
    assert boxes(film)[4] == [("heron", [0, 0, 6, 4.5])]


def test_a_project_of_classes_there_is_left_alone(project: Project, film: Project, server: Server, title: str) -> None:
    push(project, server, title)
    with pytest.raises(InputError, match="no project that askew made for boxes"):
        push(film, server, title)
