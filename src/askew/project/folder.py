"""A project's folder: `askew.toml`, the store, the models."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from askew.errors import DataNotFound, InputError, one_line
from askew.files import new_folder, write_whole
from askew.project import config as configuration
from askew.project import questions
from askew.project.config import BOXES, CLASSES, FILE, LearnerSettings, ProjectConfig, TestSettings
from askew.project.store import Store, add_class, class_names, sqlite_url

STORE, MODELS = "store.sqlite", "models"


@dataclass(frozen=True, eq=False)
class Project:
    """A project that is open.

    Attributes:
        folder: its folder, absolute.
        config: what stands in its `askew.toml`.
        store: its store.
    """

    folder: Path
    config: ProjectConfig
    store: Store

    @property
    def models(self) -> Path:
        """The folder of the models; it may not be there yet."""
        return self.folder / MODELS

    @property
    def asks_for_boxes(self) -> bool:
        """Whether boxes are asked, and not classes: as `askew.toml` says, or as the newest round does."""
        return self.config.task == BOXES or questions.asks_for_boxes(self.store)

    def close(self) -> None:
        """Closes the store."""
        self.store.close()


def create(
    folder: str | Path,
    *,
    images: Sequence[str | Path],
    classes: Sequence[str],
    store: str | None = None,
    learner: LearnerSettings | None = None,
    features: str | None = None,
    test: TestSettings | None = None,
    task: str = CLASSES,
) -> Project:
    """Makes a project's folder, whole or not at all; its pictures are not looked at yet, see `askew.project.scan`.

    Args:
        folder: new, or empty.
        images: the folders of pictures.
        classes: their names.
        store: the URL of PostgreSQL; SQLite in the folder if left out.
        learner: what learns; the defaults if left out.
        features: the source of features; that of `learner` if left out.
        test: what is kept for measuring accuracy; the defaults if left out, which is nothing where boxes are asked.
        task: what is asked of a picture, "classes" or "boxes".

    Raises:
        InputError: the folder holds something or cannot be written, or a wrong value.
        DataNotFound: the folder above, or one of the pictures, does not exist.
    """
    settings = learner or LearnerSettings()
    if features is not None:
        settings = replace(settings, features=features)
    found = [Path(os.path.abspath(Path(one).expanduser())) for one in images]
    for one in found:
        if not os.path.isdir(one):
            raise DataNotFound(f"images: {one_line(one)}: no such folder")
    kept = test or TestSettings(share=0.0 if task == BOXES else TestSettings.share)
    config = ProjectConfig(tuple(classes), tuple(found), store, task=task, learner=settings, test=kept)
    with new_folder(folder, last=FILE) as draft:
        write_whole(draft / FILE, config.text())
        (draft / MODELS).mkdir()
        Store.create(store or sqlite_url(draft / STORE), config.classes).close()
    return open_project(folder)


def open_project(folder: str | Path) -> Project:
    """Returns the project of a folder; classes that were added to its `askew.toml` are added to the store.

    Raises:
        DataNotFound: there is no project.
        InputError: `askew.toml` or the store is wrong, damaged, or of a newer askew.
    """
    here = Path(os.path.abspath(Path(folder).expanduser()))
    if not (here / FILE).exists():
        raise DataNotFound(f"{one_line(folder)}: has no {FILE}: it is no project; askew init makes one")
    config = configuration.read(here)
    store = Store.open(config.store or sqlite_url(here / STORE))
    try:
        known = class_names(store)
        for name in config.classes:
            if name not in known:
                add_class(store, name)
    except InputError:
        store.close()
        raise
    return Project(here, config, store)
