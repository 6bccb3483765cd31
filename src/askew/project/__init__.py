"""A person's own images: who asks, who answers, and what is learned while they go on.

The calls of a project from Python or a notebook; docs/projects.md shows them at work:

    create, open_project, add_pictures      a project's folder, and its pictures
    ask, open_questions, picture, answer    what is asked, and what is said to it
    guessed_boxes, answer_boxes             the same where boxes are asked
    train, predict                          what is learned, and what it says of every picture
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from askew.project.asking import ask
    from askew.project.folder import Project, create, open_project
    from askew.project.learning import train
    from askew.project.notebook import add_pictures, answer, answer_boxes, guessed_boxes, open_questions, picture
    from askew.project.predicting import predict

__all__ = [
    "Project",
    "add_pictures",
    "answer",
    "answer_boxes",
    "ask",
    "create",
    "guessed_boxes",
    "open_project",
    "open_questions",
    "picture",
    "predict",
    "train",
]

_LATE = {
    "Project": "folder",
    "add_pictures": "notebook",
    "answer": "notebook",
    "answer_boxes": "notebook",
    "ask": "asking",
    "create": "folder",
    "guessed_boxes": "notebook",
    "open_project": "folder",
    "open_questions": "notebook",
    "picture": "notebook",
    "predict": "predicting",
    "train": "learning",
}
"""Names whose modules are imported when they are first asked for: torch and SQLAlchemy are heavy."""


def __getattr__(name: str) -> Any:
    if name not in _LATE:
        raise AttributeError(f"module 'askew.project' has no attribute {name!r}")
    return getattr(importlib.import_module(f"askew.project.{_LATE[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
