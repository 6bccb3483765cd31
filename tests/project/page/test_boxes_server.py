"""Boxes over HTTP: what is asked comes with its boxes, what is answered is checked, and comes out as COCO."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("httpx")

from starlette.testclient import TestClient

from askew.project.exchange.giving import give, labels_of
from askew.project.items import all_items
from askew.project.labels import current, history
from askew.project.page.guard import Door
from askew.project.page.server import page_app
from askew.project.questions import NewQuestion, put

TOKEN = "a-token-of-the-tests-0123456789"
GUESSED = [
    {"class": "three", "box": [4, 5, 30, 40], "score": 0.9},
    {"class": "one", "box": [40, 5, 60, 20], "score": 0.4, "kind": "suspected"},
]
Small = Any  # a project of conftest.py


@pytest.fixture
def client(make: Any) -> Iterator[tuple[Small, TestClient]]:
    small = make(n=6, test_share=0.5)
    ids = [one.id for one in all_items(small.project.store)]
    found = [NewQuestion(one, reason="2 boxes", detail=json.dumps(GUESSED)) for one in ids[:4]]
    put(small.project.store, [*found, NewQuestion(ids[4])], strategy="import:coco", n_labeled=0, seed=0)
    app = page_app(small.project.store, name="digits", door=Door(TOKEN))
    headers = {"Authorization": f"Bearer {TOKEN}"}
    with TestClient(app, base_url="http://localhost:8427", headers=headers, raise_server_exceptions=False) as made:
        yield small, made


def asked(client: TestClient) -> list[dict[str, Any]]:
    return list(client.post("/api/next", json={"who": "ann", "n": 9}).json()["questions"])


def body(question: dict[str, Any], boxes: Any, key: str = "key-0001") -> dict[str, Any]:
    told = {"who": "ann", "question": question["question"], "item": question["item"], "key": key}
    return {**told, "kind": "boxes", "boxes": boxes}


def test_boxes_are_asked_and_an_answer_is_a_label_of_boxes(client: tuple[Small, TestClient], tmp_path: Path) -> None:
    small, http = client
    first, second, *_ = asked(http)
    assert first["detail"] == GUESSED
    boxes = [{"class": "two", "box": [0, 0.5, 64, 63.25]}, {"class": "three", "box": [4, 5, 30, 40]}]
    assert http.post("/api/answer", json=body(first, boxes)).status_code == 200
    assert http.post("/api/answer", json=body(second, [], "key-0002")).status_code == 200
    rows = history(small.project.store)
    assert [(row.kind, row.who, row.how) for row in rows] == [("boxes", "ann", "page")] * 2
    assert [json.loads(row.detail or "") for row in rows] == [boxes, []]
    give(small.project, labels_of(small.project), "coco", tmp_path / "out.json")
    out = json.loads((tmp_path / "out.json").read_text())
    names = {one["id"]: one["name"] for one in out["categories"]}
    assert [(names[one["category_id"]], one["bbox"]) for one in out["annotations"]] == [
        ("two", [0, 0.5, 64, 62.75]),
        ("three", [4, 5, 26, 35]),
    ]
    assert len(out["images"]) == 2
    assert all("score" not in one for one in out["annotations"])


def test_undo_asks_the_boxes_again(client: tuple[Small, TestClient]) -> None:
    small, http = client
    first = asked(http)[0]
    http.post("/api/answer", json=body(first, []))
    http.post("/api/undo", json={"who": "ann", "key": "key-0001"})
    assert current(small.project.store) == {}
    assert first["question"] in {one["question"] for one in asked(http)}


BAD = [
    (None, "expected a list"),
    ({}, "expected a list"),
    ([{"class": "one", "box": [1, 1, 2, 2]}] * 501, "at most 500"),
    ([{"class": "four hundred", "box": [1, 1, 2, 2]}], "unknown class"),
    ([{"class": "one", "box": [1, 1, 1, 2]}], "left < right"),
    ([{"class": "one", "box": [-1, 1, 3, 2]}], "within the picture of 64 x 64 px"),
    ([{"class": "one", "box": [1, 1, 64.01, 2]}], "within the picture of 64 x 64 px"),
    ([{"class": "one", "box": [9, 1, 3, 2]}], "left <= right"),
    ([{"class": "one", "box": [1, 1, 2]}], "four sides"),
    ([{"class": "one", "box": [1, 1, 2, True]}], "four sides"),
    ([{"class": "one", "box": ["1", 1, 2, 2]}], "four sides"),
    ([{"class": ["one"], "box": [1, 1, 2, 2]}], "four sides"),
    ([{"class": "one", "box": [1, 1, 2, 2], "score": 0.5}], "a class and a box"),
    ([7], "a class and a box"),
]


@pytest.mark.parametrize(("boxes", "why"), BAD)
def test_boxes_that_cannot_be_are_refused_in_one_line(client: tuple[Small, TestClient], boxes: Any, why: str) -> None:
    small, http = client
    reply = http.post("/api/answer", json=body(asked(http)[0], boxes))
    assert (reply.status_code, history(small.project.store)) == (400, [])
    assert why in reply.json()["error"]
    assert len(reply.json()["error"].splitlines()) == 1


@pytest.mark.parametrize("number", ["NaN", "Infinity", "1e999", "1" * 400])
def test_numbers_that_are_none_are_refused(client: tuple[Small, TestClient], number: str) -> None:
    small, http = client
    text = json.dumps(body(asked(http)[0], [{"class": "one", "box": [1, 1, 2, 3.5]}])).replace("3.5", number)
    reply = http.post("/api/answer", content=text, headers={"Content-Type": "application/json"})
    assert (reply.status_code, history(small.project.store)) == (400, [])


def test_a_question_for_a_class_takes_no_boxes(client: tuple[Small, TestClient]) -> None:
    _, http = client
    question = next(one for one in asked(http) if one["detail"] is None)
    reply = http.post("/api/answer", json=body(question, []))
    assert reply.status_code == 400
    assert "asks for a class" in reply.json()["error"]
