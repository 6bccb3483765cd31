"""How a project stands: the curve, the forecast, and the answers that may be wrong."""

from __future__ import annotations

import builtins
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("sqlalchemy")
pytest.importorskip("torch")
pytest.importorskip("timm")
pytest.importorskip("sklearn")

from tests.project.birds import answer, begun, label, truth

from askew.forecast import forecast
from askew.learn.probe import LinearProbe
from askew.project.asking import ask
from askew.project.folder import Project
from askew.project.items import all_items
from askew.project.labels import Answer, record
from askew.project.learning import look, model_of, probs_of, train
from askew.project.standing import MOST_POINTS, _thinned, standing
from askew.project.suspects import _dealt, held_out, suspects
from askew.project.trainings import Training, trainings


@pytest.fixture
def project(tmp_path: Path, word: str):
    made = begun(tmp_path, word, 90, share=0.3)
    yield made
    made.close()


def told_wrong(project: Project, n: int) -> set[int]:
    """Labels everything, n pictures of the pool wrongly; returns those."""
    wrong = set()
    classes = ("heron", "gull", "tern")
    for one in all_items(project.store):
        name = truth(one.path)
        if one.part == "pool" and len(wrong) < n:
            wrong.add(one.id)
            name = classes[(classes.index(name) + 1) % 3]
        record(project.store, [Answer(one.id, "class", name, who="ann")])
    return wrong


def test_the_curve_is_measured_on_the_test_labels_of_today(project: Project) -> None:
    for n in (12, 10, 10):
        ask(project, n)
        answer(project)
        train(project)
    label(project, ["heron", "gull", "tern"], part="test", n=3)
    found = standing(project)
    view = look(project)
    rows = np.flatnonzero(view.test & (view.labels >= 0))
    every = trainings(project.store)
    assert [one.training for one in found.curve] == [one.id for one in every]
    for point, training in zip(found.curve, every, strict=True):
        model = model_of(project, training)
        assert model is not None
        right = probs_of(model.learner, model.model, view, rows).argmax(axis=1) == view.labels[rows]
        assert (point.metrics["n_test"], point.metrics["accuracy"]) == (len(rows), right.mean())
    counts, values = zip(*((one.n_labeled, one.metrics["accuracy"]) for one in found.curve), strict=True)
    n_pool = int((~view.test).sum())
    assert found.n_next == n_pool - counts[-1]
    wanted = forecast(counts, values, [n_pool], n_test=len(rows))
    assert found.outlook is not None
    assert (found.outlook.gain, found.outlook.low) == (wanted.gain, wanted.low)
    assert found.stop == bool(wanted.gain_high[0] < 0.01)
    assert sum(found.predicted or ()) == n_pool - view.n_labeled
    assert sum(found.labels) == view.n_labeled
    (project.folder / every[0].file).unlink()
    assert standing(project).left_out == 1


def test_wrong_answers_are_suspected_and_right_ones_are_not(project: Project) -> None:
    pytest.importorskip("cleanlab")
    wrong = told_wrong(project, 5)
    view = look(project)
    found = suspects(view)
    hit = {view.items[one.row].id for one in found}
    assert len(hit & wrong) >= 4
    assert len(hit - wrong) <= 2
    for one in found:
        assert one.guess != one.label
        assert one.confidence > one.own
    assert [one.own for one in found] == sorted(one.own for one in found)


def test_nobody_is_judged_by_a_model_that_saw_the_answer(project: Project) -> None:
    told_wrong(project, 0)
    view = look(project)
    rows, labels, probs = held_out(view)
    assert len(rows) == 90
    part = np.where(view.test[rows], -1, _dealt(labels, 0))
    assert set(part.tolist()) == {-1, 0, 1, 2, 3, 4}
    x = view.rows.take(rows).array()
    for held in (-1, 2):
        seen = (part != held) & (part >= 0)
        head = LinearProbe(3).fit(x, np.where(seen, labels, -1))
        assert np.allclose(head.predict(x[part == held])["probs"], probs[part == held], atol=1e-6)
    few = type(view)(**{**vars(view), "labels": np.where(np.arange(90) < 4, view.labels, -1)})
    assert len(held_out(few)[0]) == 0
    assert suspects(few) == []


def test_without_cleanlab_the_rest_is_there_and_says_what_to_install(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = builtins.__import__

    def without(name: str, *rest: object, **more: object) -> object:
        if name.startswith("cleanlab"):
            raise ImportError(name)
        return real(name, *rest, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(builtins, "__import__", without)
    found = standing(project)
    assert found.suspects is None
    assert '".[errors]"' in found.hint


def test_many_trainings_are_thinned_and_both_ends_stay() -> None:
    every = [Training(i, "2026-01-01T00:00:00+00:00", 1.0, 10 * i, 5, "", "", {}, i) for i in range(1, 300)]
    kept = _thinned(every)
    assert len(kept) <= MOST_POINTS + 1
    assert (kept[0].id, kept[-1].id) == (1, 299)
    assert _thinned([]) == []
