"""What is asked, why, and in what order: covering first, the adviser's strategy then, test pictures at random."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("sqlalchemy")
pytest.importorskip("torch")
pytest.importorskip("timm")
pytest.importorskip("sklearn")

from tests.project.birds import answer, begun, configure, label, truth

from askew.advice import advise
from askew.errors import InputError
from askew.plan import Balance, Plan
from askew.pool import Pool
from askew.predictions import Predictions
from askew.project import asking, questions
from askew.project.asking import Exhausted, ask
from askew.project.folder import Project, open_project
from askew.project.items import all_items, item
from askew.project.labels import Answer, current, record
from askew.project.learning import look, probs_of, train, trained
from askew.project.questions import hand_out, in_hand, open_questions
from askew.project.reasons import covered, of_doubt
from askew.query import select
from askew.seeding import generator


@pytest.fixture
def project(tmp_path: Path, word: str):
    made = begun(tmp_path, word)
    yield made
    made.close()


def with_settings(project: Project, **settings: object) -> Project:
    project.close()
    configure(project.folder, **settings)
    return open_project(project.folder)


def of_pool(project: Project) -> list[questions.Question]:
    return [one for one in open_questions(project.store) if item(project.store, one.item_id).part == "pool"]


def test_the_first_questions_are_those_of_maxherding(tmp_path: Path, word: str) -> None:
    project = begun(tmp_path, word, share=0.0)
    made = ask(project, 6, seed=3)
    view = look(project)
    wanted = select(Plan("maxherding"), 6, Predictions(features=view.rows.array()), Pool.without_labels(45), seed=3)
    asked = open_questions(project.store)
    assert [one.item_id for one in asked] == [view.items[row].id for row in wanted.chosen]
    assert (made.strategy, made.training_id, made.n_labeled, made.n) == ("maxherding", None, 0, 6)
    assert "No model" in made.why
    x = view.rows.array().astype(np.float64)
    x /= np.linalg.norm(x, axis=1, keepdims=True)
    nearest = [int(wanted.chosen[np.argmax(x[wanted.chosen] @ row)]) for row in x]
    for one, row in zip(asked, wanted.chosen, strict=True):
        n = nearest.count(row)
        assert one.reason == f"covers {n} picture{'s' if n > 1 else ''} like it"
        assert (one.guess, one.confidence) == (None, None)
    project.close()


def test_with_one_class_labelled_the_rest_is_covered_and_the_asked_count_as_covered(tmp_path: Path, word: str) -> None:
    project = begun(tmp_path, word, share=0.0)
    first = {one.item_id for one in open_questions(project.store)} if ask(project, 4) else set()
    label(project, ["heron"], n=2)
    made = ask(project, 5, seed=1)
    view = look(project)
    closed = np.array([one.id in first or one.id in current(project.store) for one in view.items])
    pool = Pool(np.where(closed, 0, -1))
    wanted = select(Plan("maxherding"), 5, Predictions(features=view.rows.array()), pool, seed=1)
    asked = [one.item_id for one in open_questions(project.store) if one.round_id == made.id]
    assert asked == [view.items[row].id for row in wanted.chosen]
    project.close()


def test_then_the_adviser_asks_balanced_as_configured(tmp_path: Path, word: str) -> None:
    project = begun(tmp_path, word, share=0.0, balance=0.6)
    label(project, ["heron", "gull"], n=4)
    label(project, ["tern"], n=1)
    training = train(project)
    made = ask(project, 6, seed=2)
    advice = advise(3, 45, 9, 6)
    assert (made.strategy, made.balance, made.why) == (advice.plan.strategy.name, "0.6", advice.why)
    assert made.training_id == training.id
    view, found = look(project), trained(project)
    assert found is not None
    everything = np.arange(45)
    probs = probs_of(found.learner, found.model, view, everything)
    pred = Predictions(probs=probs, features=view.rows.array())
    plan = Plan(advice.plan.strategy, balance=Balance(0.6))
    wanted = select(plan, 6, pred, Pool(view.labels), seed=2).chosen
    asked = open_questions(project.store)
    assert [one.item_id for one in asked] == [view.items[row].id for row in wanted]
    for one, row in zip(asked, wanted, strict=True):
        assert one.guess == view.classes[probs[row].argmax()]
        assert one.confidence == pytest.approx(probs[row].max())
        assert ("tern has 1 labels only" in one.reason) == (one.guess == "tern")
    project.close()


def test_with_nothing_configured_the_plan_is_the_advisers_balance_and_all(tmp_path: Path, word: str) -> None:
    project = begun(tmp_path, word, share=0.0)
    assert (project.config.query.strategy, project.config.query.balance) == ("auto", "auto")
    label(project, ["heron", "gull", "tern"], n=3)
    train(project)
    made = ask(project, 6, seed=2)
    plan = advise(3, 45, 9, 6).plan
    weight = "none" if plan.balance is None else str(plan.balance.weight)
    assert (made.strategy, made.balance) == (plan.strategy.name, weight)
    view, found = look(project), trained(project)
    assert found is not None
    pred = Predictions(probs=probs_of(found.learner, found.model, view, np.arange(45)), features=view.rows.array())
    wanted = select(plan, 6, pred, Pool(view.labels), seed=2).chosen
    assert [one.item_id for one in open_questions(project.store)] == [view.items[row].id for row in wanted]
    project.close()


@pytest.mark.parametrize("name", ["margin", "entropy", "random", "kcenter", "typiclust", "least_confidence"])
def test_a_strategy_of_the_configuration_asks(tmp_path: Path, word: str, name: str) -> None:
    project = begun(tmp_path, word, share=0.0, strategy=name, balance="none")
    label(project, ["heron", "gull", "tern"], n=3)
    train(project)
    made = ask(project, 7, seed=4)
    assert (made.strategy, made.balance) == (name, "none")
    view, found = look(project), trained(project)
    assert found is not None
    pred = Predictions(probs=probs_of(found.learner, found.model, view, np.arange(45)), features=view.rows.array())
    wanted = select(Plan(name), 7, pred, Pool(view.labels), seed=4)
    asked = open_questions(project.store)
    assert [one.item_id for one in asked] == [view.items[row].id for row in wanted.chosen]
    if wanted.scores is not None:
        assert [one.score for one in asked] == pytest.approx(wanted.scores.tolist())
    assert all(one.reason for one in asked)
    project.close()


def test_reasons_are_the_words_of_the_strategy() -> None:
    row, classes = np.array([0.25, 0.5, 0.25]), ["heron", "gull", "tern"]
    assert of_doubt(Plan("margin"), row, classes) == "margin 0.25 between gull and heron"
    assert of_doubt(Plan("entropy"), row, classes) == "entropy 1.04: gull 50%, heron 25%"
    assert of_doubt(Plan("least_confidence"), row, classes) == "only 50% sure of gull"
    assert of_doubt(Plan("entropy"), np.array([0.0, 1.0]), classes[:2]) == "entropy 0.00: gull 100%, heron 0%"


def test_covered_counts_by_hand() -> None:
    x = np.array([[2.0, 0.0], [0.0, 3.0], [1.0, 0.2], [5.0, 0.1], [0.1, 1.0], [0.0, 0.0]])
    assert covered(x, np.array([0, 1]), np.array([False, False, True, True, True, True])).tolist() == [3, 1]


def test_of_many_pictures_some_are_compared_and_fewer_where_the_balance_is_tuned(
    tmp_path: Path, word: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = begun(tmp_path, word, share=0.0, strategy="kcenter", balance="auto")
    monkeypatch.setattr(asking, "MOST_COMPARED", 30)
    monkeypatch.setattr(asking, "MOST_TUNED", 25)
    label(project, ["heron", "gull", "tern"], n=3)
    for most, balance in ((30, None), (25, "auto")):
        if balance is not None:
            train(project)
        made = ask(project, 3, seed=6)
        view = look(project)
        drawn = generator(6, "compared").choice(np.flatnonzero(view.labels < 0), most, replace=False)
        rows = np.sort(np.concatenate([np.flatnonzero(view.labels >= 0), drawn]))
        fields = {"features": view.rows.take(rows).array()}
        plan = Plan("maxherding")
        found = trained(project)
        if found is not None:
            fields["probs"] = probs_of(found.learner, found.model, view, rows)
            plan = Plan("kcenter", balance=Balance("auto"))
        wanted = select(plan, 3, Predictions(**fields), Pool(view.labels[rows]), seed=6).chosen
        asked = [one for one in open_questions(project.store) if one.round_id == made.id]
        assert [one.item_id for one in asked] == [view.items[rows[row]].id for row in wanted]
    project.close()


def test_neither_the_labelled_nor_the_unclear_nor_the_open_are_asked_again(project: Project) -> None:
    seen: set[int] = set()
    for turn in range(3):
        ask(project, 6)
        asked = [one for one in open_questions(project.store) if one.item_id not in seen]
        assert len(asked) == 6, turn
        seen |= {one.item_id for one in asked}
        first, second, *_ = asked
        record(project.store, [Answer(first.item_id, "cannot_tell", who="ann", question_id=first.id)])
        answer(project, [second])
    assert len(seen) == 18


def test_everything_is_asked_once_and_then_nothing_is_left(project: Project) -> None:
    label(project, ["heron", "gull", "tern"], n=2)
    train(project)
    for _ in range(20):
        if len(current(project.store)) == len(all_items(project.store)):
            break
        ask(project, 9)
        answer(project)
    with pytest.raises(Exhausted, match="nothing is left to ask: of 45 pictures 45 are labelled, 0 are asked already"):
        ask(project, 9)
    pool = {one.id for one in all_items(project.store) if one.part == "pool"}
    assert pool <= set(current(project.store))


def test_what_an_older_model_asked_may_be_asked_anew_unless_it_is_in_hand(project: Project) -> None:
    project = with_settings(project, share=0.0, strategy="margin", balance="none")
    label(project, ["heron", "gull", "tern"], n=2)
    train(project)
    n = len([one for one in all_items(project.store) if one.part == "pool"]) - 6
    ask(project, n)
    ann = hand_out(project.store, "ann", 3)
    held = {one.item_id for one in ann}
    assert in_hand(project.store) == held
    with pytest.raises(Exhausted):
        ask(project, 1)
    train(project)
    made = ask(project, n)
    again = {one.item_id for one in open_questions(project.store) if one.round_id == made.id}
    assert len(again) == made.n == n - 3
    assert not again & held
    given = hand_out(project.store, "bob", 100)
    assert len(given) == len({one.item_id for one in given}) == n - 3
    assert {one.round_id for one in given} == {made.id}
    assert len(open_questions(project.store)) == n
    late = datetime.now(timezone.utc) + timedelta(hours=1)
    assert len(hand_out(project.store, "cid", 100, now=late)) == n


def test_a_question_in_hand_is_nobody_elses_even_if_it_is_asked_anew(project: Project) -> None:
    project = with_settings(project, share=0.0)
    ask(project, 1)
    (one,) = hand_out(project.store, "ann", 1)
    questions.put(project.store, [questions.NewQuestion(one.item_id)], strategy="margin", n_labeled=0, seed=0)
    assert hand_out(project.store, "bob", 5) == []
    questions.skip(project.store, one.id, "ann")
    assert hand_out(project.store, "ann", 5) == [], "ann skipped the picture, whoever asks"
    assert [q.item_id for q in hand_out(project.store, "bob", 5)] == [one.item_id]


def test_test_pictures_are_mixed_in_as_the_share_says_until_there_are_enough(tmp_path: Path, word: str) -> None:
    project = begun(tmp_path, word, 120, share=0.25)
    project = with_settings(project, most=8)
    test = {one.id for one in all_items(project.store) if one.part == "test"}
    assert len(test) > 8
    drawn: list[int] = []
    for _ in range(5):
        made = ask(project, 10)
        of_round = [one for one in open_questions(project.store) if one.round_id == made.id]
        some = [one for one in of_round if one.item_id in test]
        assert len(of_round) == 10
        assert all(one.guess is None and "random" in one.reason for one in some)
        drawn.append(len(some))
        answer(project)
        train(project)
    assert sum(drawn) == 8
    assert set(drawn[:3]) <= {2, 3}
    assert drawn[-1] == 0
    project.close()


def test_which_test_pictures_are_drawn_does_not_depend_on_the_answers(tmp_path: Path, word: str) -> None:
    drawn = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        project = begun(tmp_path / name, word, 90, share=0.25)
        label(project, ["heron", "gull", "tern"] if name == "two" else ["heron", "gull"], n=3)
        train(project)
        ask(project, 12, seed=5)
        of = {one.id: one for one in all_items(project.store)}
        asked = open_questions(project.store)
        drawn.append([of[one.item_id].hash for one in asked if of[one.item_id].part == "test"])
        project.close()
    assert drawn[0] == drawn[1]
    assert len(drawn[0]) == 3


def test_pictures_whose_file_is_gone_are_not_asked(project: Project) -> None:
    look(project)
    gone = [one for one in all_items(project.store) if truth(one.path) == "gull"]
    for one in gone:
        assert one.path is not None
        one.path.unlink()
    ask(project, 20)
    assert not {one.id for one in gone} & {one.item_id for one in open_questions(project.store)}


@pytest.mark.parametrize("n", [0, -1, 2.5, True])
def test_a_number_that_is_none_is_refused(project: Project, n: object) -> None:
    with pytest.raises(InputError, match="n: expected a whole number"):
        ask(project, n)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("strategy", "words"), [("dispersion", "dispersion needs dispersion"), ("vaal", "vaal needs labeled_likeness")]
)
def test_a_strategy_that_the_learner_cannot_serve_is_refused_before_anything_is_written(
    project: Project, strategy: str, words: str
) -> None:
    project = with_settings(project, strategy=strategy)
    label(project, ["heron", "gull", "tern"], n=2)
    train(project)
    with pytest.raises(InputError, match=words):
        ask(project)
    assert questions.rounds(project.store) == []
