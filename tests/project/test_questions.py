"""Nobody is handed what others have in hand, what has its answers, or what he skipped; held against a reference."""

from __future__ import annotations

import random
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta, timezone

import pytest

from askew.errors import InputError
from askew.project import labels, schema, trainings
from askew.project.labels import Answer
from askew.project.questions import NewQuestion, hand_out, item_of, open_questions, put, rounds, skip, unskip
from askew.project.store import Store


@pytest.fixture
def store(any_store: Store) -> Store:
    """In either database."""
    return any_store


NOW = datetime(2026, 1, 1, tzinfo=timezone.utc)


def ask(store: Store, *items: int) -> None:
    put(store, [NewQuestion(i) for i in items], strategy="random", n_labeled=0, seed=0)


def items_of(given: list) -> list[int]:
    return [one.item_id for one in given]


def test_a_round_is_kept_as_it_was_asked(store: Store) -> None:
    training = trainings.add(
        store, seconds=1.5, n_labeled=3, n_test=1, file="m", features="f", metrics={"accuracy": 0.5}, last_label_id=0
    )
    asked = [NewQuestion(4, 0.5, "the model is unsure", "gull", 0.4, '{"a": 1}'), NewQuestion(2)]
    made = put(
        store, asked, strategy="margin", balance="0.6", why="b", n_labeled=3, seed=2**40, training_id=training.id
    )
    assert rounds(store) == [made]
    assert (made.strategy, made.balance, made.why, made.n, made.n_labeled) == ("margin", "0.6", "b", 2, 3)
    assert (made.seed, made.training_id) == (2**40, training.id)
    first, second = open_questions(store)
    assert (first.item_id, first.score, first.reason, first.guess) == (4, 0.5, "the model is unsure", "gull")
    assert (first.confidence, first.detail, first.position) == (0.4, '{"a": 1}', 0)
    assert (second.item_id, second.score, second.guess) == (2, None, None)
    assert trainings.latest(store) == training == trainings.trainings(store)[-1]
    with pytest.raises(InputError, match="metrics"):
        trainings.add(
            store, seconds=1, n_labeled=1, n_test=1, file="", features="", metrics={"a": float("nan")}, last_label_id=0
        )


def test_the_newest_round_comes_first_and_nobody_gets_the_same(store: Store) -> None:
    ask(store, 1, 2)
    ask(store, 5, 3, 4)
    assert items_of(hand_out(store, "ann", 2)) == [5, 3]
    assert items_of(hand_out(store, "bob", 2)) == [4, 1]
    assert items_of(hand_out(store, "ann", 9)) == [5, 3, 2]


def test_what_somebody_has_in_hand_comes_before_a_newer_round(store: Store) -> None:
    ask(store, 1, 2)
    assert items_of(hand_out(store, "ann", 1)) == [1]
    ask(store, 5, 3)
    assert items_of(hand_out(store, "ann", 2)) == [1, 5]
    assert items_of(hand_out(store, "bob", 2)) == [3, 2]


def test_what_is_in_hand_goes_to_another_when_its_time_is_over(store: Store) -> None:
    ask(store, 1)
    assert items_of(hand_out(store, "ann", 1, now=NOW, lease_s=10)) == [1]
    assert hand_out(store, "bob", 1, now=NOW + timedelta(seconds=9)) == []
    assert items_of(hand_out(store, "ann", 1, now=NOW + timedelta(seconds=9), lease_s=10)) == [1]
    assert hand_out(store, "bob", 1, now=NOW + timedelta(seconds=18)) == []
    assert items_of(hand_out(store, "bob", 1, now=NOW + timedelta(seconds=19))) == [1]


def test_an_overlap_asks_as_many_people(store: Store) -> None:
    ask(store, 1)
    assert items_of(hand_out(store, "ann", 1, overlap=2)) == [1]
    labels.record(store, [Answer(1, "class", "gull", who="ann")])
    assert hand_out(store, "ann", 1, overlap=2) == []
    assert items_of(hand_out(store, "bob", 1, overlap=2)) == [1]
    assert hand_out(store, "cy", 1, overlap=2) == []
    assert items_of(hand_out(store, "cy", 1, overlap=3)) == [1]


def test_a_skipped_question_is_anothers(store: Store) -> None:
    ask(store, 1)
    (question,) = hand_out(store, "ann", 1)
    for _ in range(2):
        skip(store, question.id, "ann")
    assert hand_out(store, "ann", 1) == []
    assert items_of(hand_out(store, "bob", 1)) == [1]
    with pytest.raises(InputError, match="no question 99"):
        skip(store, 99, "ann")


def test_a_skip_is_taken_back(store: Store) -> None:
    ask(store, 1)
    (question,) = hand_out(store, "ann", 1)
    skip(store, question.id, "ann")
    for _ in range(2):
        unskip(store, question.id, "ann")
    assert hand_out(store, "ann", 1) == [question]
    assert item_of(store, question.id) == 1
    assert item_of(store, 99) is None


def test_what_was_labelled_elsewhere_or_is_gone_is_not_asked(store: Store) -> None:
    ask(store, 1, 2, 3)
    labels.record(store, [Answer(2, "cannot_tell", who="import", how="import")])
    with store.write() as connection:
        connection.execute(schema.places.update().where(schema.places.c.item_id == 3).values(gone=True))
    assert items_of(hand_out(store, "ann", 9)) == [1]


@pytest.mark.parametrize("overlap", [1, 2, 3])
def test_it_hands_out_what_the_reference_does(store: Store, overlap: int) -> None:
    draw = random.Random(overlap)
    for items in ((1, 2, 3), (4, 5, 1), (6, 2)):
        put(store, [NewQuestion(i) for i in items], strategy="random", n_labeled=0, seed=0)
    everything = open_questions(store)
    leases: dict[tuple[int, str], datetime] = {}
    skipped: set[tuple[int, str]] = set()
    now = NOW
    for _ in range(120):
        now += timedelta(seconds=draw.randint(0, 30))
        who, what = draw.choice("abcd"), draw.random()
        if what < 0.6:
            n = draw.randint(1, 4)
            said = {(one.item_id, one.who): one.kind for one in labels.history(store)}
            answered = {key for key, kind in said.items() if kind != "withdrawn"}
            wanted = [
                one
                for one in everything
                if (one.item_id, who) not in answered
                and (one.id, who) not in skipped
                and sum(item == one.item_id for item, _ in answered)
                + sum(q == one.id and p != who and until > now for (q, p), until in leases.items())
                < overlap
            ]
            wanted = sorted(wanted, key=lambda one: leases.get((one.id, who), now) <= now)[:n]
            assert hand_out(store, who, n, overlap=overlap, now=now, lease_s=50) == wanted
            leases |= {(one.id, who): now + timedelta(seconds=50) for one in wanted}
        elif what < 0.8:
            one = draw.choice(everything)
            labels.record(store, [Answer(one.item_id, "cannot_tell", who=who, question_id=one.id)])
            leases.pop((one.id, who), None)
        elif what < 0.9:
            taken = labels.withdraw(store, who)
            if taken is not None and taken.question_id is not None:
                skip(store, taken.question_id, who)
                skipped.add((taken.question_id, who))
                leases.pop((taken.question_id, who), None)
        else:
            one = draw.choice(everything)
            skip(store, one.id, who)
            skipped.add((one.id, who))
            leases.pop((one.id, who), None)


def test_people_at_once_are_never_handed_the_same(store: Store) -> None:
    ask(store, *range(1, 11))
    with ThreadPoolExecutor(5) as pool:
        given = list(pool.map(lambda who: items_of(hand_out(store, who, 2)), "abcde"))
    assert sorted(item for some in given for item in some) == list(range(1, 11))


@pytest.mark.parametrize(
    ("questions", "told"),
    [([], "none"), ([NewQuestion(1), NewQuestion(1)], "twice"), ([NewQuestion(99)], "no item 99")],
)
def test_a_round_that_cannot_be_is_refused(store: Store, questions: list[NewQuestion], told: str) -> None:
    with pytest.raises(InputError, match=told):
        put(store, questions, strategy="random", n_labeled=0, seed=0)
    assert rounds(store) == []
