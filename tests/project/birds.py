"""A folder of small pictures of three colours, the project of it, and somebody who answers from the truth."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from askew.project import questions
from askew.project.config import FILE, LearnerSettings
from askew.project.folder import Project, create, open_project
from askew.project.items import all_items
from askew.project.labels import Answer, record
from askew.project.questions import Question
from askew.project.scan import scan

COLOURS = {"heron": (200, 70, 60), "gull": (70, 200, 60), "tern": (60, 70, 200)}


def paint(folder: Path, n: int, *, first: int = 0) -> list[Path]:
    """Writes n pictures, of each class in turn; the class is in the name, which nothing reads but `truth`."""
    folder.mkdir(parents=True, exist_ok=True)
    out = []
    for i in range(first, first + n):
        name = list(COLOURS)[i % 3]
        noise = np.random.default_rng(i).integers(-60, 60, (24, 24, 3))
        path = folder / f"{i:03}-{name}.png"
        Image.fromarray((np.array(COLOURS[name]) + noise).clip(0, 255).astype(np.uint8)).save(path)
        out.append(path)
    return out


def truth(path: Path | None) -> str:
    """Returns what a picture shows."""
    assert path is not None
    return path.stem.split("-")[1]


def begun(tmp_path: Path, word: str, pictures: int = 45, *, share: float = 0.2, **settings: object) -> Project:
    """Returns a project of pictures; `settings` replace lines of its askew.toml."""
    paint(tmp_path / "pictures", pictures)
    learner = LearnerSettings(features=word, side_px=32)
    create(tmp_path / "birds", images=[tmp_path / "pictures"], classes=list(COLOURS), learner=learner).close()
    configure(tmp_path / "birds", share=share, **settings)
    project = open_project(tmp_path / "birds")
    look_again(project)
    return project


def configure(folder: Path, **settings: object) -> None:
    """Sets keys of askew.toml, as a user does with an editor."""
    lines = (folder / FILE).read_text().splitlines()
    for key, value in settings.items():
        said = str(value).lower() if isinstance(value, bool) else f'"{value}"' if isinstance(value, str) else value
        (at,) = (i for i, line in enumerate(lines) if line.startswith(f"{key} ="))
        lines[at] = f"{key} = {said}"
    (folder / FILE).write_text("\n".join(lines) + "\n")


def look_again(project: Project) -> None:
    """Does what `askew add` does."""
    scan(project.store, project.config.images, test_share=project.config.test.share, test_most=project.config.test.most)


def answer(project: Project, some: Iterable[Question] | None = None, who: str = "ann") -> int:
    """Answers questions (all that are open) from the truth; returns how many."""
    asked = list(questions.open_questions(project.store) if some is None else some)
    of = {one.id: one for one in all_items(project.store)}
    said = [Answer(q.item_id, "class", truth(of[q.item_id].path), who=who, question_id=q.id) for q in asked]
    return len(record(project.store, said))


def label(project: Project, names: Sequence[str], part: str = "pool", n: int = 1) -> None:
    """Labels n pictures of a part, of each of some classes, without a question."""
    items = [one for one in all_items(project.store) if one.part == part]
    for name in names:
        chosen = [one for one in items if truth(one.path) == name][:n]
        assert len(chosen) == n
        record(project.store, [Answer(one.id, "class", name, who="ann", how="import") for one in chosen])
