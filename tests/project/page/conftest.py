"""A small project of real digits, and its page, for every test of the page."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

pytest.importorskip("sqlalchemy")
pytest.importorskip("starlette")
pytest.importorskip("sklearn")

import numpy as np
from PIL import Image
from sklearn.datasets import load_digits

from askew.project import folder, questions, scan
from askew.project.items import all_items
from askew.project.questions import NewQuestion

TOKEN = "a-token-of-the-tests-0123456789"
CLASSES = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")


@dataclass(frozen=True, eq=False)
class Small:
    """A project of digits, and what each of its items shows."""

    project: folder.Project
    truth: dict[int, str]

    def ask(self, n: int = 20, first: int = 0) -> None:
        """Puts a round of questions about `n` items from `first` on."""
        items = [one.id for one in all_items(self.project.store)][first : first + n]
        guess = "three" if "three" in self.project.config.classes else None
        asked = [NewQuestion(one, 0.5, "the model is unsure", guess, 0.41) for one in items]
        questions.put(self.project.store, asked, strategy="entropy", n_labeled=0, seed=0)


def digits_project(
    where: Path, n: int = 40, classes: tuple[str, ...] = CLASSES, *, test_share: float = 0.0, store: str | None = None
) -> Small:
    """Makes a project of the first `n` digits of scikit-learn, as pictures of 64 pixels."""
    found = load_digits()
    pictures = where / "pictures"
    pictures.mkdir()
    shown = {}
    for i in range(n):
        pixels = (found.images[i] * 15.9).astype(np.uint8)
        Image.fromarray(pixels).resize((64, 64)).save(pictures / f"{i:05d}.png")
        shown[f"{i:05d}.png"] = CLASSES[found.target[i]]
    project = folder.create(where / "digits", images=[pictures], classes=classes, store=store)
    scan.scan(project.store, project.config.images, test_share=test_share)
    return Small(project, {one.id: shown[one.path.name] for one in all_items(project.store) if one.path})


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Small]:
    """40 digits, 20 of them asked."""
    made = digits_project(tmp_path)
    made.ask()
    yield made
    made.project.close()


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Small]:
    """The same, for tests that change nothing."""
    made = digits_project(tmp_path_factory.mktemp("shared"))
    made.ask()
    yield made
    made.project.close()


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Callable[..., Small]]:
    """Makes projects as `digits_project` does, and closes them."""
    made = []

    def build(**settings: object) -> Small:
        where = tmp_path / str(len(made))
        where.mkdir()
        made.append(digits_project(where, **settings))
        return made[-1]

    yield build
    for one in made:
        one.project.close()
