"""Annotations become rows of labels: each state of each once."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

pytest.importorskip("sqlalchemy")

from askew.errors import InputError
from askew.project.label_studio.answers import Annotation, annotations_of, deleted, taken, utc
from askew.project.labels import Answer, Label

HASH = "ab" * 32
ITEMS, QUESTIONS, CLASSES = {HASH: 7}, {7: 70}, ("heron", "gull")


def annotation(**more: Any) -> Annotation:
    given = {"id": 3, "project": 1, "task": 5, "hashed": HASH, "who": "ann@example.org", "kind": "class"}
    return Annotation(**{**given, "updated": "2026-01-01T00:00:00.000000Z", "choice": "heron", **more})


def row(answer: Answer, number: int = 1) -> Label:
    said = (answer.kind, answer.class_name, answer.detail, answer.who, answer.how)
    return Label(number, answer.item_id, *said, answer.at or "", answer.question_id, answer.key)


def take(*found: Annotation, rows: tuple[Label, ...] = ()) -> Any:
    return taken(found, items=ITEMS, questions=QUESTIONS, classes=CLASSES, rows=rows)


def task(*found: dict[str, Any], data: Any = None) -> dict[str, Any]:
    return {"id": 5, "project": 1, "data": data or {"image": "x", "askew_item": HASH}, "annotations": list(found)}


def raw(*chosen: str, **more: Any) -> dict[str, Any]:
    result = [{"from_name": "label", "to_name": "image", "type": "choices", "value": {"choices": list(chosen)}}]
    return {"id": 3, "completed_by": 1, "updated_at": "2026-01-01T00:00:00Z", "result": result, **more}


def test_a_class_is_read_with_who_and_when() -> None:
    (found,) = annotations_of(task(raw("gull")), {1: "ann@example.org"})
    assert found == annotation(choice="gull")


def test_the_annotator_is_told_in_each_form_that_the_api_has() -> None:
    forms = [1, {"id": 1, "email": "bob@example.org"}, 9, None]
    found = [annotations_of(task(raw("gull", completed_by=one)), {1: "ann@example.org"})[0].who for one in forms]
    assert found == ["ann@example.org", "bob@example.org", "label-studio-user-9", "label-studio"]


@pytest.mark.parametrize(
    ("one", "kind"),
    [
        (raw("(cannot tell)"), "cannot_tell"),
        (raw("heron", was_cancelled=True), "skip"),
        (raw(), "empty"),
        (raw("heron", "gull"), "empty"),
        (raw("heron") | {"result": []}, "empty"),
        (raw("heron") | {"result": None}, "empty"),
    ],
)
def test_what_is_no_class_is_told_apart(one: dict[str, Any], kind: str) -> None:
    (found,) = annotations_of(task(one), {})
    assert (found.kind, found.choice) == (kind, None)


def test_another_control_beside_ours_is_passed_over() -> None:
    one = raw("heron")
    one["result"].append({"from_name": "mood", "type": "choices", "value": {"choices": ["happy"]}})
    one["result"].append({"from_name": "label", "type": "textarea", "value": {"text": ["hm"]}})
    assert annotations_of(task(one), {})[0].choice == "heron"


def test_a_task_of_others_has_no_answers() -> None:
    assert annotations_of(task(raw("heron"), data={"image": "x"}), {}) == []


def test_times_in_any_form_are_one_text() -> None:
    forms = ["2026-01-01T02:00:00.12+02:00", "2026-01-01T00:00:00.120Z", "2026-01-01T00:00:00.120000999Z"]
    assert {utc(one) for one in forms} == {"2026-01-01T00:00:00.120000Z"}
    assert utc(None) == ""


def test_an_annotation_becomes_a_label_with_all_that_is_known() -> None:
    found = take(annotation())
    assert found.answers == (
        Answer(
            7,
            "class",
            "heron",
            who="ann@example.org",
            how="label-studio",
            question_id=70,
            key="label-studio:1:abababababababab:3:2026-01-01T00:00:00.000000Z",
            at="2026-01-01T00:00:00.000000Z",
        ),
    )


def test_the_same_state_twice_is_nothing_new_and_neither_is_one_that_was_only_touched() -> None:
    (answer,) = take(annotation()).answers
    again = take(annotation(), annotation(updated="2026-01-02T00:00:00.000000Z"), rows=(row(answer),))
    assert (again.answers, again.known) == ((), 2)


def test_a_change_is_a_new_row_and_the_newest_of_several_people_is_the_last() -> None:
    (first,) = take(annotation()).answers
    later = "2026-01-03T00:00:00.000000Z"
    other = annotation(id=4, who="bob@example.org", choice="heron", updated="2026-01-02T00:00:00.000000Z")
    found = take(annotation(choice="gull", updated=later), other, rows=(row(first),))
    assert [(one.who, one.class_name) for one in found.answers] == [
        ("bob@example.org", "heron"),
        ("ann@example.org", "gull"),
    ]


def test_cannot_tell_is_a_label_and_a_skip_is_none() -> None:
    found = take(annotation(kind="cannot_tell", choice=None), annotation(id=4, kind="skip", choice=None))
    assert [(one.kind, one.class_name) for one in found.answers] == [("cannot_tell", None)]
    assert found.skips == ((70, "ann@example.org"),)


def test_an_answer_that_was_turned_into_a_skip_is_taken_back_once_and_can_come_again() -> None:
    (answer,) = take(annotation()).answers
    skip = annotation(kind="skip", choice=None, updated="2026-01-02T00:00:00.000000Z")
    (back,) = take(skip, rows=(row(answer),)).answers
    assert (back.kind, back.who) == ("withdrawn", "ann@example.org")
    rows = (row(answer), row(back, 2))
    assert take(skip, rows=rows).answers == ()
    (again,) = take(replace(annotation(), updated="2026-01-03T00:00:00.000000Z"), rows=rows).answers
    assert again.class_name == "heron"


def test_what_the_project_does_not_have_is_counted_and_not_taken() -> None:
    found = take(
        annotation(choice="kite"),
        annotation(id=4, choice="kite"),
        annotation(id=5, kind="empty", choice=None),
        annotation(id=6, hashed="cd" * 32),
    )
    assert (found.answers, found.unknown, found.empty, found.strange) == ((), {"kite": 2}, 1, 1)


def test_a_deleted_annotation_is_told_unless_its_task_or_its_label_is_gone_too() -> None:
    (answer,) = take(annotation()).answers
    label = row(answer)
    assert deleted([label], [task()], []) == [label]
    assert deleted([label], [task(raw("heron"))], [annotation()]) == []
    assert deleted([label], [], []) == []
    assert deleted([label], [{**task(), "project": 2}], []) == []
    withdrawn = Answer(7, "withdrawn", who="ann@example.org", how="label-studio", key=annotation(updated="z").key)
    assert deleted([label, row(withdrawn, 2)], [task()], []) == []


@pytest.mark.parametrize(
    "one",
    [
        None,
        "x",
        {},
        raw("heron", id="x"),
        raw("heron", updated_at="yesterday"),
        raw("heron") | {"result": 7},
        raw("heron") | {"result": [None]},
        raw("heron") | {"result": [{"from_name": "label", "type": "choices", "value": [1]}]},
    ],
)
def test_what_is_no_annotation_is_one_line(one: Any) -> None:
    with pytest.raises(InputError, match="task 5: cannot be read as a task of Label Studio"):
        annotations_of(task(one), {})
