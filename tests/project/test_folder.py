"""A project's folder is made whole or not at all, and what is written in askew.toml is checked key by key."""

from __future__ import annotations

from pathlib import Path

import pytest

from askew.errors import DataNotFound, InputError
from askew.project.config import FILE, LearnerSettings, ProjectConfig, QuerySettings, TestSettings, read
from askew.project.folder import create, open_project
from askew.project.store import class_names


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    made = tmp_path / 'pho"tos \\ Möwe'
    made.mkdir()
    return made


def test_a_project_is_made_and_opened(tmp_path: Path, photos: Path) -> None:
    made = create(tmp_path / "birds", images=[photos], classes=["heron", 'g"u\\ll'], features="timm:resnet18")
    made.close()
    found = open_project(tmp_path / "birds")
    assert found.config == made.config
    assert found.config.images == (photos,)
    assert found.config.learner.features == "timm:resnet18"
    assert class_names(found.store) == ("heron", 'g"u\\ll')
    found.close()
    assert sorted(one.name for one in found.folder.iterdir()) == [FILE, "models", "store.sqlite"]


@pytest.mark.parametrize("there", [False, True])
def test_an_empty_folder_is_taken_and_a_full_one_refused(tmp_path: Path, photos: Path, there: bool) -> None:
    goal = tmp_path / "birds"
    if there:
        goal.mkdir()
    create(goal, images=[photos], classes=["a"]).close()
    before = (goal / FILE).read_bytes()
    with pytest.raises(InputError, match="has something in it"):
        create(goal, images=[photos], classes=["b"])
    assert (goal / FILE).read_bytes() == before
    assert not list(tmp_path.glob(".askew*"))
    assert not list(goal.glob(".askew*"))


def test_nothing_is_left_of_what_could_not_be_made(tmp_path: Path, photos: Path) -> None:
    for values in (
        {"classes": ["a", "a"]},
        {"classes": []},
        {"classes": ["a"], "images": [tmp_path / "none"]},
        {"classes": ["a"], "features": "resnet"},
        {"classes": ["a"], "store": "mysql://x/y"},
    ):
        with pytest.raises(InputError):
            create(tmp_path / "birds", **{"images": [photos], **values})  # type: ignore[arg-type]
        assert [one.name for one in tmp_path.iterdir()] == [photos.name]


def test_a_class_that_is_added_to_the_file_is_added_to_the_store(tmp_path: Path, photos: Path) -> None:
    project = create(tmp_path / "birds", images=[photos], classes=["a"])
    project.close()
    path = project.folder / FILE
    path.write_text(path.read_text().replace('["a"]', '["b", "a"]'))
    again = open_project(project.folder)
    assert class_names(again.store) == ("a", "b")
    again.close()


def test_what_is_no_project_is_told(tmp_path: Path) -> None:
    with pytest.raises(DataNotFound, match="askew init"):
        open_project(tmp_path)
    with pytest.raises(DataNotFound, match="askew init"):
        open_project(tmp_path / "none")


def test_all_settings_are_written_and_read(tmp_path: Path) -> None:
    config = ProjectConfig(
        ("a",),
        (tmp_path,),
        "postgresql://x/y",
        3,
        LearnerSettings("timm:resnet18", 64, "svm", True),
        QuerySettings("margin", None, 7),
        TestSettings(0.25, 9),
    )
    (tmp_path / FILE).write_text(config.text())
    assert read(tmp_path) == config
    (tmp_path / FILE).write_text('classes = ["a"]\nimages = ["photos"]\n[query]\nbalance = 1\n')
    found = read(tmp_path)
    assert found.images == (tmp_path / "photos",)
    assert found.query == QuerySettings(balance=1.0)
    assert (found.learner, found.test) == (LearnerSettings(), TestSettings())


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("classes = [", "TOML"),
        ('images = ["x"]', "classes: is missing"),
        ('classes = ["a"]', "images: is missing"),
        ('classes = "a"\nimages = ["x"]', "classes: expected a list"),
        ('classes = ["a", 1]\nimages = ["x"]', "classes: expected a list"),
        ('classes = ["a"]\nimages = []', "images: there are none"),
        ('classes = ["a"]\nimages = ["x"]\nclases = 1', "did you mean 'classes'"),
        ('classes = ["a"]\nimages = ["x"]\nretrain_after = 0', "retrain_after"),
        ('classes = ["a"]\nimages = ["x"]\nlearner = 1', r"\[learner\]"),
        ('classes = ["a"]\nimages = ["x"]\n[learner]\nfeature = 1', "did you mean 'learner.features'"),
        ('classes = ["a"]\nimages = ["x"]\n[learner]\nfeatures = "resnet"', "unknown source"),
        ('classes = ["a"]\nimages = ["x"]\n[learner]\nfeatures = "file:x.npy"', "later"),
        ('classes = ["a"]\nimages = ["x"]\n[learner]\nhead = "lasso"', "unknown head"),
        ('classes = ["a"]\nimages = ["x"]\n[learner]\nside_px = 3', "side_px"),
        ('classes = ["a"]\nimages = ["x"]\n[learner]\nfinetune = 1', "finetune"),
        ('classes = ["a"]\nimages = ["x"]\n[query]\nstrategy = "entropi"', "did you mean 'entropy'"),
        ('classes = ["a"]\nimages = ["x"]\n[query]\nbalance = -1.0', "balance"),
        ('classes = ["a"]\nimages = ["x"]\n[query]\nbalance = nan', "balance"),
        ('classes = ["a"]\nimages = ["x"]\n[query]\nbalance = "yes"', "unknown balance"),
        ('classes = ["a"]\nimages = ["x"]\n[query]\nn = true', r"\[query\] n"),
        ('classes = ["a"]\nimages = ["x"]\n[test]\nshare = 1', "share"),
        ('classes = ["a"]\nimages = ["x"]\n[test]\nmost = -1', "most"),
    ],
)
def test_a_wrong_key_or_value_is_one_line(tmp_path: Path, text: str, told: str) -> None:
    (tmp_path / FILE).write_text(text)
    with pytest.raises(InputError, match=told) as caught:
        read(tmp_path)
    assert str(caught.value).startswith(str(tmp_path / FILE))
    assert "\n" not in str(caught.value)


def test_a_project_may_have_its_store_elsewhere(tmp_path: Path, photos: Path, any_url: str) -> None:
    made = create(tmp_path / "birds", images=[photos], classes=["a"], store=any_url)
    made.close()
    assert not (tmp_path / "birds" / "store.sqlite").exists()
    found = open_project(tmp_path / "birds")
    assert (found.config.store, class_names(found.store)) == (any_url, ("a",))
    found.close()
    with pytest.raises(InputError, match="already"):
        create(tmp_path / "more", images=[photos], classes=["b"], store=any_url)
    assert not (tmp_path / "more").exists()
