"""Labels are only added; what counts at present is told by the rows, held against a slow reference."""

from __future__ import annotations

import random

import pytest

from askew.errors import InputError
from askew.project import labels
from askew.project.labels import Answer, Label
from askew.project.questions import NewQuestion, hand_out, open_questions, put
from askew.project.store import Store


@pytest.fixture
def store(any_store: Store) -> Store:
    """In either database."""
    return any_store


def said(item: int, name: str, who: str = "ann", key: str | None = None) -> Answer:
    return Answer(item, "class", name, who=who, key=key)


def reference(rows: list[Label]) -> dict[int, int]:
    """The present row of each item, found row by row."""
    standing: dict[int, dict[str, Label]] = {}
    for row in rows:
        standing.setdefault(row.item_id, {})[row.who] = row
    kept = {item: [r.id for r in by.values() if r.kind != "withdrawn"] for item, by in standing.items()}
    return {item: max(ids) for item, ids in kept.items() if ids}


def test_a_correction_is_a_new_row(store: Store) -> None:
    (first,) = labels.record(store, [said(1, "gull")])
    (second,) = labels.record(store, [said(1, "tern")])
    assert labels.current(store) == {1: second}
    assert labels.history(store) == [first, second]
    assert (first.replaces, second.replaces) == (None, first.id)
    assert labels.count_since(store, first.id) == 1
    assert labels.count_since(store, 0) == 2


def test_a_key_that_was_seen_adds_nothing(store: Store) -> None:
    (first,) = labels.record(store, [said(1, "gull", key="k")])
    again = labels.record(store, [said(1, "gull", key="k"), said(2, "tern", key="j"), said(2, "tern", key="j")])
    assert again[0] == first
    assert again[1] == again[2]
    assert len(labels.history(store)) == 2


def test_what_is_taken_back_uncovers_nothing_of_that_person(store: Store) -> None:
    labels.record(store, [said(1, "gull"), said(1, "tern")])
    labels.record(store, [said(1, "heron", who="bob")])
    taken = labels.withdraw(store, "bob")
    assert taken is not None
    assert (taken.kind, taken.item_id, taken.who) == ("withdrawn", 1, "bob")
    assert labels.current(store)[1].class_name == "tern"
    labels.withdraw(store, "ann")
    assert labels.current(store) == {}
    assert labels.withdraw(store, "ann") is None
    assert len(labels.history(store)) == 5


def test_undo_takes_back_one_after_the_other_or_the_one_of_a_key(store: Store) -> None:
    labels.record(store, [said(1, "gull", key="a"), said(2, "gull", key="b"), said(3, "gull", key="c")])
    for key, item in ((None, 3), ("a", 1)):
        taken = labels.withdraw(store, "ann", key)
        assert taken is not None
        assert taken.item_id == item
    assert labels.withdraw(store, "ann", "a") is None
    assert labels.withdraw(store, "bob", "b") is None
    assert set(labels.current(store)) == {2}


def test_the_present_labels_are_those_of_the_reference(store: Store) -> None:
    draw = random.Random(0)
    for _ in range(60):
        if draw.random() < 0.3:
            labels.withdraw(store, draw.choice("abc"))
        else:
            count = draw.randint(1, 4)
            kinds = [draw.choice([("class", "gull"), ("class", "tern"), ("cannot_tell", None)]) for _ in range(count)]
            labels.record(store, [Answer(draw.randint(1, 6), k, c, who=draw.choice("abc")) for k, c in kinds])
    rows = labels.history(store)
    assert {item: row.id for item, row in labels.current(store).items()} == reference(rows)
    assert [row.id for row in rows] == list(range(1, len(rows) + 1))


def test_many_answers_are_one_transaction(store: Store) -> None:
    answers = [said(1 + i % 10, "gull", who=f"p{i % 7}", key=f"k{i}") for i in range(labels.CHUNK * 2 + 3)]
    rows = labels.record(store, answers)
    assert len({row.id for row in rows}) == len(answers) == len(labels.history(store))
    with pytest.raises(InputError, match="no item 99"):
        labels.record(store, [*[said(1, "tern") for _ in range(labels.CHUNK)], said(99, "gull")])
    assert len(labels.history(store)) == len(answers)


def test_how_many_people_said_something_is_kept_with_the_question(store: Store) -> None:
    put(store, [NewQuestion(1), NewQuestion(2)], strategy="random", n_labeled=0, seed=0)
    labels.record(store, [said(1, "gull"), said(1, "tern"), said(2, "gull")])
    assert open_questions(store) == []
    labels.withdraw(store, "ann")
    assert [q.item_id for q in open_questions(store)] == [2]
    again = put(store, [NewQuestion(1), NewQuestion(2)], strategy="random", n_labeled=0, seed=0)
    assert [(q.item_id, q.round_id) for q in open_questions(store)] == [(2, again.id)], "the newest question counts"


def test_who_took_an_answer_back_keeps_the_question(store: Store) -> None:
    put(store, [NewQuestion(1)], strategy="random", n_labeled=0, seed=0)
    (question,) = hand_out(store, "ann", 1)
    labels.record(store, [Answer(1, "class", "gull", who="ann", question_id=question.id)])
    labels.withdraw(store, "ann")
    assert hand_out(store, "bob", 1) == []
    assert hand_out(store, "ann", 1) == [question]


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"item_id": 99, "kind": "class", "class_name": "gull"}, "no item 99"),
        ({"item_id": 1, "kind": "class", "class_name": "gul"}, "did you mean 'gull'"),
        ({"item_id": 1, "kind": "class"}, "class_name"),
        ({"item_id": 1, "kind": "cannot_tell", "class_name": "gull"}, "class_name"),
        ({"item_id": 1, "kind": "klass"}, "unknown kind"),
        ({"item_id": 1, "kind": "boxes"}, "detail"),
        ({"item_id": 1, "kind": "boxes", "detail": "[1,"}, "no JSON"),
        ({"item_id": 1, "kind": "boxes", "detail": "[" * 100_000}, "no JSON"),
        ({"item_id": 1, "kind": "boxes", "detail": '"\udcff"'}, "none of Unicode"),
        ({"item_id": 1, "kind": "cannot_tell", "who": "a\nb"}, "who"),
        ({"item_id": 1, "kind": "cannot_tell", "who": "x" * 201}, "who"),
        ({"item_id": 1, "kind": "cannot_tell", "key": 7}, "key"),
        ({"item_id": True, "kind": "cannot_tell"}, "item_id"),
        ({"item_id": 2**63, "kind": "cannot_tell"}, "item_id"),
        ({"item_id": 1, "kind": "cannot_tell", "question_id": 5}, "question_id"),
        ({"item_id": 1, "kind": "cannot_tell", "at": "yesterday"}, "at"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(store: Store, values: dict[str, object], told: str) -> None:
    with pytest.raises(InputError, match=told) as caught:
        labels.record(store, [Answer(**values)])  # type: ignore[arg-type]
    assert "\n" not in str(caught.value)
    assert labels.history(store) == []


def test_a_time_that_is_told_is_kept_in_utc(store: Store) -> None:
    times = ["2026-01-02T03:04:05+02:00", "2026-01-02T01:04:05Z", "2026-01-02 01:04:05"]
    rows = labels.record(store, [Answer(1, "cannot_tell", at=at) for at in times])
    assert {row.at for row in rows} == {"2026-01-02T01:04:05.000000+00:00"}
