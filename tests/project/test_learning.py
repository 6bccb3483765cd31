"""Training and measuring: on the pool alone, with files that vanish, and models that are read back bit by bit."""

from __future__ import annotations

import hashlib
import json
import pickle
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("sqlalchemy")
pytest.importorskip("torch")
pytest.importorskip("timm")
pytest.importorskip("sklearn")

import sqlalchemy as sa
from scipy.stats import binomtest
from tests.project.birds import answer, begun, configure, label, look_again, truth

from askew.errors import InputError
from askew.learn.features import features
from askew.learn.probe import LinearProbe
from askew.project import schema, trainings
from askew.project.folder import Project, open_project
from askew.project.items import all_items
from askew.project.labels import Answer, newest_id, record, withdraw
from askew.project.learning import look, model_of, probs_of, train, trained
from askew.project.measuring import measures, wilson


@pytest.fixture
def project(tmp_path: Path, word: str):
    made = begun(tmp_path, word)
    yield made
    made.close()


def test_wilson_is_the_interval_of_scipy() -> None:
    for right, n in ((0, 1), (0, 7), (3, 7), (7, 7), (211, 250)):
        wanted = binomtest(right, n).proportion_ci(0.95, "wilson")
        assert wilson(right, n) == pytest.approx((wanted.low, wanted.high), abs=1e-12)
    assert wilson(0, 0) == (0.0, 1.0)


def test_measures_by_hand() -> None:
    probs = np.array([[0.8, 0.2, 0.0], [0.6, 0.4, 0.0], [0.3, 0.7, 0.0], [0.1, 0.9, 0.0]])
    found = measures(probs, np.array([0, 1, 1, 2]), ["a", "b", "c"])
    assert (found["n_test"], found["accuracy"]) == (4, 0.5)
    assert [(one["class"], one["right"], one["n"]) for one in found["per_class"]] == [
        ("a", 1, 1),
        ("b", 1, 2),
        ("c", 0, 1),
    ]
    assert found["mean_class_accuracy"] == pytest.approx((1 + 0.5 + 0) / 3)
    assert found["calibration_error"] == pytest.approx((0.2 + 0.6 + 0.3 + 0.9) / 4)
    assert [one["confidence"] for one in found["bins"]] == pytest.approx([0.6, 0.7, 0.8, 0.9])
    assert measures(np.zeros((0, 2)), np.zeros(0, dtype=int), ["a", "b"]) == {"n_test": 0}


def test_features_are_those_of_the_pictures_and_are_computed_once(project: Project, word: str, tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    view = look(project, lambda done, total: told.append((done, total)))
    assert told[-1] == (45, 45)
    wanted = features([one.path for one in view.items], word, side_px=32)
    assert np.array_equal(view.rows.array(), wanted)
    for path in (tmp_path / "pictures").iterdir():
        path.rename(path.with_name(f"moved-{path.name}"))
    told.clear()
    again = look(project, lambda done, total: told.append((done, total)))
    assert told == []
    assert np.array_equal(again.rows.array(), wanted)


def test_files_that_vanish_change_or_cannot_be_decoded_are_told_and_left_out(project: Project, tmp_path: Path) -> None:
    gone, changed, torn = sorted((tmp_path / "pictures").iterdir())[:3]
    gone.unlink()
    changed.write_bytes(changed.read_bytes() + b" ")
    torn.write_bytes(torn.read_bytes()[:-400])
    with project.store.write() as connection:  # as if it had been readable when the folders were looked through
        known = schema.places.c.path == str(torn)
        row = sa.select(schema.places.c.item_id).where(known).scalar_subquery()
        digest = hashlib.sha256(torn.read_bytes()).hexdigest()
        connection.execute(schema.items.update().where(schema.items.c.id == row).values(hash=digest))
    view = look(project)
    assert len(view.items) == len(view.rows) == 42
    assert set(view.lost) == {str(gone), str(changed), str(torn)}
    assert "No such file" in view.lost[str(gone)]
    assert "was changed" in view.lost[str(changed)]
    assert view.lost[str(torn)].startswith("cannot be read as a picture")
    look_again(project)
    again = look(project)
    assert len(again.items) == 43, "the changed picture is a new one"
    assert sorted(why for why in again.lost.values() if "gone" in why) == ["its file is gone"] * 3
    sorted((tmp_path / "pictures").iterdir())[-1].unlink()
    assert len(look(project).items) == 43, "features are kept of what is gone"


def test_a_training_learns_from_the_pool_and_measures_on_the_test_part_alone(tmp_path: Path, word: str) -> None:
    project = begun(tmp_path, word, 60, share=0.4)
    label(project, ["heron", "gull", "tern"], n=4)
    label(project, ["heron", "gull", "tern"], part="test", n=2)
    first = train(project)
    assert (first.n_labeled, first.n_test) == (12, 6)
    assert first.metrics["labels_per_class"] == [4, 4, 4]
    assert first.last_label_id == newest_id(project.store)
    test = next(one for one in all_items(project.store) if one.part == "test" and truth(one.path) == "heron")
    record(project.store, [Answer(test.id, "class", "tern", who="bob")])
    second = train(project)
    assert second.metrics["accuracy"] != first.metrics["accuracy"]
    one, other = ((project.folder / made.file).read_bytes() for made in (first, second))
    assert one == other, "a label of a test picture changed what was learned"
    project.close()


def test_the_head_is_the_one_that_a_probe_on_the_same_features_has(project: Project) -> None:
    label(project, ["heron", "gull", "tern"], n=4)
    train(project)
    view, found = look(project), trained(project)
    assert found is not None
    pool = np.flatnonzero(~view.test)
    wanted = LinearProbe(3).fit(view.rows.take(pool).array(), view.labels[pool])
    probs = probs_of(found.learner, found.model, view, np.arange(len(view.items)))
    assert np.allclose(probs, wanted.predict(view.rows.array())["probs"], atol=1e-6)


def test_a_model_is_read_back_bit_by_bit_and_a_pickle_is_refused(project: Project, tmp_path: Path) -> None:
    label(project, ["heron", "gull", "tern"], n=3)
    made = train(project)
    found, file = trained(project), project.folder / made.file
    assert found is not None
    found.model.save(tmp_path / "again")
    assert (tmp_path / "again").read_bytes() == file.read_bytes()

    class Bomb:
        def __reduce__(self):
            return Path.touch, (tmp_path / "it went off",)

    file.write_bytes(pickle.dumps(Bomb()))
    with pytest.raises(InputError, match=r"safetensors") as caught:
        trained(project)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "it went off").exists()
    file.unlink()
    with pytest.raises(InputError, match="askew train"):
        trained(project)


def test_a_class_without_labels_is_never_predicted_and_told(project: Project) -> None:
    label(project, ["heron", "gull"], n=4)
    label(project, ["tern"], part="test", n=2)
    made = train(project)
    assert made.metrics["without_labels"] == ["tern"]
    assert made.metrics["accuracy"] == 0
    view, found = look(project), trained(project)
    assert found is not None
    assert (probs_of(found.learner, found.model, view, np.arange(len(view.items)))[:, 2] == 0).all()


def test_fewer_than_two_classes_are_refused(project: Project) -> None:
    with pytest.raises(InputError, match="0 pictures of 0 classes"):
        train(project)
    label(project, ["heron"], n=3)
    label(project, ["gull"], part="test")
    with pytest.raises(InputError, match="3 pictures of 1 classes are labelled"):
        train(project)
    assert trainings.latest(project.store) is None
    assert not list(project.models.iterdir())


def test_a_class_that_came_later_has_the_probability_0_in_an_older_model(project: Project) -> None:
    label(project, ["heron", "gull", "tern"], n=3)
    train(project)
    configure(project.folder, classes="X")
    text = (
        (project.folder / "askew.toml").read_text().replace('classes = "X"', 'classes = ["heron","gull","tern","ibis"]')
    )
    (project.folder / "askew.toml").write_text(text)
    project = open_project(project.folder)
    view, found = look(project), trained(project)
    assert found is not None
    probs = probs_of(found.learner, found.model, view, np.arange(5))
    assert probs.shape == (5, 4)
    assert (probs[:, 3] == 0).all()
    assert np.allclose(probs.sum(axis=1), 1, atol=1e-6)
    project.close()


def test_a_model_of_other_features_is_not_taken(project: Project) -> None:
    label(project, ["heron", "gull", "tern"], n=3)
    made = train(project)
    for key, value in (("head", "svm"), ("features", "efficientnet-lite0")):
        configure(project.folder, **{key: value})
        other = open_project(project.folder)
        assert model_of(other, made) is None
        other.close()


def test_what_is_taken_back_is_not_trained_on(project: Project) -> None:
    label(project, ["heron", "gull", "tern"], n=3)
    assert withdraw(project.store, "ann") is not None
    made = train(project)
    assert made.n_labeled == 8
    assert json.loads(json.dumps(made.metrics))["labels_per_class"] == [3, 3, 2]


def test_a_network_is_fine_tuned_and_read_back(tmp_path: Path, word: str) -> None:
    project = begun(tmp_path, word, finetune=True)
    label(project, ["heron", "gull", "tern"], n=4)
    label(project, ["heron", "gull", "tern"], part="test", n=1)
    made = train(project)
    assert made.metrics["learner"]["finetune"] is True
    assert made.n_test == 3
    view, found = look(project), trained(project)
    assert found is not None
    probs = probs_of(found.learner, found.model, view, np.flatnonzero(~view.test))
    assert np.allclose(probs.sum(axis=1), 1, atol=1e-5)
    assert answer(project) == 0
    project.close()
